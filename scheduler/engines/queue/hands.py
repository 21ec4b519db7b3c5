"""What a process does with the jobs that it takes from the queue. What could not be done is called for anew, not failed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from procrastinate import App, JobContext

from crawlers.engine import hosts
from scheduler.config import Config
from scheduler.engines.queue import names
from scheduler.engines.queue.families import families
from scheduler.engines.queue.spread import HEAVY_TASKS, REPARSE, HeavyTask, counts, piece_options
from scheduler.engines.queue.store import Store
from scheduler.engines.work import Came, Work
from storage.leases import LeaseLost
from storage.model import UptakeError

logger = logging.getLogger(__name__)
LATER = 60  # seconds after which a job is offered again that nobody here knows


def locks(settings: Config) -> dict[str, str]:
    """The lock of each source's visits: no two workers ask one host at once."""
    asked = {s.name: hosts(s.source, s.endpoints) for s in settings.enabled()}
    return {name: f"host:{family}" for name, family in families(asked).items()}


class Hands:
    """Does jobs of the kinds visit, call and duty. ``running``: the numbers of those at work now."""

    def __init__(self, work: Work, worker: str) -> None:
        self.work, self._worker = work, worker
        self.store: Store
        self.running: set[int] = set()
        self.failures = 0
        self.draining = False

    def register(self, app: App) -> None:
        """Make the tasks known to procrastinate."""
        for name, function in ((names.VISIT, self.visit), (names.CALL, self.call), (names.DUTY, self.duty)):
            app.task(name=name, pass_context=True)(self.counted(function))
        for name, heavy in HEAVY_TASKS.items():
            app.task(name=name, pass_context=True)(self.counted(partial(self.piece, name, heavy)))

    def counted(self, function: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        """A job that is known to be at work here, and whose mistakes are told."""

        async def job(context: JobContext, **arguments: Any) -> None:
            number = context.job.id or 0
            self.running.add(number)
            try:
                await function(**arguments)
            except Exception as error:
                logger.exception("%s failed", context.job.call_string)
                await self.note(context.job.task_name, str(error))
                raise
            finally:
                self.running.discard(number)

        return job

    async def note(self, what: str, said: str) -> None:
        """Keep what went wrong where `uptake workers` finds it."""
        self.failures += 1
        await self.store.failed(self._worker, what, said)

    async def call_visit(self, source: str, *, further: bool, since: int, tries: int) -> bool:
        """Put a visit into the queue now."""
        options = self.visit_options(source)
        return await self.store.defer(names.VISIT, **options, further=further, since=since, tries=tries)

    def visit_options(self, source: str) -> dict[str, Any]:
        lock = locks(self.work.settings).get(source, f"host:source-{source}")
        return {"queue": names.queue(names.VISIT, source), "lock": lock, "queueing_lock": f"visit:{source}", "source": source}

    async def visit(self, *, source: str, further: bool, since: int, tries: int) -> None:
        """Visit a source. ``further``: a further try of what was begun at ``since``, after so many."""
        work = self.work
        again: dict[str, Any] = {"further": further, "since": since, "tries": tries}
        setting = work.settings.sources.get(source)
        if self.draining:
            await self.call_visit(source, **again)
            return
        if setting is None or not setting.enabled:
            logger.warning("%s is not on in the configuration of this worker: left to others", source)
            await self.store.come_again(source, LATER, **again)
            return
        began = since if further else work.clock()
        try:
            await asyncio.to_thread(work.visits.resume, work.settings.setup(source), tries, since if further else None)
        except UptakeError as error:  # the journal is away, say
            logger.warning("%s: %s", source, error)
            await self.store.come_again(source, LATER, **again)
            return
        came = await work.visit(source, again=further)
        if came.failed:
            await self.note(source, came.failed)
        if came.stopped:
            logger.info("%s: handed back, as this worker ends", source)
            await self.call_visit(source, **again)
        elif came.again is not None:
            seconds = came.again - work.clock()
            await self.store.come_again(source, seconds, further=came.further, since=began, tries=work.visits.tries(source))

    async def call(self, *, source: str, further: bool, since: int, tries: int) -> None:
        """The time for another try has come."""
        await self.call_visit(source, further=further, since=since, tries=tries)

    async def piece(self, task: str, heavy: HeavyTask, *, batch: str, piece: int, source: str, **arguments: Any) -> None:
        """One piece of work that was spread."""
        setting = self.work.settings.sources.get(source)
        apart = task == REPARSE and setting is not None and setting.source.runs_apart
        options = piece_options(task, source, locks(self.work.settings).get(source), batch, piece, apart=apart)
        if self.draining or self.work.service.stopping:
            await self.store.defer(task, **options, **arguments)
            return
        if await self.store.rows("SELECT 1 FROM uptake_results WHERE batch = %s AND piece = %s", batch, piece):
            return  # whoever it was taken from has ended it after all
        try:
            async with self.work.working():
                reports = await heavy(self.work, source, **arguments)
        except LeaseLost as error:  # whoever may be at it now tells what it came to, or else who does it again
            logger.warning("%s of %s: %s", task, source, error)
            await self.store.defer(task, **options, **arguments)
            return
        except Exception as error:  # one piece must not cost the others
            logger.warning("%s of %s: %s", task, source, error, exc_info=None if isinstance(error, UptakeError) else error)
            await self.note(f"{task} of {source}", str(error))
            await self.store.came_to(batch, piece, source, {}, str(error))
            return
        if self.work.service.stopping:
            await self.store.defer(task, **options, **arguments)
            return
        await self.store.came_to(batch, piece, source, counts(reports))

    async def duty(self, *, name: str) -> None:
        found = next((d for d in self.work.duties() if d.name == name), None)
        if found is None:
            logger.warning("the duty %s is not known here; it is done when it is called for again", name)
            return
        try:
            came = Came(stopped=True) if self.draining else await self.work.do(found)
        except asyncio.CancelledError:
            await asyncio.shield(self.call_duty(name))
            raise
        if came.stopped:
            await self.call_duty(name)
        if came.failed:
            await self.note(name, came.failed)

    async def call_duty(self, name: str) -> bool:
        return await self.store.defer(names.DUTY, **duty_options(name))


def duty_options(name: str) -> dict[str, Any]:
    return {"queue": names.queue(names.DUTY), "lock": f"duty:{name}", "queueing_lock": f"duty:{name}", "name": name}


__all__ = ["Hands", "duty_options", "locks"]
