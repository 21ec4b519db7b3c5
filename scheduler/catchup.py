"""After a time in which nobody measured: what passed unmeasured, and what can still be read from a source's own history.

Flows of the past that a source can still tell are read again with an overlap (*recovered*); the slot that is still
open is measured late; the others end as *missing(downtime)*. Decisions are here, `scheduler.visits` acts on them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from scheduler.allowance import days_between
from scheduler.jobs import due
from scheduler.schedule import times
from scheduler.setups import Setup
from storage import absences, ledger
from storage.grips import Grip
from storage.journal import Journal
from storage.lookups import recall_text
from storage.model import Reason, Remember, Slot
from storage.periods import DAY, HOUR, iso, nominal, span

REACH = 400 * DAY  # how far back an absence is looked at
PASSED = "passed"  # what a run is finished as that only notes what was missed
DAEMON = "daemon"  # the name under which the daemon remembers
TRIES = 3  # of reading the same gap from history, once a day at most


def missed(connection: Connection, setup: Setup, schedule: str, now: int) -> list[Slot]:
    """Slots that the schedule would have planned since each series was last planned, but for the latest, which is still open.

    A series that was never planned has missed nothing. Where topics take turns, one that had no turn is no gap.
    """
    current = {s.series: s.time for s in setup.source.slots(setup.topics.values(), now, setup.options)}
    last = absences.last_slots(connection, setup.name, current, now - REACH)
    behind = {series: time for series, time in last.items() if time < current[series]}
    if not behind:
        return []
    metrics = {m.name: m for m in setup.source.metrics(setup.options)}
    nominals: dict[str, set[int]] = {s.metric: set() for s in behind}
    for fire in times(schedule, max(min(behind.values()), now - REACH), now):
        for name, called in nominals.items():
            called.add(nominal(metrics[name], fire))
    turn = (days_between(setup) - 1) * DAY
    found: list[Slot] = []
    for series, time in behind.items():
        before = time
        for passed in sorted(nominals[series.metric]):
            if before + (turn if series.topic else 0) < passed < current[series]:
                found.append(Slot(series, passed))
                before = passed
    return due(connection, found)  # an answer for another day may have told of this one


def new_topics(connection: Connection, setup: Setup, now: int) -> list[str]:
    """Topics that a source is to count and never was, though it counted others: they were added since."""
    current = {s.series for s in setup.source.slots(setup.topics.values(), now, setup.options)}
    if len({series.topic for series in current}) < 2:
        return []
    known = {series.topic for series in absences.last_slots(connection, setup.name, current, now - REACH)}
    return [] if not known else list(dict.fromkeys(series.topic for series in current if series.topic and series.topic not in known))


def note_downtime(journal: Journal, setup: Setup, slots: Iterable[Slot], now: int, grip: Grip) -> int:
    """Plan slots that have passed and end them in the same transaction: nothing is asked for them. Gives their number.

    ``grip``: the caller's on the source; raises `storage.leases.LeaseLost` where somebody else has it by now.
    """
    slots = list(slots)
    if not slots:
        return 0
    with journal.write(now=now) as tx:
        grip.guard(tx.connection)
        tx.define(setup.source.metrics(setup.options), setup.name)
        run = ledger.open_run(tx, setup.name, ledger.COLLECT, slots, now=now, parser=setup.source.parser, config=setup.config)
        said = f"nobody measured between {iso(min(s.time for s in slots))} and {iso(now)}"
        ledger.end_slots(tx, run, [s.missing(Reason.DOWNTIME, said) for s in slots])
        ledger.finish_run(tx, run, PASSED)
    return len(slots)


@dataclass(frozen=True, slots=True)
class Gap:
    """Flows that are missing and that a source's history may still tell."""

    topics: tuple[str, ...]
    since: int  # from where it is read, the overlap included
    slots: int
    newest: int  # time of the newest missing one


def gap(connection: Connection, setup: Setup, now: int) -> Gap | None:
    """What is missing of a source and may be read from its history now; None where there is nothing, or it was tried enough."""
    plan = setup.source.history_plan(setup.topics.values(), now, now - DAY, setup.options)
    if not plan:
        return None
    readable = {s.series for s in plan}
    reach = max(now - REACH, setup.source.default_since(now))
    before = tried(connection, setup.name)
    gone = [
        e
        for e in absences.lost(connection, setup.name, reach)
        if e.slot.series in readable and e.reason != str(Reason.NOT_FOUND) and e.slot.time > before.given_up
    ]
    if not gone:
        return None
    metrics = {m.name: m for m in setup.source.metrics(setup.options)}
    overlap = max(span(metrics[e.slot.series.metric].cadence) + metrics[e.slot.series.metric].settle for e in gone)
    found = Gap(
        topics=tuple(dict.fromkeys(e.slot.series.topic for e in gone)),
        since=max(reach, min(e.slot.time for e in gone) - overlap),
        slots=len(gone),
        newest=max(e.slot.time for e in gone),
    )
    return found if may_try(before, found, now) else None


@dataclass(frozen=True, slots=True)
class Tried:
    """What the last reading of a gap from history came to."""

    at: int = 0
    tries: int = 0  # in a row that brought nothing
    newest: int = 0  # time of the newest slot that was missing then
    given_up: int = 0  # what is missing up to this time is not tried any more


def tried(connection: Connection, source: str) -> Tried:
    text = recall_text(connection, DAEMON, _key(source))
    return Tried() if text is None else Tried(*json.loads(text))


def may_try(before: Tried, found: Gap, now: int) -> bool:
    """Whether a gap is read again: soon where it has grown, else once a day."""
    if found.newest > before.newest:
        return now - before.at >= HOUR
    return now - before.at >= 20 * HOUR


def outcome(before: Tried, found: Gap, left: int, now: int) -> Tried:
    """What to remember after a try that left so many slots missing. If nothing comes time and again, it is given up."""
    tries = before.tries + 1 if left >= found.slots else 0
    given_up = found.newest if tries >= TRIES else before.given_up
    return Tried(now, tries % TRIES, found.newest, given_up)


def remembered(source: str, result: Tried) -> Remember:
    return Remember(_key(source), [result.at, result.tries, result.newest, result.given_up])


def _key(source: str) -> str:
    return f"history:{source}"


def last_visit(connection: Connection, source: str) -> int | None:
    """When a source was last collected (epoch seconds). To note what passed is no visit: a process may die between the two."""
    sql = "SELECT max(time) FROM runs WHERE source = ? AND kind = ? AND finished_as != ?"
    found = connection.exec_driver_sql(sql, (source, ledger.COLLECT, PASSED)).scalar()
    return None if found is None else int(found)


__all__ = ["DAEMON", "Gap", "Tried", "gap", "last_visit", "missed", "new_topics", "note_downtime"]
