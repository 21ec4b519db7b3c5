"""Local servers in the shape of job boards: each board's test says how it answers, what goes wrong is common to all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crawlers.source import SourceSpider
from scheduler.demo.servers.service import Asked, Raw, Service
from storage.model import Topic
from storage.periods import DAY, read_time
from tests.harness import Harness

NOW = read_time("2026-11-20T08:17:00Z")
TODAY = NOW - NOW % DAY
TOPICS = (
    Topic("pytorch", "PyTorch", {"jobs": ['"pytorch"']}),
    Topic("tensorflow", "TensorFlow", {"jobs": ['"tensorflow"']}),
)
Counts = Mapping[str, int]  # what the board has: postings by topic key, "" for all, "new:pytorch" for those of seven days


@dataclass(frozen=True)
class Case:
    """A board and how its server answers: ``answer(asked, counts)`` gives status and body (an object as JSON, or `Raw`).

    ``breaks``: bodies in which the count is gone, or is no number: each must be *parse_error*.
    """

    source: type[SourceSpider]
    answer: Callable[[Asked, Counts], tuple[int, Any]]
    counts: Counts = field(default_factory=lambda: {"pytorch": 153, "tensorflow": 97, "": 12_345, "new:pytorch": 31, "new:tensorflow": 12})
    options: Mapping[str, object] = field(default_factory=dict)
    breaks: tuple[Any, ...] = ()


class Board(Service):
    """The server of a case; ``counts`` may be changed between runs."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.case = case
        self.counts = dict(case.counts)

    def respond(self, asked: Asked) -> tuple[int, Any]:
        return self.case.answer(asked, self.counts)

    def harness(self, folder: Path, topics: tuple[Topic, ...] = TOPICS, **options: object) -> Harness:
        endpoints = {key: self.url for key in self.case.source.endpoints if key != "base_url"}
        return Harness(
            folder, self.case.source, base_url=self.url, topics=topics, options={**self.case.options, **options}, endpoints=endpoints
        )


def named(text: str) -> str:
    """The topic that a query is about, empty if none."""
    return next((t.key for t in TOPICS if t.key in text.lower()), "")


__all__ = ["NOW", "TODAY", "TOPICS", "Asked", "Board", "Case", "Counts", "Raw", "named"]
