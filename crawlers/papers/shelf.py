"""Where papers' texts are kept: the tables, and how they are opened in a file of SQLite or beside a journal on PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import BigInteger, Column, Engine, LargeBinary, MetaData, Table, Text, create_engine, event, insert, inspect, select
from sqlalchemy.pool import QueuePool

from crawlers.papers.editions import Edition
from crawlers.papers.text import State
from storage import database
from storage.database import JournalDamaged
from storage.journal import Journal
from storage.model import UsageError

FOLDER = "library"
AT_ONCE = 200  # texts that are read in one piece

# A folder, or the engine of a journal on PostgreSQL.
Place = Path | Engine

_metadata = MetaData()
papers = Table(
    "library_papers",
    _metadata,
    Column("edition", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("place", BigInteger, nullable=False),
    Column("title", Text, nullable=False),
    Column("pdf", Text, nullable=False),
    Column("affiliations", Text, nullable=False),
    Column("listed", BigInteger, nullable=False),  # 0: a newer listing lacks it
    Column("state", Text, nullable=False, server_default=State.WAITING),
    Column("detail", Text, nullable=False, server_default=""),
    Column("tries", BigInteger, nullable=False, server_default="0"),
    Column("at", BigInteger),
    Column("url", Text, nullable=False, server_default=""),
    Column("sha256", Text, nullable=False, server_default=""),
    Column("pages", BigInteger, nullable=False, server_default="0"),
    Column("kept", LargeBinary),
)
listings = Table(
    "library_listings",
    _metadata,
    Column("edition", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("read_at", BigInteger, nullable=False),
    Column("papers", BigInteger, nullable=False),
    Column("captures", Text, nullable=False),
)


def place_of(journal: Journal) -> Place:
    """Where the texts of a journal's store are."""
    if journal.url is None:
        return journal.folder / FOLDER
    return journal.writers if journal.writable else journal.readers


def nothing(edition: Edition) -> UsageError:
    return UsageError(f"no text of {edition} is kept; add it to editions under [sources.conferences] and collect")


@contextmanager
def plain_errors(place: Place, edition: Edition | None = None) -> Iterator[None]:
    """Turn a database's errors about its server, locks, rights, space and damage into sentences (`UptakeError`); others pass.

    ``edition``: whose file it is about, where texts are in files.
    """
    if isinstance(place, Engine):
        from storage import postgres

        with postgres.plain_errors(place.url):
            yield
        return
    file = place if edition is None else _file(place, edition)
    try:
        with database.plain_errors(file):
            yield
    except JournalDamaged as error:
        raise JournalDamaged(
            f"the texts of papers in {file} are damaged ({error.__cause__}); restore the file from a backup, or move it away:"
            " its papers are then fetched again"
        ) from error


def _file(folder: Path, edition: Edition) -> Path:
    return folder / f"{edition.venue}-{edition.year}.sqlite3"


def opened(folder: Path, edition: Edition, *, writable: bool) -> Engine:
    """The engine of an edition's file."""
    path = _file(folder, edition)
    if writable:
        folder.mkdir(parents=True, exist_ok=True)
    elif not path.exists():
        raise nothing(edition)
    address = f"{path.absolute().as_uri()}?mode={'rwc' if writable else 'ro'}"
    engine = create_engine(
        "sqlite://", creator=lambda: sqlite3.connect(address, uri=True, check_same_thread=False), poolclass=QueuePool, max_overflow=-1
    )

    @event.listens_for(engine, "connect")
    def settle(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions begin below
        if writable:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")

    @event.listens_for(engine, "begin")
    def begin(connection) -> None:  # type: ignore[no-untyped-def]  # the event's type is not exported
        connection.exec_driver_sql("BEGIN")

    return engine


def prepare(engine: Engine) -> None:
    """Make the tables. Two who come at once do not make them twice."""
    if inspect(engine).has_table(listings.name):
        return
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('library_papers'))")
        _metadata.create_all(connection)


def editions_in(place: Place) -> list[Edition]:
    """The editions of which something is kept, newest first."""
    names: list[str] = []
    if isinstance(place, Path):
        names = [path.stem for path in place.glob("*.sqlite3")]
    else:
        with plain_errors(place):
            if inspect(place).has_table(papers.name):
                with place.connect() as connection:
                    names = list(connection.scalars(select(papers.c.edition).distinct()))
    found = []
    for name in names:
        try:
            found.append(Edition.read(name))
        except UsageError:
            continue  # somebody else's file
    return sorted(found, key=lambda e: (-e.year, e.venue))


def copy(source: Place, target: Place) -> int:
    """Copy what is kept of all editions to another place, in place of what is kept of them there. Gives the number of papers."""
    total = 0
    for edition in editions_in(source):
        with at(source, edition) as old, at(target, edition) as new:
            prepare(new)
            for table in (papers, listings):
                query = select(table).where(table.c.edition == str(edition)).execution_options(yield_per=AT_ONCE)
                with old.connect() as reading, new.begin() as writing:
                    writing.execute(table.delete().where(table.c.edition == str(edition)))
                    for rows in reading.execute(query).mappings().partitions():
                        writing.execute(insert(table), [dict(row) for row in rows])
                        total += len(rows) if table is papers else 0
    return total


@contextmanager
def at(place: Place, edition: Edition, *, writable: bool = True) -> Iterator[Engine]:
    """The engine for an edition, which is closed if it was opened for it."""
    if isinstance(place, Engine):
        yield place
        return
    engine = opened(place, edition, writable=writable)
    try:
        yield engine
    finally:
        engine.dispose()


__all__ = [
    "AT_ONCE",
    "FOLDER",
    "Place",
    "at",
    "copy",
    "editions_in",
    "listings",
    "nothing",
    "papers",
    "place_of",
    "plain_errors",
    "prepare",
]
