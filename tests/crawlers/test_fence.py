"""A crawl that loses its grip: nothing more is sent, nothing is told as missing, and it goes on later, here or on another machine."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection

from crawlers.engine import CrawlService, Report
from crawlers.fence import fenced
from crawlers.locks import HostLocks
from crawlers.outcomes import Refused
from scheduler import jobs
from storage.grips import Grip, Leased
from storage.journal import Journal
from storage.leases import LeaseLost
from storage.model import Topic
from tests.fakes.scripted import Answer, Scripted
from tests.fakes.toy import Toy
from tests.harness import FAST, Harness

NOW = 1_795_000_000  # 2026-11-18
LIFE = 60.0
KEYS = [f"t{i:02}" for i in range(90)]


class Lent(HostLocks):
    """Locks that give a grip of the test's own."""

    def __init__(self, folder: Path, grip: Leased) -> None:
        super().__init__(folder / "locks")
        self._lent = grip

    @asynccontextmanager
    async def hold(self, names: Iterable[str], *, among: str = "") -> AsyncIterator[Grip]:
        async with super().hold(names, among=among):
            yield self._lent

    def grip(self, name: str) -> Grip:  # there is one
        return self._lent


class TakenOver(Leased):
    """The host was never asked by others, but the journal says that somebody else took the lease."""

    def guard(self, connection: Connection) -> None:  # it is no PostgreSQL
        raise LeaseLost("somebody else took it")


def grip(clock: Callable[[], float] = lambda: 0.0, kind: type[Leased] = Leased, token: int = 7) -> Leased:
    return kind({"source-toy": token}, LIFE, 0.0, clock)


def shop(server: Scripted) -> Callable[[int], None]:
    """Sets how many widgets of each kind there are."""

    def fill(number: int) -> None:
        server.answers |= {f"/widgets/{key}": [Answer.of({"count": number})] for key in KEYS}

    return fill


def harness(folder: Path, server: Scripted) -> Harness:
    return Harness(folder, Toy, base_url=server.url, topics=[Topic(k, k, {"toy": k}) for k in KEYS])


def collect(h: Harness, held: Leased) -> list[Report]:
    async def main() -> list[Report]:
        with Journal.open(h.folder, writable=True) as journal:
            service = CrawlService(journal, FAST, clock=lambda: NOW, locks=Lent(h.folder, held))
            try:
                return await jobs.collect(service, h.setup, now=NOW)
            finally:
                service.shutdown()

    return asyncio.run(main())


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "captures").rglob("*.warc.gz"))


def revisions(folder: Path) -> int:
    with Journal.open(folder) as journal, journal.read() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM revisions").scalar_one())


@pytest.mark.parametrize("after", [1, 60])  # at robots.txt, and when the first batch was written
def test_who_loses_the_grip_sends_nothing_more_and_the_next_visit_goes_on(tmp_path: Path, after: int) -> None:
    with Scripted() as server:
        shop(server)(3)
        h = harness(tmp_path, server)
        with pytest.raises(LeaseLost, match="toy is still its own"):
            collect(h, grip(lambda: LIFE if len(server.log) >= after else 0.0))
        assert len(server.log) <= after + 1  # two are under way at once
        assert set(h.outcomes().values()) == {"open"}
        asked = len(server.paths())
        h.collect(NOW + 60)
        assert set(h.outcomes().values()) == {"measured"}
        assert len(server.paths()) <= len(KEYS) + (asked > 0)
        assert revisions(tmp_path) == 0


def test_what_the_journal_refuses_is_not_written_and_the_next_visit_goes_on(tmp_path: Path) -> None:
    with Scripted() as server:
        shop(server)(3)
        h = harness(tmp_path, server)
        with pytest.raises(LeaseLost, match="somebody else took it"):
            collect(h, grip(kind=TakenOver))
        assert (h.values(), h.ends()) == ({}, [])
        assert server.paths() == []  # not even a plan of it stands
        h.collect(NOW + 60)
        assert set(h.outcomes().values()) == {"measured"}


def test_a_run_whose_responses_are_on_another_machine_goes_on_and_measures_nothing_twice(tmp_path: Path) -> None:
    with Scripted() as server:
        fill = shop(server)
        fill(3)
        h = harness(tmp_path, server)
        with pytest.raises(LeaseLost):
            collect(h, grip(lambda: LIFE if len(server.log) >= 70 else 0.0))
        before = h.values()
        assert 0 < len(before) < len(KEYS)
        assert files(tmp_path) == ["toy-1.7.warc.gz"]
        shutil.rmtree(tmp_path / "captures")
        fill(4)
        server.log.clear()
        (report,) = collect(h, grip(token=8))
        assert files(tmp_path) == ["toy-1.8.warc.gz"]  # its name is no other worker's
        assert report.tally.missing == {}
        assert set(h.outcomes().values()) == {"measured"}
        assert sorted(server.paths()) == sorted(f"/widgets/{k}" for k in KEYS if f'toy.widgets{{topic="{k}"}}' not in before)
        assert h.values() == {**{name: dict.fromkeys(when, 4.0) for name, when in h.values().items()}, **before}
        assert revisions(tmp_path) == 0


async def test_what_is_under_way_is_cut_off_when_the_grip_dies() -> None:
    now, ended = 0.0, asyncio.Event()
    halted: list[bool] = []

    async def send() -> str:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return "too late"

    held = Leased({"a": 1}, 0.2, 0.0, lambda: now)
    sending = asyncio.ensure_future(fenced(held, send, lambda: halted.append(True)))
    await asyncio.sleep(0.05)
    assert not sending.done()
    now = 0.1
    with pytest.raises(Refused, match="still its own to ask"):
        await sending
    assert ended.is_set()
    assert halted == [True]


async def test_who_waits_for_an_answer_and_is_cancelled_takes_the_request_with_him() -> None:
    ended = asyncio.Event()

    async def send() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    sending = asyncio.ensure_future(fenced(grip(), send, lambda: None))
    await asyncio.sleep(0.01)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    await asyncio.wait_for(ended.wait(), 5)
