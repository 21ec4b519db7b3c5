"""The web of a configuration and a journal: beside the daemon, or alone."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from crawlers.settings import program_version
from scheduler.allowance import budget
from scheduler.config import Config
from scheduler.sole import running
from scheduler.web.door import Door
from scheduler.web.front import Front
from scheduler.web.question import Setting
from scheduler.web.server import Web, listen
from storage.journal import Journal


def setting_of(settings: Config) -> Setting:
    """What pages need of a configuration, without its secrets."""
    from scheduler.cli.setting_up import describe

    sources = tuple(describe(s) for s in settings.sources.values())
    topics, baskets = dict(settings.topics), dict(settings.baskets)
    locked, version = settings.http_token is not None, program_version()
    return Setting(
        settings.store,
        str(settings.path),
        topics,
        baskets,
        sources,
        version,
        locked,
        keep=settings.elsewhere,
        store_url=settings.store_url,
    )


def front_of(
    settings: Callable[[], Config],
    journal: Journal,
    *,
    health: Callable[[], Mapping[str, Any]],
    metrics: Callable[[], Awaitable[bytes]],
    clock: Callable[[], float] = time.time,
) -> Front:
    """``settings`` gives the configuration that holds now; token and names are those of the start."""

    def left() -> dict[str, int]:
        now = int(clock())
        with journal.read() as connection:
            found = {setup.name: budget(connection, setup, now) for setup in settings().enabled()}
        return {name: max(0, count) for name, count in found.items() if count is not None}

    first = settings()
    return Front(
        setting=lambda: setting_of(settings()),
        sequence=journal.head,
        health=health,
        left=left,
        metrics=metrics,
        door=Door(first.http_token, (first.http.host, *first.http.names)),
        clock=clock,
    )


async def serve(settings: Config, journal: Journal, *, say: Callable[[str], None]) -> None:
    """Show what is there until SIGTERM or SIGINT."""

    def health() -> dict[str, Any]:
        return {"status": "green", "reasons": [], "next": {}, "daemon": running(settings.store) is not None}

    async def metrics() -> bytes:
        return b""  # nothing is measured here; the daemon's are the daemon's

    front = front_of(lambda: settings, journal, health=health, metrics=metrics)
    web = Web(front.application(), listen(settings.http.host, settings.http.port))
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    web.start()
    say(f"Uptake shows what was measured: {web.url}/ (Ctrl-C stops it)")
    await stop.wait()
    await web.stop()
    await front.close()


__all__ = ["front_of", "serve", "setting_of"]
