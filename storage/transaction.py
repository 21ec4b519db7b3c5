"""What one transaction can write: definitions, observations, evidence, state, events.

Made by `storage.journal.Journal.write`, which holds the only write lock. A sequence number is taken at the first
real change; what is there already is left alone.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isfinite
from operator import itemgetter

from sqlalchemy import Connection, insert, select

from storage import repairs, schema
from storage.lookups import RENAMED, SELECT_SERIES, recall_text, series_key, series_of
from storage.model import Capture, Event, Metric, Observation, Remember, Series, State
from storage.periods import iso
from storage.repairs import Repair

ROLLUP_MARK = "rollup_seq"

_INSERT_POINT = "INSERT INTO points (series_id, time, value, bound, state, observed_at, evidence_id, seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_INSERT_REVISION = (
    "INSERT INTO revisions (series_id, time, value, bound, state, observed_at, evidence_id, seq, seq_to)"
    " SELECT series_id, time, value, bound, state, observed_at, evidence_id, seq, ? FROM points WHERE series_id = ? AND time = ?"
)
_UPDATE_POINT = "UPDATE points SET value=?, bound=?, state=?, observed_at=?, evidence_id=?, seq=? WHERE series_id=? AND time=?"
_SELECT_RANGE = "SELECT time, value, bound, state FROM points WHERE series_id = ? AND time BETWEEN ? AND ?"

_INSERT_SERIES = "INSERT INTO series (metric, version, origin, topic, labels, source, seq) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id"

_INSERT_EVIDENCE = (
    'INSERT INTO evidence (kind, run, file, "offset", url, method, status, fingerprint, fetched_at, content_type, sha256, text)'
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id"
)
_SELECT_EVIDENCE = 'SELECT id FROM evidence WHERE kind = ? AND file = ? AND "offset" = ? AND text = ?'

_VALUE = itemgetter(1)  # of a `Row`

# What a value was read from: captures, a citation, or the id of a row of evidence.
Evidence = tuple[Capture, ...] | str | int

# One point to be written: time, value, bound, state, observed_at, evidence.
Row = tuple[int, float | None, int, int, int | None, Evidence | None]


@dataclass(frozen=True, slots=True)
class Changes:
    """What a write did: points that are new, that replaced another value, and that were there already."""

    new: int = 0
    revised: int = 0
    same: int = 0

    def __add__(self, other: Changes) -> Changes:
        return Changes(self.new + other.new, self.revised + other.revised, self.same + other.same)


class Transaction:
    """What can be written. Made by `Journal.write`."""

    def __init__(
        self, connection: Connection, series_ids: dict[Series, int], metrics: dict[tuple[str, int, str], Metric], now: int, run: str
    ) -> None:
        self.connection = connection
        self._series_ids = series_ids
        self._metrics = metrics
        self._now = now
        self._run = run
        self._seq: int | None = None
        self._fresh: set[int] = set()  # series made here: their points need no look-up
        self._evidence: dict[Evidence, int] = {}
        self._rolled_up = False

    @property
    def seq(self) -> int:
        """This transaction's sequence number, taken when first asked for, that is, at the first change."""
        if self._seq is None:
            last = self.connection.execute(select(schema.commits).order_by(schema.commits.c.seq.desc()).limit(1)).first()
            self._seq = (last.seq if last else 0) + 1
            recorded_at = max(self._now, last.recorded_at) if last else self._now  # a clock set back must not reorder the past
            self.connection.execute(insert(schema.commits).values(seq=self._seq, recorded_at=recorded_at, run=self._run))
        return self._seq

    @property
    def changed(self) -> bool:
        return self._seq is not None

    # Definitions

    def define(self, metrics: Iterable[Metric], source: str = "") -> None:
        """Keep a source's definitions of metrics, so that readers know a series' kind, unit and cadence."""
        table = schema.metrics
        for metric in metrics:
            key = (metric.name, metric.version, source)
            if self._metrics.get(key) == metric:
                continue
            values = {
                "kind": str(metric.kind),
                "unit": metric.unit,
                "cadence": str(metric.cadence),
                "settle": metric.settle,
                "lag": metric.lag,
                "compared": metric.compared,
                "title": metric.title,
                "note": metric.note,
            }
            where = (table.c.name == metric.name) & (table.c.version == metric.version) & (table.c.source == source)
            found = self.connection.execute(select(table).where(where)).mappings().first()
            if found is None:
                self.connection.execute(insert(table).values(name=metric.name, version=metric.version, source=source, **values))
            elif {k: found[k] for k in values} != values:
                self.connection.execute(table.update().where(where).values(**values))
            self._metrics[key] = metric

    def series_id(self, series: Series) -> int:
        known = self._series_ids.get(series)
        if known is not None:
            return known
        key = series_key(series)
        found = self.connection.exec_driver_sql(SELECT_SERIES, key).scalar()
        if found is None:
            found = self.connection.exec_driver_sql(_INSERT_SERIES, (*key, series.source, self.seq)).scalar_one()
            self._fresh.add(found)
        self._series_ids[series] = int(found)
        return int(found)

    # Observations

    def put(self, observations: Iterable[Observation]) -> Changes:
        """Write observations: new values are added, different ones replace (the former becomes a revision).

        A value, bound and state that are already there are left alone, whenever they were seen again.
        """
        groups: dict[Series, list[Row]] = defaultdict(list)
        series: Series | None = None
        for o in observations:
            if o.series is not series:  # runs of one series are the rule, and hashing it costs more than the rest
                series = o.series
                add = groups[series].append
            # Plain ints, because the driver adapts enums slowly.
            add((o.time, o.value, +o.bound, +o.state, o.observed_at, o.captures or o.citation or None))
        changes = Changes()
        for series, rows in groups.items():
            changes += self.put_rows(series, rows)
        return changes

    def put_rows(self, series: Series, rows: Sequence[Row]) -> Changes:
        """Write many points of one series (`Row` tuples). Of several for one time, the last stands."""
        if not rows:
            return Changes()
        _refuse_no_numbers(series, rows)
        series_id = self.series_id(series)
        latest = {row[0]: row for row in rows}
        stored: dict[int, tuple[float | None, int, int]] = {}
        if series_id in self._fresh:
            self._fresh.discard(series_id)
        else:
            found = self.connection.exec_driver_sql(_SELECT_RANGE, (series_id, min(latest), max(latest))).all()
            stored = {row[0]: row[1:] for row in found}
        if not stored:
            added, changed = list(latest.values()), []
        else:
            added = [row for time, row in latest.items() if time not in stored]
            changed = [row for time, row in latest.items() if stored.get(time, row[1:4]) != row[1:4]]
            if changed:  # SQLite keeps 2**53 + 1 as the float that it is nearest to
                changed = [row for row in changed if row[1] is None or stored[row[0]] != (float(row[1]), *row[2:4])]
        if added or changed:
            self._write_points(series_id, added, changed)
        return Changes(len(added), len(changed), len(latest) - len(added) - len(changed))

    def _write_points(self, series_id: int, added: Sequence[Row], changed: Sequence[Row]) -> None:
        seq = self.seq
        if self._rolled_up:
            self.rolled_up(seq - 1)  # what this transaction still writes is not in the rollup
        if added:
            rows = [(series_id, *(row if row[5] is None else self._resolved(row)), seq) for row in added]
            self.connection.exec_driver_sql(_INSERT_POINT, rows)
        if changed:
            # A point changed twice within one transaction keeps one revision: what was believed before it.
            self.connection.exec_driver_sql(_INSERT_REVISION + " AND seq < ?", [(seq, series_id, row[0], seq) for row in changed])
            self.connection.exec_driver_sql(_UPDATE_POINT, [(*self._resolved(row)[1:], seq, series_id, row[0]) for row in changed])

    def rolled_up(self, seq: int) -> None:
        """Mark the sequence up to which the stored weekly rollup holds (`storage.rollup` says it)."""
        self.mark(ROLLUP_MARK, str(seq))
        self._rolled_up = seq == self._seq

    def mark(self, key: str, value: str) -> None:
        """Keep a value of the journal itself (table ``meta``); it takes no sequence."""
        table = schema.meta
        self.connection.execute(table.delete().where(table.c.key == key))
        self.connection.execute(table.insert().values(key=key, value=value))

    def settle(self, series: Series, time: int, state: State) -> bool:
        """Give a stored point another state: GOOD confirms, RETRACTED withdraws it. False if there is none."""
        series_id = self.connection.exec_driver_sql(SELECT_SERIES, series_key(series)).scalar()
        points = schema.points.c
        found = self.connection.execute(select(schema.points).where(points.series_id == series_id, points.time == time)).first()
        if found is None or found.state == int(state):
            return False
        value = None if state is State.RETRACTED else found.value
        if value is None and state is not State.RETRACTED:
            return False
        self.put_rows(series, [(time, value, found.bound, int(state), found.observed_at, found.evidence_id)])
        return True

    def _resolved(self, row: Row) -> Row:
        """The row with the id of its evidence, which is kept only now: what changes nothing leaves no trace."""
        return row if row[5] is None else (*row[:5], self._evidence_id(row[5]))

    def _evidence_id(self, key: Evidence) -> int:
        if isinstance(key, int):
            return key
        if key not in self._evidence:
            if isinstance(key, str):
                self._evidence[key] = self._row(_text("citation", key))
            elif len(key) == 1:
                self._evidence[key] = self.keep(key[0])
            else:
                self._evidence[key] = self._row(_text("set", json.dumps([self.keep(c) for c in key])))
        return self._evidence[key]

    def keep(self, capture: Capture) -> int:
        """Note a capture; the id of its row. A capture that is noted already keeps its row."""
        known = self._evidence.get((capture,))
        if known is None:
            c = capture
            head = ("capture", c.run, c.file, c.offset, c.url, c.method, c.status, c.fingerprint, c.fetched_at, c.content_type, c.sha256)
            known = self._evidence[capture,] = self._row((*head, ""))
        return known

    def _row(self, values: tuple[object, ...]) -> int:
        """The id of a row of evidence (its columns in their order), which is made unless it is there."""
        found = self.connection.exec_driver_sql(_INSERT_EVIDENCE, values).scalar()
        if found is None:
            found = self.connection.exec_driver_sql(_SELECT_EVIDENCE, (values[0], values[2], values[3], values[-1])).scalar_one()
        return int(found)

    # State and events

    def remember(self, source: str, item: Remember) -> None:
        """Write a piece of a source's state, unless it says the same already."""
        value = None if item.value is None else json.dumps(item.value, sort_keys=True)
        if recall_text(self.connection, source, item.key) != value:
            table = schema.state
            self.connection.execute(table.delete().where(table.c.source == source, table.c.key == item.key, table.c.seq == self.seq))
            self.connection.execute(insert(table).values(source=source, key=item.key, seq=self.seq, value=value))

    def note(self, event: Event) -> bool:
        """Record an event; one of the same kind, topic, time and text is recorded once. True if it is new."""
        table = schema.events
        known = select(table.c.id).filter_by(kind=event.kind, topic=event.topic, time=event.time, text=event.text)
        if self.connection.scalar(known) is not None:
            return False
        self.connection.execute(
            insert(table).values(
                time=event.time, kind=event.kind, topic=event.topic, text=event.text, url=event.url, source=event.source, seq=self.seq
            )
        )
        return True

    def rename_topic(self, formerly: str, key: str) -> int:
        """Give the series of a former topic key to its present one. Returns how many series moved."""
        table = schema.series
        moved = []
        for row in self.connection.execute(select(table).where(table.c.topic == formerly)).all():
            taken = select(table.c.id).filter_by(metric=row.metric, version=row.version, origin=row.origin, topic=key, labels=row.labels)
            if self.connection.scalar(taken) is None:
                self.connection.execute(table.update().where(table.c.id == row.id).values(topic=key))
                moved.append(Repair(row.id, wipe=True, formerly=(str(series_of(row)),)))
        if moved:
            self._series_ids.clear()
            self.mark(RENAMED, str(self.seq))
            for feed in self.connection.execute(select(schema.feeds.c.name)).scalars().all():
                repairs.request(self, feed, moved)  # receivers have the points under the former name
        return len(moved)


def _text(kind: str, text: str) -> tuple[object, ...]:
    return (kind, "", "", 0, "", "", 0, "", None, "", "", text)


def _refuse_no_numbers(series: Series, rows: Sequence[Row]) -> None:
    """Not a number, infinite or empty: SQLite would keep them as nothing at all."""
    try:
        if isfinite(sum(map(_VALUE, rows))):  # None raises, and is looked at below
            return
    except TypeError:
        pass
    for time, value, _, state, _, _ in rows:
        if (state != State.RETRACTED) if value is None else not isfinite(value):
            raise ValueError(f"{series} at {iso(time)}: {value} is not a number that can be kept")
