"""Series out: CSV, JSON, Parquet and line protocol, streamed series by series.

CSV is what `storage.figures` reads. Retracted values never leave. Values that are held as suspect leave only when
asked for, and then say so: in CSV and Parquet before the bound (``suspect exact``), in JSON as ``state``, in line
protocol as the field ``<name>_suspect``.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from sqlalchemy import Connection

from storage import frames
from storage.figures import COLUMNS, SUSPECT
from storage.lookups import ALWAYS
from storage.model import Bound, Series, State, labels_text
from storage.periods import iso

_BATCH = 50_000  # points in memory at once, beyond those of one series
_BOUND_NAMES = {Bound.EXACT: "exact", Bound.AT_LEAST: "at_least", Bound.ESTIMATE: "estimate"}
_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Selection:
    """Which points to export; everything that is left out is not restricted.

    ``since`` and ``until`` are epoch seconds, both included; ``as_of`` is a sequence of the journal. For pages: ``most``
    points, in order of the series' ids, after the point (id, time) with which the page before ended.
    """

    metric: str | None = None
    topics: Sequence[str] | None = None
    source: str | None = None
    since: int | None = None
    until: int | None = None
    as_of: int | None = None
    suspect: bool = False
    series: Sequence[Series] | None = None
    after: tuple[int, int] | None = None
    most: int | None = None


EVERYTHING = Selection()


@dataclass(frozen=True, slots=True)
class Point:
    """A stored value with where it was read: a citation, or the addresses of its responses."""

    time: int
    value: float
    bound: Bound
    state: State
    observed_at: int | None
    citation: str

    @property
    def bound_text(self) -> str:
        name = _BOUND_NAMES[self.bound]
        return f"{SUSPECT} {name}" if self.state is State.SUSPECT else name


Pairs = Iterable[tuple[Series, list[Point]]]


def read(connection: Connection, selection: Selection = EVERYTHING) -> Iterator[tuple[Series, list[Point]]]:
    """Series that have points to export, in order of metric, topic and labels, each with its points in time order."""
    catalogue = frames.catalogue(connection, metric=selection.metric, topics=selection.topics, as_of=selection.as_of)
    chosen = [
        (series, int(i))
        for series, i in zip(catalogue["series"], catalogue["id"], strict=True)
        if (selection.source is None or series.source == selection.source) and (selection.series is None or series in selection.series)
    ]
    low = -ALWAYS if selection.since is None else selection.since
    high = ALWAYS if selection.until is None else selection.until
    states = {State.GOOD, State.SUSPECT} if selection.suspect else {State.GOOD}
    citations: dict[int | None, str] = {None: ""}
    left = selection.most
    for series, series_id in _in_order(chosen, selection):
        start = max(low, selection.after[1] + 1) if selection.after is not None and series_id == selection.after[0] else low
        rows = [row for row in frames.point_rows(connection, series_id, start, high, selection.as_of) if row[4] in states]
        if left is not None:
            rows = rows[:left]
            left -= len(rows)
        if not rows:
            if left == 0:
                return
            continue
        wanted = {row[6] for row in rows}
        if len(citations) > _BATCH:
            citations = {None: ""}
        citations.update(_citations(connection, wanted.difference(citations)))
        yield (
            series,
            [
                Point(time, float(value or 0), Bound(bound), State(state), seen, citations[evidence])
                for _, time, value, bound, state, seen, evidence, _ in rows
            ],
        )


def _in_order(chosen: list[tuple[Series, int]], selection: Selection) -> list[tuple[Series, int]]:
    if selection.most is None:
        return sorted(chosen, key=lambda pair: (pair[0].metric, pair[0].topic, pair[0].tags()))
    first = -1 if selection.after is None else selection.after[0]
    return sorted((pair for pair in chosen if pair[1] >= first), key=lambda pair: pair[1])


def _citations(connection: Connection, ids: Iterable[int | None]) -> dict[int | None, str]:
    """What each row of evidence is shown as: the citation, or the address of the response (of each, for several)."""
    found: dict[int | None, str] = {}
    sets: dict[int, list[int]] = {}
    wanted = sorted(i for i in ids if i is not None)
    for i in range(0, len(wanted), 500):
        part = wanted[i : i + 500]
        marks = ",".join("?" * len(part))
        for key, kind, url, text in connection.exec_driver_sql(
            f"SELECT id, kind, url, text FROM evidence WHERE id IN ({marks})", tuple(part)
        ):
            if kind == "set":
                sets[key] = json.loads(text)
            else:
                found[key] = text if kind == "citation" else url
    if sets:
        members = _citations(connection, {m for each in sets.values() for m in each})
        found |= {key: " ".join(dict.fromkeys(members[m] for m in each)) for key, each in sets.items()}
    return found


def number(value: float) -> str:
    """A value as text that reads back as the same float: whole numbers without a point."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e16 else repr(value)


