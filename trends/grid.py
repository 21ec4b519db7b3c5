"""Several topics of one group side by side at equal steps of time: what the statistics work on.

Steps are weeks where the figures are frequent enough, else months or years: windows count a group's own periods.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from storage.model import Bound, Cadence, Kind, Metric
from storage.periods import DAY, WEEK, floor, span
from trends import readings
from trends.panel import Floats, Group, Ints, Labels, Panel, Points, summable

PER_YEAR = {Cadence.WEEK: 365.25 / 7, Cadence.MONTH: 12.0, Cadence.YEAR: 1.0}
WINDOWS = (13, 52, 104)  # weeks, or as long in a group's own periods
LONGEST = 260  # weeks that are looked back at
_FILLED = 0.6  # of the weeks since a group's beginning, below which it is read by months
_HALF_MONTH = 15 * DAY


@dataclass(frozen=True, eq=False)
class Grid:
    """``values`` (topics × steps, NaN where there is none) with their ``bounds`` (of a gap: -1); ``starts`` in epoch seconds."""

    key: str
    metric: Metric
    labels: Labels
    sources: tuple[str, ...]
    topics: tuple[str, ...]
    cadence: Cadence
    starts: Ints
    values: Floats
    bounds: Ints
    imported: npt.NDArray[np.bool_]

    @property
    def per_year(self) -> float:
        return PER_YEAR[self.cadence]

    @cached_property
    def logs(self) -> Floats:
        """``ln(count + 0.5)``; of percentages ``ln(value + 0.05)``."""
        return logs(self.metric, self.values)

    @cached_property
    def place(self) -> dict[str, int]:
        return {topic: i for i, topic in enumerate(self.topics)}

    def window(self, weeks: int) -> int:
        """How many steps a window of some weeks has."""
        return max(1, round(weeks / PER_YEAR[Cadence.WEEK] * self.per_year))

    def only(self, topics: Iterable[str]) -> Grid:
        """The same steps with some of the topics."""
        wanted = set(topics)
        rows = [i for i, topic in enumerate(self.topics) if topic in wanted]
        names = tuple(self.topics[i] for i in rows)
        columns = (self.values[rows], self.bounds[rows], self.imported[rows])
        return Grid(self.key, self.metric, self.labels, self.sources, names, self.cadence, self.starts, *columns)


def logs(metric: Metric, values: Floats) -> Floats:
    return np.log(np.maximum(values, 0) + (0.05 if metric.kind in {Kind.SHARE, Kind.INDEX} else 0.5))


def finals(panel: Panel, group: Group) -> dict[str, Points]:
    """A group's figures by topic that no longer grow, of those topics that have any."""
    found = {topic: readings.final(group.metric, group.reading(topic), panel.present) for topic in group.topics}
    return {topic: points for topic, points in found.items() if len(points)}


def grid_of(panel: Panel, group: Group, found: Mapping[str, Points]) -> Grid | None:
    """A group's final figures by steps, over the last five years that it has; None without any figure.

    Left out are weeks that have not ended, and weeks of a daily flow that lack a day.
    """
    if not found:
        return None
    whole = _Whole.of(found)
    for cadence in _choices(group.metric):
        grid = _grid(group, cadence, tuple(found), _cells(group.metric, whole, cadence, panel.present))
        if grid is not None and (cadence is not Cadence.WEEK or _filled(grid)):
            return grid
    return None


def _choices(metric: Metric) -> tuple[Cadence, ...]:
    if metric.cadence in {Cadence.MONTH, Cadence.YEAR}:
        return (metric.cadence,)
    return (Cadence.WEEK, Cadence.MONTH)


def _filled(grid: Grid) -> bool:
    """Whether weeks are frequent enough: of the last two years, or since the beginning of what is younger."""
    known = np.isfinite(grid.values[:, -WINDOWS[-1] :])
    known = known[:, known.any(axis=0).argmax() :]
    parts = known.sum(axis=1) / known.shape[1]
    return known.shape[1] >= 3 and bool(np.median(parts[parts > 0]) >= _FILLED)


