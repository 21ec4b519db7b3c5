"""The first ``uptake trends``: what stands where now, its share of the basket, and its change over 4, 13 and 52 weeks.

Rules (design, sections 4 and 7): only figures that are fresh count as latest; flows are compared as sums over
complete periods; a gap is a dash and never a zero; a bound travels into everything that is made of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from storage.model import Basket, Bound, Kind, Metric, Topic
from storage.periods import WEEK, floor, following, span
from trends import readings
from trends.findings import WINDOWS, BasketSummary, Blind, Change, Figure, Row, Summary, Table
from trends.panel import Group, Panel, Points, summable

ENOUGH = 0.8  # of the periods of both windows, below which flows are not compared (the trust gate's figure)


def summarise(panel: Panel, baskets: list[Basket], topics: Mapping[str, Topic]) -> Summary:
    """The summary of some baskets from one panel that holds the topics of all of them."""
    done = tuple(summarise_basket(panel, basket, topics) for basket in baskets)
    return Summary(panel.present, panel.as_of, panel.until, done)


def summarise_basket(panel: Panel, basket: Basket, topics: Mapping[str, Topic]) -> BasketSummary:
    titles = {key: topics[key].title if key in topics else key for key in basket.topics}
    tables = [table_of(panel, group, titles) for group in panel.groups if set(group.topics) & set(titles)]
    tables = sorted((t for t in tables if t.rows or t.stale or t.periods), key=_standing)
    seen = {row.topic for t in tables for row in (*t.rows, *t.stale)} | {topic for t in tables for topic, _, _ in t.periods}
    unseen = tuple(title for key, title in titles.items() if key not in seen)
    return BasketSummary(basket, tuple(tables), tuple(b for t in tables for b in _blind(t)), unseen)


def _standing(table: Table) -> tuple[int, int, int, str]:
    """Most informative first: fresh ones with many topics, then by how lately they spoke."""
    last = max((row.latest.time for row in (*table.rows, *table.stale)), default=0)
    return (-len(table.rows), -last if not table.rows else 0, -len(table.stale), table.key)


def table_of(panel: Panel, group: Group, titles: Mapping[str, str]) -> Table:
    """One group's table over the topics of a basket (key → title)."""
    rows = {topic: row for topic, title in titles.items() if (row := _row(panel, group, topic, title)) is not None}
    points = {topic: readings.final(group.metric, group.reading(topic), panel.present) for topic in rows}
    old = {t for t in rows if readings.stale(group.metric, points[t], panel.present)}
    fresh = {t: row for t, row in rows.items() if t not in old}
    share_time, shares = _shares(group.metric, {t: points[t] for t in fresh})
    done = [_with_share(row, shares.get(t)) for t, row in fresh.items()]
    odd = [
        (line.series.topic, titles[line.series.topic], _figure(panel, line.points, i, line.period))
        for line in group.odd()
        if line.series.topic in titles
        for i in range(len(line.points))
    ]
    present = {*rows, *(topic for topic, _, _ in odd)}
    return Table(
        group.metric,
        group.labels,
        group.key,
        group.sources,
        tuple(sorted(done, key=lambda row: -row.latest.value)),
        tuple(sorted((rows[t] for t in old), key=lambda row: (-row.latest.time, -row.latest.value))),
        tuple(sorted(odd, key=lambda o: (-o[2].time, -o[2].value))),
        tuple(title for key, title in titles.items() if key not in present),
        share_time,
    )


def _row(panel: Panel, group: Group, topic: str, title: str) -> Row | None:
    everything = group.reading(topic)
    points = readings.final(group.metric, everything, panel.present)
    if not len(points):
        return None
    open_ = len(everything) > len(points)
    suspects = sum(int((line.suspects.times > points.times[-1]).sum()) for line in group.of(topic))
    return Row(
        topic,
        title,
        _figure(panel, points, -1),
        tuple(change(group.metric, points, weeks) for weeks in WINDOWS),
        of_total=_of_total(panel, group, points),
        partial=_figure(panel, everything, -1) if open_ else None,
        suspects=suspects,
    )


def _with_share(row: Row, share: tuple[float, Bound] | None) -> Row:
    return row if share is None else replace(row, share=share[0], share_bound=share[1])


def _figure(panel: Panel, points: Points, i: int, period: str = "") -> Figure:
    evidence = panel.evidence_of(int(points.evidence[i]))
    return Figure(int(points.times[i]), float(points.values[i]), Bound(int(points.bounds[i])), bool(points.imported[i]), evidence, period)


