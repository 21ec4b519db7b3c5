"""Conferences and their editions: which there are, when their papers should be online, and what a listing gives."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from storage.model import ParseError, UsageError
from storage.periods import epoch, moment, read_time

_NAME = re.compile(r"\s*([A-Za-z]+)[\s-]+(\d{4})\s*\Z")


class NotThereYetError(ParseError):
    """The proceedings' page is there and lists no paper of the edition: it has not appeared."""


@dataclass(frozen=True, slots=True)
class Venue:
    """A conference series. ``appears``: month from which an edition's papers are surely online; 13 is January after."""

    name: str
    family: str  # whose software lists it: the module that reads the listing
    endpoint: str  # key of the source's endpoint where it is listed
    appears: int
    years: tuple[int, int] = (1, 0)  # every so many years, and the remainder
    skipped: frozenset[int] = frozenset()
    last: int | None = None  # its last edition, where the next one's year is not settled

    def held(self, year: int) -> bool:
        every, rest = self.years
        return year % every == rest and year not in self.skipped and (self.last is None or year <= self.last)


VENUES: dict[str, Venue] = {
    v.name: v
    for v in (
        Venue("CVPR", "cvf", "base_url", 7),
        Venue("ICCV", "cvf", "base_url", 11, (2, 1)),
        Venue("WACV", "cvf", "base_url", 4),
        Venue("ECCV", "eccv", "ecva", 12, (2, 0)),
        Venue("NeurIPS", "neurips", "neurips", 13),
        Venue("ICLR", "neurips", "iclr", 7),
        Venue("ICML", "pmlr", "pmlr", 11),
        Venue("AISTATS", "pmlr", "pmlr", 7),
        Venue("ACL", "acl", "acl", 9),
        Venue("EMNLP", "acl", "acl", 12),
        Venue("NAACL", "acl", "acl", 8, skipped=frozenset({2020, 2023}), last=2025),
    )
}
BY_DEFAULT = ("CVPR", "NeurIPS", "ICML", "ACL", "ECCV", "ICLR", "ICCV", "EMNLP", "NAACL")  # those of the starting history


@dataclass(frozen=True, slots=True, order=True)
class Edition:
    """One edition of a conference, written ``CVPR 2026``."""

    venue: str
    year: int

    @classmethod
    def read(cls, text: object) -> Self:
        """Raises `UsageError` that names the conferences there are."""
        match = _NAME.match(text) if isinstance(text, str) else None
        known = {name.casefold(): name for name in VENUES}
        if not match or match[1].casefold() not in known:
            raise UsageError(f'{text!r} is not an edition; write "CVPR 2026" or another of: {", ".join(VENUES)}')
        return cls(known[match[1].casefold()], int(match[2]))

    def __str__(self) -> str:
        return f"{self.venue} {self.year}"

    @property
    def of(self) -> Venue:
        return VENUES[self.venue]

    @property
    def time(self) -> int:
        """The start of its year: the time of its figures."""
        return read_time(str(self.year))


def should_be_there(edition: Edition, now: int) -> bool:
    """Whether an edition's papers should be online at a time."""
    year, month = divmod(edition.of.appears - 1, 12)
    appears = epoch(moment(edition.time).replace(year=edition.year + year, month=month + 1))
    return edition.of.held(edition.year) and appears <= now


def newest(now: int, venues: Iterable[str] = BY_DEFAULT) -> list[Edition]:
    """The newest edition of each conference that should have appeared by a time."""
    this_year = moment(now).year
    found = []
    for venue in venues:
        editions = [Edition(venue, year) for year in range(this_year, this_year - 12, -1)]
        found += [e for e in editions if should_be_there(e, now)][:1]
    return found


@dataclass(frozen=True, slots=True)
class Ask:
    """One request for a listing, or for a part of it."""

    path: str
    endpoint: str

    def missing(self, edition: Edition, first: Ask) -> str:
        """What is not there if this is not: the edition, or a part of its listing."""
        return f"{edition} is not there" if self == first else f"a page of the listing of {edition} is not there ({self.path})"


@dataclass(frozen=True, slots=True)
class Listed:
    """One paper of a listing. Its id tells it from all others of the edition, also from those of the same title."""

    id: str
    title: str
    pdf: str  # address, relative to the page's own; empty where none is named
    affiliations: tuple[str, ...] = ()  # as the listing names them, if it does


@dataclass(frozen=True, slots=True)
class Page:
    """What one page gives: papers, or where they are listed."""

    papers: tuple[Listed, ...] = ()
    more: tuple[Ask, ...] = ()


def distinct(papers: Iterable[Listed]) -> tuple[Listed, ...]:
    """Each paper once, in the listing's order: one that is listed on two days is one, two of one title are two."""
    found: dict[str, Listed] = {}
    for paper in papers:
        found.setdefault(paper.id, paper)
    return tuple(found.values())


def whole(body: bytes, end: bytes = b"</html>") -> bytes:
    """The body if its end is there. Raises `ParseError` for a page that was cut off."""
    if end not in body[-2000:].lower():
        raise ParseError("the listing is cut off: its end is missing")
    return body


def nothing(body: bytes, edition: Edition, *, sign: bytes, leftover: bytes) -> ParseError:
    """The error for a page without papers: of an edition that has not appeared, or of a page that is not understood.

    ``sign``: what every page of these proceedings holds. ``leftover``: what only a page with papers holds.
    """
    if sign.lower() in body.lower() and leftover.lower() not in body.lower():
        return NotThereYetError(f"the proceedings list no paper of {edition} yet")
    return ParseError(f"no paper of {edition} could be read from the listing: its form has changed")


__all__ = ["BY_DEFAULT", "VENUES", "Ask", "Edition", "Listed", "NotThereYetError", "Page", "Venue", "distinct", "newest", "should_be_there"]
