"""What each process of a cluster does for its own machine, once a day; of several on one machine the first that comes does it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

from crawlers.locks import alone
from scheduler import schedule
from scheduler.duties import Duty
from scheduler.engines.queue.calls import delay
from scheduler.engines.work import Work
from scheduler.folder_marks import register


class OwnHouse:
    """To be asked now and then whether it is time. ``name``: of the process, so that not all machines begin in one second."""

    def __init__(self, work: Work, name: str) -> None:
        self._work, self._name = work, name
        self._task: asyncio.Task[object] | None = None
        self._noted = Path(work.settings.store) / "locks" / "tidied-up"

    async def look(self) -> None:
        """Begin with it where the time has come; it is not waited for. Raises `UptakeError` where the journal cannot be asked."""
        if self._task is not None and not self._task.done():
            return
        for duty in self._work.own_duties():
            if await asyncio.to_thread(self._is_time, duty, self._work.clock()):
                self._task = asyncio.get_running_loop().create_task(self._work.do(duty))

    def _is_time(self, duty: Duty, now: int) -> bool:
        """Whether nobody on this machine has done it since the schedule called; then it is noted that it is being done."""
        with alone(self._noted.parent, "tidied-up") as mine:
            if not mine:
                return False
            last = self._last()
            if last is None:
                register(self._work.journal, self._work.settings.keep, now)
            elif last <= now:  # else the clock was wrong
                fire = schedule.next_time(duty.schedule, last)
                if fire is None or fire + delay(duty.schedule, fire, duty.name, self._name) > now:
                    return False
            self._noted.write_text(str(now), encoding="utf-8")
            return last is not None

    def _last(self) -> int | None:
        with suppress(FileNotFoundError, ValueError):
            return int(self._noted.read_text(encoding="utf-8"))
        return None


__all__ = ["OwnHouse"]
