"""One daemon per journal: the second refuses to start and names the first.

On one machine a lock on a file says so (`sole`), and for a journal on PostgreSQL, over all machines, a lease too (`sole_on`).
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from crawlers.locks import address, alone
from storage.grips import Leased
from storage.journal import Journal
from storage.keeper import Keeper
from storage.leases import LIFE
from storage.model import UptakeError
from storage.periods import iso

logger = logging.getLogger(__name__)

DAEMON = "daemon"
LOOKS = 20  # at the lease of another daemon, in its life


@contextmanager
def sole(folder: Path, now: int, *, among: bool = False) -> Iterator[None]:
    """Be the only daemon of a store's folder. Raises `UptakeError` where another one is at work.

    ``among``: be one of several that share a plan; only a daemon that wants to be alone is then another one.
    The lock goes with the process, however it ends; the note beside it only says who holds it.
    """
    note = folder / "locks" / "daemon.json"
    with alone(folder / "locks", "daemon", shared=among) as mine:
        if not mine:
            whose = "the engine procrastinate cannot join it" if among else "there can be one daemon for each journal"
            raise UptakeError(f"{_who(note)} is already at work on {folder}; {whose}. Stop that one first")
        try:
            note.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": now}), encoding="utf-8")
        except OSError as error:  # a full disk names no file
            raise UptakeError(f"cannot write {note}: {error.strerror or error}") from error
        try:
            yield
        finally:
            if not among or (_note(note).get("pid"), _note(note).get("host")) == (os.getpid(), socket.gethostname()):
                note.unlink(missing_ok=True)


@contextmanager
def sole_on(journal: Journal, *, life: float = LIFE, stop: Callable[[], None] | None = None) -> Iterator[None]:
    """Be the only daemon of a journal on PostgreSQL, on whatever machine; of another journal `sole` is enough.

    Raises `UptakeError` where another one is at work. One that died without a word is waited for, a lease's life at most: it
    does not renew its lease meanwhile, one that is alive does. While PostgreSQL is away the daemon stays, because each crawl
    has a lease of its own; if another daemon has come by then, this one is asked to stop (``stop``, by itself SIGTERM).
    """
    url = address(journal)
    if url is None:
        yield
        return

    def lost() -> None:
        logger.error("another `uptake run` has taken over this journal while PostgreSQL could not be reached from here; this one stops")
        (stop or _terminate)()

    keeper = Keeper(url, life=life, lost=lost)
    try:
        grip = _awaited(keeper)
        try:
            yield
        finally:
            keeper.drop(grip)
    finally:
        keeper.close()


def _awaited(keeper: Keeper) -> Leased:
    renewed_at = None
    while True:
        grip = keeper.take([DAEMON])
        if grip is not None:
            return grip
        other = keeper.look(DAEMON)
        if other is not None and renewed_at is not None and other.renewed_at != renewed_at:
            since = iso(int(other.taken_at))
            raise UptakeError(
                f"`uptake run` ({other.holder}, since {since}) is already at work on this journal; there can be one daemon for each"
                " journal, on whatever machine. Stop that one first"
            )
        if renewed_at is None:
            logger.warning("another `uptake run` was at work on this journal a moment ago; looking whether it still is")
        renewed_at = other.renewed_at if other is not None else renewed_at
        time.sleep(keeper.life / LOOKS)


def _terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def running(folder: Path) -> dict[str, object] | None:
    """Who the daemon of a folder is (pid, host, since), None if none runs."""
    if not (folder / "locks").is_dir():
        return None
    with alone(folder / "locks", "daemon") as free:
        return None if free else _note(folder / "locks" / "daemon.json")


def _note(file: Path) -> dict[str, object]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _who(file: Path) -> str:
    said = _note(file)
    since = said.get("since")
    if not said or not isinstance(since, int):
        return "another `uptake run`"
    return f"`uptake run` (process {said.get('pid')} on {said.get('host')}, since {iso(since)})"


__all__ = ["running", "sole", "sole_on"]
