"""The web over a large journal: pages and points beside a bare route with the same bytes, and what a browser sees.

python -m benchmarks.bench_web [--series 10000] [--days 1826] [--seconds 4]
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

import psutil

from benchmarks import Row
from benchmarks.bench_journal import METRICS, START, _fill
from storage.periods import DAY, day

ROOT = Path(__file__).parent.parent
PROGRAM = [sys.executable, "-c", "from scheduler.cli import main; main()"]
READERS = 8  # connections that ask at once
BASKET = 50  # topics of the basket
BARE = """
import asyncio, sys
from pathlib import Path
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from scheduler.web.server import Web, listen
body = Path(sys.argv[1]).read_bytes()
async def same(_request):
    return Response(body, media_type=sys.argv[2], headers={"Content-Encoding": "gzip"})
async def main():
    web = Web(Starlette(routes=[Route("/{rest:path}", same)]), listen("127.0.0.1", 0))
    web.start()
    print("shows", web.url + "/", flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What readers saw: answers a second, the 99th percentile of the seconds that one took, and one of the answers."""

    rate: float
    p99: float
    body: bytes
    media: str


@contextmanager
def started(command: list[str], pattern: str = r"(http://[^/ ]+)/", **environment: str) -> Iterator[tuple[str, int]]:
    """A server's process: its address and its id."""
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = next(m[1] for line in process.stdout if (m := re.search(pattern, line)))
            yield found, process.pid
        finally:
            process.kill()


async def _read(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields = {name.casefold(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    return int(head[0].split()[1]), fields, await reader.readexactly(int(fields.get("content-length", "0")))


async def _ask(url: str, paths: list[str], seconds: float, readers: int) -> Load:
    """Ask for paths in turn, over and over; over connections that stay."""
    host, port = url.removeprefix("http://").split(":")
    took: list[float] = []
    last: tuple[bytes, str] = (b"", "")
    end = time.perf_counter() + seconds

    async def reads(number: int) -> None:
        nonlocal last
        reader, writer = await asyncio.open_connection(host, int(port))
        i = number
        while i == number or time.perf_counter() < end:
            begun = time.perf_counter()
            writer.write(f"GET {paths[i % len(paths)]} HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: gzip\r\n\r\n".encode())
            status, fields, body = await _read(reader)
            if status != 200:
                raise RuntimeError(f"{paths[i % len(paths)]} answered {status}: {body[:300]!r}")
            took.append(time.perf_counter() - begun)
            last = (body, fields["content-type"])
            i += readers
        writer.close()

    begun = time.perf_counter()
    await asyncio.gather(*(reads(n) for n in range(readers)))
    took.sort()
    return Load(len(took) / (time.perf_counter() - begun), took[min(len(took) - 1, int(len(took) * 0.99))], *last)


def load(url: str, paths: list[str], seconds: float, readers: int = READERS) -> Load:
    return asyncio.run(_ask(url, paths, seconds, readers))


def configured(folder: Path) -> Path:
    topics = [f"topic-{n}" for n in range(BASKET)]
    text = "[http]\nport = 0\n[baskets.large]\ntopics = [" + ", ".join(f'"{t}"' for t in topics) + "]\n"
    text += "".join(f'[topics.{t}]\ntitle = "Topic {t[6:]}"\n' for t in topics)
    file = folder / "uptake.toml"
    file.write_text(text, encoding="utf-8")
    return file


def serving(series: int = 10_000, days: int = 1826, seconds: float = 4.0) -> list[Row]:
    """Answers that were made before, answers that nobody asked for before, and what a browser sees."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _fill(folder / "data", series, days)
        size = f"{series:,} series of {days:,} days"
        with started([*PROGRAM, "--config", str(configured(folder)), "serve"]) as (url, pid):
            load(url, ["/static/app.css"], 0.1, 1)  # a process that makes pages is there
            rows = [row for what, path in _asked().items() for row in _beside(folder, url, what, path, size, seconds)]
            rows += _fresh(url, days, seconds, size)
            rows.append(_memory(pid))
            rows += _browser(url)
    return rows


def _asked() -> dict[str, str]:
    topics = [("topic", f"topic-{n}") for n in range(BASKET)]
    return {
        f"Basket page, {BASKET} topics": "/baskets/large?" + urlencode({"series": METRICS[0]}),
        "Points of one topic, JSON": "/api/v1/points?topic=topic-7&limit=100000",
        f"Points of {BASKET} topics, CSV": "/api/v1/points?"
        + urlencode([("metric", METRICS[0]), *topics, ("format", "csv"), ("limit", "100000")]),
    }


def _beside(folder: Path, url: str, what: str, path: str, size: str, seconds: float) -> list[Row]:
    """One answer, asked for over and over, against a bare route with the same bytes; and the first time."""
    begun = time.perf_counter()
    load(url, [path], 0.001, 1)
    first = time.perf_counter() - begun
    ours = load(url, [path], seconds)
    (folder / "body").write_bytes(ours.body)
    with started([sys.executable, "-c", BARE, str(folder / "body"), ours.media.partition(";")[0]]) as (bare_url, _):
        bare = load(bare_url, ["/"], seconds)
    note = f"{size}; {len(ours.body) / 1000:,.0f} kB sent, {len(gzip.decompress(ours.body)) / 1000:,.0f} kB unpacked; {READERS} readers"
    return [
        Row(
            what,
            f"{ours.rate:,.0f} a second, p99 {ours.p99 * 1000:.0f} ms",
            f"{bare.rate:,.0f} a second, p99 {bare.p99 * 1000:.0f} ms",
            ours.rate / bare.rate,
            note=f"{note}; against a bare route with the same bytes",
        ),
        Row("… the first time", f"{first:.2f} s", note="nobody had asked for it; read, drawn and written"),
    ]


def _fresh(url: str, days: int, seconds: float, size: str) -> list[Row]:
    """Pages that nobody asked for before, and what the loop does meanwhile: its answers to /healthz."""

    async def both() -> tuple[Load, Load]:
        paths = [f"/baskets/large?series={METRICS[0]}&from={day(START + n * DAY)}" for n in range(1, days - 60)]
        return tuple(await asyncio.gather(_ask(url, paths, 2 * seconds, 4), _ask(url, ["/healthz"], 2 * seconds, 1)))  # type: ignore[return-value]

    pages, light = asyncio.run(both())
    return [
        Row("Basket pages that nobody asked for before", f"{pages.rate:.1f} a second, p99 {pages.p99:.1f} s", note=f"{size}; 4 readers"),
        Row(
            "… /healthz meanwhile",
            f"p99 {light.p99 * 1000:.0f} ms",
            target="under 100 ms",
            met=light.p99 < 0.1,
            note="the loop that crawls is the loop that answers this",
        ),
    ]


def _memory(pid: int) -> Row:
    process = psutil.Process(pid)
    makers = [c.memory_info().rss / 1e6 for c in process.children(recursive=True)]
    own = process.memory_info().rss / 1e6
    return Row(
        "Memory of the process that answers",
        f"{own:.0f} MB",
        note=f"those that make pages: {', '.join(f'{m:.0f} MB' for m in makers)}; they end when idle",
    )


def _browser(url: str) -> list[Row]:
    """First paint and bytes of each page in headless Chromium, nothing in its cache."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        return []
    from playwright.sync_api import sync_playwright

    series = quote(f'{METRICS[0]}{{topic="topic-7"}}')
    paths = {"/": "/", "basket": f"/baskets/large?series={METRICS[0]}", "topic": "/topics/topic-7", "series": f"/series?name={series}"}
    paths |= {"coverage": "/coverage", "sources": "/sources", "API": "/api"}
    rows = []
    load(url, list(paths.values()), 0.001, len(paths))  # made before: what is looked at is the browser's part
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for name, path in paths.items():
            paints, kilobytes = [], 0.0
            for _ in range(3):
                context = browser.new_context()
                page = context.new_page()
                page.goto(url + path)
                if page.locator("#chart").count():
                    page.wait_for_selector("#chart[data-drawn]")
                script = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
                paints.append(float(page.evaluate(script)))
                kilobytes = float(page.evaluate("performance.getEntries().reduce((n, e) => n + (e.transferSize || 0), 0)")) / 1000
                context.close()
            rows.append(
                Row(f"First paint: {name}", f"{statistics.median(paints):.0f} ms", note=f"median of 3; {kilobytes:,.0f} kB sent in all")
            )
        browser.close()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=1826)
    parser.add_argument("--seconds", type=float, default=4.0)
    options = parser.parse_args()
    for row in serving(options.series, options.days, options.seconds):
        print(row)


if __name__ == "__main__":
    main()
