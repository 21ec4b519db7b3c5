"""Age: raw responses are kept whole for the days that their source is configured with, then reduced (`scheduler.reducing`).

A run ages as one, from the moment it ended, so that it can be read again as it was or not at all: `uptake reparse` passes
over the runs that were reduced. For each source the journal's ``meta`` table remembers up to which sequence that is done,
and which of the runs that ended before had to be left (the disk was full, a file could not be read). Where each machine keeps
its responses on a disk of its own, each has its own marks (`scheduler.folder_marks`), and a run is reduced when it is by all of them.

What a source remembered at the time of a run is needed as long as the run can be read again, or is unfinished. Other
former versions of its state go (`forget`).
"""

from __future__ import annotations

import json
import logging
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from operator import itemgetter

from sqlalchemy import Connection

from crawlers.capture_names import month_of
from crawlers.keep import Keep
from crawlers.locks import alone_on, until_lost
from scheduler.folder_marks import key, marks, place_of
from scheduler.reducing import Reduced, Reducer, files_of_runs, never
from storage import schema
from storage.dialects import TEXTS, say
from storage.journal import Journal
from storage.periods import DAY

logger = logging.getLogger(__name__)

MARK = "aged."  # and the source's name, in the journal's meta table
BATCH = 500  # rows of a transaction that removes: a collection beside it never waits long


@dataclass(frozen=True, slots=True)
class Mark:
    """What is reduced of a source: the runs that ended at ``seq`` or before, but not the runs that are ``left``."""

    seq: int = 0
    left: tuple[str, ...] = ()


def sources_of(connection: Connection) -> list[str]:
    """The sources that ever ran."""
    return [str(s) for s in connection.exec_driver_sql("SELECT DISTINCT source FROM runs ORDER BY source").scalars()]


def reduced_runs(connection: Connection, source: str) -> frozenset[str]:
    """The runs of a source whose raw responses are no longer kept whole, for their age."""
    mark = _common(connection, source)
    sql = "SELECT id FROM runs WHERE source = ? AND finished_seq <= ?"
    return frozenset(connection.exec_driver_sql(sql, (source, mark.seq)).scalars()) - set(mark.left)


def reduce_aged(
    journal: Journal, days_of: Callable[[str], int], *, now: int, stopping: Callable[[], bool] = never, keep: Keep | None = None
) -> Reduced:
    """Reduce all responses of runs that ended more days ago than ``days_of`` their source; ``now`` is epoch seconds.

    A source that is being asked, or read again, is left to the next call, and so is the rest when ``stopping`` says so.
    """
    total, place = Reduced(), place_of(journal, keep)
    with journal.read() as connection:
        sources = sources_of(connection)
    for source in sources:
        cutoff = journal.sequence_at(now - days_of(source) * DAY - 1)
        with journal.read() as connection:
            due = bool(_due(connection, source, cutoff, place))
        if not due or stopping():
            continue
        with alone_on(journal, f"source-{source}") as grip:
            if grip is not None:
                total += _reduce(journal, source, cutoff, now, until_lost(grip, stopping), keep, place)
    if total.files:
        logger.info("%d responses older than their days were reduced, %d to %d bytes", total.responses, total.before, total.after)
    return total


def _reduce(journal: Journal, source: str, cutoff: int, now: int, stopping: Callable[[], bool], keep: Keep | None, place: str) -> Reduced:
    """What is due of one source, whose lock is held."""
    with journal.read() as connection:
        runs, mark = _due(connection, source, cutoff, place), _mark(connection, source, place)
    files = files_of_runs(keep or journal.folder / "captures", source, runs, reduced=True)
    done, left = Reducer(journal, now, cutoff=None, stopping=stopping, keep=keep).reduce(files)
    _remember(journal, source, Mark(max(cutoff, mark.seq), tuple(sorted(set(left)))), now, place)
    return done


