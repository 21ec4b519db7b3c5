"""Series as pandas frames, latest or as of a sequence. What trends, charts and exports read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import cast

import numpy as np
import pandas as pd
from sqlalchemy import Connection, select

from storage import rollup, schema
from storage.lookups import ALWAYS, series_of
from storage.model import DERIVED_ORIGIN, Cadence, Kind, Metric, Series

_CATALOGUE = ["id", "name", "series", "source", "metric", "version", "origin", "topic", "labels"]


class Definitions:
    """What metrics mean: a source's own definition, else the one that all share, else a plain level."""

    def __init__(self, rows: dict[tuple[str, int, str], Metric]) -> None:
        self._rows = rows

    def of(self, series: Series) -> Metric:
        name, version = series.metric, series.version
        found = self._rows.get((name, version, series.source)) or self._rows.get((name, version, ""))
        if found is None:  # the newest definition of that name is nearer the truth than a guess
            found = max((m for (n, _, _), m in self._rows.items() if n == name), key=lambda m: m.version, default=None)
        return found or Metric(name, Kind.LEVEL, "", Cadence.DAY, name, "Imported; nothing is known of how it was counted.", version)


def definitions(connection: Connection) -> Definitions:
    """Definitions of all metrics that were ever planned or imported."""
    return Definitions(
        {
            (row.name, row.version, row.source): Metric(
                row.name,
                Kind(row.kind),
                row.unit,
                Cadence(row.cadence),
                row.title,
                row.note,
                row.version,
                row.settle,
                row.lag,
                row.compared,
            )
            for row in connection.execute(select(schema.metrics))
        }
    )


def catalogue(
    connection: Connection,
    *,
    metric: str | None = None,
    topics: Iterable[str] | None = None,
    as_of: int | None = None,
    derived: bool = False,
) -> pd.DataFrame:
    """All series, one a row: ``id``, ``name``, ``series`` (the `Series`), source, metric, version, origin, topic, labels (dict).

    Derived series (`storage.model.DERIVED_ORIGIN`) are conclusions, no measurements: they are among them only where
    ``derived`` says so, or where their metric is asked for by name.
    """
    query = select(schema.series).order_by(schema.series.c.metric, schema.series.c.topic, schema.series.c.id)
    if metric is not None:
        query = query.where(schema.series.c.metric == metric)
    elif not derived:
        query = query.where(schema.series.c.origin != DERIVED_ORIGIN)
    if topics is not None:
        query = query.where(schema.series.c.topic.in_(list(topics)))
    if as_of is not None:
        query = query.where(schema.series.c.seq <= as_of)
    rows = []
    for row in connection.execute(query):
        series = series_of(row)
        rows.append((row.id, str(series), series, row.source, row.metric, row.version, row.origin, row.topic, json.loads(row.labels)))
    return pd.DataFrame(rows, columns=_CATALOGUE)


_POINTS = ["series_id", "time", "value", "bound", "state", "observed_at", "evidence_id", "seq"]
# One row of these columns.
PointRow = tuple[int, int, float | None, int, int, int | None, int | None, int]

_NOW = f"SELECT {', '.join(_POINTS)} FROM points WHERE series_id = ? AND time BETWEEN ? AND ? ORDER BY time"
_THEN = (
    f"SELECT {', '.join(_POINTS)} FROM points WHERE series_id = ? AND time BETWEEN ? AND ? AND seq <= ?"
    f" UNION ALL SELECT {', '.join(_POINTS)} FROM revisions"
    " WHERE series_id = ? AND time BETWEEN ? AND ? AND seq <= ? AND seq_to > ? ORDER BY time"
)


def points(
    connection: Connection,
    ids: Sequence[int],
    *,
    since: int | None = None,
    until: int | None = None,
    as_of: int | None = None,
) -> pd.DataFrame:
    """Points of some series in time order: series_id, time (epoch s), value, bound, state, observed_at, evidence_id, seq.

    Suspect and retracted points are included; keep ``state == 0`` for claims. ``as_of`` is a sequence.
    """
    low, high = -ALWAYS if since is None else since, ALWAYS if until is None else until
    rows: list[PointRow] = []
    for series_id in ids:
        rows += point_rows(connection, series_id, low, high, as_of)
    columns: Iterable[Sequence[float | None]] = zip(*rows, strict=True) if rows else [()] * len(_POINTS)
    return pd.DataFrame({name: _column(name, values) for name, values in zip(_POINTS, columns, strict=True)})


def point_rows(connection: Connection, series_id: int, low: int, high: int, as_of: int | None) -> list[PointRow]:
    """Points of one series in time order, as the columns of `points`."""
    if as_of is None:
        found = connection.exec_driver_sql(_NOW, (series_id, low, high))
    else:
        found = connection.exec_driver_sql(_THEN, (series_id, low, high, as_of, series_id, low, high, as_of, as_of))
    return cast("list[PointRow]", found.all())


def _column(name: str, values: Sequence[float | None]) -> object:
    if name not in {"observed_at", "evidence_id"}:
        return np.array(values, dtype="float64" if name == "value" else "int64")
    absent = np.array([v is None for v in values], dtype=bool)
    return pd.arrays.IntegerArray(np.array([v or 0 for v in values], dtype="int64"), absent)


def weekly(connection: Connection, ids: Sequence[int] | None = None, *, since: int | None = None, as_of: int | None = None) -> pd.DataFrame:
    """Weekly aggregates as `storage.rollup.read` gives them."""
    return rollup.read(connection, ids, since=since, as_of=as_of)


def events(connection: Connection, topics: Iterable[str] | None = None, *, as_of: int | None = None) -> pd.DataFrame:
    """Events in time order: time (epoch s), kind, topic, text, url, source. Those without a topic belong to all."""
    query = select(schema.events).order_by(schema.events.c.time, schema.events.c.id)
    if topics is not None:
        query = query.where(schema.events.c.topic.in_([*topics, ""]))
    if as_of is not None:
        query = query.where(schema.events.c.seq <= as_of)
    columns = ["time", "kind", "topic", "text", "url", "source"]
    return pd.DataFrame([[getattr(row, c) for c in columns] for row in connection.execute(query)], columns=columns)


def evidence(connection: Connection, ids: Iterable[int]) -> dict[int, dict[str, object]]:
    """Rows of evidence by id; a set's members are under ``members``."""
    found: dict[int, dict[str, object]] = {}
    for i in dict.fromkeys(ids):
        row = connection.execute(select(schema.evidence).where(schema.evidence.c.id == i)).mappings().first()
        if row is not None:
            found[i] = dict(row)
            if row["kind"] == "set":
                members = json.loads(row["text"])
                found[i]["members"] = list(evidence(connection, members).values())
    return found
