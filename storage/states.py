"""What is believed of the values at many slots: the states of their points, as of a sequence."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from storage.dialects import on_postgres
from storage.lookups import series_key
from storage.model import Slot, State

TOGETHER = 10_000  # slots that are asked for at once

_STATES = """
SELECT a.place, p.state FROM asked a {join} points p ON p.series_id = a.id AND p.time = a.time WHERE p.seq <= ?
UNION ALL SELECT a.place, r.state FROM asked a {join} revisions r ON r.series_id = a.id AND r.time = a.time
WHERE r.seq <= ? AND r.seq_to > ?
"""
_ON_SERVER = (
    "WITH asked AS MATERIALIZED (SELECT s.id, a.time, a.place - 1 AS place FROM"
    " unnest(CAST(? AS text[]), CAST(? AS bigint[]), CAST(? AS text[]), CAST(? AS text[]), CAST(? AS text[]), CAST(? AS bigint[]))"
    ' WITH ORDINALITY AS a (metric, version, origin, topic, labels, time, place) JOIN series s ON s.metric = a.metric COLLATE "C"'
    ' AND s.version = a.version AND s.origin = a.origin COLLATE "C" AND s.topic = a.topic COLLATE "C" AND s.labels = a.labels COLLATE "C")'
    + _STATES.format(join="JOIN")
)
_IN_FILE = (  # CROSS JOIN: what is asked for is gone through, and the rest found by index
    "WITH asked AS MATERIALIZED (SELECT s.id, json_extract(a.value, '$[5]') AS time, a.key AS place FROM json_each(?) a"
    " CROSS JOIN series s ON s.metric = json_extract(a.value, '$[0]') AND s.version = json_extract(a.value, '$[1]')"
    " AND s.origin = json_extract(a.value, '$[2]') AND s.topic = json_extract(a.value, '$[3]')"
    " AND s.labels = json_extract(a.value, '$[4]'))" + _STATES.format(join="CROSS JOIN")
)


def states_at(connection: Connection, slots: Iterable[Slot], cut: int = 2**62) -> dict[Slot, State]:
    """The states of the points at some slots, as of a sequence; slots without a point are left out.

    Many are asked for with one question, instead of one for each series.
    """
    found: dict[Slot, State] = {}
    asked = list(dict.fromkeys(slots))
    for start in range(0, len(asked), TOGETHER):
        part = asked[start : start + TOGETHER]
        rows = [(*series_key(slot.series), slot.time) for slot in part]
        sql, bound = (_ON_SERVER, _columns(rows)) if on_postgres(connection) else (_IN_FILE, (json.dumps(rows),))
        for place, state in connection.exec_driver_sql(sql, (*bound, cut, cut, cut)):
            found[part[place]] = State(state)
    return found


def _columns(rows: Sequence[tuple[object, ...]]) -> tuple[list[object], ...]:
    return tuple(map(list, zip(*rows, strict=True)))


__all__ = ["states_at"]
