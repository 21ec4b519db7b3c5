"""What only one may do, over the machines that share a journal on PostgreSQL."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import create_engine, make_url

from crawlers.lease_locks import LeaseLocks
from crawlers.locks import HostLocks, alone_on, locks_of, until_lost
from scheduler.sole import sole_on
from storage import leases, schema, shares
from storage.grips import FIRM
from storage.journal import Journal
from storage.keeper import Keeper
from storage.model import UptakeError
from tests.fakes.postgres import running

LIFE = 1.0


@dataclass
class Place:
    """What is asked of a journal here."""

    folder: Path
    url: str | None


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running() as server:
        engine = create_engine(make_url(server.url()).set(drivername="postgresql+psycopg"))
        schema.leases.create(engine)
        engine.dispose()
        yield server.url()


@pytest.fixture
def journal(tmp_path: Path, url: str) -> Journal:
    return cast("Journal", Place(tmp_path, url))


def held(url: str) -> list[str]:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        found = [lease.name for lease in leases.held(connection)]
    engine.dispose()
    return found


def test_what_one_worker_does_alone_no_other_does_meanwhile(journal: Journal, url: str, tmp_path: Path) -> None:
    elsewhere = cast("Journal", Place(tmp_path / "elsewhere", url))
    with alone_on(journal, "housekeeping", LIFE) as mine:
        assert mine is not None
        with alone_on(elsewhere, "housekeeping", LIFE) as yours, alone_on(elsewhere, "digest", LIFE) as other:
            assert yours is None
            assert other is not None
        assert not until_lost(mine, lambda: False)()
        assert until_lost(mine, lambda: True)()
    assert held(url) == []
    with alone_on(elsewhere, "housekeeping", LIFE) as yours:
        assert yours is not None
    assert not (tmp_path / "locks").exists()


def test_a_journal_in_a_file_has_its_locks_in_files(tmp_path: Path) -> None:
    place = cast("Journal", Place(tmp_path, None))
    with alone_on(place, "housekeeping") as mine, alone_on(place, "housekeeping") as yours:
        assert mine is FIRM
        assert yours is None
    assert isinstance(locks_of(place), HostLocks)


async def test_the_crawls_of_a_journal_on_postgresql_hold_leases(journal: Journal, url: str) -> None:
    locks, others = locks_of(journal, LIFE), locks_of(journal, LIFE)
    assert isinstance(locks, LeaseLocks)
    try:
        async with locks.hold(["source-toy", "host.example", "host.example"]) as grip:
            assert locks.grip("source-toy") is grip
            assert held(url) == ["host.example", "source-toy"]
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(LIFE), others.hold(["host.example"]):
                    pass
            assert held(url) == ["host.example", "source-toy"]
        async with others.hold(["host.example"]), locks.hold(["another.example"]):
            assert held(url) == ["another.example", "host.example"]
    finally:
        locks.close()
        others.close()
    assert held(url) == []


async def test_who_goes_while_his_leases_are_being_taken_keeps_none(journal: Journal, url: str) -> None:
    locks = locks_of(journal, 20.0)
    for _ in range(20):
        with suppress(TimeoutError):
            async with asyncio.timeout(0.001), locks.hold(["a", "b"]):
                pass
    locks.close()
    assert held(url) == []


def dies(url: str, way: Callable[..., dict[str, int] | None]) -> None:
    """Somebody takes a lease and dies without a word."""
    dead = Keeper(url, life=LIFE, holder="dead")
    grip = dead.take_by(way)
    assert grip is not None
    dead.forget(grip)
    dead.close()


def execute(url: str, statement: str) -> None:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def test_a_second_daemon_on_another_machine_refuses_and_names_the_first(journal: Journal) -> None:
    with (
        sole_on(journal, life=LIFE),
        pytest.raises(UptakeError, match=r"`uptake run` \(process \d+ on .*, since .*\) is already at work on this journal"),
        sole_on(journal, life=LIFE),
    ):
        pass
    with sole_on(journal, life=LIFE):
        pass


def test_a_daemon_that_died_without_a_word_is_waited_for(journal: Journal, url: str) -> None:
    dies(url, lambda connection, holder, life: shares.take_alone(connection, "daemon", holder, life))
    with sole_on(journal, life=LIFE):
        assert held(url) == ["daemon"]


def test_a_daemon_whose_place_was_taken_is_asked_to_stop(journal: Journal, url: str) -> None:
    asked = threading.Event()
    with sole_on(journal, life=LIFE, stop=asked.set):
        execute(url, "UPDATE leases SET until = 0, token = token + 1 WHERE name = 'daemon'")
        assert asked.wait(10)
    assert held(url) == []


def test_a_daemon_stays_while_postgresql_is_away_and_nobody_else_came(journal: Journal, url: str) -> None:
    asked = threading.Event()
    with sole_on(journal, life=LIFE, stop=asked.set):
        engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
        with engine.begin() as connection:
            connection.exec_driver_sql("LOCK TABLE leases IN ACCESS EXCLUSIVE MODE")  # nothing is answered
            time.sleep(2 * LIFE)
        engine.dispose()
        assert not asked.wait(LIFE)
        assert held(url) == ["daemon"]


# Planners and workers, and a daemon that works by itself


def test_planners_and_workers_go_together_and_leave_nothing_behind(journal: Journal, url: str) -> None:
    with sole_on(journal, among="`uptake run`", life=LIFE), sole_on(journal, among="`uptake worker` a", life=LIFE):
        with sole_on(journal, among="`uptake worker` b", life=LIFE):
            assert [name.partition("#")[0] for name in held(url)] == ["daemon"] * 3
        assert len(held(url)) == 2
    with sole_on(journal, among="`uptake worker` c", life=LIFE):
        engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
        with engine.begin() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM leases WHERE name LIKE 'daemon#%%'").scalar() == 1
        engine.dispose()


def test_who_works_by_himself_does_not_come_between_those_who_share_a_plan(journal: Journal) -> None:
    refusal = r"^`uptake worker` a, process \d+ on \S+ \(since .*Z\) and `uptake run`, process .* are already at work .*--engine procra"
    with (
        sole_on(journal, among="`uptake worker` a", life=LIFE),
        sole_on(journal, among="`uptake run`", life=LIFE),
        pytest.raises(UptakeError, match=refusal),
        sole_on(journal, life=LIFE),
    ):
        pass
    with sole_on(journal, life=LIFE):
        pass


def test_those_who_share_a_plan_do_not_come_beside_who_works_by_himself(journal: Journal) -> None:
    refusal = r"^`uptake run` \(process \d+ on \S+, since .*Z\) is already at work on this journal; the engine procrastinate cannot join it"
    with sole_on(journal, life=LIFE), pytest.raises(UptakeError, match=refusal), sole_on(journal, among="`uptake worker`", life=LIFE):
        pass
    with sole_on(journal, among="`uptake worker`", life=LIFE):
        pass


@pytest.mark.parametrize("first", ["alone", "share"])
def test_the_other_kind_waits_for_one_that_died_without_a_word(journal: Journal, url: str, first: str) -> None:
    if first == "alone":
        dies(url, lambda connection, holder, life: shares.take_alone(connection, "daemon", holder, life))
    else:
        dies(url, lambda connection, holder, life: shares.take_share(connection, "daemon", "x", holder, life))
    began = time.monotonic()
    with sole_on(journal, among="" if first == "share" else "`uptake worker`", life=LIFE):
        assert time.monotonic() - began >= LIFE / 2
        assert len(held(url)) == 1


@pytest.mark.parametrize(("first", "second"), [("", "`uptake worker`"), ("`uptake worker`", "")])
def test_who_was_cut_off_and_finds_the_other_kind_at_work_is_asked_to_stop(journal: Journal, url: str, first: str, second: str) -> None:
    asked = threading.Event()
    with sole_on(journal, among=first, life=LIFE, stop=asked.set):
        engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
        with engine.begin() as connection:  # in one transaction with what comes, so that no renewal comes between
            connection.exec_driver_sql("UPDATE leases SET until = 1 WHERE until > 1")
            way = partial(shares.take_share, share="y") if second else shares.take_alone
            took = way(connection, name="daemon", holder="other", life=60)
            assert took
        assert asked.wait(10)
        with engine.begin() as connection:
            leases.release(connection, took)
        engine.dispose()


def test_of_two_kinds_that_come_at_once_never_both_stay(journal: Journal, url: str) -> None:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    both = threading.Barrier(4)

    def come(n: int, turn: int) -> tuple[str, dict[str, int] | None]:
        with engine.begin() as connection:
            both.wait(10)
            if n % 2:
                return "share", shares.take_share(connection, "turn", f"{turn}-{n}", f"{n}", 60.0)
            return "alone", shares.take_alone(connection, "turn", f"{n}", 60.0)

    with ThreadPoolExecutor(4) as pool:
        for turn in range(25):
            came = [kind for kind, tokens in pool.map(come, range(4), [turn] * 4) if tokens]
            assert came in (["alone"], ["share"], ["share", "share"])
            execute(url, "UPDATE leases SET until = 0 WHERE name LIKE 'turn%%'")
    engine.dispose()
