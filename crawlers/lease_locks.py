"""Locks by leases on PostgreSQL, for workers on several machines."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager

from crawlers.lock_names import PLACES, SOURCE, places, waiting
from storage.grips import Grip, Leased
from storage.keeper import Keeper
from storage.leases import LeaseLost, told
from storage.model import UptakeError

logger = logging.getLogger(__name__)

LOOKS = 20  # at a lease that another worker holds, in its life; the first ones come sooner
SOON = 0.05  # seconds until the first of these looks
TOLD_AFTER = 6  # looks: a lease is often held for a moment only


class LeaseLocks:
    """Locks for hosts and runs over several machines. A worker that dies, or is cut off, holds them until its leases run out."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._locks: dict[str, asyncio.Lock] = {}
        self._grips: dict[str, Leased] = {}
        self._first = os.getpid() % PLACES
        self._asking = ThreadPoolExecutor(max_workers=1, thread_name_prefix="leases")  # in order: what is let go can be taken

    @asynccontextmanager
    async def hold(self, names: Iterable[str], *, among: str = "") -> AsyncIterator[Grip]:
        wanted = sorted(set(names))
        async with AsyncExitStack() as stack:
            for name in wanted:
                await stack.enter_async_context(self._locks.setdefault(name, asyncio.Lock()))
            grip = await (self._among(wanted, among) if among else self._taken(wanted))
            self._grips |= dict.fromkeys(wanted, grip)
            try:
                for name in wanted:
                    await self._clear(name, grip)
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

    async def _among(self, names: list[str], source: str) -> Leased:
        """These names and a place of a source, in one grip."""
        pauses = self._pauses(waiting("another worker", [*names, source]))
        while True:
            async with self._locks.setdefault(source, asyncio.Lock()):
                door = await self._taken([source])
                try:
                    grip = await self._tried([[place, *names] for place in self._places(source)])
                finally:
                    self._let_go(door)
            if grip is not None:
                return grip
            await asyncio.sleep(next(pauses))

    async def _clear(self, name: str, grip: Leased) -> None:
        """Wait until nobody has a place of a source, and take them from who seems to have gone. Nobody can get one meanwhile."""
        if name.startswith(SOURCE):
            self._let_go(await self._taken(places(name), grip))

    def _places(self, source: str) -> list[str]:
        """The places, each time from another one on: two that begin at once should not want the same."""
        found = places(source)
        self._first = (self._first + 1) % len(found)
        return found[self._first :] + found[: self._first]

    async def _taken(self, names: list[str], within: Leased | None = None) -> Leased:
        """Try until all are there. Raises `LeaseLost` where the grip ``within`` which that is done dies meanwhile."""
        pauses = self._pauses(waiting("another worker", names))
        while True:
            grip = await self._tried([names])
            if grip is not None:
                return grip
            if within is not None and not within.alive():
                raise LeaseLost(told(within.tokens))
            await asyncio.sleep(next(pauses))

    async def _tried(self, choices: Sequence[list[str]]) -> Leased | None:
        """The first of these that are free, None if none is. A server that is away for less than a lease's life is waited for."""
        loop = asyncio.get_running_loop()
        away_since = None
        while True:
            try:
                for names in choices:
                    if (grip := await self._asked(names)) is not None:
                        return grip
            except UptakeError:
                away_since = away_since or loop.time()
                if loop.time() - away_since > self._keeper.life:
                    raise
            else:
                return None
            await asyncio.sleep(self._keeper.life / LOOKS)

    async def _asked(self, names: list[str]) -> Leased | None:
        trying = self._asking.submit(self._keeper.take, names)
        try:
            return await asyncio.wrap_future(trying)
        except asyncio.CancelledError:
            trying.add_done_callback(self._unwanted)
            raise

    def _pauses(self, said: str) -> Iterator[float]:
        """Seconds until the next look, and the next, …; what is waited for is told when it is more than a moment."""
        longest = self._keeper.life / LOOKS
        for look in itertools.count():
            if look == TOLD_AFTER:
                logger.warning("%s", said)
            yield min(longest, SOON * 2**look) if look < TOLD_AFTER else longest

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


__all__ = ["LeaseLocks"]
