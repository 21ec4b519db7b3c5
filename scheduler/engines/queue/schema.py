"""The queue's tables: procrastinate's own and five of Uptake's, in a schema of their own, made and upgraded at the start.

procrastinate splits its migrations into those that older programs live with (``pre``) and those that they do not (``post``):
the latter wait until no worker of another version is at work (https://procrastinate.readthedocs.io, Migrations).
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scheduler.engines.queue.opening import SCHEMA, connecting, no_right, place, words
from storage.model import UptakeError

if TYPE_CHECKING:
    from psycopg import Connection

OURS = 1  # version of Uptake's own tables
LOCK = 8321_2026  # of PostgreSQL's advisory locks: one process at a time makes or upgrades
TABLES = """
CREATE TABLE uptake_meta (key text PRIMARY KEY, value text NOT NULL);
CREATE TABLE uptake_calls (name text PRIMARY KEY, called bigint NOT NULL);
CREATE TABLE uptake_workers (
    id text PRIMARY KEY, name text NOT NULL, host text NOT NULL, pid integer NOT NULL, version text NOT NULL, migration text NOT NULL,
    config text NOT NULL, plans boolean NOT NULL, queues text[] NOT NULL, concurrency integer NOT NULL,
    numbers bigint[] NOT NULL, started timestamptz NOT NULL DEFAULT now(), seen timestamptz NOT NULL DEFAULT now());
CREATE TABLE uptake_failures (
    id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), worker text NOT NULL, what text NOT NULL, said text NOT NULL);
CREATE TABLE uptake_results (
    id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), batch text NOT NULL, piece integer NOT NULL, source text NOT NULL,
    counts jsonb NOT NULL, failed text NOT NULL, UNIQUE (batch, piece));
"""


def migrations() -> dict[str, Path]:
    """procrastinate's migrations in their order."""
    from procrastinate.schema import SchemaManager

    folder = Path(SchemaManager.get_migrations_path())
    return {file.stem: file for file in sorted(folder.glob("*.sql"))}


def newest() -> str:
    return max(migrations())


def prepare(address: str) -> None:
    """Make the tables, or bring older ones up to date. Any number of processes may do it at once.

    Raises `UptakeError` in plain words: tables newer than the program, no right to make them, `AwayError`.
    """
    import psycopg

    try:
        arguments = connecting(address)
        with psycopg.connect(arguments.pop("conninfo"), **arguments) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            _prepare(connection, address)
    except psycopg.Error as error:
        raise words(error, address) from error


def look(address: str) -> bool:
    """Whether the tables are there, without making them. Raises what `prepare` would, also where they could not be made."""
    import psycopg

    try:
        arguments = connecting(address)
        with psycopg.connect(arguments.pop("conninfo"), **arguments) as connection:
            if (known := _known(connection)) is not None:
                _refuse_newer(known, address)
                return True
            there = connection.execute("SELECT to_regnamespace(%s) IS NOT NULL", (SCHEMA,)).fetchone() == (True,)
            may = "has_schema_privilege(%s, 'CREATE')" if there else "has_database_privilege(current_database(), %s)"
            if connection.execute(f"SELECT {may}".encode(), (SCHEMA if there else "CREATE",)).fetchone() != (True,):
                raise no_right(address, f"permission denied for schema {SCHEMA}" if there else "it has no right to make a schema")
            return False
    except psycopg.Error as error:
        raise words(error, address) from error


def _known(connection: Connection[Any]) -> dict[str, str] | None:
    """What is noted about the tables; None where there are none."""
    if connection.execute("SELECT to_regclass(%s)", (f"{SCHEMA}.uptake_meta",)).fetchone() == (None,):
        return None
    return dict(connection.execute("SELECT key, value FROM uptake_meta").fetchall())


def _refuse_newer(known: dict[str, str], address: str) -> None:
    newer = []
    if int(known["ours"]) > OURS:
        newer.append(f"Uptake (its tables are version {known['ours']}, here {OURS})")
    if known["migration"] > newest():
        newer.append(f"procrastinate (its tables are {known['migration']}, here {newest()})")
    if newer:
        raise UptakeError(
            f"the queue at {place(address)} was made by a newer {' and a newer '.join(newer)}; upgrade this machine's, the others go on"
            " meanwhile"
        )


def _prepare(connection: Connection[Any], address: str) -> None:
    known = _known(connection)
    if known is None:
        from procrastinate.schema import SchemaManager

        if connection.execute("SELECT to_regnamespace(%s)", (SCHEMA,)).fetchone() == (None,):
            connection.execute(f"CREATE SCHEMA {SCHEMA}".encode())
        connection.execute(SchemaManager.get_schema())
        connection.execute(TABLES.encode())
        _note(connection, migration=newest(), ours=str(OURS), seed=secrets.token_hex(8))
        return
    _refuse_newer(known, address)
    others = "SELECT count(*) FROM uptake_workers WHERE migration < %s AND seen > now() - interval '5 minutes'"
    for name, file in migrations().items():
        if name <= known["migration"]:
            continue
        if "_post_" in name and connection.execute(others, (name,)).fetchone() != (0,):
            break  # it takes away what they still call
        connection.execute(file.read_bytes())
        _note(connection, migration=name)


def _note(connection: Connection[Any], **facts: str) -> None:
    for key, value in facts.items():
        connection.execute("INSERT INTO uptake_meta VALUES (%s, %s) ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value", (key, value))


__all__ = ["look", "migrations", "newest", "prepare"]