@dataclass(frozen=True, slots=True, eq=False)
class _Whole:
    """The points of several topics one after the other, each topic's in time order; ``owner`` is the topic's row."""

    owner: Ints
    times: Ints
    values: Floats
    bounds: Ints
    imported: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, found: Mapping[str, Points]) -> _Whole:
        parts = list(found.values())
        owner = np.repeat(np.arange(len(parts)), [len(points) for points in parts])
        return cls(owner, *(np.concatenate([getattr(p, name) for p in parts]) for name in ("times", "values", "bounds", "imported")))

    def __getitem__(self, keep: Ints | npt.NDArray[np.bool_]) -> _Whole:
        return _Whole(self.owner[keep], self.times[keep], self.values[keep], self.bounds[keep], self.imported[keep])


def _cells(metric: Metric, points: _Whole, cadence: Cadence, present: int) -> _Whole:
    """One point a step, with the step's start as its time."""
    flow = summable(metric)
    starts = _floors(points.times if flow or cadence is Cadence.WEEK else points.times + _HALF_MONTH, cadence)
    if flow:
        order = np.arange(len(starts))
    elif cadence is Cadence.WEEK:
        order = np.lexsort((-points.times, starts, points.owner))  # the last of the week
    else:
        order = np.lexsort((np.abs(points.times - starts), starts, points.owner))  # the one nearest to the month's first day
    points, starts = points[order], starts[order]
    first = np.flatnonzero(np.r_[True, (starts[1:] != starts[:-1]) | (points.owner[1:] != points.owner[:-1])])
    cells, keep = points[first], starts[first]
    if flow:
        at_least = np.maximum.reduceat(points.bounds == Bound.AT_LEAST, first)
        worst = np.where(at_least, int(Bound.AT_LEAST), np.maximum.reduceat(points.bounds, first))
        cells = _Whole(cells.owner, keep, np.add.reduceat(points.values, first), worst, cells.imported)
        return cells[np.diff(np.r_[first, len(starts)]) >= _expected(keep, metric.cadence, cadence)]
    cells = _Whole(cells.owner, keep, cells.values, cells.bounds, cells.imported)
    return cells[keep + WEEK <= present] if cadence is Cadence.WEEK else cells


def _floors(times: Ints, cadence: Cadence) -> Ints:
    if cadence is Cadence.WEEK:
        return times - (times - 4 * DAY) % WEEK
    unit = "datetime64[M]" if cadence is Cadence.MONTH else "datetime64[Y]"
    return times.astype("datetime64[s]").astype(unit).astype("datetime64[s]").astype("int64")


def _expected(starts: Ints, own: Cadence, cadence: Cadence) -> Ints:
    """How many of a flow's own periods a step has."""
    if own in {Cadence.MONTH, Cadence.YEAR} or own is cadence:
        return np.ones(len(starts), dtype="int64")
    if own is Cadence.WEEK:  # weeks belong to the month in which they begin
        return np.full(len(starts), 4)
    if cadence is Cadence.WEEK:
        return np.full(len(starts), WEEK // span(own))
    unit = "datetime64[M]" if cadence is Cadence.MONTH else "datetime64[Y]"
    ends = (starts.astype("datetime64[s]").astype(unit) + 1).astype("datetime64[s]").astype("int64")
    return (ends - starts) // span(own)


def _grid(group: Group, cadence: Cadence, topics: tuple[str, ...], cells: _Whole) -> Grid | None:
    """Cells as rows of the topics that have any."""
    if not len(cells.times):
        return None
    last = int(cells.times.max())
    first = max(int(cells.times.min()), last - LONGEST * WEEK)
    starts = _range(floor(first, cadence), last, cadence)
    cells = cells[cells.times >= starts[0]]
    shape = (len(topics), len(starts))
    values, bounds, imported = np.full(shape, np.nan), np.full(shape, -1, dtype="int64"), np.zeros(shape, dtype="bool")
    at = (cells.owner, np.searchsorted(starts, cells.times))
    values[at], bounds[at], imported[at] = cells.values, cells.bounds, cells.imported
    kept = np.flatnonzero(np.isfinite(values).any(axis=1))
    names = tuple(topics[i] for i in kept.tolist())
    columns = (values[kept], bounds[kept], imported[kept])
    return Grid(group.key, group.metric, group.labels, group.sources, names, cadence, starts, *columns)


def _range(first: int, last: int, cadence: Cadence) -> Ints:
    if cadence is Cadence.WEEK:
        return np.arange(first, last + 1, WEEK, dtype="int64")
    unit = "datetime64[M]" if cadence is Cadence.MONTH else "datetime64[Y]"
    ends = np.array([first, last]).astype("datetime64[s]").astype(unit)
    return np.arange(ends[0], ends[1] + 1).astype("datetime64[s]").astype("int64")
