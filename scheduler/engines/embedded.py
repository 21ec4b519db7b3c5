"""The engine of a single process: APScheduler says when, the crawls run on the daemon's own loop.

Nothing here must survive a restart: what is due is found again from the journal.
"""

from __future__ import annotations

import logging

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger

from scheduler import schedule
from scheduler.engines.work import Work
from storage.periods import moment

logger = logging.getLogger(__name__)

KINDS = {EVENT_JOB_MISSED: "missed", EVENT_JOB_ERROR: "error", EVENT_JOB_MAX_INSTANCES: "still at work"}


class Embedded:
    """Visits and duties of one daemon, each on its own schedule."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._scheduler = AsyncIOScheduler(timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None})
        self._scheduler.add_listener(self._misfired, EVENT_JOB_MISSED | EVENT_JOB_ERROR | EVENT_JOB_MAX_INSTANCES)

    async def start(self) -> None:
        self._schedule()
        self._scheduler.start()

    async def renew(self) -> None:
        for job in self._scheduler.get_jobs():
            if not job.id.startswith("again:"):  # what is to be tried again is so whatever the schedule says
                job.remove()
        self._schedule()

    def pause(self) -> None:
        if self._scheduler.running:
            self._scheduler.pause()

    async def stop(self, within: float) -> None:  # noqa: ARG002  # nobody else is waited for
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def _schedule(self) -> None:
        now, settings = self._work.clock(), self._work.settings
        for name in self._work.asked():
            self._scheduler.add_job(self._visit, schedule.trigger(settings.sources[name].schedule, now), [name], id=f"visit:{name}")
        for name in self._work.late():
            self._scheduler.add_job(self._visit, DateTrigger(moment(now)), [name], id=f"late:{name}", replace_existing=True)
        for duty in self._work.duties():
            self._scheduler.add_job(self._work.do, schedule.trigger(duty.schedule, now), [duty], id=f"duty:{duty.name}")

    def next_visits(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for job in self._scheduler.get_jobs():
            kind, _, name = job.id.partition(":")
            if kind in {"visit", "again", "late"} and job.next_run_time is not None:
                when = int(job.next_run_time.timestamp())
                found[name] = min(when, found.get(name, when))
        return found

    async def _visit(self, name: str, *, again: bool = False) -> None:
        came = await self._work.visit(name, again=again)
        if came.again is not None:
            self._come_again(name, came.again, again=came.further)

    def _come_again(self, name: str, when: int, *, again: bool) -> None:
        self._scheduler.add_job(self._visit, DateTrigger(moment(when)), [name], {"again": again}, id=f"again:{name}", replace_existing=True)

    def jumped(self, *, forward: bool) -> None:
        """After the clock was set back, a job would wait until its former time comes again.

        One whose next time was just being reckoned when the clock leapt forward would leave a time out.
        """
        now, late = self._work.clock(), self._work.late() if forward else []
        for name, setting in self._work.settings.sources.items():
            job = self._scheduler.get_job(f"visit:{name}")
            if job is not None and job.next_run_time is not None and job.next_run_time.timestamp() > now:
                job.reschedule(schedule.trigger(setting.schedule, now))
                if name in late:
                    self._come_again(name, now, again=False)
        self._scheduler.wakeup()

    def _misfired(self, event: JobEvent) -> None:
        kind = KINDS[event.code]
        self._work.watch.metrics.misfires.labels(event.job_id, kind).inc()
        (logger.debug if kind == "still at work" else logger.warning)("%s: %s", event.job_id, kind)


__all__ = ["Embedded"]
