"""Shares of a basket over time, as charts draw them: only where what is missing cannot matter, with intervals where these are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from storage.model import Bound, Kind
from trends import readings, share
from trends.bands import AROUND
from trends.panel import Floats, Group, Ints, Points, summable

SMALL = 2.0  # percent of the basket that may be missing from a share, which then is an estimate


@dataclass(frozen=True, slots=True)
class Parts:
    """A basket by common periods (rows) and topics (columns): figures (``table``), the sum of those that stand (``whole``) and of
    the last ones of who is silent (``missing``), the last ones of who is in play (``known``), and where shares are ``sound``.
    """

    table: pd.DataFrame
    whole: pd.Series
    missing: pd.Series
    known: pd.DataFrame
    sound: pd.Series


def parts_of(group: Group, drawn: Mapping[str, Points]) -> Parts | None:
    """Who had what when; None where there is nothing to share.

    As in the summary, a level counts until it is older than two of its own periods. A topic is in play from its
    first to its last value; where one in play has no such figure its last one tells how much is missing: under `SMALL`
    percent the share is given without it, else there is none.
    """
    if len(drawn) < 2 or group.metric.kind in {Kind.SHARE, Kind.INDEX}:
        return None
    columns = {t: pd.Series(p.values, index=readings.buckets(group.metric, p.times)) for t, p in drawn.items()}
    table = pd.DataFrame({t: c[~c.index.duplicated(keep="last")] for t, c in columns.items()}).sort_index()
    known = table.ffill().where(table.bfill().notna())  # in play: some value before and some after
    stands = table if summable(group.metric) else table.fillna(_still_fresh(group, drawn, table))
    whole = stands.sum(axis=1)
    missing = known.where(stands.isna()).sum(axis=1)
    sound = (whole > 0) & (100 * missing <= SMALL * (whole + missing)) & (known.notna().sum(axis=1) > 1)
    return Parts(table, whole, missing, known, sound)


def shares_of(group: Group, drawn: Mapping[str, Points], parts: Parts | None = None) -> dict[str, tuple[Floats, Ints]]:
    """Per topic: its share of the basket (percent, NaN where unknown) and the runs of its share's line.

    A line breaks where a topic of more than `SMALL` percent enters or leaves the basket.
    """
    parts = parts or parts_of(group, drawn)
    if parts is None:
        return {}
    shared = parts.table.div(parts.whole, axis=0).mul(100).where(parts.sound, other=np.nan)
    moved = _composition(parts.known, parts.whole)
    result = {}
    for topic, points in drawn.items():
        at = readings.buckets(group.metric, points.times)
        runs = readings.line_runs(group.metric, points) + moved.reindex(at).fillna(0).to_numpy("int64") * 1000
        result[topic] = (shared[topic].reindex(at).to_numpy("float64"), runs)
    return result


def intervals_of(group: Group, drawn: Mapping[str, Points], parts: Parts) -> dict[str, tuple[Floats, Floats]]:
    """Per topic of a metric that is counted by chance the 95 % interval of each share in percent, NaN where a part is not exact.

    The little that may be missing makes it wider: it could be there, or not.
    """
    whole = parts.whole.where(parts.sound)
    for points in drawn.values():
        whole[np.isin(whole.index, readings.buckets(group.metric, points.times[points.bounds != Bound.EXACT]))] = np.nan
    counts = parts.table.to_numpy("float64").T
    least, most = (np.broadcast_to(x.to_numpy("float64"), counts.shape) for x in (whole, whole + parts.missing))
    ends = share.within(counts, most, AROUND).low, share.within(counts, least, AROUND).high
    low, high = (pd.DataFrame(end.T, index=parts.table.index, columns=parts.table.columns) for end in ends)
    result = {}
    for topic, points in drawn.items():
        at = readings.buckets(group.metric, points.times)
        result[topic] = (low[topic].reindex(at).to_numpy("float64"), high[topic].reindex(at).to_numpy("float64"))
    return result


def _still_fresh(group: Group, drawn: Mapping[str, Points], table: pd.DataFrame) -> pd.DataFrame:
    """Per topic the last value, for as long as it is not stale and another follows."""
    at = pd.Series(table.index, index=table.index)
    filled = {}
    for topic, points in drawn.items():
        column = table[topic]
        age = at - at.where(column.notna()).ffill()
        filled[topic] = column.ffill().where((age <= 2 * readings.pace(group.metric, points.times)) & column.bfill().notna())
    return pd.DataFrame(filled)


def _composition(known: pd.DataFrame, whole: pd.Series) -> pd.Series:
    """A number that grows whenever a topic of weight enters or leaves the basket."""
    present = known.notna()
    weight = known.div(whole.where(whole > 0), axis=0).mul(100)
    changed = present.ne(present.shift(fill_value=False)) & (weight.fillna(0).combine(weight.shift().fillna(0), np.maximum) > SMALL)
    return changed.any(axis=1).cumsum()
