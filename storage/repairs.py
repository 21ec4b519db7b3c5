"""Series that a feed sends again beside its changes, because overwriting alone cannot make the receiver's copy right.

A point was withdrawn, a server keeps the highest of several values, a topic was renamed, a check found a difference:
the receiver's points of the series are removed where ``wipe`` says so, and then sent as the journal knows them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, select

from storage import schema

if TYPE_CHECKING:
    from storage.transaction import Transaction

ALWAYS = 2**60


@dataclass(frozen=True, slots=True)
class Repair:
    """A series' points from ``since`` to ``until``; those before ``next`` are sent already."""

    series_id: int
    since: int = -ALWAYS
    until: int = ALWAYS
    wipe: bool = False
    formerly: tuple[str, ...] = ()
    next: int = -ALWAYS


def request(tx: Transaction, feed: str, repairs: Iterable[Repair]) -> None:
    """Ask for repairs; one of a series that waits already is widened."""
    for new in repairs:
        known = _row(tx.connection, feed, new.series_id)
        if known is not None and known.done_at is None:
            old = _repair(known)
            new = replace(  # noqa: PLW2901  # the wider of the two
                new,
                since=min(old.since, new.since),
                until=max(old.until, new.until),
                wipe=old.wipe or new.wipe,
                formerly=tuple(dict.fromkeys([*old.formerly, *new.formerly])),
            )
        if known is not None:
            tx.connection.execute(schema.repairs.delete().where(*_key(feed, new.series_id)))
        tx.connection.execute(
            schema.repairs.insert().values(
                feed=feed,
                series_id=new.series_id,
                since=new.since,
                until=new.until,
                next=new.since,
                wipe=new.wipe,
                formerly="\n".join(new.formerly),
            )
        )


def waiting(connection: Connection, feed: str) -> Repair | None:
    """The next repair: those that remove come first, so that what they take along is sent once."""
    table = schema.repairs
    here = select(table).where(table.c.feed == feed, table.c.done_at.is_(None)).order_by(table.c.wipe.desc(), table.c.series_id).limit(1)
    row = connection.execute(here).first()
    return None if row is None else _repair(row)


def wiped(tx: Transaction, feed: str, series_id: int) -> None:
    """What the receiver had is removed."""
    tx.connection.execute(schema.repairs.update().where(*_key(feed, series_id)).values(wipe=False, formerly=""))


def sent(tx: Transaction, feed: str, repair: Repair, up_to: int | None, now: int) -> None:
    """The receiver has the points up to a time; None: all of them."""
    values: dict[str, object] = {"done_at": now} if up_to is None else {"next": up_to + 1}
    tx.connection.execute(schema.repairs.update().where(*_key(feed, repair.series_id)).values(**values))


def forget_done(tx: Transaction, feed: str, before: int) -> None:
    table = schema.repairs
    tx.connection.execute(table.delete().where(table.c.feed == feed, table.c.done_at < before))


def redo(tx: Transaction, feed: str) -> None:
    """What was done lately is to be done again: the receiver may have lost it."""
    table = schema.repairs
    tx.connection.execute(table.update().where(table.c.feed == feed).values(next=table.c.since, done_at=None))


def _key(feed: str, series_id: int):  # type: ignore[no-untyped-def]  # SQLAlchemy's type says less than the code
    return schema.repairs.c.feed == feed, schema.repairs.c.series_id == series_id


def _row(connection: Connection, feed: str, series_id: int) -> Row[Any] | None:
    return connection.execute(select(schema.repairs).where(*_key(feed, series_id))).first()


def _repair(row: Row[Any]) -> Repair:
    formerly = tuple(filter(None, row.formerly.split("\n")))
    return Repair(row.series_id, row.since, row.until, bool(row.wipe), formerly, row.next)
