"""Brings closed capture files to the store of objects, on a thread of its own, again and again until they are there.

What lies in the folder of the keep waits: whether this process wrote it, or one that died. One process brings at a time.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace
from pathlib import Path

from crawlers.keep import Keep
from crawlers.locks import alone
from crawlers.object_store import StoreAwayError

logger = logging.getLogger(__name__)

PAUSE, LONGEST = 15, 1800  # seconds before the first new try, and before any; each pause is twice the one before
ENOUGH = 3  # files in a row that do not get there: then the rest would not either
IN_VAIN = 2  # passes after which it is a trouble; one that fails is tried again before anybody hears of it


@dataclass(frozen=True, slots=True)
class Waiting:
    """What has not got to the store of objects yet."""

    files: int = 0
    bytes: int = 0
    since: int | None = None  # epoch seconds, when the oldest of them was written last
    trouble: str = ""  # why the last pass did not bring everything
    failures: int = 0  # passes in vain, one after the other
    brought: int = 0  # files that have arrived, in all passes

    @property
    def lasting(self) -> bool:
        return self.failures >= IN_VAIN


def waiting(keep: Keep) -> Waiting:
    """What lies there to be brought; files that are being written count too."""
    found = keep.waiting()
    oldest = min((int(stat.st_mtime) for stat in found.values()), default=None)
    return Waiting(len(found), sum(stat.st_size for stat in found.values()), oldest)


def pause(failures: int) -> int:
    """Seconds until the next try after so many in vain."""
    return min(LONGEST, PAUSE << min(failures - 1, 16)) if failures else LONGEST


class Uploads:
    """``locks`` is the folder of the store's locks. For a keep that is a folder alone nothing is done."""

    def __init__(self, keep: Keep, locks: Path) -> None:
        self._keep, self._locks = keep, locks
        self._now = waiting(keep)
        self._wake, self._end = threading.Event(), False
        self._thread: threading.Thread | None = None

    def standing(self) -> Waiting:
        return replace(waiting(self._keep), trouble=self._now.trouble, failures=self._now.failures, brought=self._now.brought)

    def step(self, enough: int = ENOUGH) -> Waiting:
        """One pass over all that waits, up to so many in vain. Never raises for what the store does."""
        brought, trouble, in_a_row = 0, "", 0
        with alone(self._locks, "bringing-responses") as mine:
            for file in self._keep.waiting() if mine else ():
                if self._end or in_a_row == enough:
                    break
                try:
                    brought += self._keep.bring(file)
                    in_a_row = 0
                except (StoreAwayError, OSError) as error:
                    trouble, in_a_row = str(error), in_a_row + 1
            if mine and not trouble:
                self._keep.tidy()
        failures = self._now.failures + 1 if trouble else 0
        self._now = replace(waiting(self._keep), trouble=trouble, failures=failures, brought=self._now.brought + brought)
        return self._now

    def start(self) -> None:
        if self._keep.address is not None:
            self._thread = threading.Thread(target=self._run, name="bringing-responses", daemon=True)
            self._thread.start()

    def wake(self) -> None:
        """A file was closed. While the store is away its pause is kept: it is not asked more often for more files."""
        if not self._now.failures:
            self._wake.set()

    def stop(self, within: float) -> bool:
        """End after the file that is on its way. False if that takes longer; it is brought at the next start."""
        self._end = True
        self._wake.set()
        if self._thread is None:
            return True
        self._thread.join(within)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            self._wake.clear()
            if self._end:
                return
            try:
                self.step()
            except Exception:  # the disk of the copies is full, say; what waits still waits
                logger.exception("responses could not be brought to %s", self._keep.where)
                self._now = replace(self._now, trouble="an unexpected error; the log says which", failures=self._now.failures + 1)
            if self._now.failures:
                self._wake.clear()  # a file that was closed meanwhile waits like the others
            if not self._end:
                self._wake.wait(pause(self._now.failures))


def bring_all(keep: Keep, locks: Path) -> Waiting:
    """Bring what waits, once: for commands that end. ``files`` of what is told then are left."""
    return Uploads(keep, locks).step(enough=1) if keep.address is not None and any(keep.waiting()) else Waiting()


__all__ = ["Uploads", "Waiting", "bring_all", "pause", "waiting"]
