"""Visits to sources: what passed is told, what can be had is read from history, what failed is tried again in time."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from crawlers.engine import CrawlService
from crawlers.source import Allowance
from crawlers.spiders.search.wikipedia import Wikipedia
from scheduler import catchup
from scheduler.demo.servers.service import Asked, Service
from scheduler.setups import Setup
from scheduler.visits import Visit, Visits
from storage import ledger
from storage.journal import Journal
from storage.lookups import recall_text
from storage.model import Topic
from storage.periods import DAY, HOUR, day, read_time
from tests.fakes.toy import Toy
from tests.fakes.wikimedia import FakeWikimedia
from tests.harness import FAST, empty_store

pytestmark = pytest.mark.usefixtures("either_database")

NOW = read_time("2026-11-20T03:20:00Z")
TOPICS = {n: Topic(n, n.title(), {"toy": n, "wikipedia": [n.title()]}) for n in ("alpha", "beta", "gamma")}


class Shop(Service):
    def respond(self, asked: Asked) -> tuple[int, Any]:
        return 200, {"count": 7}


class Rationed(Toy):
    """One request a topic, two a day."""

    @classmethod
    def allowance(cls, options: Mapping[str, object]) -> Allowance | None:
        return Allowance(2, "day", "2 a day")

    @classmethod
    def requests_for(cls, topic: Topic, options: Mapping[str, object]) -> int | None:
        return 1


class Hourly(Rationed):
    @classmethod
    def allowance(cls, options: Mapping[str, object]) -> Allowance | None:
        return Allowance(2, "hour", "2 an hour")


class Desk:
    """One source at a server, visited when the test says so."""

    def __init__(self, folder: Path, source: type[Toy] | type[Wikipedia], url: str) -> None:
        shutil.copytree(empty_store(), folder, dirs_exist_ok=True)
        self.folder = folder
        self.now = NOW
        self.setup = Setup(source, TOPICS, endpoints={"base_url": url}, config="{}")

    def with_visits(self, work: Callable[[Visits], Any]) -> Any:
        async def main() -> Any:
            with Journal.open(self.folder, writable=True) as journal:
                service = CrawlService(journal, FAST, clock=lambda: self.now)
                try:
                    return await work(Visits(service, lambda: self.now))
                finally:
                    service.shutdown()

        return asyncio.run(main())

    def visit(self, at: int | None = None) -> Visit:
        self.now = self.now if at is None else at
        visit: Visit = self.with_visits(lambda v: v.visit(self.setup, self.setup.source.schedule))
        return visit

    def ends(self) -> dict[str, Counter[str]]:
        """Outcomes per day."""
        found: dict[str, Counter[str]] = {}
        with Journal.open(self.folder) as journal, journal.read() as connection:
            for end in ledger.ends(connection, self.setup.name):
                found.setdefault(day(end.slot.time), Counter())[end.label] += 1
        return found


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop() as shop:
        yield shop


def test_levels_that_passed_are_missing_and_the_open_one_is_measured_late(tmp_path: Path, shop: Shop) -> None:
    desk = Desk(tmp_path, Toy, shop.url)
    desk.visit()
    visit = desk.visit(NOW + 4 * DAY + 5 * HOUR)
    assert visit.passed == 9
    passed, there = Counter({"missing(downtime)": 3}), Counter({"measured": 3})
    assert desk.ends() == {"2026-11-20": there, "2026-11-21": passed, "2026-11-22": passed, "2026-11-23": passed, "2026-11-24": there}
    assert len(shop.asked("/widgets")) == 6, "what has passed is not asked for"
    assert desk.visit(desk.now + HOUR).passed == 0


def test_a_source_that_was_never_visited_has_missed_nothing(tmp_path: Path, shop: Shop) -> None:
    visit = Desk(tmp_path, Toy, shop.url).visit()
    assert visit.passed == 0


def test_a_topic_that_is_new_has_missed_nothing(tmp_path: Path, shop: Shop) -> None:
    desk = Desk(tmp_path, Toy, shop.url)
    desk.setup = Setup(Toy, {"alpha": TOPICS["alpha"]}, endpoints={"base_url": shop.url}, config="{}")
    desk.visit()
    desk.setup = Setup(Toy, TOPICS, endpoints={"base_url": shop.url}, config="{}")
    assert desk.visit(NOW + 3 * DAY).passed == 2


def test_a_topic_that_was_added_is_measured_at_once_with_its_history(tmp_path: Path) -> None:
    with FakeWikimedia() as wiki:
        first = read_time("2026-10-01")
        for topic in TOPICS:
            wiki.read("en", topic.title(), first, *range(100, 180))
        wiki.load("en", first, first + 80 * DAY)
        desk = Desk(tmp_path, Wikipedia, wiki.url)
        every = desk.setup
        desk.setup = Setup(Wikipedia, {k: TOPICS[k] for k in ("alpha", "beta")}, endpoints={"base_url": wiki.url}, config="{}")
        desk.visit(NOW + 12 * HOUR)

        async def due(visits: Visits) -> bool:
            return visits.due(desk.setup, "31 13 * * *")

        assert not desk.with_visits(due)
        desk.setup = every
        assert desk.with_visits(due)
        desk.visit(NOW + 13 * HOUR)
        assert not desk.with_visits(due)
        with Journal.open(tmp_path) as journal, journal.read() as connection:
            days = dict(connection.exec_driver_sql("SELECT topic, count(*) FROM points JOIN series ON id = series_id GROUP BY topic").all())
        assert days["gamma"] == 50, "all that Wikimedia has"
        assert days["alpha"] < 50, "whose history was not asked for"


def test_topics_that_take_turns_have_no_gap_between_their_turns(tmp_path: Path, shop: Shop) -> None:
    desk = Desk(tmp_path, Rationed, shop.url)
    passed = [desk.visit(NOW + n * DAY).passed for n in range(6)]
    assert passed == [0] * 6
    assert {label for ends in desk.ends().values() for label in ends} == {"measured"}
    assert desk.visit(NOW + 16 * DAY).passed > 0, "ten days without any turn are a gap"


def test_a_topic_that_waits_for_its_turn_is_asked_for_before_the_schedule_calls(tmp_path: Path, shop: Shop) -> None:
    visit = Desk(tmp_path, Hourly, shop.url).visit()
    assert visit.again == NOW + HOUR + 1, "when both are forgotten"
    assert visit.why == "some wait for the allowance"


def test_nobody_comes_in_vain_while_a_day_s_allowance_is_spent(tmp_path: Path, shop: Shop) -> None:
    desk = Desk(tmp_path, Rationed, shop.url)
    assert desk.visit().again is None, "the schedule calls sooner than the allowance forgets"
    assert desk.visit(NOW + 6 * HOUR).reports[0].waiting == 1
    assert len(shop.asked("/widgets")) == 2


def test_flows_that_passed_are_read_from_history(tmp_path: Path) -> None:
    with FakeWikimedia() as wiki:
        first = read_time("2026-10-01")
        for topic in TOPICS:
            wiki.read("en", topic.title(), first, *range(100, 180))
        wiki.load("en", first, first + 80 * DAY)
        desk = Desk(tmp_path, Wikipedia, wiki.url)
        desk.visit(NOW + 12 * HOUR)
        before = len(wiki.log)
        visit = desk.visit(NOW + 20 * DAY + 12 * HOUR)
        assert visit.passed == 4 * 19
        outcomes = Counter(label for ends in desk.ends().values() for label in ends.elements())
        assert outcomes == Counter({"measured": 8, "recovered": 4 * 19})
        assert len(wiki.log) - before <= 12, "a range is one request, not one for each day"


def test_history_that_brings_nothing_is_given_up_after_some_tries(tmp_path: Path) -> None:
    with FakeWikimedia() as wiki:
        first = read_time("2026-10-01")
        for topic in TOPICS:
            wiki.read("en", topic.title(), first, *range(100, 180))
        wiki.load("en", first, first + 80 * DAY)
        desk = Desk(tmp_path, Wikipedia, wiki.url)
        desk.visit(NOW + 12 * HOUR)
        for days in wiki.views.values():
            for n in range(3, 6):
                days.pop(NOW - NOW % DAY + n * DAY, None)
        for days in wiki.totals.values():  # Wikimedia lost these days
            for n in range(3, 6):
                days.pop(NOW - NOW % DAY + n * DAY, None)
        asked = []
        for n in range(10, 17):
            before = len(wiki.log)
            desk.visit(NOW + n * DAY + 12 * HOUR)
            asked.append(len(wiki.log) - before)
        with Journal.open(tmp_path) as journal, journal.read() as connection:
            assert catchup.gap(connection, desk.setup, desk.now) is None
        assert asked[-1] < asked[0], asked
        lost = {d: ends for d, ends in desk.ends().items() if "missing(downtime)" in ends}
        assert list(lost) == ["2026-11-23", "2026-11-24", "2026-11-25"]


def test_what_did_not_answer_is_tried_again_ever_later(tmp_path: Path, shop: Shop) -> None:
    desk = Desk(tmp_path, Toy, shop.url)
    shop.fail(times=999, status=503)

    async def work(visits: Visits) -> list[int]:
        waits = []
        for _ in range(6):
            visit = await visits.visit(desk.setup, Toy.schedule, again=bool(waits))
            waits.append(0 if visit.again is None else visit.again - desk.now)
            desk.now = visit.again or desk.now
        return waits

    assert desk.with_visits(work) == [15 * 60, 30 * 60, HOUR, 2 * HOUR, 4 * HOUR, 4 * HOUR]


def test_a_day_that_began_badly_is_measured_after_all(tmp_path: Path, shop: Shop) -> None:
    desk = Desk(tmp_path, Toy, shop.url)
    shop.fail(lambda a: "beta" in a.path, times=3, status=503)

    async def work(visits: Visits) -> None:
        first = await visits.visit(desk.setup, Toy.schedule)
        assert first.again is not None
        desk.now = first.again
        await visits.visit(desk.setup, Toy.schedule, again=True)

    desk.with_visits(work)
    assert desk.ends() == {"2026-11-20": Counter({"measured": 3})}
    assert Counter(a.path for a in shop.asked("/widgets"))["/widgets/alpha"] == 1, "only what failed is asked again"


def test_a_refusal_is_not_tried_again_before_the_schedule_calls(tmp_path: Path, shop: Shop) -> None:
    desk = Desk(tmp_path, Toy, shop.url)
    shop.fail(times=999, status=403)
    assert desk.visit().again is None


def test_what_ended_for_good_is_left_out_of_a_further_try(tmp_path: Path, shop: Shop) -> None:
    desk = Desk(tmp_path, Toy, shop.url)
    shop.fail(lambda a: "alpha" in a.path, times=999, status=404)
    shop.fail(lambda a: "beta" in a.path, times=3, status=503)

    async def work(visits: Visits) -> None:
        await visits.visit(desk.setup, Toy.schedule)
        desk.now += HOUR
        await visits.visit(desk.setup, Toy.schedule, again=True)

    desk.with_visits(work)
    assert len(shop.asked("/widgets/alpha")) == 1
    assert desk.ends() == {"2026-11-20": Counter({"measured": 2, "missing(not_found)": 1})}


def test_a_source_is_due_when_its_time_has_come_since_it_was_visited(tmp_path: Path, shop: Shop) -> None:
    desk = Desk(tmp_path, Toy, shop.url)

    async def due(visits: Visits) -> bool:
        return visits.due(desk.setup, "17 3 * * *")

    assert desk.with_visits(due)
    desk.visit()
    assert not desk.with_visits(due)
    desk.now = NOW + 23 * HOUR
    assert not desk.with_visits(due)
    desk.now = NOW + DAY
    assert desk.with_visits(due)


def test_a_clock_that_was_set_back_measures_nothing_twice(tmp_path: Path, shop: Shop) -> None:
    desk = Desk(tmp_path, Toy, shop.url)
    desk.visit()
    for at in (NOW - HOUR, NOW - 2 * DAY, NOW + 7 * DAY, NOW + DAY):
        desk.visit(at)
    ends = desk.ends()
    assert all(sum(e.values()) == 3 for e in ends.values())
    assert len(shop.asked("/widgets")) == 3 * len([d for d, e in ends.items() if e == Counter({"measured": 3})])


class Poller(Toy):
    """Looks whenever half an hour has gone by."""

    looked: ClassVar[list[int]] = []

    @classmethod
    def next_poll(cls, topics: Any, state: Mapping[str, object], now: int) -> int | None:
        return now + 1800


def test_a_source_that_paces_itself_is_visited_when_it_says(tmp_path: Path, shop: Shop) -> None:
    visit = Desk(tmp_path, Poller, shop.url).visit()
    assert (visit.again, visit.why) == (NOW + 1800, "what passes by there is looked at")


def test_what_the_daemon_remembers_is_small(tmp_path: Path, shop: Shop) -> None:
    desk = Desk(tmp_path, Toy, shop.url)
    desk.visit()
    with Journal.open(tmp_path) as journal, journal.read() as connection:
        assert recall_text(connection, catchup.DAEMON, "history:toy") is None
