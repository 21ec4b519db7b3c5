"""The journal's database on a PostgreSQL server: connections, the write lock, its errors in plain words, its schema.

SQLAlchemy is told of the server once. Statements that the house writes with ``?`` are turned to the driver's marks
here, so that one text serves both databases. https://www.postgresql.org/docs/current/explicit-locking.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import QueuePool

from storage import schema
from storage.database import BUSY_SECONDS, JournalBusy, JournalDamaged, known_revisions, migrate
from storage.model import UptakeError, UsageError

OLDEST = 13  # major version of PostgreSQL; older ones are out of their makers' care
SCHEMES = ("postgresql", "postgres", "postgresql+psycopg")
_LOCK = 0x55505441  # a number of our own among the advisory locks of a database, beside the table's
_DEFAULTS = {  # of libpq; what the address names is left as it is. A cut connection is noticed within a minute
    "application_name": "uptake",
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}
# Of each session. The last three: a machine that vanished must not hold the write lock for hours. JIT costs more than it gives here.
_SESSION = (
    "SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'"
    " ELSE current_setting('synchronous_commit') END, false), set_config('lock_timeout', %s, false), set_config('jit', 'off', false),"
    " set_config('tcp_keepalives_idle', '30', false), set_config('tcp_keepalives_interval', '10', false),"
    " set_config('tcp_keepalives_count', '3', false)"
)


class JournalAway(JournalBusy):
    """The server of the journal cannot be reached just now. Like a journal that is written to, it is to be tried again."""


def parse(text: str, place: str) -> URL:
    """A PostgreSQL address. Raises `UsageError` that names ``place``, where it stands, and never what stands there."""
    try:
        url = make_url(text)
    except ArgumentError:
        url = None
    if url is None or url.drivername not in SCHEMES or not url.database:
        raise UsageError(f"{place} is no address of a PostgreSQL database; write postgresql+psycopg://user@host/database")
    return url.set(drivername="postgresql+psycopg")


def has_password(url: URL) -> bool:
    return bool(url.password) or "password" in url.query


def shown(url: URL | str) -> str:
    """An address for people: without its password and its options."""
    url = make_url(url)
    host = url.host or _one(url.query.get("host")) or "the local socket"
    return f"{url.username + '@' if url.username else ''}{host}{f':{url.port}' if url.port else ''}/{url.database}"


def plain(url: URL | str) -> str:
    """An address as it may stand in a configuration: without its password."""
    url = make_url(url).difference_update_query(["password"])
    return URL.create(url.drivername, url.username, None, url.host, url.port, url.database, url.query).render_as_string()


def _one(value: str | tuple[str, ...] | None) -> str:
    return value[0] if isinstance(value, tuple) else value or ""


def engine_for(url: URL, *, writable: bool, busy: float = BUSY_SECONDS) -> Engine:
    """An engine on a server. Writers begin with the write lock, readers have one snapshot and never take it.

    Connections that died meanwhile, with the server or on the way, are replaced when the next transaction begins.
    """
    try:
        engine = create_engine(
            url,
            poolclass=QueuePool,
            pool_size=1 if writable else 5,
            max_overflow=-1,
            pool_pre_ping=True,
            connect_args={key: value for key, value in _DEFAULTS.items() if key not in url.query},
            isolation_level="READ COMMITTED" if writable else "REPEATABLE READ",  # behind the lock a writer sees what others committed
        )
    except ModuleNotFoundError as error:
        raise UsageError("a journal on PostgreSQL needs a driver that is not installed: pip install 'uptake[cluster]'") from error

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        _refuse_unfit(connection, url)
        connection.read_only = not writable
        connection.autocommit = True
        connection.execute(_SESSION, [str(max(1, round(busy * 1000)))])
        connection.autocommit = False

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def translate(_connection: object, _cursor: object, statement: str, parameters: object, context: Any, _many: bool) -> tuple[str, Any]:
        return (translated(statement) if context is not None and context.compiled is None else statement), parameters

    return engine


def _refuse_unfit(connection: Any, url: URL) -> None:
    version, encoding = connection.info.server_version, connection.info.parameter_status("server_encoding")
    if version < OLDEST * 10_000:
        raise UptakeError(f"{shown(url)} is PostgreSQL {version // 10_000}; a journal needs version {OLDEST} or newer")
    if encoding != "UTF8":
        raise UptakeError(f"{shown(url)} keeps text as {encoding}; make a database with ENCODING 'UTF8' for the journal")


_TOKENS = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|\?|%")


@lru_cache(maxsize=1024)
def translated(sql: str) -> str:
    """A statement with ``?`` for its parameters in the marks of psycopg.

    >>> translated("SELECT '?', a % 2 FROM t WHERE b = ?")
    "SELECT '?', a %% 2 FROM t WHERE b = %s"
    """
    return _TOKENS.sub(lambda found: "%s" if found[0] == "?" else found[0].replace("%", "%%"), sql)


def take_write_lock(connection: Connection) -> None:
    """Wait until no other transaction writes to this journal; held until this one ends.

    The lock is that of the journal's own table ``commits``, by its number: several journals in one database do not wait for
    each other, and neither do readers or the server's own upkeep, which a lock of the table would stop.
    """
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(?, CAST(CAST(to_regclass('commits') AS oid) AS bigint)::int)", (_LOCK,))


@contextmanager
def plain_errors(url: URL, busy: float = BUSY_SECONDS) -> Iterator[None]:
    """Turn the driver's errors about the connection, locks, rights, space and damage into sentences; others pass."""
    try:
        yield
    except Exception as error:
        told = _told(url, error.orig if isinstance(error, DBAPIError) else error, busy)
        if told is None:
            raise
        raise told from error


