"""Opening the journal's database: pragmas, the version of its schema, backups before a migration.

Alembic is imported only when a journal is made or migrated, so that reading commands start fast.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import QueuePool

from storage import schema
from storage.model import UptakeError, UsageError

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 30.0
CACHE = 65_536  # KiB; what reads all series wants it
LEAN_CACHE = 1024  # for a process that runs for years and touches little at a time
PAGES = 4096  # that are copied in one step: 16 MB


class JournalBusy(UptakeError):  # noqa: N818  # a state that passes, told in a sentence
    """Another process held the journal's write lock for too long."""


class JournalDamaged(UptakeError):  # noqa: N818  # likewise
    """The database file cannot be trusted. The message says what is still safe."""


def engine_for(file: Path, *, writable: bool, busy: float = BUSY_SECONDS, cache: int = CACHE) -> Engine:
    """An engine on a SQLite file. Writers begin with the write lock (``BEGIN IMMEDIATE``), readers never take it.

    ``cache``: KiB of pages that each connection holds.
    """
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=str(file)),
        poolclass=QueuePool,
        pool_size=1 if writable else 5,  # one writer's connection is kept: closing the last one empties the WAL file at every commit
        max_overflow=-1,  # a second thread that writes waits for SQLite's lock and is told so, not for the pool
        connect_args={"timeout": busy, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where the "begin" listener says so
        cursor = connection.cursor()
        if writable and not cursor.execute("PRAGMA page_count").fetchone()[0]:  # later the pragma is a write, and waits for writers
            cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")  # so that `storage.upkeep` can give space back
        cursor.execute("PRAGMA journal_mode=WAL" if writable else "PRAGMA query_only=ON")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=OFF")  # ids are ours; checking each of a million points costs a fifth
        cursor.execute(f"PRAGMA cache_size=-{cache}")
        cursor.execute("PRAGMA temp_store=MEMORY")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection) -> None:  # type: ignore[no-untyped-def]  # the event's type is not exported
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writable else "BEGIN")

    return engine


@contextmanager
def plain_errors(file: Path, busy: float = BUSY_SECONDS) -> Iterator[None]:
    """Turn the driver's errors about locks, permissions, space and damage into sentences; others pass."""
    try:
        yield
    except (DatabaseError, sqlite3.Error) as error:
        told = _plain(file, error.orig if isinstance(error, DatabaseError) else error, busy)
        if told is None:
            raise
        raise told from error


def _plain(file: Path, error: BaseException | None, busy: float) -> UptakeError | None:
    name = getattr(error, "sqlite_errorname", None) or ""  # extended names begin with the plain one: SQLITE_IOERR_SHORT_READ
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return JournalBusy(f"another process has been writing to {file} for over {busy:g} s; try again when it is done")
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return UptakeError(f"cannot open or write {file} ({error}): check the permissions of the folder {file.parent}")
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE")):  # the second: no room for the index of the journal's log
        return UptakeError(f"the disk that holds {file} is full; nothing was half written; free some space and run the command again")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_IOERR")):
        return JournalDamaged(damage(file, str(error)))
    return None


def verify(file: Path) -> None:
    """Read every page of a journal and its indices. Raises `JournalDamaged`, saying what is still safe; slow on large files."""
    with plain_errors(file), closing(_read_only(file)) as connection:
        found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(3)")]
    if found != ["ok"]:
        raise JournalDamaged(damage(file, "; ".join(" ".join(line.split()) for line in found)))


def _read_only(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)


def damage(file: Path, text: str) -> str:
    """What is lost and what is not when the database file is damaged."""
    copies = sorted(p.name for p in file.parent.glob(f"{file.name}.before-*"))
    warcs = len(list((file.parent / "captures").rglob("*.warc.gz")))
    return (
        f"the journal {file} is damaged ({text}). Still safe: {warcs} files of raw responses in {file.parent / 'captures'}"
        + (f", and the copies {', '.join(copies)}" if copies else "")
        + f". Move the file away and restore a copy, or try: sqlite3 {file} '.recover' | sqlite3 recovered.sqlite3"
    )


