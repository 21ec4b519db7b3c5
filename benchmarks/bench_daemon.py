"""The daemon over years, in minutes: memory and descriptors over many crawls, the loop's lag, idle cost, stopping, starting.

python -m benchmarks.bench_daemon [--crawls 1000] [--stops 200] [--points 8000000]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from benchmarks import Row
from crawlers.engine import CrawlService
from crawlers.job import Manners
from scheduler.demo.servers.service import Asked, Service
from scheduler.heartbeat import Beat, heartbeat
from scheduler.setups import Setup
from scheduler.visits import Visits
from storage.database import LEAN_CACHE
from storage.journal import FILE, Journal
from storage.model import Topic
from storage.periods import DAY
from tests.fakes.toy import Toy

ROOT = Path(__file__).parent.parent
START = 1_795_162_620  # 2026-11-20 08:17 UTC
PROGRAM = [sys.executable, "-c", "from scheduler.cli import main; main()"]
AT_ONCE = 8
WARM = 50  # crawls until the process has all it needs


class Shop(Service):
    def respond(self, asked: Asked) -> tuple[int, Any]:
        return 200, {"count": len(asked.path)}


def kinds() -> list[type[Toy]]:
    """As many sources as may crawl at once."""
    return [type(f"Toy{n}", (Toy,), {"name": f"toy{n}"}) for n in range(AT_ONCE)]


async def crawls(folder: Path, urls: list[str], number: int) -> dict[str, Any]:
    """Visit eight sources at once, a day after the other, in this process; memory and descriptors at the start and at the end."""
    topics = {f"t{n}": Topic(f"t{n}", f"T{n}", {"toy": f"t{n}"}) for n in range(10)}
    now = START
    lags: list[float] = []
    me = psutil.Process()
    marks: list[tuple[int, int, int]] = []
    with Journal.open(folder, writable=True, cache=LEAN_CACHE) as journal:
        service = CrawlService(journal, Manners(delay=0.0, backoff=0.01, obey_robots=False), clock=lambda: now)
        visits = Visits(service, lambda: now)
        pulse = asyncio.ensure_future(heartbeat(lambda beat: lags.append(_lag(beat)), every=0.02))
        setups = [Setup(cls, topics, endpoints={"base_url": url}, config="{}") for cls, url in zip(kinds(), urls, strict=True)]
        for done in range(0, number, AT_ONCE):
            await asyncio.gather(*(visits.visit(s, "17 3 * * *") for s in setups))
            now += DAY
            if done + AT_ONCE >= WARM and (not marks or done % 200 < AT_ONCE):
                marks.append((done + AT_ONCE, me.memory_info().rss, me.num_fds()))
        marks.append((number, me.memory_info().rss, me.num_fds()))
        pulse.cancel()
        service.shutdown()
    lags.sort()
    return {"marks": marks, "p50": lags[len(lags) // 2], "p99": lags[int(len(lags) * 0.99)], "worst": lags[-1]}


def _lag(beat: Beat) -> float:
    return beat.lag


def child(folder: str, number: str, *urls: str) -> None:
    """The process that is looked at; the servers are another's."""
    print(json.dumps(asyncio.run(crawls(Path(folder), list(urls), int(number)))))


def many_crawls(number: int = 1000) -> list[Row]:
    shops = [Shop() for _ in range(AT_ONCE)]
    with tempfile.TemporaryDirectory() as folder:
        for shop in shops:
            shop.__enter__()
        try:
            code = "import sys; from benchmarks.bench_daemon import child; child(*sys.argv[1:])"
            command = [sys.executable, "-c", code, folder, str(number), *(s.url for s in shops)]
            started = time.perf_counter()
            found = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
            seconds = time.perf_counter() - started
        finally:
            for shop in shops:
                shop.__exit__()
    first, last = found["marks"][0], found["marks"][-1]
    growth = last[1] / first[1] - 1
    note = f"{number:,} crawls of ten requests, {AT_ONCE} at once, {seconds:.0f} s; against the memory after {first[0]} crawls"
    return [
        Row(
            "Memory over many crawls in one process",
            f"{last[1] / 1e6:.1f} MB",
            f"{first[1] / 1e6:.1f} MB",
            first[1] / last[1],
            "growth under 2 %",
            growth < 0.02,
            f"growth {growth:+.1%}; {note}",
        ),
        Row("… descriptors", str(last[2]), str(first[2]), target="no new ones", met=last[2] <= first[2]),
        Row(
            "… lag of the loop",
            f"{found['p99'] * 1000:.0f} ms",
            note=f"99th percentile; median {found['p50'] * 1000:.1f} ms, worst {found['worst'] * 1000:.0f} ms",
        ),
    ]


