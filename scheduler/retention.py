"""Personal data: what is kept of responses that may name people once they are older than the configured days.

Such a response is cut down to its head, its digest and the lines that gave the numbers (`scheduler.nameless`), as
`scheduler.reducing` does it.

A file is looked at once: when its oldest response has come of age, or when its run ended later than that. The journal's
``meta`` table remembers up to which time and which sequence that is done, so that a call finds what is new in two indices
and never goes through the years. A run that had to be passed over, because its source was at work, the disk was full, or
because nothing of a file is in evidence and it is still too young, is remembered by its name. Where each machine keeps its
responses on a disk of its own, each has its own mark (`scheduler.folder_marks`).
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from sqlalchemy import Connection

from crawlers.capture_names import month_of
from crawlers.keep import Keep
from crawlers.locks import alone_on, until_lost
from crawlers.object_store import StoreAwayError
from scheduler.folder_marks import key, register
from scheduler.reducing import Reduced, Reducer, files_of_runs, never
from storage import schema
from storage.dialects import TEXTS, say
from storage.journal import Journal
from storage.lookups import head
from storage.periods import DAY

__all__ = ["Mark", "Reduced", "reduce_old"]

logger = logging.getLogger(__name__)

MARK = "people_looked_for"  # in the journal's meta table


@dataclass(frozen=True, slots=True)
class Mark:
    """What was looked at: responses fetched before ``until``, of runs that ended at ``seq`` or before; not the runs that are ``left``."""

    until: int = -(2**60)
    seq: int = 0
    left: tuple[str, ...] = ()


def reduce_old(journal: Journal, *, days: int, now: int, stopping: Callable[[], bool] = never, keep: Keep | None = None) -> Reduced:
    """Reduce the responses that may name people and are older than some days; ``now`` is epoch seconds.

    A source that is being asked, or read again, is left to the next call, and so is the rest when ``stopping`` says so.
    """
    cutoff, place = now - days * DAY, register(journal, keep, now)
    with journal.read() as connection:
        mark, seq = _mark(connection, place), head(connection)
        runs = _runs(connection, mark, cutoff)
    total = Reduced()
    left: list[str] = []
    for source, members in runs.items():
        with alone_on(journal, f"source-{source}") as grip:
            if grip is not None:
                try:
                    files = files_of_runs(keep or journal.folder / "captures", source, members)
                except StoreAwayError as error:
                    logger.warning("%s: what may name people could not be looked at and stays as it is: %s", source, error)
                    left += members
                    continue
                reducer = Reducer(journal, now, cutoff=cutoff, stopping=until_lost(grip, stopping), keep=keep)
                done, undone = reducer.reduce(files)
                total += done
                left += undone
            else:
                left += members
    if runs:
        _remember(journal, Mark(cutoff, seq, tuple(sorted(set(left)))), now, place)
    if total.files:
        logger.info("%d old responses that may name people were reduced, %d to %d bytes", total.responses, total.before, total.after)
    return total


def _runs(connection: Connection, mark: Mark, cutoff: int) -> dict[str, dict[str, str]]:
    """Runs with responses that came of age since the mark, runs that ended since, and those that were left, by source, with their month."""
    came_of_age = "SELECT DISTINCT run FROM evidence WHERE kind = 'capture' AND fetched_at >= ? AND fetched_at < ?"
    ended = "SELECT DISTINCT run FROM commits WHERE seq > ? AND run != ''"
    names = set(connection.exec_driver_sql(came_of_age, (mark.until, cutoff)).scalars())
    names |= set(connection.exec_driver_sql(ended, (mark.seq,)).scalars()) | set(mark.left)
    sql = f"SELECT id, source, time FROM runs WHERE finished_seq IS NOT NULL AND id IN ({say(connection, TEXTS)}) ORDER BY seq"
    runs: dict[str, dict[str, str]] = defaultdict(dict)
    for run, source, time in connection.exec_driver_sql(sql, (json.dumps(sorted(names)),)):
        runs[source][run] = month_of(time)
    return runs


def _mark(connection: Connection, place: str) -> Mark:
    text = connection.exec_driver_sql("SELECT value FROM meta WHERE key = ?", (key(MARK, place),)).scalar()
    if text is None:
        return Mark()
    mark = Mark(**json.loads(text))
    return replace(mark, left=tuple(mark.left))


def _remember(journal: Journal, mark: Mark, now: int, place: str) -> None:
    name = key(MARK, place)
    with journal.write(now=now) as tx:
        tx.connection.execute(schema.meta.delete().where(schema.meta.c.key == name))
        tx.connection.execute(schema.meta.insert().values(key=name, value=json.dumps(asdict(mark))))
