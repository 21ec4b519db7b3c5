"""What a download of a board comes to: postings by topic and country, and how far back each part's list surely goes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import inf

from crawlers.boards.searched import WORLD, Ask
from storage.model import Capture, Reason

SAMPLES = 3  # titles of a topic that a preview shows


@dataclass(frozen=True, slots=True)
class Posting:
    """One posting: what is matched, and what it is counted under."""

    id: str  # the same on every page of the board
    title: str
    text: str = ""  # what is searched beside the title
    posted: int | None = None  # epoch seconds
    countries: frozenset[str] = frozenset({WORLD})  # labels of the board's `countries`


@dataclass(frozen=True, slots=True)
class Page:
    """What one response holds, in the board's order.

    ``whole``: there are no further postings behind what the part gives. ``lasting``: a posting stays in the list while
    it is open; if not, only the dates tell whether all of a week are there.
    """

    postings: Sequence[Posting]
    following: Ask | None = None
    whole: bool = True
    lasting: bool = True


@dataclass(slots=True, eq=False)
class Part:
    """One part of a board on its way: a list of postings over one or more pages."""

    ask: Ask
    ids: set[str] = field(default_factory=set)
    dates: list[int | None] = field(default_factory=list)  # in the board's order
    whole: bool = False
    lasting: bool = True
    gone: bool = False
    ended: bool = False
    failure: tuple[Reason, str] | None = None

    def add(self, postings: Iterable[Posting]) -> bool:
        """Note a further page; False if it only repeats the ones before."""
        known = len(self.ids)
        for posting in postings:
            self.ids.add(posting.id)
            self.dates.append(posting.posted)
        return len(self.ids) > known

    @property
    def reach(self) -> float:
        """Since when (epoch seconds) all postings of this part are known."""
        return -inf if self.whole and self.lasting else newest_since(self.dates)


@dataclass(slots=True)
class Harvest:
    """What a run's download came to so far. Texts are matched as they arrive and not kept."""

    parts: list[Part] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    found: defaultdict[tuple[str, str], list[int | None]] = field(default_factory=lambda: defaultdict(list))  # posted, by topic and country
    samples: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    captures: list[Capture] = field(default_factory=list)

    def take(self, posting: Posting, match: Callable[[str], Iterable[str]]) -> None:
        """Count a posting under the topics that it matches, unless it was seen before."""
        if posting.id in self.seen:
            return
        self.seen.add(posting.id)
        for topic in ("", *match(f"{posting.title}\n{posting.text}")):
            for country in {WORLD, *posting.countries}:
                self.found[topic, country].append(posting.posted)
            if topic and len(self.samples[topic]) < SAMPLES:
                self.samples[topic].append(posting.title)

    def matched(self, topic: str) -> tuple[int, Sequence[str]]:
        """How many postings match a topic, and titles of some."""
        return len(self.found.get((topic, WORLD), ())), self.samples.get(topic, ())

    def outcome(self) -> tuple[list[Part], list[Part], list[Part]]:
        """The parts that were read, those that failed, and those that have gone.

        A part is believed to have gone only where another one of the same endpoint was read: else it is the
        endpoint that has moved, and its parts are failures.
        """
        read = [p for p in self.parts if p.failure is None]
        alive = {p.ask.endpoint for p in read}
        gone = [p for p in self.parts if p.gone and p.ask.endpoint in alive]
        return read, [p for p in self.parts if p.failure is not None and p not in gone], gone


def newest_since(dates: Sequence[int | None]) -> float:
    """Since when a list of the newest postings, newest first, holds them all; infinity where its order does not tell.

    A few that are kept on top stand before newer ones and say nothing of it.
    """
    known = [d for d in dates if d is not None]
    if not known or len(known) < len(dates):
        return inf
    ordered = known[known.index(max(known)) :]
    falling = all(earlier >= later for earlier, later in pairwise(ordered)) and ordered[0] > ordered[-1]
    return ordered[-1] if falling and len(ordered) > len(known) / 2 else inf


__all__ = ["Harvest", "Page", "Part", "Posting", "newest_since"]
