"""What is left of runs that another process began, here or on another machine, and finishing them."""

from __future__ import annotations

import asyncio
import logging

from sqlalchemy import Connection, select

from crawlers.capture_names import successors
from crawlers.engine import CrawlService, Report
from crawlers.keep import Keep, files_of
from crawlers.object_store import StoreAwayError
from scheduler.allowance import budget
from scheduler.crawling import crawl
from scheduler.setups import Progress, Setup, silent
from storage import ledger, schema
from storage.model import Reason, Slot, State
from storage.periods import expires
from storage.states import states_at

logger = logging.getLogger(__name__)


async def recover(service: CrawlService, setup: Setup, *, now: int, progress: Progress = silent) -> list[tuple[Report, ledger.Run]]:
    """Finish the runs of a source whose process died: captured answers are read again, the rest is fetched.

    Where a slot can no longer be measured honestly, what was captured is used and the rest is *missing(downtime)*.
    The caller holds the source's lock, so that nobody else can be at it.
    """
    with service.journal.read() as connection:
        left = ledger.unfinished(connection, setup.name)
    done = []
    for run in left:
        over = bool(run.rereads) or (run.kind == ledger.COLLECT and _has_passed(setup, run, now))
        try:
            report = await go_on(service, setup, run, now=now, only=Reason.DOWNTIME if over else None, progress=progress)
        except StoreAwayError as error:
            logger.warning("%s is gone on with when its answers can be read: %s", run.id, error)
            continue
        done.append((report, run))
    return done


def _has_passed(setup: Setup, run: ledger.Run, now: int) -> bool:
    """Whether a slot of a run can no longer be measured honestly."""
    metrics = {m.name: m for m in setup.source.metrics(setup.options)}
    return any(s.series.metric not in metrics or expires(metrics[s.series.metric], s.time, now) for s in run.slots)


async def go_on(
    service: CrawlService,
    setup: Setup,
    run: ledger.Run,
    *,
    now: int,
    only: Reason | None = None,
    lock: str = "",
    progress: Progress = silent,
) -> Report:
    """Do what is left of a run: what was answered is read again, the rest is fetched, or ends with the reason ``only``.

    ``lock``: what the caller holds, if it is not the source's.
    """

    def look() -> tuple[list[Slot], int | None]:
        with service.journal.read() as connection:
            return left_of(connection, run, service.keep), budget(connection, setup, now)

    slots, left = look() if service.keep.address is None else await asyncio.to_thread(look)  # it may wait for the network
    return await crawl(service, setup, run, slots=slots, since=_since(run), left=left, only=only, lock=lock, progress=progress)


def _since(run: ledger.Run) -> int | None:
    """The start of a backfill that was planned: its slots bear it."""
    return min((s.time for s in run.slots), default=None) if run.kind == ledger.BACKFILL else None


def left_of(connection: Connection, run: ledger.Run, keep: Keep) -> list[Slot]:
    """The slots of a run that have no end yet, in the order of its plan.

    Those that have a value already are among them as long as the run's responses are in reach: they are read again, which
    costs nothing, and tells what belongs to them the same as before. Where responses are on the machine of another worker that
    would be asking twice, so they are left out: the value stands.
    """
    ended = ledger.ended_places(connection, run.id)
    slots = [slot for place, slot in enumerate(run.slots) if place not in ended]
    if run.kind == ledger.BACKFILL or run.rereads or _all_here(connection, run, keep):
        return slots
    states = states_at(connection, slots)
    return [slot for slot in slots if states.get(slot) not in {State.GOOD, State.SUSPECT}]


def _all_here(connection: Connection, run: ledger.Run, keep: Keep) -> bool:
    """Whether all responses of a run that the journal knows can be read from here. May wait for the network."""
    evidence = schema.evidence.c
    files = connection.scalars(select(evidence.file).where(evidence.kind == "capture", evidence.run == run.id).distinct()).all()
    if not files:
        return True
    try:
        there = set(files_of(keep, run.id, run.time))
    except StoreAwayError:
        there = set(files_of(keep.here, run.id, run.time))
    return all(not there.isdisjoint(successors(file)) for file in files)


__all__ = ["go_on", "left_of", "recover"]
