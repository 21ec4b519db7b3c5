"""How much room a store takes on the disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from crawlers.capture_names import END, is_reduced


def sizes(folder: Path) -> dict[str, int]:
    """Bytes of the journal with its log and copies, raw responses (whole, reduced, both), papers' texts, reports; and free on the disk."""
    found = dict.fromkeys(("journal", "captures", "captures_whole", "captures_reduced", "library", "reports"), 0)
    found["journal"] = sum(size for name, size in _files(folder, deep=False) if name.startswith("journal.sqlite3"))
    for name, size in _files(folder / "captures"):
        if name.endswith(END):
            found["captures_reduced" if is_reduced(name) else "captures_whole"] += size
    found["captures"] = found["captures_whole"] + found["captures_reduced"]
    found["library"] = sum(size for _, size in _files(folder / "library"))
    found["reports"] = sum(size for _, size in _files(folder / "reports"))
    found["disk_free"] = shutil.disk_usage(folder).free
    return found


def _files(folder: Path, *, deep: bool = True) -> Iterator[tuple[str, int]]:
    """Names and sizes of files; one that goes away meanwhile is left out."""
    try:
        entries = os.scandir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    with entries:
        for entry in entries:
            try:
                if entry.is_dir(follow_symlinks=False):
                    if deep:
                        yield from _files(Path(entry.path))
                else:
                    yield entry.name, entry.stat().st_size
            except FileNotFoundError:
                continue
