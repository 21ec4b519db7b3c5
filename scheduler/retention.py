"""Personal data: what is kept of responses that may name people once they are older than the configured days.

Such a response is cut down to its head, its digest and the lines that gave the numbers (`scheduler.nameless`). The
file that holds it is written anew beside itself as ``….reduced.warc.gz``; then one transaction of the journal moves
the rows of evidence; then the old file is deleted. Whatever dies in between, one of the two is whole and referred to,
and the next call does the rest. The digest in the journal stays that of the page as it was read.

A file is looked at once: when its oldest response has come of age, or when its run ended later than that. The journal's
``meta`` table remembers up to which time and which sequence that is done, so that a call finds what is new in two indices
and never goes through the years. A run that had to be passed over, because its source was at work, the disk was full, or
because nothing of a file is in evidence and it is still too young, is remembered by its name.
"""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection

from crawlers.locks import alone
from crawlers.reduced import Survey, rewrite, settle, survey
from crawlers.warc import CaptureDamagedError, load, reduced_name
from scheduler.nameless import lines_of
from storage import schema
from storage.journal import Journal
from storage.lookups import head
from storage.periods import DAY

logger = logging.getLogger(__name__)

MARK = "people_looked_for"  # in the journal's meta table


@dataclass(frozen=True, slots=True)
class Reduced:
    """What a call came to."""

    files: int = 0
    responses: int = 0
    before: int = 0  # bytes of these files
    after: int = 0

    def __add__(self, other: Reduced) -> Reduced:
        return Reduced(self.files + other.files, self.responses + other.responses, self.before + other.before, self.after + other.after)


@dataclass(frozen=True, slots=True)
class Mark:
    """What was looked at: responses fetched before ``until``, of runs that ended at ``seq`` or before; not the runs that are ``left``."""

    until: int = -(2**60)
    seq: int = 0
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _File:
    """A file whose time has come."""

    run: str
    name: str  # relative to the captures folder
    found: Survey
    evidence: Mapping[int, int]  # the place of a response to its row


def reduce_old(journal: Journal, *, days: int, now: int) -> Reduced:
    """Reduce the responses that may name people and are older than some days; ``now`` is epoch seconds.

    A source that is being asked, or read again, is left to the next call.
    """
    cutoff = now - days * DAY
    with journal.read() as connection:
        mark, seq = _mark(connection), head(connection)
        runs = _runs(connection, mark, cutoff)
    total, left = Reduced(), []
    for source, members in runs.items():
        with alone(journal.folder / "locks", f"source-{source}") as free:
            if free:
                done, undone = _Source(journal, cutoff, now).reduce(_files(journal.folder / "captures", source, members))
                total += done
                left += undone
            else:
                left += members
    if runs:
        _remember(journal, Mark(cutoff, seq, tuple(sorted(set(left)))), now)
    if total.files:
        logger.info("%d old responses that may name people were reduced, %d to %d bytes", total.responses, total.before, total.after)
    return total


class _Source:
    """Reduces files of one source, whose lock is held."""

    def __init__(self, journal: Journal, cutoff: int, now: int) -> None:
        self._journal, self._cutoff, self._now = journal, cutoff, now
        self._captures = journal.folder / "captures"
        self._day = datetime.fromtimestamp(now, UTC).date().isoformat()

    def reduce(self, files: Iterable[tuple[str, str]]) -> tuple[Reduced, list[str]]:
        """Reduce what is due of some files (run, name). Gives what was done, and the runs that are to be looked at again."""
        due, left = [], []
        for run, name in files:
            file = self._look(run, name)
            if isinstance(file, _File):
                due.append(file)
            elif file:
                left.append(run)
        with self._journal.read() as connection:
            values = _values(connection, {row for file in due for row in _resting(file).values()})
        total = Reduced()
        for file in due:
            try:
                total += self._replace(file, {place: values[row] for place, row in _resting(file).items()})
            except OSError as error:
                logger.warning("%s could not be reduced and stays as it is: %s", file.name, error.strerror)
                left.append(file.run)
        return total, left

    def _look(self, run: str, name: str) -> _File | bool:
        """The file if there is something to do, else whether it has to be looked at again although no evidence tells when."""
        with self._journal.read() as connection:
            rows = _evidence(connection, name)
            if rows and min(since for _, _, since in rows) >= self._cutoff:
                return False
            found = survey(self._captures / name)
            evidence = {place: row for row, place, _ in rows if place in found.whole}
            if not evidence and _evidence(connection, reduced_name(name)):  # whoever reduced it died before this
                self._delete(name)
                return False
        if not found.people and not found.hidden:
            return False
        if not rows and found.since is not None and found.since >= self._cutoff:
            return True
        return _File(run, name, found, evidence)

    def _replace(self, file: _File, values: Mapping[int, set[float]]) -> Reduced:
        """Put a reduced file in the place of another."""
        path = self._captures / file.name
        for offset, what in file.found.damage:
            logger.warning("%s@%d cannot be read (%s) and was left out of the reduced file", file.name, offset, what)
        target = self._free(file.name)
        before = path.stat().st_size
        moves = rewrite(path, self._captures / target, self._kept(file, values), self._day)
        moved = [(target, now, file.name, was) for was, now in moves.items()]
        with self._journal.write(now=self._now) as tx:
            sql = 'UPDATE evidence SET file = ?, "offset" = ? WHERE kind = \'capture\' AND file = ? AND "offset" = ?'
            tx.connection.exec_driver_sql(sql, moved)
        self._delete(file.name)
        return Reduced(1, len(file.found.people), before, (self._captures / target).stat().st_size)

    def _free(self, name: str) -> str:
        """A name for the reduced file that nothing refers to yet.

        The usual one is taken where a process died behind its transaction, and the old file was read again since.
        """
        target = reduced_name(name)
        with self._journal.read() as connection:
            while _evidence(connection, target):
                target = reduced_name(target)
        return target

    def _kept(self, file: _File, values: Mapping[int, set[float]]) -> dict[int, list[str]]:
        kept = {}
        for place in file.found.people:
            try:
                record = load(self._captures, file.name, place)
                kept[place] = lines_of(record.text(), values[place]) if values.get(place) else []
            except CaptureDamagedError as error:
                logger.warning("%s; it was left out of the reduced file", error)
        return kept

    def _delete(self, name: str) -> None:
        path = self._captures / name
        path.unlink()
        settle(path.parent)  # or it may come back after a power cut, and nobody would look at it again


