"""Two topics source by source: ``uptake compare A B``.

A ratio is only formed from figures of one time: flows of the same period, other values at most half an own
period apart. Which topic leads, and since when, is read off the last change of sign of the log ratio.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from storage.model import Bound, Kind, Metric, Topic
from storage.periods import DAY, WEEK, floor, iso
from trends import readings, wording
from trends.findings import Figure
from trends.panel import Group, Labels, Panel, Points, odd_period, summable

YEAR = 52 * WEEK
CONFIRMED = 3  # readings that a crossing needs behind it
_OPEN = -(2**40)  # no beginning was asked for


@dataclass(frozen=True, slots=True)
class Ratio:
    """A against B at one time; ``time`` is A's. ``value`` is None where B, or both, are zero."""

    time: int
    a: float
    b: float
    bound: Bound

    @property
    def value(self) -> float | None:
        return self.a / self.b if self.b > 0 and self.a > 0 else None

    def to_dict(self) -> dict[str, object]:
        return {"time": iso(self.time), "a": self.a, "b": self.b, "ratio": self.value, "bound": self.bound.name.lower()}


@dataclass(frozen=True, slots=True)
class Crossing:
    """Where the ratio last went through 1: interpolated on the log ratio ``between`` two readings.

    ``leader`` is the topic that is ahead since; ``readings`` counts the readings since, the first included.
    """

    time: int
    between: tuple[int, int]
    leader: str
    readings: int

    @property
    def confirmed(self) -> bool:
        return self.readings >= CONFIRMED

    def to_dict(self) -> dict[str, object]:
        between = [iso(time) for time in self.between]
        return {
            "time": iso(self.time),
            "between": between,
            "leader": self.leader,
            "readings_since": self.readings,
            "confirmed": self.confirmed,
        }


@dataclass(frozen=True, slots=True)
class InPeriod:
    """What lies within the period asked for. ``how``: *published* (a figure of exactly that period), *sum*, or *last* reading.

    ``covered`` of ``expected`` periods went into both sums.
    """

    how: str
    ratio: Ratio
    covered: int = 1
    expected: int = 1

    def to_dict(self) -> dict[str, object]:
        return {"how": self.how, **self.ratio.to_dict(), "periods": [self.covered, self.expected]}


@dataclass(frozen=True, slots=True)
class Comparison:
    """One metric of two topics. ``a`` and ``b`` are each one's last figure, whenever; ``now`` the last they have in common."""

    metric: Metric
    labels: Labels
    key: str
    sources: tuple[str, ...]
    a: Figure | None
    b: Figure | None
    fresh: bool
    now: Ratio | None
    year_ago: Ratio | None
    period: InPeriod | None
    crossing: Crossing | None
    leader: str  # the topic ahead at ``now`` where no crossing was seen; empty when level or unknown
    published: tuple[tuple[str, Ratio], ...]  # imported figures over a period of their own

    def to_dict(self) -> dict[str, object]:
        return {
            "series": self.key,
            "metric": self.metric.name,
            "labels": dict(self.labels),
            "title": self.metric.title,
            "unit": self.metric.unit,
            "sources": list(self.sources),
            "a": self.a.to_dict() if self.a else None,
            "b": self.b.to_dict() if self.b else None,
            "fresh": self.fresh,
            "now": self.now.to_dict() if self.now else None,
            "year_ago": self.year_ago.to_dict() if self.year_ago else None,
            "in_period": self.period.to_dict() if self.period else None,
            "crossing": self.crossing.to_dict() if self.crossing else None,
            "ahead_throughout": self.leader or None,
            "published_periods": [{"period": period, **ratio.to_dict()} for period, ratio in self.published],
        }


