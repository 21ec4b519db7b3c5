"""Decides what is due and puts it into the queue. Any number of planners may do it at once: a call is answered once."""

from __future__ import annotations

import asyncio
import logging

from scheduler.engines.queue import names
from scheduler.engines.queue.calls import has_called, upcoming
from scheduler.engines.queue.hands import Hands, duty_options
from scheduler.engines.queue.store import Pending
from scheduler.visits import LONGEST
from storage.periods import HOUR

logger = logging.getLogger(__name__)
THOROUGH = HOUR  # seconds between two looks at all that the journal tells, not the schedules alone


class Planner:
    """One process's part in the planning. `Hands` puts the jobs into the queue."""

    def __init__(self, hands: Hands) -> None:
        self._hands, self._work = hands, hands.work
        self._asked: list[str] | None = None
        self._looked = 0
        self._edition = 0
        self._seed = ""

    def renew(self) -> None:
        """The configuration or the clock is another one: look at everything again, also where that is found out in the middle of it."""
        self._asked, self._looked, self._edition = None, 0, self._edition + 1

    @property
    def stale(self) -> bool:
        """Whether nothing was planned by this configuration and clock yet."""
        return self._asked is None

    async def plan(self) -> None:
        """Put what is due into the queue. What is there already, or is being done, is left alone."""
        now, work, edition, asked = self._work.clock(), self._work, self._edition, self._asked
        if asked is None:
            asked = await asyncio.to_thread(work.asked)
        thorough = not 0 <= now - self._looked < THOROUGH
        late = await asyncio.to_thread(work.late) if thorough else []
        called, pending, seed = await self._hands.store.called(), await self._hands.store.pending(), await self.seed()
        for name in asked:
            call, setting = f"visit:{name}", work.settings.sources.get(name)
            if setting is None:  # the configuration became another one meanwhile
                continue
            line, before = setting.schedule, called.get(call)
            due = has_called(line, before, now, name, seed) if before is not None else False
            lately = self._looked and before is not None and now - before < LONGEST  # what failed then has its own time to come again
            if due or (name in late and name not in pending and not lately):
                options = self._hands.visit_options(name)
                if await self._hands.store.answer(call, now, before, names.VISIT, **options, further=False, since=now, tries=0):
                    logger.info("%s: its time has come", name)
            elif before is None:
                await self._hands.store.answer(call, now, None)
        for duty in work.duties():
            call = f"duty:{duty.name}"
            before = called.get(call)
            if before is None:
                await self._hands.store.answer(call, now, None)
            elif has_called(duty.schedule, before, now, duty.name, ""):
                await self._hands.store.answer(call, now, before, names.DUTY, **duty_options(duty.name))
        if self._edition == edition:
            self._asked, self._looked = asked, now if thorough else self._looked
        if thorough:
            await self._hands.store.tidy()

    async def next(self) -> dict[str, int]:
        """When each source is looked at next (epoch seconds), by schedule and queue."""
        asked = self._asked
        if asked is None:
            return {}
        now, found = self._work.clock(), dict[str, int]()
        called, pending, seed = await self._hands.store.called(), await self._hands.store.pending(), await self.seed()
        for name in asked:
            setting = self._work.settings.sources.get(name)
            if setting is None:
                continue
            line, stands, before = setting.schedule, pending.get(name, Pending()), called.get(f"visit:{name}", now)
            times = [] if stands.waits is None else [now + int(stands.waits)]
            if (when := upcoming(line, min(before, now), name, seed)) is not None:
                times.append(when)
            if times:
                found[name] = min(times)
        return found

    async def seed(self) -> str:
        self._seed = self._seed or await self._hands.store.seed()
        return self._seed


__all__ = ["Planner"]
