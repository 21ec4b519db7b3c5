"""The change feed: what the journal learnt since a receiver last said yes, in the order of sequences, in batches.

A feed's place is ``(seq, series_id, time)``, so that a transaction of ten million points can be sent in parts. A
change is read as the point stands now: of two revisions while the receiver was away the last is sent. A point that
changes while a batch is on its way gets a later sequence and comes again; none can be missed, because sequence order
is commit order. Memory is that of one batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import Connection, case, select

from storage import schema
from storage.dialects import plain_text
from storage.lookups import ALWAYS, RENAMED, head, series_of
from storage.model import Event, Series, State
from storage.parking import Key, Parked, park, unpark
from storage.transaction import Transaction

# series_id, time, value, bound, state, seq, and whether the point ever stood otherwise
Change = tuple[int, int, float | None, int, int, int, int]

_CHANGES = (
    "SELECT p.series_id, p.time, p.value, p.bound, p.state, p.seq,"
    " EXISTS (SELECT 1 FROM revisions r WHERE r.series_id = p.series_id AND r.time = p.time)"
    " FROM points p WHERE (p.seq, p.series_id, p.time) > (?, ?, ?) ORDER BY p.seq, p.series_id, p.time LIMIT ?"
)
_END = (
    "SELECT p.seq, p.series_id, p.time FROM points p WHERE (p.seq, p.series_id, p.time) > (?, ?, ?)"
    " ORDER BY p.seq, p.series_id, p.time LIMIT 1 OFFSET ?"
)
_RUNS = (
    "SELECT p.seq, p.series_id, min(p.time), max(p.time), count(*) FROM points p"
    " WHERE (p.seq, p.series_id, p.time) > (?, ?, ?) AND (p.seq, p.series_id, p.time) <= (?, ?, ?) GROUP BY p.seq, p.series_id"
)
_OF_RUN = _CHANGES.replace(
    "WHERE (p.seq, p.series_id, p.time) > (?, ?, ?) ORDER BY p.seq, p.series_id, p.time LIMIT ?",
    "WHERE p.seq = ? AND p.series_id = ? AND p.time BETWEEN ? AND ? ORDER BY p.time",
)
_REVISED = "SELECT 1 FROM revisions WHERE series_id = ? AND time BETWEEN ? AND ? LIMIT 1"
_OF_SERIES = (
    "SELECT p.series_id, p.time, p.value, p.bound, p.state, p.seq,"
    " EXISTS (SELECT 1 FROM revisions r WHERE r.series_id = p.series_id AND r.time = p.time)"
    " FROM points p WHERE p.series_id = ? AND p.time BETWEEN ? AND ? AND p.seq <= ? ORDER BY p.time LIMIT ?"
)
_SENT = (
    "SELECT max(value), max(bound) FROM revisions"
    f" WHERE series_id = ? AND time = ? AND state = {+State.GOOD} AND seq <= ? AND seq_to > ? HAVING count(*) > 0"
)
_FIRST = (
    "SELECT p.seq, c.recorded_at FROM points p JOIN commits c ON c.seq = p.seq"
    " WHERE (p.seq, p.series_id, p.time) > (?, ?, ?) ORDER BY p.seq, p.series_id, p.time LIMIT 1"
)
_MOVE = (
    "UPDATE feeds SET seq = ?, series_id = ?, time = ?, event_id = CASE WHEN event_id < ? THEN ? ELSE event_id END,"
    " dropped = dropped + ?, acknowledged_at = ?, server = ?"
    " WHERE name = ? AND generation = ? AND (seq, series_id, time) <= (?, ?, ?)"
)


@dataclass(frozen=True, slots=True)
class Run:
    """Changes of one series in one sequence: ``count`` points from ``first`` to ``last``."""

    seq: int
    series_id: int
    first: int
    last: int
    count: int


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """How far a feed has come: everything up to here was acknowledged."""

    seq: int
    series_id: int
    time: int


START = Place(0, 0, -ALWAYS)


@dataclass(frozen=True, slots=True)
class Feed:
    """A receiver's standing. ``server`` is what the receiver remembers of itself (JSON)."""

    name: str
    place: Place
    event_id: int
    first_seq: int
    reached: int
    generation: int
    dropped: int = 0
    acknowledged_at: int | None = None
    trouble: str = ""
    trouble_since: int | None = None
    server: str = ""


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a feed is behind: in sequences, in seconds since the first change that it has not sent, and in points."""

    sequences: int = 0
    seconds: int = 0
    points: int = 0  # counted up to `MANY`
    repairs: int = 0  # series that are to be sent again


MANY = 1_000_000


def find(connection: Connection, name: str) -> Feed | None:
    row = connection.execute(select(schema.feeds).where(schema.feeds.c.name == name)).first()
    if row is None:
        return None
    place = Place(row.seq, row.series_id, row.time)
    return Feed(
        row.name,
        place,
        row.event_id,
        row.first_seq,
        row.reached,
        row.generation,
        row.dropped,
        row.acknowledged_at,
        row.trouble,
        row.trouble_since,
        row.server,
    )


def every(connection: Connection) -> list[Feed]:
    names = connection.execute(select(schema.feeds.c.name).order_by(schema.feeds.c.name)).scalars().all()
    return [found for name in names if (found := find(connection, name)) is not None]


def begin(tx: Transaction, name: str) -> Feed:
    """The feed of that name; one that is new starts before the first change."""
    found = find(tx.connection, name)
    if found is None:
        found = Feed(name, START, 0, head(tx.connection), 0, 1)
        values = {"seq": 0, "series_id": 0, "time": START.time, "event_id": 0, "first_seq": found.first_seq, "reached": 0, "generation": 1}
        tx.connection.execute(schema.feeds.insert().values(name=name, dropped=0, trouble="", server="", **values))
    return found


# Reading


def changes(connection: Connection, after: Place, limit: int) -> list[Change]:
    """The next changes after a place, at most ``limit``; suspect and retracted points among them."""
    cursor = connection.exec_driver_sql(_CHANGES, (after.seq, after.series_id, after.time, limit)).cursor
    return cast("list[Change]", cursor.fetchall())  # the driver's tuples: rows of SQLAlchemy cost as much again


def runs(connection: Connection, after: Place, limit: int) -> list[Run]:
    """The next changes after a place, at most ``limit``, as runs of one series and sequence, in their order."""
    here = (after.seq, after.series_id, after.time)
    end = connection.exec_driver_sql(_END, (*here, limit - 1)).first() or (ALWAYS, 0, 0)
    cursor = connection.exec_driver_sql(_RUNS, (*here, *end)).cursor
    return sorted((Run(*row) for row in cursor.fetchall()), key=lambda run: (run.seq, run.series_id))


def revised(connection: Connection, run: Run) -> bool:
    """Whether any point within a run ever stood otherwise."""
    return connection.exec_driver_sql(_REVISED, (run.series_id, run.first, run.last)).first() is not None


def of_run(connection: Connection, run: Run) -> list[Change]:
    cursor = connection.exec_driver_sql(_OF_RUN, (run.seq, run.series_id, run.first, run.last)).cursor
    return cast("list[Change]", cursor.fetchall())


def of_series(connection: Connection, series_id: int, since: int, until: int, up_to: int, limit: int) -> list[Change]:
    """Points of one series from ``since`` to ``until``, as far as sequence ``up_to`` knew them."""
    cursor = connection.exec_driver_sql(_OF_SERIES, (series_id, since, until, up_to, limit)).cursor
    return cast("list[Change]", cursor.fetchall())


def sent_before(connection: Connection, feed: Feed, change: Change, after: Place) -> tuple[float, int] | None:
    """The highest value and bound that the receiver may have of a point from former revisions; None where it has none.

    ``after`` is the place up to which everything may have been sent.
    """
    row = connection.exec_driver_sql(_SENT, (change[0], change[1], max(after.seq, feed.reached), feed.first_seq)).first()
    return None if row is None else (float(row[0]), int(row[1]))


def events(connection: Connection, after: int, limit: int) -> list[tuple[int, Event]]:
    """The next events, each with its id, which is also their order."""
    table = schema.events
    rows = connection.execute(select(table).where(table.c.id > after).order_by(table.c.id).limit(limit))
    return [(row.id, Event(row.time, row.kind, row.text, row.topic, row.url, row.source)) for row in rows]


class Names:
    """Series by their id, kept between batches until a topic is renamed."""

    def __init__(self) -> None:
        self._known: dict[int, Series] = {}
        self._renamed = ""

    def of(self, connection: Connection, ids: Iterable[int]) -> dict[int, Series]:
        renamed = connection.exec_driver_sql("SELECT value FROM meta WHERE key = ?", (RENAMED,)).scalar() or ""
        if renamed != self._renamed or len(self._known) > 200_000:
            self._known.clear()
            self._renamed = renamed
        lacking = [i for i in dict.fromkeys(ids) if i not in self._known]
        for start in range(0, len(lacking), 500):
            part = lacking[start : start + 500]
            for row in connection.execute(select(schema.series).where(schema.series.c.id.in_(part))):
                self._known[row.id] = series_of(row)
        return self._known


def lag(connection: Connection, feed: Feed, now: int, *, count: int = MANY) -> Lag:
    """How far behind a feed is at ``now`` (epoch seconds)."""
    repairs = connection.exec_driver_sql("SELECT count(*) FROM repairs WHERE feed = ? AND done_at IS NULL", (feed.name,)).scalar_one()
    where = (feed.place.seq, feed.place.series_id, feed.place.time)
    first = connection.exec_driver_sql(_FIRST, where).first()
    if first is None:
        return Lag(repairs=int(repairs))
    counted = "SELECT count(*) FROM (SELECT 1 FROM points WHERE (seq, series_id, time) > (?, ?, ?) LIMIT ?) AS waiting"
    points = connection.exec_driver_sql(counted, (*where, count)).scalar_one()
    return Lag(head(connection) - first[0] + 1, max(0, now - first[1]), int(points), int(repairs))


# Writing


def acknowledge(
    tx: Transaction,
    feed: Feed,
    place: Place,
    *,
    now: int,
    event_id: int = 0,
    dropped: int = 0,
    parked: Sequence[Parked] = (),
    cleared: Iterable[Key] = (),
    server: str | None = None,
) -> bool:
    """Move a feed on after the receiver's yes. ``cleared`` are points that are no longer parked.

    False, and nothing is written, if the place was set back or moved on by somebody else meanwhile: read it again.
    """
    target = (place.seq, place.series_id, place.time)
    server = feed.server if server is None else server
    values = (*target, event_id, event_id, dropped, now, server, feed.name, feed.generation, *target)
    if not tx.connection.exec_driver_sql(_MOVE, values).rowcount:
        return False
    if tx.connection.exec_driver_sql("SELECT 1 FROM parked WHERE feed = ? LIMIT 1", (feed.name,)).first():
        unpark(tx, feed.name, cleared)
    park(tx, feed.name, parked, now)
    return True


def set_back(tx: Transaction, name: str, place: Place = START, *, event_id: int | None = 0) -> None:
    """Let everything after a place be sent again. ``event_id`` None leaves the events where they are."""
    table = schema.feeds
    values: dict[str, object] = {"seq": place.seq, "series_id": place.series_id, "time": place.time}
    values["generation"] = table.c.generation + 1
    values["reached"] = case((table.c.reached < table.c.seq, table.c.seq), else_=table.c.reached)
    if place == START:
        values["dropped"] = 0
    if event_id is not None:
        values["event_id"] = event_id
    tx.connection.execute(table.update().where(table.c.name == name).values(**values))


def remember(tx: Transaction, name: str, server: str) -> None:
    """Keep what the receiver is to remember of itself."""
    tx.connection.execute(schema.feeds.update().where(schema.feeds.c.name == name).values(server=server))


def tell_trouble(tx: Transaction, name: str, words: str, now: int) -> None:
    """Keep the last trouble in plain words, and since when there is one; empty words end it."""
    table = schema.feeds
    since = None if not words else now
    here = table.update().where(table.c.name == name)
    tx.connection.execute(here.where(table.c.trouble == "").values(trouble_since=since))
    tx.connection.execute(here.values(trouble=plain_text(words), **({} if words else {"trouble_since": None})))
