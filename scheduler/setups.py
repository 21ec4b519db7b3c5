"""One source as the configuration has it, in plain values, and what it would count with these topics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from crawlers.engine import hosts
from crawlers.lock_names import of_source
from crawlers.source import SourceSpider
from storage.model import Topic

Progress = Callable[[str, int, int], None]  # source, slots done, slots planned


def silent(_source: str, _done: int, _planned: int) -> None:
    """No progress."""


@dataclass(frozen=True, slots=True)
class Setup:
    """One source as the config has it, in plain values."""

    source: type[SourceSpider]
    topics: Mapping[str, Topic]
    endpoints: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)
    delay: float | None = None  # seconds, where the source's section asks for more than [crawl]
    obey_robots: bool | None = None
    budget: int | None = None  # requests a day, where the user wants less than the source allows
    config: str = ""  # the configuration's text, without secrets

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def lock(self) -> str:
        """What is held by whoever visits it, and, with others, by whoever reads its responses again."""
        return of_source(self.name)

    @property
    def locks(self) -> list[str]:
        return [self.lock, *hosts(self.source, self.endpoints)]


def counts_something(setup: Setup, now: int) -> bool:
    """Whether a source has anything to count for these topics. Looks no further than to the first."""
    topics = setup.topics.values()
    first = any(setup.source.slots([topic], now, setup.options) for topic in topics)
    return first or bool(setup.source.slots(topics, now, setup.options))


__all__ = ["Progress", "Setup", "counts_something", "silent"]
