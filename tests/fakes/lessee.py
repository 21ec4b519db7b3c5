"""A worker of its own process: asks one host over and over, under leases on PostgreSQL.

Its one argument is JSON: ``name``, ``url`` of PostgreSQL, ``host`` (the address that it asks), ``folder`` of a store of its own,
``life`` of its leases, ``clock`` (seconds by which its clock is wrong), ``topics`` a crawl, ``delay``, ``reactor``. Each crawl is of a day
of its own, so that there is always something to ask; with ``now`` (epoch seconds) there is one crawl, of that day, and its figures
go into a journal on the same PostgreSQL. What becomes of each crawl it writes on standard output, a word a line:
``holding`` when it has the leases, then ``done``, ``lost`` or ``away`` (PostgreSQL did not answer).
"""

from __future__ import annotations

import itertools
import json
import ssl
import sys
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from crawlers.engine import CrawlService, run_async
from crawlers.lease_locks import LeaseLocks
from scheduler import jobs
from scheduler.setups import Setup
from storage.grips import Grip
from storage.journal import Journal
from storage.keeper import Keeper
from storage.leases import LeaseLost
from storage.model import Topic, UptakeError
from tests.fakes.toy import Toy
from tests.harness import FAST

DAY = 86_400


def say(word: str) -> None:
    print(word, flush=True)


async def work(told: dict[str, object]) -> None:
    topics = {f"t{i}": Topic(f"t{i}", f"t{i}", {"toy": f"t{i}"}) for i in range(int(str(told["topics"])))}
    setup = Setup(Toy, topics, endpoints={"base_url": str(told["host"])}, config="{}")
    wrong = int(str(told["clock"]))
    manners = replace(FAST, delay=float(str(told["delay"])), obey_robots=False)
    keeper = Keeper(str(told["url"]), life=float(str(told["life"])), holder=str(told["name"]))
    folder, once = Path(str(told["folder"])), told.get("now")
    with Journal.open(folder, writable=True) if once is None else Journal.open(folder, str(told["url"]), writable=True) as journal:
        for day in itertools.count():
            now = int(time.time()) + wrong + day * DAY if once is None else int(str(once))
            named = replace(manners, contact=f"mailto:{told['name']}.{day}@example.org")
            service = CrawlService(journal, named, clock=lambda now=now: now, locks=Telling(keeper), reactor=bool(told["reactor"]))  # type: ignore[misc]
            try:
                await jobs.collect(service, setup, now=now)
                say("done")
            except LeaseLost:
                say("lost")
            except UptakeError:
                say("away")
            if once is not None:
                return


class Telling(LeaseLocks):
    @asynccontextmanager
    async def hold(self, names: Iterable[str], *, among: str = "") -> AsyncIterator[Grip]:
        async with super().hold(names, among=among) as grip:
            say("holding")
            yield grip


if __name__ == "__main__":
    ssl.SSLContext.set_default_verify_paths = lambda *_: None  # type: ignore[method-assign]  # reading certificates costs 0.1 s
    told = json.loads(sys.argv[1])
    run_async(lambda: work(told), reactor=told["reactor"])
