"""What the interface of paperswithcode.co says: pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from crawlers.payload import field, listing, mapping, number, text
from storage.model import ParseError

FILTERS = ("framework", "start_date", "end_date", "task", "method", "conference", "organization", "search")


def papers(payload: Any, asked: Mapping[str, str]) -> float:
    """How many papers match, from ``{"count": N, "results": […], "applied_filters": {…}}``.

    A server that does not know a filter leaves it out and counts without it; so the filters that it names must be those
    that were asked for, no more and no fewer. Raises `ParseError` where they are not, and for a count that its own list
    of papers contradicts.
    """
    applied = mapping(payload, "applied_filters")
    named = {key: str(applied[key]) for key in FILTERS if applied.get(key) not in {None, ""}}
    if {k: v.casefold() for k, v in named.items()} != {k: v.casefold() for k, v in asked.items()}:
        raise ParseError(f"asked for {_shown(asked)}, but the answer is about {_shown(named)}")
    value = number(payload, "count")
    if not value.is_integer():
        raise ParseError(f"count is {value!r}, which is not a count")
    if (value == 0) != (listing(payload, "results") == []):
        raise ParseError(f"count is {value:.0f}, and the list of papers holds {len(field(payload, 'results'))}")
    return value


def _shown(filters: Mapping[str, str]) -> str:
    return ", ".join(f"{k} {v}" for k, v in filters.items()) or "no filter"


def titles(payload: Any) -> list[str]:
    return [text(item, "title") for item in listing(payload, "results")]


def frameworks(payload: Any) -> dict[str, float]:
    """Papers of all time by framework name, from the tree of domains and categories that ``/frameworks/`` gives."""
    found: dict[str, float] = {}
    for domain in listing(payload, "domains"):
        for category in listing(domain, "categories"):
            for framework in listing(category, "frameworks"):
                found[text(framework, "name")] = number(framework, "paper_count")
    if not found:
        raise ParseError("the list of frameworks is empty")
    return found


def known_as(candidates: Sequence[str], known: Mapping[str, float]) -> str | None:
    """The catalogue's own name for the first candidate that it has, whatever the case and the signs between words."""
    names = {_plain(name): name for name in known}
    return next((names[_plain(c)] for c in candidates if _plain(c) in names), None)


def unknown(candidates: Sequence[str], known: Mapping[str, float]) -> str:
    """A sentence for a name that is not in the catalogue, with names that come near."""
    lower = {name.casefold(): name for name in known}
    near = [lower[n] for c in candidates for n in get_close_matches(c.casefold(), lower, n=3, cutoff=0.6)]
    said = f"Papers with Code lists no framework {' or '.join(candidates)}"
    return f"{said}; near are: {', '.join(dict.fromkeys(near))}" if near else said


def _plain(name: str) -> str:
    return "".join(c for c in name.casefold() if c not in " -_")


__all__ = ["frameworks", "known_as", "papers", "titles", "unknown"]
