"""`uptake run --once`: all that is due now, then the end. What a timer of the system calls."""

from __future__ import annotations

import asyncio
import logging
import signal
import time

from crawlers.engine import CrawlService, Report, run_async
from scheduler import schedule
from scheduler.config import Config
from scheduler.duties import duties
from scheduler.telling import line
from scheduler.troubles import disk
from scheduler.visits import Visits
from storage.journal import Journal
from storage.lookups import recall_text
from storage.model import Remember, UptakeError

logger = logging.getLogger(__name__)

DONE = "done:"  # when a duty was done last, in what the daemon remembers


def run_once(settings: Config, journal: Journal) -> int:
    """Visit all sources whose time has come, then do the duties that are due. Gives the exit code."""
    reports, failed = run_async(lambda: _main(settings, journal), reactor=settings.reactor)
    return int(bool(failed) or any(r.tally.missing for r in reports))


async def _main(settings: Config, journal: Journal) -> tuple[list[Report], list[str]]:
    service = CrawlService(journal, settings.manners, reactor=settings.reactor, lease=settings.daemon.lease, keep=settings.keep)
    visits = Visits(service, lambda: int(time.time()))
    loop = asyncio.get_running_loop()
    ending: list[asyncio.Task[bool]] = []
    failed: list[str] = []
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, lambda: ending.append(loop.create_task(service.close(settings.daemon.stop_within))))
    try:
        due = [n for n, s in settings.sources.items() if s.enabled and visits.due(settings.setup(n), s.schedule)]
        full = next((t for t in disk(settings.store, settings.daemon.disk_free * 1_000_000) if t.grave), None)
        found = await asyncio.gather(*(_visit(settings, visits, name) for name in due)) if full is None else []
        failed = [name for name, reports in zip(due, found, strict=False) if reports is None]
        if full is not None:
            logger.warning("%s", full.text)
            failed.append("disk")
        elif not due:
            logger.info("nothing is due")
        if not service.stopping:
            failed += await _duties(settings, journal, service)
        await asyncio.gather(*ending)
    finally:
        service.shutdown()
    if ending:
        raise UptakeError("stopped; what was captured is kept, and the same command goes on from there")
    return [report for reports in found for report in reports or []], failed


async def _visit(settings: Config, visits: Visits, name: str) -> list[Report] | None:
    """None: the visit as a whole failed, which must not cost the others."""
    setup, setting = settings.setup(name), settings.sources[name]
    try:
        visit = await visits.visit(setup, setting.schedule)
    except Exception as error:
        logger.error("%s: %s", name, error, exc_info=None if isinstance(error, UptakeError) else error)  # noqa: TRY400
        return None
    if not visit.stopped:
        logger.info("%s", line(setup, visit, schedule.next_time(setting.schedule, visit.time)))
    return visit.reports


async def _duties(settings: Config, journal: Journal, service: CrawlService) -> list[str]:
    """Do those whose time came since they were done last, one that was never done at once. Gives the names of those that failed."""
    failed: list[str] = []
    for duty in duties(settings, journal):
        now = int(time.time())
        with journal.read() as connection:
            last = recall_text(connection, "daemon", DONE + duty.name)
        if last is not None and (schedule.next_time(duty.schedule, int(last)) or now + 1) > now:
            continue
        try:
            said = await duty.work(now)
        except (OSError, RuntimeError, UptakeError) as error:
            logger.warning("%s", error)  # it is due again at the next call
            failed.append(duty.name)
            continue
        if said:
            logger.info("%s: %s", duty.name, said)

        def note(name: str = duty.name, when: int = now) -> None:
            with journal.write(now=when) as tx:
                tx.remember("daemon", Remember(DONE + name, when))

        await service.in_writer(note)
    return failed


__all__ = ["run_once"]
