"""One daemon per journal: the second refuses to start and names the first.

On one machine a lock on a file says so (`sole`), and for a journal on PostgreSQL, over all machines, a lease too (`sole_on`).
Planners and workers that share a plan share either, so that a daemon that works by itself does not come between them.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from crawlers.locks import address, alone
from storage import shares
from storage.grips import Leased
from storage.journal import Journal
from storage.keeper import Keeper
from storage.leases import LIFE, Lease
from storage.model import UptakeError
from storage.periods import iso

logger = logging.getLogger(__name__)

DAEMON = "daemon"
LOOKS = 20  # at the lease of another daemon, in its life
NAMED = 3  # of many that are at work


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
def sole_on(journal: Journal, *, among: str = "", life: float = LIFE, stop: Callable[[], None] | None = None) -> Iterator[None]:
    """Be the only daemon of a journal on PostgreSQL, on whatever machine; of another journal `sole` is enough.

    ``among``: be one of several that share a plan, and be called so; only a daemon that works by itself is then another one.

    Raises `UptakeError` where another one is at work. One that died without a word is waited for, a lease's life at most: it
    does not renew its lease meanwhile, one that is alive does. While PostgreSQL is away the daemon stays, because each crawl
    has a lease of its own; if another daemon has come by then, this one is asked to stop (``stop``, by itself SIGTERM).
    """
    url = address(journal)
    if url is None:
        yield
        return

    def lost() -> None:
        who = "an `uptake run` that works by itself" if among else "another `uptake run`, or a worker,"
        logger.error("%s has taken over this journal while PostgreSQL could not be reached from here; this one stops", who)
        (stop or _terminate)()

    process = f"process {os.getpid()} on {socket.gethostname()}"
    keeper = Keeper(url, life=life, holder=f"{among}, {process}" if among else process, lost=lost)
    try:
        grip = _awaited(keeper, uuid.uuid4().hex if among else "")
        keeper.close()  # it needs one connection from now on, that of the renewals
        try:
            yield
        finally:
            keeper.drop(grip)
    finally:
        keeper.close()


def at_work(journal: Journal) -> list[str]:
    """Who is at work on a journal on PostgreSQL, or was a moment ago, on whatever machine: each in words."""
    with journal.read() as connection:
        return [_told(lease) for lease in shares.held(connection, DAEMON)]


def _awaited(keeper: Keeper, share: str) -> Leased:
    """The lease, or a share of it."""
    way = partial(shares.take_share, name=DAEMON, share=share) if share else partial(shares.take_alone, name=DAEMON)
    seen: dict[str, float] | None = None
    while True:
        grip = keeper.take_by(way)
        if grip is not None:
            return grip
        others = [lease for lease in keeper.look(DAEMON) if not share or lease.name == DAEMON]
        if seen is None:
            seen = {lease.name: lease.renewed_at for lease in others}
            logger.warning("%s was at work on this journal a moment ago; looking whether it still is", _named(others))
        alive = [lease for lease in others if seen.get(lease.name) != lease.renewed_at]
        if alive:
            raise UptakeError(_refusal(alive, others, share))
        time.sleep(keeper.life / LOOKS)


def _refusal(alive: Sequence[Lease], others: Sequence[Lease], share: str) -> str:
    """``alive``: those of the others that were seen to be at work."""
    if share:
        return f"{_named(alive)} is already at work on this journal; the engine procrastinate cannot join it. Stop that one first"
    if alive[0].name == DAEMON:
        return (
            f"{_named(alive)} is already at work on this journal; there can be one daemon for each journal, on whatever machine."
            " Stop that one first"
        )
    are = "are" if len(others) > 1 else "is"
    return (
        f"{_named(others)} {are} already at work on this journal with the engine procrastinate; an `uptake run` that works by itself"
        " cannot join, on whatever machine. Stop them first, or start this one with --engine procrastinate"
    )


def _named(others: Sequence[Lease]) -> str:
    """A few of them by name."""
    first = sorted(others, key=lambda lease: (lease.taken_at, lease.name))[:NAMED]
    more = [f"{len(others) - NAMED} more"] if len(others) > NAMED else []
    return " and ".join([_told(lease) for lease in first] + more) or "another `uptake run`"


def _told(lease: Lease) -> str:
    since = iso(int(lease.taken_at))
    return f"`uptake run` ({lease.holder}, since {since})" if lease.name == DAEMON else f"{lease.holder} (since {since})"


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


__all__ = ["at_work", "running", "sole", "sole_on"]
