"""Whether one source follows another by some months, tested on months that the lag was not chosen by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from storage.model import Cadence
from trends.grid import Grid
from trends.panel import Floats, Ints

LONGEST = 12  # months
LEAST = 30  # months that both must have
TRAINED = 0.6  # of the months choose the lag, the rest test it
_SPAN = 3  # months over which changes are taken


@dataclass(frozen=True, slots=True)
class Follow:
    """The second follows the first by ``months``; ``correlation`` and one-sided ``p`` are of the later months."""

    months: int
    correlation: float
    p: float


@dataclass(frozen=True, slots=True, eq=False)
class Monthly:
    """A grid's log counts by months (counted from 1970), topics × months."""

    topics: tuple[str, ...]
    months: Ints
    logs: Floats


def follows(leading: Monthly, following: Monthly) -> Follow | None:
    """Correlate changes over three months, each without what all topics share; None where it does not hold later on.

    Over the topics that both have.
    """
    both = np.intersect1d(leading.months, following.months)
    place = {topic: i for i, topic in enumerate(following.topics)}
    rows = [(i, place[topic]) for i, topic in enumerate(leading.topics) if topic in place]
    if len(both) < LEAST or len(rows) < 2:
        return None
    start, end = int(both[0]), int(both[-1])
    a, b = (
        _changes(_placed(one.logs[[row[side] for row in rows]], one.months, start, end)) for side, one in enumerate((leading, following))
    )
    cut = round(TRAINED * a.shape[1])
    early = [_correlation(a[:, : cut - lag], b[:, lag:cut]) for lag in range(min(LONGEST, cut // 2) + 1)]
    best = max(range(len(early)), key=lambda lag: early[lag][0])
    correlation, count = _correlation(a[:, cut - best : a.shape[1] - best], b[:, cut:])
    independent = count / _SPAN  # changes over three months share two of them with the next
    if early[best][0] <= 0 or correlation <= 0 or independent < 8:
        return None
    return Follow(best, correlation, float(norm.sf(np.arctanh(min(correlation, 0.999)) * np.sqrt(independent - 3))))


def monthly(grid: Grid, topics: Iterable[str]) -> Monthly:
    """Some topics of a grid by months: of weeks the mean."""
    part = grid.only(topics)
    months = part.starts.astype("datetime64[s]").astype("datetime64[M]").astype("int64")
    if part.cadence is Cadence.MONTH:
        return Monthly(part.topics, months, part.logs)
    first = np.flatnonzero(np.r_[True, months[1:] != months[:-1]])
    known = np.isfinite(part.logs)
    sums = np.add.reduceat(np.where(known, part.logs, 0.0), first, axis=1)
    counts = np.add.reduceat(known, first, axis=1, dtype="int64")
    return Monthly(part.topics, months[first], np.where(counts > 0, sums / np.maximum(counts, 1), np.nan))


def _placed(values: Floats, at: Ints, start: int, end: int) -> Floats:
    out = np.full((len(values), end - start + 1), np.nan)
    inside = (at >= start) & (at <= end)
    out[:, at[inside] - start] = values[:, inside]
    return out


def _changes(rows: Floats) -> Floats:
    """Changes over three months beside the mean change of all topics, so that no source's own step or season speaks."""
    changes = rows[:, _SPAN:] - rows[:, :-_SPAN]
    known = np.isfinite(changes)
    mean = np.where(known, changes, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return np.asarray(changes - mean)


def _correlation(a: Floats, b: Floats) -> tuple[float, int]:
    """Over all topics and months at once, and how many pairs of values went in."""
    both = np.isfinite(a) & np.isfinite(b)
    x, y = a[both], b[both]
    if len(x) < 8:
        return 0.0, len(x)
    x, y = x - x.mean(), y - y.mean()
    spread = float(np.sqrt(x @ x) * np.sqrt(y @ y))
    return float(x @ y) / spread if spread > 1e-12 * len(x) else 0.0, len(x)
