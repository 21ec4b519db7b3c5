"""What is believed of the values at many slots: the states of their points, as of a sequence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from storage.dialects import on_postgres
from storage.lookups import SELECT_SERIES, series_key
from storage.model import Series, Slot, State

_STATES = """
SELECT time, state FROM points WHERE series_id = ? AND time BETWEEN ? AND ? AND seq <= ?
UNION ALL SELECT time, state FROM revisions WHERE series_id = ? AND time BETWEEN ? AND ? AND seq <= ? AND seq_to > ?
"""


def states_at(connection: Connection, slots: Iterable[Slot], cut: int = 2**62) -> dict[Slot, State]:
    """The states of the points at some slots, as of a sequence; slots without a point are left out."""
    times: dict[Series, dict[int, Slot]] = {}
    for slot in slots:
        times.setdefault(slot.series, {})[slot.time] = slot
    found: dict[Slot, State] = {}
    if on_postgres(connection):
        return _states_together(connection, [slot for wanted in times.values() for slot in wanted.values()], cut)
    for series, wanted in times.items():
        series_id = connection.exec_driver_sql(SELECT_SERIES, series_key(series)).scalar()
        if series_id is None:
            continue
        low, high = min(wanted), max(wanted)
        for time, state in connection.exec_driver_sql(_STATES, (series_id, low, high, cut, series_id, low, high, cut, cut)):
            if time in wanted:
                found[wanted[time]] = State(state)
    return found


_ASKED = (
    "unnest(CAST(? AS text[]), CAST(? AS bigint[]), CAST(? AS text[]), CAST(? AS text[]), CAST(? AS text[]), CAST(? AS bigint[]))"
    ' WITH ORDINALITY AS a (metric, version, origin, topic, labels, time, place) JOIN series s ON s.metric = a.metric COLLATE "C"'
    ' AND s.version = a.version AND s.origin = a.origin COLLATE "C" AND s.topic = a.topic COLLATE "C" AND s.labels = a.labels COLLATE "C"'
)
_STATES_TOGETHER = (
    f"WITH asked AS MATERIALIZED (SELECT s.id, a.time, a.place FROM {_ASKED})"
    " SELECT a.place, p.state FROM asked a JOIN points p ON p.series_id = a.id AND p.time = a.time WHERE p.seq <= ?"
    " UNION ALL SELECT a.place, r.state FROM asked a JOIN revisions r ON r.series_id = a.id AND r.time = a.time"
    " WHERE r.seq <= ? AND r.seq_to > ?"
)
TOGETHER = 10_000  # slots that are asked for at once


def _states_together(connection: Connection, slots: Sequence[Slot], cut: int) -> dict[Slot, State]:
    """The states of many slots with one question to the server, instead of two for each series."""
    found: dict[Slot, State] = {}
    for start in range(0, len(slots), TOGETHER):
        part = slots[start : start + TOGETHER]
        columns = zip(*((*series_key(slot.series), slot.time) for slot in part), strict=True)
        rows = connection.exec_driver_sql(_STATES_TOGETHER, (*map(list, columns), cut, cut, cut))
        found |= {part[place - 1]: State(state) for place, state in rows}
    return found


__all__ = ["states_at"]
