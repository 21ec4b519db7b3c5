"""A lease that one holds alone, or that any number share: a daemon that works by itself, or planners and workers with one plan.

Shares are rows of their own, ``name#share``, so that each is renewed and runs out by itself. Whoever takes the lease, alone or a
share of it, first takes the row of its name, which is locked until the transaction ends: two that do not go together never both
succeed. Who was silent for longer than a life finds no row of his any more if somebody came with whom he does not go together,
so that his next renewal tells him (`storage.keeper.Keeper`, ``lost``); otherwise he goes on as if nothing had been.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from storage import leases
from storage.leases import Lease
from storage.periods import DAY

MARK = "#"
FORGOTTEN = 30 * DAY  # seconds after which the row of a share goes whose holder died without a word

_SHARES = "FROM leases WHERE starts_with(name, :shares)"
_EXPIRED = text(f"DELETE {_SHARES} AND until < extract(epoch FROM clock_timestamp())")
_LEFT = text(f"DELETE {_SHARES} AND (until = 0 OR until < extract(epoch FROM clock_timestamp()) - :forgotten)")
_LIVING = text(f"SELECT count(*) {_SHARES} AND until >= extract(epoch FROM clock_timestamp())")


def take_alone(connection: Connection, name: str, holder: str, life: float) -> dict[str, int] | None:
    """Take a lease that nobody holds, alone or in part; else None. Its name to its token."""
    shares = {"shares": name + MARK}
    if connection.scalar(_LIVING, shares):
        return None
    with connection.begin_nested() as attempt:
        tokens = leases.take(connection, [name], holder, life)
        if tokens is not None:
            connection.execute(_EXPIRED, shares)
            if connection.scalar(_LIVING, shares):  # somebody was faster
                attempt.rollback()
                return None
    return tokens


def take_share(connection: Connection, name: str, share: str, holder: str, life: float) -> dict[str, int] | None:
    """Take a share, with a name that nobody else has, of a lease that nobody holds alone; else None. The row's name to its token."""
    passing = leases.take(connection, [name], holder, life)
    if passing is None:
        return None
    leases.release(connection, passing)
    connection.execute(_LEFT, {"shares": name + MARK, "forgotten": FORGOTTEN})
    return leases.take(connection, [f"{name}{MARK}{share}"], holder, life)


def held(connection: Connection, name: str) -> list[Lease]:
    """Who holds a lease now, alone or in part."""
    return [lease for lease in leases.held(connection) if lease.name.partition(MARK)[0] == name]


__all__ = ["MARK", "held", "take_alone", "take_share"]
