"""Files of a backup: which ones belong to it, and how one gets there whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection

from crawlers.capture_names import END, present, run_of, successors
from crawlers.object_store import Entry, ObjectStore
from crawlers.reduced import settle

CAPTURES = "captures"
LIBRARY = "library"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Files of raw responses that a journal speaks of, by their names in the captures folder."""

    files: dict[str, bool]  # to whether the file is final: its run is over, nobody writes to it any more
    lost: tuple[str, ...]  # names that figures rest on, and that are nowhere
    elsewhere: Mapping[str, Entry] = field(default_factory=dict)  # in a store of objects; some may still be here too


@dataclass(slots=True)
class Carried:
    """What was brought into a backup."""

    copied: int = 0
    linked: int = 0
    same: int = 0  # files that were there already
    bytes: int = 0  # of the new ones

    @property
    def new(self) -> int:
        return self.copied + self.linked

    def __add__(self, other: Carried) -> Carried:
        return Carried(self.copied + other.copied, self.linked + other.linked, self.same + other.same, self.bytes + other.bytes)


def captures_in(folder: Path) -> Iterator[str]:
    """The names of all files of raw responses in a captures folder."""
    for place, _, names in os.walk(folder):
        yield from (os.path.relpath(os.path.join(place, name), folder) for name in names if name.endswith(END))  # noqa: PTH118  # a hundred thousand


def wanted(connection: Connection, captures: Path, listed: Callable[[], Mapping[str, Entry]] = dict) -> Wanted:
    """Of the files in a folder those that a journal speaks of: in evidence, or of a run that it knows. ``listed``: of others elsewhere."""
    referred = {str(f) for f in connection.exec_driver_sql("SELECT DISTINCT file FROM evidence WHERE kind = 'capture'").scalars()}
    runs = {str(run): end is not None for run, end in connection.exec_driver_sql("SELECT id, finished_seq FROM runs")}
    files = {name: runs.get(run_of(name), False) for name in captures_in(captures) if run_of(name) in runs or name in referred}
    there = {name: entry for name, entry in listed().items() if run_of(name) in runs or name in referred}  # what moves is in both
    lost = (n for n in referred - files.keys() - there.keys() if present(captures, n) is None and not there.keys() & {*successors(n)})
    return Wanted(files, tuple(sorted(lost)), there)


def carry(source: Path, target: Path, *, link: bool) -> tuple[str, int]:
    """Bring one file into the backup, unless it is there: ``linked``, ``copied`` or ``same``, and its bytes.

    A file that nobody will write to may be linked, which takes no room on the same disk.
    """
    found = source.stat()
    with suppress(FileNotFoundError):
        there = target.stat()
        if (there.st_dev, there.st_ino) == (found.st_dev, found.st_ino) or (
            (there.st_size, there.st_mtime_ns) == (found.st_size, found.st_mtime_ns)
        ):
            return "same", 0
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    how = "linked" if link and _linked(source, part) else "copied"
    try:
        if how == "copied":
            _copy(source, part)
            os.utime(part, ns=(found.st_atime_ns, found.st_mtime_ns))
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return how, found.st_size


def _linked(source: Path, target: Path) -> bool:
    try:
        target.hardlink_to(source)
    except OSError:  # another disk, or one that has no links
        return False
    return True


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as read, target.open("wb") as write:
        shutil.copyfileobj(read, write, 1 << 20)
        write.flush()
        os.fsync(write.fileno())


def carry_all(store: Path, target: Path, found: Wanted, *, link: bool, progress: Callable[[int, int], None]) -> tuple[Carried, set[str]]:
    """Bring all wanted files of raw responses into the backup; gives what was done, and the names that belong there now.

    One that is reduced meanwhile is brought in its new form.
    """
    done, names = Carried(), set()
    folders: set[Path] = set()
    for at, (name, final) in enumerate(found.files.items()):
        progress(at, len(found.files))
        try:
            how, size = carry(store / name, target / name, link=link and final)
        except FileNotFoundError:
            later = present(store, name)
            if later is None and name in found.elsewhere:
                continue  # it was brought there meanwhile
            if later is None:
                raise
            name = later  # noqa: PLW2901
            how, size = carry(store / name, target / name, link=link and final)
        names.add(name)
        setattr(done, how, getattr(done, how) + 1)
        done.bytes += size
        if how != "same":
            folders.add((target / name).parent)
    for folder in folders | {f.parent for f in folders}:
        settle(folder)
    progress(len(found.files), len(found.files))
    return done, names


def fetch_all(objects: ObjectStore, target: Path, found: Wanted, *, progress: Callable[[int, int], None]) -> tuple[Carried, set[str]]:
    """Bring the wanted files that lie elsewhere into the backup."""
    done = Carried()
    for at, (name, entry) in enumerate(found.elsewhere.items()):
        progress(at, len(found.elsewhere))
        if (target / name).exists() and (target / name).stat().st_size == entry.size:
            done.same += 1
            continue
        objects.fetch(name, target / name)
        done.copied, done.bytes = done.copied + 1, done.bytes + entry.size
    progress(len(found.elsewhere), len(found.elsewhere))
    return done, set(found.elsewhere)


def space_for(store: Path, target: Path, found: Wanted, *, link: bool) -> int:
    """Bytes that the files of raw responses will take which are not in the backup yet."""
    needed = 0
    for name, final in found.files.items():
        with suppress(FileNotFoundError):
            source = (store / name).stat()
            there = (target / name).stat() if (target / name).exists() else None
            if there is None or (there.st_size, there.st_mtime_ns) != (source.st_size, source.st_mtime_ns):
                needed += 0 if link and final and source.st_dev == target.parent.stat().st_dev else source.st_size
    return needed


def drop_others(target: Path, names: set[str]) -> int:
    """Remove the files of raw responses that do not belong to the backup any more; how many.

    They were reduced since: what may name people does not stay behind in a backup either.
    """
    others = [name for name in captures_in(target) if name not in names]
    for name in others:
        (target / name).unlink()
    return len(others)
