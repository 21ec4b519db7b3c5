"""Reads series back from a server: by InfluxQL, which every InfluxDB answers; from VictoriaMetrics by its export, for comparing.

What comes back has values and bounds. Where a figure was read, when it was seen, what it was believed to be before and
why one is missing, only the journal knows.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from storage.influx.address import Machine
from storage.influx.removing import at_server, identifier, quoted, text
from storage.influx.wire import Table, Wire
from storage.model import Event, Series, UsageError

EVENTS = "events"
_BOUND = "_bound"
_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """One series as the server has it, in time order (epoch seconds)."""

    series: Series
    times: npt.NDArray[np.int64]
    values: npt.NDArray[np.float64]
    bounds: npt.NDArray[np.int64]


def families(wire: Wire) -> dict[str, list[str]]:
    """Measurements with the fields in them that hold figures (no bounds, no events)."""
    found: dict[str, list[str]] = {}
    for table in wire.query("SHOW FIELD KEYS"):
        names = {str(row[0]) for row in table.values}
        fields = sorted(n for n in names if not (n.endswith(_BOUND) and n.removesuffix(_BOUND) in names))
        if table.name != EVENTS and fields:
            found.setdefault(table.name, []).extend(fields)
    return found


def read(wire: Wire, topics: Iterable[str] | None = None, *, only: Iterable[str] | None = None) -> Iterator[Read]:
    """Series of some topics and those without one (None: all), of all or some families; in memory is one at a time."""
    wanted = None if only is None else set(only)
    condition = ""
    if topics is not None:
        condition = " WHERE " + " OR ".join(f'"topic" = {text(topic)}' for topic in dict.fromkeys([*map(at_server, topics), ""]))
    for family, fields in families(wire).items():
        if wanted is not None and family not in wanted:
            continue
        columns = ", ".join(f"{identifier(name)}, {identifier(name + _BOUND)}" for name in fields)
        yield from _split(wire.query(f"SELECT {columns} FROM {identifier(family)}{condition} GROUP BY *"), family)


def _split(tables: Iterator[Table], family: str) -> Iterator[Read]:
    """Pieces of series with several fields, as series with one."""
    tags: Mapping[str, str] | None = None
    columns: list[str] = []
    rows: list[list[object]] = []
    for table in tables:
        if tags is not None and table.tags != tags:
            yield from _series_in(family, tags, columns, rows)
            rows = []
        tags, columns = table.tags, table.columns
        rows += table.values
    if tags is not None:
        yield from _series_in(family, tags, columns, rows)


def _series_in(family: str, tags: Mapping[str, str], columns: Sequence[str], rows: list[list[object]]) -> Iterator[Read]:
    by_name = dict(zip(columns, zip(*rows, strict=True), strict=True))
    times = np.array(by_name["time"], dtype="int64") // _SECOND
    for name in columns:
        if name == "time" or (name.endswith(_BOUND) and name.removesuffix(_BOUND) in columns):
            continue
        series = series_of_tags(f"{family}.{name}", tags)
        values = np.array(by_name[name], dtype="float64")  # None becomes NaN, which is never written
        there = ~np.isnan(values)
        if series is None or not there.any():
            continue
        bounds = np.nan_to_num(np.array(by_name.get(name + _BOUND, [0] * len(times)), dtype="float64")).astype("int64")
        yield Read(series, times[there], values[there], bounds[there])


def series_of_tags(metric: str, tags: Mapping[str, str]) -> Series | None:
    """The series that was written with these tags; None for what Uptake does not write."""
    pairs = [(k, f"{v[:-1]}\\" if v.endswith(" ") else v) for k, v in tags.items() if v]  # see `storage.influx.removing.tags_of`
    try:
        return Series.of(metric, "", pairs)
    except UsageError:
        return None


def events(wire: Wire, topics: Iterable[str] | None = None) -> list[Event]:
    """Events, of some topics and of all, in time order."""
    wanted = None if topics is None else {*topics, ""}
    found = []
    for table in wire.query(f'SELECT "text", "url", "source" FROM {identifier(EVENTS)} GROUP BY "kind", "topic"'):
        topic = table.tags.get("topic", "")
        if wanted is None or topic in wanted:
            found += [
                (row[0], Event(row[0] // _SECOND, table.tags["kind"], row[1] or "", topic, row[2] or "", row[3] or ""))
                for row in table.values
            ]
    return [event for _, event in sorted(found, key=lambda pair: pair[0])]


def exported(wire: Wire, machine: Machine, known: Iterable[Series]) -> Iterator[Read]:
    """The series of a VictoriaMetrics whose metrics are known, with raw samples (its names do not tell family from name)."""
    assert machine.victoria
    names = {series.metric.replace(".", "_", 1): series.metric for series in known}
    bounds: dict[tuple[str, tuple[tuple[str, str], ...]], dict[int, int]] = defaultdict(dict)
    for name, tags, times, values in _samples(wire, "|".join(f"{n}{_BOUND}" for n in sorted(names))):
        bounds[name.removesuffix(_BOUND), tags].update(zip(times, map(int, values), strict=True))
    for name, tags, times, values in _samples(wire, "|".join(sorted(names))):
        series = series_of_tags(names[name], dict(tags))
        if series is not None:
            of_time = bounds.get((name, tags), {})
            order = np.argsort(np.array(times, dtype="int64"), kind="stable")
            found = np.array([of_time.get(t, 0) for t in times], dtype="int64")
            yield Read(series, np.array(times, dtype="int64")[order], np.array(values, dtype="float64")[order], found[order])


def _samples(wire: Wire, pattern: str) -> Iterator[tuple[str, tuple[tuple[str, str], ...], list[int], list[float]]]:
    wire.ask("GET", "/internal/force_flush")  # else the newest samples are not seen for a second
    match = "{" + f"__name__=~{quoted(pattern)}" + "}"
    answer = wire.expect("POST", "/api/v1/export", {"match[]": match, "start": "0", "end": "4102444800"})
    for line in answer.body.splitlines():
        document = json.loads(line)
        tags = tuple(sorted((k, v) for k, v in document["metric"].items() if k != "__name__"))
        yield document["metric"]["__name__"], tags, [t // 1000 for t in document["timestamps"]], document["values"]
