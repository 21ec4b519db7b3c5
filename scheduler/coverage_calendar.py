"""A calendar of coverage: of each source, which days (or weeks) have their figures."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from storage.ledger import End
from storage.model import Cadence, Outcome, Series
from storage.periods import day, floor, following, preceding

DAYS = 60  # that are shown, where no more weeks are asked for
TRUSTED = 0.8  # below this share of figures trends withhold their claims (design, section 7)


class Cover(StrEnum):
    """How a source's day went."""

    FULL = "full"  # every figure, when it was due
    LATE = "late"  # every figure, some of them read later
    DOUBTFUL = "doubtful"  # every figure, some of them not believed yet
    MOST = "most"  # four fifths or more
    PART = "part"
    NONE = "none"  # figures were due, and there is none
    OPEN = "open"  # being measured
    NOTHING = "nothing"  # no figure was due


@dataclass(frozen=True, slots=True)
class Calendar:
    """Outcomes of planned figures, counted by source and cell. A figure for a week or month counts on all its days."""

    cell: Cadence  # DAY or WEEK
    cells: tuple[int, ...]  # their starts in epoch seconds, oldest first
    sources: Mapping[str, tuple[Counter[str], ...]]

    def to_dict(self) -> dict[str, Any]:
        return {
            "cell": str(self.cell),
            "cells": [day(c) for c in self.cells],
            "sources": {s: [{"cover": str(cover(n)), "outcomes": dict(n)} for n in counts] for s, counts in self.sources.items()},
        }


def cells_until(now: int, weeks: int) -> tuple[Cadence, tuple[int, ...]]:
    """The days that are shown, today the last; where more weeks are wanted than fit, the weeks."""
    cadence, count = (Cadence.DAY, DAYS) if weeks * 7 <= DAYS else (Cadence.WEEK, weeks)
    found = [floor(now, cadence)]
    while len(found) < count:
        found.append(preceding(found[-1], cadence))
    return cadence, tuple(reversed(found))


def reach(cells: tuple[int, ...]) -> int:
    """The time from which on ends must be known: a figure for a month began with it."""
    return floor(cells[0], Cadence.MONTH)


def calendar(ends: Iterable[End], cadence_of: Callable[[Series], Cadence], cell: Cadence, cells: tuple[int, ...]) -> Calendar:
    """Count ends of planned figures into cells. What lies before the first cell is left out."""
    place = {start: i for i, start in enumerate(cells)}
    stop = following(cells[-1], cell)
    found: dict[str, list[Counter[str]]] = defaultdict(lambda: [Counter() for _ in cells])
    for end in ends:
        time = end.slot.time
        until = min(following(time, cadence_of(end.slot.series)), stop)
        at = max(floor(time, cell), cells[0])
        while at < until:
            found[end.source][place[at]][str(end.outcome)] += 1
            at = following(at, cell)
    return Calendar(cell, cells, {s: tuple(counts) for s, counts in sorted(found.items()) if any(counts)})


def cover(outcomes: Counter[str]) -> Cover:
    """A cell in one word."""
    ended = outcomes.total() - outcomes[Outcome.OPEN]
    if not ended:
        return Cover.OPEN if outcomes[Outcome.OPEN] else Cover.NOTHING
    if outcomes[Outcome.MISSING] == ended:
        return Cover.NONE
    if outcomes[Outcome.MISSING]:
        return Cover.MOST if outcomes[Outcome.MISSING] <= (1 - TRUSTED) * ended + 1e-9 else Cover.PART
    if outcomes[Outcome.SUSPECT]:
        return Cover.DOUBTFUL
    return Cover.LATE if outcomes[Outcome.RECOVERED] else Cover.FULL
