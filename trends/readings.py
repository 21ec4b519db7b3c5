"""What can be said of one row of points: its pace, whether it is fresh, its gaps, its value near a date, its weeks.

All functions are pure; times are epoch seconds, arrays are in time order.
"""

from __future__ import annotations

from statistics import median

import numpy as np

from storage import rollup
from storage.model import Bound, Cadence, Kind, Metric
from storage.periods import DAY, WEEK, complete, floor, following, span
from trends.panel import Ints, Points, summable

RECENT = 9  # points that tell a series' present pace
GAP = 2.5  # own periods without a value that break a line


def pace(metric: Metric, times: Ints) -> int:
    """A series' own period in seconds: the larger of the metric's cadence and the median spacing of its last points."""
    usual = span(metric.cadence)
    recent = np.diff(times[-RECENT:]).tolist()
    return max(usual, int(median(recent))) if recent else usual


def pace_at_end(metric: Metric, points: Points) -> int:
    """The pace of whoever gave the last point: a monthly import does not slow the daily measurement that continues it."""
    return pace(metric, points.times[points.imported == points.imported[-1]]) if len(points) else span(metric.cadence)


def end_of(metric: Metric, time: int) -> int:
    """When a value's time is over: the end of a flow's period, the moment itself for everything else."""
    return following(floor(time, metric.cadence), metric.cadence) if summable(metric) else time


def stale(metric: Metric, points: Points, present: int) -> bool:
    """Whether the last point is older than two of its own periods (design, section 7).

    Counted from when the figure could be had at all: after a flow's settle time, after a slot's lag.
    """
    if not len(points):
        return False
    had = end_of(metric, int(points.times[-1])) + metric.settle + metric.lag
    return present - had > 2 * pace_at_end(metric, points)


def final(metric: Metric, points: Points, present: int) -> Points:
    """Points that no longer grow: all but a flow's periods that have not ended, or not settled yet."""
    if not summable(metric):
        return points
    first_open = len(points)
    while first_open and not complete(metric, floor(int(points.times[first_open - 1]), metric.cadence), present):
        first_open -= 1
    return points[:first_open]


def nearest(times: Ints, target: int, within: float) -> int | None:
    """The index of the time nearest to a target, the earlier of two equal ones; None where none is within reach."""
    if not len(times):
        return None
    i = int(np.argmin(np.abs(times - target)))
    return i if abs(int(times[i]) - target) <= within else None


def merged(bounds: Ints) -> Bound:
    """The bound of a sum: *at_least* if any part is, else *estimate* if any is (design, section 4)."""
    if np.any(bounds == Bound.AT_LEAST):
        return Bound.AT_LEAST
    return Bound.ESTIMATE if np.any(bounds == Bound.ESTIMATE) else Bound.EXACT


def ratio_bound(*bounds: int) -> Bound:
    """The bound of a ratio or difference: exact only where all its parts are."""
    return Bound.EXACT if all(b == Bound.EXACT for b in bounds) else Bound.ESTIMATE


def runs(times: Ints, period: float) -> Ints:
    """A number per point that grows by one at each gap of more than `GAP` periods: a line is drawn within one number."""
    return np.cumsum(np.r_[0, np.diff(times) > GAP * period][: len(times)]).astype("int64")


def weekly(metric: Metric) -> bool:
    """Whether a metric's figures are drawn as sums of weeks."""
    return summable(metric) and metric.cadence in {Cadence.HOUR, Cadence.DAY}


def line_runs(metric: Metric, points: Points) -> Ints:
    """Where lines break: at gaps by each part's own pace, and where imported figures end and measured ones begin."""
    result = np.zeros(len(points), dtype="int64")
    for imported in (False, True):
        mine = points.imported == imported
        if mine.any():
            times = points.times[mine]
            middle = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
            result[mine] = runs(times, max(pace(metric, times), WEEK if weekly(metric) else 0, middle))
    return result


def within(metric: Metric, points: Points, start: int, end: int) -> Points:
    """Points whose whole time lies in [start, end)."""
    if not summable(metric):
        return points[(points.times >= start) & (points.times < end)]
    ends = np.array([end_of(metric, int(t)) for t in points.times], dtype="int64")
    starts = np.array([floor(int(t), metric.cadence) for t in points.times], dtype="int64")
    return points[(starts >= start) & (ends <= end)]


def count_periods(metric: Metric, start: int, end: int) -> int:
    """How many whole periods of a metric lie in [start, end)."""
    if metric.cadence in {Cadence.HOUR, Cadence.DAY, Cadence.WEEK}:
        first = floor(start, metric.cadence)
        first = first if first == start else following(first, metric.cadence)
        return max(0, (end - first) // span(metric.cadence))
    count, at = 0, floor(start, metric.cadence)
    at = at if at == start else following(at, metric.cadence)
    while following(at, metric.cadence) <= end:
        count, at = count + 1, following(at, metric.cadence)
    return count


def by_week(metric: Metric, points: Points) -> bool:
    """Whether a row is better read by weeks: frequent flows (a day's count is noise), and long rows of frequent levels."""
    frequent = metric.cadence in {Cadence.HOUR, Cadence.DAY}
    return frequent and (metric.kind is Kind.FLOW or len(points) > 260)


def weeks(metric: Metric, points: Points) -> Points:
    """Points by weeks (time: Monday for sums, else the reading's own): last value, or the sum of a flow's whole weeks.

    A week of a flow that lacks a period is left out: a sum over six days is not a week's.
    Imported and measured points are never put into one sum.
    """
    parts = []
    for imported in (True, False):
        mine = points[points.imported == imported]
        if len(mine):
            parts.append(_weeks(metric, mine, imported))
    if not parts:
        return points
    columns = [np.concatenate([getattr(p, c) for p in parts]) for c in ("times", "values", "bounds", "evidence", "imported")]
    whole = Points(*columns)
    return whole[np.lexsort((whole.imported, whole.times))]


def _weeks(metric: Metric, points: Points, imported: bool) -> Points:
    import pandas as pd

    frame = pd.DataFrame({"series_id": 0, "time": points.times, "value": points.values, "bound": points.bounds})
    table = rollup.aggregate(frame)
    last = np.searchsorted(points.times, table["last_time"].to_numpy("int64"))
    if summable(metric):
        full = (table["n"] == WEEK // span(metric.cadence)).to_numpy()
        names, times = ("total", "total_bound"), table["week"].to_numpy("int64")
    else:
        full, names, times = np.ones(len(table), dtype="bool"), ("last", "last_bound"), points.times[last]
    values, bounds = (table[name].to_numpy() for name in names)
    same = np.full(len(table), imported)
    return Points(times, values.astype("float64"), bounds.astype("int64"), points.evidence[last], same)[full]


def reach(metric: Metric, points: Points, window: int) -> float:
    """How far from a date a value may lie to stand for it: half the window, or two own periods if that is more."""
    return max(window / 2, 2 * pace_at_end(metric, points))


def buckets(metric: Metric, times: Ints) -> Ints:
    """The start of the common period per time, at which several topics are put side by side: the week, or a longer cadence."""
    cadence = metric.cadence if metric.cadence in {Cadence.MONTH, Cadence.YEAR} else Cadence.WEEK
    if cadence is Cadence.WEEK:
        return times - (times - 4 * DAY) % WEEK
    return np.array([floor(int(t), cadence) for t in times], dtype="int64")
