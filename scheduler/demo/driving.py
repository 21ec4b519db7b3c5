"""Lets time pass for the real program: its visits on a clock of our own, and what the machine does meanwhile.

Nothing of the program is replaced: `scheduler.visits` says what is due and when to come again, as it does for the daemon.
Whoever drives says in `Road` what happens beside.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from crawlers.engine import CrawlService
from crawlers.job import Manners
from scheduler.schedule import next_time
from scheduler.setups import Setup
from scheduler.visits import Visit, Visits
from storage.journal import Journal


@dataclass(slots=True)
class Clock:
    """Epoch seconds that pass only when somebody says so."""

    now: int

    def __call__(self) -> int:
        return self.now


@dataclass(frozen=True, slots=True)
class Appointment:
    """A source that is visited, and its schedule."""

    setup: Setup
    schedule: str


class Road:
    """What happens on the way. The defaults: nothing, and the machine is never off."""

    def advance(self, now: int) -> None:
        """The time is now this; the world is to follow."""

    def off_until(self, now: int) -> int | None:
        """Until when nobody is at work, if nobody is."""
        return None

    def begins(self, service: CrawlService) -> None:
        """The program has started, or started again."""

    async def cut(self, now: int, work: asyncio.Future[Visit]) -> bool:
        """Whether the program is stopped in the middle of ``work``, a visit; returns when that moment has come."""
        return False

    def cuts(self, now: int) -> bool:
        """Whether `cut` is to be asked."""
        return False

    async def visited(self, setup: Setup, visit: Visit) -> None:
        """A source was visited."""

    def next_duty(self) -> int | None:
        """When something else is to be done next."""
        return None

    async def do_duty(self, service: CrawlService) -> None:
        """Do it."""


@dataclass
class Drive:
    """From a moment to another one (epoch seconds)."""

    folder: Path
    appointments: Mapping[str, Appointment]
    manners: Manners
    road: Road
    clock: Clock
    url: str | None = None  # of a journal on PostgreSQL

    async def until(self, end: int) -> int:
        """Let the time pass. Gives the number of visits."""
        visits = 0
        while self.clock.now < end:
            self.road.advance(self.clock.now)
            if (off := self.road.off_until(self.clock.now)) is not None:
                self.clock.now = off
                continue
            with Journal.open(self.folder, self.url, writable=True) as journal:
                service = CrawlService(journal, self.manners, clock=self.clock)
                try:
                    self.road.begins(service)
                    visits += await _Shift(self, service).work(end)
                finally:
                    await service.close()
                    service.shutdown()
        return visits


class _Shift:
    """What one process does, from its start until the machine goes off."""

    def __init__(self, drive: Drive, service: CrawlService) -> None:
        self._drive, self._service, self._clock = drive, service, drive.clock
        self._visits = Visits(service, drive.clock)
        self._again: dict[str, int] = {}
        self._coming = {name: self._first(which) for name, which in drive.appointments.items()}

    def _first(self, which: Appointment) -> int | None:
        now = self._clock.now
        return now if self._visits.due(which.setup, which.schedule) else next_time(which.schedule, now)

    async def work(self, end: int) -> int:
        count, road = 0, self._drive.road
        while True:
            duty = road.next_duty()
            time, name, again = self._next()
            if duty is not None and duty < time:
                time, name = duty, ""
            self._clock.now = max(self._clock.now, time)
            if self._clock.now >= end:
                return count
            road.advance(self._clock.now)
            if road.off_until(self._clock.now) is not None:
                return count
            if not name:
                await road.do_duty(self._service)
                continue
            if not await self._visit(name, again=again):
                return count
            count += 1

    def _next(self) -> tuple[int, str, bool]:
        times = [(t, n, False) for n, t in self._coming.items() if t is not None] + [(t, n, True) for n, t in self._again.items()]
        return min(times)

    async def _visit(self, name: str, *, again: bool) -> bool:
        """One visit; False where the program is stopped in the middle of it."""
        which, road = self._drive.appointments[name], self._drive.road
        work = asyncio.ensure_future(self._visits.visit(which.setup, which.schedule, again=again))
        if road.cuts(self._clock.now) and await road.cut(self._clock.now, work):
            await self._service.close()
            await asyncio.wait([work])
            return False
        visit = await work
        self._again.pop(name, None)
        if not again:
            self._coming[name] = next_time(which.schedule, self._clock.now)
        if visit.again is not None:
            self._again[name] = visit.again
        await road.visited(which.setup, visit)
        return True


__all__ = ["Appointment", "Clock", "Drive", "Road"]
