"""Puts reduced capture files in the place of whole ones: head, checksum and the lines that gave the numbers stay.

The file is written anew beside itself as ``….reduced.warc.gz``; then one transaction of the journal moves the rows of
evidence; then the old file is deleted. Whatever dies in between, one of the two is whole and referred to, and the next
call does the rest. The digest in the journal stays that of the page as it was read. In a store of objects it is the same:
the old file comes here, the new one is there and looked at before the transaction, the old one goes last.

Which files are due is decided elsewhere: `scheduler.retention` (pages that may name people), `scheduler.aging` (old ones).
"""

from __future__ import annotations

import errno
import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection

from crawlers.capture_names import is_reduced, reduced_name, run_of
from crawlers.keep import Keep, keep_of
from crawlers.object_store import StoreAwayError
from crawlers.reduced import Survey, rewrite, settle, survey
from crawlers.warc import CaptureAwayError, CaptureDamagedError, load
from scheduler.nameless import lines_of
from storage.dialects import NUMBERS, say
from storage.journal import Journal

logger = logging.getLogger(__name__)


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
class _File:
    """A file whose time has come."""

    run: str
    name: str  # relative to the captures folder
    found: Survey
    cut: tuple[int, ...]  # the places of the records that are to be reduced
    evidence: Mapping[int, int]  # the place of a response to its row


def never() -> bool:
    """Nobody asks to stop."""
    return False


class Reducer:
    """Reduces files of one source, whose lock is held; ``now`` is epoch seconds.

    With a ``cutoff``: the responses that may name people, of files whose oldest is from before it. Without: every response.
    """

    def __init__(
        self, journal: Journal, now: int, *, cutoff: int | None, stopping: Callable[[], bool] = never, keep: Keep | None = None
    ) -> None:
        self._journal, self._now, self._cutoff, self._stopping = journal, now, cutoff, stopping
        self._keep = keep or Keep(journal.folder / "captures")
        self._day = datetime.fromtimestamp(now, UTC).date().isoformat()

    def reduce(self, files: Iterable[tuple[str, str]]) -> tuple[Reduced, list[str]]:
        """Reduce what is due of some files (run, name). Gives what was done, and the runs that are to be looked at again."""
        due, left = [], []
        for run, name in files:
            file = self._stopping() or self._looked_at(run, name)
            if isinstance(file, _File):
                due.append(file)
            elif file:
                left.append(run)
        with self._journal.read() as connection:
            values = _values(connection, {row for file in due for row in _resting(file).values()})
        total = Reduced()
        for file in due:
            if self._stopping():
                left.append(file.run)
                continue
            try:
                total += self._replace(file, {place: values[row] for place, row in _resting(file).items()})
            except (OSError, StoreAwayError) as error:
                logger.warning("%s could not be reduced and stays as it is: %s", file.name, _words(error))
                left.append(file.run)
        return total, left

    def _looked_at(self, run: str, name: str) -> _File | bool:
        try:
            return self._look(run, name)
        except (OSError, StoreAwayError) as error:
            logger.warning("%s cannot be read and stays as it is: %s", name, _words(error))
            return True

    def _look(self, run: str, name: str) -> _File | bool:
        """The file if there is something to do, else whether it has to be looked at again although no evidence tells when."""
        cutoff = self._cutoff
        with self._journal.read() as connection:
            rows = _evidence(connection, name)
            if cutoff is not None and rows and min(since for _, _, since in rows) >= cutoff:
                return False
            found = survey(self._keep.whole(name))
            if self._keep.address is not None:
                self._keep.tidy()  # years of them may come by
            evidence = {place: row for row, place, _ in rows if place in found.whole}
            if not evidence and _evidence(connection, reduced_name(name)):  # whoever reduced it died before this
                self._delete(name)
                return False
        cut = found.bodies if cutoff is None else found.people
        if not cut and (cutoff is None or not found.hidden):
            return False
        if cutoff is not None and not rows and found.since is not None and found.since >= cutoff:
            return True
        return _File(run, name, found, cut, evidence)

    def _replace(self, file: _File, values: Mapping[int, set[float]]) -> Reduced:
        """Put a reduced file in the place of another."""
        path = self._keep.whole(file.name)
        for offset, what in file.found.damage:
            logger.warning("%s@%d cannot be read (%s) and was left out of the reduced file", file.name, offset, what)
        target = self._free(file.name)
        before = path.stat().st_size
        written = self._keep.folder / target
        written.parent.mkdir(parents=True, exist_ok=True)
        moves = rewrite(path, written, file.cut, self._kept(file, values), self._day)
        after = written.stat().st_size
        try:
            there = self._keep.bring(target)
        except BaseException:
            written.unlink(missing_ok=True)
            raise
        if not there:
            raise BlockingIOError(errno.EWOULDBLOCK, f"another process is bringing {target} to where responses are kept")
        moved = [(target, now, file.name, was) for was, now in moves.items()]
        with self._journal.write(now=self._now) as tx:
            sql = 'UPDATE evidence SET file = ?, "offset" = ? WHERE kind = \'capture\' AND file = ? AND "offset" = ?'
            tx.connection.exec_driver_sql(sql, moved)
        self._delete(file.name)
        return Reduced(1, len(file.cut), before, after)

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
        for place in file.cut:
            try:
                record = load(self._keep, file.name, place)
                kept[place] = lines_of(record.text(), values[place]) if values.get(place) else []
            except CaptureAwayError:
                raise
            except CaptureDamagedError as error:
                logger.warning("%s; it was left out of the reduced file", error)
        return kept

    def _delete(self, name: str) -> None:
        self._keep.remove(name)
        folder = (self._keep.folder / name).parent
        if folder.exists():
            settle(folder)  # or it may come back after a power cut, and nobody would look at it again


def _resting(file: _File) -> dict[int, int]:
    """The responses of a file that are to be reduced and are in evidence, with their rows."""
    return {place: file.evidence[place] for place in file.cut if place in file.evidence}


def files_of_runs(place: Path | Keep, source: str, runs: Mapping[str, str], *, reduced: bool = False) -> list[tuple[str, str]]:
    """Run and name of the files of some runs (to their months); those that were reduced before only where that is wanted."""
    keep = keep_of(place)
    names = [name for month in sorted(set(runs.values())) for name in sorted(keep.names(f"{source}/{month}"))]
    return [(run_of(name), name) for name in names if run_of(name) in runs and (reduced or not is_reduced(name))]


def _words(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


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
        f"SELECT evidence_id, value FROM {table} WHERE value IS NOT NULL AND evidence_id IN ({say(connection, NUMBERS)})"
        for table in ("points", "revisions")
    )
    for row, value in connection.exec_driver_sql(sql, (json.dumps(list(members)),) * 2):
        for member in members[row]:
            found[member].add(value)
    return found
