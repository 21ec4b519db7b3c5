"""Turns changes of the journal into what can be sent: lines, and what lines cannot say. No request is made here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from sqlalchemy import Connection

from storage import feed
from storage.dialects import Both, say
from storage.exports import escaped_tag, line_parts, line_writer
from storage.feed import Change, Feed, Names, Place, Run
from storage.influx.address import Machine
from storage.lookups import ALWAYS
from storage.model import Event, Series, State
from storage.parking import Key, Parked
from storage.periods import iso
from storage.repairs import Repair

SHORT = 50  # points a run, below which single points are read
_LINES: Both = (
    (
        "SELECT group_concat(line, char(10)) FROM ("
        "SELECT CASE WHEN state = 0 AND bound = 0 AND abs(value) < 1e16 AND value = CAST(value AS INTEGER)"
        " THEN ? || CAST(value AS INTEGER) || ' ' || time || '000000000' END AS line"
        " FROM points WHERE series_id = ? AND time BETWEEN ? AND ? AND +seq = ?)"  # + keeps the reading in the order in which points lie
    ),
    (
        "SELECT string_agg(CASE WHEN state = 0 AND bound = 0 AND abs(value) < 1e16 AND value = trunc(value)"
        " THEN CAST(? AS text) || CAST(value AS bigint) || ' ' || time || '000000000' END, chr(10) ORDER BY time)"
        " FROM points WHERE series_id = ? AND time BETWEEN ? AND ? AND seq = ?"
    ),
)


@dataclass(slots=True)
class Batch:
    """Lines, and the feed's place once they are acknowledged.

    ``pieces`` say whose the lines are: a series' id and how many in a row. ``repairs``: series that must be sent anew; ``parked``:
    points that the server would drop without a word; ``dropped``: how many are older than what it keeps; ``gone``: points
    that are withdrawn or held back.
    """

    place: Place
    lines: list[str] = field(default_factory=list)
    pieces: list[tuple[int, int]] = field(default_factory=list)
    repairs: dict[int, Repair] = field(default_factory=dict)
    parked: list[Parked] = field(default_factory=list)
    gone: list[Key] = field(default_factory=list)
    dropped: int = 0
    changes: int = 0
    body: bytes | None = None  # all lines as they travel, where that was made beforehand
    last_time: int | None = None  # of a repair: the last point that was read

    def keys(self) -> Iterator[Key]:
        """The points of the lines, in their order."""
        lines = iter(self.lines)
        for series_id, count in self.pieces:
            for line in islice(lines, count):
                yield series_id, int(line[line.rindex(" ") :]) // 1_000_000_000

    def settled(self) -> Iterator[Key]:
        """Points that are not parked any more."""
        yield from self.keys()
        yield from self.gone


class Writers:
    """What writes a series' lines, by its id; kept as long as the series keeps its name."""

    def __init__(self) -> None:
        self._names = Names()
        self._known: dict[int, Series] = {}
        self._kept: dict[int, tuple[Series, str]] = {}

    def look(self, connection: Connection, ids: Iterable[int]) -> None:
        """Learn some series."""
        self._known = self._names.of(connection, ids)
        if len(self._kept) > 200_000:
            self._kept.clear()

    def series(self, connection: Connection, series_id: int) -> Series:
        return self._names.of(connection, [series_id])[series_id]

    def line(self, series_id: int, row: Change, *, telling_bound: bool) -> str:
        """One line. ``telling_bound`` writes an exact bound too, because another one may stand there."""
        return line_writer(self._known[series_id], bounds=telling_bound)(row[1], row[2] or 0.0, row[3], 0)

    def lines(self, connection: Connection, run: Run) -> list[str]:
        """The lines of a run of exact whole numbers, which most are, put together by the database; fewer where others are among them.

        They read as those of `storage.exports.line_writer`, at a third of the time.
        """
        series, kept = self._known[run.series_id], self._kept.get(run.series_id)
        if kept is None or kept[0] is not series:
            kept = self._kept[run.series_id] = (series, line_parts(series)[0])
        found = connection.exec_driver_sql(say(connection, _LINES), (kept[1], run.series_id, run.first, run.last, run.seq)).scalar()
        return [] if found is None else str(found).split("\n")


def next_changes(connection: Connection, writers: Writers, standing: Feed, after: Place, limit: int, machine: Machine, now: int) -> Batch:
    """The next batch of the feed after a place; its ``changes`` is 0 at the end."""
    runs = feed.runs(connection, after, limit)
    if not runs:
        return Batch(after)
    last = runs[-1]
    batch = Batch(Place(last.seq, last.series_id, last.last), changes=sum(run.count for run in runs))
    writers.look(connection, {run.series_id for run in runs})
    low, high = kept_times(machine, now)
    if batch.changes < SHORT * len(runs):
        _add_all(batch, connection, writers, standing, feed.changes(connection, after, limit), machine, (low, high), after)
        return batch
    for run in runs:
        ordinary = low <= run.first and run.last <= high and not feed.revised(connection, run)
        lines = writers.lines(connection, run) if ordinary else []
        if len(lines) == run.count:
            batch.lines += lines
            batch.pieces.append((run.series_id, run.count))
        else:
            _add_all(batch, connection, writers, standing, feed.of_run(connection, run), machine, (low, high), after)
    return batch


