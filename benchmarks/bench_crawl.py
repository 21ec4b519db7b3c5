"""The whole path of a response against bare Scrapy, and a day's collection of 1,000 topics.

    python -m benchmarks.bench_crawl [--requests 2000] [--topics 1000] [--rounds 5]

Every crawl has a process of its own, and the server too, so that nobody pays for another's garbage.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import scrapy
from scrapy.crawler import Crawler
from scrapy.http import Request, Response

from benchmarks import Row
from crawlers.engine import CrawlService
from crawlers.job import Manners
from crawlers.payload import number, read_json
from crawlers.settings import settings_for
from crawlers.source import Counts, Output, SourceSpider, Terms
from scheduler import jobs
from scheduler.demo.servers.github import FakeGitHub
from scheduler.setups import Setup
from storage import frames
from storage.journal import Journal
from storage.model import Cadence, Kind, Metric, Slot, Topic

NOW = 1_795_162_620  # 2026-11-20 08:17 UTC
CONCURRENCY = 16
WARM_UP = 32  # requests before the clock starts: they pay for imports
OF_BARE = 0.7  # share of bare Scrapy's requests per second that the whole path must keep
MANNERS = Manners(delay=0.0, obey_robots=False, concurrency=CONCURRENCY)
ROOT = Path(__file__).parent.parent
_SPAWN = multiprocessing.get_context("spawn")

Figures = dict[str, float]


# The server: 2 KB of JSON for any path, from a process of its own


class _Answer(asyncio.Protocol):
    served = 0
    body = json.dumps({"count": 4711, "filling": [f"line {i} of what an API says besides" for i in range(48)]}).encode()
    reply = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nServer: bench\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        for _ in range(data.count(b"\r\n\r\n")):
            _Answer.served += 1
            self._transport.write(self.reply)


def _serve(pipe: Connection) -> None:
    """Tell the port, then after each word from the other side how many requests came since the last one."""

    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(_Answer, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        while await asyncio.to_thread(pipe.recv):
            pipe.send(_Answer.served)
            _Answer.served = 0

    asyncio.run(main())


@contextmanager
def _beside(serve: Callable[..., None], *args: object) -> Iterator[Connection]:
    """A server in a process of its own, and the pipe to talk with it."""
    here, there = _SPAWN.Pipe()
    process = _SPAWN.Process(target=serve, args=(there, *args), daemon=True)
    process.start()
    there.close()  # so that reading from a server that died fails
    try:
        yield here
        here.send(None)
        process.join(5)
    finally:
        process.terminate()


# Two crawls of the same requests


class Shelf(SourceSpider):
    """The smallest source: one count a topic, one request each."""

    name = "shelf"
    title = "Shelf"
    about = "A count per topic."
    counts = (Counts(Metric("shelf.items", Kind.LEVEL, "items", Cadence.DAY, "Items", "Items on a shelf.")),)
    terms = Terms("http://127.0.0.1", "2026-11-20", "It is our own.")
    endpoints: Mapping[str, str] = {"base_url": "http://shelf.example.org"}
    signals = ("shelf",)

    async def measure(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        for slot in slots:
            yield self.fetch(f"/items/{slot.series.topic}", self.on_count, [slot])

    def on_count(self, response: Response, slots: Sequence[Slot]) -> Iterator[Output]:
        yield slots[0].observe(number(read_json(response.body), "count"))


class Bare(scrapy.Spider):
    """The same requests with a callback that does nothing."""

    name = "bare"

    def __init__(self, base_url: str = "", requests: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._urls = [f"{base_url}/items/topic-{i}" for i in range(requests)]

    async def start(self) -> AsyncIterator[Any]:
        for url in self._urls:
            yield Request(url, callback=self.nothing, dont_filter=True)

    def nothing(self, response: Response) -> None:
        pass


BARE = {
    "TWISTED_REACTOR_ENABLED": False,
    "CONCURRENT_REQUESTS": CONCURRENCY,
    "CONCURRENT_REQUESTS_PER_DOMAIN": CONCURRENCY,
    "LOG_ENABLED": False,
    "REMOTE_CONTROL_ENABLED": False,  # a server per crawl that nobody asked for
}


def _crawl_bare(base_url: str, requests: int, settings: Mapping[str, Any]) -> Figures:
    async def crawl(requests: int) -> None:
        await Crawler(Bare, dict(settings)).crawl_async(base_url=base_url, requests=requests)

    asyncio.run(crawl(WARM_UP))
    return _timed(lambda: asyncio.run(crawl(requests)))


def _crawl_ours(base_url: str, requests: int) -> Figures:
    async def crawl(folder: Path, requests: int) -> None:
        topics = {f"topic-{i}": Topic(f"topic-{i}", f"Topic {i}", {"shelf": f"topic-{i}"}) for i in range(requests)}
        setup = Setup(Shelf, topics, endpoints={"base_url": base_url}, config="{}")
        with Journal.open(folder, writable=True) as journal:
            service = CrawlService(journal, MANNERS)
            await jobs.collect(service, setup, now=int(time.time()))
            service.shutdown()

    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
        Journal.open(Path(folder), writable=True).close()  # making its tables is not part of a crawl
        asyncio.run(crawl(Path(other), WARM_UP))
        figures = _timed(lambda: asyncio.run(crawl(Path(folder), requests)))
        with Journal.open(Path(folder)) as journal, journal.read() as connection:
            stored = len(frames.points(connection, [int(i) for i in frames.catalogue(connection)["id"]]))
            captured = int(connection.exec_driver_sql("SELECT count(*) FROM evidence WHERE kind = 'capture'").scalar() or 0)
    if (stored, captured) != (requests, requests):
        raise RuntimeError(f"{requests} requests gave {stored} figures and {captured} captures")
    return figures


def _timed(work: Callable[[], object]) -> Figures:
    started, cpu = time.perf_counter(), time.process_time()
    work()
    return {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}


CRAWLS: dict[str, Callable[[str, int], Figures]] = {
    "ours": _crawl_ours,
    "bare": lambda url, n: _crawl_bare(url, n, BARE),
    "lean": lambda url, n: _crawl_bare(url, n, _lean()),
}


def _lean() -> dict[str, Any]:
    """Our settings without what is ours: Scrapy as it would be trimmed by hand."""
    lean = settings_for(MANNERS, delay=0.0)
    ours = {k: None for k in lean["DOWNLOADER_MIDDLEWARES"] if k.startswith("crawlers.")}
    return lean | {"DOWNLOADER_MIDDLEWARES": lean["DOWNLOADER_MIDDLEWARES"] | ours, "ITEM_PIPELINES": {}, "DOWNLOAD_HANDLERS": {}}


def whole_path(requests: int = 2000, rounds: int = 5) -> list[Row]:
    """Capture, parse and journal every response, against Scrapy's own defaults and a callback that does nothing."""
    found: dict[str, list[Figures]] = {name: [] for name in CRAWLS}
    with _beside(_serve) as server:
        base_url = f"http://127.0.0.1:{server.recv()}"
        for i in range(rounds):
            for name in list(CRAWLS)[:: 1 if i % 2 else -1]:
                found[name].append(_in_process(name, base_url, requests))
                server.send("how many?")
                if (served := server.recv()) != WARM_UP + requests:
                    raise RuntimeError(f"{name}: {served} requests instead of {requests} reached the server")
    best = {name: {key: min(f[key] for f in figures) for key in ("seconds", "cpu")} for name, figures in found.items()}
    words = {name: f"{requests / b['seconds']:,.0f} req/s, {b['cpu'] / requests * 1e6:,.0f} µs CPU" for name, b in best.items()}
    size = f"{requests:,} local requests of {len(_Answer.body):,} bytes, {CONCURRENCY} at once, the best of {rounds} interleaved rounds"
    ratio = best["bare"]["seconds"] / best["ours"]["seconds"]
    return [
        Row(
            "Capture, parse and journal a response",
            words["ours"],
            words["bare"],
            ratio,
            f"at least {OF_BARE}",
            ratio >= OF_BARE,
            f"{size}; politeness off; against bare Scrapy (reactorless, its default middlewares, a callback that does nothing, no log)",
        ),
        Row(
            "… against Scrapy trimmed by hand",
            words["ours"],
            words["lean"],
            best["lean"]["seconds"] / best["ours"]["seconds"],
            note="the same; the baseline has our settings: no middleware that is not needed, and CONCURRENT_ITEMS = 1 instead of 100,"
            " which makes that many tasks for each response and is most of what bare Scrapy costs more",
        ),
    ]


