"""Requests of a budget are booked before they are sent, so that a process that dies takes no count with it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from crawlers.engine import CrawlService
from crawlers.outcomes import Refused
from crawlers.politeness import Pacing
from scheduler import jobs
from scheduler.allowance import sent
from scheduler.setups import Setup
from storage.journal import Journal
from storage.model import Reason, Topic, UptakeError
from storage.periods import DAY, read_time
from tests.faults.spiders import Shop
from tests.faults.street import Street
from tests.harness import FAST

NOW = read_time("2026-11-20T08:00:00Z")
TOPICS = {f"t{n}": Topic(f"t{n}", f"t{n}", {"shop": f"t{n}"}) for n in range(8)}


async def test_what_is_sent_never_exceeds_what_was_booked_nor_that_the_budget() -> None:
    booked, sent, refusals = 0, 0, list[Reason]()

    async def book(count: int) -> None:
        nonlocal booked
        await asyncio.sleep(0)
        booked += count

    pacing = Pacing(FAST, 50, book=book)

    async def ask() -> None:
        nonlocal sent
        try:
            await pacing.enter("h")
        except Refused as refused:
            refusals.append(refused.reason)
        else:
            sent += 1
            assert sent <= booked <= min(50, sent + 2), "two are booked at once"

    await asyncio.gather(*(ask() for _ in range(80)), *(pacing.enter("h", free=True) for _ in range(3)))
    assert (sent, booked, pacing.spent, pacing.sent) == (50, 50, 50, 53)
    assert refusals == [Reason.BUDGET] * 30


async def test_what_cannot_be_booked_is_not_sent() -> None:
    async def book(_count: int) -> None:
        raise Refused(Reason.UNANSWERED, "the journal is away")

    pacing = Pacing(FAST, 50, book=book)
    with pytest.raises(Refused, match="the journal is away"):
        await pacing.enter("h")
    assert pacing.sent == 0


def booked(journal: Journal, now: int) -> tuple[int, int]:
    """What the journal knows of the one run, and what is reckoned of the source."""
    with journal.read() as connection:
        (requests,) = connection.exec_driver_sql("SELECT requests FROM runs").scalars()
        return requests, sent(connection, "shop", now - DAY)


@pytest.mark.usefixtures("either_database")
async def test_a_run_that_is_put_off_counts_what_it_sent_and_so_does_the_one_that_goes_on(tmp_path: Path) -> None:
    with Street() as street, Journal.open(tmp_path, writable=True) as journal:
        setup = Setup(Shop, TOPICS, endpoints={"base_url": street.url}, config="{}", budget=7)
        service = CrawlService(journal, FAST, clock=lambda: NOW)
        try:
            street.break_after(4, "silent")  # robots.txt and three pages
            collecting = asyncio.ensure_future(jobs.collect(service, setup, now=NOW))
            await asyncio.to_thread(street.came, 4)
            assert booked(journal, NOW) in {(4, 4), (5, 5)}, "those on their way are booked"
            await service.close()
            (report,) = await collecting
            assert report.stopped
        finally:
            street.heal()
            service.shutdown()
        first = sum(path != "/robots.txt" for path in street.arrived)
        assert booked(journal, NOW) == (first, first)
        service = CrawlService(journal, FAST, clock=lambda: NOW)
        try:
            await jobs.collect(service, setup, now=NOW)
        finally:
            service.shutdown()
        assert sum(path != "/robots.txt" for path in street.arrived) == 7
        assert booked(journal, NOW) == (7, 7)


@pytest.mark.usefixtures("either_database")
async def test_a_crawl_whose_requests_cannot_be_booked_goes_on_next_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Street() as street, Journal.open(tmp_path, writable=True) as journal:
        setup = Setup(Shop, TOPICS, endpoints={"base_url": street.url}, config="{}", budget=7)
        service = CrawlService(journal, FAST, clock=lambda: NOW)

        def away(*_: object) -> None:
            raise UptakeError("the journal is away")

        try:
            with monkeypatch.context() as patch:
                patch.setattr("crawlers.booking.Booking._write", away)
                with pytest.raises(UptakeError, match="the journal is away"):
                    await jobs.collect(service, setup, now=NOW)
            assert [path for path in street.arrived if path != "/robots.txt"] == []
            reports = await jobs.collect(service, setup, now=NOW)
            assert sum(r.tally.measured for r in reports) == 7
        finally:
            service.shutdown()
