"""Heavy work in pieces, done by any worker between visits: `uptake reparse --spread`, `uptake backfill --spread`."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crawlers.engine import Report
from scheduler.engines.queue import names
from scheduler.engines.work import Work
from scheduler.jobs import backfill
from scheduler.rereading import reparse_among
from scheduler.setups import Setup
from storage.model import UptakeError

BEHIND = -10  # priority: visits that are due go first
RUNS, TOPICS = 20, 50  # of one piece
LOOK = 0.5  # seconds between two looks at how far it is

HeavyTask = Callable[..., Awaitable[list[Report]]]


@dataclass(frozen=True, slots=True)
class Piece:
    """One job of spread work."""

    task: str
    source: str
    arguments: Mapping[str, Any]
    apart: bool = False  # may be done beside others of the same source


@dataclass(slots=True)
class Outcome:
    """What the pieces came to, by source."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    left: int = 0  # pieces that nobody has done yet


def reparse_pieces(source: str, runs: Sequence[str], now: int, *, apart: bool, size: int = RUNS) -> Iterator[Piece]:
    """Newest runs first, as `scheduler.rereading.reparse` goes through them. ``apart``: `SourceSpider.runs_apart`."""
    newest = list(reversed(runs))
    for start in range(0, len(newest), size):
        yield Piece(REPARSE, source, {"runs": newest[start : start + size], "now": now}, apart)


def backfill_pieces(source: str, topics: Sequence[str], since: int | None, now: int, size: int = TOPICS) -> Iterator[Piece]:
    for start in range(0, len(topics), size):
        yield Piece("backfill", source, {"topics": list(topics[start : start + size]), "since": since, "now": now})


async def _reparse(work: Work, source: str, *, runs: Sequence[str], now: int) -> list[Report]:
    await asyncio.to_thread(_check_captures, work, runs)
    return await reparse_among(work.service, _setup(work, source), now=now, only=set(runs))


async def _backfill(work: Work, source: str, *, topics: Sequence[str], since: int | None, now: int) -> list[Report]:
    return await backfill(work.service, _setup(work, source), now=now, since=since, topics=topics)


REPARSE = "reparse"
HEAVY_TASKS: dict[str, HeavyTask] = {REPARSE: _reparse, "backfill": _backfill}


def _setup(work: Work, source: str) -> Setup:
    if source not in work.settings.sources:
        raise UptakeError(f"there is no source {source!r} in the configuration of this worker")
    return work.settings.setup(source)


def _check_captures(work: Work, runs: Sequence[str]) -> None:
    """Without its responses a run would be read again as if nothing had been answered."""
    marks = ", ".join("?" * len(runs))
    sql = f"SELECT DISTINCT file FROM evidence WHERE kind = 'capture' AND run IN ({marks})"
    with work.journal.read() as connection:
        files = list(connection.exec_driver_sql(sql, tuple(runs)).scalars())
    gone = [file for file in files if not work.service.keep.has(file)]
    if gone:
        raise UptakeError(f"raw responses are not on this machine: {gone[0]} and {len(gone) - 1} more; all workers must share them")


def piece_options(task: str, source: str, lock: str | None, batch: str, piece: int, *, apart: bool) -> dict[str, Any]:
    """How a piece is put into the queue. ``lock``: that of the source's visits; a piece that stands ``apart`` asks nobody."""
    own = f"{task}:{batch}:{piece}"
    return {
        "queue": names.queue(names.HEAVY, source),
        "lock": own if apart else lock or f"host:source-{source}",
        "queueing_lock": own,
        "priority": BEHIND,
        "batch": batch,
        "piece": piece,
        "source": source,
    }


def counts(reports: Iterable[Report]) -> dict[str, int]:
    """The figures of some runs, added up."""
    found: Counter[str] = Counter()
    for report in reports:
        tally = report.tally
        found.update(planned=tally.planned, measured=tally.measured, suspect=tally.suspect, missing=sum(tally.missing.values()))
        found.update(new=tally.changes.new, revised=tally.changes.revised, requests=report.requests)
    return dict(found)


async def spread(
    address: str, pieces: Sequence[Piece], locks: Mapping[str, str], progress: Callable[[str, int, int], None], stopped: asyncio.Event
) -> Outcome:
    """Put pieces into the queue and wait until the workers have done them, or until ``stopped``: then they go on without us."""
    from procrastinate import App

    from scheduler.engines.queue.patient import Patient
    from scheduler.engines.queue.store import Store

    batch = uuid.uuid4().hex[:12]
    connector = Patient(address, "uptake spread", lambda _said: None)
    app = App(connector=connector)
    store = Store(app, connector)
    total = Counter(p.source for p in pieces)
    async with app.open_async():
        for number, piece in enumerate(pieces):
            options = piece_options(piece.task, piece.source, locks.get(piece.source), batch, number, apart=piece.apart)
            await store.defer(piece.task, **options, **piece.arguments)
        while True:
            left, results = await store.left(batch), await store.results(batch)
            done = Counter(r["source"] for r in results)
            for source, count in total.items():
                progress(source, done[source], count)
            if left == 0 or stopped.is_set():
                break
            try:
                await asyncio.wait_for(stopped.wait(), LOOK)
            except TimeoutError:
                continue
    outcome = Outcome(left=len(pieces) - len(results))
    for row in results:
        outcome.counts.setdefault(row["source"], Counter()).update(row["counts"])
        if row["failed"]:
            outcome.failed.append(f"{row['source']}: {row['failed']}")
    return outcome


__all__ = [
    "HEAVY_TASKS",
    "REPARSE",
    "HeavyTask",
    "Outcome",
    "Piece",
    "backfill_pieces",
    "counts",
    "piece_options",
    "reparse_pieces",
    "spread",
]
