"""What a technology is called at each source, and what that name was seen to match; nobody is asked for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scheduler.previews import Seen, seen_of
from scheduler.web.look import Look
from storage.model import Topic


@dataclass(frozen=True, slots=True)
class Matched:
    """At one source: words of what was found and of what was not, and when it was looked at (epoch s).

    ``former``: the name that was looked for, where it is another one now.
    """

    source: str
    at: int
    found: tuple[str, ...]
    missed: tuple[str, ...]
    former: str


@dataclass(frozen=True, slots=True)
class Name:
    """One name of the configuration; ``unseen`` are sources that use it and were not looked at, ``off`` whether none is on."""

    signal: str
    words: str
    matched: tuple[Matched, ...]
    unseen: tuple[str, ...]
    off: bool


def names_of(look: Look, topic: Topic) -> list[Name]:
    seen = seen_of(look.connection, topic.key, look.sequence)
    users: dict[str, list[Mapping[str, Any]]] = {signal: [] for signal in topic.names}
    for source in look.configured.sources:
        signal = next((s for s in source["topic_keys"] if topic.names.get(s)), None)
        if source["enabled"] and signal is not None:
            users[signal].append(source)
    return [_name(signal, value, users[signal], seen) for signal, value in topic.names.items()]


def _name(signal: str, value: object, users: Iterable[Mapping[str, Any]], seen: Mapping[str, Seen]) -> Name:
    matched, unseen = [], []
    for source in users:
        known = seen.get(str(source["name"]))
        if known is None:
            unseen.append(str(source["title"]))
            continue
        good, bad = (tuple(words for words, found in known.lines if found is wanted) for wanted in (True, False))
        former = "" if written(known.name) == written(value) else written(known.name)
        matched.append(Matched(str(source["title"]), known.at, good, bad, former))
    return Name(signal, written(value), tuple(matched), tuple(unseen), not list(users))


def written(value: object) -> str:
    """A name as the configuration has it: a text, some of them, or any of these and not those."""
    if isinstance(value, dict):
        return "; ".join(f"{key}: {written(part)}" for key, part in value.items() if part)
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


__all__ = ["Matched", "Name", "names_of", "written"]