@dataclass(frozen=True, slots=True)
class Duel:
    """All that two topics have in common. ``span`` is the period asked for, [from, to)."""

    a: Topic
    b: Topic
    present: int
    span: tuple[int, int] | None
    comparisons: tuple[Comparison, ...]
    only_a: tuple[str, ...]  # titles of what only one of them has
    only_b: tuple[str, ...]

    def to_dict(self) -> dict[str, object]:
        span = None if self.span is None else {"from": iso(self.span[0]), "to": iso(self.span[1])}
        return {
            "a": self.a.key,
            "b": self.b.key,
            "present": iso(self.present),
            "period": span,
            "comparisons": [c.to_dict() for c in self.comparisons],
            "only_a": list(self.only_a),
            "only_b": list(self.only_b),
        }


def compare(panel: Panel, a: Topic, b: Topic, *, start: int | None = None, end: int | None = None) -> Duel:
    """Compare two topics; ``start`` and ``end`` (epoch seconds, end excluded) set the period that is looked at."""
    span = None if start is None and end is None else (_OPEN if start is None else start, panel.present if end is None else end)
    both = [g for g in panel.groups if {a.key, b.key} <= set(g.topics)]
    only: dict[str, list[str]] = {a.key: [], b.key: []}
    for group in panel.groups:
        present = [t.key for t in (a, b) if t.key in group.topics]
        if len(present) == 1:
            only[present[0]].append(wording.title_of(group.metric, group.labels))
    done = sorted((comparison(panel, g, a, b, span) for g in both), key=_standing)
    return Duel(a, b, panel.present, span, tuple(done), tuple(only[a.key]), tuple(only[b.key]))


def _standing(found: Comparison) -> tuple[int, bool, int, str]:
    rank = {"published": 0, "sum": 1, "last": 2}
    return (rank[found.period.how] if found.period else 3, not found.fresh, -(found.now.time if found.now else 0), found.key)


def comparison(panel: Panel, group: Group, a: Topic, b: Topic, span: tuple[int, int] | None = None) -> Comparison:
    """One group's side of the comparison of two topics."""
    metric = group.metric
    points = [readings.final(metric, group.reading(t.key), panel.present) for t in (a, b)]
    common = paired(metric, *points)
    published = _published(group, a.key, b.key)
    crossing, leader = _crossing(metric, points, common, (a.key, b.key))
    return Comparison(
        metric,
        group.labels,
        group.key,
        group.sources,
        _last(panel, points[0]),
        _last(panel, points[1]),
        all(len(p) and not readings.stale(metric, p, panel.present) for p in points),
        _ratio(common, -1) if len(common[0]) else None,
        _year_ago(metric, common),
        _in_period(metric, points, common, published, span),
        crossing,
        leader,
        tuple((period, ratio) for period, _, ratio in published),
    )


Pair = tuple[Points, Points]


def paired(metric: Metric, a: Points, b: Points) -> Pair:
    """The points of two topics that belong together: the same period, or at most half an own period apart."""
    if not len(a) or not len(b):
        return Points.empty(), Points.empty()
    if summable(metric):
        starts = [np.array([floor(int(t), metric.cadence) for t in p.times], dtype="int64") for p in (a, b)]
        _, i, j = np.intersect1d(starts[0], starts[1], return_indices=True)
        return a[i], b[j]
    within = min(readings.pace(metric, p.times) for p in (a, b)) / 2
    right = np.searchsorted(b.times, a.times).clip(1, max(len(b) - 1, 1)) if len(b) > 1 else np.zeros(len(a), dtype="int64")
    left = np.maximum(right - 1, 0)
    chosen = np.where(np.abs(b.times[left] - a.times) <= np.abs(b.times[right] - a.times), left, right)
    near: npt.NDArray[np.bool_] = np.abs(b.times[chosen] - a.times) <= within
    return a[near], b[chosen[near]]


def _last(panel: Panel, points: Points) -> Figure | None:
    if not len(points):
        return None
    evidence = panel.evidence_of(int(points.evidence[-1]))
    return Figure(int(points.times[-1]), float(points.values[-1]), Bound(int(points.bounds[-1])), bool(points.imported[-1]), evidence)


def _ratio(common: Pair, i: int) -> Ratio:
    a, b = common
    return Ratio(int(a.times[i]), float(a.values[i]), float(b.values[i]), readings.ratio_bound(int(a.bounds[i]), int(b.bounds[i])))


