"""From readings to the journal: batches on the single writer thread, captures on the disk before each commit."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from statistics import median

from sqlalchemy import Connection

from crawlers.booking import Booking
from crawlers.captures import Tape
from crawlers.component import Component
from crawlers.job import Mode
from crawlers.plausibility import HISTORY, confirms, implausible, zeros_are_likely
from crawlers.source import Preview, Reading, SourceSpider
from storage import ledger
from storage.grips import FIRM, Grip
from storage.journal import Changes, Journal, Transaction
from storage.lookups import find
from storage.model import Bound, Capture, Kind, Missing, Observation, Reason, Series, Slot, State

logger = logging.getLogger(__name__)

BATCH = 50  # readings a transaction, and responses an fsync
PATIENCE = 1.0  # seconds that a reading waits for others at most


@dataclass(slots=True)
class Tally:
    """What a run came to."""

    planned: int
    measured: int = 0
    suspect: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    details: list[Missing] = field(default_factory=list)
    changes: Changes = field(default_factory=Changes)
    events: int = 0


Group = tuple[str, int, tuple[tuple[str, str], ...], int]


class Recorder:
    """Takes a run's readings and ends its slots. One per crawl; `commit` runs on the journal's writer thread."""

    def __init__(
        self,
        journal: Journal,
        writer: ThreadPoolExecutor,
        source: type[SourceSpider],
        run: ledger.Run,
        tape: Tape,
        *,
        slots: Sequence[Slot],
        mode: Mode,
        progress: Callable[[int, int], None] = lambda _done, _planned: None,
        halt: Callable[[], None] = lambda: None,
        clock: Callable[[], int] = lambda: int(time.time()),
        grip: Grip = FIRM,
    ) -> None:
        self.tally = Tally(len(slots))
        self.previews: list[Preview] = []
        self.journal, self._writer, self._run, self._tape, self._clock = journal, writer, run, tape, clock
        self._grip = grip
        self._mode, self._reparse_of, self._progress, self._halt = mode, run.rereads, progress, halt
        self._kinds: dict[str, Kind] = {row.metric.name: row.metric.kind for row in source.counts}
        self._apart = frozenset(run.slots) if source.runs_apart and run.rereads else None
        self._zero_is_normal = {row.metric.name for row in source.counts if row.zero_is_normal or not row.per_topic}
        self._open = set(slots)  # of a run that goes on, those that have no end yet
        self._spoken: set[Series] = set()  # series of a backfill that brought something
        self._held: dict[Group, list[Observation]] = defaultdict(list)  # zeros that wait for a topic that is not zero
        self._alive: set[Group] = set()
        self._queue: list[Reading] = []
        self._timer: asyncio.TimerHandle | None = None
        self._flushing = asyncio.Lock()
        self.booking = Booking(journal, writer, "" if mode is Mode.PREVIEW else run.id, clock=clock, grip=grip, fail=self.fail)
        self.halted = False  # stopped from outside: what fails from now on is no outcome, the run goes on next time
        self.failure: Exception | None = None  # the disk is full, say: nothing more is fetched, the run goes on next time

    # On the loop

    async def add(self, reading: Reading) -> None:
        self.previews += reading.previews
        if self._mode is Mode.PREVIEW:
            return
        self._queue.append(reading)
        if len(self._queue) >= BATCH:
            await self.flush()
        elif self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(PATIENCE, lambda: loop.create_task(self.flush()))

    async def flush(self) -> None:
        async with self._flushing:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            batch, self._queue = self._queue, []
            if batch and self.failure is None:
                try:
                    await asyncio.get_running_loop().run_in_executor(self._writer, self._commit, batch)
                except Exception as error:  # whatever it is, it must not pass for an outcome; `finish` raises it
                    self.fail(error)
                    return
                self._progress(self.tally.planned - len(self._open), self.tally.planned)

    def fail(self, error: Exception) -> None:
        """What cannot be kept must not be fetched: stop, and leave the run to the next time."""
        self.failure = self.failure or error
        self.halted = True
        self._halt()

    async def finish(self, open_reason: Reason, detail: str, finished_as: str, requests: int = 0) -> Tally:
        """End what is still open and close the run, for which so many requests were sent. Raises what kept readings from being written."""
        await self.flush()
        if self.failure is not None:
            raise self.failure
        if self._mode is not Mode.PREVIEW:
            await asyncio.get_running_loop().run_in_executor(self._writer, self._close, open_reason, detail, finished_as, requests)
        self._progress(self.tally.planned, self.tally.planned)
        return self.tally

    # On the writer thread

    @contextmanager
    def _writing(self) -> Iterator[Transaction]:
        """A transaction of this run, with its responses on the disk, that is committed only while the run is this worker's."""
        self._tape.writer.sync()
        with self.journal.write(now=self._clock(), run=self._run.id) as tx:
            self._grip.guard(tx.connection)
            yield tx

    def _commit(self, batch: list[Reading]) -> None:
        with self._writing() as tx:
            for capture in dict.fromkeys(c for reading in batch for c in reading.captures):
                tx.keep(capture)
            missing = [m for reading in batch for m in self._take(tx, reading)]
            if missing:  # at once, because the ledger goes through the whole plan for it
                ledger.end_slots(tx, self._run, missing)

    def _take(self, tx: Transaction, reading: Reading) -> list[Missing]:
        """Write what a reading holds; gives the slots that it ends without a number."""
        self._put(tx, self._sift(reading.observations))
        missing = self._miss(tx, reading.missing)
        if not self._reparse_of:
            for item in reading.state:
                tx.remember(self._run.source, item)
        self.tally.events += sum(tx.note(event) for event in reading.events)
        return missing

    def _sift(self, observations: Iterable[Observation]) -> list[Observation]:
        """Hold planned zeros back until another topic of the same slot shows that the source is alive."""
        ready: list[Observation] = []
        for o in observations:
            slot = Slot(o.series, o.time)
            if self._mode is not Mode.COLLECT or o.series.metric in self._zero_is_normal or slot not in self._open:
                ready.append(o)
                continue
            group = (o.series.metric, o.series.version, o.series.labels, o.time)
            if o.value == 0 and group not in self._alive:
                self._held[group].append(o)
                continue
            self._alive.add(group)
            ready += [o, *self._held.pop(group, [])]
        return ready

    def _put(self, tx: Transaction, observations: Iterable[Observation]) -> None:
        good: list[Observation] = []
        for o in observations:
            if self._reparse_of:
                if not (self._within(o) and self._ours(tx.connection, o.series, o.time)):
                    continue
                o = self._as_doubtful_as_it_was(tx.connection, o)  # noqa: PLW2901
            slot = Slot(o.series, o.time)
            self._spoken.add(o.series)
            if self._mode is Mode.COLLECT and not self._reparse_of and slot in self._open:
                doubt = self._doubt(tx, o)
                if doubt:
                    self._hold(tx, o, doubt)
                    continue
            if slot in self._open:
                self._open.discard(slot)
                self.tally.measured += 1
            good.append(o)
        self.tally.changes += tx.put(good)

    def _hold(self, tx: Transaction, o: Observation, doubt: str) -> None:
        slot = Slot(o.series, o.time)
        self._open.discard(slot)
        self.tally.suspect += 1
        self.tally.changes += tx.put([replace(o, state=State.SUSPECT)])
        ledger.hold(tx, self._run, slot, doubt)

    def _doubt(self, tx: Transaction, o: Observation) -> str:
        """Why a planned value is not believed; settles what the previous slot left in doubt."""
        kind = self._kinds.get(o.series.metric, Kind.LEVEL)
        series_id = find(tx.connection, o.series)
        if series_id is None:
            return ""
        rows = tx.connection.exec_driver_sql(
            "SELECT time, value, state FROM points WHERE series_id = ? AND time < ? AND state < 2 ORDER BY time DESC LIMIT ?",
            (series_id, o.time, HISTORY + 1),
        ).all()[::-1]
        good = [(t, v) for t, v, state in rows if state == State.GOOD]
        if rows and rows[-1].state == State.SUSPECT:
            stands = confirms(kind, good, rows[-1].value, o.value)
            tx.settle(o.series, rows[-1].time, State.GOOD if stands else State.RETRACTED)
            if stands:
                return ""
        if o.bound is Bound.AT_LEAST and good and o.value <= max(good[-1][1], median(v for _, v in good)):
            return ""  # "at least" less than usual contradicts nothing
        return implausible(kind, good, o.time, o.value)

    def _miss(self, tx: Transaction, missing: Iterable[Missing]) -> list[Missing]:
        """Count slots that end without a number; gives those that were still open, for the ledger."""
        ended = [m for m in missing if m.slot in self._open and not self.halted]
        if self._reparse_of:  # a request that was not made then says nothing now
            ended = [m for m in ended if m.reason is not Reason.DOWNTIME]
        for m in ended:
            self._open.discard(m.slot)
            self.tally.missing[str(m.reason)] += 1
            self.tally.details.append(m)
            if self._reparse_of and self._ours(tx.connection, m.slot.series, m.slot.time):
                tx.settle(m.slot.series, m.slot.time, State.RETRACTED)
        return ended

    def _within(self, o: Observation) -> bool:
        """Whether a run that is read again may speak of this: of its own slots alone, where runs stand apart, whichever is read first."""
        if self._apart is None or Slot(o.series, o.time) in self._apart:
            return True
        logger.warning("%s says something of %s, which it was not made for; that is left out", self._run.id, o.series)
        return False

    def _ours(self, connection: Connection, series: Series, time: int) -> bool:
        """Whether a point does not exist yet or rests on the run that is being read again. What a person settled stays."""
        writer = connection.exec_driver_sql(
            "SELECT c.run, r.rereads, e.run AS read_from FROM points p JOIN commits c ON c.seq = p.seq"
            " LEFT JOIN runs r ON r.id = c.run LEFT JOIN evidence e ON e.id = p.evidence_id WHERE p.series_id = ? AND p.time = ?",
            (find(connection, series), time),
        ).first()
        return writer is None or (bool(writer.run) and self._reparse_of in {writer.run, writer.rereads, writer.read_from})

    def _as_doubtful_as_it_was(self, connection: Connection, o: Observation) -> Observation:
        """Reading again changes what a page says, not whether it is believed."""
        state = ledger.point_state(connection, Slot(o.series, o.time))
        return replace(o, state=State.SUSPECT) if state is State.SUSPECT else o

    def _close(self, reason: Reason, detail: str, finished_as: str, requests: int) -> None:
        with self._writing() as tx:
            for zeros in self._held.values():
                self._judge_zeros(tx, zeros)
            self._held.clear()
            if self._mode is Mode.BACKFILL:
                for slot in [s for s in self._open if s.series in self._spoken]:
                    self._open.discard(slot)
                    self.tally.measured += 1
            left = [slot for slot in self._run.slots if slot in self._open]
            if self._reparse_of:  # nothing was kept that speaks of them: they stay as they were
                ledger.carry_over(tx, self._run, left)
                self.tally.planned -= len(left)
            else:
                ledger.end_slots(tx, self._run, self._miss(tx, [slot.missing(reason, detail) for slot in left]))
            ledger.finish_run(tx, self._run, finished_as, self.booking.total(tx.connection, requests))

    def _judge_zeros(self, tx: Transaction, zeros: list[Observation]) -> None:
        pasts = [self._past(tx, o) for o in zeros]
        if len(zeros) < 2 or self._reparse_of or zeros_are_likely(self._kinds.get(zeros[0].series.metric, Kind.LEVEL), pasts):
            self._put(tx, zeros)
            return
        for o in zeros:
            self._hold(tx, o, f"all {len(zeros)} topics at zero at once")

    def _past(self, tx: Transaction, o: Observation) -> list[float]:
        """Values before this one, oldest first, held ones included."""
        rows = tx.connection.exec_driver_sql(
            "SELECT value FROM points WHERE series_id = ? AND time < ? AND state < 2 ORDER BY time DESC LIMIT ?",
            (find(tx.connection, o.series), o.time, HISTORY),
        ).all()
        return [value for (value,) in reversed(rows)]


class RecorderPipeline(Component):
    """Hands each reading of a crawl to the crawl's recorder; without one (``scrapy crawl``) items pass as they are."""

    async def process_item(self, item: object) -> object:
        recorder: Recorder | None = getattr(self.spider, "recorder", None)
        if recorder is not None and isinstance(item, Reading):
            await recorder.add(item)
        return item


def last_capture(connection: Connection, fingerprint: str) -> Capture | None:
    """The newest good capture that answered a request, for asking whether it changed."""
    row = connection.exec_driver_sql(
        'SELECT run, file, "offset", url, method, status, fingerprint, fetched_at, content_type, sha256 FROM evidence'
        " WHERE kind = 'capture' AND fingerprint = ? AND status = 200 ORDER BY id DESC LIMIT 1",
        (fingerprint,),
    ).first()
    return None if row is None else Capture(*row)
