"""What one transaction can write: definitions, observations, evidence, state, events.

Made by `storage.journal.Journal.write`, which holds the only write lock. A sequence number is taken at the first
real change; what is there already is left alone.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from storage import repairs, schema
from storage.dialects import SELECT_EVIDENCE, load, on_postgres, plain_text, say
from storage.lookups import RENAMED, SELECT_SERIES, recall_text, series_key, series_of
from storage.model import Capture, Event, Metric, Observation, Remember, Series, State
from storage.repairs import Repair
from storage.rows import Evidence, Row, Stored, exact, parted, refuse_no_numbers

ROLLUP_MARK = "rollup_seq"

_POINT = ("series_id", "time", "value", "bound", "state", "observed_at", "evidence_id", "seq")
_POINT_TYPES = ("int8", "int8", "float8", "int2", "int2", "int8", "int8", "int8")
_INSERT_REVISION = (
    "INSERT INTO revisions (series_id, time, value, bound, state, observed_at, evidence_id, seq, seq_to)"
    " SELECT series_id, time, value, bound, state, observed_at, evidence_id, seq, ? FROM points WHERE series_id = ? AND time = ?"
)
_UPDATE_POINT = "UPDATE points SET value=?, bound=?, state=?, observed_at=?, evidence_id=?, seq=? WHERE series_id=? AND time=?"
_SELECT_RANGE = "SELECT time, value, bound, state FROM points WHERE series_id = ? AND time BETWEEN ? AND ?"

_SELECT_SEVERAL = (  # of PostgreSQL
    "SELECT p.series_id, p.time, p.value, p.bound, p.state FROM unnest(CAST(? AS bigint[]), CAST(? AS bigint[])) AS asked (series_id, time)"
    " JOIN points p ON p.series_id = asked.series_id AND p.time = asked.time"
)

_INSERT_SERIES = (
    "INSERT INTO series (id, metric, version, origin, topic, labels, source, seq)"
    " VALUES ((SELECT coalesce(max(id), 0) + 1 FROM series), ?, ?, ?, ?, ?, ?, ?) RETURNING id"
)

_INSERT_EVIDENCE = (
    'INSERT INTO evidence (id, kind, run, file, "offset", url, method, status, fingerprint, fetched_at, content_type, sha256, text)'
    " VALUES ((SELECT coalesce(max(id), 0) + 1 FROM evidence), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id"
)

TOGETHER = 20_000  # points that are looked for at once


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
        if on_postgres(self.connection):
            return self._put_together(groups)
        for series, rows in groups.items():
            changes += self.put_rows(series, rows)
        return changes

    def _put_together(self, groups: Mapping[Series, Sequence[Row]]) -> Changes:
        """Points of many series in three steps: each costs a way to the server and back, while other writers wait."""
        latest: dict[int, dict[int, Row]] = {}
        for series, rows in groups.items():
            refuse_no_numbers(series, rows)
            latest[self.series_id(series)] = {row[0]: row for row in rows}
        asked = [(i, time) for i, rows in latest.items() if i not in self._fresh for time in rows]
        stored: dict[int, dict[int, Stored]] = defaultdict(dict)
        for start in range(0, len(asked), TOGETHER):
            ids, times = zip(*asked[start : start + TOGETHER], strict=True)
            for i, time, *found in self.connection.exec_driver_sql(_SELECT_SEVERAL, (list(ids), list(times))):
                stored[i][time] = (found[0], found[1], found[2])
        self._fresh.difference_update(latest)
        parts = {i: parted(rows, stored[i]) for i, rows in latest.items()}
        new, revised = (sum(len(part[which]) for part in parts.values()) for which in (0, 1))
        if new or revised:
            self._write_points({i: part for i, part in parts.items() if any(part)})
        return Changes(new, revised, sum(map(len, latest.values())) - new - revised)

    def put_rows(self, series: Series, rows: Sequence[Row]) -> Changes:
        """Write many points of one series (`Row` tuples). Of several for one time, the last stands."""
        if not rows:
            return Changes()
        refuse_no_numbers(series, rows)
        series_id = self.series_id(series)
        latest = {row[0]: row for row in rows}
        stored: dict[int, Stored] = {}
        if series_id in self._fresh:
            self._fresh.discard(series_id)
        else:
            found = self.connection.exec_driver_sql(_SELECT_RANGE, (series_id, min(latest), max(latest))).all()
            stored = {row[0]: row[1:] for row in found}
        added, changed = parted(latest, stored)
        if added or changed:
            self._write_points({series_id: (added, changed)})
        return Changes(len(added), len(changed), len(latest) - len(added) - len(changed))

    def _write_points(self, parts: Mapping[int, tuple[Sequence[Row], Sequence[Row]]]) -> None:
        """Write what was added and what was changed, by the series' ids."""
        seq = self.seq
        if self._rolled_up:
            self.rolled_up(seq - 1)  # what this transaction still writes is not in the rollup
        on_server = on_postgres(self.connection)
        new: list[tuple[object, ...]] = []
        former: list[tuple[object, ...]] = []
        updated: list[tuple[object, ...]] = []
        for series_id, (added, changed) in parts.items():
            if on_server:
                added, changed = exact(added), exact(changed)  # noqa: PLW2901  # the same points
            new += [(series_id, *(row if row[5] is None else self._resolved(row)), seq) for row in added]
            former += [(seq, series_id, row[0], seq) for row in changed]
            updated += [(*self._resolved(row)[1:], seq, series_id, row[0]) for row in changed]
        if new:
            load(self.connection, "points", _POINT, new, _POINT_TYPES)
        if former:
            # A point changed twice within one transaction keeps one revision: what was believed before it.
            self.connection.exec_driver_sql(_INSERT_REVISION + " AND seq < ?", former)
            self.connection.exec_driver_sql(_UPDATE_POINT, updated)

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
            place = ("capture", c.run, c.file, c.offset, plain_text(c.url), c.method, c.status, c.fingerprint, c.fetched_at)
            known = self._evidence[capture,] = self._row((*place, plain_text(c.content_type), c.sha256, ""))
        return known

    def _row(self, values: tuple[object, ...]) -> int:
        """The id of a row of evidence (its columns in their order), which is made unless it is there."""
        found = self.connection.exec_driver_sql(_INSERT_EVIDENCE, values).scalar()
        if found is None:
            key = (values[0], values[2], values[3], values[-1])
            found = self.connection.exec_driver_sql(say(self.connection, SELECT_EVIDENCE), key).scalar_one()
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
        event = Event(event.time, *map(plain_text, (event.kind, event.text, event.topic, event.url, event.source)))
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
    return (kind, "", "", 0, "", "", 0, "", None, "", "", plain_text(text))
