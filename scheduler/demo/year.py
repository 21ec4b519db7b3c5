"""A demo from beginning to end: the world beside, the real program on a clock of its own, the web, and what it all came to."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from crawlers.catalog import sources
from crawlers.engine import CrawlService
from scheduler import jobs
from scheduler.config import Config, load
from scheduler.demo.apart import Apart, Received
from scheduler.demo.driving import Appointment, Clock, Drive, Road
from scheduler.demo.folder import CONFIG, config_of, prepare
from scheduler.demo.known import Known
from scheduler.demo.mondays import SENT, WITH_MAIL, Digested, Mondays, Task
from scheduler.demo.plan import STEP, Kind, Plan
from scheduler.demo.planted import Planted, Verdict, Word, named, planted
from scheduler.demo.telling import DIGEST, OURS, WORLD, Teller
from scheduler.setups import Setup
from scheduler.visits import Visit
from storage import frames
from storage.journal import Journal
from storage.model import Reason, Slot
from storage.periods import WEEK, day

HELD = 2  # digests that may be under way: the year does not run away from them


@dataclass(frozen=True)
class Outcome:
    """What came of a demo: what was planted beside what was found, and totals."""

    rows: tuple[tuple[Planted, Verdict], ...]
    received: Received
    figures: int
    captures: int

    @property
    def good(self) -> bool:
        return all(verdict.word.good for _, verdict in self.rows)


@dataclass
class Year(Road):
    """What happens on the way of a plan's year."""

    plan: Plan
    world: Apart
    mondays: Mondays
    teller: Teller
    service: CrawlService = field(init=False)
    store: Path = field(init=False)
    _now: int = 0
    _next_monday: int = 0
    _news: list[tuple[int, str]] = field(default_factory=list)  # what the world tells, by its time
    _spoken: dict[str, frozenset[str]] = field(default_factory=dict)
    _read: bool = False
    _missed: set[Slot] = field(default_factory=set)
    _passed: int = 0

    def __post_init__(self) -> None:
        self._next_monday = self.plan.week(1, hours=7)
        self._news = sorted(_news(self.plan), reverse=True)

    def advance(self, now: int) -> None:
        self.world.advance(now)
        self._now = now
        while self._news and self._news[-1][0] <= now:
            time, text = self._news.pop()
            self.teller.line(time, WORLD, text)
        while self.mondays.ready():
            self._digested(self.mondays.next())
        self.teller.at(now, self.mondays.pending[0] if self.mondays.pending else None)

    def off_until(self, now: int) -> int | None:
        trouble = self.plan.present("", now)
        return None if trouble is None else trouble.end

    def next_duty(self) -> int | None:
        return self._next_monday if self._next_monday < self.plan.end else None

    async def do_duty(self, service: CrawlService) -> None:
        while self._next_monday + WEEK <= self._now:  # of Mondays on which nobody was at work only the last one has its digest
            self._next_monday += WEEK
        week, last = (self._next_monday - self.plan.start) // WEEK, self._next_monday + WEEK >= self.plan.end
        sequence = service.journal.head()
        self.mondays.begin(Task(self._now, sequence, mail=week % WITH_MAIL == 0, send=week % SENT == 0 or last))
        self._next_monday += WEEK
        while len(self.mondays.pending) > HELD:
            self._digested(await asyncio.to_thread(self.mondays.next))

    def wait(self) -> None:
        """For the digests that are under way."""
        while self.mondays.pending:
            self._digested(self.mondays.next())
        self.teller.at(self.plan.end, None)

    def _digested(self, done: Digested) -> None:
        tell, counts = self.teller.line, self.teller.counts
        counts.digests += len(done.digests)
        for _, subject, told in done.digests:
            if told:
                tell(done.time, DIGEST, subject)
        if done.mailed:
            tell(done.time, OURS, f"the digests were mailed with their charts to {done.mailed} reader{'s' * (done.mailed != 1)}")
        if done.waiting:
            tell(done.time, OURS, f"{done.waiting:,} figures wait for the receiver of series, which does not answer")
        elif done.sent:
            tell(done.time, OURS, f"{done.sent:,} figures sent to the receiver of series")
        for trouble in done.troubles if not done.waiting else ():
            tell(done.time, OURS, trouble)

    async def visited(self, setup: Setup, visit: Visit) -> None:
        counts, reports = self.teller.counts, visit.reports
        counts.requests += sum(r.requests for r in reports)
        counts.figures += sum(r.tally.changes.new for r in reports)
        self._missed |= {m.slot for r in reports for m in r.tally.details if m.reason is not Reason.NOT_FOUND}
        self._passed += visit.passed
        counts.gaps = len(self._missed) + self._passed
        self._tell_gaps(setup, visit)
        if any(r.tally.events for r in reports):
            self._tell_events(setup, visit)
        if setup.name == "github" and not self._read:
            self._read = True
            await self._history(setup, visit)

    def _tell_gaps(self, setup: Setup, visit: Visit) -> None:
        tell, name = self.teller.line, setup.source.title
        missing = [m for r in visit.reports for m in r.tally.details if m.reason is not Reason.NOT_FOUND]
        reasons, before = frozenset(str(m.reason) for m in missing), self._spoken.get(setup.name, frozenset())
        if visit.passed:
            tell(visit.time, OURS, f"{name}: {visit.passed} figures passed while the machine was off")
        if reasons - before:
            said = missing[0].detail or str(missing[0].reason)
            tell(visit.time, OURS, f"{name}: {len(missing)} figures without a number ({said[:100]})")
        if held := sum(r.tally.suspect for r in visit.reports):
            tell(visit.time, OURS, f"{name}: {held} figures held as doubtful until the next look")
        back = sum(r.tally.changes.new for r in visit.reports[1:])
        if back and not reasons:
            self.teller.counts.recovered += back
            tell(visit.time, OURS, f"{name}: {back} figures read again from its history")
        elif before and not reasons:
            tell(visit.time, OURS, f"{name} answers again")
        self._spoken[setup.name] = reasons

    def _tell_events(self, setup: Setup, visit: Visit) -> None:
        with Journal.open(self.store) as journal, journal.read() as connection:
            for event in frames.events(connection).itertuples():
                if event.source == setup.name and event.time == visit.time:
                    self.teller.line(visit.time, OURS, f"{setup.source.title}: {event.text}")

    async def _history(self, setup: Setup, visit: Visit) -> None:
        """What `uptake backfill github` does, on the first day."""
        reports = await jobs.backfill(self.service, setup, now=visit.time, since=None)
        self.teller.counts.requests += sum(r.requests for r in reports)
        count = sum(r.tally.changes.new for r in reports)
        self.teller.counts.figures += count
        self.teller.line(visit.time, OURS, f"{setup.source.title}: {count:,} days of new stars read from its history")

    def begins(self, service: CrawlService) -> None:
        self.service, self.store = service, service.journal.folder


