"""Each machine sees to its own disk once a day, where the journal is on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawlers.engine import CrawlService
from scheduler import duties
from scheduler.config import Config, read
from scheduler.engines.queue.own_house import OwnHouse
from scheduler.engines.work import Work
from scheduler.watching import Watch
from storage import schema
from storage.journal import Journal
from storage.model import UptakeError
from storage.periods import DAY, HOUR, read_time
from tests.fakes.postgres import Postgres
from tests.harness import FAST

NOON = read_time("2026-11-20T12:00:00Z")


class House:
    """Two processes of one machine, and one of another, without their processes."""

    def __init__(self, folder: Path, url: str) -> None:
        self.now = NOON
        self.done: list[tuple[str, ...]] = []
        self.journals = [Journal.open(folder / name, url, writable=True) for name in ("one", "one", "other")]
        self.services = [CrawlService(journal, FAST, clock=lambda: self.now) for journal in self.journals]
        self.members = [
            OwnHouse(self._work(service, folder / name), f"process {n}")
            for n, (service, name) in enumerate(zip(self.services, ("one", "one", "other"), strict=True))
        ]

    def _work(self, service: CrawlService, folder: Path) -> Work:
        settings: Config = read({"store": {"path": str(folder)}}, folder / "uptake.toml", {})
        watch = Watch(settings, service.journal, service, lambda: self.now)
        return Work(settings, service.journal, service, watch, lambda: self.now)

    async def look(self, later: int = 0) -> list[str]:
        """Let all look after some seconds; gives the stores that were tidied up."""
        self.now += later
        self.done.clear()
        for member in self.members:
            await member.look()
            await member._work.ended(5.0)
            if member._task is not None:
                await member._task
        return [Path(store).name for store, *_ in self.done]

    def close(self) -> None:
        for service in self.services:
            service.shutdown()
        for journal in self.journals:
            journal.close()


@pytest.fixture
def house(server: Postgres, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    made = House(tmp_path, server.url(database))

    async def command(settings: Config, words: Any) -> str:
        made.done.append((str(settings.store), *words))
        return "there was nothing to free"

    monkeypatch.setattr(duties, "command", command)
    yield made
    made.close()


def test_once_a_day_and_machine(house: House) -> None:
    async def days() -> list[list[str]]:
        return [await house.look(later) for later in (0, HOUR, DAY, 60, DAY, HOUR)]

    assert asyncio.run(days()) == [[], [], ["one", "other"], [], ["one", "other"], []]
    assert {words for _, *words in [(store, tuple(rest)) for store, *rest in house.done]} <= {("vacuum", "--quick", "--here")}


def test_a_clock_that_was_wrong_costs_no_day(house: House) -> None:
    async def days() -> list[list[str]]:
        return [await house.look(later) for later in (0, 40 * DAY, -40 * DAY, DAY)]

    assert asyncio.run(days()) == [[], ["one", "other"], ["one", "other"], ["one", "other"]]


def test_a_folder_is_known_before_anything_is_in_it(house: House) -> None:
    asyncio.run(house.look())
    with house.journals[0].read() as connection:
        seen = connection.scalars(schema.meta.select().where(schema.meta.c.key.startswith("folder_seen@"))).all()
    assert len(seen) == 2


def test_what_fails_is_told_and_tried_the_next_day(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(_settings: Config, _words: Any) -> str:
        raise UptakeError("the broom is broken")

    async def days() -> list[str]:
        await house.look()
        with monkeypatch.context() as patch:
            patch.setattr(duties, "command", fails)
            await house.look(DAY)
        reasons = house.members[0]._work.watch.troubles.reasons
        assert await house.look(DAY) == ["one", "other"]
        return reasons + house.members[0]._work.watch.troubles.reasons

    assert asyncio.run(days()) == ["tidying up this machine's disk: the broom is broken"]
