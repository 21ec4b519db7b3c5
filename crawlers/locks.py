"""One crawl per host at a time: over all processes of a machine by files, over all workers of a journal on PostgreSQL by leases."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Protocol

from crawlers.lease_locks import LeaseLocks
from crawlers.lock_names import SOURCE, places, waiting
from storage.grips import FIRM, Grip
from storage.journal import Journal
from storage.keeper import Keeper
from storage.leases import LIFE

logger = logging.getLogger(__name__)

POLL = 0.1  # seconds between two tries for a file that another process holds


class Locks(Protocol):
    """What a crawl holds while it asks: its source and its hosts."""

    def hold(self, names: Iterable[str], *, among: str = "") -> AbstractAsyncContextManager[Grip]:
        """Hold all of these names, in an order that cannot deadlock. Waits until nobody else does.

        ``among``: also hold a source's lock, with others who hold it likewise.
        """

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
    async def hold(self, names: Iterable[str], *, among: str = "") -> AsyncIterator[Grip]:
        async with AsyncExitStack() as stack:
            for name in sorted(set(names)):
                await stack.enter_async_context(self._locks.setdefault(name, asyncio.Lock()))
                await stack.enter_async_context(self._file(name, fcntl.LOCK_EX))
            if among:
                async with self._locks.setdefault(among, asyncio.Lock()):
                    await stack.enter_async_context(self._file(among, fcntl.LOCK_SH))
            yield FIRM

    def grip(self, name: str) -> Grip:  # noqa: ARG002  # it is the same for all
        return FIRM

    def close(self) -> None:
        """Every file is closed with what held it."""

    @asynccontextmanager
    async def _file(self, name: str, how: int) -> AsyncIterator[None]:
        descriptor = _opened(self._folder, name)
        try:
            if name.startswith(SOURCE):  # or those who hold it among others, one after the other, would keep out who wants it alone
                turn = _opened(self._folder, f"{name}.turn")
                try:
                    await self._flock(turn, how, name)
                    await self._flock(descriptor, how, name)
                finally:
                    os.close(turn)
            else:
                await self._flock(descriptor, how, name)
            yield
        finally:
            os.close(descriptor)

    async def _flock(self, descriptor: int, how: int, name: str) -> None:
        told = False
        while True:
            try:
                fcntl.flock(descriptor, how | fcntl.LOCK_NB)
            except BlockingIOError:
                if not told:
                    logger.warning("%s", waiting("another process of Uptake", [name]))
                told = True
                await asyncio.sleep(POLL)
            else:
                return


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
        if grip is not None and name.startswith(SOURCE):
            others = keeper.take(places(name))
            if others is None:
                keeper.drop(grip)
                grip = None
            else:
                keeper.drop(others)
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
