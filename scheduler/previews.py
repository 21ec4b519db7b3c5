"""What names were seen to match: kept when `uptake check` or `uptake add` looked, so that pages can show it without asking anybody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from storage.lookups import recall
from storage.model import Remember, Topic

if TYPE_CHECKING:
    from crawlers.source import Preview
    from storage.journal import Transaction

_OWNER = "previews"  # in the table of what sources remember; no source bears this name
_LINES = 12  # of a topic at a source that are kept
_LONGEST = 500  # characters of one


@dataclass(frozen=True, slots=True)
class Seen:
    """When a source was looked at (epoch s), under which name, and lines: words, and whether anything was found."""

    at: int
    name: Any
    lines: tuple[tuple[str, bool], ...]


def keep(tx: Transaction, topics: Mapping[str, Topic], found: Mapping[str, Iterable[Preview]], names: Mapping[str, Any], now: int) -> None:
    """Note what was seen. ``found``: by source; ``names``: by source the function that gives a topic's name there.

    What could not be asked says nothing of a topic, and what was seen of it before stays.
    """
    for source, previews in found.items():
        lines: dict[str, list[list[object]]] = {}
        for p in previews:
            if p.topic in topics:
                lines.setdefault(p.topic, []).append([p.text[:_LONGEST], p.found])
        for topic, said in lines.items():
            value = {"at": now, "name": names[source](topics[topic]), "lines": said[:_LINES]}
            tx.remember(_OWNER, Remember(f"{source}/{topic}", value))


def seen_of(connection: Connection, topic: str, as_of: int | None = None) -> dict[str, Seen]:
    """By source what its name for a topic was seen to match, as known at a sequence."""
    found = {}
    for key, value in recall(connection, _OWNER, as_of).items():
        source, _, of = key.partition("/")
        if of == topic and isinstance(value, dict):
            found[source] = Seen(value["at"], value["name"], tuple((str(words), bool(good)) for words, good in value["lines"]))
    return found


__all__ = ["Seen", "keep", "seen_of"]
