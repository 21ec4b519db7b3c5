"""A budget that holds over all processes: requests are booked in the journal before they are sent.

Who is killed has sent no more than was booked; whoever goes on with the run counts all of it. So that not each request costs a
transaction they are booked a few at a time, and what was booked and not sent is given back when the run ends or is put off.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Connection

from crawlers.outcomes import Refused
from storage.grips import Grip
from storage.journal import Journal
from storage.model import Reason, UptakeError

AT_ONCE, PARTS = 25, 20  # requests that are booked at once: at most, and as part of what is left; a process that is killed wastes them


class Purse:
    """What one crawl may still send. ``left`` None: no limit. ``book`` notes that so many requests are going to be sent."""

    def __init__(self, left: int | None, book: Callable[[int], Awaitable[None]] | None = None) -> None:
        self.left = left
        self._book, self._booking = book, asyncio.Lock()
        self._booked = 0  # requests of those left that are noted already
        self._at_once = 1 if left is None else max(1, min(AT_ONCE, left // PARTS))

    @property
    def empty(self) -> bool:
        return self.left is not None and self.left <= 0

    def grants(self) -> bool:
        """Whether one request may be sent now; False: `more` must be booked first. Raises `Refused` where nothing is left."""
        if self.empty:
            raise Refused(Reason.BUDGET, "the allowance for now is spent")
        return self.left is None or self._book is None or self._booked > 0

    async def more(self) -> None:
        """Book a few. Raises `Refused` where that cannot be noted."""
        async with self._booking:
            if self._book is not None and self._booked <= 0 and self.left:
                count = min(self._at_once, self.left)
                await self._book(count)
                self._booked += count

    def spend(self) -> None:
        if self.left is not None:
            self.left -= 1
            self._booked -= 1


class Booking:
    """How many requests a run has sent, as the journal knows it. ``fail`` is told what keeps it from being noted.

    ``run`` is empty for a crawl of which nothing is kept.
    """

    def __init__(
        self,
        journal: Journal,
        writer: ThreadPoolExecutor,
        run: str,
        *,
        clock: Callable[[], int],
        grip: Grip,
        fail: Callable[[Exception], None],
    ) -> None:
        self._journal, self._writer, self._run, self._clock, self._grip, self._fail = journal, writer, run, clock, grip, fail
        self._booked = 0  # requests of this process that the journal knows of

    async def book(self, count: int) -> None:
        """Note that so many requests are going to be sent. Raises `Refused` where it cannot be noted; the run then goes on next time."""
        if not self._run:
            return
        try:
            await self._note(count)
        except Exception as error:
            self._fail(error)
            raise Refused(Reason.UNANSWERED, str(error)) from error

    async def settle(self, sent: int) -> None:
        """Of a run that stays unfinished: note what this process has really sent, if it can be noted."""
        if self._run and self._booked != sent:
            with contextlib.suppress(UptakeError):
                await self._note(sent - self._booked)

    def total(self, connection: Connection, sent: int) -> int:
        """How many were sent for the run in all: by processes that had it before, and so many by this one."""
        known = connection.exec_driver_sql("SELECT requests FROM runs WHERE id = ?", (self._run,)).scalar()
        return int(known or 0) - self._booked + sent

    async def _note(self, count: int) -> None:
        await asyncio.get_running_loop().run_in_executor(self._writer, self._write, count)

    def _write(self, count: int) -> None:
        with self._journal.write(now=self._clock(), run=self._run) as tx:
            self._grip.guard(tx.connection)
            tx.connection.exec_driver_sql("UPDATE runs SET requests = requests + ? WHERE id = ?", (count, self._run))
        self._booked += count


__all__ = ["Booking", "Purse"]
