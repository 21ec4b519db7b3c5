"""How the queue's PostgreSQL is reached, and what is said when it is not."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from storage.model import UptakeError, UsageError

SCHEMA = "uptake_work"  # all tables of the queue are in it, apart from the journal's
PATIENCE = 5  # seconds for a connection
_REFUSED = ("password", "authentication", "pg_hba.conf")  # a connection that is refused has no code, only the server's words


class AwayError(UptakeError):
    """The queue cannot be reached now; it may be later."""


def required(address: str) -> None:
    """Raises `UsageError` where the packages are not installed, or nobody said where the queue is."""
    try:
        import procrastinate  # noqa: F401
        import psycopg_pool  # noqa: F401
    except ImportError as error:
        lacking = f"the engine procrastinate needs a package that is not installed ({error.name})"
        raise UsageError(f"{lacking}: pip install 'uptake[cluster]'") from error
    if not address:
        raise UsageError(
            "this needs a queue on PostgreSQL, and none is named: see docs/scaling.md; it lies where the journal is ([store] url, or"
            " UPTAKE_STORE_URL), or where [daemon] queue or UPTAKE_QUEUE_URL says"
        )


def connecting(address: str, name: str = "uptake") -> dict[str, Any]:
    """Arguments of a connection that lives in the queue's schema. SQLAlchemy's names of drivers are understood too."""
    parts = urlsplit(address)
    return {
        "conninfo": urlunsplit(parts._replace(scheme="postgresql")),
        "options": f"-c search_path={SCHEMA} -c timezone=UTC -c statement_timeout=60000",
        "application_name": name[:60],
        "connect_timeout": PATIENCE,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,  # ms; a server that vanished without a word is noticed
    }


def place(address: str) -> str:
    """The address without secrets, for people."""
    parts = urlsplit(address)
    return f"{parts.hostname or 'localhost'}:{parts.port or 5432}{parts.path}"


def words(error: BaseException, address: str) -> UptakeError:
    """An error of the driver as a sentence. `AwayError` where it may be over in a while."""
    import psycopg
    from psycopg import errors

    while not isinstance(error, psycopg.Error) and error.__cause__ is not None:
        error = error.__cause__
    said = next(iter(str(error).strip().splitlines()), type(error).__name__)
    where = f"the queue's PostgreSQL ({place(address)})"
    user = urlsplit(address).username or "that user"
    if isinstance(error, errors.InsufficientPrivilege):
        return no_right(address, said)
    if isinstance(error, errors.InvalidCatalogName):
        return UptakeError(f"{where} has no such database ({said}); make it with createdb")
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        if any(word in said for word in _REFUSED):
            return UptakeError(
                f"{where} does not let {user} in ({said}); give the password by PGPASSWORD in the environment, by a file that PGPASSFILE"
                " names (libpq's .pgpass), or the whole address by UPTAKE_QUEUE_URL (UPTAKE_STORE_URL where the journal is there too)"
            )
        if "does not exist" in said and "database" in said:
            return UptakeError(f"{where} has no such database ({said}); make it with createdb")
        return AwayError(f"{where} does not answer: {said}")
    return UptakeError(f"{where}: {said}")


def no_right(address: str, said: str) -> UptakeError:
    """That the role may not make what the queue needs, and what its owner can do."""
    parts = urlsplit(address)
    user = parts.username or "that user"
    database = parts.path.lstrip("/")
    what = f"the queue's PostgreSQL ({place(address)}) does not let {user} make what the queue needs ({said})"
    if said.startswith("permission denied for") and "for database" not in said:
        return UptakeError(f"{what}; the schema {SCHEMA} there belongs to another role: name that one in the address")
    return UptakeError(f"{what}; let the owner of the database {database} say there: CREATE SCHEMA {SCHEMA} AUTHORIZATION {user}")


__all__ = ["SCHEMA", "AwayError", "connecting", "no_right", "place", "required", "words"]