def _due(connection: Connection, source: str, cutoff: int, place: str) -> dict[str, str]:
    """Runs that ended since the mark and at a sequence or before, and those that were left, with their months."""
    mark = _mark(connection, source, place)
    sql = (
        "SELECT id, time FROM runs WHERE source = ? AND rereads = '' AND"
        f" (finished_seq > ? AND finished_seq <= ? OR id IN ({say(connection, TEXTS)})) ORDER BY seq"
    )
    rows = connection.exec_driver_sql(sql, (source, mark.seq, cutoff, json.dumps(mark.left)))
    return {str(run): month_of(time) for run, time in rows}


def forget(journal: Journal, *, now: int, stopping: Callable[[], bool] = never) -> int:
    """Remove the versions of sources' states that nothing can ask for any more; how many they were."""
    with journal.read() as connection:
        sources = connection.exec_driver_sql("SELECT DISTINCT source FROM state ORDER BY source").scalars().all()
    gone = 0
    for source in sources:
        with alone_on(journal, f"source-{source}") as grip:
            if grip is None:
                continue
            with journal.read() as connection:
                old = superseded(_versions(connection, source), _bases(connection, source))
            for start in range(0, len(old), BATCH):
                if stopping():
                    return gone
                rows = [(source, name, seq) for name, seq in old[start : start + BATCH]]
                with journal.write(now=now) as tx:
                    grip.guard(tx.connection)
                    tx.connection.exec_driver_sql("DELETE FROM state WHERE source = ? AND key = ? AND seq = ?", rows)
                gone += len(rows)
    return gone


def superseded(versions: Iterable[tuple[str, int, bool]], bases: Collection[int]) -> list[tuple[str, int]]:
    """The versions (key, sequence, whether it says only that the key was forgotten) that are the last word at none of some sequences.

    They come in the order of key and sequence. The newest word on a key stays, unless it is a forgotten one behind which
    nothing stands. What goes first is the oldest of a key, so that a removal that is cut off brings nothing back.
    """
    wanted, old = sorted(set(bases)), []
    for name, group in groupby(versions, itemgetter(0)):
        of_key = [(seq, empty) for _, seq, empty in group]
        ends = [seq for seq, _ in of_key[1:]]
        stands = False
        for (seq, empty), end in zip(of_key, [*ends, None], strict=True):
            at = bisect_left(wanted, seq)
            needed = end is None or (at < len(wanted) and wanted[at] < end)
            if needed and (stands or not empty):
                stands = True
            else:
                old.append((name, seq))
    return old


def _versions(connection: Connection, source: str) -> Iterator[tuple[str, int, bool]]:
    sql = "SELECT key, seq, value IS NULL FROM state WHERE source = ? ORDER BY key, seq"
    for name, seq, empty in connection.exec_driver_sql(sql, (source,)):
        yield str(name), int(seq), bool(empty)


def _bases(connection: Connection, source: str) -> set[int]:
    """The sequences at which runs that can be read again, or are unfinished, know the state of their source."""
    mark = _common(connection, source)
    sql = (
        "SELECT DISTINCT base_seq FROM runs WHERE source = ? AND"
        f" (finished_seq IS NULL OR rereads = '' AND (finished_seq > ? OR id IN ({say(connection, TEXTS)})))"
    )
    return {int(seq) for seq in connection.exec_driver_sql(sql, (source, mark.seq, json.dumps(mark.left))).scalars()}


def _mark(connection: Connection, source: str, place: str) -> Mark:
    return _read(connection.exec_driver_sql("SELECT value FROM meta WHERE key = ?", (key(MARK + source, place),)).scalar())


def _common(connection: Connection, source: str) -> Mark:
    """What is reduced in all folders."""
    found = [_read(text) for text in marks(connection, MARK + source)]
    return Mark(min((m.seq for m in found), default=0), tuple(sorted({run for m in found for run in m.left})))


def _read(text: str | None) -> Mark:
    if not text:
        return Mark()
    found = json.loads(text)
    return Mark(int(found["seq"]), tuple(found["left"]))


def _remember(journal: Journal, source: str, mark: Mark, now: int, place: str) -> None:
    name = key(MARK + source, place)
    with journal.write(now=now) as tx:
        tx.connection.execute(schema.meta.delete().where(schema.meta.c.key == name))
        tx.connection.execute(schema.meta.insert().values(key=name, value=json.dumps(asdict(mark))))