def _year_ago(metric: Metric, common: Pair) -> Ratio | None:
    """The common reading a year before the last one, at most 45 days or half an own period off."""
    times = common[0].times
    if len(times) < 2 or metric.kind is Kind.INDEX:
        return None
    i = readings.nearest(times[:-1], int(times[-1]) - YEAR, max(45 * DAY, readings.pace(metric, times) / 2))
    return None if i is None else _ratio(common, i)


def _published(group: Group, a: str, b: str) -> list[tuple[str, tuple[int, int] | None, Ratio]]:
    """Imported figures of both topics over the same period of their own."""
    found: dict[str, dict[str, Points]] = {}
    for line in group.odd():
        if line.series.topic in {a, b} and len(line.points):
            found.setdefault(line.period, {})[line.series.topic] = line.points
    spans = {line.period: odd_period(line) for line in group.odd()}
    return [
        (period, spans[period], _ratio((sides[a][-1:], sides[b][-1:]), -1)) for period, sides in sorted(found.items()) if len(sides) == 2
    ]


def _in_period(
    metric: Metric,
    points: list[Points],
    common: Pair,
    published: list[tuple[str, tuple[int, int] | None, Ratio]],
    span: tuple[int, int] | None,
) -> InPeriod | None:
    if span is None:
        return None
    for _, of, ratio in published:
        if of == span:
            return InPeriod("published", ratio)
    inside = tuple(readings.within(metric, p, *span) for p in (common if summable(metric) else points))
    if not summable(metric):
        inside = paired(metric, *inside)
    if not len(inside[0]):
        return None
    if not summable(metric):
        return InPeriod("last", _ratio(inside, -1))  # type: ignore[arg-type]  # two members by construction
    start = span[0] if span[0] > _OPEN else int(inside[0].times[0])
    expected = max(readings.count_periods(metric, start, span[1]), len(inside[0]))
    bounds = [readings.merged(p.bounds) for p in inside]
    bound = readings.ratio_bound(*bounds) if len(inside[0]) == expected else Bound.ESTIMATE
    ratio = Ratio(start, float(inside[0].values.sum()), float(inside[1].values.sum()), bound)
    return InPeriod("sum", ratio, len(inside[0]), expected)


def _crossing(metric: Metric, points: list[Points], common: Pair, keys: tuple[str, str]) -> tuple[Crossing | None, str]:
    """The last crossing, and who leads where there was none. Frequent flows are read by weeks: single days are noise."""
    a, b = common
    if summable(metric) and any(readings.by_week(metric, p) for p in points):
        a, b = paired_weeks(metric, points)
    keep = (a.values > 0) & (b.values > 0) & (a.values != b.values)
    times, logs = a.times[keep], np.log(a.values[keep] / b.values[keep])
    if not len(times):
        return None, ""
    leader = keys[0] if logs[-1] > 0 else keys[1]
    turns = np.flatnonzero(np.sign(logs[1:]) != np.sign(logs[:-1]))
    if not len(turns):
        return None, leader
    i = int(turns[-1])
    fraction = abs(logs[i]) / (abs(logs[i]) + abs(logs[i + 1]))
    time = math.floor(times[i] + fraction * (times[i + 1] - times[i]))
    return Crossing(time, (int(times[i]), int(times[i + 1])), leader, len(times) - i - 1), ""


def paired_weeks(metric: Metric, points: list[Points]) -> Pair:
    """Sums of whole weeks that both topics have; of an imported and a measured week, the measured."""
    weekly = [readings.weeks(metric, p) for p in points]
    once = [w[np.r_[w.times[1:] != w.times[:-1], True]] if len(w) else w for w in weekly]
    if not all(len(w) for w in once):
        return Points.empty(), Points.empty()
    _, i, j = np.intersect1d(once[0].times, once[1].times, return_indices=True)
    return once[0][i], once[1][j]


def titles(duel: Duel) -> Mapping[str, str]:
    return {duel.a.key: duel.a.title, duel.b.key: duel.b.title}
