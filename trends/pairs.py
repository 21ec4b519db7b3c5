"""Rows of log ratios of two topics of a group, and the lines through many of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from storage.model import Cadence
from trends.grid import WINDOWS
from trends.growth import window
from trends.panel import Floats
from trends.robust import median
from trends.studied import Studied

LONG = max(WINDOWS)
LARGEST = 12  # topics of a group, by size, of which pairs are looked at
SEASON = {Cadence.WEEK: "week", Cadence.MONTH: "month"}


@dataclass(frozen=True, slots=True)
class Line:
    """The line of a ratio over two years, in log units a year; ``p`` is NaN where it is not tested."""

    p: float
    slope: float
    low: float
    high: float
    level: float


def row_of(studied: Studied, a: str, b: str) -> Floats:
    """The log ratio of two topics. Steps of the source cancel in it."""
    grid = studied.grid
    return np.asarray(grid.logs[grid.place[a]] - grid.logs[grid.place[b]])


def last_value(row: Floats) -> float | None:
    known = row[np.isfinite(row)]
    return float(known[-1]) if len(known) else None


def largest(studied: Studied, topics: Sequence[str]) -> list[str]:
    """Topics that have something, by their last quarter's size, at most `LARGEST`."""
    grid = studied.grid
    size = median(grid.values[[grid.place[t] for t in topics], -grid.window(13) :])
    known = [(-float(x), t) for x, t in zip(size, topics, strict=True) if np.isfinite(x) and x > 0]
    return [topic for _, topic in sorted(known)[:LARGEST]]


def standing(studied: Studied, topics: Sequence[str], topic: str) -> float:
    """How much a topic weighs beside the largest of some: 1 from a fifth of its size on."""
    grid = studied.grid
    last = {t: last_value(grid.values[grid.place[t]]) or 0.0 for t in topics}
    return min(1.0, 5 * last.get(topic, 0.0) / max(1e-9, *last.values()))


def lines_of(rows: Sequence[tuple[Studied, Floats]]) -> list[Line]:
    """Lines through the last two years of rows, each of its own group; drawn together per cadence."""
    found: list[Line] = [Line(*[float("nan")] * 5)] * len(rows)
    for cadence in dict.fromkeys(studied.grid.cadence for studied, _ in rows):
        at = [i for i, (studied, _) in enumerate(rows) if studied.grid.cadence is cadence]
        grid = rows[at[0]][0].grid
        steps = grid.window(LONG)
        stacked = np.full((len(at), steps), np.nan)
        for line, i in zip(stacked, at, strict=True):
            tail = rows[i][1][-steps:]
            line[steps - len(tail) :] = tail
        grown = window(stacked, grid.per_year, steps, LONG, SEASON.get(cadence, ""))
        columns = (grown.p, grown.slope, grown.low, grown.high, grown.level)
        for i, cells in zip(at, zip(*(c.tolist() for c in columns), strict=True), strict=True):
            found[i] = Line(*cells)
    return found