CONFIG = """
[crawl]
delay = 0
[http]
port = 0
[daemon]
disk_free = 0
report = ""
[sources.stackoverflow]
base_url = "{url}"
[baskets.all]
topics = [{keys}]
"""


def configured(folder: Path, url: str, topics: int) -> Path:
    from crawlers.catalog import sources

    keys = [f"t{n}" for n in range(topics)]
    text = CONFIG.format(url=url, keys=", ".join(f'"{k}"' for k in keys))
    text += "".join(f'[topics.{k}]\nstackoverflow = "{k}"\n' for k in keys)
    text += "".join(f"[sources.{name}]\nenabled = false\n" for name in sources() if name != "stackoverflow")
    (folder / "uptake.toml").write_text(text, encoding="utf-8")
    return folder / "uptake.toml"


class Process:
    """A daemon, from its start to its end. ``ready``: seconds until it said that it is at work."""

    def __init__(self, config: Path) -> None:
        started = time.perf_counter()
        self.process = subprocess.Popen(
            [*PROGRAM, "--config", str(config), "run"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if re.search("at work", line):
                break
        self.ready = time.perf_counter() - started

    def stop(self) -> float:
        started = time.perf_counter()
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate()
        if self.process.returncode:
            raise RuntimeError(f"the daemon ended with {self.process.returncode}")
        return time.perf_counter() - started


def idle(topics: int = 100, seconds: float = 30.0) -> list[Row]:
    with tempfile.TemporaryDirectory() as name, Shop() as shop:
        shop.fail(times=10**6, status=404, body=b"{}")
        daemon = Process(configured(Path(name), shop.url, topics))
        time.sleep(8)  # the first visit
        seen = psutil.Process(daemon.process.pid)
        before, asked = sum(seen.cpu_times()[:2]), len(shop.log)
        time.sleep(seconds)
        spent, memory = sum(seen.cpu_times()[:2]) - before, seen.memory_info().rss
        quiet = len(shop.log) == asked
        daemon.stop()
    said = f"{topics} topics, looked at for {seconds:.0f} s with nothing to do{'' if quiet else ' (but it was asking)'}"
    return [Row("Idle daemon", f"{memory / 1e6:.0f} MB, {spent * 3600 / seconds:.0f} CPU s an hour", note=said)]


def stopping(stops: int = 200) -> list[Row]:
    """SIGTERM at random moments of the first three seconds, the first collection among them."""
    dice = random.Random(5)
    took, ready = [], []
    with Shop() as shop:
        for _ in range(stops):
            with tempfile.TemporaryDirectory() as name:
                daemon = Process(configured(Path(name), shop.url, 100))
                ready.append(daemon.ready)
                time.sleep(dice.uniform(0, 1.5))
                took.append(daemon.stop())
    return [
        Row(
            "From SIGTERM to the end",
            f"{statistics.median(took):.2f} s",
            target="within 10 s",
            met=max(took) < 10,
            note=f"median of {stops} stops at random moments, worst {max(took):.2f} s; ready after {statistics.median(ready):.1f} s",
        )
    ]


def starting(points: int = 8_000_000) -> list[Row]:
    """Until it is at work, with a large journal and with an empty one."""
    with tempfile.TemporaryDirectory() as name, Shop() as shop:
        folder = Path(name)
        config = configured(folder, shop.url, 1)
        Process(config).stop()
        bare = min(_ready(config) for _ in range(3))
        from benchmarks.bench_journal import _days_of_series  # with pandas, which no daemon has

        with Journal.open(folder / "data", writable=True) as journal:
            for block in range(0, points, 1_000_000):
                with journal.write() as tx:
                    tx.put(
                        [
                            replace(o, series=replace(o.series, topic=f"{block}-{o.series.topic}"))
                            for o in _days_of_series(min(1_000_000, points - block))
                        ]
                    )
        size = (folder / "data" / FILE).stat().st_size
        large = min(_ready(config) for _ in range(3))
    note = f"a journal of {size / 1e9:.2f} GB, {points:,} figures; against an empty one; the least of 3"
    return [Row("From the start to being at work", f"{large:.2f} s", f"{bare:.2f} s", bare / large, note=note)]


def _ready(config: Path) -> float:
    daemon = Process(config)
    daemon.stop()
    return daemon.ready


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crawls", type=int, default=1000)
    parser.add_argument("--stops", type=int, default=200)
    parser.add_argument("--points", type=int, default=8_000_000)
    options = parser.parse_args()
    for row in [*many_crawls(options.crawls), *idle(), *stopping(options.stops), *starting(options.points)]:
        print(row)


if __name__ == "__main__":
    main()
