"""The ledger: what was planned, how each slot ended, and what that comes to.

A run's plan is written once and never changed. Only slots that did not end as *measured* have rows of their
own, so the ledger grows with trouble, not with success; everything else is derived: a slot of a finished run
without a row was measured, a missing slot whose point exists after all was recovered.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, func, insert, select

from storage import schema
from storage.dialects import plain_text
from storage.journal import Transaction
from storage.lookups import SELECT_SERIES, head, series_key
from storage.model import Capture, Missing, Outcome, Reason, Slot, State
from storage.plans import pack, unpack
from storage.states import states_at

COLLECT = "collect"
BACKFILL = "backfill"


@dataclass(frozen=True, slots=True)
class Run:
    """One crawl of a source for a set of slots, with its immutable plan."""

    id: str
    source: str
    kind: str
    time: int  # when it was planned, epoch seconds
    base_seq: int  # the sequence that its spider's state is read as of
    parser: int  # version of the source's parsers that planned it
    slots: tuple[Slot, ...]
    finished_as: str = ""
    config_id: int | None = None
    finished: bool = False
    rereads: str = ""  # the run whose captures this one reads again

    @property
    def root(self) -> str:
        """The run whose captures this one rests on."""
        return self.rereads or self.id


@dataclass(frozen=True, slots=True)
class End:
    """How one slot ended."""

    slot: Slot
    source: str
    run: str
    outcome: Outcome
    reason: str = ""
    detail: str = ""
    evidence_id: int | None = None

    @property
    def label(self) -> str:
        """The outcome in one word; a missing one with its reason, as ``missing(reason)``."""
        return f"missing({self.reason})" if self.outcome is Outcome.MISSING else str(self.outcome)


def snapshot(tx: Transaction, config: str) -> int:
    """Keep a configuration's text once; the id of its row."""
    digest = hashlib.sha256(config.encode()).hexdigest()
    table = schema.configs
    found = tx.connection.scalar(select(table.c.id).where(table.c.sha256 == digest))
    if found is None:
        found = tx.connection.execute(insert(table).values(sha256=digest, text=config, seq=tx.seq).returning(table.c.id)).scalar_one()
    return int(found)


def open_run(
    tx: Transaction, source: str, kind: str, slots: Sequence[Slot], *, now: int, parser: int, config: str = "", rereads: Run | None = None
) -> Run:
    """Commit a plan before anything is fetched. A slot that is named twice is planned once.

    A run that ``rereads`` another one stands at its time and knows its state.
    """
    base = head(tx.connection) if rereads is None else rereads.base_seq
    now = now if rereads is None else rereads.time
    config_id = snapshot(tx, config) if config else None
    slots = tuple(dict.fromkeys(slots))
    run_id = f"{source}-{tx.seq}"  # unique, because a sequence is
    here = select(func.count()).where(schema.runs.c.seq == tx.seq, schema.runs.c.source == source)
    if others := tx.connection.scalar(here):
        run_id += f".{others + 1}"
    times = [s.time for s in slots]
    tx.connection.execute(
        insert(schema.runs).values(
            id=run_id,
            source=source,
            kind=kind,
            time=now,
            base_seq=base,
            seq=tx.seq,
            first_slot=min(times, default=None),
            last_slot=max(times, default=None),
            plan=pack(slots),
            config_id=config_id,
            parser=parser,
            rereads="" if rereads is None else rereads.id,
        )
    )
    return Run(run_id, source, kind, now, base, parser, slots, config_id=config_id, rereads="" if rereads is None else rereads.id)


def end_slots(tx: Transaction, run: Run, missing: Iterable[Missing]) -> None:
    """Record slots that ended without a number. The first end of a slot in a run stands."""
    places = {slot: i for i, slot in enumerate(run.slots)}
    for end in missing:
        place = places.get(end.slot)
        if place is None:
            continue
        _end(tx, run.id, place, Outcome.MISSING, str(end.reason), end.detail, end.captures)


def hold(tx: Transaction, run: Run, slot: Slot, detail: str) -> None:
    """Record that a slot was measured, but its value is not believed yet."""
    if slot in run.slots:
        _end(tx, run.id, run.slots.index(slot), Outcome.SUSPECT, "", detail)


