"""What troubles the daemon: found again and again, told once. Pure but for what it is given to read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from crawlers.keep import Keep
from crawlers.uploads import Waiting
from scheduler.catchup import DAEMON
from scheduler.setups import Setup
from storage import absences
from storage.lookups import recall_text
from storage.periods import iso

KEY = "troubles"  # under which the daemon remembers them
GREEN, DEGRADED, RED = "green", "degraded", "red"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is wrong. ``grave``: nothing can be measured or kept while it lasts."""

    key: str
    text: str
    grave: bool = False


class Troubles:
    """Those that last. What began is told by `update` once, also over restarts: ``known`` maps keys to when they began."""

    def __init__(self, known: Mapping[str, int] | None = None) -> None:
        self.since: dict[str, int] = dict(known or {})
        self.now: dict[str, Trouble] = {}

    def update(self, kind: str, found: Iterable[Trouble], now: int) -> tuple[list[Trouble], list[str]]:
        """What is wrong of one kind (the keys that begin with it) is now just this. Gives what began, and the keys that are over."""
        present = {t.key: t for t in found}
        began = [t for t in present.values() if t.key not in self.since]
        over = [key for key in self.since if _of(key, kind) and key not in present]
        for trouble in began:
            self.since[trouble.key] = now
        for key in over:
            del self.since[key]
        self.now = {k: t for k, t in self.now.items() if not _of(k, kind)} | present
        return began, over

    @property
    def status(self) -> str:
        return RED if any(t.grave for t in self.now.values()) else DEGRADED if self.now else GREEN

    @property
    def reasons(self) -> list[str]:
        """In words, the grave ones first."""
        return [t.text for t in sorted(self.now.values(), key=lambda t: (not t.grave, self.since.get(t.key, 0), t.key))]


def _of(key: str, kind: str) -> bool:
    return key == kind or key.startswith(f"{kind}:")


def told(connection: Connection) -> dict[str, tuple[int, str]]:
    """The troubles that last, as the daemon noted them: since when (epoch seconds), and in words."""
    known = recall_text(connection, DAEMON, KEY)
    return {key: (int(since), str(text)) for key, (since, text) in json.loads(known).items()} if known else {}


def blind(connection: Connection, setup: Setup, after: int) -> list[Trouble]:
    """A source whose last ``after`` collections brought no figure at all."""
    if any(b.measured for b in absences.recent(connection, setup.name, 1)):
        return []
    last = absences.recent(connection, setup.name, after)
    if len(last) < after or any(b.measured or not b.finished for b in last):
        return []
    why = absences.last_reason(connection, last[0].run) if last else None
    said = f"; the last reason: {why[0].replace('_', ' ')}, {why[1]}" if why else ""
    text = f"{setup.source.title}: nothing could be measured in the last {after} collections, since {iso(last[-1].time)}{said}"
    return [Trouble(f"blind:{setup.name}", text)]


def disk(folder: Path, least: int) -> list[Trouble]:
    """A disk that is nearly full. ``least``: bytes that must stay free; below them nothing new is fetched."""
    usage = shutil.disk_usage(folder)
    free, mega = usage.free, 1_000_000
    if free < least:
        said = f"the disk of {folder} has {free // mega:,} MB left, less than the {least // mega:,} of [daemon] disk_free"
        return [Trouble("disk:full", f"{said}: nothing new is fetched until there is room", grave=True)]
    if free < 2 * least:
        return [
            Trouble(
                "disk:low", f"the disk of {folder} is nearly full: {free // mega:,} MB left; below {least // mega:,} nothing is fetched"
            )
        ]
    return []


def undelivered(keep: Keep, left: Waiting) -> list[Trouble]:
    """Raw responses that cannot be brought to where they are kept."""
    if not left.trouble:
        return []
    text = f"raw responses cannot be brought to where they are kept: {left.trouble}. {left.files:,} of their files wait in {keep.folder};"
    return [Trouble("responses", f"{text} measuring goes on, nothing is lost, and it is tried again")]


__all__ = ["DEGRADED", "GREEN", "RED", "Trouble", "Troubles", "blind", "disk", "told", "undelivered"]
