"""What is done for a source: plan what is due, finish what a dead process began, collect, backfill, read again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import ceil

from sqlalchemy import Connection

from crawlers.engine import CrawlService, Report, hosts
from crawlers.job import Job, Manners, Mode
from crawlers.object_store import StoreAwayError
from crawlers.recorder import Tally
from crawlers.source import SourceSpider
from scheduler.aging import reduced_runs
from scheduler.resuming import left_of
from storage import ledger
from storage.journal import Journal
from storage.lookups import recall
from storage.model import Cadence, Reason, Slot, State, Topic
from storage.periods import DAY, expires, span

logger = logging.getLogger(__name__)

REPARSE = "reparse"
SLACK = 1800  # seconds by which a day's window is shorter: a visit at the same time of the next day finds the whole allowance
PASSED = "its time had passed when it was asked for"
Progress = Callable[[str, int, int], None]  # source, slots done, slots planned


def silent(_source: str, _done: int, _planned: int) -> None:
    """No progress."""


@dataclass(frozen=True, slots=True)
class Setup:
    """One source as the config has it, in plain values."""

    source: type[SourceSpider]
    topics: Mapping[str, Topic]
    endpoints: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)
    delay: float | None = None  # seconds, where the source's section asks for more than [crawl]
    obey_robots: bool | None = None
    budget: int | None = None  # requests a day, where the user wants less than the source allows
    config: str = ""  # the configuration's text, without secrets

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def locks(self) -> list[str]:
        return [f"source-{self.name}", *hosts(self.source, self.endpoints)]


def counts_something(setup: Setup, now: int) -> bool:
    """Whether a source has anything to count for these topics. Looks no further than to the first."""
    topics = setup.topics.values()
    first = any(setup.source.slots([topic], now, setup.options) for topic in topics)
    return first or bool(setup.source.slots(topics, now, setup.options))


def due(connection: Connection, slots: Sequence[Slot]) -> list[Slot]:
    """The slots that have no value yet. One that is held as suspect has one."""
    states = ledger.states_at(connection, slots)
    return [s for s in slots if states.get(s) not in {State.GOOD, State.SUSPECT}]


def budget(connection: Connection, setup: Setup, now: int) -> int | None:
    """Requests that may still be sent: the operator's allowance and the user's, less what was sent in their time."""
    return min((limit - sent(connection, setup.name, now - window) for limit, window in _limits(setup)), default=None)


def more_allowed(connection: Connection, setup: Setup, now: int) -> int:
    """When half of what the allowance lets out at once may be sent again (epoch seconds); ``now`` where it may."""
    times = [now]
    for limit, window in _limits(setup):
        since = now - window
        before = sent(connection, setup.name, since) - limit // 2 - 1  # so many are forgotten sooner than the one that it takes
        if before >= 0:
            last = connection.exec_driver_sql(_SENT_IN_ORDER, (setup.name, since, before)).scalar()
            times.append(now if last is None else int(last) + window + 1)
    return max(times)


def _limits(setup: Setup) -> list[tuple[int, int]]:
    """Requests within a number of seconds, a day's a little shorter, so that a daily visit finds the last one's forgotten."""
    allowance = setup.source.allowance(setup.options)
    limits = allowance.limits if allowance is not None else []
    if setup.budget is not None:
        limits.append((setup.budget, DAY))
    return [(limit, window - SLACK * (window >= DAY)) for limit, window in limits]


_SENT_IN_ORDER = """
SELECT e.fetched_at FROM evidence e JOIN runs r ON r.id = e.run WHERE r.source = ? AND r.kind != 'import'
  AND e.kind = 'capture' AND e.fetched_at >= ? ORDER BY e.fetched_at LIMIT 1 OFFSET ?
"""


_SENT = """
SELECT (SELECT count(*) FROM evidence e JOIN runs r ON r.id = e.run WHERE r.source = ? AND r.kind != 'import'
  AND e.kind = 'capture' AND e.fetched_at >= ?)
 + (SELECT coalesce(sum(CASE WHEN lost > 0 THEN lost ELSE 0 END), 0) FROM
    (SELECT r.requests - (SELECT count(*) FROM evidence e WHERE e.run = r.id AND e.kind = 'capture') AS lost
     FROM runs r WHERE r.source = ? AND r.time >= ?) AS runs_of_it)
