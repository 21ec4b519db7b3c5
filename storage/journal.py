"""The one place that writes and reads observations.

A `Journal` is opened for reading (never blocked, never blocks) or for writing. All writing happens inside
`Journal.write`, one transaction that takes the write lock first and a sequence number at its first real
change; a transaction that changes nothing leaves no trace, so that measuring twice is measuring once.
"""

from __future__ import annotations

import time as clock
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, func, select

from storage import database, lookups, schema
from storage.model import Metric, Series
from storage.transaction import Changes, Transaction

FILE = "journal.sqlite3"


class Journal:
    """The journal of one store folder.

    >>> with Journal.open(folder, writable=True) as journal, journal.write() as tx:
    ...     tx.put([Observation(series, time, 42.0)])
    """

    def __init__(self, folder: Path, *, writable: bool, busy: float = database.BUSY_SECONDS, cache: int = database.CACHE) -> None:
        self.folder = folder
        self.file = folder / FILE
        self.writable = writable
        self.busy = busy
        self._readers = database.engine_for(self.file, writable=False, busy=busy, cache=cache)
        self._writers = database.engine_for(self.file, writable=True, busy=busy, cache=cache) if writable else None
        self._series_ids: dict[Series, int] = {}
        self._known_metrics: dict[tuple[str, int, str], Metric] = {}

    @classmethod
    def open(cls, folder: Path, *, writable: bool = False, busy: float = database.BUSY_SECONDS, cache: int = database.CACHE) -> Self:
        """Open the journal in a folder; one that does not exist is made, an older one migrated.

        ``cache``: KiB of pages that each connection may hold.

        Raises `UptakeError` if it is newer than the program, damaged, or not to be written.
        """
        file = folder / FILE
        database.bring_up_to_date(file)
        return cls(folder, writable=writable, busy=busy, cache=cache)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._readers.dispose()
        if self._writers is not None:
            self._writers.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent snapshot to read from; it sees nothing of what is committed meanwhile."""
        with database.plain_errors(self.file, self.busy), self._readers.begin() as connection:
            connection.exec_driver_sql("SELECT 1 FROM commits LIMIT 1")  # SQLite takes its snapshot at the first read
            yield connection

    @contextmanager
    def write(self, *, now: int | None = None, run: str = "") -> Iterator[Transaction]:
        """One transaction. ``now`` is the recording time (epoch seconds, default: the clock), ``run`` who writes."""
        if self._writers is None:
            raise RuntimeError("this journal was opened for reading")
        try:
            with database.plain_errors(self.file, self.busy), self._writers.begin() as connection:
                recorded_at = int(clock.time()) if now is None else now
                yield Transaction(connection, self._series_ids, self._known_metrics, recorded_at, run)
        except BaseException:
            self._series_ids.clear()  # ids given out in a transaction that was rolled back do not exist
            self._known_metrics.clear()
            raise

    def head(self) -> int:
        """The largest sequence number, 0 for an empty journal."""
        with self.read() as connection:
            return lookups.head(connection)

    def sequence_at(self, moment: int) -> int:
        """The largest sequence recorded by a moment (epoch seconds): what *as of* that moment means."""
        with self.read() as connection:
            return int(connection.scalar(select(func.max(schema.commits.c.seq)).where(schema.commits.c.recorded_at <= moment)) or 0)


__all__ = ["FILE", "Changes", "Journal", "Transaction"]
