"""What is done for a source when its time has come: catch up, measure, read gaps from history, say when to come again.

The daemon calls this by APScheduler, a simulation by its own clock: the time comes from ``clock`` alone.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection

from crawlers.engine import CrawlService, Report
from scheduler import allowance, catchup, jobs
from scheduler.schedule import next_time
from scheduler.setups import Setup, counts_something
from storage import absences, ledger
from storage.lookups import recall
from storage.model import Reason, Slot
from storage.periods import DAY, HOUR

logger = logging.getLogger(__name__)

MINUTE = 60
PASSING = {Reason.UNREACHABLE, Reason.TRUNCATED, Reason.UNANSWERED, Reason.ROBOTS}  # may be over in a while
ASKED_TO_WAIT = {Reason.THROTTLED, Reason.BUDGET}
FIRST_RETRY = 15 * MINUTE  # then twice as long each time
LONGEST = 4 * HOUR
MOST_TOLD = 10  # topics that are named one by one
LOOK_BACK = 70 * DAY  # what is planned today lies back two months at most


@dataclass(slots=True)
class Visit:
    """What one visit to a source came to."""

    source: str
    time: int
    reports: list[Report] = field(default_factory=list)
    passed: int = 0  # slots that passed while nobody measured
    again: int | None = None  # when to come again before the schedule says so, epoch seconds
    why: str = ""  # the reason for that, in words

    @property
    def stopped(self) -> bool:
        return any(r.stopped for r in self.reports)


class Visits:
    """Visits to sources, and what must be remembered between them: nothing that a restart could not find again."""

    def __init__(self, service: CrawlService, clock: Callable[[], int]) -> None:
        self.service = service
        self._clock = clock
        self._ended: dict[str, set[Slot]] = defaultdict(set)  # ended for good since the schedule last called
        self._retries: dict[str, int] = defaultdict(int)

    def tries(self, source: str) -> int:
        """How often in a row a source was tried again because something did not answer."""
        return self._retries[source]

    def resume(self, setup: Setup, tries: int, since: int | None) -> None:
        """Go on from visits of another process: after so many tries, and knowing what ended for good in collections ``since`` a time."""
        self._retries[setup.name] = tries
        if since is not None:
            with self.service.journal.read() as connection:
                lost = absences.lost(connection, setup.name, since - LOOK_BACK, asked=since)
            self._ended[setup.name] = {e.slot for e in lost if e.reason not in PASSING | ASKED_TO_WAIT}

    def due(self, setup: Setup, schedule: str) -> bool:
        """Whether a source's schedule called since it was last visited, or something passes by that must be looked at."""
        now = self._clock()
        if not counts_something(setup, now):
            return False  # no topic has a name there
        with self.service.journal.read() as connection:
            last = catchup.last_visit(connection, setup.name)
            if last is None or last > now or (following := next_time(schedule, last)) is None or following <= now:
                return True  # a visit in the future was made while the clock was wrong
            if ledger.unfinished(connection, setup.name) or jobs.polls(connection, setup, setup.topics.values(), now):
                return True
            if catchup.new_topics(connection, setup, now):
                return True
            return _may_have_passed(connection, setup, last, now) or catchup.gap(connection, setup, now) is not None

    async def visit(self, setup: Setup, schedule: str, *, again: bool = False) -> Visit:
        """Do what a source needs now; of topics that were added, also their history.

        ``again``: a further try before the schedule calls, only for what may have passed.
        """
        now = self._clock()
        visit = Visit(setup.name, now)
        added: list[str] = []
        if not again:
            self._ended[setup.name].clear()
            with self.service.journal.read() as connection:
                added = catchup.new_topics(connection, setup, now)
            visit.passed = await self._pass_over(setup, schedule, now)
        visit.reports = await jobs.collect(self.service, setup, now=now, skip=self._ended[setup.name])
        if not self.service.stopping and not _wait(visit.reports):
            visit.reports += await self._fill(setup, now)
            if added and not self.service.stopping:
                logger.info("%s: reading the history of %s, as far as the allowance goes", setup.name, _told(added))
                visit.reports += await jobs.backfill(self.service, setup, now=now, since=None, topics=added)
        self._plan_again(visit, setup, schedule)
        return visit

    async def _pass_over(self, setup: Setup, schedule: str, now: int) -> int:
        async with self.service.locks.hold(setup.locks):
            with self.service.journal.read() as connection:
                passed = catchup.missed(connection, setup, schedule, now)
            if passed:
                logger.warning("%s: %d figures passed unmeasured while nobody was at work", setup.name, len(passed))
            grip = self.service.locks.grip(setup.lock)
            return await self.service.in_writer(lambda: catchup.note_downtime(self.service.journal, setup, passed, now, grip))

    async def _fill(self, setup: Setup, now: int) -> list[Report]:
        """Read what is missing from the source's own history, if it has one."""
        with self.service.journal.read() as connection:
            found = catchup.gap(connection, setup, now)
            before = catchup.tried(connection, setup.name)
        if found is None:
            return []
        reports = await jobs.backfill(self.service, setup, now=now, since=found.since, topics=found.topics)
        if any(r.stopped for r in reports) or _wait(reports):
            return reports  # it says nothing of what the history holds

        def remember() -> None:
            with self.service.journal.write(now=now) as tx:
                left = [e for e in absences.lost(tx.connection, setup.name, found.since) if e.slot.series.topic in found.topics]
                result = catchup.outcome(before, found, min(len(left), found.slots), now)
                tx.remember(catchup.DAEMON, catchup.remembered(setup.name, result))

        await self.service.in_writer(remember)
        return reports

    def _plan_again(self, visit: Visit, setup: Setup, schedule: str) -> None:
        """When to come again: for what passes by, for topics that wait for their turn, for what failed and may be well again."""
        ends = [m for r in visit.reports for m in r.tally.details]
        self._ended[setup.name] |= {m.slot for m in ends if m.reason not in PASSING | ASKED_TO_WAIT}
        reasons, following = _reasons(visit.reports), next_time(schedule, visit.time)
        wishes: list[tuple[int, str]] = []
        if reasons & PASSING:
            wait = min(LONGEST, FIRST_RETRY * 2 ** self._retries[setup.name])
            wishes.append((visit.time + wait, "some did not answer"))
        elif reasons & ASKED_TO_WAIT or any(r.waiting for r in visit.reports):
            more = self._more_allowed(visit, setup)
            if following is None or more <= following - allowance.SLACK:
                wishes.append((more, "some wait for the allowance"))
        self._retries[setup.name] = self._retries[setup.name] + 1 if reasons & PASSING else 0
        with self.service.journal.read() as connection:
            state = recall(connection, setup.name)
        poll = setup.source.next_poll(setup.topics.values(), state, visit.time)
        if poll is not None:
            wishes.append((max(poll, visit.time + MINUTE), "what passes by there is looked at"))
        visit.again, visit.why = min(wishes, default=(None, ""))
        if visit.again is not None and following is not None and visit.again >= following:
            visit.again, visit.why = None, ""

    def _more_allowed(self, visit: Visit, setup: Setup) -> int:
        """When more may be asked: an hour after the visit began at the soonest."""
        now = self._clock()
        with self.service.journal.read() as connection:
            return max(visit.time + HOUR, now + MINUTE, allowance.more_allowed(connection, setup, now))


def _may_have_passed(connection: Connection, setup: Setup, last: int, now: int) -> bool:
    """Whether the last visit, of an earlier process perhaps, left something that failed and may be well again."""
    if now < last + FIRST_RETRY:
        return False
    runs = {brief.run for brief in absences.recent(connection, setup.name, 1)}
    left = absences.lost(connection, setup.name, last - LOOK_BACK)
    return any(e.run in runs and e.reason in PASSING | ASKED_TO_WAIT for e in left)


def _wait(reports: Sequence[Report]) -> bool:
    """Whether more would be asked in vain now: some did not answer, or the allowance is spent."""
    return bool(_reasons(reports) & (PASSING | ASKED_TO_WAIT)) or any(r.waiting for r in reports)


def _told(topics: Sequence[str]) -> str:
    return ", ".join(topics[:MOST_TOLD]) + (f" and {len(topics) - MOST_TOLD:,} more" if len(topics) > MOST_TOLD else "")


def _reasons(reports: Sequence[Report]) -> set[Reason]:
    return {m.reason for r in reports for m in r.tally.details}


__all__ = ["Visit", "Visits"]
