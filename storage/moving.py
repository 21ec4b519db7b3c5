"""A journal carried to the other database, row by row, and whether two journals hold the same.

The source is read in one snapshot. The target is written in one transaction, which is committed only when what stands there
was read back and is the same: a copy that is cut off leaves nothing behind, so that the next one starts anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Boolean, Connection, Float, LargeBinary, SmallInteger, Table, Text, func, select

from storage import schema
from storage.dialects import load, on_postgres, plain_text
from storage.journal import Journal
from storage.lookups import head
from storage.model import UptakeError, UsageError

CHUNK = 10_000  # rows that are held at once; both sides are summed up in pieces of that size
PASSING = "passing"  # in a table's ``info``: it says who is at work just now, and stays behind
_BINARY = [(Boolean, "bool"), (SmallInteger, "int2"), (Float, "float8"), (LargeBinary, "bytea"), (Text, "text")]

Progress = Callable[[str, int, int], None]  # what is done, rows done, of how many
Rows = list[tuple[Any, ...]]


def silent(_what: str, _done: int, _of: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Sum:
    """What a table holds: how many rows, and the SHA-256 of all of them in the order of their keys."""

    table: str
    rows: int
    checksum: str


@dataclass(frozen=True, slots=True)
class Compared:
    """A table in two journals."""

    here: Sum
    there: Sum

    @property
    def equal(self) -> bool:
        return self.here == self.there


def tables() -> list[Table]:
    """What makes up a journal: all tables but those that only say who is at work."""
    return [table for table in schema.metadata.sorted_tables if not table.info.get(PASSING)]


def move(source: Journal, target: Journal, progress: Progress = silent) -> list[Compared]:
    """Carry all of a journal into an empty one. Raises `UsageError` where that is not empty, and `UptakeError` where the two
    differ at the end or the source was written to meanwhile: then the target is as empty as before.
    """
    return _copied(source, target, progress, alone=True)


def _copied(source: Journal, target: Journal, progress: Progress, *, alone: bool) -> list[Compared]:
    with target.write() as tx, source.read() as connection:
        _refuse_full(tx.connection, target)
        here = [_carried(connection, tx.connection, table, progress) for table in tables()]
        found = [Compared(one, summed(tx.connection, table, progress)) for one, table in zip(here, tables(), strict=True)]
        if wrong := [each.here.table for each in found if not each.equal]:
            raise UptakeError(f"what {target.name} gave back of {', '.join(wrong)} is not what was written; nothing was kept there")
        if alone and source.head() != head(connection):
            raise UptakeError(f"{source.name} was written to meanwhile; nothing was kept in {target.name}. Try again when nobody measures")
        if on_postgres(tx.connection):
            for table in tables():
                tx.connection.exec_driver_sql(f"ANALYZE {table.name}")  # before it is first asked, or its plans are guesses
    return found


def compare(one: Journal, other: Journal, progress: Progress = silent) -> list[Compared]:
    """Each table of two journals."""
    with one.read() as here, other.read() as there:
        return [Compared(summed(here, table, progress), summed(there, table, progress)) for table in tables()]


def save(source: Journal, folder: Path, progress: Progress = silent) -> None:
    """A consistent copy of a journal, as of one moment, as a file of SQLite in an empty folder, with no log beside it."""
    with Journal.open(folder, writable=True) as target:
        _copied(source, target, progress, alone=False)
        with target.writers.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            driver = connection.connection.driver_connection
            assert driver is not None  # a connection that is in use has one
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def summed(connection: Connection, table: Table, progress: Progress = silent) -> Sum:
    """What a table holds, as a connection's snapshot has it."""
    return _gone_through(connection, table, lambda _: None, progress, "comparing")


def _carried(source: Connection, target: Connection, table: Table, progress: Progress) -> Sum:
    names, types = [column.name for column in table.columns], [_type(column.type) for column in table.columns]
    return _gone_through(source, table, lambda rows: load(target, table.name, names, rows, types), progress, "copying")


def _gone_through(connection: Connection, table: Table, take: Callable[[Rows], None], progress: Progress, what: str) -> Sum:
    """Hand on all rows in the order of their keys, and sum them up. What Python writes of values is exact, also of floats."""
    total = int(connection.scalar(select(func.count()).select_from(table)) or 0)
    digest, done = hashlib.sha256(), 0
    for rows in _chunks(connection, table):
        take(rows)
        digest.update(repr(rows).encode())
        done += len(rows)
        progress(f"{what} {table.name}", done, total)
    return Sum(table.name, done, digest.hexdigest())


def _chunks(connection: Connection, table: Table) -> Iterator[Rows]:
    """Rows in the order of their keys, as both databases would give them: truth values as such, no character that one refuses."""
    columns = ", ".join(f'"{column.name}"' for column in table.columns)
    order = ", ".join(f'"{column.name}"' for column in table.primary_key)
    sql = f"SELECT {columns} FROM {table.name} ORDER BY {order}"
    truths = {i for i, column in enumerate(table.columns) if isinstance(column.type, Boolean)}
    driver = connection.connection.driver_connection
    assert driver is not None  # a connection that is in use has one
    cursor = driver.cursor(name="uptake_moving") if on_postgres(connection) else driver.cursor()
    try:
        cursor.execute(sql)
        while rows := cast("Rows", cursor.fetchmany(CHUNK)):
            if truths:
                rows = [tuple([bool(v) if i in truths else v for i, v in enumerate(row)]) for row in rows]
            if r"\x00" in repr(rows):
                rows = [tuple([plain_text(v) if isinstance(v, str) else v for v in row]) for row in rows]
            yield rows
    finally:
        cursor.close()


def _type(kind: object) -> str:
    return next((name for cls, name in _BINARY if isinstance(kind, cls)), "int8")


def _refuse_full(connection: Connection, target: Journal) -> None:
    held = [table.name for table in tables() if connection.execute(select(1).select_from(table).limit(1)).first() is not None]
    if held:
        raise UsageError(f"{target.name} holds figures already ({', '.join(held)}); a journal is moved into an empty place only")


__all__ = ["PASSING", "Compared", "Sum", "compare", "move", "save", "silent", "summed", "tables"]
