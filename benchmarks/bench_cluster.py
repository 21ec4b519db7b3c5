"""Beyond one process: figures a second through the engines, and what planning costs for many topics.

python -m benchmarks.bench_cluster [--topics 100000]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import Row
from scheduler.demo.servers.service import Asked, Service
from scheduler.schedule import next_time
from scheduler.setups import Setup
from storage import ledger
from storage.journal import Journal
from storage.model import Topic
from tests.fakes.postgres import Postgres, running
from tests.fakes.toy import Toy

ROOT = Path(__file__).parent.parent
START = 1_795_162_620  # 2026-11-20 08:17 UTC
TOPICS, SOURCES = 100_000, 10


def _sources() -> list[type[Toy]]:
    return [type(f"Toy{n}", (Toy,), {"name": f"toy{n}"}) for n in range(SOURCES)]


def _fill(folder: Path, setups: list[Setup]) -> float:
    """Measure everything once, as a collection writes it. Gives the seconds."""
    began = time.perf_counter()
    with Journal.open(folder, writable=True) as journal:
        for setup in setups:
            slots = setup.source.slots(setup.topics.values(), START, setup.options)
            with journal.write(now=START) as tx:
                tx.define(setup.source.metrics(setup.options), setup.name)
                run = ledger.open_run(tx, setup.name, ledger.COLLECT, slots, now=START, parser=1)
                tx.put([slot.observe(1.0) for slot in slots])
                ledger.finish_run(tx, run, "finished")
    return time.perf_counter() - began


def planning_here(folder: str, count: str) -> None:
    """What a planner does for one look at everything, and for one of each minute: in a process of its own, for its memory."""
    from crawlers.engine import CrawlService
    from crawlers.job import Manners
    from scheduler.visits import Visits

    topics = {f"t{n}": Topic(f"t{n}", f"T{n}", {"toy": f"t{n}"}) for n in range(int(count))}
    setups = [Setup(cls, topics, endpoints={"base_url": "http://127.0.0.1:9"}, config="{}") for cls in _sources()]
    filled = _fill(Path(folder), setups)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    now = next_time("17 3 * * *", START) or START
    with Journal.open(Path(folder), writable=True) as journal:
        service = CrawlService(journal, Manners(), clock=lambda: now)
        steps: dict[str, Callable[[Visits], Any]] = {
            "schedule": lambda visits: [visits.due(s, "17 3 * * *") for s in setups],
            "nothing": lambda visits: [visits.due(s, "17 3 * * *") for s in setups],
            "slots": lambda _visits: [len(s.source.slots(topics.values(), now, s.options)) for s in setups],
        }
        seconds = {}
        for name, step in steps.items():
            at = START + 600 if name == "nothing" else now
            began = time.process_time()
            found = step(Visits(service, partial(int, at)))
            seconds[name] = time.process_time() - began
            seconds[f"{name}_found"] = sum(map(int, found))
        service.shutdown()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({**seconds, "filled": filled, "before": before / 1024, "after": after / 1024}))


def planning(count: int = TOPICS) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        code = "import sys; from benchmarks.bench_cluster import planning_here; planning_here(*sys.argv[1:])"
        done = subprocess.run([sys.executable, "-c", code, folder, str(count)], cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    what = f"{count:,} topics, {SOURCES} sources"
    return [
        Row(
            f"A look at what is due, {what}, nothing is", f"{found['nothing']:.2f} s", note="CPU; at a start, after a change, and each hour"
        ),
        Row(
            "… when all schedules have called", f"{found['schedule']:.2f} s", note="CPU; each minute it is less: of topics nothing is read"
        ),
        Row("… of that, making the list of figures", f"{found['slots']:.2f} s", note=f"{found['slots_found']:,} figures"),
        Row("… memory", f"{found['after']:.0f} MB", note=f"{found['before']:.0f} MB with the topics alone and a journal just filled"),
    ]


# Engines


class Shop(Service):
    """Remembers when it answered; keeps all waiting until everybody is there."""

    open = threading.Event()

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def respond(self, asked: Asked) -> tuple[int, Any]:
        self.open.wait(20)
        self.times.append(time.perf_counter())
        return 200, {"count": len(asked.path)}


HOSTS, COUNTERS, NAMES = 8, 24, 40
PROGRAM = [sys.executable, "-c", "from scheduler.cli import main; main()"]


def _configure(folder: Path, shops: Sequence[Shop]) -> None:
    from crawlers.catalog import sources

    lines = ["[crawl]", "delay = 0", "[http]", "port = 0", "[daemon]", "disk_free = 0", 'report = ""']
    lines += [line for name in sources() for line in (f"[sources.{name}]", "enabled = false") if name != "custom"]
    for n in range(COUNTERS):
        lines += [f"[custom.c{n}]", f'url = "{shops[n % HOSTS].url}/c{n}/{{name}}"', 'json = "count"']
    lines += ["[baskets.all]", f"topics = {[f't{n}' for n in range(NAMES)]}"]
    for n in range(NAMES):
        lines += [f"[topics.t{n}]", "custom = { " + ", ".join(f'c{c} = "x{n}"' for c in range(COUNTERS)) + " }"]
    (folder / "uptake.toml").write_text("\n".join(lines), encoding="utf-8")


def _measure(workers: int, server: Postgres | None = None) -> float:
    """Figures a second between the first and the last that the servers answered; 0 workers: one process alone."""
    url = "" if server is None else server.database(f"bench{workers}")
    Shop.open.clear()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        shops = [stack.enter_context(Shop()) for _ in range(HOSTS)]
        _configure(Path(folder), shops)
        environment = {**os.environ, "UPTAKE_CONFIG": f"{folder}/uptake.toml", "UPTAKE_QUEUE_URL": url}
        start = partial(subprocess.Popen, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if server is not None:
            planner = start([*PROGRAM, "run", "--engine", "procrastinate", "--no-worker"])
            _wait(server, f"bench{workers}", "SELECT count(*) FROM uptake_work.procrastinate_jobs", COUNTERS)
            others = [start([*PROGRAM, "worker", "--until-empty"]) for _ in range(workers)]
            _wait(server, f"bench{workers}", "SELECT count(*) FROM uptake_work.uptake_workers", 1 + workers)
            Shop.open.set()
            for other in others:
                other.wait()
            planner.terminate()
            planner.wait()
        else:
            Shop.open.set()
            start([*PROGRAM, "run", "--once"]).wait()
        times = sorted(t for shop in shops for t in shop.times)
        counted = COUNTERS * NAMES
        assert len(times) >= counted, f"{len(times)} of {counted}"
        return counted / (times[-1] - times[0])


def _wait(server: Postgres, database: str, query: str, least: int) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with suppress(Exception):
            if int(server.execute(query, database=database)[0][0]) >= least:
                return
        time.sleep(0.05)
    raise TimeoutError(query)


def engines() -> list[Row]:
    alone = _measure(0)
    rows = [Row("Figures a second, one process alone", f"{alone:.0f}/s", note=f"{COUNTERS} sources, {HOSTS} hosts, {NAMES} topics")]
    with running() as server:
        for workers in (1, 2):
            found = _measure(workers, server)
            what = f"… procrastinate, {workers} worker{'s' * (workers > 1)}"
            rows.append(Row(what, f"{found:.0f}/s", f"{alone:.0f}/s", found / alone, note="one machine of 2 cores, servers on it too"))
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--topics", type=int, default=TOPICS)
    chosen = parser.parse_args()
    for row in [*engines(), *planning(chosen.topics)]:
        print(row)
