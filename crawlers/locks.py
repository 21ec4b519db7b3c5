"""One crawl per host at a time: over all processes of a machine by files, over all workers of a journal on PostgreSQL by leases."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Protocol

from storage.grips import FIRM, Grip, Leased
from storage.journal import Journal
from storage.keeper import Keeper
from storage.leases import LIFE
from storage.model import UptakeError

logger = logging.getLogger(__name__)

POLL = 0.1  # seconds between two tries for a file that another process holds
LOOKS = 20  # at a lease that another worker holds, in its life


class Locks(Protocol):
    """What a crawl holds while it asks: its source and its hosts."""

    def hold(self, names: Iterable[str]) -> AbstractAsyncContextManager[Grip]:
        """Hold all of these names, in an order that cannot deadlock. Waits until nobody else does."""

    def grip(self, name: str) -> Grip:
        """The grip of whoever in this process holds a name now."""

    def close(self) -> None:
        """Nothing will be held any more."""


def locks_of(journal: Journal, life: float = LIFE) -> Locks:
    """The locks of everybody who writes into a journal. ``life`` is in seconds, of leases."""
    url = address(journal)
    return HostLocks(journal.folder / "locks") if url is None else LeaseLocks(Keeper(url, life=life))


def address(journal: Journal) -> str | None:
    """Where a journal is, if it is on PostgreSQL."""
    url: str | None = getattr(journal, "url", None)
    return url or None


class HostLocks:
    """Locks for hosts and runs. A process that dies lets go of its file locks, so a held one means a live owner."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._locks: dict[str, asyncio.Lock] = {}

    @asynccontextmanager
    async def hold(self, names: Iterable[str]) -> AsyncIterator[Grip]:
        async with AsyncExitStack() as stack:
            for name in sorted(set(names)):
                await stack.enter_async_context(self._locks.setdefault(name, asyncio.Lock()))
                await stack.enter_async_context(self._file(name))
            yield FIRM

    def grip(self, name: str) -> Grip:  # noqa: ARG002  # it is the same for all
        return FIRM

    def close(self) -> None:
        """Every file is closed with what held it."""

    @asynccontextmanager
    async def _file(self, name: str) -> AsyncIterator[None]:
        descriptor = _opened(self._folder, name)
        try:
            waiting = False
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if not waiting:
                        logger.warning("another process of Uptake is asking %s; waiting until it is done", name.removeprefix("source-"))
                    waiting = True
                    await asyncio.sleep(POLL)
            yield
        finally:
            os.close(descriptor)


class LeaseLocks:
    """Locks for hosts and runs over several machines. A worker that dies, or is cut off, holds them until its leases run out."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._locks: dict[str, asyncio.Lock] = {}
        self._grips: dict[str, Leased] = {}
        self._asking = ThreadPoolExecutor(max_workers=1, thread_name_prefix="leases")  # in order: what is let go can be taken

    @asynccontextmanager
    async def hold(self, names: Iterable[str]) -> AsyncIterator[Grip]:
        wanted = sorted(set(names))
        async with AsyncExitStack() as stack:
            for name in wanted:
                await stack.enter_async_context(self._locks.setdefault(name, asyncio.Lock()))
            grip = await self._taken(wanted)
            self._grips |= dict.fromkeys(wanted, grip)
            try:
                yield grip
            finally:
                for name in wanted:
                    del self._grips[name]
                self._let_go(grip)

    def grip(self, name: str) -> Grip:
        return self._grips[name]

    def close(self) -> None:
        self._asking.shutdown(wait=True)
        self._keeper.close()

    async def _taken(self, names: list[str]) -> Leased:
        """Try until all are there. A server that is away for less than a lease's life is waited for."""
        loop = asyncio.get_running_loop()
        waiting, away_since = False, None
        while True:
            trying = self._asking.submit(self._keeper.take, names)
            try:
                grip = await asyncio.wrap_future(trying)
            except asyncio.CancelledError:
                trying.add_done_callback(self._unwanted)
                raise
            except UptakeError:
                away_since = away_since or loop.time()
                if loop.time() - away_since > self._keeper.life:
                    raise
            else:
                if grip is not None:
                    return grip
                away_since = None
                if not waiting:
                    things = ", ".join(name.removeprefix("source-") for name in names)
                    logger.warning("another worker is asking %s; waiting until it is done", things)
                waiting = True
            await asyncio.sleep(self._keeper.life / LOOKS)

    def _unwanted(self, trying: Future[Leased | None]) -> None:
        """Who wanted it has gone while it was taken."""
        grip = None if trying.cancelled() or trying.exception() is not None else trying.result()
        if grip is not None:
            self._let_go(grip)

    def _let_go(self, grip: Leased) -> None:
        """Nobody waits for the server's answer: it is renewed no more from here on."""
        self._keeper.forget(grip)
        try:
            self._asking.submit(self._keeper.drop, grip)
        except RuntimeError:  # at the end nothing is submitted any more
            self._keeper.drop(grip)


@contextmanager
def alone(folder: Path, name: str, *, shared: bool = False) -> Iterator[bool]:
    """Hold one name without waiting; False: somebody else has it. For what is done beside the loop.

    ``shared``: with others that hold it likewise.
    """
    descriptor = _opened(folder, name)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(descriptor)


@contextmanager
def alone_on(journal: Journal, name: str, life: float = LIFE) -> Iterator[Grip | None]:
    """Hold one name of a journal without waiting; None: somebody else has it, on whatever machine.

    Who does something for long asks the grip now and then whether it is alive.
    """
    url = address(journal)
    if url is None:
        with alone(journal.folder / "locks", name) as free:
            yield FIRM if free else None
        return
    keeper = Keeper(url, life=life)
    try:
        grip = keeper.take([name])
        try:
            yield grip
        finally:
            if grip is not None:
                keeper.drop(grip)
    finally:
        keeper.close()


def until_lost(grip: Grip, stopping: Callable[[], bool]) -> Callable[[], bool]:
    """Whether long work must stop: because it is asked to, or because it may no longer be alone."""
    return lambda: stopping() or not grip.alive()


def _opened(folder: Path, name: str) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    return os.open(folder / (re.sub(r"[^A-Za-z0-9.-]", "_", name) + ".lock"), os.O_RDWR | os.O_CREAT, 0o644)
