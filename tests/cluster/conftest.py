"""Several processes of Uptake that share a queue on a real PostgreSQL, and one journal; skipped with a reason where there is none."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from crawlers.keep import Keep
from crawlers.object_address import read_address
from scheduler.engines.queue.schema import prepare
from storage.journal import Journal
from tests.fakes.forking import Zygote
from tests.fakes.postgres import Postgres, running
from tests.fakes.s3 import BUCKET, ENVIRONMENT, S3
from tests.faults.conftest import undisturbed, zygote
from tests.faults.invariant import Account, account_of
from tests.faults.machine import DONE, TOPICS, Machine, Process, until
from tests.faults.street import Street

DEAD_AFTER = 3.0
SOURCES = ("shop", "diary")
_numbers = count()
PLACE = f"s3://{BUCKET}/kept"


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    """A PostgreSQL, and in it a database with an empty queue, from which others are copied."""
    with running(synchronous_commit="on") as made:  # or a crash forgets who had just signed on
        prepare(made.database("empty_queue"))
        yield made


@pytest.fixture
def database(server: Postgres) -> Iterator[str]:
    """The name of a database with a queue in which nothing waits."""
    name = f"queue{next(_numbers)}"
    server.database(name, template="empty_queue")
    yield name
    server.drop(name)


class Cluster(Machine):
    """Planners and workers on one machine. Their shops are two, so that two families of hosts can be visited at once."""

    def __init__(self, forks: Zygote, folder: Path, server: Postgres, database: str) -> None:
        super().__init__(forks, folder)
        self.server, self.database = server, database
        self.url = server.url(database)
        self.shops = {name: Street() for name in SOURCES}
        self.members: list[Process] = []
        self._streets = [shop.__enter__() for shop in self.shops.values()]

    def plan(self, topics: tuple[str, ...] = TOPICS, **daemon: Any) -> None:
        """Write the configuration of a cluster."""
        sources: Mapping[str, Mapping[str, object]] = {name: {"base_url": shop.url} for name, shop in self.shops.items()}
        self.configure(sources, topics, engine="procrastinate", queue=self.url, **{"dead_after": DEAD_AFTER, **daemon})

    def planner(self, *words: str, **options: Any) -> Process:
        return self._member("run", "--no-worker", *words, **options)

    def worker(self, *words: str, **options: Any) -> Process:
        return self._member("worker", *words, **options)

    def _member(self, *words: str, **options: Any) -> Process:
        self.members.append(self.start(*words, **options))
        return self.members[-1]

    def lines(self, pattern: str) -> list[str]:
        """What all of them have logged."""
        return [found.group() for member in self.members for found in re.finditer(pattern, member.log)]

    def visited(self, times: int = 1) -> None:
        """Wait until each source was visited so often, by whomever."""
        for name in self.shops:
            self.visited_at(name, times)

    def visited_at(self, name: str, times: int = 1) -> None:
        """Wait until one source was visited so often, by whomever."""
        pattern = DONE.format(re.escape(name))
        until(lambda: len(self.lines(pattern)) >= times, f"{name} visited {times} times\n{self.logs()}")

    def logs(self) -> str:
        return "\n".join(f"--- {n}\n{member.log}" for n, member in enumerate(self.members))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.server.execute("SET search_path = uptake_work", query, database=self.database)

    def jobs(self, status: str = "doing", task: str = "visit") -> list[str]:
        """The sources of jobs."""
        rows = self.rows(f"SELECT args->>'source' FROM procrastinate_jobs WHERE status = '{status}' AND task_name = '{task}'")
        return sorted(row[0] for row in rows)

    def idle(self) -> None:
        """Wait until nothing waits that could be done, and nothing is being done."""
        sql = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing' OR status = 'todo' AND coalesce(scheduled_at, now()) <= now()"
        until(lambda: self.rows(sql) == [(0,)], f"an empty queue\n{self.logs()}")

    def stop_all(self) -> None:
        for member in self.members:
            if not member.ended:
                member.stop()

    @property
    def pages(self) -> list[str]:
        """What the shops were asked for."""
        return [f"{a.path}?{sorted(a.query.items())}" for shop in self.shops.values() for a in shop.log if a.path != "/robots.txt"]

    @property
    def account(self) -> Account:
        """What the journal knows; fails where it is not sound, or somebody has shown a traceback."""
        assert "Traceback" not in self.logs(), self.logs()
        return account_of(self.store)

    def close(self) -> None:
        super().close()
        for street in self._streets:
            street.__exit__(None, None, None)


@pytest.fixture
def cluster(zygote: Zygote, tmp_path: Path, server: Postgres, database: str) -> Iterator[Cluster]:
    made = Cluster(zygote, tmp_path, server, database)
    made.plan()
    try:
        yield made
    finally:
        made.close()


class Machines(Cluster):
    """Each process has a folder of its own, as if on a machine of its own."""

    def __init__(self, forks: Zygote, folder: Path, server: Postgres, database: str, store: S3) -> None:
        super().__init__(forks, folder, server, database)
        self.objects = store

    def plan(self, topics: tuple[str, ...] = (), **daemon: Any) -> None:
        super().plan(*([topics] if topics else []), lease=10, **daemon)
        self.store_elsewhere()

    def store_elsewhere(self) -> None:
        """Let the configuration say that nothing is on the machines' own disks."""
        keys = {"path": "data", "url": self.url, "captures": PLACE, "captures_endpoint": self.objects.url}
        with (self.folder / "uptake.toml").open("a", encoding="utf-8") as file:
            file.write("\n[store]\n" + "".join(f'{key} = "{value}"\n' for key, value in keys.items()))

    def _member(self, *words: str, **options: Any) -> Process:
        home = self.folder / f"machine-{len(self.members)}"
        home.mkdir()
        shutil.copy(self.folder / "uptake.toml", home)
        self.members.append(self.start("--config", str(home / "uptake.toml"), *words, env=ENVIRONMENT, **options))
        return self.members[-1]

    def alone(self) -> Process:
        """A daemon that works by itself, on a machine of its own."""
        return self._member("run", "--engine", "embedded")

    @property
    def account(self) -> Account:
        assert "Traceback" not in self.logs(), self.logs()
        spool = self.folder / "nobody"
        return account_of(spool, self.url, Keep(spool / "captures", read_address(PLACE, self.objects.url), 1 << 20))

    @property
    def waiting(self) -> list[Path]:
        """Responses that have not got to the object store."""
        return list(self.folder.glob("machine-*/data/captures/**/*.warc.gz"))


@pytest.fixture
def machines(zygote: Zygote, tmp_path: Path, server: Postgres, database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machines]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    Journal.open(tmp_path, server.url(database)).close()
    with S3() as store:
        made = Machines(zygote, tmp_path, server, database, store)
        made.plan()
        try:
            yield made
        finally:
            made.close()


Reference = Callable[..., Account]
__all__ = ["Cluster", "Machines", "Reference", "undisturbed", "zygote"]
