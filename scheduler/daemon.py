"""`uptake run` and `uptake worker`: at work until asked to stop. One loop holds the engine, the crawls and the web.

The engine says *when*; `scheduler.visits` does *what*; the ledger persists. Nothing here must survive a restart.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType

from crawlers.engine import CrawlService
from crawlers.uploads import Uploads
from scheduler.config import Config
from scheduler.engines.embedded import Embedded
from scheduler.engines.seam import Engine
from scheduler.engines.work import Work
from scheduler.heartbeat import Beat, heartbeat
from scheduler.influx_sending import Sending
from scheduler.systemd import Notifier
from scheduler.telling import plan
from scheduler.troubles import Trouble
from scheduler.watching import Watch
from scheduler.web import Web, listen
from scheduler.web.opening import front_of
from storage.journal import Journal
from storage.model import UptakeError, UsageError
from storage.periods import moment

logger = logging.getLogger(__name__)

LOOK = 60  # seconds between two looks around


@dataclass(frozen=True, slots=True)
class Role:
    """What a process is among others. ``engine`` is made of the work, and of what ends the process with an exit code."""

    engine: Callable[[Work, Callable[[int], None]], Engine] = lambda work, _over: Embedded(work)
    watch: type[Watch] = Watch
    sends: bool = True  # it sends to the server of [influxdb] by itself
    port: int | None = None  # instead of [http] port
    plans: bool = True  # it says what comes next


class Daemon:
    """One process at work on a journal. ``reload`` reads the configuration again; ``say`` shows lines to who started it."""

    def __init__(
        self,
        settings: Config,
        journal: Journal,
        *,
        reload: Callable[[], Config],
        say: Callable[[str], None],
        clock: Callable[[], int] = lambda: int(time.time()),
        role: Role | None = None,
    ) -> None:
        self.settings = settings
        self._journal, self._reload, self._say, self._clock, self._role = journal, reload, say, clock, role or Role()
        self._systemd = Notifier()
        self._mails: set[asyncio.Task[None]] = set()
        self._stop = asyncio.Event()
        self._reread = asyncio.Event()
        self._stopped_at: float | None = None
        self._code = 0

    async def run(self) -> int:
        """Run until SIGTERM or SIGINT, or until the engine has nothing left. Gives the exit code."""
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
        self.watch = self._role.watch(self.settings, self._journal, self.service, self._clock, self._tell_operator)
        self._sending = Sending(self._journal, self.settings)
        self.work = Work(self.settings, self._journal, self.service, self.watch, self._clock, self._sending.wake)
        self.engine = self._role.engine(self.work, self._over)
        self._take_signals(asyncio.get_running_loop())
        http = self.settings.http
        self._scraping = asyncio.Lock()
        self.front = front_of(lambda: self.settings, self._journal, health=self.health, metrics=self._scrape, clock=self._clock)
        web = Web(self.front.application(), listen(http.host, http.port if self._role.port is None else self._role.port))
        web.start()
        around = [asyncio.ensure_future(heartbeat(self._beat, every=self._systemd.beat)), asyncio.ensure_future(self._look_around())]
        try:
            await self.watch.begin(self.settings.enabled())
            await self.engine.start()
            if self._role.sends:
                self._sending.start()
            self._uploads.start()
            self._say(f"Uptake is at work: {web.url}/ shows it, {web.url}/healthz how it does; Ctrl-C stops it, nothing is lost.")
            self._say_plan()
            self._systemd.ready(self._status())
            await self._until_stopped()
        finally:
            await self._close(web, around)
        return self._code

    def _over(self, code: int) -> None:
        self._code = code
        self._stop.set()

    async def _until_stopped(self) -> None:
        stop = asyncio.ensure_future(self._stop.wait())
        while not stop.done():
            reread = asyncio.ensure_future(self._reread.wait())
            await asyncio.wait([stop, reread], return_when=asyncio.FIRST_COMPLETED)
            reread.cancel()
            if self._reread.is_set() and not stop.done():
                self._reread.clear()
                await self._again()

    def _say_plan(self) -> None:
        if self._role.plans:
            self._say(plan(self.settings, self._clock(), self.work.late()))

    async def _look_around(self) -> None:
        while True:
            try:
                self.watch.look_around()
                self.watch.sent(await asyncio.to_thread(self._sending.status))
                if self.settings.elsewhere is not None:
                    self.watch.brought(await asyncio.to_thread(self._uploads.standing))
            except UptakeError as error:  # the journal is away, say; visits tell it as a trouble
                logger.warning("%s; it is looked around again in a minute", error)
            self._systemd.tell(STATUS=self._status())
            await asyncio.sleep(LOOK)

    def _tell_operator(self, troubles: Sequence[Trouble]) -> None:
        """One mail for what began. It is told in the log too, so that a mail server that is away costs no more than the mail."""
        if self.settings.mail is None or not self.settings.daemon.tell:
            return

        async def mail() -> None:
            from scheduler.operator_mail import tell

            async with self.work.working():
                try:
                    await asyncio.to_thread(tell, self.settings, troubles, os.environ, self._clock())
                except UptakeError as error:
                    logger.warning("the operator could not be told by mail: %s", error)

        self._mails.add(task := asyncio.get_running_loop().create_task(mail()))
        task.add_done_callback(self._mails.discard)

    # What is seen from outside

    def health(self) -> dict[str, object]:
        return self.watch.health(self.engine.next_visits())

    async def _scrape(self) -> bytes:
        async with self._scraping:
            return await asyncio.to_thread(self.watch.scrape, self.engine.next_visits())

    def _status(self) -> str:
        upcoming = min(self.engine.next_visits().items(), key=lambda item: item[1], default=None)
        if upcoming is not None:
            said = f"next: {upcoming[0]} at {moment(upcoming[1]):%H:%M} UTC"
        elif not self._role.plans:
            said = "does what others plan"
        else:
            said = "nothing is planned yet" if self.settings.enabled() else "no source is on"
        return f"{self.watch.troubles.status}; {said}"

    def _beat(self, beat: Beat) -> None:
        self.watch.beat(beat)
        self._systemd.alive()
        if beat.jumped:
            logger.warning("the clock went %+.0f s: it was set, or the machine slept", beat.jump)
            self.engine.jumped(forward=beat.jump > 0)

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
                ("[daemon] engine and queue", (settings.daemon.engine, settings.queue), (self.settings.daemon.engine, self.settings.queue)),
            ]
            for what, new, old in fixed:
                if new != old:
                    raise UsageError(f"{what} can only be changed by a restart")
        except UptakeError as error:
            logger.warning("the new configuration is refused, the former one stays: %s", error)
            self.watch.failed("configuration", error)
        else:
            self.settings = self.work.settings = settings
            self.service.manners = settings.manners
            self.front.renew()
            await self.watch.begin(settings.enabled(), settings)
            self.watch.well("configuration")
            await self.engine.renew()
            self._say("The configuration was read again.")
            self._say_plan()
        self._systemd.ready(self._status())

    async def _close(self, web: Web, around: Sequence[asyncio.Future[None]]) -> None:
        within = self.settings.daemon.stop_within
        self._systemd.stopping(within)
        self.engine.pause()
        clean = await self.service.close(grace=max(0.1, within - 1))
        await self.work.ended(0.5)
        for task in around:
            task.cancel()
        await self.engine.stop(0.5)
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


__all__ = ["Daemon", "Role"]
