"""Responses of one source read again by one process alone, and in pieces by one worker and by two.

python -m benchmarks.bench_spread [--runs 80]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks import Row
from benchmarks.bench_cluster import PROGRAM, ROOT, START
from crawlers.engine import CrawlService
from scheduler import jobs, rereading
from scheduler.config import Config, load
from scheduler.demo.servers.service import Asked, Service
from scheduler.engines.queue.schema import prepare
from scheduler.engines.queue.spread import reparse_pieces, spread
from storage.journal import Journal
from storage.periods import DAY
from tests.fakes.postgres import Postgres, running

RUNS, NAMES, SIZE = 80, 100, 5  # SIZE: runs of one piece
SOURCE = "custom.kept"


class Shop(Service):
    def respond(self, asked: Asked) -> tuple[int, Any]:
        return 200, {"count": 100 + len(asked.path), "text": "as long as such answers often are " * 100}


def _configure(folder: Path, base: str, url: str) -> Config:
    from crawlers.catalog import sources

    lines = ["[store]", f'path = "{folder}/data"', f'url = "{url}"', "[crawl]", "delay = 0", "obey_robots = false", "[http]", "port = 0"]
    lines += ["[daemon]", 'engine = "procrastinate"', "disk_free = 0", 'report = ""']
    lines += [line for name in sources() for line in (f"[sources.{name}]", "enabled = false") if name != "custom"]
    lines += ["[custom.kept]", f'url = "{base}/{{name}}"', 'json = "count"']
    lines += ["[baskets.all]", f"topics = {[f't{n}' for n in range(NAMES)]}"]
    lines += [line for n in range(NAMES) for line in (f"[topics.t{n}]", f'custom = {{ kept = "x{n}" }}')]
    (folder / "uptake.toml").write_text("\n".join(lines), encoding="utf-8")
    return load(folder / "uptake.toml")


async def _collect(settings: Config, runs: int) -> None:
    """As many collections, a day apart."""
    setup = settings.setup(SOURCE)
    with Journal.open(settings.store, settings.store_url, writable=True) as journal:
        for day in range(runs):
            now = START + day * DAY
            service = CrawlService(journal, settings.manners, clock=lambda now=now: now, keep=settings.keep)  # type: ignore[misc]
            try:
                await jobs.collect(service, setup, now=now)
            finally:
                service.shutdown()


async def _alone(settings: Config, now: int) -> float:
    with Journal.open(settings.store, settings.store_url, writable=True) as journal:
        service = CrawlService(journal, settings.manners, keep=settings.keep)
        began = time.perf_counter()
        try:
            await rereading.reparse(service, settings.setup(SOURCE), now=now)
        finally:
            service.shutdown()
        return time.perf_counter() - began


def _by_workers(count: int, folder: Path, settings: Config, now: int) -> float:
    """Seconds from the first piece that is put into the queue to the last that is done; the workers are there before."""
    prepare(settings.queue)
    with Journal.open(settings.store, settings.store_url) as journal, journal.read() as connection:
        runs = [run.id for run in rereading.rereadable(connection, SOURCE)]
    pieces = list(reparse_pieces(SOURCE, runs, now, apart=settings.setup(SOURCE).source.runs_apart, size=SIZE))
    environment = {**os.environ, "UPTAKE_CONFIG": f"{folder}/uptake.toml"}
    with ExitStack() as stack:
        for _ in range(count):
            worker = subprocess.Popen(
                [*PROGRAM, "worker"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            stack.callback(worker.wait)
            stack.callback(worker.terminate)
            assert worker.stdout is not None
            stack.callback(worker.stdout.close)
            worker.stdout.readline()  # it says when it is at work
        began = time.perf_counter()
        came = asyncio.run(spread(settings.queue, pieces, {}, lambda *_: None, asyncio.Event()))
        seconds = time.perf_counter() - began
    assert not came.failed, came.failed
    assert came.left == 0
    return seconds


def reading_again(runs: int = RUNS) -> list[Row]:
    """Responses a second. Each time a copy of the same journal, on PostgreSQL."""
    with running() as server, Shop() as shop, tempfile.TemporaryDirectory() as made:
        folder, now = Path(made), START + runs * DAY
        asyncio.run(_collect(_configure(folder, shop.url, server.database("kept")), runs))
        count = runs * NAMES

        def fresh(name: str) -> Config:
            return _configure(folder, shop.url, _copy(server, name))

        alone = count / asyncio.run(_alone(fresh("alone"), now))
        what = f"Responses of one source read again a second, {runs} collections of {NAMES}"
        rows = [Row(f"{what}, one process alone", f"{alone:.0f}/s", note="`uptake reparse`; the journal on PostgreSQL")]
        first = 0.0
        for workers in (1, 2):
            found = count / _by_workers(workers, folder, fresh(f"workers{workers}"), now)
            first = first or found
            note = f"{SIZE} collections a piece; one machine of {os.cpu_count()} cores, PostgreSQL on it too"
            if workers == 1:
                rows.append(Row("… in pieces, 1 worker", f"{found:.0f}/s", f"{alone:.0f}/s", found / alone, note=note))
            else:
                rows.append(Row("… in pieces, 2 workers", f"{found:.0f}/s", f"{first:.0f}/s", found / first, note="against 1 worker"))
        return rows


def _copy(server: Postgres, name: str) -> str:
    return server.database(name, template="kept")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=RUNS)
    for row in reading_again(parser.parse_args().runs):
        print(row)
