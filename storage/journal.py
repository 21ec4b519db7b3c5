"""The one place that writes and reads observations.

A `Journal` is opened for reading (never blocked, never blocks) or for writing. All writing happens inside
`Journal.write`, one transaction that takes the write lock first and a sequence number at its first real
change; a transaction that changes nothing leaves no trace, so that measuring twice is measuring once.
"""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from sqlalchemy import URL, Connection, Engine, func, select

from storage import database, lookups, schema
from storage.backends import WAIT, Compacted, backend
from storage.model import Metric, Series
from storage.transaction import Changes, Transaction

FILE = "journal.sqlite3"


class Journal:
    """The journal of one store folder: a file in it, or a database of a PostgreSQL server.

    >>> with Journal.open(folder, writable=True) as journal, journal.write() as tx:
    ...     tx.put([Observation(series, time, 42.0)])
    """

    def __init__(
        self,
        folder: Path,
        url: str | None = None,
        *,
        writable: bool = False,
        busy: float = database.BUSY_SECONDS,
        cache: int = database.CACHE,
    ) -> None:
        self.folder = folder
        self.file = folder / FILE
        self.url = url  # of PostgreSQL, with its secret; None where the journal is a file
        self.writable = writable
        self.busy = busy
        self._backend = backend(self.file, _parsed(url), writable=writable, busy=busy, cache=cache)
        self._series_ids: dict[Series, int] = {}
        self._known_metrics: dict[tuple[str, int, str], Metric] = {}

    @classmethod
    def open(
        cls,
        folder: Path,
        url: str | None = None,
        *,
        writable: bool = False,
        busy: float = database.BUSY_SECONDS,
        cache: int = database.CACHE,
    ) -> Self:
        """Open the journal of a folder, or at the address of a PostgreSQL database; one that does not exist is made, an older one migrated.

        ``cache``: KiB of pages that each connection may hold (SQLite).

        Raises `UptakeError` if it is newer than the program, damaged, away, or not to be written.
        """
        journal = cls(folder, url, writable=writable, busy=busy, cache=cache)
        try:
            with journal._backend.errors():
                journal._backend.bring_up_to_date()
        except BaseException:
            journal.close()
            raise
        return journal

    @property
    def name(self) -> str:
        """How the journal is called in sentences for people: its file, or user, host and database; no secret."""
        return self._backend.name

    @property
    def readers(self) -> Engine:
        """The engine of those who read."""
        return self._backend.readers

    @property
    def writers(self) -> Engine:
        """The engine of those who write; its transactions on PostgreSQL take no lock by themselves, as those of `write` do."""
        if self._backend.writers is None:
            raise RuntimeError("this journal was opened for reading")
        return self._backend.writers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Journal {self.name}>"

    def close(self) -> None:
        self._backend.readers.dispose()
        if self._backend.writers is not None:
            self._backend.writers.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent snapshot to read from; it sees nothing of what is committed meanwhile."""
        with self._backend.errors(), self._backend.readers.begin() as connection:
            connection.exec_driver_sql("SELECT 1 FROM commits LIMIT 1")  # both databases take their snapshot at the first read
            yield connection

    @contextmanager
    def write(self, *, now: int | None = None, run: str = "") -> Iterator[Transaction]:
        """One transaction. ``now`` is the recording time (epoch seconds, default: the clock), ``run`` who writes."""
        writers = self.writers
        try:
            with self._backend.errors(), writers.begin() as connection:
                self._backend.lock(connection)
                recorded_at = int(clock.time()) if now is None else now
                yield Transaction(connection, self._series_ids, self._known_metrics, recorded_at, run)
        except BaseException:
            self._series_ids.clear()  # ids given out in a transaction that was rolled back do not exist
            self._known_metrics.clear()
            raise

    def there(self) -> bool:
        """Whether its tables are made."""
        return self._backend.there()

    def empty(self) -> bool:
        """Whether nothing was ever written."""
        return self.head() == 0

    def size(self) -> int:
        """Bytes that the journal takes, on this disk or the server's."""
        return self._backend.size()

    def verify(self) -> None:
        """Read all of it and its indices. Raises `storage.database.JournalDamaged`; slow on large journals."""
        self._backend.verify()

    def compact(self, *, rewrite: bool = False, wait: float = WAIT, stopping: Callable[[], bool] = lambda: False) -> Compacted:
        """Give space that is free within the journal back to the disk, as far as its database does not do that by itself."""
        return self._backend.compact(rewrite=rewrite, wait=wait, stopping=stopping)

    def head(self) -> int:
        """The largest sequence number, 0 for an empty journal."""
        with self.read() as connection:
            return lookups.head(connection)

    def sequence_at(self, moment: int) -> int:
        """The largest sequence recorded by a moment (epoch seconds): what *as of* that moment means."""
        with self.read() as connection:
            return int(connection.scalar(select(func.max(schema.commits.c.seq)).where(schema.commits.c.recorded_at <= moment)) or 0)


def exists(folder: Path, url: str | None = None) -> bool:
    """Whether there may be a journal: its file, or an address, which only asking the server tells."""
    return url is not None or (folder / FILE).exists()


def _parsed(url: str | None) -> URL | None:
    if url is None:
        return None
    from storage.postgres import parse

    return parse(url, "the journal's address")


__all__ = ["FILE", "Changes", "Journal", "Transaction", "exists"]
