"""What a `storage.journal.Journal` asks of its database: a file of SQLite, or a server of PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import Connection, Engine

from storage import database

if TYPE_CHECKING:
    from sqlalchemy import URL

WAIT = 5.0  # seconds that upkeep waits for another process, at most, at each step


@dataclass(frozen=True, slots=True)
class Compacted:
    """Bytes of the journal before and after upkeep (of SQLite with its log), and why it is not smaller."""

    before: int = 0
    after: int = 0
    troubles: tuple[str, ...] = ()


class Backend(Protocol):
    """``name`` is how the journal is called in sentences for people; it holds no secret. ``writers`` is None where it is only read."""

    name: str
    readers: Engine
    writers: Engine | None

    def errors(self) -> AbstractContextManager[None]: ...
    def there(self) -> bool: ...
    def bring_up_to_date(self) -> None: ...
    def lock(self, connection: Connection) -> None: ...
    def size(self) -> int: ...
    def verify(self) -> None: ...
    def compact(self, *, rewrite: bool, wait: float, stopping: Callable[[], bool]) -> Compacted: ...


class File:
    """A file of SQLite. ``cache``: KiB of pages that each connection holds."""

    def __init__(self, file: Path, *, writable: bool, busy: float, cache: int) -> None:
        self.name, self._file, self._busy = str(file), file, busy
        self.readers = database.engine_for(file, writable=False, busy=busy, cache=cache)
        self.writers = database.engine_for(file, writable=True, busy=busy, cache=cache) if writable else None

    def errors(self) -> AbstractContextManager[None]:
        return database.plain_errors(self._file, self._busy)

    def there(self) -> bool:
        return database.version_of(self._file) is not None

    def bring_up_to_date(self) -> None:
        database.bring_up_to_date(self._file)

    def lock(self, connection: Connection) -> None:
        """``BEGIN IMMEDIATE`` has it already."""

    def size(self) -> int:
        from storage.upkeep import size_of

        return size_of(self._file)

    def verify(self) -> None:
        database.verify(self._file)

    def compact(self, *, rewrite: bool, wait: float, stopping: Callable[[], bool]) -> Compacted:
        from storage.upkeep import compact

        return compact(self._file, rewrite=rewrite, wait=wait, stopping=stopping)


class Server:
    """A database of a PostgreSQL server."""

    def __init__(self, url: URL, *, writable: bool, busy: float) -> None:
        from storage import postgres

        self.name, self._url, self._busy, self._postgres = postgres.shown(url), url, busy, postgres
        self.readers = postgres.engine_for(url, writable=False, busy=busy)
        self.writers = postgres.engine_for(url, writable=True, busy=busy) if writable else None

    def errors(self) -> AbstractContextManager[None]:
        return self._postgres.plain_errors(self._url, self._busy)

    def there(self) -> bool:
        with self.errors(), self.readers.begin() as connection:
            return self._postgres.version_of(connection, self._url) is not None

    def bring_up_to_date(self) -> None:
        self._postgres.bring_up_to_date(self.readers, self._url)

    def lock(self, connection: Connection) -> None:
        self._postgres.take_write_lock(connection)

    def size(self) -> int:
        with self.errors(), self.readers.begin() as connection:
            return self._postgres.size_of(connection)

    def verify(self) -> None:
        from storage import server_upkeep

        with self.errors():
            server_upkeep.verify(self.readers)

    def compact(self, *, rewrite: bool, wait: float, stopping: Callable[[], bool]) -> Compacted:
        from storage import server_upkeep

        assert self.writers is not None  # nobody tidies up what he only reads
        with self.errors():
            return server_upkeep.compact(self.writers, rewrite=rewrite, wait=wait, stopping=stopping)


def backend(file: Path, url: URL | None, *, writable: bool, busy: float, cache: int) -> Backend:
    if url is None:
        return File(file, writable=writable, busy=busy, cache=cache)
    return Server(url, writable=writable, busy=busy)