def _in_process(name: str, base_url: str, requests: int) -> Figures:
    command = [sys.executable, "-m", "benchmarks.bench_crawl", "--crawl", name, base_url, "--requests", str(requests)]
    figures: Figures = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
    return figures


# A day's collection by the command, as a user runs it

CONFIG = """
[store]
path = "store"

[crawl]
delay = 0.0

[sources.github]
base_url = "{url}"

[baskets.all]
topics = {keys}
"""
WATCH = """
import json, resource, subprocess, sys, time
started = time.perf_counter()
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"code": code, "seconds": time.perf_counter() - started, "cpu": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss}))
"""  # a small process in between, because a child's peak begins with the memory of who forks it


def _serve_github(pipe: Connection, topics: int) -> None:
    """GitHub as the tests model it, with made-up repositories; tells its URL, then what it was asked."""
    with FakeGitHub(int(time.time())) as github:
        for i in range(topics):
            github.add(f"made-up/topic-{i}", days=60)
        pipe.send((github.url, github.token))
        while pipe.recv():
            asked = [a.path for a in github.asked()]
            stars = {r.full_name.partition("/")[2]: float(r.stars) for r in github.repos.values()}
            pipe.send((len(asked), sum(path == "/graphql" for path in asked), stars))


def collecting(topics: int = 1000) -> list[Row]:
    """``uptake collect github`` with a token, in a process of its own: seconds, peak memory, requests; and once more."""
    keys = [f"topic-{i}" for i in range(topics)]
    with _beside(_serve_github, topics) as server, tempfile.TemporaryDirectory() as folder:
        url, token = server.recv()
        names = "".join(f'\n[topics.{key}]\ngithub = "made-up/{key}"\n' for key in keys)
        Path(folder, "uptake.toml").write_text(CONFIG.format(url=url, keys=json.dumps(keys)) + names, encoding="utf-8")
        first, second = (_watched([*UPTAKE, "collect", "github"], folder, {"UPTAKE_GITHUB_TOKEN": token}) for _ in range(2))
        server.send("how many?")
        requests, queries, stars = server.recv()
        with Journal.open(Path(folder, "store")) as journal, journal.read() as connection:
            known = frames.catalogue(connection, metric="github.stars")
            values = frames.points(connection, [int(i) for i in known["id"]])
            wrong = stars != dict(zip(known["topic"], values["value"], strict=True))
    if first["code"] or second["code"] or wrong:
        raise RuntimeError(
            f"collecting gave exit codes {first['code']:.0f} and {second['code']:.0f}, figures {'wrong' if wrong else 'right'}"
        )
    least = -(-topics // 50)
    size = f"{topics:,} repositories with a token; all {requests:,} requests, {queries} of them GraphQL, in the first call"
    return [
        Row("`uptake collect` of many topics", f"{first['seconds']:.1f} s, {first['cpu']:.1f} s CPU", note=f"{size}; two requests at once"),
        Row("… its peak memory", f"{first['peak']:.0f} MB", note="resident, from the start of the process to its end"),
        Row("… GraphQL requests", f"{queries}", f"{least}", target=f"{least}, 50 repositories each", met=queries == least),
        Row("… called again", f"{second['seconds']:.1f} s", note="everything has its figure: nothing is asked"),
    ]


UPTAKE = [sys.executable, "-c", "from scheduler.cli import main; main()"]


def _watched(command: Sequence[str], folder: str, environment: Mapping[str, str]) -> Figures:
    """Run a command; its exit code, seconds, seconds of CPU and peak memory in MB."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    done = subprocess.run([sys.executable, "-c", WATCH, *command], cwd=folder, env=environment, check=True, stdout=subprocess.PIPE)
    figures: Figures = json.loads(done.stdout)
    figures["peak"] /= 1e6 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--topics", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--crawl", nargs=2, metavar=("WHICH", "URL"), help=argparse.SUPPRESS)  # one crawl, for its own process
    options = parser.parse_args()
    if options.crawl:
        which, url = options.crawl
        print(json.dumps(CRAWLS[which](url, options.requests)))
        return
    for row in [*whole_path(options.requests, options.rounds), *collecting(options.topics)]:
        print(row)


if __name__ == "__main__":
    main()
