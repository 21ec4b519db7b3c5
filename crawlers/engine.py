"""Runs spiders on the caller's asyncio loop, reactorless or with the asyncio reactor.

The service owns the crawls: who waits for one may be cancelled, the crawl is not. Stopping follows what was
measured with Scrapy 2.19: never before the engine runs, and not done before ``spider_closed``.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar
from urllib.parse import urlsplit

from scrapy import signals
from scrapy.crawler import Crawler
from sqlalchemy import select

from crawlers.captures import Tape
from crawlers.fence import watch
from crawlers.job import Job, Manners, Mode
from crawlers.keep import Keep
from crawlers.lock_names import of_source
from crawlers.locks import Locks, locks_of
from crawlers.recorder import Recorder, Tally, last_capture
from crawlers.settings import Own, settings_for
from crawlers.source import Preview, SourceSpider
from storage import ledger, schema
from storage.grips import Grip
from storage.journal import Journal
from storage.leases import LIFE, LeaseLost, told
from storage.model import Capture, Reason

logger = logging.getLogger(__name__)

AT_ONCE = 8  # crawls on one loop; 50 at once made it lag by a third of a second
GRACE = 10.0  # seconds for a clean stop
T = TypeVar("T")


@dataclass(slots=True)
class Report:
    """What one crawl came to, for the person who started it."""

    source: str
    tally: Tally
    requests: int = 0
    seconds: float = 0.0
    received: int = 0  # bytes of the answers' bodies
    remaining: int | None = None  # what is left of the allowance, as the source's own headers tell
    waiting: int = 0  # slots that have no turn yet, because the allowance does not let them in now
    remark: str = ""
    stopped: bool = False  # from outside; the run stays unfinished and goes on next time
    damage: list[str] = field(default_factory=list)
    previews: list[Preview] = field(default_factory=list)


class CrawlService:
    """Crawls of one store. ``reactor=True`` where the asyncio reactor was installed (`run_async`).

    ``keep``: where responses are kept, else in the journal's folder; ``closed`` is called when a run has written its last one.
    ``lease``: seconds that the lock of a crawl lasts unrenewed, where workers on several machines share the journal.
    """

    def __init__(
        self,
        journal: Journal,
        manners: Manners,
        *,
        reactor: bool = False,
        clock: Callable[[], int] = lambda: int(time.time()),
        locks: Locks | None = None,
        lease: float = LIFE,
        keep: Keep | None = None,
        closed: Callable[[], None] = lambda: None,
    ) -> None:
        self.journal = journal
        self.manners = manners
        self.keep = keep or Keep(journal.folder / "captures")
        self._file_closed = closed
        self.locks = locks_of(journal, lease) if locks is None else locks
        self.stopping = False
        self._reactor = reactor
        self._clock = clock
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._crawls: dict[Crawler, asyncio.Task[None]] = {}
        self._closed: dict[Crawler, asyncio.Event] = {}

    async def run(
        self,
        source: type[SourceSpider],
        run: ledger.Run,
        job: Job,
        *,
        manners: Manners | None = None,
        progress: Callable[[int, int], None] = lambda _done, _planned: None,
        lock: str = "",
    ) -> Report:
        """Do one run to its end. The caller has planned it and holds the locks of its hosts. ``lock``: the one that stands for all.

        Raises `LeaseLost` where they cannot be held on to: the run stays unfinished, and what was written of it stands.
        """
        started = time.monotonic()
        lock = lock or of_source(source.name)
        grip = self.locks.grip(lock)
        polite = manners or self.manners
        tape = await self._tape(run, job, grip.number(lock))
        previewing = job.mode is Mode.PREVIEW
        recorder = Recorder(
            self.journal,
            self._writer,
            source,
            run,
            tape,
            slots=job.slots,
            mode=job.mode,
            progress=progress,
            halt=lambda: _halt(crawler),
            clock=self._clock,
            grip=grip,
        )
        delay = max(polite.delay, source.delay if at_home(source, job.endpoints) else 0.0)
        crawler = Crawler(source, Own(settings_for(polite, delay=delay, reactor=self._reactor)))
        try:
            async with self._slots:
                if not self.stopping:
                    kept = None if previewing else tape
                    await self._crawl(crawler, grip, job=job, manners=polite, tape=kept, recorder=recorder)
            spider = crawler.spider
            sent = spider.pacing.spent if isinstance(spider, SourceSpider) else 0
            if recorder.failure is None and not grip.alive():
                await recorder.flush()
                raise recorder.failure or LeaseLost(told([lock]))
            if recorder.failure is not None:
                await recorder.booking.settle(sent)
                raise recorder.failure
            if self.stopping or not isinstance(spider, SourceSpider):
                await recorder.flush()
                await recorder.booking.settle(sent)
                report = Report(source.name, recorder.tally, stopped=True, damage=tape.damage)
            else:
                reason, detail = spider.pacing.stopped or (Reason.UNANSWERED, "the crawl ended and nothing had spoken of it")
                finished_as = "replayed" if job.replay_only else "finished"
                tally = await recorder.finish(job.replay_only or reason, detail, finished_as, spider.pacing.spent)
                more = tally.missing.keys() & {str(Reason.BUDGET), str(Reason.THROTTLED)}  # what a key or patience would help
                remark = spider.remark(tally.measured, tally.planned) if more else ""
                report = Report(source.name, tally, remark=remark, damage=tape.damage, previews=recorder.previews)
            if isinstance(spider, SourceSpider):
                report.requests, report.received, report.remaining = spider.pacing.sent, spider.pacing.received, spider.pacing.remaining
        finally:
            await asyncio.get_running_loop().run_in_executor(self._writer, tape.writer.close)
            self._file_closed()
        report.seconds = time.monotonic() - started
        return report

    async def _tape(self, run: ledger.Run, job: Job, number: int) -> Tape:
        replay_time = self._planned(run.rereads) if run.rereads else None
        make = partial(
            Tape,
            self.keep if job.mode is not Mode.PREVIEW else self.keep.here,
            run.id,
            run.time,
            clock=self._clock,
            known=self._known,
            only=job.replay_only,
            replay_of=run.rereads or None,
            replay_time=replay_time,
            number=number,
        )
        return make() if self.keep.address is None else await asyncio.to_thread(make)  # it may wait for the network

    def _planned(self, run: str) -> int | None:
        with self.journal.read() as connection:
            return connection.scalar(select(schema.runs.c.time).where(schema.runs.c.id == run))

    async def _crawl(self, crawler: Crawler, grip: Grip, **kwargs: Any) -> None:
        closed = self._closed[crawler] = asyncio.Event()
        crawler.signals.connect(closed.set, signals.spider_closed, weak=False)
        task = self._crawls[crawler] = asyncio.ensure_future(crawler.crawl_async(grip=grip, **kwargs))
        watching = asyncio.ensure_future(self._until_lost(grip, crawler, task)) if grip.life < math.inf else None
        try:
            await asyncio.shield(task)  # a scheduler may cancel who waits, never the crawl
        finally:
            if watching is not None and task.done():
                watching.cancel()
            if task.done():
                self._crawls.pop(crawler, None)
                self._closed.pop(crawler, None)

    async def _until_lost(self, grip: Grip, crawler: Crawler, task: asyncio.Task[None]) -> None:
        """Stop a crawl whose grip dies. The fence lets nothing out by then; this wakes what waits for its turn."""
        await watch(grip)
        logger.warning("%s", told([of_source(crawler.spidercls.name)]))
        await self._stop(crawler, task)

    async def in_writer(self, function: Callable[[], T]) -> T:
        """Do something with the journal on its single writer thread."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, function)

    def later(self, function: Callable[[], object]) -> None:
        """Do something on the writer thread when it comes to it; nobody waits for it."""
        if not self.stopping:
            self._writer.submit(function)

    def _known(self, fingerprint: str) -> Capture | None:
        with self.journal.read() as connection:
            return last_capture(connection, fingerprint)

    async def close(self, grace: float = GRACE) -> bool:
        """Stop all crawls; what was captured is kept, unfinished runs go on next time. False if some had to be cut."""
        self.stopping = True
        stops = [asyncio.ensure_future(self._stop(c, t)) for c, t in list(self._crawls.items())]
        late: set[asyncio.Future[None]] = set()
        if stops:
            _, late = await asyncio.wait(stops, timeout=grace)
            for task in [*self._crawls.values(), *late]:
                task.cancel()
        return not late

    async def _stop(self, crawler: Crawler, task: asyncio.Task[None]) -> None:
        closed = self._closed[crawler]
        while not task.done() and not (crawler.crawling and crawler._engine and crawler._engine.running):  # noqa: ASYNC110, SLF001
            await asyncio.sleep(0.01)  # stopped before its engine runs, a crawl of Scrapy 2.19 hangs for ever
        _halt(crawler)
        if not task.done():
            await crawler.stop_async()
        await asyncio.wait([task])
        await closed.wait()  # the task may return before the spider has closed

    def shutdown(self) -> None:
        self._writer.shutdown(wait=True)
        self.locks.close()


