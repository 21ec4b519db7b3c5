"""Runs a real source against a local server, with the real engine, captures and journal, and reads what came of it."""

from __future__ import annotations

import asyncio
import atexit
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from crawlers.engine import CrawlService, Report
from crawlers.job import Manners
from crawlers.keep import Keep
from crawlers.source import Preview, SourceSpider
from scheduler import jobs
from scheduler.rereading import reparse
from scheduler.setups import Setup
from storage import database, frames, ledger
from storage.journal import FILE, Journal
from storage.lookups import recall, series_of
from storage.model import Bound, Series, Slot, State, Topic

FAST = Manners(contact="mailto:test@example.org", delay=0.0, backoff=0.01, max_wait=5.0, timeout=5.0)


def newest_first(asked: Sequence[Any], at_once: int = 2) -> bool:
    """Whether each was among the newest of those not yet asked, as many as a crawl has in flight (they may overtake one another)."""
    left = sorted(asked, reverse=True)
    for one in asked:
        if one not in left[:at_once]:
            return False
        left.remove(one)
    return True


@cache
def empty_store() -> Path:
    """A folder with an empty journal, made once a process: migrating a new one costs 0.1 s."""
    folder = tempfile.mkdtemp(prefix="uptake-empty-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    database.bring_up_to_date(Path(folder) / FILE)  # a file also where journals are led to a server
    return Path(folder)


class Harness:
    """One store folder and one source. ``now`` is epoch seconds; captures are dated by it too."""

    def __init__(
        self,
        folder: Path,
        source: type[SourceSpider],
        *,
        base_url: str,
        topics: Sequence[Topic],
        options: Mapping[str, object] | None = None,
        endpoints: Mapping[str, str] | None = None,
        manners: Manners = FAST,
    ) -> None:
        self.folder = folder
        if not (folder / FILE).exists():
            shutil.copytree(empty_store(), folder, dirs_exist_ok=True)
        self.manners = manners
        self.keep: Keep | None = None  # where responses are kept, if not in the folder alone
        self.setup = Setup(
            source,
            {t.key: t for t in topics},
            endpoints={"base_url": base_url, **(endpoints or {})},
            options=options or {},
            config="{}",
        )

    def collect(self, now: int, at: int | None = None, topics: Sequence[str] | None = None) -> list[Report]:
        reports = self._run(now, lambda service: jobs.collect(service, self.setup, now=now, at=at, topics=topics))
        if self.setup.source.runs_apart:
            assert self._unplanned() == [], "a source whose runs stand apart gave figures that it was not asked for"
        return reports

    def backfill(self, now: int, since: int | None = None) -> list[Report]:
        return self._run(now, lambda service: jobs.backfill(service, self.setup, now=now, since=since))

    def reparse(self, now: int) -> list[Report]:
        return self._run(now, lambda service: reparse(service, self.setup, now=now))

    def preview(self, now: int = 1_763_600_000) -> list[Preview]:
        return self._run(now, lambda service: jobs.preview(service, self.setup, now=now)).previews

    def with_options(self, **options: object) -> Harness:
        self.setup = replace(self.setup, options={**self.setup.options, **options})
        return self

    def _run(self, now: int, work: Callable[[CrawlService], Coroutine[Any, Any, Any]]) -> Any:
        async def main() -> Any:
            with Journal.open(self.folder, writable=True) as journal:
                service = CrawlService(journal, self.manners, clock=lambda: now, keep=self.keep)
                try:
                    return await work(service)
                finally:
                    service.shutdown()

        return asyncio.run(main())

    # What came of it

    def values(self, metric: str | None = None, as_of: int | None = None) -> dict[str, dict[int, float]]:
        """Good values by series name and time."""
        return {name: dict(zip(p["time"], p["value"], strict=True)) for name, p in self._points(metric, as_of) if len(p)}

    def bounds(self, metric: str | None = None) -> dict[str, dict[int, Bound]]:
        return {name: dict(zip(p["time"], map(Bound, p["bound"]), strict=True)) for name, p in self._points(metric, None) if len(p)}

    def _points(self, metric: str | None, as_of: int | None) -> list[tuple[str, pd.DataFrame]]:
        with Journal.open(self.folder) as journal, journal.read() as connection:
            known = frames.catalogue(connection, metric=metric, as_of=as_of)
            found = []
            for name, series_id in zip(known["name"], known["id"], strict=True):
                points = frames.points(connection, [series_id], as_of=as_of)
                found.append((name, points[points["state"] == 0]))
            return found

    def _unplanned(self) -> list[str]:
        """Points of the source that no run has planned."""
        sql = "SELECT s.*, p.time FROM points p JOIN series s ON s.id = p.series_id WHERE s.source = ?"
        with Journal.open(self.folder) as journal, journal.read() as connection:
            planned = {slot for run in ledger.runs(connection, self.setup.name) for slot in run.slots}
            rows = connection.exec_driver_sql(sql, (self.setup.name,)).all()
            return [f"{series_of(row)} at {row.time}" for row in rows if Slot(series_of(row), row.time) not in planned]

    def settle(self, name: str, time: int, state: State) -> None:
        """What `uptake confirm` and `uptake reject` do."""
        with Journal.open(self.folder, writable=True) as journal, journal.write() as tx:
            assert tx.settle(Series.parse(name), time, state)

    def ends(self) -> list[ledger.End]:
        with Journal.open(self.folder) as journal, journal.read() as connection:
            return ledger.ends(connection, self.setup.name)

    def outcomes(self) -> dict[str, str]:
        """Series name to outcome, missing ones as ``missing(reason)``."""
        return {str(e.slot.series): e.label for e in self.ends()}

    def events(self) -> pd.DataFrame:
        with Journal.open(self.folder) as journal, journal.read() as connection:
            return frames.events(connection)

    def state(self) -> dict[str, object]:
        with Journal.open(self.folder) as journal, journal.read() as connection:
            return recall(connection, self.setup.name)

    def head(self) -> int:
        with Journal.open(self.folder) as journal:
            return journal.head()