def _end(tx: Transaction, run: str, place: int, outcome: Outcome, reason: str, detail: str, captures: tuple[Capture, ...] = ()) -> None:
    table = schema.slot_ends
    if tx.connection.scalar(select(table.c.slot).where(table.c.run == run, table.c.slot == place)) is None:
        evidence = tx.keep(captures[-1]) if captures else None
        tx.connection.execute(
            insert(table).values(
                run=run, slot=place, outcome=str(outcome), reason=reason, detail=plain_text(detail[:500]), evidence_id=evidence, seq=tx.seq
            )
        )


def carry_over(tx: Transaction, run: Run, slots: Iterable[Slot]) -> None:
    """Give slots of a run that reads another one again the ends that they had there: nothing new is known of them."""
    table = schema.slot_ends
    former = _run(tx.connection.execute(select(schema.runs).where(schema.runs.c.id == run.rereads)).one())
    rows = {former.slots[r.slot]: r for r in tx.connection.execute(select(table).where(table.c.run == former.id))}
    places = {slot: place for place, slot in enumerate(run.slots)}
    for slot in slots:
        row = rows.get(slot)
        if row is not None and slot in places:
            tx.connection.execute(
                insert(table).values(
                    run=run.id,
                    slot=places[slot],
                    outcome=row.outcome,
                    reason=row.reason,
                    detail=row.detail,
                    evidence_id=row.evidence_id,
                    seq=tx.seq,
                )
            )


def ended_places(connection: Connection, run: str) -> set[int]:
    return set(connection.scalars(select(schema.slot_ends.c.slot).where(schema.slot_ends.c.run == run)))


def finish_run(tx: Transaction, run: Run, finished_as: str, requests: int = 0) -> None:
    """Close a run, once. Its slots without a row count as measured from here on.

    ``requests``: how many were sent, also those that nobody answered.

    No slot of a collection can count as measured without a value: one that nothing spoke of becomes
    *missing(unanswered)*, one whose value is held becomes *suspect*.
    """
    table = schema.runs
    if tx.connection.scalar(select(table.c.id).where(table.c.id == run.id, table.c.finished_seq.is_(None))) is None:
        return
    if run.kind != BACKFILL:
        spoken = ended_places(tx.connection, run.id)
        states = states_at(tx.connection, run.slots)
        for place, slot in enumerate(run.slots):
            state = states.get(slot)
            if place in spoken or state is State.GOOD:
                continue
            if state is State.SUSPECT:
                _end(tx, run.id, place, Outcome.SUSPECT, "", "")
            else:
                _end(tx, run.id, place, Outcome.MISSING, str(Reason.UNANSWERED), "the crawl ended and nothing had spoken of it")
    tx.connection.execute(
        table.update().where(table.c.id == run.id).values(finished_seq=tx.seq, finished_as=finished_as, requests=requests)
    )


def unfinished(connection: Connection, source: str | None = None) -> list[Run]:
    """Runs that were planned and never closed: their process died. Oldest first."""
    query = select(schema.runs).where(schema.runs.c.finished_seq.is_(None)).order_by(schema.runs.c.seq)
    return [_run(row) for row in connection.execute(query.where(schema.runs.c.source == source) if source else query)]


def runs(
    connection: Connection, source: str | None = None, *, since: int | None = None, until: int | None = None, as_of: int | None = None
) -> list[Run]:
    """Runs with a slot in [since, until], oldest first, as known at a sequence."""
    query = select(schema.runs).order_by(schema.runs.c.seq)
    if source is not None:
        query = query.where(schema.runs.c.source == source)
    if since is not None:
        query = query.where(schema.runs.c.last_slot >= since)
    if until is not None:
        query = query.where(schema.runs.c.first_slot <= until)
    if as_of is not None:
        query = query.where(schema.runs.c.seq <= as_of)
    return [_run(row, as_of) for row in connection.execute(query)]


