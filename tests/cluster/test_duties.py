"""What is done once for all machines: a duty is done by one planner, once a call, and handed back by one that ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from procrastinate import App
from procrastinate.worker import Worker

from crawlers.engine import CrawlService
from scheduler.config import Config, read
from scheduler.duties import Duty, duties
from scheduler.engines import work as works
from scheduler.engines.queue import names
from scheduler.engines.queue.hands import Hands
from scheduler.engines.queue.patient import Fenced, Patient
from scheduler.engines.queue.planner import Planner
from scheduler.engines.queue.store import Store
from scheduler.engines.queue.watching import SharedWatch
from scheduler.engines.work import Work
from scheduler.troubles import Trouble
from storage.journal import Journal
from storage.model import UptakeError
from storage.periods import HOUR, read_time
from tests.fakes.postgres import Postgres
from tests.harness import FAST

NOON = read_time("2026-11-20T12:00:00Z")


class Process:
    """One process's part, without a process: what it would do, at times that the test sets."""

    def __init__(self, settings: Config, journal: Journal, connector: Patient, name: str) -> None:
        self.now = NOON
        self.mails: list[Trouble] = []
        service = CrawlService(journal, FAST, clock=lambda: self.now)
        self.watch = SharedWatch(settings, journal, service, lambda: self.now, self.mails.extend)
        self.hands = Hands(Work(settings, journal, service, self.watch, lambda: self.now), name)
        self.app = App(connector=connector)
        self.app.job_manager = Fenced(connector)
        self.hands.store = self.store = Store(self.app, connector)
        self.hands.register(self.app)
        self.planner = Planner(self.hands)
        self.service = service

    async def work(self) -> None:
        """Do what waits, and return."""
        queues = [names.queue(names.DUTY)]
        self.worker = Worker(
            self.app, queues=queues, wait=False, install_signal_handlers=False, delete_jobs="successful", listen_notify=False
        )
        await self.worker.run()  # type: ignore[no-untyped-call]


def together(folder: Path, address: str, test: Callable[[Process, Process], Awaitable[None]]) -> None:
    settings = read({"crawl": {"contact": "mailto:test@example.org"}}, folder / "uptake.toml", {"UPTAKE_QUEUE_URL": address})

    async def main() -> None:
        with Journal.open(folder, writable=True) as journal:
            found = []
            for name in ("one", "other"):
                connector = Patient(address, name, lambda _said: None)
                await connector.open_async()
                found.append(Process(settings, journal, connector, name))
            try:
                await test(*found)
            finally:
                for process in found:
                    await process.app.connector.close_async()
                    process.service.shutdown()

    asyncio.run(main())


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """When the one duty was done, which is called for each hour."""
    times: list[int] = []

    async def work(now: int) -> str:
        times.append(now)
        return "told"

    monkeypatch.setattr(works, "duties", lambda *_: [Duty("letter", "0 * * * *", work)])
    return times


def test_a_duty_is_done_once_a_call_by_whoever_is_there(tmp_path: Path, server: Postgres, database: str, done: list[int]) -> None:
    async def test(one: Process, other: Process) -> None:
        both = (one, other)
        await asyncio.gather(*(p.planner.plan() for p in both))
        await asyncio.gather(*(p.work() for p in both))
        assert done == [], "its time had not come yet"
        for later in (HOUR + 360, 2 * HOUR + 360, 3 * HOUR - 1):
            for process in both:
                process.now = NOON + later
            await asyncio.gather(*(p.planner.plan() for p in both))
            await asyncio.gather(*(p.work() for p in both))
            await asyncio.gather(*(p.planner.plan() for p in both))
        assert done == [NOON + HOUR + 360, NOON + 2 * HOUR + 360]

    together(tmp_path, server.url(database), test)


def test_a_duty_that_fails_is_told_and_one_that_is_cut_off_is_handed_back(
    tmp_path: Path, server: Postgres, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()

    async def fails(_now: int) -> str:
        raise UptakeError("the ink has run out")

    async def lasts(_now: int) -> str:
        begun.set()
        await asyncio.sleep(60)
        return ""

    monkeypatch.setattr(works, "duties", lambda *_: [Duty("letter", "0 * * * *", fails), Duty("book", "0 * * * *", lasts)])

    async def test(one: Process, other: Process) -> None:
        await one.hands.call_duty("letter")
        await one.hands.call_duty("book")
        assert not await other.hands.call_duty("book"), "the same one waits already"
        working = asyncio.ensure_future(one.work())
        await begun.wait()
        one.worker.stop()  # type: ignore[no-untyped-call]
        await one.hands.work.ended(0.1)
        await working
        failures = await one.store.rows("SELECT worker, what, said FROM uptake_failures")
        assert failures == [{"worker": "one", "what": "letter", "said": "the ink has run out"}]
        left = await one.store.rows("SELECT args->>'name' AS name, status::text FROM procrastinate_jobs WHERE status IN ('todo', 'doing')")
        assert left == [{"name": "book", "status": "todo"}]

    together(tmp_path, server.url(database), test)


def test_a_trouble_that_all_see_is_mailed_once_and_one_of_their_own_by_each(tmp_path: Path, server: Postgres, database: str) -> None:
    async def test(one: Process, other: Process) -> None:
        shared = Trouble("cluster:dead:w", "w is dead")
        for process in (one, other):
            process.watch._update("cluster", [shared])
            process.watch._update("disk", [Trouble("disk:low", f"{process.hands._worker} is nearly full")])
        for process in (one, other, one):
            process.watch.tell_shared()
            await process.service.in_writer(lambda: None)
        assert [t.text for t in one.mails] == ["one is nearly full", "w is dead"]
        assert [t.text for t in other.mails] == ["other is nearly full"]
        one.watch._update("cluster", [])
        other.watch._update("cluster", [])
        other.watch.tell_shared()
        await other.service.in_writer(lambda: None)
        other.watch._update("cluster", [shared])
        other.watch.tell_shared()
        assert [t.text for t in other.mails] == ["other is nearly full", "w is dead"], "it began anew"

    together(tmp_path, server.url(database), test)


def test_with_workers_figures_are_sent_by_a_duty(tmp_path: Path) -> None:
    raw: dict[str, Any] = {"influxdb": {"url": "http://127.0.0.1:8086"}}
    alone = read(raw, tmp_path / "uptake.toml", {})
    shared = read(raw | {"daemon": {"engine": "procrastinate"}}, tmp_path / "uptake.toml", {"UPTAKE_QUEUE_URL": "postgresql://h/d"})
    with Journal.open(tmp_path, writable=True) as journal:
        assert "send" not in [d.name for d in duties(alone, journal)]
        assert "send" in [d.name for d in duties(shared, journal)]
