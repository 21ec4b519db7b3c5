"""`uptake run`: measures on schedule until it is asked to stop. One loop holds the scheduler, the crawls and the web.

APScheduler says *when*; `scheduler.visits` does *what*; the ledger persists. Nothing here must survive a restart.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.date import DateTrigger

from crawlers.engine import CrawlService
from crawlers.uploads import Uploads
from scheduler import schedule
from scheduler.config import Config
from scheduler.duties import Duty, duties
from scheduler.heartbeat import Beat, heartbeat
from scheduler.influx_sending import Sending
from scheduler.systemd import Notifier
from scheduler.telling import line, plan
from scheduler.troubles import Trouble
from scheduler.visits import FIRST_RETRY, Visits
from scheduler.watching import Watch
from scheduler.web import Web, listen
from scheduler.web.opening import front_of
from storage.journal import Journal
from storage.model import UptakeError, UsageError
from storage.periods import moment

logger = logging.getLogger(__name__)

KINDS = {EVENT_JOB_MISSED: "missed", EVENT_JOB_ERROR: "error", EVENT_JOB_MAX_INSTANCES: "still at work"}


class Daemon:
    """One daemon on one journal. ``reload`` reads the configuration again; ``say`` shows lines to who started it."""

    def __init__(
        self,
        settings: Config,
        journal: Journal,
        *,
        reload: Callable[[], Config],
        say: Callable[[str], None],
        clock: Callable[[], int] = lambda: int(time.time()),
    ) -> None:
        self.settings = settings
        self._journal, self._reload, self._say, self._clock = journal, reload, say, clock
        self._scheduler = AsyncIOScheduler(timezone="UTC", job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None})
        self._scheduler.add_listener(self._misfired, EVENT_JOB_MISSED | EVENT_JOB_ERROR | EVENT_JOB_MAX_INSTANCES)
        self._systemd = Notifier()
        self._at_work: set[asyncio.Task[object]] = set()
        self._mails: set[asyncio.Task[None]] = set()
        self._stop = asyncio.Event()
        self._reread = asyncio.Event()
        self._stopped_at: float | None = None

    async def run(self) -> int:
        """Run until SIGTERM or SIGINT. Gives the exit code."""
        self._uploads = Uploads(self.settings.keep, self.settings.store / "locks")
        self.service = CrawlService(
            self._journal,
            self.settings.manners,
            reactor=self.settings.reactor,
            clock=self._clock,
            lease=self.settings.daemon.lease,
            keep=self.settings.keep,
            closed=self._uploads.wake,
        )
        self.visits = Visits(self.service, self._clock)
        self.watch = Watch(self.settings, self._journal, self.service, self._clock, self._tell_operator)
        self._sending = Sending(self._journal, self.settings)
        self._take_signals(asyncio.get_running_loop())
        http = self.settings.http
        self._scraping = asyncio.Lock()
        self.front = front_of(lambda: self.settings, self._journal, health=self.health, metrics=self._scrape, clock=self._clock)
        web = Web(self.front.application(), listen(http.host, http.port))
        web.start()
        pulse = asyncio.ensure_future(heartbeat(self._beat, every=self._systemd.beat))
        try:
            await self.watch.begin(self.settings.enabled())
            self._schedule()
            self._scheduler.start()
            self._sending.start()
            self._uploads.start()
            self._say(f"Uptake is at work: {web.url}/ shows it, {web.url}/healthz how it does; Ctrl-C stops it, nothing is lost.")
            self._say(plan(self.settings, self._clock(), self._late()))
            self._systemd.ready(self._status())
            await self._until_stopped()
        finally:
            await self._close(web, pulse)
        return 0

    async def _until_stopped(self) -> None:
        stop = asyncio.ensure_future(self._stop.wait())
        while not stop.done():
            reread = asyncio.ensure_future(self._reread.wait())
            await asyncio.wait([stop, reread], return_when=asyncio.FIRST_COMPLETED)
            reread.cancel()
            if self._reread.is_set() and not stop.done():
                self._reread.clear()
                await self._again()

    # The schedule

    def _schedule(self) -> None:
        now = self._clock()
        for name, setting in self.settings.sources.items():
            if setting.enabled and setting.source.slots(self.settings.topics.values(), now, setting.options):
                self._scheduler.add_job(self._visit, schedule.trigger(setting.schedule, now), [name], id=f"visit:{name}")
        for name in self._late():
            self._scheduler.add_job(self._visit, DateTrigger(moment(now)), [name], id=f"late:{name}", replace_existing=True)
        for duty in duties(self.settings, self._journal):
            self._scheduler.add_job(self._do, schedule.trigger(duty.schedule, now), [duty], id=f"duty:{duty.name}")
        self._scheduler.add_job(self._look_around, "interval", seconds=60, id="look around", next_run_time=moment(now))

    def _late(self) -> list[str]:
        """Sources whose time has come already."""
        return [n for n, s in self.settings.sources.items() if s.enabled and self.visits.due(self.settings.setup(n), s.schedule)]

    def next_visits(self) -> dict[str, int]:
        """When each source is looked at next (epoch seconds)."""
        found: dict[str, int] = {}
        for job in self._scheduler.get_jobs():
            kind, _, name = job.id.partition(":")
            if kind in {"visit", "again", "late"} and job.next_run_time is not None:
                when = int(job.next_run_time.timestamp())
                found[name] = min(when, found.get(name, when))
        return found

    async def _visit(self, name: str, *, again: bool = False) -> None:
        setting = self.settings.sources.get(name)
        if setting is None or not setting.enabled or self.service.stopping:
            return
        if not self.watch.may_fetch():
            self._come_again(name, self._clock() + FIRST_RETRY, again=again)
            return
        setup = self.settings.setup(name)
        async with self._working():
            try:
                visit = await self.visits.visit(setup, setting.schedule, again=again)
            except Exception as error:  # one source must not cost the others
                self.watch.failed(name, error)
                self._come_again(name, self._clock() + FIRST_RETRY, again=again)
                return
            if visit.stopped or self.service.stopping:
                return
            self.watch.visited(setup, visit)
            self._sending.wake()
            if visit.again is not None:
                self._come_again(name, visit.again, again=True)
            logger.info("%s", line(setup, visit, schedule.next_time(setting.schedule, self._clock())))

    def _come_again(self, name: str, when: int, *, again: bool) -> None:
        self._scheduler.add_job(self._visit, DateTrigger(moment(when)), [name], {"again": again}, id=f"again:{name}", replace_existing=True)

    async def _do(self, duty: Duty) -> None:
        async with self._working():
            try:
                said = await duty.work(self._clock())
            except Exception as error:  # told, and done again next time
                self.watch.failed(duty.name, error)
                return
            self.watch.well(duty.name)
            if said:
                logger.info("%s: %s", duty.name, said)

    def _working(self) -> _Working:
        return _Working(self._at_work)

    async def _look_around(self) -> None:
        self.watch.look_around()
        self.watch.sent(await asyncio.to_thread(self._sending.status))
        if self.settings.elsewhere is not None:
            self.watch.brought(await asyncio.to_thread(self._uploads.standing))
        self._systemd.tell(STATUS=self._status())

    def _tell_operator(self, troubles: Sequence[Trouble]) -> None:
        """One mail for what began. It is told in the log too, so that a mail server that is away costs no more than the mail."""
        if self.settings.mail is None or not self.settings.daemon.tell:
            return

        async def mail() -> None:
            from scheduler.operator_mail import tell

            async with self._working():
                try:
                    await asyncio.to_thread(tell, self.settings, troubles, os.environ, self._clock())
                except UptakeError as error:
                    logger.warning("the operator could not be told by mail: %s", error)

        self._mails.add(task := asyncio.get_running_loop().create_task(mail()))
        task.add_done_callback(self._mails.discard)

    # What is seen from outside

    def health(self) -> dict[str, object]:
        return self.watch.health(self.next_visits())

    async def _scrape(self) -> bytes:
        async with self._scraping:
            return await asyncio.to_thread(self.watch.scrape, self.next_visits())

    def _status(self) -> str:
        upcoming = min(self.next_visits().items(), key=lambda item: item[1], default=None)
        said = f"next: {upcoming[0]} at {moment(upcoming[1]):%H:%M} UTC" if upcoming else "no source is on"
        return f"{self.watch.troubles.status}; {said}"

    def _beat(self, beat: Beat) -> None:
        self.watch.beat(beat)
        self._systemd.alive()
        if beat.jumped:
            logger.warning("the clock went %+.0f s: it was set, or the machine slept", beat.jump)
            self._reckon_anew(forward=beat.jump > 0)

    def _reckon_anew(self, *, forward: bool) -> None:
        """After the clock was set back, a job would wait until its former time comes again.

        One whose next time was just being reckoned when the clock leapt forward would leave a time out.
        """
        now, late = self._clock(), self._late() if forward else []
        for name, setting in self.settings.sources.items():
            job = self._scheduler.get_job(f"visit:{name}")
            if job is not None and job.next_run_time is not None and job.next_run_time.timestamp() > now:
                job.reschedule(schedule.trigger(setting.schedule, now))
                if name in late:
                    self._come_again(name, now, again=False)
        self._scheduler.wakeup()

    def _misfired(self, event: JobEvent) -> None:
        kind = KINDS[event.code]
        self.watch.metrics.misfires.labels(event.job_id, kind).inc()
        (logger.debug if kind == "still at work" else logger.warning)("%s: %s", event.job_id, kind)

    # Signals, a new configuration, the end

    def _take_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        """Plain handlers: they also run while something blocks the loop, so that the deadline holds."""

        def stop(_signal: int, _frame: FrameType | None) -> None:
            if self._stopped_at is not None:
                os._exit(1)  # asked twice; what was captured is kept, as after a kill
            self._stopped_at = time.monotonic()
            deadline = threading.Timer(self.settings.daemon.stop_within, os._exit, [0])
            deadline.daemon = True
            deadline.start()
            loop.call_soon_threadsafe(self._stop.set)

        def reread(_signal: int, _frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self._reread.set)

        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, stop)
        signal.signal(signal.SIGHUP, reread)

    async def _again(self) -> None:
        """Take a changed configuration; a bad one is refused and the former kept."""
        self._systemd.reloading()
        try:
            settings = await asyncio.to_thread(self._reload)
            fixed: list[tuple[str, object, object]] = [
                ("[store] path", settings.store, self.settings.store),
                ("[store] url", settings.store_url, self.settings.store_url),
                ("[store] captures", settings.elsewhere, self.settings.elsewhere),
                ("[http]", settings.http, self.settings.http),
                ("[influxdb]", settings.influxdb, self.settings.influxdb),
            ]
            for what, new, old in fixed:
                if new != old:
                    raise UsageError(f"{what} can only be changed by a restart")
        except UptakeError as error:
            logger.warning("the new configuration is refused, the former one stays: %s", error)
            self.watch.failed("configuration", error)
        else:
            self.settings = settings
            self.service.manners = settings.manners
            self.front.renew()
            await self.watch.begin(settings.enabled(), settings)
            self.watch.well("configuration")
            for job in self._scheduler.get_jobs():
                if not job.id.startswith("again:"):  # what is to be tried again is so whatever the schedule says
                    job.remove()
            self._schedule()
            self._say("The configuration was read again.\n" + plan(settings, self._clock(), self._late()))
        self._systemd.ready(self._status())

    async def _close(self, web: Web, pulse: asyncio.Future[None]) -> None:
        within = self.settings.daemon.stop_within
        self._systemd.stopping(within)
        if self._scheduler.running:
            self._scheduler.pause()
        clean = await self.service.close(grace=max(0.1, within - 1))
        waiting = [t for t in self._at_work if t is not asyncio.current_task()]
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=0.5)
            for task in late:
                task.cancel()
        pulse.cancel()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        await web.stop()
        sent = await self._sending.stop(1.0)
        await self.front.close()
        self.service.shutdown()
        await asyncio.to_thread(self._uploads.stop, 0.5)
        took = time.monotonic() - self._stopped_at if self._stopped_at is not None else 0.0
        self._say(f"Stopped{'' if clean else ', some in the middle'} after {took:.1f} s; what was begun goes on at the next start.")
        if not sent and self._stopped_at is not None:
            logging.shutdown()
            os._exit(0)  # a server keeps a thread waiting for its answer; what it may have is sent again


class _Working:
    """Keeps a task among those that the end waits for."""

    def __init__(self, tasks: set[asyncio.Task[object]]) -> None:
        self._tasks = tasks
        self._task = asyncio.current_task()

    async def __aenter__(self) -> None:
        if self._task is not None:
            self._tasks.add(self._task)

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._tasks.discard(self._task)


__all__ = ["Daemon"]
