"""A run that goes from one machine to another, on a journal that both share: each figure is measured once, and by one of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from crawlers.engine import CrawlService, Report
from crawlers.lease_locks import LeaseLocks
from scheduler import jobs
from scheduler.setups import Setup
from storage import ledger
from storage.journal import Journal
from storage.keeper import Keeper
from storage.model import Topic
from tests.crawlers.test_leases import LIFE, Worker, until, waiting
from tests.fakes.postgres import Postgres, running
from tests.fakes.toy import Toy
from tests.fakes.turnstile import Turnstile, together
from tests.fakes.wire import Wire
from tests.harness import FAST

pytest.importorskip("storage.postgres", reason="a journal cannot be on PostgreSQL here")

NOW = 1_795_000_000  # 2026-11-18
TOPICS = 90


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with running() as postgres:
        yield postgres


def collect(folder: Path, url: str, host: Turnstile, name: str) -> list[Report]:
    """What a worker on another machine does: it has a folder of its own."""
    topics = {f"t{i}": Topic(f"t{i}", f"t{i}", {"toy": f"t{i}"}) for i in range(TOPICS)}
    setup = Setup(Toy, topics, endpoints={"base_url": host.url}, config="{}")
    manners = replace(FAST, contact=f"mailto:{name}@example.org", obey_robots=False)

    async def main() -> list[Report]:
        with Journal.open(folder, url, writable=True) as journal:
            service = CrawlService(journal, manners, clock=lambda: NOW + 60, locks=LeaseLocks(Keeper(url, life=20.0, holder=name)))
            try:
                return await jobs.collect(service, setup, now=NOW + 60)
            finally:
                service.shutdown()

    return asyncio.run(main())


@pytest.mark.parametrize("fault", ["cut", "killed"])
def test_a_run_is_finished_by_another_machine_and_its_first_worker_writes_nothing_more(
    server: Postgres, tmp_path: Path, fault: str
) -> None:
    url = server.database(fault)
    Journal.open(tmp_path, url).close()
    with Wire("127.0.0.1", server.port) as wire, Turnstile(0.1) as host:
        away = url.replace(str(server.port), str(wire.port))
        first = Worker("a", tmp_path, away, host, now=NOW, topics=TOPICS)
        try:
            count = "SELECT count(*) FROM points"
            until(lambda: server.execute(count, database=fault)[0][0] > 10, "it writes figures")
            if fault == "cut":
                wire.cut()
            else:
                first.end()
            reports = collect(tmp_path / "other", url, host, "b")
            if fault == "cut":
                wire.mend()
                until(lambda: first.process.poll() is not None, "the first one comes back and ends", 90)
                assert first.words() == ["holding", "lost"] or first.words() == ["holding", "away"]
        finally:
            first.end()
        assert [report.tally.missing for report in reports] == [{}]
        assert together(host.visits) == []
        with Journal.open(tmp_path / "other", url) as journal, journal.read() as connection:
            assert {end.label for end in ledger.ends(connection, "toy")} == {"measured"}
            assert len(ledger.runs(connection, "toy")) == 1
            assert connection.exec_driver_sql("SELECT count(*) FROM revisions").scalar() == 0
            assert connection.exec_driver_sql(count).scalar() == TOPICS
            counts = connection.exec_driver_sql("SELECT count(*) FROM evidence GROUP BY file ORDER BY file").scalars().all()
        theirs, ours = counts  # files of two names, so that none of their responses passes for another
        assert 10 < theirs < TOPICS
        assert len({v.path for v in host.of("b")}) == len(host.of("b")) == ours == TOPICS - theirs


def test_a_long_write_of_another_run_does_not_cost_a_crawl_its_lease(server: Postgres, tmp_path: Path) -> None:
    url = server.database("long")
    Journal.open(tmp_path, url).close()
    with Turnstile(0.05) as host, Journal.open(tmp_path, url, writable=True) as journal:
        worker = Worker("a", tmp_path, url, host, now=NOW, topics=TOPICS)
        try:
            until(lambda: len(host.of("a")) > 10, "it asks")
            with journal.write() as tx:  # it holds the journal's only write lock
                tx.mark("long", "1")
                time.sleep(2 * LIFE)
            until(lambda: worker.process.poll() is not None, "it is done")
            assert worker.words() == ["holding", "done"]
        finally:
            worker.end()
    assert not waiting(server, 0)