def next_of_repair(
    connection: Connection, writers: Writers, standing: Feed, repair: Repair, limit: int, machine: Machine, now: int
) -> Batch:
    """The next lines of a series that is sent again, as far as the feed has come; the rest the feed itself sends."""
    rows = feed.of_series(connection, repair.series_id, repair.next, repair.until, standing.place.seq, limit)
    batch = Batch(standing.place, changes=len(rows), last_time=rows[-1][1] if len(rows) == limit else None)
    writers.look(connection, [repair.series_id])
    _add_all(batch, connection, writers, standing, rows, machine, kept_times(machine, now), None)
    return batch


def kept_times(machine: Machine, now: int) -> tuple[int, int]:
    """The first and last time that the server keeps; what lies outside VictoriaMetrics drops without a word."""
    low = -ALWAYS if not machine.victoria else max(0, now - (ALWAYS if machine.oldest is None else machine.oldest))
    return low, ALWAYS if machine.newest is None else now + machine.newest


def _add_all(
    batch: Batch,
    connection: Connection,
    writers: Writers,
    standing: Feed,
    rows: Iterable[Change],
    machine: Machine,
    kept: tuple[int, int],
    after: Place | None,
) -> None:
    """Points one by one. With ``after`` (where the feed is) what overwriting cannot express becomes a repair."""
    for row in rows:
        _add(batch, connection, writers, standing, row, machine, kept, after)


def _add(
    batch: Batch,
    connection: Connection,
    writers: Writers,
    standing: Feed,
    row: Change,
    machine: Machine,
    kept: tuple[int, int],
    after: Place | None,
) -> None:
    """One point of which something is out of the ordinary. ``kept`` are the first and last time that the server keeps."""
    series_id, time, value, _, state, _, revised = row
    before = feed.sent_before(connection, standing, row, after) if revised and after is not None else None
    if before is not None and _beyond_overwriting(row, before, machine):
        batch.repairs[series_id] = _widened(batch.repairs.get(series_id), series_id, time, machine)
    if state != State.GOOD or value is None:
        batch.gone.append((series_id, time))
        return
    line = writers.line(series_id, row, telling_bound=bool(revised))
    if time > kept[1]:
        why = f"VictoriaMetrics drops figures that lie more than two days ahead, and this is of {iso(time)}"
        batch.parked.append(Parked(series_id, time, line, f"{why}; send it when its time has come: uptake influx resend"))
    elif time < kept[0]:
        batch.dropped += 1
    elif not (machine.victoria and series_id in batch.repairs):  # there the repair sends all of the series
        batch.lines.append(line)
        batch.pieces.append((series_id, 1))


def _widened(known: Repair | None, series_id: int, time: int, machine: Machine) -> Repair:
    if machine.victoria:  # it removes whole series only
        return Repair(series_id, wipe=True)
    return (
        Repair(series_id, min(known.since, time), max(known.until, time), wipe=True) if known else Repair(series_id, time, time, wipe=True)
    )


def _beyond_overwriting(row: Change, before: tuple[float, int], machine: Machine) -> bool:
    """Whether the server's copy stays wrong though the point is written again."""
    _, _, value, bound, state, _, _ = row
    if state != State.GOOD or value is None:
        return True
    if not machine.victoria:
        return False
    # Current releases keep the highest of several values at one time, and without deduplication all are kept.
    return not machine.deduplicates or value < before[0] or bound < before[1]


def event_line(number: int, event: Event, machine: Machine) -> str:
    """An event as a line of the measurement ``events``. Two of the same second differ in their nanoseconds, by their number.

    VictoriaMetrics keeps no text in fields: there the text is a tag.
    """
    nanoseconds = event.time * 1_000_000_000 + (0 if machine.victoria else number % 1_000_000_000)
    words = " ".join(event.text.split())
    tags = {"kind": event.kind} | ({"topic": event.topic} if event.topic else {})
    if machine.victoria:
        tags |= {"text": words, "url": event.url}
        return f"events{_tags(tags)} happened=1 {nanoseconds}"
    fields = {"text": words, "url": event.url, "source": event.source}
    return f"events{_tags(tags)} {','.join(f'{k}={_string(v)}' for k, v in fields.items())} {nanoseconds}"


def _tags(tags: dict[str, str]) -> str:
    return "".join(f",{key}={escaped_tag(value)}" for key, value in sorted(tags.items()) if value)


def _string(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
