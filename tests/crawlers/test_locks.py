"""A source's lock that several hold among themselves, and one who wants it alone: by files, and by leases on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import create_engine, make_url

from crawlers.lease_locks import LeaseLocks
from crawlers.lock_names import of_responses, of_source, places, plain, waiting
from crawlers.locks import HostLocks, Locks, alone, alone_on
from storage import leases, schema
from storage.journal import Journal
from storage.keeper import Keeper
from storage.leases import LeaseLost
from tests.fakes.postgres import running

LIFE = 4.0
TOY = of_source("toy")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running() as postgres:
        engine = create_engine(make_url(postgres.url()).set(drivername="postgresql+psycopg"))
        schema.leases.create(engine)
        engine.dispose()
        yield postgres.url()


class Machines:
    """Locks of one store, as any number of processes have them."""

    def __init__(self, folder: Path, url: str | None) -> None:
        self.folder, self.url = folder, url
        self._made: list[Locks] = []

    def locks(self) -> Locks:
        self._made.append(HostLocks(self.folder / "locks") if self.url is None else LeaseLocks(Keeper(self.url, life=LIFE)))
        return self._made[-1]

    def free(self) -> bool:
        with alone_on(cast("Journal", self), TOY, LIFE) as grip:
            return grip is not None

    def wanted(self) -> bool:
        """Whether somebody waits until he can have it alone."""
        if self.url is None:
            with alone(self.folder / "locks", f"{TOY}.turn") as free:
                return not free
        engine = create_engine(make_url(self.url).set(drivername="postgresql+psycopg"))
        with engine.begin() as connection:
            found = TOY in {lease.name for lease in leases.held(connection)}
        engine.dispose()
        return found

    def run(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async def all_of_it() -> None:
            try:
                async with asyncio.timeout(60):
                    await main()
            finally:
                for locks in self._made:
                    await asyncio.to_thread(locks.close)

        asyncio.run(all_of_it())


@pytest.fixture(params=["files", "leases"])
def machines(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machines]:
    url = request.getfixturevalue("server") if request.param == "leases" else None
    yield Machines(tmp_path, url)
    if url is not None:
        engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
        with engine.begin() as connection:
            connection.exec_driver_sql("UPDATE leases SET until = 0")
        engine.dispose()


@asynccontextmanager
async def reading(locks: Locks, run: str) -> AsyncIterator[None]:
    async with locks.hold([of_responses("toy", run)], among=TOY):
        yield


def test_those_who_read_are_together_and_who_wants_it_alone_comes_next(machines: Machines) -> None:
    said: list[str] = []

    async def visit(locks: Locks) -> None:
        async with locks.hold([TOY, "shop.example.org"]):
            said.append("visit")
            await asyncio.sleep(0.2)
            said.append("visited")

    async def late(locks: Locks) -> None:
        async with reading(locks, "c"):
            said.append("late")

    async def main() -> None:
        first, second, third, fourth = (machines.locks() for _ in range(4))
        async with reading(first, "a"):
            async with reading(second, "b"):
                assert not machines.free()
                visiting = asyncio.create_task(visit(third))
                while not machines.wanted():  # noqa: ASYNC110  # it is the state of a server, or of files
                    await asyncio.sleep(0.01)
                coming = asyncio.create_task(late(fourth))
                await asyncio.sleep(0.5)
            await asyncio.sleep(0.5)
            assert said == []
        await asyncio.gather(visiting, coming)

    machines.run(main)
    assert said == ["visit", "visited", "late"]
    assert machines.free()


def test_one_run_is_read_by_one(machines: Machines) -> None:
    said: list[str] = []

    async def main() -> None:
        first, second = machines.locks(), machines.locks()

        async def again() -> None:
            async with reading(second, "a"):
                said.append("again")

        async with reading(first, "a"):
            waiting = asyncio.create_task(again())
            await asyncio.sleep(0.5)
            said.append("first")
        await waiting

    machines.run(main)
    assert said == ["first", "again"]


def test_there_is_room_for_those_of_one_process(machines: Machines) -> None:
    async def main() -> None:
        locks = machines.locks()
        at_work = asyncio.Barrier(4)

        async def read(run: str) -> None:
            async with reading(locks, run):
                await at_work.wait()

        await asyncio.gather(*(read(run) for run in "abcd"))

    machines.run(main)


def test_who_slept_while_others_had_it_alone_writes_nothing_any_more(server: str, tmp_path: Path) -> None:
    machines = Machines(tmp_path, server)
    engine = create_engine(make_url(server).set(drivername="postgresql+psycopg"))

    async def main() -> None:
        sleeper, others = Asleep(Keeper(server, life=LIFE)), machines.locks()
        name = of_responses("toy", "a")
        async with sleeper.hold([name], among=TOY) as grip:
            async with others.hold([TOY]):
                pass
            with engine.begin() as connection, pytest.raises(LeaseLost, match=r"toy \(reader \d+\) is still its own"):
                grip.guard(connection)
            assert not grip.alive()
        sleeper.close()

    machines.run(main)
    engine.dispose()


class Asleep(LeaseLocks):
    """Renews nothing that it has taken among others."""

    async def _among(self, names: list[str], source: str) -> Any:
        grip = await super()._among(names, source)
        self._keeper.forget(grip)
        return grip


def test_names_are_told_to_people_without_what_is_within() -> None:
    assert plain([TOY, *places(TOY), of_responses("toy", "toy-1"), "shop.example.org"]) == "toy, responses of toy, shop.example.org"
    assert waiting("somebody", [TOY]) == "somebody is asking toy, or reading its responses again; waiting until it is done"
    assert waiting("somebody", [of_responses("toy", "a")]) == "somebody is reading responses of toy; waiting until it is done"
    assert {of_responses("toy", f"toy-{n}") for n in range(1000)} == {f"responses of toy (part {n})" for n in range(64)}
