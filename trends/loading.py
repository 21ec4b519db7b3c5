"""Reading a `Panel` from the journal: the one way in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

import numpy as np
import pandas as pd
from sqlalchemy import Connection, select

from storage import frames, schema
from storage.lookups import read_from
from storage.model import IMPORTED_ORIGIN, Metric, Series, State
from trends.panel import Evidence, Floats, Group, Ints, Labels, Line, Panel, Points


def load(
    connection: Connection,
    topics: Iterable[str],
    *,
    now: int,
    as_of: int | None = None,
    until: int | None = None,
    since: int | None = None,
    only: Callable[[Series], bool] | None = None,
) -> Panel:
    """Read the series of some topics and their denominators.

    ``now`` is the present (epoch seconds), moved back to ``until`` where that is earlier; points after it are left
    out, also those that are planned for a time to come. ``as_of`` is a journal sequence. ``since`` and ``only`` keep
    out points before a time and series that nobody asks for, where all of them would be too many.
    """
    keys = tuple(dict.fromkeys(topics))
    present = now if until is None else min(now, until)
    table = frames.catalogue(connection, topics=[*keys, ""], as_of=as_of)
    pairs = zip(table["id"].tolist(), table["series"].tolist(), strict=True)
    wanted = {s: i for i, s in pairs if (s.topic or _is_total(s)) and (only is None or only(s))}
    meaning = frames.definitions(connection)
    read = frames.points(connection, list(wanted.values()), since=since, until=present, as_of=as_of)
    by_series = _by_series(read)
    lines = [_line(series, meaning.of(series), by_series[i]) for series, i in wanted.items() if i in by_series]
    groups = sorted(
        _groups(line for line in lines if line.series.topic and line.metric.compared),
        key=lambda g: (g.metric.name, g.labels, g.metric.version),
    )
    totals = tuple(_groups(line for line in lines if not line.series.topic))
    used = {int(i) for i in read["evidence_id"].dropna().unique()}
    events = frames.events(connection, keys, as_of=as_of)
    known = _evidence(connection, used), events[events["time"] <= present], read_from(connection)
    return Panel(present, as_of, until, keys, tuple(groups), totals, *known)


def _is_total(series: Series) -> bool:
    return series.metric.partition(".")[2].startswith("total")


_Part = tuple[Ints, Floats, Ints, Ints, Ints]  # times, values, bounds, evidence, states


def _by_series(read: pd.DataFrame) -> dict[int, _Part]:
    """Points by series. Cut from whole columns: frames of some points each took most of the time of reading a panel."""
    ids = read["series_id"].to_numpy("int64")
    columns = (
        read["time"].to_numpy("int64"),
        read["value"].to_numpy("float64"),
        read["bound"].to_numpy("int64"),
        read["evidence_id"].fillna(0).to_numpy("int64"),
        read["state"].to_numpy("int64"),
    )
    edges = [0, *(np.flatnonzero(np.diff(ids)) + 1).tolist(), len(ids)]
    return {int(ids[a]): tuple(column[a:b] for column in columns) for a, b in pairwise(edges) if a < b}  # type: ignore[misc]  # five of them


def _line(series: Series, metric: Metric, part: _Part) -> Line:
    imported = series.origin == IMPORTED_ORIGIN
    return Line(series, metric, _points(part, State.GOOD, imported), _points(part, State.SUSPECT, imported))


def _points(part: _Part, state: State, imported: bool) -> Points:
    kept = (part[4] == state) & ~np.isnan(part[1])
    columns = (part[0][kept], part[1][kept], part[2][kept], part[3][kept], np.full(int(kept.sum()), imported))
    for column in columns:
        column.setflags(write=False)
    return Points(*columns)


def _groups(lines: Iterable[Line]) -> Iterator[Group]:
    found: dict[tuple[str, int, Labels], list[Line]] = defaultdict(list)
    for line in lines:
        found[line.series.metric, line.series.version, line.labels].append(line)
    for (_, version, labels), members in found.items():
        # The definition of whoever measures it now; an imported figure has the meaning that it was given.
        metric = min(members, key=lambda line: (line.imported, bool(line.period))).metric
        if metric.version != version:
            metric = next((line.metric for line in members if line.metric.version == version), metric)
        yield Group(metric, labels, tuple(members))


def _evidence(connection: Connection, ids: set[int], chunk: int = 500) -> dict[int, Evidence]:
    """Evidence by id. Read in chunks: daily figures have a page each, and one query a page takes seconds."""
    table, wanted = schema.evidence, sorted(ids)
    rows = [
        row
        for i in range(0, len(wanted), chunk)
        for row in connection.execute(
            select(table.c.id, table.c.kind, table.c.text, table.c.url, table.c.fetched_at).where(table.c.id.in_(wanted[i : i + chunk]))
        )
    ]
    found = {row.id: Evidence("" if row.kind == "capture" else row.text, row.url, row.fetched_at) for row in rows if row.kind != "set"}
    for row in rows:
        if row.kind == "set":
            members = list(frames.evidence(connection, [row.id]).get(row.id, {}).get("members", []))  # type: ignore[call-overload]
            first = members[0] if members else {}
            found[row.id] = Evidence("", str(first.get("url", "")), first.get("fetched_at"), len(members))
    return found


__all__ = ["load"]
