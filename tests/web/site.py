"""A store that was really collected, with a past, with names that mean ill; and the web on it, on a loop of its own."""

from __future__ import annotations

import asyncio
import http.client
import json
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any

from scheduler.config import load
from scheduler.web import Web, listen
from scheduler.web.desk import Desk
from scheduler.web.door import Door
from scheduler.web.front import Front
from scheduler.web.opening import setting_of
from scheduler.web.question import Setting
from storage import ledger
from storage.journal import Journal, Transaction
from storage.model import Event, Missing, Observation, Reason, Series, Slot
from storage.periods import DAY, WEEK, read_time
from tests.scheduler.conftest import CONFIG, NOW, TODAY, YESTERDAY, making, uptake

SPRING = read_time("2026-04-06T09:00:00Z")  # when most of the starting history is fresh
TOKEN = "a-long-token-of-the-tests"
REVISED = 3500.0  # what Alpha had a week ago, as was learnt a second after the rest
EVIL = '<script>window.owned=1</script><img src=x onerror="window.owned=1">"\'&'
TROUBLES = {  # days ago -> why nothing was measured
    "hacker_news": dict.fromkeys((33, 32, 31), Reason.UNREACHABLE) | {12: Reason.THROTTLED},
    "stackoverflow": {40: Reason.PARSE_ERROR, 20: Reason.BUDGET},
    "github": dict.fromkeys((47, 46), Reason.DOWNTIME),
}
ODD = """
[baskets.odd]
title = '''<b>Odd</b> <script>window.owned=1</script>'''
topics = ["evil"]

[topics.evil]
title = '''{evil}'''
jobs = ['''"<script>alert(1)</script>"''']
"""


def fill(folder: Path) -> None:
    """Collect from the fakes and look at what names match, then put a past of two years beside it: one grows, one stands, with a
    gap in between; and eight weeks of daily counts, of which some could not be had.
    """
    with making(folder) as world:
        world.configure(CONFIG + ODD.replace("{evil}", EVIL))
        world.hacker_news.story(f"alpha {EVIL}", YESTERDAY + 7200)
        assert uptake("collect").code == 0
        uptake("check", "github", "stackoverflow")
    with Journal.open(folder / "data", writable=True) as journal, journal.write(now=NOW + 1) as tx:
        weeks = [TODAY - n * WEEK for n in range(104, 0, -1) if not 50 <= n <= 58]
        past = {"alpha": lambda n: 1200 + 24 * n, "beta": lambda n: 110 + n // 4, "evil": lambda n: 5 + n % 3}
        tx.put(
            Observation(Series("github.stars", topic, source="github"), time, float(value(i)), citation=f"https://example.org/{topic}")
            for topic, value in past.items()
            for i, time in enumerate(weeks)
        )
        papers = {("alpha", 2018): 20, ("beta", 2018): 60, ("alpha", 2019): 90, ("beta", 2019): 30}
        tx.put(
            Observation(
                Series("papers.mentioning", topic, (("rule", "inclusive"), ("venue", "CVPR"))), read_time(f"{year}-06"), float(count)
            )
            for (topic, year), count in papers.items()
        )
        for source, metric in (
            ("hacker_news", "hacker_news.stories"),
            ("stackoverflow", "stackoverflow.questions"),
            ("github", "github.new_stars"),
        ):
            daily(tx, Series(metric, "alpha", source=source), TROUBLES[source], 5 if source == "github" else 1)
        stories = Series("hacker_news.stories", "alpha", origin="imported")  # before they were measured here
        tx.put(Observation(stories, TODAY - n * DAY, 9.0, citation="https://example.org/stories") for n in range(99, 56, -1))
        tx.note(Event(TODAY - 30 * DAY, "note", f"Released {EVIL}", "alpha"))
    with Journal.open(folder / "data", writable=True) as journal, journal.write(now=NOW + 2) as tx:
        tx.put([Observation(Series("github.stars", "alpha", source="github"), TODAY - WEEK, REVISED, citation="https://example.org/alpha")])


def remember(folder: Path) -> None:
    """A store with the bundled configuration and the starting history, as it was known on `SPRING`."""
    with making(folder) as world:
        world.clock.now = SPRING
        (folder / "uptake.toml").unlink()
        assert uptake("init", folder).code == 0
        assert uptake("import", "--starting-history").code == 0


def daily(tx: Transaction, series: Series, troubles: Mapping[int, Reason], last: int) -> None:
    """Counts of eight weeks up to ``last`` days ago, a run each; on some days there was trouble instead."""
    random = Random(series.metric)
    for ago in range(56, last, -1):
        slot = Slot(series, TODAY - ago * DAY)
        run = ledger.open_run(tx, series.source, ledger.COLLECT, [slot], now=slot.time + DAY, parser=1)
        if ago in troubles:
            ledger.end_slots(tx, run, [Missing(slot, troubles[ago], "as planned")])
        else:
            tx.put([Observation(series, slot.time, float(random.randint(4, 14)), observed_at=slot.time + DAY)])
        ledger.finish_run(tx, run, "finished", requests=1)


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Site:
    """The web at a URL. ``front`` runs on a loop of its own thread; ``now`` can be moved."""

    url: str
    front: Front
    folder: Path
    door: Door
    loop: asyncio.AbstractEventLoop
    health: dict[str, Any]
    now: list[int] = field(default_factory=lambda: [NOW + 60])

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def get(self, path: str, method: str = "GET", body: str | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)
        try:
            connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def run(self, work: Callable[[], Any]) -> Any:
        """Do something on the loop."""
        done: Future[Any] = Future()
        self.loop.call_soon_threadsafe(lambda: done.set_result(work()))
        return done.result(10)


@contextmanager
def serving(
    folder: Path, token: str | None = None, health: dict[str, Any] | None = None, start: int = NOW + 60, clerks: int = 1
) -> Iterator[Site]:
    """The web on a folder, until the end of the block. ``health`` is what a daemon beside it would say at ``start``. Each of the
    ``clerks`` costs two seconds of imports.
    """
    settings = load(folder / "uptake.toml", {})
    loop, ready, stop = asyncio.new_event_loop(), Future[Site](), asyncio.Event()
    ill = {"status": "yellow", "reasons": [f"github: {EVIL}"], "next": {"github": "2026-11-21T03:17:00Z"}}
    now, health = [start], ill if health is None else health

    async def metrics() -> bytes:
        return b"uptake_up 1\n"

    async def main() -> None:
        with Journal.open(folder / "data") as journal:
            door = Door(token)

            def setting() -> Setting:
                return replace(setting_of(settings), locked=token is not None)

            front = Front(
                setting=setting,
                desk=Desk(setting, clerks=clerks),
                sequence=journal.head,
                health=lambda: health,
                left=lambda: {"github": 42},
                metrics=metrics,
                door=door,
                clock=lambda: now[0],
            )
            web = Web(front.application(), listen("127.0.0.1", 0))
            web.start()
            ready.set_result(Site(web.url, front, folder, door, loop, health, now))
            await stop.wait()
            await web.stop()
            await front.close()

    def work() -> None:
        try:
            loop.run_until_complete(main())
        except BaseException as error:
            if not ready.done():
                ready.set_exception(error)
            raise
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield ready.result(30)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)


def copied(folder: Path, target: Path) -> Path:
    """A copy of a store that a test may change."""
    shutil.copytree(folder, target)
    return target
