"""What moves all topics of a source at once: steps of the counter, and movements that are too new to be called one.

A change that all topics share says something of the source, not of the topics (design, section 7). Rows are log counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trends.panel import Floats
from trends.robust import SCALE, median, previous, scatter

FEW = 3  # topics without which nothing is common
BIG = 6.0  # scatters of the common change that make a step
MOVED = 2.0  # scatters that make a common movement
MOST = 0.8  # of the topics that must move one way
LEAST = 0.02  # the scatter, in log units, that even a still source is taken to have
BRIDGE = 4  # steps of time over which a gap is looked across
_HISTORY = 8  # common changes that a scatter needs


@dataclass(frozen=True, slots=True)
class Step:
    """A change of a source at column ``at``: ``size`` in log units over the usual change, ``mads`` scatters large.

    ``passing`` says that it was undone within `BRIDGE` columns (a holiday, a faulty day).
    """

    at: int
    size: float
    mads: float
    topics: int
    passing: bool = False


@dataclass(frozen=True, slots=True)
class Common:
    """The median change (log units) of all topics over the last ``span`` columns; ``moved`` of ``topics`` went its way."""

    at: int
    span: int
    size: float
    mads: float
    moved: int
    topics: int


@dataclass(frozen=True, slots=True, eq=False)
class _Changes:
    each: Floats  # topics × columns
    middle: Floats  # the median over the topics, NaN where fewer than FEW have one
    usual: float
    scatter: float
    enough: bool


def _changes(rows: Floats, span: int = 1) -> _Changes:
    before = previous(rows, BRIDGE) if span == 1 else np.hstack([np.full((len(rows), span), np.nan), rows[:, :-span]])
    each = rows - before
    middle = np.where(np.isfinite(each).sum(axis=0) >= FEW, median(each, axis=0), np.nan)
    known = int(np.isfinite(middle).sum())
    if known < _HISTORY:
        return _Changes(each, middle, 0.0, LEAST, False)
    usual = float(median(middle))
    over_time = SCALE * float(median(np.abs(middle - usual)))
    # what the median of so many topics scatters by chance: of few and small counts more than it shows over time
    by_chance = 1.2533 * float(np.nan_to_num(median(scatter(each, axis=0) / np.sqrt(np.maximum(1, np.isfinite(each).sum(axis=0))))))
    return _Changes(each, middle, usual, max(over_time, by_chance, LEAST), True)


def steps(rows: Floats) -> tuple[Step, ...]:
    """Changes of the source: the median change beyond `BIG` scatters, with most topics on its side of the usual change."""
    if len(rows) < FEW:
        return ()
    changes = _changes(rows)
    if not changes.enough:
        return ()
    off = changes.middle - changes.usual
    found = []
    for at in np.flatnonzero(np.abs(np.nan_to_num(off)) > BIG * changes.scatter):
        own = changes.each[:, at]
        own = own[np.isfinite(own)] - changes.usual
        if np.mean(np.sign(own) == np.sign(off[at])) >= MOST:
            found.append(Step(int(at), float(off[at]), float(abs(off[at]) / changes.scatter), len(own)))
    return _passing(found)


def _passing(found: Sequence[Step]) -> tuple[Step, ...]:
    """Steps with those marked that a later one takes back."""
    undone: set[int] = set()
    for i, first in enumerate(found):
        for j in range(i + 1, len(found)):
            second = found[j]
            if second.at - first.at > BRIDGE or {i, j} & undone:
                continue
            if abs(first.size + second.size) < 0.5 * min(abs(first.size), abs(second.size)):
                undone |= {i, j}
    return tuple(Step(s.at, s.size, s.mads, s.topics, i in undone) for i, s in enumerate(found))


def spliced(rows: Floats, found: Sequence[Step]) -> Floats:
    """Rows without the steps: what lies before one is lifted to what came after, so that the newest values stand."""
    lift = np.zeros(rows.shape[1])
    for step in found:
        lift[: step.at] += step.size
    return rows + lift


def common(rows: Floats, span: int, found: Sequence[Step] = ()) -> Common | None:
    """The movement that the last ``span`` columns share; None where there is none, or where it is a step already."""
    if len(rows) < FEW or rows.shape[1] <= span:
        return None
    at = rows.shape[1] - 1
    if any(step.at > at - span for step in found):
        return None
    changes = _changes(rows, span)
    size = changes.middle[at]
    if not changes.enough or not np.isfinite(size):
        return None
    own = changes.each[:, at][np.isfinite(changes.each[:, at])]
    moved = int((np.sign(own) == np.sign(size)).sum())
    mads = abs(size - changes.usual) / changes.scatter
    if mads <= MOVED or moved < MOST * len(own) or np.sign(size - changes.usual) != np.sign(size):
        return None
    return Common(at, span, float(size), float(mads), moved, len(own))