"""


def sent(connection: Connection, source: str, since: int) -> int:
    """Requests of a source since a time: those that were answered, as its captures tell, and those of its runs that nobody answered."""
    return int(connection.exec_driver_sql(_SENT, (source, since, source, since)).scalar() or 0)


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


@dataclass(frozen=True, slots=True)
class Turn:
    """The slots whose turn it is, and what a person should know of those that wait."""

    slots: list[Slot]
    words: str = ""


def turns(connection: Connection, setup: Setup, slots: Sequence[Slot], now: int) -> Turn:
    """Which slots the allowance lets in now. Where topics take turns, those go first that have waited longest.

    What has no turn is not planned, so that it is no gap: each topic is then measured every so many days.
    """
    costs = {t.key: setup.source.requests_for(t, setup.options) for t in setup.topics.values()}
    left = budget(connection, setup, now)
    wanted = dict.fromkeys(s.series.topic for s in slots if s.series.topic)
    known = {key: cost for key in wanted if (cost := costs.get(key)) is not None}
    shared = sum(1 for s in slots if not s.series.topic)
    if left is None or not known or sum(known.values()) + shared <= left:
        return Turn(list(slots))
    last = ledger.last_planned(connection, setup.name, wanted, now - span(Cadence.YEAR))
    taken: set[str] = {""} if left >= shared else set()
    free = float(left - shared)
    for key in sorted(wanted, key=lambda k: last.get(k, 0)):  # stable: among equals the order of the config
        if known.get(key, 0) <= free:
            taken.add(key)
            free -= known.get(key, 0)
    days = days_between(setup)
    allowance = setup.source.allowance(setup.options)
    then = f"each has one about every {days} days" if days > 1 else "the others follow as soon as more is allowed"
    words = (
        f"{setup.source.title}: {len(taken - {''}):,} of {len(wanted):,} topics have their turn now"
        f" ({allowance.words if allowance else 'your budget'}); {then}"
    )
    return Turn([s for s in slots if s.series.topic in taken], words)


def days_between(setup: Setup) -> int:
    """Every how many days each topic has its turn; 1 where all fit."""
    limit = per_day(setup)
    costs = sum(setup.source.requests_for(t, setup.options) or 0 for t in setup.topics.values())
    return 1 if limit is None else max(1, ceil(costs / max(1, limit)))


def per_day(setup: Setup) -> int | None:
    """Requests that may be sent day after day; None: nothing is published and nothing was set."""
    allowance = setup.source.allowance(setup.options)
    return min((x for x in (allowance.per_day if allowance else None, setup.budget) if x is not None), default=None)


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


async def recover(service: CrawlService, setup: Setup, *, now: int, progress: Progress = silent) -> list[tuple[Report, ledger.Run]]:
    """Finish the runs of a source whose process died: captured answers are read again, the rest is fetched.

    Where a slot can no longer be measured honestly, what was captured is used and the rest is *missing(downtime)*.
    The caller holds the source's lock, so that nobody else can be at it.
    """
    with service.journal.read() as connection:
        left = ledger.unfinished(connection, setup.name)
    done = []
    for run in left:
        metrics = {m.name: m for m in setup.source.metrics(setup.options)}
        passed = any(s.series.metric not in metrics or expires(metrics[s.series.metric], s.time, now) for s in run.slots)
        over = bool(run.rereads) or (run.kind == ledger.COLLECT and passed)
        try:
            report = await _again(service, setup, run, now=now, only=Reason.DOWNTIME if over else None, progress=progress)
        except StoreAwayError as error:
            logger.warning("%s is gone on with when its answers can be read: %s", run.id, error)
            continue
        done.append((report, run))
    return done


async def _run(
    service: CrawlService, setup: Setup, kind: str, slots: Sequence[Slot], *, now: int, since: int | None = None, progress: Progress
) -> Report:
    """Plan and do one run. Slots that have passed are ended at once, nothing is asked for them."""
    metrics = {m.name: m for m in setup.source.metrics(setup.options)}
    passed = [s for s in slots if kind == ledger.COLLECT and expires(metrics[s.series.metric], s.time, now)]

    def plan() -> tuple[ledger.Run, int | None]:
        with service.journal.write(now=now) as tx:
            service.locks.grip(setup.locks[0]).guard(tx.connection)
            tx.define(setup.source.metrics(setup.options), setup.name)
            run = ledger.open_run(tx, setup.name, kind, slots, now=now, parser=setup.source.parser, config=setup.config)
            ledger.end_slots(tx, run, [s.missing(Reason.DOWNTIME, PASSED) for s in passed])
            return run, budget(tx.connection, setup, now)

    run, left = await service.in_writer(plan)
    ahead = [s for s in run.slots if s not in set(passed)]
    report = await _crawl(service, setup, run, slots=ahead, since=since, left=left, progress=progress)
    report.tally.planned += len(passed)
    if passed:
        report.tally.missing[str(Reason.DOWNTIME)] += len(passed)
        report.tally.details += [s.missing(Reason.DOWNTIME, PASSED) for s in passed]
    return report


async def _again(service: CrawlService, setup: Setup, run: ledger.Run, *, now: int, only: Reason | None, progress: Progress) -> Report:
    def look() -> tuple[list[Slot], int | None]:
        with service.journal.read() as connection:
            return left_of(connection, run, service.keep), budget(connection, setup, now)

    slots, left = look() if service.keep.address is None else await asyncio.to_thread(look)  # it may wait for the network
    return await _crawl(service, setup, run, slots=slots, since=_since(run), left=left, only=only, progress=progress)


def _since(run: ledger.Run) -> int | None:
    """The start of a backfill that was planned: its slots bear it."""
    return min((s.time for s in run.slots), default=None) if run.kind == ledger.BACKFILL else None


async def _crawl(
    service: CrawlService,
    setup: Setup,
    run: ledger.Run,
    *,
    slots: Sequence[Slot],
    since: int | None,
    left: int | None,
    only: Reason | None = None,
    progress: Progress,
) -> Report:
    with service.journal.read() as connection:
        state = recall(connection, setup.name, run.base_seq)
    collecting = run.kind != ledger.BACKFILL
    job = Job(
        run=run.id,
        mode=Mode.BACKFILL if run.kind == ledger.BACKFILL else Mode.COLLECT,
        now=run.time,
        slots=tuple(slots),
        topics=_known_topics(setup, slots),
        options=setup.options,
        endpoints=setup.endpoints,
        state=state,
        since=since,
        polls=tuple(setup.source.polls(setup.topics.values(), state, run.time, setup.options)) if collecting else (),
        budget=left,
        replay_only=only,
    )
    return await service.run(
        setup.source,
        run,
        job,
        manners=_manners(service, setup),
        progress=lambda done, planned: progress(setup.name, done, planned),
    )


def _known_topics(setup: Setup, slots: Sequence[Slot]) -> Mapping[str, Topic]:
    """The topics of the config; one that has left it since the plan keeps its key and has no names."""
    missing = {s.series.topic for s in slots if s.series.topic} - set(setup.topics)
    return {**setup.topics, **{key: Topic(key, key) for key in missing}}


def _manners(service: CrawlService, setup: Setup) -> Manners:
    """The common manners with those of the source's own section."""
    common = service.manners
    return replace(
        common,
        delay=common.delay if setup.delay is None else setup.delay,
        obey_robots=common.obey_robots and not setup.source.by_key if setup.obey_robots is None else setup.obey_robots,
    )


