"""A year on a clock of our own, with outages at random: each planned measurement has one end, and what could be had is there.

The real sources, engine, journal and catching up; only the clock and what calls at the times of the schedule are the test's.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from crawlers.spiders.hacker_news import HackerNews
from crawlers.warc import heading, scan
from scheduler.demo.driving import Appointment, Clock, Drive, Road
from scheduler.demo.servers.hacker_news import FakeHackerNews
from scheduler.demo.servers.service import Asked, Service
from scheduler.setups import Setup
from storage import frames, ledger
from storage.journal import Journal
from storage.model import Cadence, Outcome, Topic
from storage.periods import DAY, HOUR, floor, following, read_time
from tests.fakes.toy import Toy
from tests.harness import FAST, empty_store

START = read_time("2025-11-20")
DAYS = 365
NAMES = ("alpha", "beta")
TOPICS = {name: Topic(name, name.title(), {"hacker_news": [name], "toy": name}) for name in NAMES}


class ToyShop(Service):
    """Widgets in the window: another number each day."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START

    def respond(self, asked: Asked) -> tuple[int, Any]:
        return 200, {"count": widgets(asked.path.rpartition("/")[2], self.now)}


def widgets(name: str, time: int) -> int:
    return 1000 * (1 + NAMES.index(name)) + (time // DAY) % 97


@dataclass
class World:
    """Servers with a truth of their own."""

    seed: int
    shop: ToyShop = field(default_factory=ToyShop)
    news: FakeHackerNews = field(default_factory=FakeHackerNews)
    stories: Counter[tuple[str, int]] = field(default_factory=Counter)  # (topic or "", day)
    postings: Counter[tuple[str, int]] = field(default_factory=Counter)  # (topic or "", month)

    def __post_init__(self) -> None:
        dice = random.Random(self.seed)
        first, last = START - 40 * DAY, START + (DAYS + 5) * DAY
        for day in range(first, last, DAY):
            for name in NAMES:
                for _ in range(dice.randrange(3, 7)):
                    self._story(day, f"Why {name} matters", name)
            for _ in range(dice.randrange(1, 3)):
                self._story(day, "Something else", "")
        month = floor(first, Cadence.MONTH)
        while month < last:
            thread = self.news.thread(month)
            self.stories["", floor(thread.created, Cadence.DAY)] += 1
            for number in range(dice.randrange(4, 9)):
                name = dice.choice(NAMES)
                self.news.comment(thread, f"Acme {number} | we use {name}", after=60 + number)
                self.postings[name, month] += 1
                self.postings["", month] += 1
            month = following(month, Cadence.MONTH)

    def _story(self, day: int, title: str, name: str) -> None:
        self.news.story(title, day + 40_000 + len(self.news.items) % 30_000)
        self.stories["", day] += 1
        if name:
            self.stories[name, day] += 1

    @property
    def servers(self) -> tuple[Service, ...]:
        return self.shop, self.news

    def truth(self, metric: str, topic: str, time: int, seen: int) -> float:
        day = floor(time, Cadence.DAY)
        return {
            "toy.widgets": lambda: widgets(topic, seen),
            "hacker_news.stories": lambda: self.stories[topic, day],
            "hacker_news.stories_total": lambda: self.stories["", day],
            "jobs.postings": lambda: self.postings[topic, time],
            "jobs.total": lambda: self.postings["", time],
        }[metric]()


@dataclass(frozen=True)
class Outage:
    start: int
    end: int
    what: str  # "off": no daemon; a server's class: it answers 503; "cut": the daemon is stopped in the middle of its work


def outages(dice: random.Random) -> list[Outage]:
    found, time = [], START + 3 * DAY
    while time < START + (DAYS - 6) * DAY:
        what = dice.choice(["off", "off", "cut", "ToyShop", "FakeHackerNews"])
        length = dice.choice([2 * HOUR, 9 * HOUR, DAY, 3 * DAY, 11 * DAY, 32 * DAY]) if what != "cut" else HOUR
        found.append(Outage(time, time + length, what))
        time += length + dice.randrange(2, 12) * DAY
    return found


class Life(Road):
    """Outages of a year, also in the middle of a visit."""

    def __init__(self, world: World, trouble: list[Outage], dice: random.Random) -> None:
        self.world, self.trouble, self.dice = world, trouble, dice

    def advance(self, now: int) -> None:
        self.world.shop.now = now
        for server in self.world.servers:
            server.faults.clear()
            if any(o.what == type(server).__name__ for o in self._present(now)):
                server.fail(times=10**6, status=503, body=b"{}")

    def off_until(self, now: int) -> int | None:
        return next((o.end for o in self._present(now) if o.what == "off"), None)

    def cuts(self, now: int) -> bool:
        return any(o.what == "cut" for o in self._present(now))

    async def cut(self, now: int, work: asyncio.Future[Any]) -> bool:
        asked, log = self.dice.randrange(1, 6), self.world.news.log
        before = len(log)
        while not work.done() and len(log) < before + asked:  # noqa: ASYNC110
            await asyncio.sleep(0.001)  # until the server has been asked so often
        self.trouble[:] = [o for o in self.trouble if not (o.what == "cut" and o.start <= now < o.end)]
        return True

    def _present(self, now: int) -> list[Outage]:
        return [o for o in self.trouble if o.start <= now < o.end]


async def live(folder: Path, world: World, trouble: list[Outage], dice: random.Random) -> int:
    """Let the year pass. Gives the number of visits."""
    setups = [
        Setup(cls, TOPICS, endpoints={"base_url": server.url}, config="{}") for cls, server in ((Toy, world.shop), (HackerNews, world.news))
    ]
    appointments = {s.name: Appointment(s, s.source.schedule) for s in setups}
    road = Life(world, trouble, dice)
    return await Drive(folder, appointments, replace(FAST, obey_robots=False), road, Clock(START)).until(START + DAYS * DAY)


SEEDS = [1, 2, 3, 4, 5] if os.environ.get("UPTAKE_SOAK") else [1]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_year_with_outages_at_random(tmp_path: Path, seed: int) -> None:
    shutil.copytree(empty_store(), tmp_path, dirs_exist_ok=True)
    dice, world = random.Random(seed), World(seed)
    trouble = outages(dice)
    with ExitStack() as stack:
        for server in world.servers:
            stack.enter_context(server)
        asyncio.run(live(tmp_path, world, list(trouble), dice))
    with Journal.open(tmp_path) as journal, journal.read() as connection:
        assert ledger.unfinished(connection) == []
        ends = {e.slot: e for e in ledger.ends(connection)}
        catalogue = frames.catalogue(connection)
        points = {
            name: frames.points(connection, [series_id]).set_index("time")
            for name, series_id in zip(catalogue["name"], catalogue["id"], strict=True)
        }
    _each_slot_has_one_end(ends)
    _values_are_the_servers(world, ends, points)
    _what_could_be_had_is_there(ends, trouble)
    _captures_are_what_was_asked(tmp_path, world)


def _each_slot_has_one_end(ends: dict[Any, ledger.End]) -> None:
    """No day of the year is without an end, for no series; nothing is open."""
    assert {e.outcome for e in ends.values()} <= {Outcome.MEASURED, Outcome.RECOVERED, Outcome.MISSING}
    times: dict[Any, list[int]] = {}
    for slot in ends:
        times.setdefault(slot.series, []).append(slot.time)
    assert len(times) == 8, "stories, postings and widgets of two topics, and two totals"
    for series, found in times.items():
        monthly = series.metric.startswith("jobs.")
        steps = {(following(a, Cadence.MONTH) if monthly else a + DAY) for a in sorted(found)[:-1]}
        assert steps == set(sorted(found)[1:]), f"{series} has holes"
        assert max(found) >= START + (DAYS - (70 if monthly else 8)) * DAY


def _values_are_the_servers(world: World, ends: dict[Any, ledger.End], points: dict[str, Any]) -> None:
    for slot, end in ends.items():
        there = points.get(str(slot.series))
        row = None if there is None or slot.time not in there.index else there.loc[slot.time]
        if end.outcome is Outcome.MISSING:
            assert row is None, f"{slot} is missing, but has a value"
            continue
        assert row is not None, f"{slot} was measured, but has no value"
        assert row["value"] == world.truth(slot.series.metric, slot.series.topic, slot.time, int(row["observed_at"])), str(slot)


def _what_could_be_had_is_there(ends: dict[Any, ledger.End], trouble: list[Outage]) -> None:
    """A source's own history fills what was missed; a level is missing only where a whole day was."""
    flows = [e for slot, e in ends.items() if not slot.series.metric.startswith("toy.")]
    assert [str(e.slot) for e in flows if e.outcome is Outcome.MISSING and e.slot.time < START + (DAYS - 8) * DAY] == []
    assert any(e.outcome is Outcome.RECOVERED for e in flows)
    for slot, end in ends.items():
        if slot.series.metric == "toy.widgets" and end.outcome is Outcome.MISSING:
            held = sum(max(0, min(o.end, slot.time + DAY) - max(o.start, slot.time)) for o in trouble if o.what in {"off", "ToyShop"})
            assert held >= 16 * HOUR, f"{slot} is missing ({end.reason}) though there was time: {held / HOUR:.0f} h of trouble"


def _captures_are_what_was_asked(folder: Path, world: World) -> None:
    """What the servers noted is what is kept, request by request."""
    kept: Counter[str] = Counter()
    for path in (folder / "captures").rglob("*.warc.gz"):
        for _, data in scan(path).records:
            uri = heading(data, "WARC-Target-URI")
            if heading(data, "WARC-Type") == "response" and uri:
                kept[uri.partition("?")[0]] += 1
    asked = Counter(f"{server.url}{a.path}" for server in world.servers for a in server.log)
    assert kept == asked
