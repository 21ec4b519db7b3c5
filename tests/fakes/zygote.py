"""Forks a child for each run (`tests.fakes.forking`), which may be told to kill itself.

Orders are ``{"folder", "store", "url", "now", "topics", "kill": [place, n, when] | null}`` for one ``collect`` of GitHub, or
``{"words": [...], "kill": ...}`` for what the words tell `uptake` to do.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import ssl
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from crawlers.engine import CrawlService
from crawlers.spiders.github import GitHub
from scheduler import jobs
from scheduler.cli.main import run
from scheduler.setups import Setup
from storage.journal import Journal
from storage.model import Topic
from tests.fakes.forking import serve
from tests.fakes.killing import kill_at
from tests.harness import FAST


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


def child(order: dict[str, Any]) -> int:
    if order["kill"]:
        kill_at(*order["kill"])
    if "words" in order:
        with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
            return run(order["words"])
    collect(Path(order["folder"]), order.get("store"), order["url"], order["now"], order["topics"])
    return 0


if __name__ == "__main__":
    importlib.import_module("alembic.command")
    ssl.SSLContext.set_default_verify_paths = lambda *_: None  # type: ignore[method-assign]  # nothing here speaks TLS, and it costs 0.1 s a crawl
    serve(child)
