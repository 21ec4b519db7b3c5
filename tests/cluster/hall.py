"""A cluster with days of kept responses of one source, which a later edition of its reader reads otherwise."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scheduler.engines.queue.spread import Outcome, reparse_pieces, spread
from scheduler.rereading import rereadable
from storage import frames
from storage.journal import Journal
from storage.model import Topic
from storage.periods import DAY, HOUR
from tests.cluster.conftest import Cluster
from tests.faults.invariant import Account, account_of
from tests.faults.machine import TOPICS, Process, until
from tests.faults.spiders import Labels
from tests.harness import Harness

SOURCE = "labels"
Row = tuple[object, ...]


@dataclass(frozen=True)
class Known:
    """All that a journal says of figures: those that stand, with their states, the ends of what was planned, and former values."""

    account: Account
    points: list[Row]
    revisions: list[Row]


class Hall:
    """Days of collections, one of them made twice. ``leases``: the journal is on PostgreSQL, where leases lock; else files do."""

    def __init__(self, cluster: Cluster, *, leases: bool, days: int = 6) -> None:
        self.cluster, self.url = cluster, cluster.url if leases else None
        self._base = cluster.shops["shop"].url
        topics = [Topic(t, t, {"shop": t}) for t in TOPICS]
        harness = Harness(cluster.store, Labels, base_url=self._base, topics=topics)
        first = cluster.now - days * DAY
        for day in range(days):
            harness.collect(first + day * DAY)
        harness.collect(first + (days - 1) * DAY + HOUR)  # what had no figure is asked once more: a second run speaks of it
        self.configure(cluster.folder)
        if self.url is not None:
            cluster.run("migrate", "--to", self.url)
            self.configure()

    def configure(self, folder: Path | None = None, *, url: str | None = None, dead_after: float = 3.0) -> None:
        """Write a configuration that reads as the newer edition does, into a copy's folder or our own."""
        folder, url = folder or self.cluster.folder, url if folder else self.url
        self.cluster.shops = {SOURCE: self.cluster.shops.get("shop") or self.cluster.shops[SOURCE]}
        sources: Mapping[str, Mapping[str, object]] = {SOURCE: {"base_url": self._base, "edition": 2}}
        file, before = folder / "uptake.toml", self.cluster.folder
        self.cluster.folder = folder
        self.cluster.configure(sources, TOPICS, engine="procrastinate", queue=self.cluster.url, dead_after=dead_after, lease=10)
        self.cluster.folder = before
        if url is not None:
            with file.open("a", encoding="utf-8") as writing:
                writing.write(f'\n[store]\npath = "data"\nurl = "{url}"\n')

    def spread(self, size: int = 2) -> Outcome:
        """What `uptake reparse --spread` does, in smaller pieces."""
        pieces = list(reparse_pieces(SOURCE, self.runs(), self.cluster.now, apart=Labels.runs_apart, size=size))
        return asyncio.run(spread(self.cluster.url, pieces, {}, lambda *_: None, asyncio.Event()))

    def runs(self) -> list[str]:
        """What can be read again."""
        with Journal.open(self.cluster.store, self.url) as journal, journal.read() as connection:
            return [run.id for run in rereadable(connection, SOURCE)]

    def by_one_alone(self, *more: Sequence[str]) -> Known:
        """What a copy knows after one process has read it all again, and done some more."""
        folder = self.cluster.folder / "alone"
        folder.mkdir()
        shutil.copytree(self.cluster.store, folder / "data")
        url = None
        if self.url is not None:
            name = f"{self.cluster.database}_alone"
            self.cluster.server.database(name, template=self.cluster.database)
            url = self.cluster.server.url(name)
        self.configure(folder, url=url)
        try:
            for words in (("reparse", SOURCE), *more):
                self.process(*words, folder=folder).wait()
            return known(folder / "data", url)
        finally:
            if url is not None:
                self.cluster.server.drop(f"{self.cluster.database}_alone")

    def process(self, *words: str, folder: Path | None = None, **options: Any) -> Process:
        return self.cluster.start("--config", str((folder or self.cluster.folder) / "uptake.toml"), *words, **options)

    @property
    def known(self) -> Known:
        return known(self.cluster.store, self.url)

    def asleep(self, process: Process) -> None:
        """Wait until it has put itself to sleep (proc_pid_stat(5): T)."""
        stat = Path(f"/proc/{process.pid}/stat")
        until(lambda: stat.read_text(encoding="ascii").rpartition(")")[2].split()[0] == "T", f"asleep\n{process.log}")

    def rereads(self) -> list[tuple[str, bool]]:
        """The runs that were read again, each time, and whether that came to its end."""
        with Journal.open(self.cluster.store, self.url) as journal, journal.read() as connection:
            sql = "SELECT rereads, finished_seq IS NOT NULL FROM runs WHERE rereads != '' ORDER BY seq"
            return [(run, bool(ended)) for run, ended in connection.exec_driver_sql(sql)]


def known(store: Path, url: str | None) -> Known:
    account = account_of(store, url)
    with Journal.open(store, url) as journal, journal.read() as connection:
        listed = frames.catalogue(connection)
        names = dict(zip(listed["id"], listed["name"], strict=True))
        columns = "series_id, time, value, bound, state"

        def rows(table: str) -> list[Row]:
            found = connection.exec_driver_sql(f"SELECT {columns} FROM {table}")
            return sorted(((names[row[0]], *row[1:]) for row in found), key=repr)

        return Known(account, rows("points"), rows("revisions"))


__all__ = ["SOURCE", "Hall", "Known"]