def _resting(file: _File) -> dict[int, int]:
    """The responses of a file that may name people and are in evidence, with their rows."""
    return {place: file.evidence[place] for place in file.found.people if place in file.evidence}


def _runs(connection: Connection, mark: Mark, cutoff: int) -> dict[str, dict[str, str]]:
    """Runs with responses that came of age since the mark, runs that ended since, and those that were left, by source, with their month."""
    came_of_age = "SELECT DISTINCT run FROM evidence WHERE kind = 'capture' AND fetched_at >= ? AND fetched_at < ?"
    ended = "SELECT DISTINCT run FROM commits WHERE seq > ? AND run != ''"
    names = set(connection.exec_driver_sql(came_of_age, (mark.until, cutoff)).scalars())
    names |= set(connection.exec_driver_sql(ended, (mark.seq,)).scalars()) | set(mark.left)
    sql = "SELECT id, source, time FROM runs WHERE finished_seq IS NOT NULL AND id IN (SELECT value FROM json_each(?)) ORDER BY seq"
    runs: dict[str, dict[str, str]] = defaultdict(dict)
    for run, source, time in connection.exec_driver_sql(sql, (json.dumps(sorted(names)),)):
        runs[source][run] = datetime.fromtimestamp(time, UTC).strftime("%Y-%m")
    return runs


def _files(captures: Path, source: str, runs: Mapping[str, str]) -> list[tuple[str, str]]:
    """Run and name of the files of some runs (to their months) that are not reduced."""
    found = []
    for folder in sorted({captures / source / month for month in runs.values()}):
        for path in sorted(folder.glob("*.warc.gz")):
            run = path.name.removesuffix(".warc.gz").rpartition(".")[0]
            if run in runs and not path.name.endswith(".reduced.warc.gz"):
                found.append((run, str(path.relative_to(captures))))
    return found


def _evidence(connection: Connection, name: str) -> Sequence[tuple[int, int, int]]:
    """Rows of evidence of a file: id, place, when it was fetched."""
    sql = "SELECT id, \"offset\", fetched_at FROM evidence WHERE kind = 'capture' AND file = ?"
    return [(row, place, since) for row, place, since in connection.exec_driver_sql(sql, (name,))]


def _values(connection: Connection, ids: set[int]) -> dict[int, set[float]]:
    """The values, former ones too, that rest on rows of evidence, alone or in a set."""
    found: dict[int, set[float]] = {row: set() for row in ids}
    if not ids:
        return found
    members = {row: {row} for row in ids}
    for row, text in connection.exec_driver_sql("SELECT id, text FROM evidence WHERE kind = 'set' AND id > ?", (min(ids),)):
        if common := ids.intersection(json.loads(text)):  # a set is younger than its members
            members[row] = common
    sql = " UNION ".join(
        f"SELECT evidence_id, value FROM {table} WHERE value IS NOT NULL AND evidence_id IN (SELECT value FROM json_each(?))"
        for table in ("points", "revisions")
    )
    for row, value in connection.exec_driver_sql(sql, (json.dumps(list(members)),) * 2):
        for member in members[row]:
            found[member].add(value)
    return found


def _mark(connection: Connection) -> Mark:
    text = connection.exec_driver_sql("SELECT value FROM meta WHERE key = ?", (MARK,)).scalar()
    if text is None:
        return Mark()
    mark = Mark(**json.loads(text))
    return replace(mark, left=tuple(mark.left))


def _remember(journal: Journal, mark: Mark, now: int) -> None:
    with journal.write(now=now) as tx:
        tx.connection.execute(schema.meta.delete().where(schema.meta.c.key == MARK))
        tx.connection.execute(schema.meta.insert().values(key=MARK, value=json.dumps(asdict(mark))))
