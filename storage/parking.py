"""Points that a receiver refuses: they are laid aside with their lines and the reasons, so that the rest can go on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from storage import schema
from storage.dialects import plain_text
from storage.transaction import Transaction

Key = tuple[int, int]  # of a point: series_id, time


@dataclass(frozen=True, slots=True)
class Parked:
    """A point that the receiver refuses, with its line and the reason."""

    series_id: int
    time: int
    line: str
    error: str


def park(tx: Transaction, name: str, points: Sequence[Parked], now: int) -> None:
    if points:
        sql = (
            "INSERT INTO parked (feed, series_id, time, line, error, parked_at) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (feed, series_id, time)"
            " DO UPDATE SET line = excluded.line, error = excluded.error, parked_at = excluded.parked_at"
        )
        tx.connection.exec_driver_sql(sql, [(name, p.series_id, p.time, plain_text(p.line), plain_text(p.error), now) for p in points])


def unpark(tx: Transaction, name: str, points: Iterable[Key]) -> None:
    rows = [(name, *point) for point in points]
    if rows:
        tx.connection.exec_driver_sql("DELETE FROM parked WHERE feed = ? AND series_id = ? AND time = ?", rows)


def clear_parked(tx: Transaction, name: str) -> None:
    tx.connection.execute(schema.parked.delete().where(schema.parked.c.feed == name))


def parked(connection: Connection, name: str, limit: int = 100) -> list[Parked]:
    rows = connection.exec_driver_sql(
        "SELECT series_id, time, line, error FROM parked WHERE feed = ? ORDER BY parked_at DESC, series_id, time LIMIT ?", (name, limit)
    )
    return [Parked(*row) for row in rows]


def count_parked(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql("SELECT count(*) FROM parked WHERE feed = ?", (name,)).scalar_one())


__all__ = ["Key", "Parked", "clear_parked", "count_parked", "park", "parked", "unpark"]
