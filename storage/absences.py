"""What collections left without a number, and when each series was last planned: what catching up and health rest on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from storage import ledger, schema
from storage.model import Outcome, Series, Slot, State
from storage.plans import size, unpack
from storage.states import states_at


def last_slots(connection: Connection, source: str, series: Iterable[Series], since: int) -> dict[Series, int]:
    """The time of the newest slot that a collection planned for each series, of runs with slots at or after ``since``.

    Series that were never planned are left out. Runs are gone through newest first, and only until all are found.
    """
    left, found = set(series), dict[Series, int]()
    query = (
        select(schema.runs.c.plan)
        .where(schema.runs.c.source == source, schema.runs.c.kind == ledger.COLLECT, schema.runs.c.last_slot >= since)
        .order_by(schema.runs.c.seq.desc())
    )
    for (plan,) in connection.execute(query):
        if not left:
            break
        for slot in unpack(plan, source):
            if slot.series in left:
                found[slot.series] = max(slot.time, found.get(slot.series, slot.time))
        left -= found.keys()
    return found


def lost(connection: Connection, source: str, since: int, asked: int | None = None) -> list[ledger.End]:
    """Slots of collections at or after ``since`` that ended without a number and have none still, with how they ended.

    ``asked``: only of collections that were begun at that time or later.
    """
    found: dict[Slot, ledger.End] = {}
    query = select(schema.runs).where(
        schema.runs.c.source == source, schema.runs.c.kind == ledger.COLLECT, schema.runs.c.last_slot >= since
    )
    if asked is not None:
        query = query.where(schema.runs.c.time >= asked)
    ends = schema.slot_ends
    troubled = select(ends.c.run).where(ends.c.outcome == str(Outcome.MISSING))
    for row in connection.execute(query.where(schema.runs.c.id.in_(troubled)).order_by(schema.runs.c.seq)).all():
        slots = unpack(row.plan, source)
        for end in connection.execute(select(ends).where(ends.c.run == row.id, ends.c.outcome == str(Outcome.MISSING))):
            slot = slots[end.slot]
            if slot.time >= since:
                found[slot] = ledger.End(slot, source, row.id, Outcome.MISSING, end.reason, end.detail)
    states = states_at(connection, found)
    return [end for slot, end in found.items() if states.get(slot) not in {State.GOOD, State.SUSPECT}]


@dataclass(frozen=True, slots=True)
class Brief:
    """What one collection came to, in figures."""

    run: str
    time: int
    planned: int
    measured: int
    finished: bool


def recent(connection: Connection, source: str, count: int) -> list[Brief]:
    """The newest collections of a source that had something to measure, newest first."""
    ends = schema.slot_ends
    query = select(schema.runs).where(
        schema.runs.c.source == source, schema.runs.c.kind == ledger.COLLECT, schema.runs.c.last_slot.is_not(None)
    )
    found = []
    for row in connection.execute(query.order_by(schema.runs.c.seq.desc()).limit(count)).all():
        spoken = connection.scalar(select(func.count()).where(ends.c.run == row.id, ends.c.outcome == str(Outcome.MISSING)))
        planned = size(row.plan)
        found.append(Brief(row.id, row.time, planned, planned - int(spoken or 0), row.finished_seq is not None))
    return found


def last_reason(connection: Connection, run: str) -> tuple[str, str] | None:
    """Reason and detail of the last slot that a run left without a number, None if it left none."""
    ends = schema.slot_ends.c
    query = select(ends.reason, ends.detail).where(ends.run == run, ends.outcome == str(Outcome.MISSING)).order_by(ends.slot.desc())
    row = connection.execute(query.limit(1)).first()
    return None if row is None else (row.reason, row.detail)


__all__ = ["Brief", "last_reason", "last_slots", "lost", "recent"]
