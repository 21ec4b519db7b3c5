"""What is done once a day, and by `uptake vacuum`: what is kept for too long goes, and the disk gets back what is free.

The weekly figures are made up anew too, so that readings of all series stay quick.

Where several machines share a journal on PostgreSQL, what lies on a disk is tidied up by its own machine (``here``): unfinished
files, copies, and where responses are on the machines' own disks those too. What all share is done by one of them.

Each step goes on where the last call was stopped or killed, and one that fails leaves the others to be done. A source that
is at work is left to the next call, and nobody is kept waiting for longer than moments, unless a rewrite is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from crawlers.locks import alone, alone_on, until_lost
from scheduler.aging import forget, reduce_aged
from scheduler.config import Config
from scheduler.folder_marks import note, place_of
from scheduler.reducing import Reduced, never
from scheduler.retention import reduce_old
from storage import rollup, schema
from storage.backends import WAIT, Compacted
from storage.grips import FIRM, Grip
from storage.journal import Journal
from storage.model import UptakeError
from storage.periods import DAY

LEFT_BEHIND = DAY  # seconds after which an unfinished file belongs to nobody: none takes that long to be written
PARTS = ("captures", "captures.copies", "reports")  # folders of the store in which files are written beside their place first


@dataclass(frozen=True, slots=True)
class Swept:
    """Files that processes left behind when they died."""

    files: int = 0
    bytes: int = 0


@dataclass(slots=True)
class Kept:
    """What a call came to."""

    elsewhere: int = 0  # files of responses that are in evidence and not in this machine's folder
    people: Reduced = field(default_factory=Reduced)  # responses that may name people
    aged: Reduced = field(default_factory=Reduced)  # responses older than their days
    notes: int = 0  # former versions of what sources remembered
    swept: Swept = field(default_factory=Swept)
    journal: Compacted = field(default_factory=Compacted)
    troubles: list[str] = field(default_factory=list)

    @property
    def freed(self) -> int:
        """Bytes that the disk got back; below zero where a journal that others write to has grown by more."""
        reduced = self.people + self.aged
        return reduced.before - reduced.after + self.swept.bytes + self.journal.before - self.journal.after

    def to_dict(self) -> dict[str, Any]:
        journal = asdict(self.journal)
        journal.pop("troubles")
        return {
            "people": asdict(self.people),
            "aged": asdict(self.aged),
            "notes": self.notes,
            "temporary": asdict(self.swept),
            "elsewhere": self.elsewhere,
            "journal": journal,
            "freed": self.freed,
            "troubles": self.troubles,
        }


def housekeeping(
    journal: Journal,
    settings: Config,
    now: int,
    *,
    rewrite: bool = False,
    wait: float = WAIT,
    here: bool = False,
    stopping: Callable[[], bool] = never,
) -> Kept:
    """Do all of it; ``now`` is epoch seconds. For a thread beside the loop: it ends soon after ``stopping`` says so.

    ``rewrite``: also write the journal anew where that is the only way to make it smaller (writers wait meanwhile).
    ``here``: only what is this machine's own.
    """
    done = Kept()
    apart = bool(place_of(journal, settings.keep))
    with _telling(done.troubles), _alone(journal, here=here or apart) as grip:
        if grip is None:
            done.troubles.append(f"another process is tidying up {journal.folder}; nothing was done here")
            return done
        until = until_lost(grip, stopping)
        if apart or not here:
            _reduce(done, journal, settings, now, until)
        if not here and not apart:
            with _telling(done.troubles):
                done.notes = forget(journal, now=now, stopping=until)
        _tidy(done, journal, settings, now)
        if not here and not apart:
            _journal(done, journal, now, rewrite=rewrite, wait=wait, stopping=until)
    if apart and not here:
        with _telling(done.troubles), alone_on(journal, "housekeeping") as grip:
            if grip is None:
                done.troubles.append(f"another machine is tidying up {journal.name}; only this machine's folder was tidied up here")
                return done
            until = until_lost(grip, stopping)
            with _telling(done.troubles):
                done.notes = forget(journal, now=now, stopping=until)
            _journal(done, journal, now, rewrite=rewrite, wait=wait, stopping=until)
    return done


@contextmanager
def _alone(journal: Journal, *, here: bool) -> Iterator[Grip | None]:
    """Be the only one that tidies up this folder; else, what all share."""
    if not here:
        with alone_on(journal, "housekeeping") as grip:
            yield grip
        return
    with alone(journal.folder / "locks", "housekeeping") as free:
        yield FIRM if free else None


def _reduce(done: Kept, journal: Journal, settings: Config, now: int, stopping: Callable[[], bool]) -> None:
    """Raw responses whose time has come."""
    with _telling(done.troubles):
        done.people = reduce_old(journal, days=settings.keep_people_days, now=now, stopping=stopping, keep=settings.keep)
    with _telling(done.troubles):
        done.aged = reduce_aged(journal, settings.keep_days_of, now=now, stopping=stopping, keep=settings.keep)
    with _telling(done.troubles):
        place = place_of(journal, settings.keep)
        note(journal, place, now)
        if place:
            with journal.read() as connection:
                done.elsewhere = sum(not settings.keep.has(file) for file in _in_evidence(connection))


def _tidy(done: Kept, journal: Journal, settings: Config, now: int) -> None:
    """What processes of this machine left behind on its disk."""
    with _telling(done.troubles):
        done.swept = sweep(journal.folder, now)
    if settings.elsewhere is not None:
        with _telling(done.troubles), journal.read() as connection:
            settings.keep.tidy(lambda file: _rested_on(connection, file))  # what others reduced must not stay here whole


def _journal(done: Kept, journal: Journal, now: int, *, rewrite: bool, wait: float, stopping: Callable[[], bool]) -> None:
    with _telling(done.troubles), journal.write(now=now) as tx:
        rollup.refresh(tx)
    if not stopping():
        with _telling(done.troubles):
            done.journal = journal.compact(rewrite=rewrite, wait=wait, stopping=stopping)
            done.troubles += done.journal.troubles


@contextmanager
def _telling(troubles: list[str]) -> Iterator[None]:
    """What goes wrong in a step is told, and the next one is done all the same."""
    try:
        yield
    except UptakeError as error:
        troubles.append(str(error))
    except OSError as error:
        troubles.append(f"{error.filename or 'the system'}: {error.strerror or error}")


def _rested_on(connection: Connection, file: str) -> bool:
    evidence = schema.evidence.c
    return connection.scalar(select(evidence.id).where(evidence.kind == "capture", evidence.file == file).limit(1)) is not None


_FILES = """
WITH RECURSIVE found(file) AS (SELECT min(file) FROM evidence WHERE kind = 'capture' UNION ALL
SELECT (SELECT min(e.file) FROM evidence e WHERE e.kind = 'capture' AND e.file > found.file) FROM found WHERE found.file IS NOT NULL)
SELECT file FROM found WHERE file IS NOT NULL
"""  # from one file to the next by the index, past the many responses of each


def _in_evidence(connection: Connection) -> Iterator[str]:
    """The files that figures rest on."""
    yield from map(str, connection.exec_driver_sql(_FILES).scalars())


def sweep(folder: Path, now: int) -> Swept:
    """Remove the unfinished files that dead processes left in a store."""
    count = size = 0
    for path in _unfinished(folder):
        try:
            found = path.lstat()
            if now - found.st_mtime > LEFT_BEHIND:
                path.unlink()
                count, size = count + 1, size + found.st_size
        except FileNotFoundError:
            continue  # it was finished meanwhile
    return Swept(count, size)


def _unfinished(folder: Path) -> Iterator[Path]:
    yield from folder.glob("*.part")
    for part in PARTS:
        for place, _, names in os.walk(folder / part):
            yield from (Path(place) / name for name in names if name.endswith(".part"))
