"""Where raw responses are kept: in the store's folder; or in a store of objects, with what has not got there yet in the folder.

Beside the folder of what waits (``captures/``), ``captures.copies/`` holds copies of what is there, as many as are allowed. A
file moves from the one to the other when it has arrived, so that its place says whether it has. Copies may be removed at any time.
"""

from __future__ import annotations

import errno
import fcntl
import io
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from crawlers.capture_names import END, in_order, source_of, stem_of, successors
from crawlers.object_address import Address
from crawlers.object_store import StoreAwayError, store_at

FIRST, MOST = 1 << 16, 4 << 20  # bytes of the first read of a record, and of any; each is twice the one before


@dataclass(frozen=True, slots=True)
class Keep:
    """``folder`` holds all files, or those that wait to be brought to the ``address``. ``room``: bytes for copies of what is there."""

    folder: Path
    address: Address | None = None
    room: int = 0

    @property
    def here(self) -> Keep:
        """What is in the folder alone: it can be read whatever the store of objects does."""
        return Keep(self.folder)

    @property
    def where(self) -> str:
        return str(self.folder) if self.address is None else self.address.url

    @property
    def copies(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.copies")

    # Reading. All of it may wait for the network, and raise `StoreAwayError`

    def open(self, file: str) -> io.BufferedIOBase:
        """A file to read from any place. `FileNotFoundError` where there is none."""
        if self.address is None:
            return (self.folder / file).open("rb")
        for folder in (self.folder, self.copies):  # in the order in which files move
            with suppress(FileNotFoundError):
                return (folder / file).open("rb")
        objects = store_at(self.address)
        return RangeReader(lambda start, end: objects.read(file, start, end))

    def whole(self, file: str) -> Path:
        """A file as one on this disk. `FileNotFoundError` where there is none."""
        if self.address is None:
            return self.folder / file
        if (here := self.near(file)) is not None:
            return here
        store_at(self.address).fetch(file, self.copies / file)
        return self.copies / file

    def near(self, file: str) -> Path | None:
        """Where a file is on this disk, if it is."""
        return next((folder / file for folder in (self.folder, self.copies) if (folder / file).exists()), None)

    def names(self, below: str, start: str = "") -> set[str]:
        """The files in a folder of months (``github/2026-11``) or of a source whose bare names begin so."""
        found = {str(path.relative_to(self.folder)) for path in (self.folder / below).rglob(f"{start}*{END}")}
        if self.address is not None:
            prefix = start if "/" in below else ""  # of a bare source the months come first
            listed = store_at(self.address).listed(below, prefix)
            found |= {name for name in listed if name.endswith(END) and name.rpartition("/")[2].startswith(start)}
        return found

    def followers(self, file: str) -> list[str]:
        """The files that are there of those that may have taken a file's place, nearest first."""
        names = [name for name in successors(file) if name != file]
        if self.address is None:
            return [name for name in names if (self.folder / name).exists()]
        folder, _, name = file.rpartition("/")
        found = self.names(folder, name.removesuffix(END))
        return [name for name in names if name in found]

    def has(self, file: str) -> bool:
        """Whether a file, or what it was reduced to, is anywhere."""
        if any(self.near(name) for name in successors(file)):
            return True
        folder, _, name = file.rpartition("/")
        return self.address is not None and not self.names(folder, name.removesuffix(END)).isdisjoint(successors(file))

    def lacking(self, file: str) -> str:
        """Why a file is nowhere."""
        if self.address is None:
            return f"the raw response {file} is not in {self.folder}: it was removed, or lies on the machine that asked"
        return f"the raw response {file} is not at {self.where}: it is gone, or still waits on the machine that asked"

    # Writing

    def remove(self, file: str) -> None:
        """Remove a file from everywhere. `OSError` where it is being brought to the store just now."""
        path = self.folder / file
        if self.address is None:
            path.unlink()
            return
        with suppress(FileNotFoundError), path.open("rb") as mine:
            if not claim(mine):
                raise BlockingIOError(errno.EWOULDBLOCK, "it is being brought to where responses are kept")
            path.unlink()
        (self.copies / file).unlink(missing_ok=True)
        store_at(self.address).remove(file)

    def bring(self, file: str) -> bool:
        """Bring a waiting file to the store, and make it a copy. False: it is being written, brought by another, or gone."""
        if self.address is None:
            return True
        path, copy = self.folder / file, self.copies / file
        try:
            mine = path.open("rb")
        except FileNotFoundError:
            return False
        with mine:
            if not claim(mine) or not os.fstat(mine.fileno()).st_nlink:
                return False
            store_at(self.address).put(path, file)
            copy.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):  # it was reduced meanwhile
                path.replace(copy)
        return True

    def waiting(self) -> dict[str, os.stat_result]:
        """The files that have not arrived at the store yet, oldest first, also those that are being written."""
        found: list[tuple[str, os.stat_result]] = []
        for path in self.folder.rglob(f"*{END}") if self.address is not None else ():
            with suppress(FileNotFoundError):
                found.append((str(path.relative_to(self.folder)), path.stat()))
        return dict(sorted(found, key=lambda item: item[1].st_mtime))

    def tidy(self, wanted: Callable[[str], bool] = lambda _: True) -> None:
        """Remove copies that are not wanted, and the ones used longest ago of those that take more room than they may."""
        found = []
        for path in self.copies.rglob(f"*{END}"):
            with suppress(FileNotFoundError):
                if wanted(str(path.relative_to(self.copies))):
                    found.append((path.stat(), path))
                else:
                    path.unlink()
        taken = sum(stat.st_size for stat, _ in found)
        for stat, path in sorted(found, key=lambda item: max(item[0].st_atime, item[0].st_mtime)):
            if taken <= self.room:
                return
            path.unlink(missing_ok=True)
            taken -= stat.st_size


def keep_of(place: Path | Keep) -> Keep:
    """A bare folder keeps all that is in it."""
    return place if isinstance(place, Keep) else Keep(place)


def claim(file: io.BufferedIOBase) -> bool:
    """Have a file for oneself for as long as it is open; it goes with the process. False: somebody else has it."""
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def files_of(place: Path | Keep, run: str, time: int | None = None) -> list[str]:
    """The names of a run's capture files, in the order of its processes. ``time``: when it was planned, which saves looking for it."""
    keep = keep_of(place)
    if time is None:
        return in_order(keep.names(source_of(run), f"{run}."))
    return in_order(keep.names(stem_of(run, time).rpartition("/")[0], f"{run}."))


class RangeReader(io.BufferedIOBase):
    """Reads a file by ranges that grow, as far as somebody reads and not much farther."""

    def __init__(self, fetch: Callable[[int, int], bytes]) -> None:
        self._fetch, self._at, self._held, self._step, self._ended = fetch, 0, b"", FIRST, False

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence != os.SEEK_SET:
            raise io.UnsupportedOperation("the end is not known")
        self._at, self._held, self._step, self._ended = offset, b"", FIRST, False
        return offset

    def read(self, size: int | None = -1) -> bytes:
        wanted = 1 << 62 if size is None or size < 0 else size
        while len(self._held) < wanted and not self._ended:
            start = self._at + len(self._held)
            more = self._fetch(start, start + self._step)
            self._ended = len(more) < self._step
            self._held += more
            self._step = min(2 * self._step, MOST)
        found, self._held = self._held[:wanted], self._held[wanted:]
        self._at += len(found)
        return found


__all__ = ["Keep", "RangeReader", "StoreAwayError", "claim", "files_of", "keep_of"]
