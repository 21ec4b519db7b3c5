"""A simulated week of 100,000 topics: the real plan, crawls and journal, on a clock that passes as fast as they are done.

    python -m benchmarks.bench_week [--topics 100000] [--days 7] [--budget 10000] [--alone]

Four sources with their own allowances, asked without pauses; the server answers in a process of its own, from a formula, so that what
the journal holds in the end can be compared with it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import re
import resource
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from sqlalchemy import Connection as AnyConnection

from benchmarks import Row
from crawlers.catalog import sources
from crawlers.job import Manners
from scheduler.demo.driving import Appointment, Clock, Drive, Road
from scheduler.setups import Setup
from scheduler.visits import Visit
from storage.journal import Journal
from storage.model import Topic
from storage.periods import DAY, day, read_time
from tests.fakes.postgres import running

ROOT = Path(__file__).parent.parent
START = 1_795_132_800  # 2026-11-20 00:00 UTC
TOPICS, DAYS = 100_000, 7
BUDGET = 10_000  # requests a day to Hacker News, whose allowance is for more than a second each
NAMES = ("pypi", "stackoverflow", "huggingface", "hacker_news")
SIGNALS = ("pypi", "stackoverflow", "huggingface", "search")
CONTROL = "boto3"
_HEAD = {"created_at_i": START, "author": "whoishiring"}
THREAD = {"objectID": "77", "title": "Ask HN: Who is hiring? (November 2026)", "num_comments": 300, **_HEAD}
POSTINGS = [
    {
        "objectID": str(1000 + n),
        "parent_id": 77,
        "story_id": 77,
        "comment_text": f"Somebody | Remote | name{n} and name{n * n} wanted",
        **_HEAD,
    }
    for n in range(300)
]
_SPAWN = multiprocessing.get_context("spawn")
_QUERY = re.compile(r"IN \(([^)]*)\) AND date BETWEEN '([\d-]+)' AND '([\d-]+)'")


# The services


def count(*what: object) -> int:
    """What the services answer about something."""
    return zlib.crc32(":".join(map(str, what)).encode()) % 9_000 + 1_000


def answer(path: str, query: dict[str, str], body: bytes) -> Any:
    """What a request is answered with, in the shape of the service that has such an address."""
    if path == "/robots.txt":
        return None
    if path.startswith("/2.3/tags/"):
        tags = unquote(path.split("/")[3]).split(";")
        return {"items": [{"name": tag, "count": count("tag", tag)} for tag in tags], "has_more": False, "quota_remaining": 9_000}
    if path.startswith("/2.3/"):
        return {"total": count("questions", query.get("tagged", ""), query["fromdate"]), "quota_remaining": 9_000}
    if path == "/models-json":
        name = query.get("library")
        return {"models": [{"id": "one"}], "numTotalItems": 2_000_000 if name is None else count("models", name)}
    if "whoishiring" in query.get("tags", ""):
        return {"nbHits": 1, "exhaustiveNbHits": True, "nbPages": 1, "hits": [THREAD]}
    if path == "/api/v1/search":
        return {"nbHits": len(POSTINGS), "exhaustiveNbHits": True, "nbPages": 1, "hits": POSTINGS}
    if path == "/api/v1/search_by_date":
        name, since = query.get("query", "").strip('"'), re.findall(r"created_at_i>=(\d+)", query.get("numericFilters", ""))
        return {"nbHits": count("stories", name, *since), "exhaustiveNbHits": True, "hits": []}
    return _downloads(body.decode())


def _downloads(sql: str) -> Any:
    match = _QUERY.search(sql)
    if match is None:
        return None
    first, last = read_time(match[2]), read_time(match[3])
    days = [(day(t), t) for t in range(first, last + 1, DAY)]
    names = sorted(re.findall(r"'([^']*)'", match[1]))
    data = [[n, [[said, 3_000_000 if n == CONTROL else count("downloads", n, t)] for said, t in days]] for n in names]
    meta = [{"name": "project"}, {"name": "days"}]
    return {"meta": meta, "data": data, "rows": len(data), "statistics": {"rows_read": 40_960}}


class _Web(asyncio.Protocol):
    """HTTP/1.1, as little of it as a client that is ours needs."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        self._rest += data
        while b"\r\n\r\n" in self._rest:
            head, rest = self._rest.split(b"\r\n\r\n", 1)
            length = re.search(rb"(?i)content-length: *(\d+)", head)
            size = int(length[1]) if length else 0
            if len(rest) < size:
                return
            self._rest = rest[size:]
            self._answer(head.split(b" ", 2)[1].decode(), rest[:size])

    def _answer(self, address: str, body: bytes) -> None:
        parts = urlsplit(address)
        found = answer(parts.path, {k: v[-1] for k, v in parse_qs(parts.query).items()}, body)
        said = json.dumps(found).encode() if found is not None else b""
        status = b"200 OK" if said else b"404 Not Found"
        self._transport.write(b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (status, len(said), said))


