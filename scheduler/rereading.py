"""Reading the kept responses again with today's parsers: by one alone, or by several, each other runs of a source.

Several may do it where a source's runs stand apart (`SourceSpider.runs_apart`): then no run says anything of another one's
slots, what was remembered before a run is read as of then, and nothing is remembered anew, so that the order does not matter.
They hold the source's lock among themselves, which keeps visits and whatever changes the responses away while a run is read,
and each the lock of its run. So a run under these locks that reads the same responses, and was never finished, is a dead
process's, also where that one only slept and wakes: it can write nothing any more.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import Enum, auto

from sqlalchemy import Connection

from crawlers.engine import CrawlService, Report
from crawlers.lock_names import of_responses
from crawlers.recorder import Tally
from scheduler.aging import reduced_runs
from scheduler.resuming import go_on
from scheduler.setups import Progress, Setup, silent
from storage import ledger
from storage.grips import Grip
from storage.journal import Journal
from storage.model import Reason, Slot

REPARSE = "reparse"


def rereadable(connection: Connection, source: str, since: int | None = None) -> list[ledger.Run]:
    """The runs of a source that may be read again, oldest first; also those whose responses are no longer kept whole."""
    return [r for r in ledger.runs(connection, source) if r.finished and not r.rereads and (since is None or r.time >= since)]


async def reparse(
    service: CrawlService,
    setup: Setup,
    *,
    now: int,
    since: int | None = None,
    only: Collection[str] | None = None,
    progress: Progress = silent,
) -> list[Report]:
    """Read the kept responses again with today's parsers, newest run first. Changed values become revisions.

    Runs whose responses are no longer kept whole are passed over; the last report says how many. ``only``: of these runs.
    """
    done = _Done(setup)
    async with service.locks.hold(setup.locks):
        for old in _chosen(service.journal, setup, since, only):
            done.add(await _read(service, setup, old, now=now, lock=setup.lock, progress=progress))
    return done.reports


async def reparse_among(
    service: CrawlService, setup: Setup, *, now: int, only: Collection[str], progress: Progress = silent
) -> list[Report]:
    """As `reparse`, of these runs, beside others who read other runs of the source. Between two runs a visit may come in."""
    if not setup.source.runs_apart:
        return await reparse(service, setup, now=now, only=only, progress=progress)
    done = _Done(setup)
    for old in _chosen(service.journal, setup, None, only):
        if service.stopping:
            break
        lock = of_responses(setup.name, old.id)
        async with service.locks.hold([lock], among=setup.lock):
            await _finish_dead(service, setup, old, now=now, lock=lock)
            done.add(await _read(service, setup, old, now=now, lock=lock, progress=progress))
    return done.reports


class _Done:
    """What reading again came to so far."""

    def __init__(self, setup: Setup) -> None:
        self._setup, self._passed_over = setup, 0
        self._reports: list[Report] = []

    def add(self, came: Report | Outcome) -> None:
        if isinstance(came, Report):
            self._reports.append(came)
        self._passed_over += came is Outcome.REDUCED

    @property
    def reports(self) -> list[Report]:
        count = self._passed_over
        reports = self._reports or [Report(self._setup.name, Tally(0))] * bool(count)
        if count:
            older = f"{count} older collection{'s' * (count > 1)}"
            told = f"{older} could not be read again: raw responses are kept whole for keep_days days only"
            reports[-1].remark = reports[-1].remark or told
        return reports


class Outcome(Enum):
    """Why a run was not read."""

    REDUCED = auto()  # its responses are no longer kept whole
    NOTHING = auto()  # it speaks for no figure, or the process ends


def _chosen(journal: Journal, setup: Setup, since: int | None, only: Collection[str] | None) -> list[ledger.Run]:
    """Newest first."""
    with journal.read() as connection:
        return [r for r in reversed(rereadable(connection, setup.name, since)) if only is None or r.id in only]


async def _read(service: CrawlService, setup: Setup, old: ledger.Run, *, now: int, lock: str, progress: Progress) -> Report | Outcome:
    with service.journal.read() as connection:
        if old.id in reduced_runs(connection, setup.name):
            return Outcome.REDUCED
        slots = list(old.slots) if old.kind == ledger.BACKFILL else _speaks_for(connection, old)
    if not slots or service.stopping:
        return Outcome.NOTHING
    grip = service.locks.grip(lock)
    run = await service.in_writer(lambda: _plan_again(service.journal, setup, old, slots, now, grip))
    return await go_on(service, setup, run, now=now, only=Reason.DOWNTIME, lock=lock, progress=progress)


async def _finish_dead(service: CrawlService, setup: Setup, old: ledger.Run, *, now: int, lock: str) -> None:
    """Finish what read the same responses and died: who holds their lock knows that nobody is at it any more."""
    with service.journal.read() as connection:
        left = [run for run in ledger.unfinished(connection, setup.name) if run.rereads == old.id]
    for run in left:
        if not service.stopping:
            await go_on(service, setup, run, now=now, only=Reason.DOWNTIME, lock=lock)


def _plan_again(journal: Journal, setup: Setup, old: ledger.Run, slots: Sequence[Slot], now: int, grip: Grip) -> ledger.Run:
    kind = old.kind if old.kind == ledger.BACKFILL else REPARSE
    with journal.write(now=now) as tx:
        grip.guard(tx.connection)
        return ledger.open_run(tx, setup.name, kind, slots, now=now, parser=setup.source.parser, config=setup.config, rereads=old)


def _speaks_for(connection: Connection, run: ledger.Run) -> list[Slot]:
    """The slots of a run whose standing end is that run's: what it may change when it is read again."""
    times = [s.time for s in run.slots]
    if not times:
        return []
    roots = {r.id: r.root for r in ledger.runs(connection, run.source, since=min(times), until=max(times))}
    standing = {e.slot: roots[e.run] for e in ledger.ends(connection, run.source, since=min(times), until=max(times))}
    return [s for s in run.slots if standing.get(s) == run.id and not ledger.settled_by_hand(connection, s)]


__all__ = ["REPARSE", "reparse", "reparse_among", "rereadable"]