def last_planned(connection: Connection, source: str, topics: Iterable[str], since: int) -> dict[str, int]:
    """When each topic was last planned by a collection with slots at or after ``since``: topic to epoch seconds.

    Topics that were not are left out. Runs are gone through newest first, and only until all are found.
    """
    left, found = set(topics), dict[str, int]()
    c = schema.runs.c
    query = select(c.time, c.plan).where(c.source == source, c.kind == COLLECT, c.last_slot >= since).order_by(c.seq.desc())
    for time, plan in connection.execute(query):
        if not left:
            break
        met = left & {slot.series.topic for slot in unpack(plan, source)}
        found |= dict.fromkeys(met, time)
        left -= met
    return found


def _run(row, as_of: int | None = None) -> Run:  # type: ignore[no-untyped-def]  # a row of `runs`
    finished = row.finished_seq is not None and (as_of is None or row.finished_seq <= as_of)
    slots = unpack(row.plan, row.source)
    finished_as = row.finished_as if finished else ""
    return Run(row.id, row.source, row.kind, row.time, row.base_seq, row.parser, slots, finished_as, row.config_id, finished, row.rereads)


def ends(
    connection: Connection, source: str | None = None, *, since: int | None = None, until: int | None = None, as_of: int | None = None
) -> list[End]:
    """How every planned slot in [since, until] ended: the last run that planned a slot speaks for it.

    A later run that failed does not undo a measurement, unless its value has been withdrawn since. Backfills
    are left out: what they brought shows as *recovered*.
    """
    cut = 2**62 if as_of is None else as_of
    table = schema.slot_ends
    last: dict[Slot, End] = {}
    failed: dict[Slot, End] = {}
    for run in runs(connection, source, since=since, until=until, as_of=as_of):
        if run.kind == BACKFILL:
            continue
        rows = {row.slot: row for row in connection.execute(select(table).where(table.c.run == run.id, table.c.seq <= cut))}
        for place, slot in enumerate(run.slots):
            if (since is not None and slot.time < since) or (until is not None and slot.time > until):
                continue
            row = rows.get(place)
            if row is not None:
                end = End(slot, run.source, run.id, Outcome(row.outcome), row.reason, row.detail, row.evidence_id)
            else:
                end = End(slot, run.source, run.id, Outcome.MEASURED if run.finished else Outcome.OPEN)
            if end.outcome is Outcome.MISSING:
                failed[slot] = end
            before = last.get(slot)
            if before is None or before.outcome is not Outcome.MEASURED or end.outcome is Outcome.MEASURED:
                last[slot] = end
    states = states_at(connection, last, cut)
    return [_with_state(end, states.get(slot), failed.get(slot)) for slot, end in last.items()]


def _with_state(end: End, state: State | None, failed: End | None) -> End:
    """What became of a slot's value later: a missing one was recovered, a held one settled, a measured one withdrawn."""
    if end.outcome is Outcome.OPEN or state is None or (end.outcome is Outcome.MEASURED and state is State.GOOD):
        return end
    if state is State.GOOD:
        became = Outcome.RECOVERED if end.outcome is Outcome.MISSING else Outcome.MEASURED
        reason = end.reason if became is Outcome.RECOVERED else ""
        return replace(end, outcome=became, reason=reason, detail=end.detail if reason else "")
    if state is State.SUSPECT:
        return replace(end, outcome=Outcome.SUSPECT, reason="")
    if failed is not None:
        return failed
    return replace(end, outcome=Outcome.MISSING, reason=str(Reason.PARSE_ERROR), detail=f"withdrawn: {end.detail}".rstrip(": "))


def settled_by_hand(connection: Connection, slot: Slot) -> bool:
    """Whether the last word on a slot's value was a person's (no run wrote it)."""
    sql = "SELECT c.run FROM points p JOIN commits c ON c.seq = p.seq WHERE p.series_id = ? AND p.time = ?"
    series_id = connection.exec_driver_sql(SELECT_SERIES, series_key(slot.series)).scalar()
    return connection.exec_driver_sql(sql, (series_id, slot.time)).scalar() == ""


def point_state(connection: Connection, slot: Slot, cut: int = 2**62) -> State | None:
    """The state of the point at a slot as of a sequence, None where there is none."""
    return states_at(connection, [slot], cut).get(slot)


def coverage(ended: Iterable[End]) -> dict[str, Counter[str]]:
    """Slots per source and `End.label`."""
    counts: dict[str, Counter[str]] = {}
    for end in ended:
        counts.setdefault(end.source, Counter())[end.label] += 1
    return counts