def version_of(file: Path) -> str | None:
    """The schema version in a file; None where there is no journal yet."""
    try:
        if not file.exists() or file.stat().st_size == 0:
            return None
    except OSError as error:
        raise UptakeError(f"cannot look for {file}: {error.strerror}; check the permissions of the folder {file.parent}") from error
    with plain_errors(file), closing(_read_only(file)) as connection:
        tables = {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables:
            return None  # a process died, or is at work, between making the file and making the tables
        if "alembic_version" not in tables or "commits" not in tables:
            raise UsageError(f"{file} is a SQLite database, but not a journal of Uptake; choose another [store] path")
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def bring_up_to_date(file: Path, *, head: str = schema.HEAD, locations: tuple[Path, ...] = ()) -> Path | None:
    """Make or migrate a journal. Gives the backup's path if an older one was migrated.

    Raises `UptakeError` for a schema that this program does not know: a newer program wrote it.
    """
    found = version_of(file)
    if found == head:
        return None
    known = known_revisions(locations)
    if found is not None and found not in known:
        raise UptakeError(
            f"{file} was written by a newer Uptake (schema {found}; this program knows up to {head});"
            " update the program, the journal is untouched"
        )
    return _upgrade(file, head, locations)


def copy(file: Path, target: Path, progress: Callable[[int, int], None] | None = None) -> Path:
    """A consistent copy of a SQLite file that may be in use. The target appears whole, on the disk, or not at all.

    It is of the moment at which this began, however many write meanwhile, and one single file. ``progress`` is told of pages
    done and all pages. Raises `UptakeError` that names the file that is in the way.
    """
    part = target.with_name(f"{target.name}.part")
    _remove(part)
    try:
        with plain_errors(file), closing(sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)) as source:
            source.execute("BEGIN")  # one snapshot for all steps: without it every commit of another process would start the copy anew
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            with _blaming(target), closing(sqlite3.connect(part, isolation_level=None)) as sink:
                source.backup(sink, pages=PAGES, progress=_told(progress), sleep=0)
                sink.execute("PRAGMA journal_mode=DELETE")  # or reading the copy would need to write beside it
        part.replace(target)
    except BaseException:
        _remove(part)
        raise
    return target


def _remove(part: Path) -> None:
    """An unfinished copy goes with its own log: SQLite would play that back into the next file of the name."""
    for end in ("", "-journal", "-wal", "-shm"):
        part.with_name(part.name + end).unlink(missing_ok=True)


def _told(progress: Callable[[int, int], None] | None) -> Callable[[int, int, int], None] | None:
    return None if progress is None else lambda _status, left, total: progress(total - left, total)


@contextmanager
def _blaming(target: Path) -> Iterator[None]:
    """Errors of writing a copy name the copy; those of reading the source pass."""
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", None) or ""
        if name.startswith(("SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC", "SQLITE_IOERR_TRUNCATE")):
            raise UptakeError(f"cannot write {target}: {error}; is the disk full, or are files of that size not allowed?") from error
        if name.startswith(("SQLITE_FULL", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")) and (told := _plain(target, error, 0)):
            raise told from error
        raise


def _config(locations: tuple[Path, ...]):  # type: ignore[no-untyped-def]  # Alembic stays out of the import path
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", "\n".join(str(p) for p in (MIGRATIONS / "versions", *locations)))
    return config


def known_revisions(locations: tuple[Path, ...] = ()) -> set[str]:
    """The versions of the schema that this program knows."""
    from alembic.script import ScriptDirectory

    return {revision.revision for revision in ScriptDirectory.from_config(_config(locations)).walk_revisions()}


def migrate(connection: Connection, head: str, locations: tuple[Path, ...] = ()) -> None:
    """Make or migrate the tables within a transaction, on either database."""
    from alembic import command

    config = _config(locations)
    config.attributes["connection"] = connection
    command.upgrade(config, head)


def _upgrade(file: Path, head: str, locations: tuple[Path, ...]) -> Path | None:
    """Migrate under the write lock, so that the backup is what stood before, also when two processes begin at once."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UptakeError(f"cannot make the folder {file.parent}: {error.strerror}; choose another [store] path") from error
    engine = engine_for(file, writable=True)
    backup = None
    try:
        with plain_errors(file), engine.begin() as connection:
            found = version_of(file)
            if found != head:
                backup = copy(file, file.with_name(f"{file.name}.before-{head}")) if found else None
                migrate(connection, head, locations)
    finally:
        engine.dispose()
    return backup
