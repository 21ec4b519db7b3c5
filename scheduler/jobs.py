"""What is done for a source: plan what is due, finish what a dead process began, collect, read history, show what matches."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import Connection

from crawlers.engine import CrawlService, Report
from crawlers.job import Job, Mode
from crawlers.recorder import Tally
from scheduler.allowance import budget, turns
from scheduler.crawling import crawl, manners_of
from scheduler.resuming import recover
from scheduler.setups import Progress, Setup, silent
from storage import ledger
from storage.lookups import recall
from storage.model import Reason, Slot, State, Topic
from storage.periods import expires
from storage.states import states_at

PASSED = "its time had passed when it was asked for"


def due(connection: Connection, slots: Sequence[Slot]) -> list[Slot]:
    """The slots that have no value yet. One that is held as suspect has one."""
    states = states_at(connection, slots)
    return [s for s in slots if states.get(s) not in {State.GOOD, State.SUSPECT}]


async def collect(
    service: CrawlService,
    setup: Setup,
    *,
    now: int,
    at: int | None = None,
    topics: Sequence[str] | None = None,
    skip: Collection[Slot] = (),
    progress: Progress = silent,
) -> list[Report]:
    """Measure what is due for a source, and first finish what a dead process left. One report a run.

    ``at`` addresses the slot of another moment: flows of it are measured where the source has history, a
    level that has passed ends as *missing(downtime)*. ``skip``: slots that are not to be asked for again.
    """
    async with service.locks.hold(setup.locks):
        recovered = await recover(service, setup, now=now, progress=progress)
        reports = [report for report, _ in recovered]
        answered = {slot for _, run in recovered for slot in run.slots}  # just now; asking again would be asking twice
        chosen = [t for t in setup.topics.values() if topics is None or t.key in topics]
        slots = [s for s in setup.source.slots(chosen, now if at is None else at, setup.options) if s not in answered]
        with service.journal.read() as connection:
            slots = setup.source.wanted([s for s in due(connection, slots) if s not in skip], recall(connection, setup.name))
            turn = turns(connection, setup, slots, now)
            waiting = bool(polls(connection, setup, chosen, now)) and at is None
        if (turn.slots or waiting) and not service.stopping:
            reports.append(await _run(service, setup, ledger.COLLECT, turn.slots, now=now, progress=progress))
        if turn.words:
            reports = reports or [Report(setup.name, Tally(0))]
            reports[-1].remark = reports[-1].remark or turn.words
            reports[-1].waiting = len(slots) - len(turn.slots)
    return reports


def polls(connection: Connection, setup: Setup, topics: Iterable[Topic], now: int, as_of: int | None = None) -> list[str]:
    """Topics that a source must look at now though none of their slots is due."""
    return setup.source.polls(topics, recall(connection, setup.name, as_of), now, setup.options)


async def backfill(
    service: CrawlService, setup: Setup, *, now: int, since: int | None, topics: Sequence[str] | None = None, progress: Progress = silent
) -> list[Report]:
    """Read a source's own history. ``since`` None: as far as the source goes by itself."""
    async with service.locks.hold(setup.locks):
        recovered = await recover(service, setup, now=now, progress=progress)
        reports = [report for report, _ in recovered]
        answered = {slot for _, run in recovered if run.kind == ledger.BACKFILL for slot in run.slots}  # just now, by going on
        chosen = [t for t in setup.topics.values() if topics is None or t.key in topics]
        slots = [s for s in setup.source.history_plan(chosen, now, since, setup.options) if s not in answered]
        if slots and not service.stopping:
            reports.append(await _run(service, setup, ledger.BACKFILL, slots, now=now, since=since, progress=progress))
    return reports


async def _run(
    service: CrawlService, setup: Setup, kind: str, slots: Sequence[Slot], *, now: int, since: int | None = None, progress: Progress
) -> Report:
    """Plan and do one run. Slots that have passed are ended at once, nothing is asked for them."""
    metrics = {m.name: m for m in setup.source.metrics(setup.options)}
    passed = [s for s in slots if kind == ledger.COLLECT and expires(metrics[s.series.metric], s.time, now)]

    def plan() -> tuple[ledger.Run, int | None]:
        with service.journal.write(now=now) as tx:
            service.locks.grip(setup.lock).guard(tx.connection)
            tx.define(setup.source.metrics(setup.options), setup.name)
            run = ledger.open_run(tx, setup.name, kind, slots, now=now, parser=setup.source.parser, config=setup.config)
            ledger.end_slots(tx, run, [s.missing(Reason.DOWNTIME, PASSED) for s in passed])
            return run, budget(tx.connection, setup, now)

    run, left = await service.in_writer(plan)
    ahead = [s for s in run.slots if s not in set(passed)]
    report = await crawl(service, setup, run, slots=ahead, since=since, left=left, progress=progress)
    report.tally.planned += len(passed)
    if passed:
        report.tally.missing[str(Reason.DOWNTIME)] += len(passed)
        report.tally.details += [s.missing(Reason.DOWNTIME, PASSED) for s in passed]
    return report


async def preview(service: CrawlService, setup: Setup, *, now: int, topics: Sequence[str] | None = None) -> Report:
    """What each topic's name matches at a source. No figure and no response is stored."""
    chosen = {k: t for k, t in setup.topics.items() if (topics is None or k in topics) and setup.source.name_of(t) is not None}
    run = ledger.Run(f"{setup.name}-preview", setup.name, "preview", now, 0, setup.source.parser, ())
    job = Job(run=run.id, mode=Mode.PREVIEW, now=now, topics=chosen, options=setup.options, endpoints=setup.endpoints)
    async with service.locks.hold(setup.locks):
        return await service.run(setup.source, run, job, manners=manners_of(service, setup))


__all__ = ["backfill", "collect", "due", "polls", "preview"]
