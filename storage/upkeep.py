"""Upkeep of the journal's file: free pages go back to the disk, the log is emptied. Nothing waits long for anybody.

New journals are made with SQLite's incremental auto-vacuum, so that free pages can be given back a few at a time, each time
in a short transaction. A journal that was made without it has to be written anew once, which keeps
writers waiting for as long as that takes; this is done only where it is asked for. https://sqlite.org/pragma.html#pragma_auto_vacuum

``PRAGMA optimize`` is left out: on a connection that asked nothing it does nothing, and statistics would give queries other
plans than those that were measured.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from storage.backends import WAIT, Compacted
from storage.database import plain_errors
from storage.model import UptakeError

STEP = 1000  # pages given back in one transaction; beside it a writer waited for 0.1 s at most
PAUSE = 0.05  # seconds between two of these, for those who wait
_INCREMENTAL = 2  # of PRAGMA auto_vacuum


def compact(file: Path, *, rewrite: bool = False, wait: float = WAIT, stopping: Callable[[], bool] = lambda: False) -> Compacted:
    """Give the free pages of a journal back to the disk, and empty its log.

    ``rewrite``: write a journal anew that was made without incremental auto-vacuum, if the disk has room for that.
    """
    before, troubles = size_of(file), []
    with closing(sqlite3.connect(file, timeout=wait, isolation_level=None)) as connection:
        try:
            with plain_errors(file, wait):
                _free_pages(connection, file, rewrite, stopping)
        except UptakeError as error:
            troubles.append(str(error))
        with plain_errors(file, wait):
            if not _empty_log(connection):
                troubles.append(
                    f"another process has been reading or writing {file.name} for over {wait:g} s, so its log,"
                    f" {file.name}-wal, could not be emptied; that is done the next time"
                )
    return Compacted(before, size_of(file), tuple(troubles))


def size_of(file: Path) -> int:
    """Bytes of a journal with its log."""
    found = file.stat().st_size
    with suppress(FileNotFoundError):  # it goes when the last process lets go of the journal
        found += file.with_name(f"{file.name}-wal").stat().st_size
    return found


def _free_pages(connection: sqlite3.Connection, file: Path, rewrite: bool, stopping: Callable[[], bool]) -> None:
    if _pragma(connection, "auto_vacuum") == _INCREMENTAL:
        left = _pragma(connection, "freelist_count")
        before = left + 1
        while 0 < left < before and not stopping():
            connection.executescript(f"PRAGMA incremental_vacuum({STEP})")  # `execute` would stop after the first page
            before, left = left, _pragma(connection, "freelist_count")
            time.sleep(PAUSE)
    elif rewrite:
        needed, free = 2 * size_of(file), shutil.disk_usage(file.parent).free
        if free < needed:
            raise UptakeError(
                f"{file.name} was not written anew: that takes {needed:,} bytes of free disk space, and there are {free:,};"
                " free some and run the command again"
            )
        connection.execute(f"PRAGMA auto_vacuum={_INCREMENTAL}")
        connection.execute("VACUUM")


def _empty_log(connection: sqlite3.Connection) -> bool:
    """Move the log into the file and cut it to nothing. False: somebody read or wrote for too long."""
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()  # writers go on meanwhile; only for the rest they wait
    busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
