"""One crawl per host at a time, over all processes on a machine: a lock in the loop and a lock on a file."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import re
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

logger = logging.getLogger(__name__)

POLL = 0.1  # seconds between two tries for a file that another process holds


class HostLocks:
    """Locks for hosts and runs. A process that dies lets go of its file locks, so a held one means a live owner."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._locks: dict[str, asyncio.Lock] = {}

    @asynccontextmanager
    async def hold(self, names: Iterable[str]) -> AsyncIterator[None]:
        """Hold all of these names, in an order that cannot deadlock."""
        async with AsyncExitStack() as stack:
            for name in sorted(set(names)):
                await stack.enter_async_context(self._locks.setdefault(name, asyncio.Lock()))
                await stack.enter_async_context(self._file(name))
            yield

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


def _opened(folder: Path, name: str) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    return os.open(folder / (re.sub(r"[^A-Za-z0-9.-]", "_", name) + ".lock"), os.O_RDWR | os.O_CREAT, 0o644)