def _of_total(panel: Panel, group: Group, points: Points) -> float | None:
    """The latest value as a percentage of its denominator of the same time (a measured one before an imported one)."""
    total = panel.total_of(group)
    if total is None:
        return None
    whole = total.reading("")
    found = np.flatnonzero(whole.times == points.times[-1])
    if not len(found) or whole.values[found[0]] <= 0:
        return None
    return float(100 * points.values[-1] / whole.values[found[0]])


def _shares(metric: Metric, points: Mapping[str, Points]) -> tuple[int | None, dict[str, tuple[float, Bound]]]:
    """Share of the basket per topic. For flows of the newest period that all have; percentages and indices have none."""
    if len(points) < 2 or metric.kind in {Kind.SHARE, Kind.INDEX}:
        return None, {}
    if summable(metric):
        common = set.intersection(*({floor(int(t), metric.cadence) for t in p.times} for p in points.values()))
        if not common:
            return None, {}
        time = max(common)
        picked = {topic: _at_period(metric, p, time) for topic, p in points.items()}
    else:
        time = max(int(p.times[-1]) for p in points.values())
        picked = {topic: (float(p.values[-1]), int(p.bounds[-1])) for topic, p in points.items()}
    whole = sum(value for value, _ in picked.values())
    if whole <= 0:
        return None, {}
    bound = readings.ratio_bound(*(b for _, b in picked.values()))
    return time, {topic: (100 * value / whole, bound) for topic, (value, _) in picked.items()}


def _at_period(metric: Metric, points: Points, start: int) -> tuple[float, int]:
    inside = points[(points.times >= start) & (points.times < following(start, metric.cadence))]
    return float(inside.values.sum()), int(readings.merged(inside.bounds))


def change(metric: Metric, points: Points, weeks: int) -> Change | None:
    """The change of final points over some weeks; None where there is no value near enough to compare with.

    Near enough is half the window or two own periods, whichever is larger. Flows compare the last whole window
    with the one before it, period by period, over the periods that both have (at least `ENOUGH` of them).
    """
    window = weeks * WEEK
    if len(points) < 2 or metric.kind is Kind.INDEX:
        return None
    return _flow_change(metric, points, window) if summable(metric) else _level_change(metric, points, window)


def _level_change(metric: Metric, points: Points, window: int) -> Change | None:
    before = points[:-1]
    i = readings.nearest(before.times, int(points.times[-1]) - window, readings.reach(metric, points, window))
    if i is None:
        return None
    bound = readings.ratio_bound(int(points.bounds[-1]), int(before.bounds[i]))
    seam = bool(points.imported[-1] != before.imported[i])
    return Change(float(points.values[-1]), float(before.values[i]), int(before.times[i]), bound, seam)


def _flow_change(metric: Metric, points: Points, window: int) -> Change | None:
    count = round(window / span(metric.cadence)) if span(metric.cadence) <= 1.25 * window else 0
    if not count:
        return None
    values: dict[int, list[int]] = {}
    for i, t in enumerate(points.times):
        values.setdefault(floor(int(t), metric.cadence), []).append(i)
    starts = [floor(int(points.times[-1]), metric.cadence)]
    while len(starts) < 2 * count:
        starts.append(floor(starts[-1] - 1, metric.cadence))
    pairs = [(values[a], values[b]) for a, b in zip(starts[:count], starts[count:], strict=True) if a in values and b in values]
    if len(pairs) < ENOUGH * count:
        return None
    now, before = points[np.array([i for a, _ in pairs for i in a])], points[np.array([i for _, b in pairs for i in b])]
    bound = readings.ratio_bound(*now.bounds.tolist(), *before.bounds.tolist())
    if len(pairs) < count:
        bound = Bound.ESTIMATE
    seam = bool(now.imported.any() or before.imported.any()) and not bool(now.imported.all() and before.imported.all())
    return Change(float(now.values.sum()), float(before.values.sum()), starts[-1], bound, seam, len(pairs), count)


def _blind(table: Table) -> list[Blind]:
    """What has no fresh figure: the whole table, or the topics of it that fell silent while others spoke."""
    times = [row.latest.time for row in table.stale] or [figure.time for _, _, figure in table.periods]
    if not table.rows:
        return [Blind(table.metric, table.labels, table.sources, (), max(times))]
    return [Blind(table.metric, table.labels, table.sources, (row.title,), row.latest.time) for row in table.stale]
