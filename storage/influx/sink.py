"""The InfluxDB sink: drives the change feed against one server, without a time limit and without losing anything.

`Sink.step` sends one batch, or repairs one series, or finds that there is nothing to do; it blocks, and says how long
to wait until the next. `Sink.run` calls it in a thread for as long as the daemon lives; `Sink.drain` until all is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from storage import feed, repairs
from storage.database import JournalBusy
from storage.feed import Feed, Place
from storage.influx import probe
from storage.influx.address import Address, Machine
from storage.influx.answers import Refused, Remedy, Trouble
from storage.influx.batches import Batch, Writers, event_line, next_changes
from storage.influx.bookmark import Bookmark
from storage.influx.mending import Mender
from storage.influx.posting import Posted, Sizes, post
from storage.influx.standing import Standing, standing_of
from storage.influx.wire import Wire, packed
from storage.journal import Journal
from storage.parking import Parked
from storage.repairs import Repair

log = logging.getLogger(__name__)

LOOK = 5.0  # seconds between looks whether it was started anew


@dataclass(frozen=True, slots=True)
class Pace:
    """``poll``: seconds between looks for new figures; ``first`` and ``longest``: waits after trouble; ``save``: between saved places."""

    poll: float = 10.0
    first: float = 1.0
    longest: float = 300.0
    save: float = 1.0


class Sink:
    """Sends the journal's series to one server. One thread at a time may call `step`.

    ``clock`` gives epoch seconds, ``ticks`` seconds that never jump.
    """

    def __init__(
        self,
        journal: Journal,
        address: Address,
        *,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
        pace: Pace | None = None,
        sizes: Sizes | None = None,
    ) -> None:
        self.address = address
        self.sizes = sizes or Sizes()
        self._journal, self._clock, self._ticks, self._pace = journal, clock, ticks, pace or Pace()
        self._wire = Wire(address)
        self._machine: Machine | None = None
        self._looked_at = float("-inf")
        self._mender = Mender(journal, self._wire)
        self._writers = Writers()
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="feed")
        self._ahead: tuple[Place, Future[Batch]] | None = None
        self._mark = Bookmark(journal, address.feed)
        self._not_before = float("-inf")
        self._wait = 0.0
        self._sent = 0
        self._trouble: Trouble | None = None
        self._repairs_at = float("-inf")
        self._lingering = False  # a trouble of a former process that is over
        self._awake = asyncio.Event()

    # Driving

    def step(self) -> float:
        """Do one piece of work. Seconds to wait before the next call: 0 while there is more."""
        now = self._ticks()
        if now < self._not_before:
            return self._not_before - now
        try:
            more = self._work()
        except Refused as refusal:
            return self._troubled(refusal.trouble)
        except JournalBusy as error:
            return self._troubled(Trouble(Remedy.WAIT, str(error)))
        self._well()
        return 0.0 if more else self._pace.poll

    async def run(self, stop: asyncio.Event) -> None:
        """Send until ``stop`` is set. `wake` ends a pause. What is under way is finished first."""
        try:
            while not stop.is_set():
                working = asyncio.ensure_future(asyncio.to_thread(self.step))
                try:
                    wait = await asyncio.shield(working)
                except asyncio.CancelledError:
                    await asyncio.wait([working])
                    raise
                if wait > 0:
                    await self._pause(wait, stop)
        finally:
            await asyncio.to_thread(self.close)

    async def _pause(self, seconds: float, stop: asyncio.Event) -> None:
        waits = [asyncio.ensure_future(stop.wait()), asyncio.ensure_future(self._awake.wait())]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
            self._awake.clear()

    def wake(self) -> None:
        """There is something new: end the pause, unless the server asked for it. To be called on the loop."""
        self._awake.set()

    def drain(
        self, *, patience: float = 0.0, sleep: Callable[[float], None] = time.sleep, progress: Callable[[Standing], None] | None = None
    ) -> Standing:
        """Send all that waits, and say how it stands then. A server that is away is tried again for ``patience`` seconds."""
        if self._trouble is None or self._trouble.retry_after is None:
            self._not_before = float("-inf")  # who asks wants to know how it is now
        end = self._ticks() + patience
        told = self._ticks()
        while True:
            wait = self.step()
            if progress is not None and self._ticks() - told >= 1.0:
                told = self._ticks()
                progress(self.status())
            if wait == 0:
                continue
            hopeless = self._trouble is None or self._trouble.remedy is Remedy.CONFIGURE or self._ticks() + wait > end
            if hopeless:
                return self.status()
            sleep(wait)

    def close(self) -> None:
        """Save how far it came, and let go of the connections."""
        with contextlib.suppress(JournalBusy):
            self._save()
        self._reader.shutdown(wait=True, cancel_futures=True)
        self._wire.close()

    def status(self) -> Standing:
        """How it stands. May be called from any thread."""
        now = int(self._clock())
        with self._journal.read() as connection:
            known = standing_of(connection, self.address.feed, now)
        machine, trouble = self._machine, self._trouble
        return replace(
            known or Standing(self.address.feed, "", feed.Lag(), 0, 0, "", None, None),
            server=str(machine) if machine else "",
            trouble=trouble.words if trouble else "",
            warnings=tuple(probe.warnings(self.address, machine)) if machine else (),
            sent=self._sent,
            next_try=int(now + self._not_before - self._ticks()) if trouble and self._not_before > self._ticks() else None,
        )

    # Working

    def _work(self) -> bool:
        """One piece of work; False if there was none."""
        self._meet()
        standing, machine = self._mark.standing(), self._machine
        assert machine is not None
        repair = self._next_repair(standing)
        if repair is not None:
            self._save()
            self._sent += self._mender.mend(repair, self._mark.standing(), machine, self.sizes, int(self._clock()))
            return True
        batch = self._take(standing, machine)
        if batch.changes:
            self._acknowledge(batch, post(batch, self._wire.write, self.sizes))
            return True
        self._save()
        self._repairs_at = float("-inf")
        more = self._send_events(self._mark.standing(), machine) or self._next_repair(self._mark.standing()) is not None
        self._mark.forget()  # another process may have set it back meanwhile
        return more

    def _next_repair(self, standing: Feed) -> Repair | None:
        """The repair that waits, looked for once a second: others may ask for them too. While there are some, each time."""
        if self._ticks() < self._repairs_at:
            return None
        with self._journal.read() as connection:
            found = repairs.waiting(connection, standing.name)
        self._repairs_at = self._ticks() + 1.0 if found is None else float("-inf")
        return found

    def _meet(self) -> None:
        """Know who answers. A VictoriaMetrics that was started anew may have lost what it took last: that is sent again."""
        now = self._ticks()
        if self._machine is not None and not (self._machine.victoria and now - self._looked_at >= LOOK):
            return
        machine = probe.look(self._wire)
        self._looked_at = now
        if self._machine is None:
            self._lingering = bool(self._mark.standing().trouble)
            for warning in probe.warnings(self.address, machine):
                log.warning("%s", warning)
        self._machine = machine
        if machine.victoria and self._mark.restarted(machine.started, int(self._clock())):
            log.warning("VictoriaMetrics was started anew; what it took in its last moments is sent again")
            self._ahead = None

    def _take(self, standing: Feed, machine: Machine) -> Batch:
        """The next batch, which mostly was read while the last one was on its way."""
        ahead, self._ahead = self._ahead, None
        batch = ahead[1].result() if ahead is not None and ahead[0] == self._mark.place else self._read(standing, self._mark.place, machine)
        if batch.changes and not batch.repairs:
            self._ahead = batch.place, self._reader.submit(self._read, standing, batch.place, machine)
        return batch

    def _read(self, standing: Feed, after: Place, machine: Machine) -> Batch:
        with self._journal.read() as connection:
            batch = next_changes(connection, self._writers, standing, after, self.sizes.now, machine, int(self._clock()))
        batch.body = packed(batch.lines)
        return batch

    def _acknowledge(self, batch: Batch, posted: Posted) -> None:
        """The server said yes to a batch. Its place is saved now and then: what was sent since is sent again after a crash."""
        self._mark.place = batch.place
        self._sent += len(batch.lines) - len(posted.parked) - posted.dropped
        parked = [*batch.parked, *posted.parked]
        due = self._clock() - self._mark.saved_at >= self._pace.save or self._mark.parked
        if batch.repairs:
            self._repairs_at = float("-inf")
        if due or parked or batch.repairs or batch.dropped or posted.dropped:
            self._save(batch, parked, batch.dropped + posted.dropped)
        if posted.told:
            log.warning("%s", posted.told)

    def _save(self, batch: Batch | None = None, parked: Sequence[Parked] = (), dropped: int = 0, event_id: int = 0) -> None:
        victoria = self._machine is not None and self._machine.victoria
        if not self._mark.save(int(self._clock()), batch, parked, dropped, event_id, victoria=victoria):
            self._ahead = None

    def _send_events(self, standing: Feed, machine: Machine) -> bool:
        with self._journal.read() as connection:
            found = feed.events(connection, standing.event_id, 1_000)
        if found:
            batch = Batch(self._mark.place, [event_line(number, event, machine) for number, event in found], [(0, len(found))])
            for refused in post(batch, self._wire.write, self.sizes).parked:
                log.warning("an event is refused: %s (%s)", refused.error, refused.line)
            self._save(event_id=found[-1][0])
        return bool(found)

    # Trouble

    def _troubled(self, trouble: Trouble) -> float:
        """Note a trouble; the seconds to wait."""
        self._wait = min(self._pace.longest, max(self._pace.first, 2 * self._wait))
        wait = max(self._wait, trouble.retry_after or 0.0)
        self._not_before = self._ticks() + wait
        if self._trouble is None or self._trouble.words != trouble.words:
            log.warning("%s", trouble.words)
            self._note(trouble.words)
        self._trouble = trouble
        with contextlib.suppress(JournalBusy):
            self._save()
        self._mark.forget()
        self._ahead, self._machine = None, None  # it may be another one when it comes back
        return wait

    def _well(self) -> None:
        if self._trouble is not None or self._lingering:
            log.info("InfluxDB at %s takes figures again", self.address.url)
            self._note("")
        self._trouble, self._lingering, self._wait = None, False, 0.0

    def _note(self, words: str) -> None:
        """Keep it in the journal, so that other commands can tell."""
        with contextlib.suppress(JournalBusy), self._journal.write() as tx:
            feed.begin(tx, self.address.feed)
            feed.tell_trouble(tx, self.address.feed, words, int(self._clock()))
