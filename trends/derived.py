"""What a summary concluded, as series that dashboards draw as they are: shares, changes, places, coverage. Pure.

They are ordinary series of the origin *derived*: the journal keeps them with their revisions, the feed sends them, and
nothing that counts measurements reads them. Each bears the basket, and for what it was concluded from the label
``metric`` with the metric's own labels, so that one query draws a basket.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pandas as pd

from storage.model import DERIVED_ORIGIN, Bound, Cadence, Kind, Metric, Observation, Outcome, Series, Topic
from storage.periods import floor
from storage.vocabulary import COVERAGE_MEASURED, TREND_GROWTH, TREND_INDEX, TREND_RANK, TREND_SHARE
from trends import readings
from trends.chart_data import drawn_points
from trends.chart_share import shares_of
from trends.claim import Claims
from trends.findings import WINDOWS, BasketSummary, Summary, Table
from trends.panel import Group, Labels, Panel

_DONE = {str(Outcome.MEASURED), str(Outcome.RECOVERED)}
_YEAR = WINDOWS.index(52)


def derive(panel: Panel, summary: Summary, topics: Mapping[str, Topic]) -> Iterator[Observation]:
    """All derived observations of a summary and the panel that it was made from."""
    for basket in summary.baskets:
        yield from _of_tables(basket)
        for group in panel.groups:
            yield from shares(panel, group, basket.basket.key, [t for t in basket.basket.topics if t in topics])


def shares(panel: Panel, group: Group, basket: str, topics: Iterable[str]) -> Iterator[Observation]:
    """Each topic's share of its basket over time, where it can be told (`trends.chart_share.shares_of`)."""
    drawn = {topic: points for topic in topics if len(points := drawn_points(group, panel, topic))}
    for topic, (share, _) in shares_of(group, drawn).items():
        points = drawn[topic]
        series = _series(TREND_SHARE, topic, basket, group.metric, group.labels)
        for time, value, bound in zip(points.times, share, points.bounds, strict=True):
            if not np.isnan(value):
                yield Observation(series, int(time), round(float(value), 6), readings.ratio_bound(int(bound)))


def _of_tables(summary: BasketSummary) -> Iterator[Observation]:
    """Changes over 52 weeks and places, at the time of the figure that they speak of."""
    for table in summary.tables:
        for row in table.rows:
            change = row.changes[_YEAR]
            if change is not None and change.percent is not None:
                series = _series(TREND_GROWTH, row.topic, summary.basket.key, table.metric, table.labels)
                yield Observation(series, row.latest.time, round(change.percent, 6), change.bound)
        yield from _places(summary.basket.key, table)


def _places(basket: str, table: Table) -> Iterator[Observation]:
    """Places by the latest figure: equal figures share one. Percentages and indices of one fetch have none."""
    if len(table.rows) < 2 or table.metric.kind is Kind.INDEX:
        return
    time = table.share_time if table.share_time is not None else max(row.latest.time for row in table.rows)
    for row in table.rows:
        place = 1 + sum(other.latest.value > row.latest.value for other in table.rows)
        bound = readings.ratio_bound(*(other.latest.bound for other in table.rows))
        yield Observation(_series(TREND_RANK, row.topic, basket, table.metric, table.labels), time, float(place), bound)


def indices(claims: Claims) -> Iterator[Observation]:
    """Each topic's place on the adoption index (100: the basket's geometric mean), in the week of the claims' present.

    Where the index is withheld, there is none.
    """
    week = floor(claims.present, Cadence.WEEK)
    for basket in claims.baskets:
        for rank in basket.index.ranks if not basket.index.withheld else ():
            if rank.level is not None:
                series = Series(TREND_INDEX.name, rank.topic, (("basket", basket.basket),), origin=DERIVED_ORIGIN)
                yield Observation(series, week, round(rank.level, 6), Bound.ESTIMATE)


def coverage(frame: pd.DataFrame) -> Iterator[Observation]:
    """Per source and week the percentage of planned figures that were measured (of `scheduler.status.coverage_frame`)."""
    closed = frame[frame["outcome"] != str(Outcome.OPEN)]
    for key, part in closed.groupby(["source", "week"], sort=True):
        source, week = str(key[0]), int(str(key[1]))
        done = int(part.loc[part["outcome"].isin(_DONE), "count"].sum())
        series = Series(COVERAGE_MEASURED.name, "", (("source", source),), origin=DERIVED_ORIGIN)
        yield Observation(series, week, round(100 * done / int(part["count"].sum()), 6), Bound.EXACT)


def _series(metric: Metric, topic: str, basket: str, of: Metric, labels: Labels) -> Series:
    own = {"basket": basket, "metric": of.name} | {k: v for k, v in labels if k not in {"basket", "metric"}}
    if of.version != 1:
        own["metric_version"] = str(of.version)
    return Series(metric.name, topic, tuple(sorted(own.items())), origin=DERIVED_ORIGIN)
