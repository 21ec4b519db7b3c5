"""The ledger of sendings: one row per kind, period, way and recipient, so that nothing is handed over twice.

A sending is *planned*; *handing* is committed in the last moment before the message leaves; then it is *sent*, or
*refused*, or planned again for later. A row that is still *handing* when nobody is at work died between the server's
yes and our note: it becomes *uncertain*, is shown, and never sent again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, CursorResult, insert, select, update

from storage import schema
from storage.journal import Transaction

TABLE = schema.sendings
DIED = "the program ended between handing it over and noting the answer; it may have arrived, and is not sent again"


class Standing(StrEnum):
    PLANNED = "planned"
    HANDING = "handing"
    SENT = "sent"
    REFUSED = "refused"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class Sending:
    """One message to one recipient. ``next_at`` and ``changed_at`` are epoch seconds; ``digests`` are ids."""

    id: int
    kind: str
    period: str
    way: str
    recipient: str
    digests: tuple[int, ...]
    message_id: str
    state: Standing
    reason: str
    attempts: int
    next_at: int
    changed_at: int

    def to_dict(self) -> dict[str, object]:
        return {
            "kind": self.kind,
            "period": self.period,
            "way": self.way,
            "recipient": self.recipient,
            "state": str(self.state),
            "reason": self.reason or None,
            "attempts": self.attempts,
            "digests": list(self.digests),
        }


def plan(
    tx: Transaction, kind: str, period: str, way: str, recipients: Mapping[str, tuple[Sequence[int], str]], *, now: int
) -> list[Sending]:
    """Note who is to get what: recipient → (ids of digests, message id). Who stands there already is left alone; gives the new ones."""
    known = {s.recipient.casefold() for s in listed(tx.connection, kind=kind, period=period) if s.way == way}
    made = []
    for recipient, (digests, message_id) in recipients.items():
        if recipient.casefold() in known:
            continue
        known.add(recipient.casefold())
        row = {"kind": kind, "period": period, "way": way, "recipient": recipient, "digests": json.dumps(list(digests))}
        row |= {"message_id": message_id, "state": Standing.PLANNED, "reason": ""}
        found = tx.connection.execute(insert(TABLE).values(**row, attempts=0, next_at=now, changed_at=now).returning(TABLE)).one()
        made.append(_sending(found))
    return made


def begin(tx: Transaction, sending: Sending, *, now: int) -> bool:
    """Commit that a message is about to leave; False if it is no longer planned: somebody else has taken it."""
    return _change(tx, sending, Standing.PLANNED, Standing.HANDING, now, attempts=sending.attempts + 1)


def end(tx: Transaction, sending: Sending, state: Standing, *, now: int, reason: str = "") -> bool:
    """What came of a message that was handed over, or of one that was refused before."""
    return _change(tx, sending, (Standing.PLANNED, Standing.HANDING), state, now, reason=reason)


def later(tx: Transaction, sending: Sending, next_at: int, states: Iterable[Standing], *, now: int, reason: str) -> bool:
    """Nothing has left: plan it again, if it is in one of these states. One that is *handing* only on the server's word."""
    more = {"reason": reason, "next_at": next_at, "attempts": sending.attempts + 1}
    return _change(tx, sending, states, Standing.PLANNED, now, **more)


def again(tx: Transaction, sending: Sending, *, now: int) -> bool:
    """Plan a refused one again, because a person asks for it."""
    return _change(tx, sending, Standing.REFUSED, Standing.PLANNED, now, next_at=now)


def bury(tx: Transaction, *, now: int) -> list[Sending]:
    """Mark what died while it was handed over as uncertain. Only for whoever holds the lock on sending."""
    died = listed(tx.connection, states=(Standing.HANDING,))
    for sending in died:
        _change(tx, sending, Standing.HANDING, Standing.UNCERTAIN, now, reason=DIED)
    return died


def _change(tx: Transaction, sending: Sending, before: Standing | Iterable[Standing], state: Standing, now: int, **values: object) -> bool:
    states = [before] if isinstance(before, Standing) else list(before)
    statement = update(TABLE).where(TABLE.c.id == sending.id, TABLE.c.state.in_(states)).values(state=state, changed_at=now, **values)
    result = tx.connection.execute(statement)
    return isinstance(result, CursorResult) and result.rowcount == 1


def listed(
    connection: Connection,
    *,
    kind: str | None = None,
    period: str | None = None,
    states: Iterable[Standing] | None = None,
    due: int | None = None,
) -> list[Sending]:
    """Sendings in the order in which they were planned; ``due``: only those that may be tried at that epoch second."""
    query = select(TABLE).order_by(TABLE.c.id)
    if kind is not None:
        query = query.where(TABLE.c.kind == kind)
    if period is not None:
        query = query.where(TABLE.c.period == period)
    if states is not None:
        query = query.where(TABLE.c.state.in_(list(states)))
    if due is not None:
        query = query.where(TABLE.c.state == Standing.PLANNED, TABLE.c.next_at <= due)
    return [_sending(row) for row in connection.execute(query)]


def get(connection: Connection, key: int) -> Sending:
    return _sending(connection.execute(select(TABLE).where(TABLE.c.id == key)).one())


def _sending(row) -> Sending:  # type: ignore[no-untyped-def]  # a row of `sendings`
    return Sending(
        row.id,
        row.kind,
        row.period,
        row.way,
        row.recipient,
        tuple(json.loads(row.digests)),
        row.message_id,
        Standing(row.state),
        row.reason,
        row.attempts,
        row.next_at,
        row.changed_at,
    )
