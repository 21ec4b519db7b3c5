"""How the queue's PostgreSQL is reached, and what is said when it is not."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from storage.model import UptakeError, UsageError

SCHEMA = "uptake_work"  # all tables of the queue are in it, apart from the journal's
PATIENCE = 5  # seconds for a connection


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
        raise UsageError("the engine procrastinate needs a PostgreSQL: name it in [daemon] queue, or in UPTAKE_QUEUE_URL")


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
    if isinstance(error, errors.InsufficientPrivilege):
        user = urlsplit(address).username or "that user"
        return UptakeError(
            f"{where} does not let {user} make what the queue needs ({said});"
            f" let its owner say: CREATE SCHEMA {SCHEMA} AUTHORIZATION {user}"
        )
    if isinstance(error, errors.InvalidCatalogName):
        return UptakeError(f"{where} has no such database ({said}); make it with createdb")
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        if "does not exist" in said and "database" in said:
            return UptakeError(f"{where} has no such database ({said}); make it with createdb")
        return AwayError(f"{where} does not answer: {said}")
    return UptakeError(f"{where}: {said}")


__all__ = ["SCHEMA", "AwayError", "connecting", "place", "required", "words"]