def _halt(crawler: Crawler) -> None:
    if isinstance(crawler.spider, SourceSpider):
        crawler.spider.halt()


def at_home(source: type[SourceSpider], endpoints: Mapping[str, str]) -> bool:
    """Whether a source asks its real host, not one that the config moved it to."""
    real = {urlsplit(url).netloc for url in source.endpoints.values() if url}
    return bool(real & set(hosts(source, endpoints)))


def hosts(source: type[SourceSpider], endpoints: Mapping[str, str]) -> list[str]:
    """The hosts that a source asks, for the locks."""
    found = {urlsplit(endpoints.get(key) or url).netloc for key, url in source.endpoints.items()}
    return sorted(h for h in found if h)


def run_async(main: Callable[[], Coroutine[Any, Any, T]], *, reactor: bool = False) -> T:
    """Run a coroutine on a new loop; with ``reactor`` under Twisted's asyncio reactor (once per process)."""
    if not reactor:
        return asyncio.run(main())
    from twisted.internet import asyncioreactor

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    asyncioreactor.install(loop)  # type: ignore[no-untyped-call]  # Twisted has no types here
    from twisted.internet import reactor as running

    result: list[asyncio.Future[T]] = []

    def start() -> None:
        task = asyncio.ensure_future(main(), loop=loop)
        result.append(task)
        task.add_done_callback(lambda _: running.stop())  # type: ignore[misc]  # the module stands for an object

    running.callWhenRunning(start)
    running.run(installSignalHandlers=False)  # type: ignore[misc,call-arg]  # the same; Twisted's would stop the loop under its work
    return result[0].result()


__all__ = ["CrawlService", "Job", "Mode", "Report", "at_home", "hosts", "run_async"]
