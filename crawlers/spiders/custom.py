"""The kind of source that a user declares: here only for the catalogue; each counter is a source of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from crawlers.source import SourceSpider, Terms
from storage.model import Topic, UsageError


class Custom(SourceSpider):
    name = "custom"
    title = "Counters of your own"
    about = (
        "A number on any page or of any interface, declared in uptake.toml without code: each [custom.NAME] section is a source"
        " called custom.NAME, with its own page here, cost and schedule. docs/recipes.md has keys and ready-made ones."
    )
    counts: ClassVar = ()
    terms = Terms("https://www.rfc-editor.org/rfc/rfc9309", "2026-11-20", "Those of whom you ask: read them first. robots.txt is obeyed.")
    endpoints: ClassVar = {}
    signals = ("custom",)
    schedule = "41 4 * * *"

    @classmethod
    def name_of(cls, topic: Topic) -> Any:  # noqa: ARG003  # the counters have topics, their kind has none
        return None

    @classmethod
    def check(cls, topic: Topic) -> None:
        said = topic.names.get("custom")
        if said is not None and not (isinstance(said, Mapping) and all(isinstance(n, str) and n.strip() for n in said.values())):
            raise UsageError(
                f'[topics.{topic.key}] custom: write a table of counters with the topic\'s names there, {{ npm = "its-name" }}'
            )

    @classmethod
    def requests_per_day(cls, topics: int, options: Mapping[str, object]) -> float:  # noqa: ARG003
        return 0.0


__all__ = ["Custom"]
