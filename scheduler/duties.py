"""What the daemon does besides visiting sources: each a name, a cron line in UTC, and work that tells what it came to."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from scheduler.config import Config

Work = Callable[[int], Awaitable[str]]  # the present in epoch seconds -> a sentence, empty where there is nothing to say


@dataclass(frozen=True, slots=True)
class Duty:
    """Something that is done on a schedule (cron, UTC)."""

    name: str
    schedule: str
    work: Work


def duties(settings: Config) -> list[Duty]:
    """All duties of a configuration."""
    found = [Duty("housekeeping", "50 4 * * *", lambda _now: command(settings, ["vacuum", "--quick"]))]
    if settings.daemon.report:
        found.append(Duty("report", settings.daemon.report, lambda _now: command(settings, ["report"])))
    return found


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


__all__ = ["Duty", "Work", "command", "duties"]
