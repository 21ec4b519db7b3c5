"""The queue's PostgreSQL: away, without the right to use it, older or newer than the program; and its small transactions."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from procrastinate import App

from scheduler.cli.running import with_engine
from scheduler.config import read
from scheduler.engines.queue import schema
from scheduler.engines.queue.opening import AwayError
from scheduler.engines.queue.patient import Fenced, Patient
from scheduler.engines.queue.roster import read as read_roster
from scheduler.engines.queue.store import Store
from storage.model import UptakeError, UsageError
from tests.cluster.conftest import SOURCES, Cluster
from tests.fakes.influx_servers import free_port
from tests.fakes.postgres import Postgres
from tests.faults.machine import until

SCHEMA = "uptake_work"


@pytest.fixture
def bare(server: Postgres) -> Iterator[str]:
    """A database without anything in it."""
    server.database("bare")
    yield "bare"
    server.drop("bare")


def facts(server: Postgres, database: str) -> dict[str, str]:
    return dict(server.execute(f"SELECT key, value FROM {SCHEMA}.uptake_meta", database=database))


def test_many_may_make_the_tables_at_once(server: Postgres, bare: str) -> None:
    failed: list[BaseException] = []

    def prepare() -> None:
        try:
            schema.prepare(server.url(bare))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=prepare) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert facts(server, bare)["migration"] == schema.newest()
    assert server.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", database=bare) == [(0,)]


def test_an_older_queue_is_brought_up_to_date_and_what_older_workers_need_goes_last(
    server: Postgres, database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    known = schema.migrations()
    (pre := tmp_path / "99.00.00_01_pre_new.sql").write_text("CREATE TABLE new_one (x integer);")
    (post := tmp_path / "99.00.00_50_post_old.sql").write_text("DROP TABLE new_one;")
    monkeypatch.setattr(schema, "migrations", lambda: known | {pre.stem: pre, post.stem: post})
    sign = (
        "INSERT INTO uptake_workers (id, name, host, pid, version, migration, config, plans, queues, concurrency, numbers)"
        f" VALUES ('a', 'a', 'h', 1, '0', '{max(known)}', '', false, '{{}}', 1, '{{}}')"
    )
    server.execute(f"SET search_path = {SCHEMA}", sign, database=database)
    schema.prepare(server.url(database))
    assert facts(server, database)["migration"] == pre.stem, "an older worker is at work"
    server.execute(f"UPDATE {SCHEMA}.uptake_workers SET seen = now() - interval '1 hour'", database=database)
    schema.prepare(server.url(database))
    assert facts(server, database)["migration"] == post.stem
    monkeypatch.setattr(schema, "migrations", lambda: known)
    with pytest.raises(UptakeError, match=rf"made by a newer procrastinate \(.*{post.stem}.*\); upgrade this machine's, the others go on"):
        schema.prepare(server.url(database))


def test_a_queue_of_a_newer_uptake_is_left_alone_and_told_for_what_it_is(server: Postgres, database: str) -> None:
    server.execute(f"UPDATE {SCHEMA}.uptake_meta SET value = '99' WHERE key = 'ours'", database=database)
    for ask in (schema.prepare, schema.look):
        with pytest.raises(UptakeError, match=r"made by a newer Uptake \(its tables are version 99, here \d+\); upgrade"):
            ask(server.url(database))


def test_a_look_says_whether_there_is_a_queue_or_could_be_one_and_makes_none(server: Postgres, database: str, bare: str) -> None:
    assert schema.look(server.url(database))
    assert not schema.look(server.url(bare))
    assert server.execute("SELECT to_regnamespace('uptake_work')", database=bare) == [(None,)]
    server.execute("DROP ROLE IF EXISTS visitor", "CREATE ROLE visitor LOGIN")
    visitor = server.url(bare).replace("uptake@", "visitor@")
    with pytest.raises(
        UptakeError, match=f"let the owner of the database {bare} say there: CREATE SCHEMA uptake_work AUTHORIZATION visitor"
    ):
        schema.look(visitor)
    server.execute(f"CREATE SCHEMA {SCHEMA}", database=bare)
    with pytest.raises(
        UptakeError, match=r"\(permission denied for schema uptake_work\); the schema uptake_work there belongs to another role"
    ):
        schema.look(visitor)
    server.execute(f"ALTER SCHEMA {SCHEMA} OWNER TO visitor", database=bare)
    assert not schema.look(visitor)
    server.execute(f"DROP SCHEMA {SCHEMA}", "DROP ROLE visitor", database=bare)


def test_a_wrong_password_is_told_as_such_and_not_waited_for(server: Postgres, database: str) -> None:
    server.guard("locked_out", "geheim")
    address = server.url(database).replace("uptake@", "locked_out:geheim2@")
    with pytest.raises(
        UptakeError, match=r"does not let locked_out in \(.*\); give the password by PGPASSWORD .*UPTAKE_QUEUE_URL"
    ) as refused:
        schema.prepare(address)
    assert not isinstance(refused.value, AwayError)
    assert "geheim" not in str(refused.value)


def test_a_process_that_came_in_the_place_of_a_dead_one_is_listed_in_its_stead(server: Postgres, database: str) -> None:
    """A container that is started again has the name and the machine of the one before."""
    plain = {"pid": 1, "version": "0", "migration": "0", "config": "", "plans": False, "queues": [], "concurrency": 1, "numbers": []}

    async def sign(*who: tuple[str, str, str]) -> None:
        connector = Patient(server.url(database), "test", lambda _said: None)
        async with (app := App(connector=connector)).open_async():
            for identity, name, host in who:
                await Store(app, connector).sign({"id": identity, "name": name, "host": host, **plain})

    def listed() -> list[str]:
        return sorted(row[0] for row in server.execute(f"SELECT id FROM {SCHEMA}.uptake_workers", database=database))

    asyncio.run(sign(("1", "a", "m"), ("2", "b", "m"), ("3", "a", "n")))
    asyncio.run(sign(("4", "a", "m")))
    assert listed() == ["1", "2", "3", "4"], "both of a name may be alive"
    server.execute(f"UPDATE {SCHEMA}.uptake_workers SET seen = now() - interval '1 minute' WHERE id <> '4'", database=database)
    asyncio.run(sign(("4", "a", "m")))
    assert listed() == ["2", "3", "4"]
    asyncio.run(sign(("1", "a", "m")))
    assert listed() == ["1", "2", "3", "4"], "one that was frozen is there again"


def test_what_is_wrong_with_the_server_is_said_plainly(server: Postgres, bare: str) -> None:
    server.execute("DROP ROLE IF EXISTS guest", "CREATE ROLE guest LOGIN")
    guest = server.url(bare).replace("uptake@", "guest:secret@")
    with pytest.raises(UptakeError, match="CREATE SCHEMA uptake_work AUTHORIZATION guest") as refused:
        schema.prepare(guest)
    assert "secret" not in str(refused.value)
    with pytest.raises(UptakeError, match=r"has no such database .*createdb"):
        schema.prepare(server.url("nowhere"))
    with pytest.raises(UptakeError, match="does not answer"):
        schema.prepare(f"postgresql+psycopg://uptake@127.0.0.1:{free_port()}/x")
    server.execute(f"CREATE SCHEMA {SCHEMA} AUTHORIZATION guest", database=bare)
    schema.prepare(guest)
    assert read_roster(guest, 60).workers == ()


def test_a_queue_that_is_away_is_waited_for_but_not_by_what_was_to_be_done_at_once(cluster: Cluster) -> None:
    cluster.server.stop()
    try:
        assert "does not answer" in cluster.run("worker", "--until-empty", code=1)
        assert "does not answer" in cluster.run("workers", code=1)
        planner, worker = cluster.planner(), cluster.worker()
        for member in (planner, worker):
            member.says("does not answer")
        assert planner.asked()[0] == 503
        assert worker.stop() < 5
        again = cluster.worker()
        again.says("does not answer")
    finally:
        cluster.server.start()
    again.visited(*SOURCES)
    until(lambda: planner.health == "green", "well again")
    cluster.stop_all()


def test_the_engine_needs_its_packages_and_an_address(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    raw: dict[str, Any] = {"daemon": {"engine": "procrastinate"}}
    with pytest.raises(UsageError, match=r"name it in \[store\] url, in \[daemon\] queue, or in UPTAKE_QUEUE_URL"):
        read(raw, tmp_path / "uptake.toml", {})
    raw["daemon"]["queue"] = "postgresql://me:secret@h/d"
    with pytest.raises(UsageError, match="no password belongs here"):
        read(raw, tmp_path / "uptake.toml", {})
    raw["daemon"]["queue"] = "mysql://me@h/d"
    with pytest.raises(UsageError, match="write an address as postgresql://"):
        read(raw, tmp_path / "uptake.toml", {})
    with pytest.raises(UsageError, match="is no address"):
        read({}, tmp_path / "uptake.toml", {"UPTAKE_QUEUE_URL": "postgresql://[h/d"})
    settings = read({}, tmp_path / "uptake.toml", {"UPTAKE_QUEUE_URL": "postgresql://me:secret@h/d"})
    assert "secret" not in repr(settings)
    assert with_engine(settings, "procrastinate").daemon.engine == "procrastinate"
    monkeypatch.setitem(sys.modules, "procrastinate", None)
    with pytest.raises(UsageError, match=r"pip install 'uptake\[cluster\]'"):
        with_engine(settings, "procrastinate")
    with pytest.raises(UsageError, match="there is no engine 'celery'"):
        with_engine(settings, "celery")


def test_one_process_alone_imports_nothing_of_it() -> None:
    code = (
        "import sys, scheduler.daemon, scheduler.cli.commands, scheduler.once;"
        "sys.exit(str({m.split('.')[0] for m in sys.modules} & {'procrastinate', 'psycopg', 'psycopg_pool', 'croniter'} or ''))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stderr.strip() == ""


# Small transactions


def with_store(address: str, work: Callable[[Store, Store], Awaitable[None]]) -> None:
    """Do something with the queue as two processes see it."""

    async def main() -> None:
        apps = []
        for name in ("one", "other"):
            connector = Patient(address, name, lambda _said: None)
            apps.append((App(connector=connector), connector))
        async with apps[0][0].open_async(), apps[1][0].open_async():
            for app, connector in apps:
                app.job_manager = Fenced(connector)
            await work(*(Store(app, connector) for app, connector in apps))

    asyncio.run(main())


VISIT = {"queue": "visit.1:shop", "lock": "host:x", "queueing_lock": "visit:shop", "source": "shop"}


def test_a_call_is_answered_once_whoever_hears_it(server: Postgres, database: str) -> None:
    async def work(one: Store, other: Store) -> None:
        answers = await asyncio.gather(*(s.answer("visit:shop", 100, None, "visit", **VISIT) for s in (one, other, one, other)))
        assert sorted(answers) == [False, False, False, True]
        answers = await asyncio.gather(*(s.answer("visit:shop", 200, 100, "visit", **VISIT) for s in (one, other)))
        assert sorted(answers) == [False, True]
        assert await one.called() == {"visit:shop": 200}
        assert len(await one.rows("SELECT * FROM procrastinate_jobs")) == 1, "one visit waits, however often it was called for"

    with_store(server.url(database), work)


def test_jobs_of_the_dead_are_taken_back_once_and_not_beside_one_that_waits(server: Postgres, database: str) -> None:
    async def work(one: Store, other: Store) -> None:
        (worker,) = await one.rows("SELECT * FROM procrastinate_register_worker_v1()")
        for n in range(20):
            await one.defer("visit", **VISIT | {"lock": f"l{n}", "queueing_lock": f"q{n}"})
            await one.rows(f"SELECT procrastinate_fetch_job_v2(NULL, {worker['worker_id']})")
        await one.defer("visit", **VISIT | {"lock": "l0", "queueing_lock": "q0"})
        assert await one.take_back(60) == 0, "it lives"
        await one.rows("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '2 minutes'")
        assert sum(await asyncio.gather(one.take_back(60), other.take_back(60))) == 20
        rows = await one.rows(
            "SELECT status::text, count(*) AS n, count(DISTINCT queueing_lock) AS locks FROM procrastinate_jobs GROUP BY 1"
        )
        assert rows == [{"status": "todo", "n": 20, "locks": 20}]

    with_store(server.url(database), work)


def test_a_job_that_was_taken_back_cannot_be_ended_by_who_had_it(server: Postgres, database: str) -> None:
    async def work(one: Store, other: Store) -> None:
        await one.defer("visit", **VISIT)
        (worker,) = await one.rows("SELECT * FROM procrastinate_register_worker_v1()")
        manager = one._app.job_manager
        job = await manager.fetch_job(queues=None, worker_id=worker["worker_id"])
        assert job is not None
        await one.rows("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '2 minutes'")
        assert await other.take_back(60) == 1
        from procrastinate.jobs import Status

        await manager.finish_job(job, Status.SUCCEEDED, delete_job=True)
        assert [r["status"] for r in await one.rows("SELECT status::text FROM procrastinate_jobs")] == ["todo"]

    with_store(server.url(database), work)


def test_a_visit_that_is_called_for_later_keeps_nobody_waiting(server: Postgres, database: str) -> None:
    async def work(one: Store, other: Store) -> None:
        await one.come_again("shop", 3600, further=True, since=5, tries=2)
        await other.come_again("shop", 900, further=True, since=5, tries=3)
        pending = (await one.pending())["shop"]
        assert (pending.at_work, pending.visit_waits) == (False, False)
        assert 890 < (pending.waits or 0) <= 900, "the last one knows what is left"
        await one.defer("visit", **VISIT)
        assert (await one.pending())["shop"].waits == 0
        job = await one._app.job_manager.fetch_job(
            queues=None, worker_id=(await one.rows("SELECT * FROM procrastinate_register_worker_v1()"))[0]["worker_id"]
        )
        assert job is not None
        assert job.task_name == "visit"

    with_store(server.url(database), work)
