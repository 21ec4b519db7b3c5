"""Leases: which worker may crawl a host, or do what only one may do, where workers on several machines share a PostgreSQL.

A lease is a row that its holder renews; a holder that dies or is cut off lets it run out. All times are the database
server's (``clock_timestamp()``), so the workers' clocks do not matter; the server's own clock must not be set forward by more
than half a lease while workers are at work (what NTP corrects bit by bit does no harm).

Each taking gives a larger *token*. It is what the journal is fenced by: `check` locks the row inside the transaction that
writes, so that a worker that comes back after its lease went to another one commits nothing. The token is part of a unique
index, which makes a taking exclude that lock, while a renewal, which changes times only, passes it: a holder may write for
longer than its lease lasts and keep it.

Connections here are SQLAlchemy's, on PostgreSQL; a journal on SQLite has the table and leaves it empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, text

from storage.model import UptakeError

LIFE = 60.0  # seconds

_FREE = text("SELECT count(*) FROM leases WHERE name = ANY(CAST(:names AS text[])) AND until >= extract(epoch FROM clock_timestamp())")
_TAKE = text("""
INSERT INTO leases (name, holder, token, taken_at, renewed_at, until)
SELECT name, :holder, 1, clock.now, clock.now, clock.now + :life
FROM unnest(CAST(:names AS text[])) AS name, (SELECT extract(epoch FROM clock_timestamp()) AS now) AS clock ORDER BY name
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, token = leases.token + 1,
  taken_at = extract(epoch FROM clock_timestamp()), renewed_at = extract(epoch FROM clock_timestamp()),
  until = extract(epoch FROM clock_timestamp()) + :life
WHERE leases.until < extract(epoch FROM clock_timestamp())
RETURNING name, token
""")
_MINE = """
SELECT leases.name FROM leases JOIN unnest(CAST(:names AS text[]), CAST(:tokens AS bigint[])) AS mine (name, token)
ON leases.name = mine.name AND leases.token = mine.token
ORDER BY leases.name FOR {lock} OF leases
"""  # in the order of the names, as they are taken: nobody waits for one who waits for him
_LOCKED = f"WITH mine AS MATERIALIZED ({_MINE.format(lock='NO KEY UPDATE')})"
_RENEW = text(f"""
{_LOCKED} UPDATE leases SET renewed_at = clock.now, until = clock.now + :life
FROM (SELECT extract(epoch FROM clock_timestamp()) AS now) AS clock, mine WHERE leases.name = mine.name RETURNING leases.name
""")
_RELEASE = text(f"{_LOCKED} UPDATE leases SET until = 0 FROM mine WHERE leases.name = mine.name")
_CHECK = text(_MINE.format(lock="KEY SHARE"))
_HELD = text("""
SELECT name, holder, token, taken_at, renewed_at, until, until - clock.now AS left
FROM leases, (SELECT extract(epoch FROM clock_timestamp()) AS now) AS clock WHERE until >= clock.now ORDER BY name
""")


class LeaseLost(UptakeError):  # noqa: N818  # a state that passes, told in a sentence
    """Another worker may be at it: nothing more is asked, and nothing of it is written."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds what. Times are epoch seconds by the server's clock."""

    name: str  # a host, "source-NAME", "housekeeping", …
    holder: str
    token: int
    taken_at: float
    renewed_at: float
    until: float
    left: float  # seconds until it runs out, if it is not renewed


def take(connection: Connection, names: Iterable[str], holder: str, life: float) -> dict[str, int] | None:
    """Take all of these leases for ``life`` seconds, or none: names to tokens, None where somebody holds one of them.

    A lease is free that was released, or was not renewed for the whole of its life. One that is held is only looked at: to lock
    its row would hold up its holder.
    """
    wanted = sorted(set(names))
    if connection.scalar(_FREE, {"names": wanted}):
        return None
    with connection.begin_nested() as attempt:
        rows = connection.execute(_TAKE, {"names": wanted, "holder": holder, "life": life}).all()
        taken = {str(name): int(token) for name, token in rows}
        if len(taken) < len(wanted):  # somebody was faster with one of them
            attempt.rollback()
            return None
    return taken


def renew(connection: Connection, tokens: Mapping[str, int], life: float) -> set[str]:
    """Renew leases (names to tokens) in one statement. Gives the names of those that are still the holder's."""
    return set(connection.scalars(_RENEW, {**_mine(tokens), "life": life}))


def release(connection: Connection, tokens: Mapping[str, int]) -> None:
    """Let go at once of leases that are still the holder's. The rows stay, for their tokens."""
    connection.execute(_RELEASE, _mine(tokens))


def check(connection: Connection, tokens: Mapping[str, int], idle: float) -> None:
    """Inside a transaction that writes: see to it that it is committed only as long as nobody else took one of these leases.

    Who wants to take one waits for the end of the transaction. So that a machine which is cut off in the middle of it does not
    keep others waiting, the server ends it when nothing came for ``idle`` seconds. Raises `LeaseLost`.
    """
    connection.execute(text("SELECT set_config('idle_in_transaction_session_timeout', :ms, true)"), {"ms": str(max(1, int(idle * 1000)))})
    lost = sorted(tokens.keys() - set(connection.scalars(_CHECK, _mine(tokens))))
    if lost:
        raise LeaseLost(told(lost))


def held(connection: Connection) -> list[Lease]:
    """Who holds what at the moment, by name; nothing on SQLite, where locks are files."""
    if connection.dialect.name != "postgresql":
        return []
    return [Lease(*row) for row in connection.execute(_HELD)]


def told(names: Iterable[str]) -> str:
    """What it means that these leases are lost, in a sentence."""
    things = ", ".join(name.removeprefix("source-") for name in names)
    return (
        f"this worker could not confirm in time that {things} is still its own to work on, so another one may be at it;"
        " it stopped, and what was begun goes on later"
    )


def _mine(tokens: Mapping[str, int]) -> dict[str, list[str] | list[int]]:
    names = sorted(tokens)
    return {"names": names, "tokens": [tokens[name] for name in names]}


__all__ = ["LIFE", "Lease", "LeaseLost", "check", "held", "release", "renew", "take", "told"]
