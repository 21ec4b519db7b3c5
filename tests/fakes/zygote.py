"""A small process that has imported everything, and forks a child for each run, which may be told to kill itself.

Commands are JSON lines on standard input: ``{"folder", "store", "url", "now", "topics", "kill": [place, n, when] | null}``, or
``{"words": [...], "kill": ...}``. A child does one ``collect`` of GitHub, or what the words tell `uptake` to do, and exits;
the answer is its wait status. ``place`` is a step of a slot's or a paper's life, ``n`` the how-manieth time it is taken,
``when`` before, during or after it.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import signal
import ssl
import sys
import threading
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from crawlers import recorder, warc_writer
from crawlers.engine import CrawlService
from crawlers.papers import library, source, text
from crawlers.spiders.github import GitHub
from scheduler import catchup, jobs, rereading
from scheduler.cli.main import run
from scheduler.setups import Setup
from storage import ledger
from storage.journal import Journal, Transaction
from storage.model import Topic
from tests.harness import FAST

STEPS: dict[str, tuple[Any, str]] = {
    "plan": (ledger, "open_run"),
    "capture": (warc_writer.CaptureWriter, "append"),
    "fsync": (warc_writer.CaptureWriter, "sync"),
    "commit": (recorder.Recorder, "_commit"),
    "put": (Transaction, "put"),
    "miss": (ledger, "end_slots"),
    "close": (recorder.Recorder, "_close"),
    "finish": (ledger, "finish_run"),
    "listing": (library.Library, "note_listing"),
    "extract": (text.Reader, "read_now"),
    "keep": (library.Library, "keep"),
    "count": (source, "tally"),
    "sheet": (source.PaperSource, "_keep"),
    "passed": (catchup, "note_downtime"),
    "again": (rereading, "_plan_again"),
    "remember": (Transaction, "remember"),
}


def kill_at(place: str, n: int, when: str) -> None:
    owner, name = STEPS[place]
    inner: Callable[..., Any] = getattr(owner, name)
    taken = 0

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal taken
        taken += 1
        this = taken == n  # another thread may take the step meanwhile
        if this and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        if this and when == "asleep":  # until SIGCONT; sent to this thread, which else would take some steps more
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
        if this and when == "torn":  # half a record reaches the disk
            writer = args[0]
            file = writer._open()
            start = file.tell()
            inner(*args, **kwargs)
            file.flush()
            os.truncate(file.name, (start + file.tell()) // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        if this and when == "during":
            threading.Timer(0.005, os.kill, (os.getpid(), signal.SIGKILL)).start()
        result = inner(*args, **kwargs)
        if this and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, wrapped)


def collect(folder: Path, store: str | None, url: str, now: int, topics: list[str]) -> None:
    async def main() -> None:
        with Journal.open(folder, store, writable=True) as journal:
            service = CrawlService(journal, FAST, clock=lambda: now, lease=6.0)  # of a killed process it is waited for
            setup = Setup(GitHub, {t: Topic(t, t, {"github": t}) for t in topics}, endpoints={"base_url": url}, config="{}")
            try:
                await jobs.collect(service, setup, now=now)
            finally:
                service.shutdown()

    asyncio.run(main())


def main() -> None:
    importlib.import_module("alembic.command")
    ssl.SSLContext.set_default_verify_paths = lambda *_: None  # type: ignore[method-assign]  # nothing here speaks TLS, and it costs 0.1 s a crawl
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                if order["kill"]:
                    kill_at(*order["kill"])
                if "words" in order:
                    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
                        code = run(order["words"])
                else:
                    collect(Path(order["folder"]), order.get("store"), order["url"], order["now"], order["topics"])
                    code = 0
            finally:
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{status}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