async def preview(service: CrawlService, setup: Setup, *, now: int, topics: Sequence[str] | None = None) -> Report:
    """What each topic's name matches at a source. No figure and no response is stored."""
    chosen = {k: t for k, t in setup.topics.items() if (topics is None or k in topics) and setup.source.name_of(t) is not None}
    run = ledger.Run(f"{setup.name}-preview", setup.name, "preview", now, 0, setup.source.parser, ())
    job = Job(run=run.id, mode=Mode.PREVIEW, now=now, topics=chosen, options=setup.options, endpoints=setup.endpoints)
    async with service.locks.hold(setup.locks):
        return await service.run(setup.source, run, job, manners=_manners(service, setup))


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
    reports: list[Report] = []
    async with service.locks.hold(setup.locks):
        with service.journal.read() as connection:
            runs = [r for r in rereadable(connection, setup.name, since) if only is None or r.id in only]
            aged = reduced_runs(connection, setup.name)
        for old in reversed([r for r in runs if r.id not in aged]):
            with service.journal.read() as connection:
                slots = list(old.slots) if old.kind == ledger.BACKFILL else _speaks_for(connection, old)
            if not slots or service.stopping:
                continue
            run = await service.in_writer(partial(_plan_again, service.journal, setup, old, slots, now))
            reports.append(await _again(service, setup, run, now=now, only=Reason.DOWNTIME, progress=progress))
    if passed := sum(r.id in aged for r in runs):
        reports = reports or [Report(setup.name, Tally(0))]
        told = (
            f"{passed} older collection{'s' * (passed > 1)} could not be read again: raw responses are kept whole for keep_days days only"
        )
        reports[-1].remark = reports[-1].remark or told
    return reports


def _plan_again(journal: Journal, setup: Setup, old: ledger.Run, slots: Sequence[Slot], now: int) -> ledger.Run:
    kind = old.kind if old.kind == ledger.BACKFILL else REPARSE
    with journal.write(now=now) as tx:
        return ledger.open_run(tx, setup.name, kind, slots, now=now, parser=setup.source.parser, config=setup.config, rereads=old)


def _speaks_for(connection: Connection, run: ledger.Run) -> list[Slot]:
    """The slots of a run whose standing end is that run's: what it may change when it is read again."""
    times = [s.time for s in run.slots]
    if not times:
        return []
    roots = {r.id: r.root for r in ledger.runs(connection, run.source, since=min(times), until=max(times))}
    standing = {e.slot: roots[e.run] for e in ledger.ends(connection, run.source, since=min(times), until=max(times))}
    return [s for s in run.slots if standing.get(s) == run.id and not ledger.settled_by_hand(connection, s)]
