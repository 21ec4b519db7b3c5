"""What the daemon does besides visiting sources: each a name, a cron line in UTC, and work that tells what it came to."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from crawlers.locks import address
from scheduler.catchup import DAEMON
from scheduler.config import Config
from scheduler.digest_periods import latest
from storage import digests, sendings
from storage.journal import Journal
from storage.lookups import head, recall_text
from storage.model import Remember

LOOKED = "alerts"  # up to which sequence it was looked for alerts

Work = Callable[[int], Awaitable[str]]  # the present in epoch seconds -> a sentence, empty where there is nothing to say


@dataclass(frozen=True, slots=True)
class Duty:
    """Something that is done on a schedule (cron, UTC)."""

    name: str
    schedule: str
    work: Work


def duties(settings: Config, journal: Journal) -> list[Duty]:
    """All duties of a configuration."""
    found = [Duty("housekeeping", "50 4 * * *", lambda _now: command(settings, ["vacuum", "--quick"]))]
    if settings.influxdb is not None and settings.daemon.engine != "embedded":  # else the daemon sends all the time
        found.append(Duty("send", "* * * * *", lambda _now: asyncio.to_thread(_send, settings, journal)))
    if settings.daemon.report:
        found.append(Duty("report", settings.daemon.report, lambda _now: command(settings, ["report"])))
    if settings.digest.baskets:
        found.append(Duty("digest", "* * * * *", lambda now: _digest(settings, journal, now)))
        if settings.alerts is not None:
            found.append(Duty("alerts", "25 * * * *", lambda now: _alerts(settings, journal, now)))
    return found


def own_duties(settings: Config, journal: Journal) -> list[Duty]:
    """What each machine does for itself, of those that share a journal on PostgreSQL: its disk is its own, whatever lies elsewhere."""
    if address(journal) is None:
        return []
    return [Duty("tidying up this machine's disk", "20 4 * * *", lambda _now: command(settings, ["vacuum", "--quick", "--here"]))]


async def _digest(settings: Config, journal: Journal, now: int) -> str:
    """Make and send the digest whose time has come, and try again whom it has not reached."""
    with journal.read() as connection:
        wanted = digest_due(connection, settings, now)
    return await command(settings, ["digest", "--send", "--due"]) if wanted else ""


def digest_due(connection: Connection, settings: Config, now: int) -> bool:
    """Whether there is anything for `scheduler.sending.send_due` to do. Cheap: asked each minute."""
    if sendings.listed(connection, due=now):
        return True
    period = latest(settings.digest.schedule, settings.digest.timezone, now)
    born = connection.exec_driver_sql("SELECT min(recorded_at) FROM commits").scalar()
    if period is None or born is None or born > period.time:
        return False
    return any(digests.find(connection, digests.DIGEST, basket, period.key) is None for basket in settings.digest.baskets)


def _send(settings: Config, journal: Journal) -> str:
    """Send what waits for the server of ``[influxdb]``."""
    from storage.influx.sink import Sink

    assert settings.influxdb is not None
    sink = Sink(journal, settings.influxdb)
    try:
        standing = sink.drain()
        return "" if standing.done else " ".join(standing.words())
    finally:
        sink.close()


async def _alerts(settings: Config, journal: Journal, now: int) -> str:
    """Look for what cannot wait, if anything was written since it was looked for last."""
    with journal.read() as connection:
        newest, seen = head(connection), recall_text(connection, DAEMON, LOOKED)
    if seen is not None and int(seen) >= newest:
        return ""
    said = await command(settings, ["digest", "--send", "--due", "--alerts"])
    with journal.write(now=now) as tx:
        tx.remember(DAEMON, Remember(LOOKED, head(tx.connection)))
    return said


async def command(settings: Config, words: Sequence[str]) -> str:
    """Run a command of Uptake in a process of its own, so that its memory goes with it. Gives its last line; a failure raises."""
    program = [sys.executable, "-c", "from scheduler.cli import main; main()", "--config", str(settings.path), *words]
    process = await asyncio.create_subprocess_exec(*program, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    try:
        out, err = await process.communicate()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        raise
    lines = [line for line in (out if process.returncode == 0 else err).decode("utf-8", "replace").splitlines() if line.strip()]
    said = lines[-1].strip() if lines else ""
    if process.returncode != 0:
        raise RuntimeError(f"`uptake {' '.join(words)}` ended with {process.returncode}: {said}")
    return said


__all__ = ["Duty", "Work", "command", "duties", "own_duties"]