def _news(plan: Plan) -> list[tuple[int, str]]:
    """What the world tells of itself."""
    found = [
        (plan.renamed, "Fenwark's repository is renamed"),
        (plan.stepped, f"Reed shows {100 * STEP:.0f} % of its postings from now on"),
    ]
    for trouble in plan.troubles:
        found.append((trouble.start, named(trouble)))
        found.append((trouble.end, "the machine is on again" if trouble.kind is Kind.OFF else f"over: {named(trouble)}"))
    found += [(appears, f"CVPR {year} appears") for year, appears in plan.editions.items() if appears > plan.start]
    return [(time, text) for time, text in found if time < plan.end]


async def live(plan: Plan, folder: Path, teller: Teller, *, serve: bool, said: Callable[[Config, str, Outcome], None]) -> Outcome:
    """Let a plan's year pass in a folder that `prepare` made. ``said`` is called with the outcome; then, to ``serve``, it waits."""
    with Apart(plan, folder / "mails") as world:
        settings = _configured(plan, folder, world.addresses)
        clock = Clock(plan.start)
        with Journal.open(settings.store, writable=True):
            pass
        with Mondays(settings.path) as mondays, Journal.open(settings.store) as journal:
            web, front = _web(settings, journal, clock)
            web.start()
            try:
                with teller:
                    teller.line(plan.start, OURS, f"begins; its pages are at {web.url}/")
                    year = Year(plan, world, mondays, teller)
                    hasty = replace(settings.manners, backoff=0.0)  # pauses between tries would take real seconds
                    await Drive(settings.store, _appointments(settings), hasty, year, clock).until(plan.end)
                    clock.now = plan.end
                    await asyncio.to_thread(year.wait)
                outcome = judge(plan, journal, world.received())
                said(settings, web.url, outcome)
                if serve:
                    await _until_stopped()
            finally:
                await web.stop()
                await front.close()
    return outcome


async def _until_stopped() -> None:
    """Wait for Ctrl-C, which is how this ends well."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    await stop.wait()


def judge(plan: Plan, journal: Journal, received: Received) -> Outcome:
    """What was planted beside what the journal holds."""
    with journal.read() as connection:
        known = Known.read(connection)
        rows = [(one, one.look(known)) for one in planted(plan)]
        figures, captures = known.figures(), known.captures()
    rows += [(one, sent(received, figures)) for one in _receivers(plan)]
    return Outcome(tuple(rows), received, figures, captures)


def _receivers(plan: Plan) -> list[Planted]:
    found = next(t for t in plan.troubles if t.who == "influxdb")
    words = f"{named(found)}, {day(found.start)} to {day(found.end)}: nothing may be lost"
    return [Planted(words, found.end + SENT * WEEK, lambda _: Verdict(Word.MISSED, ""))] if found.end + SENT * WEEK <= plan.end else []


def sent(received: Received, figures: int) -> Verdict:
    """Whether who receives the series has every figure that the journal has."""
    if received.figures != figures:
        return Verdict(Word.MISSED, f"it has {received.figures:,} figures, and the journal {figures:,}")
    return Verdict(Word.FOUND, f"it has all {figures:,} figures")


def _configured(plan: Plan, folder: Path, addresses: Mapping[str, Mapping[str, str]]) -> Config:
    path = folder / CONFIG
    path.write_text(config_of(plan, addresses, mails=True, others=tuple(sources())), encoding="utf-8")
    return load(path, {})


def _appointments(settings: Config) -> dict[str, Appointment]:
    return {name: Appointment(settings.setup(name), s.schedule) for name, s in settings.sources.items() if s.enabled}


def _web(settings: Config, journal: Journal, clock: Clock) -> tuple[Any, Any]:
    """The same pages and API as beside `uptake run`, at the day of the demo."""
    from scheduler.web import Web, listen
    from scheduler.web.opening import front_of

    def health() -> dict[str, Any]:
        return {"status": "green", "reasons": [], "next": {}, "daemon": True}

    async def metrics() -> bytes:
        return b""

    front = front_of(lambda: settings, journal, health=health, metrics=metrics, clock=clock)
    return Web(front.application(), listen("127.0.0.1", 0)), front


def run(plan: Plan, folder: Path, teller: Teller, *, serve: bool, said: Callable[[Config, str, Outcome], None]) -> Outcome:
    """A whole demo. Raises KeyboardInterrupt where it is stopped; what was written until then stays."""
    prepare(folder)
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)  # a year of visits in a minute makes garbage at a year's pace
    return asyncio.run(live(plan, folder, teller, serve=serve, said=said))


__all__ = ["Outcome", "Year", "judge", "run"]