def _told(url: URL, error: BaseException | None, busy: float) -> UptakeError | None:
    import psycopg

    if not isinstance(error, psycopg.Error):
        return None
    state, where, said = error.sqlstate or "", shown(url), _said(error)
    kind = next((kind for begin, kind in _STATES.items() if state.startswith(begin)), None)
    if kind is None and not state and isinstance(error, psycopg.OperationalError):
        kind = next((kind for words, kind in _WORDS.items() if words in said), JournalAway)
    if kind is None:
        return None
    if kind is JournalBusy:
        return JournalBusy(f"another process has been writing to the journal {where} for over {busy:g} s; try again when it is done")
    if kind is JournalAway:
        return JournalAway(
            f"the journal's server {where} cannot be reached, or has closed the connection ({said}); nothing was half written. Look whether"
            " PostgreSQL runs there and the address is right; what stays at work (run, worker, serve) goes on by itself when it answers"
        )
    if kind is JournalDamaged:
        return JournalDamaged(f"PostgreSQL found damage in the journal {where} ({said}); restore a backup, the raw responses are untouched")
    assert isinstance(kind, str)
    making = f"CREATE DATABASE {url.database} OWNER {url.username or 'uptake'} ENCODING 'UTF8' TEMPLATE template0"
    return UptakeError(kind.format(where=where, said=said, making=making, role=url.username or "the role", database=url.database))


def _said(error: BaseException) -> str:
    """The server's words on one line, without the statement that it points at."""
    return " ".join(re.split(r"\nLINE \d+:", str(error))[0].split())


_REFUSED = (
    "the journal's server does not let {where} in ({said}); give the password by the environment variable PGPASSWORD, by a file"
    " that PGPASSFILE names (libpq's .pgpass), or the whole address by UPTAKE_STORE_URL or [store] url_file"
)
_RIGHTS = (
    "the role of {where} lacks the right for this ({said}); the journal's role should own its database:"
    " ALTER DATABASE {database} OWNER TO {role}"
)
_NO_DATABASE = "there is no such database: {where} ({said}); make it: {making}"
_STATES: dict[str, str | type[UptakeError]] = {  # https://www.postgresql.org/docs/current/errcodes-appendix.html
    "55P03": JournalBusy,
    "40001": JournalBusy,
    "40P01": JournalBusy,
    "57014": "the journal's server {where} stopped a statement ({said}); if its role has a statement_timeout, remove it",
    "57P": JournalAway,
    "08": JournalAway,
    "25P03": JournalAway,
    "25006": "the journal's server {where} takes no writing just now ({said}): it is a standby, or was set so; write to its primary",
    "28": _REFUSED,
    "3D": _NO_DATABASE,
    "42501": _RIGHTS,
    "42P01": "{where} lacks a table of the journal ({said}); was it removed, or is the search_path of the role another one?",
    "53100": "the disk of the journal's server {where} is full; nothing was half written; free some space and try again ({said})",
    "53300": JournalAway,
    "53": "the journal's server {where} lacks memory or another resource ({said}); nothing was half written",
    "58": "the journal's server {where} cannot read or write its files ({said}); nothing was half written",
    "XX001": JournalDamaged,
    "XX002": JournalDamaged,
}
_WORDS: dict[str, str | type[UptakeError]] = {  # a connection that is refused has no code, only the server's words
    "password": _REFUSED,
    "authentication": _REFUSED,
    "pg_hba.conf": _REFUSED,
    "permission denied": _RIGHTS,
    'database "': _NO_DATABASE,
}


# The schema


def version_of(connection: Connection, url: URL) -> str | None:
    """The schema version in a database; None where there is no journal yet."""
    versioned = connection.exec_driver_sql("SELECT to_regclass('alembic_version')").scalar() is not None
    names = ", ".join(f"to_regclass('{name}')" for name in ("commits", "points", "series"))
    ours = [name is not None for name in connection.exec_driver_sql(f"SELECT {names}").one()]
    if not versioned and not any(ours):
        return None
    if not versioned or not all(ours):
        raise UsageError(f"{shown(url)} has tables of another program under the journal's names; make a database for the journal alone")
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if found is None else str(found)


def bring_up_to_date(readers: Engine, url: URL, *, head: str = schema.HEAD, locations: tuple[Path, ...] = ()) -> None:
    """Make or migrate a journal, in one transaction and by one process at a time.

    Raises `UptakeError` for a schema that this program does not know: a newer program wrote it.
    """
    with plain_errors(url):
        with readers.connect() as connection:
            found = version_of(connection, url)
        if found == head:
            return
        if found is not None and found not in known_revisions(locations):
            raise UptakeError(
                f"the journal {shown(url)} was written by a newer Uptake (schema {found}; this program knows up to {head});"
                " update the program, the journal is untouched"
            )
        engine = engine_for(url, writable=True)
        try:
            with engine.begin() as connection:
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(?, 0)", (_LOCK,))
                if version_of(connection, url) != head:  # another process may have been first
                    migrate(connection, head, locations)
        finally:
            engine.dispose()


def size_of(connection: Connection) -> int:
    """Bytes of the journal's tables and indices on the server's disk."""
    names = [table.name for table in schema.metadata.sorted_tables]
    marks = ", ".join("?" * len(names))
    sql = f"SELECT sum(pg_total_relation_size(to_regclass(name))) FROM unnest(ARRAY[{marks}]) AS name"
    return int(connection.exec_driver_sql(sql, tuple(names)).scalar() or 0)
