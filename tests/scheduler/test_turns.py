"""Topics that wait for one another, because an allowance does not let all in: everyone has a turn, and nobody's is a gap."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from crawlers.catalog import sources
from crawlers.engine import CrawlService
from scheduler import allowance, catchup
from scheduler.demo.servers.service import Service
from scheduler.demo.servers.stackexchange import FakeStackExchange
from scheduler.setups import Setup
from scheduler.visits import Visit, Visits
from storage import ledger
from storage.journal import Journal
from storage.model import Topic
from storage.periods import DAY, HOUR, read_time
from tests.harness import FAST

NOW = read_time("2026-11-20T02:23:00Z")
TOPICS = {f"t{n}": Topic(f"t{n}", f"T{n}", {"stackoverflow": f"tag{n}"}) for n in range(7)}


@pytest.fixture
def stack() -> Iterator[FakeStackExchange]:
    with FakeStackExchange(anonymous=5) as fake:
        for n in range(len(TOPICS)):
            fake.ask(NOW - DAY, f"tag{n}")
            fake.ask(NOW, f"tag{n}")
        yield fake


def _setup(service: Service, *, budget: int) -> Setup:
    return Setup(sources()["stackoverflow"], TOPICS, endpoints={"base_url": service.url}, budget=budget, config="{}")


def _visit(folder: Path, setup: Setup, now: int) -> Visit:
    async def main() -> Visit:
        with Journal.open(folder, writable=True) as journal:
            service = CrawlService(journal, FAST, clock=lambda: now)
            try:
                return await Visits(service, lambda: now).visit(setup, setup.source.schedule)
            finally:
                service.shutdown()

    return asyncio.run(main())


def test_of_many_topics_each_has_its_turn_though_one_comes_last_in_the_configuration(tmp_path: Path, stack: FakeStackExchange) -> None:
    setup = _setup(stack, budget=5)
    for n in range(3):
        stack.used[""] = 0
        visit = _visit(tmp_path, setup, NOW + n * DAY)
        assert not visit.passed
        assert not visit.reports[0].tally.missing, "who has no turn is not asked, and no gap"
        assert "have their turn now" in visit.reports[-1].remark
    with Journal.open(tmp_path) as journal, journal.read() as connection:
        turns = Counter(e.slot.series.topic for e in ledger.ends(connection, "stackoverflow") if e.slot.series.metric.endswith("questions"))
    assert set(turns) == set(TOPICS)
    assert max(turns.values()) - min(turns.values()) <= 1, turns


def test_history_of_topics_that_were_added_waits_while_others_wait_for_their_turn(tmp_path: Path, stack: FakeStackExchange) -> None:
    few = Setup(sources()["stackoverflow"], {"t0": TOPICS["t0"]}, endpoints={"base_url": stack.url}, config="{}")
    stack.quota[""] = 300
    _visit(tmp_path, few, NOW)
    before = len(stack.asked())
    visit = _visit(tmp_path, _setup(stack, budget=before + 4), NOW + HOUR)
    assert visit.reports[-1].waiting
    assert len(stack.asked()) - before <= 4, "the allowance is for turns, not for a month of those that have none yet"


def test_it_is_told_when_an_allowance_forgets(tmp_path: Path, stack: FakeStackExchange) -> None:
    setup = _setup(stack, budget=5)
    _visit(tmp_path, setup, NOW)
    with Journal.open(tmp_path) as journal, journal.read() as connection:
        forgets = NOW + DAY - allowance.SLACK + 1
        assert allowance.more_allowed(connection, setup, NOW + HOUR) == forgets
        assert allowance.budget(connection, setup, forgets - 1) == 0
        assert allowance.budget(connection, setup, forgets) == 5
        assert allowance.more_allowed(connection, setup, forgets) == forgets


def test_what_another_day_s_answer_told_has_not_passed(tmp_path: Path, stack: FakeStackExchange) -> None:
    setup = _setup(stack, budget=300)
    stack.quota[""] = 300
    _visit(tmp_path, setup, NOW)
    later = NOW + 2 * DAY
    with Journal.open(tmp_path, writable=True) as journal:
        with journal.read() as connection:
            gone = catchup.missed(connection, setup, setup.source.schedule, later)
        assert gone
        with journal.write(now=NOW) as tx:
            tx.put([gone[0].observe(3.0)])
        with journal.read() as connection:
            assert set(catchup.missed(connection, setup, setup.source.schedule, later)) == set(gone[1:])


@pytest.mark.parametrize(("name", "options", "cost"), [("stackoverflow", {}, 1.01), ("huggingface", {}, 1.0), ("devto", {}, 2.0)])
def test_a_topic_costs_what_one_more_of_them_does(name: str, options: dict[str, object], cost: float) -> None:
    source = sources()[name]
    assert source.requests_for(Topic("x", "X", {name: "x"}), options) == pytest.approx(cost)
    assert source.requests_for(Topic("y", "Y", {}), options) == 0
