"""Upkeep and verifying of a journal on PostgreSQL. The server's own autovacuum does the daily part of it.

A plain VACUUM makes the room of what was removed usable again, without anybody waiting; only VACUUM FULL gives it back
to the disk, and that keeps readers waiting too, so it is done only where it is asked for.
https://www.postgresql.org/docs/current/routine-vacuuming.html
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from storage import schema
from storage.backends import WAIT, Compacted
from storage.postgres import size_of

LOCKED = "55P03"  # lock_not_available
_READ = "SELECT coalesce(sum(hashtextextended(CAST({table} AS text), 0)), 0) FROM {table}"
_INDICES = (
    "SELECT bt_index_check(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam"
    " WHERE a.amname = 'btree' AND i.indrelid = to_regclass(?)"
)


def compact(writers: Engine, *, rewrite: bool = False, wait: float = WAIT, stopping: Callable[[], bool] = lambda: False) -> Compacted:
    """Make free room usable again and renew what the planner knows, table by table; ``rewrite``: give it back to the disk.

    ``wait``: seconds that it waits for those who read or write a table; one that is in use for longer is told as a trouble.
    """
    with writers.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        before, busy = size_of(connection), []
        connection.exec_driver_sql("SELECT set_config('lock_timeout', ?, false)", (str(max(1, round(wait * 1000))),))
        for table in schema.metadata.sorted_tables:
            if stopping():
                break
            try:
                connection.exec_driver_sql(f"VACUUM ({'FULL, ' if rewrite else ''}ANALYZE) {table.name}")
            except OperationalError as error:
                if getattr(error.orig, "sqlstate", "") != LOCKED:
                    raise
                busy.append(table.name)
        told = (
            f"another process has been using {', '.join(busy)} for over {wait:g} s, so that was left as it is; that is done the next time",
        )
        after = size_of(connection)
        connection.invalidate()  # its lock_timeout is another one than that of those who write
        return Compacted(before, after, told if busy else ())


def verify(readers: Engine) -> None:
    """Read every row of every table, and have the indices checked where the server's extension ``amcheck`` is installed."""
    with readers.begin() as connection:
        checks = connection.exec_driver_sql("SELECT 1 FROM pg_extension WHERE extname = 'amcheck'").scalar() is not None
        for table in schema.metadata.sorted_tables:
            connection.exec_driver_sql(_READ.format(table=table.name)).all()
            if checks:
                connection.exec_driver_sql(_INDICES, (table.name,)).all()