def write_csv(connection: Connection, out: IO[str], selection: Selection = EVERYTHING, *, pairs: Pairs | None = None) -> int:
    """Write CSV in the columns of `storage.figures.COLUMNS`. Returns how many points were written."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    count = 0
    for series, points in read(connection, selection) if pairs is None else pairs:
        head = (series.source, series.metric, series.topic, labels_text(series.tags()))
        writer.writerows((iso(p.time), *head, number(p.value), p.bound_text, iso(p.observed_at), p.citation) for p in points)
        count += len(points)
    return count


def write_json(connection: Connection, out: IO[str], selection: Selection = EVERYTHING) -> int:
    """Write one JSON document, ``{"series": [{name, source, metric, topic, labels, unit, kind, points}]}``, one series a line."""
    meanings = frames.definitions(connection)
    count = 0
    out.write('{"series": [')
    for series, points in read(connection, selection):
        metric = meanings.of(series)
        document = {
            "name": str(series),
            "source": series.source,
            "metric": series.metric,
            "topic": series.topic,
            "labels": dict(series.tags()),
            "unit": metric.unit,
            "kind": str(metric.kind),
            "points": [_document(p) for p in points],
        }
        out.write(("," if count else "") + "\n" + json.dumps(document, ensure_ascii=False))
        count += len(points)
    out.write("\n]}\n")
    return count


def _document(point: Point) -> dict[str, object]:
    whole = point.value.is_integer() and abs(point.value) < 2**53
    document: dict[str, object] = {
        "time": iso(point.time),
        "value": int(point.value) if whole else point.value,
        "bound": _BOUND_NAMES[point.bound],
        "observed_at": iso(point.observed_at) or None,
        "citation": point.citation or None,
    }
    return document | {"state": SUSPECT} if point.state is State.SUSPECT else document


def write_parquet(connection: Connection, out: IO[bytes], selection: Selection = EVERYTHING, *, pairs: Pairs | None = None) -> int:
    """Write Parquet with the columns of the CSV, typed: times in UTC, values as doubles, what is empty as null."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    moment, word = pa.timestamp("ms", tz="UTC"), pa.dictionary(pa.int32(), pa.string())
    types = [moment, word, word, word, word, pa.float64(), word, moment, pa.string()]
    schema = pa.schema([pa.field(name, kind) for name, kind in zip(COLUMNS, types, strict=True)])
    count = 0
    with pq.ParquetWriter(out, schema) as writer:
        for rows in _batched(_flat(read(connection, selection) if pairs is None else pairs)):
            columns = zip(*rows, strict=True)
            arrays = [pa.array(values, kind) for values, kind in zip(columns, types, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            count += len(rows)
    return count


def _flat(pairs: Pairs) -> Iterator[list[tuple[object, ...]]]:
    for series, points in pairs:
        head = (series.source, series.metric, series.topic, labels_text(series.tags()))
        yield [
            (
                p.time * 1000,
                *head,
                p.value,
                p.bound_text,
                None if p.observed_at is None else p.observed_at * 1000,
                p.citation or None,
            )
            for p in points
        ]


def _batched(groups: Iterable[list[tuple[object, ...]]]) -> Iterator[list[tuple[object, ...]]]:
    """Whole groups put together to batches, so that ten thousand short series are not as many row groups."""
    batch: list[tuple[object, ...]] = []
    for group in groups:
        batch += group
        if len(batch) >= _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def write_lines(connection: Connection, out: IO[str], selection: Selection = EVERYTHING) -> int:
    """Write InfluxDB line protocol, one line a point, times in nanoseconds."""
    count = 0
    for series, points in read(connection, selection):
        to_line = line_writer(series)
        out.writelines(to_line(p.time, p.value, p.bound, p.state) + "\n" for p in points)
        count += len(points)
    return count


def line_writer(series: Series, *, bounds: bool = False) -> Callable[[int, float, int, int], str]:
    """What turns a point of a series (time, value, bound, state) into a line of line protocol.

    ``bounds`` says the bound of exact values too, as 0: what overwrites a bound that stood there before.

    >>> line_writer(Series("jobs.postings", "pytorch", (("board", "linkedin"),)))(1580000000, 1973.0, 0, 0)
    'jobs,board=linkedin,topic=pytorch postings=1973 1580000000000000000'
    """
    start, bound_field = line_parts(series)
    name = series.metric.partition(".")[2]

    def line(time: int, value: float, bound: int, state: int) -> str:
        fields = f"{start}{number(value)}"
        if bound or bounds:
            fields += f"{bound_field}{int(bound)}i"
        if state == State.SUSPECT:
            fields += f",{name}_suspect=1i"
        return f"{fields} {time * _NANOSECONDS}"

    return line


def line_parts(series: Series) -> tuple[str, str]:
    """What stands in a series' lines before a value, and before a bound."""
    family, _, name = series.metric.partition(".")
    tags = sorted([*series.tags(), *([("topic", series.topic)] if series.topic else [])])
    return f"{family}{''.join(f',{key}={escaped_tag(value)}' for key, value in tags)} {name}=", f",{name}_bound="


def escaped_tag(value: str) -> str:
    """A tag's value, escaped. One that ends in a backslash gets a space, as InfluxDB's own client gives it: there is no other way."""
    escaped = value.replace(",", "\\,").replace("=", "\\=").replace(" ", "\\ ")
    return f"{escaped} " if escaped.endswith("\\") else escaped


def _as_text(write: Callable[[Connection, IO[str], Selection], int]) -> Callable[[Connection, IO[bytes], Selection], int]:
    def to_bytes(connection: Connection, out: IO[bytes], selection: Selection) -> int:
        text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=False)
        try:
            return write(connection, text, selection)
        finally:
            text.detach()  # flushes, and leaves the file to its owner

    return to_bytes


# Formats by the name that the command line gives them; each writes to a binary file.
FORMATS: dict[str, Callable[[Connection, IO[bytes], Selection], int]] = {
    "csv": _as_text(write_csv),
    "json": _as_text(write_json),
    "lp": _as_text(write_lines),
    "parquet": write_parquet,
}
