"""Leases on a real PostgreSQL: one holder at a time, a successor only after a full life, nothing committed over a successor."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from sqlalchemy import Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from storage import leases, schema
from storage.grips import FIRM, Leased, elapsed
from storage.keeper import Keeper
from storage.model import UptakeError
from tests.fakes.postgres import Postgres, running
from tests.fakes.wire import Wire

LIFE = 1.0
NAMES = itertools.count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with running() as postgres:
        yield postgres


@pytest.fixture
def url(server: Postgres) -> Iterator[str]:
    name = f"leases{next(NAMES)}"
    address = server.database(name)
    engine = engine_of(address)
    with engine.begin() as connection:
        schema.leases.create(connection)
        connection.execute(text("CREATE TABLE written (what text)"))
    yield address
    server.drop(name)


def engine_of(url: str) -> Engine:
    return create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool)


@contextmanager
def keeping(url: str, holder: str, life: float = LIFE) -> Iterator[Keeper]:
    keeper = Keeper(url, life=life, holder=holder)
    try:
        yield keeper
    finally:
        keeper.close()


def held(url: str) -> dict[str, str]:
    with engine_of(url).begin() as connection:
        return {lease.name: lease.holder for lease in leases.held(connection)}


def await_taking(keeper: Keeper, names: list[str], patience: float = 15.0) -> Leased:
    end = time.monotonic() + patience
    while time.monotonic() < end:
        grip = keeper.take(names)
        if grip is not None:
            return grip
        time.sleep(0.02)
    raise AssertionError(f"{names} were never free")


def test_a_lease_has_one_holder_and_what_he_lets_go_is_free_at_once(url: str) -> None:
    with keeping(url, "first") as first, keeping(url, "second") as second:
        grip = first.take(["a", "b"])
        assert grip is not None
        assert held(url) == {"a": "first", "b": "first"}
        assert second.take(["b", "c"]) is None
        assert "c" not in held(url)  # all or none
        first.drop(grip)
        other = second.take(["b", "c"])
        assert other is not None
        assert (other.tokens["b"], other.tokens["c"]) == (grip.tokens["b"] + 1, 1)
        second.drop(other)
        assert held(url) == {}


def test_of_many_that_try_at_once_one_takes_it_each_time(url: str) -> None:
    taken: list[tuple[int, int]] = []
    at_work = threading.Semaphore(1)

    def work(number: int) -> None:
        with keeping(url, str(number), life=20.0) as keeper:
            for _ in range(6):
                grip = await_taking(keeper, ["a", "b"])
                assert at_work.acquire(blocking=False)
                taken.append((grip.tokens["a"], grip.tokens["b"]))
                at_work.release()
                keeper.drop(grip)

    threads = [threading.Thread(target=work, args=[n]) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken == [(n, n) for n in range(1, 37)]


def test_a_lease_that_is_kept_outlives_its_life_many_times(url: str) -> None:
    with keeping(url, "first") as first, keeping(url, "second") as second:
        grip = first.take(["a"])
        assert grip is not None
        end = time.monotonic() + 3 * LIFE
        while time.monotonic() < end:
            assert second.take(["a"]) is None
            time.sleep(0.05)
        assert grip.alive()
        first.drop(grip)


def test_what_is_not_renewed_is_taken_after_a_full_life_by_the_servers_clock(url: str) -> None:
    with keeping(url, "first") as first, keeping(url, "second") as second:
        grip = first.take(["a"])
        assert grip is not None
        first.forget(grip)  # as if its machine had died
        with engine_of(url).begin() as connection:
            (last,) = leases.held(connection)
        heir = await_taking(second, ["a"])
        with engine_of(url).begin() as connection:
            (now,) = leases.held(connection)
        assert now.taken_at - last.renewed_at >= LIFE
        assert not grip.alive()
        first.drop(grip)  # nothing of the heir's is let go
        assert held(url) == {"a": "second"}
        second.drop(heir)


def test_a_grip_dies_at_half_its_life_by_its_own_clock_and_stays_dead() -> None:
    now = [1000.0]
    grip = Leased({"a": 1}, 60.0, 1000.0, lambda: now[0])
    now[0] += 29.9
    assert grip.alive()
    grip.renewed(1029.0)
    now[0] = 1058.9
    assert grip.alive()
    now[0] = 1059.0
    assert not grip.alive()
    grip.renewed(1059.0)
    assert not grip.alive()
    assert FIRM.alive()
    assert FIRM.left() > 1e9


def test_a_server_that_hangs_costs_the_grip_in_half_its_life_and_holds_up_nobody_who_asks_it(server: Postgres, url: str) -> None:
    with keeping(url, "first") as first, keeping(url, "second") as second:
        grip = first.take(["a"])
        assert grip is not None
        (pids,) = zip(*server.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'uptake leases'"), strict=True)
        process = server._process
        assert process is not None
        for pid in (process.pid, *pids):
            os.kill(pid, signal.SIGSTOP)
        try:
            stopped = elapsed()
            while grip.alive():
                time.sleep(0.01)
            assert elapsed() - stopped < LIFE  # a busy machine looks late
        finally:
            for pid in (process.pid, *pids):
                os.kill(pid, signal.SIGCONT)
        second.drop(await_taking(second, ["a"]))


def test_a_way_that_is_cut_without_a_word_costs_the_grip_and_the_keeper_finds_back(server: Postgres, url: str) -> None:
    with (
        Wire("127.0.0.1", server.port) as wire,
        keeping(url.replace(str(server.port), str(wire.port)), "cut off") as first,
        keeping(url, "second") as second,
    ):
        grip = first.take(["a"])
        assert grip is not None
        wire.cut()
        heir = await_taking(second, ["a"])
        assert not grip.alive()
        with pytest.raises(UptakeError, match="PostgreSQL did not answer about leases"):
            first.take(["b"])
        wire.mend()
        end = time.monotonic() + 15
        while not grip.taken_over and time.monotonic() < end:
            time.sleep(0.02)
        assert grip.taken_over
        first.drop(grip)
        assert held(url) == {"a": "second"}
        other = await_taking(first, ["b"])
        first.drop(other)
        second.drop(heir)


def test_a_server_that_crashes_and_comes_back_soon_costs_nothing(server: Postgres, url: str) -> None:
    server.execute("CHECKPOINT")  # the tests' server commits without waiting for its log; what is kept about leases waits for it
    with keeping(url, "first", life=5.0) as first:
        grip = first.take(["a"])
        assert grip is not None
        server.stop(signal.SIGQUIT)
        server.start()
        end = time.monotonic() + 15
        before = grip.left()
        while grip.left() <= before and time.monotonic() < end:
            time.sleep(0.05)
        assert grip.left() > before
        assert held(url) == {"a": "first"}
        with suppress(UptakeError):  # its connection broke, and that is noticed now
            first.take([])
        first.drop(await_taking(first, ["b"]))
        first.drop(grip)


# The fence at the journal


def write(connection: Connection, what: str) -> None:
    connection.execute(text("INSERT INTO written VALUES (:what)"), {"what": what})


def written(url: str) -> list[str]:
    with engine_of(url).begin() as connection:
        return list(connection.scalars(text("SELECT what FROM written ORDER BY 1")))


def test_who_comes_back_after_another_took_his_lease_commits_nothing(url: str) -> None:
    with keeping(url, "first") as first, keeping(url, "second") as second:
        grip = first.take(["source-toy", "host"])
        assert grip is not None
        first.forget(grip)
        heir = await_taking(second, ["host"])
        with pytest.raises(leases.LeaseLost, match="host is still its own"), engine_of(url).begin() as connection:  # noqa: PT012  # one transaction
            write(connection, "late")
            grip.guard(connection)
        with engine_of(url).begin() as connection:
            heir.guard(connection)
            write(connection, "heir's")
        assert written(url) == ["heir's"]
        second.drop(heir)


def test_who_lost_time_but_not_his_lease_may_commit_what_he_has(url: str) -> None:
    with keeping(url, "first") as first:
        grip = first.take(["a"])
        assert grip is not None
        first.forget(grip)
        time.sleep(LIFE + 0.1)
        assert not grip.alive()
        with engine_of(url).begin() as connection:
            grip.guard(connection)
            write(connection, "his")
        assert written(url) == ["his"]


def test_a_long_transaction_keeps_its_lease_by_renewals_and_lets_nobody_in(url: str) -> None:
    with keeping(url, "first") as first, keeping(url, "second") as second:
        grip = first.take(["a"])
        assert grip is not None
        with engine_of(url).begin() as connection:
            grip.guard(connection)
            end = time.monotonic() + 2.5 * LIFE
            while time.monotonic() < end:
                assert second.take(["a"]) is None
                write(connection, "much")
                time.sleep(0.05)
            assert grip.alive()
        first.drop(grip)


def test_an_heir_waits_for_a_commit_that_is_under_way(url: str) -> None:
    with keeping(url, "first") as first, keeping(url, "second") as second:
        grip = first.take(["a"])
        assert grip is not None
        first.forget(grip)
        with engine_of(url).begin() as connection:
            grip.guard(connection)
            end = time.monotonic() + 2 * LIFE
            while time.monotonic() < end:
                with suppress(UptakeError):  # it stands in line for a while, and no longer
                    assert second.take(["a"]) is None
                write(connection, "last")
        second.drop(await_taking(second, ["a"]))


def test_a_machine_that_is_cut_off_within_a_transaction_does_not_keep_its_heir_waiting(server: Postgres, url: str) -> None:
    with Wire("127.0.0.1", server.port) as wire, keeping(url, "first") as first, keeping(url, "second") as second:
        grip = first.take(["a"])
        assert grip is not None
        first.forget(grip)
        away = engine_of(url.replace(str(server.port), str(wire.port)))
        with pytest.raises(DBAPIError, match=r"idle-in-transaction|closed"), away.begin() as connection:  # noqa: PT012  # one transaction
            grip.guard(connection)
            wire.cut()
            heir = None
            end = time.monotonic() + 20
            while heir is None and time.monotonic() < end:
                with suppress(UptakeError):  # it stands in line
                    heir = second.take(["a"])
            wire.mend()
            write(connection, "late")
        assert written(url) == []
        assert heir is not None
        second.drop(heir)