def _serve(pipe: Connection) -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(_Web, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await asyncio.to_thread(pipe.recv)

    asyncio.run(main())


@contextmanager
def _services() -> Iterator[str]:
    """The services' address."""
    here, there = _SPAWN.Pipe()
    process = _SPAWN.Process(target=_serve, args=(there,), daemon=True)
    process.start()
    there.close()
    try:
        yield f"http://127.0.0.1:{here.recv()}"
    finally:
        process.terminate()
        process.join()


# The week


@dataclass
class Week(Road):
    """What is noted on the way."""

    tell: bool = False
    requests: int = 0
    new: int = 0
    visits: int = 0
    idle: float = 0.0  # CPU seconds of visits that asked nothing
    _last: float = field(default_factory=time.process_time)

    async def visited(self, setup: Setup, visit: Visit) -> None:
        now = time.process_time()
        spent, self._last = now - self._last, now
        asked, new = (sum(r.requests for r in visit.reports), sum(r.tally.changes.new for r in visit.reports))
        self.visits, self.requests, self.new = self.visits + 1, self.requests + asked, self.new + new
        self.idle += 0.0 if asked else spent
        if self.tell:
            missing = dict(sum((Counter(r.tally.missing) for r in visit.reports), Counter[str]()))
            said = f"{asked:,} requests, {new:,} new figures, without a number {missing}, {sum(r.waiting for r in visit.reports):,} wait"
            print(f"day {(visit.time - START) / DAY:.2f}, {setup.name}: {spent:.1f} s of CPU, {said}", file=sys.stderr, flush=True)


def week_here(folder: str, url: str, base: str, topics: str, days: str, budget: str, tell: str) -> None:
    """The week, in a process of its own, for its memory. Prints what it came to."""
    known = {f"t{n}": Topic(f"t{n}", f"T{n}", dict.fromkeys(SIGNALS, f"name{n}")) for n in range(int(topics))}
    options: dict[str, dict[str, object]] = {"stackoverflow": {"key": "of-nobody"}}
    appointments = {}
    for name in NAMES:
        cls = sources()[name]
        mine = int(budget) if name == "hacker_news" else None
        setup = Setup(cls, known, dict.fromkeys(cls.endpoints, base), options.get(name, {}), budget=mine, config="{}")
        appointments[name] = Appointment(setup, cls.schedule)
    road, store = Week(bool(tell)), Journal.open(Path(folder), url or None, writable=True)
    store.close()
    began, cpu = time.perf_counter(), time.process_time()
    manners = Manners(delay=0.0, obey_robots=False, concurrency=16)
    asyncio.run(Drive(Path(folder), appointments, manners, road, Clock(START), url or None).until(START + int(days) * DAY))
    found = {
        "wall": time.perf_counter() - began,
        "cpu": time.process_time() - cpu,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "visits": road.visits,
        "requests": road.requests,
        "new": road.new,
        "idle": road.idle,
    }
    with Journal.open(Path(folder), url or None) as journal, journal.read() as connection:
        print(json.dumps(found | _audited(connection)))


def _audited(connection: AnyConnection) -> dict[str, int]:
    """Every daily figure against the formula; and that no run is left open, and each planned figure has its end."""
    wrong = compared = 0
    for metric, what in (("pypi.downloads", "downloads"), ("stackoverflow.questions", "questions"), ("hacker_news.stories", "stories")):
        rows = connection.exec_driver_sql(_FIGURES, (metric,)).all()
        assert rows, f"no figure of {metric}"
        compared += len(rows)
        wrong += sum(value != count(what, f"name{topic[1:]}", moment) for topic, moment, value in rows)
    assert not wrong, f"{wrong} of {compared} figures are not what was answered"
    unfinished = connection.exec_driver_sql("SELECT count(*) FROM runs WHERE finished_seq IS NULL").scalar()
    assert not unfinished, f"{unfinished} runs were left open"
    return {"compared": compared}


_FIGURES = "SELECT s.topic, p.time, p.value FROM points p JOIN series s ON s.id = p.series_id WHERE s.metric = ? AND s.topic != ''"


def week(topics: int = TOPICS, days: int = DAYS, budget: int = BUDGET, *, url: str = "", tell: bool = False) -> dict[str, float]:
    """What a week came to, with the size of its folder in bytes."""
    code = "import sys; from benchmarks.bench_week import week_here; week_here(*sys.argv[1:])"
    with tempfile.TemporaryDirectory() as folder, _services() as base:
        words = [folder, url, base, *map(str, (topics, days, budget)), "yes" if tell else ""]
        done = subprocess.run([sys.executable, "-c", code, *words], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
        sizes = {"journal": "*.sqlite3*", "responses": "captures/**/*"}
        found = {name: sum(f.stat().st_size for f in Path(folder).glob(some) if f.is_file()) for name, some in sizes.items()}
    return json.loads(done.stdout) | found


def passing(topics: int = TOPICS, days: int = DAYS, budget: int = BUDGET) -> list[Row]:
    """The week with the journal on PostgreSQL, against the same with the journal in a file."""
    alone = week(topics, days, budget)
    with running() as server:
        found = week(topics, days, budget, url=server.database("week"))
    what = f"A simulated week of {topics:,} topics" if days == DAYS else f"{days} simulated days of {topics:,} topics"
    sizes = f"responses {found['responses'] / 1e6:,.0f} MB, the journal in a file {alone['journal'] / 1e6:,.0f} MB"
    return [
        Row(
            f"{what}, journal on PostgreSQL",
            f"{found['wall']:.0f} s",
            f"{alone['wall']:.0f} s",
            alone["wall"] / found["wall"],
            note=f"{len(NAMES)} sources; {found['requests']:,} requests, {found['new']:,} figures; baseline: journal in a file",
        ),
        Row("… CPU", f"{found['cpu']:.0f} s", f"{alone['cpu']:.0f} s", alone["cpu"] / found["cpu"], note="of one core, in the week"),
        Row("… of that, visits that found nothing to ask", f"{found['idle']:.0f} s", f"{alone['idle']:.0f} s"),
        Row("… memory", f"{found['memory']:.0f} MB", f"{alone['memory']:.0f} MB", note=sizes),
        Row("… figures compared with what was answered", f"{found['compared']:,}", f"{alone['compared']:,}", note="all are equal"),
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--topics", type=int, default=TOPICS)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--budget", type=int, default=BUDGET)
    parser.add_argument("--alone", action="store_true", help="only with the journal in a file, telling each visit")
    chosen = parser.parse_args()
    if chosen.alone:
        print(week(chosen.topics, chosen.days, chosen.budget, tell=True))
    else:
        for row in passing(chosen.topics, chosen.days, chosen.budget):
            print(row)
