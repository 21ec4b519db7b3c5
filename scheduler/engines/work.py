"""One visit or one duty, whoever calls for it: done, told, and watched."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from crawlers.engine import CrawlService
from scheduler import schedule
from scheduler.config import Config
from scheduler.duties import Duty, duties, own_duties
from scheduler.setups import counts_something
from scheduler.telling import line
from scheduler.visits import FIRST_RETRY, Visits
from scheduler.watching import Watch
from storage.journal import Journal

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Came:
    """What a call came to. ``again``: when to come again before the schedule says so (epoch seconds)."""

    again: int | None = None
    further: bool = False  # then it is a further try, only for what may have passed; else the visit itself was put off
    stopped: bool = False  # this process ends, and the work is not done
    failed: str = ""  # why it failed as a whole


class Work:
    """What engines do their work with. ``settings`` is the configuration that holds now."""

    def __init__(
        self,
        settings: Config,
        journal: Journal,
        service: CrawlService,
        watch: Watch,
        clock: Callable[[], int],
        written: Callable[[], None] = lambda: None,
    ) -> None:
        self.settings = settings
        self.journal, self.service, self.watch, self.clock = journal, service, watch, clock
        self.visits = Visits(service, clock)
        self._written = written
        self._at_work: set[asyncio.Task[object]] = set()

    def asked(self) -> list[str]:
        """Sources that are on and have something to count."""
        now = self.clock()
        return [setup.name for setup in self.settings.enabled() if counts_something(setup, now)]

    def late(self) -> list[str]:
        """Sources whose time has come already."""
        return [n for n, s in self.settings.sources.items() if s.enabled and self.visits.due(self.settings.setup(n), s.schedule)]

    def duties(self) -> list[Duty]:
        return duties(self.settings, self.journal)

    def own_duties(self) -> list[Duty]:
        return own_duties(self.settings, self.journal)

    async def visit(self, name: str, *, again: bool = False) -> Came:
        """Visit a source; of what fails it is told when to try again."""
        setting = self.settings.sources.get(name)
        if self.service.stopping:
            return Came(stopped=True)
        if setting is None or not setting.enabled:
            return Came()
        if not self.watch.may_fetch():
            return Came(self.clock() + FIRST_RETRY, again)
        setup = self.settings.setup(name)
        async with self.working():
            try:
                visit = await self.visits.visit(setup, setting.schedule, again=again)
                if visit.stopped or self.service.stopping:
                    return Came(stopped=True)
                self.watch.visited(setup, visit)
            except Exception as error:  # one source must not cost the others
                self.watch.failed(name, error)
                return Came(self.clock() + FIRST_RETRY, again, failed=str(error))
            self._written()
            logger.info("%s", line(setup, visit, schedule.next_time(setting.schedule, self.clock())))
            return Came(visit.again, further=True)

    async def do(self, duty: Duty) -> Came:
        """Do a duty; one that fails is done again next time."""
        async with self.working():
            try:
                said = await duty.work(self.clock())
            except Exception as error:
                self.watch.failed(duty.name, error)
                return Came(failed=str(error))
            self.watch.well(duty.name)
            if said:
                logger.info("%s: %s", duty.name, said)
            return Came()

    def working(self) -> _Working:
        """Keeps the present task among those that the end waits for."""
        return _Working(self._at_work)

    async def ended(self, within: float) -> None:
        """Wait for what is at work, and cut what takes longer."""
        waiting = [t for t in self._at_work if t is not asyncio.current_task()]
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=within)
            for task in late:
                task.cancel()


class _Working:
    def __init__(self, tasks: set[asyncio.Task[object]]) -> None:
        self._tasks = tasks
        self._task = asyncio.current_task()

    async def __aenter__(self) -> None:
        if self._task is not None:
            self._tasks.add(self._task)

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._tasks.discard(self._task)


__all__ = ["Came", "Work"]
