"""Whether a backup is whole: its journal, every response that a figure rests on, the papers' texts."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from crawlers.capture_names import present, successors
from crawlers.object_store import Entry
from crawlers.warc import CaptureDamagedError, load, scan
from scheduler.backup_files import CAPTURES, LIBRARY
from storage import database
from storage.journal import FILE, Journal
from storage.model import UptakeError, UsageError

MANIFEST = "uptake-backup.json"
ELSEWHERE = "uptake-responses.json"  # raw responses that lie in a store of objects: names, sizes and the checksums that it tells
SHOWN = 20  # problems that are told one by one


@dataclass(slots=True)
class Checked:
    """What was looked at, and what is wrong with it."""

    made: str
    sequence: int = 0
    responses: int = 0  # that figures rest on
    files: int = 0  # in which they lie
    editions: int = 0
    elsewhere: int = 0  # files that lie in a store of objects, and were not looked at
    at: str = ""
    problems: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        return {
            "made": self.made,
            "sequence": self.sequence,
            "responses": self.responses,
            "files": self.files,
            "editions": self.editions,
            "elsewhere": self.elsewhere,
            "at": self.at,
            "problems": self.problems,
        }


def list_elsewhere(file: Path, at: str, entries: Mapping[str, Entry]) -> None:
    """Write down which raw responses lie in a store of objects."""
    known = {name: {"size": entry.size, "checksum": entry.checksum} for name, entry in sorted(entries.items())}
    file.write_text(json.dumps({"at": at, "files": known}, indent=1), encoding="utf-8")


def listed_elsewhere(target: Path) -> tuple[str, dict[str, Entry]]:
    """The address of that store, and what a backup says lies there."""
    try:
        found = json.loads((target / ELSEWHERE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return "", {}
    return str(found["at"]), {str(name): Entry(int(e["size"]), str(e["checksum"])) for name, e in found["files"].items()}


def absent(connection: Connection, captures: Path, elsewhere: Mapping[str, Entry]) -> Iterator[str]:
    """The files of raw responses that a journal speaks of and that are neither there nor elsewhere, or too short. None is opened."""
    sql = "SELECT file, max(\"offset\") FROM evidence WHERE kind = 'capture' GROUP BY file"
    for name, last in connection.exec_driver_sql(sql):
        found = present(captures, name)
        if found is None and (there := _listed(elsewhere, name)):
            if there == name and elsewhere[name].size <= last:
                yield str(name)
            continue
        if found is None or (found == name and (captures / name).stat().st_size <= last):
            yield str(name)


def check(target: Path, progress: Callable[[int, int], None]) -> Checked:
    """Read all of a backup. Changes nothing, and works on a disk that cannot be written."""
    try:
        manifest = json.loads((target / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{target} holds no backup of Uptake") from error
    if not (target / FILE).exists():
        raise UptakeError(f"no backup was ever finished in {target}; make one: uptake backup {target}")
    found = Checked(manifest.get("made") or "")
    try:
        database.verify(target / FILE)
    except UptakeError as error:
        found.problems.append(str(error))
        return found
    places: dict[str, set[int]] = defaultdict(set)
    with Journal(target, writable=False) as journal, journal.read() as connection:
        found.sequence = int(connection.exec_driver_sql("SELECT coalesce(max(seq), 0) FROM commits").scalar_one())
        for name, offset in connection.exec_driver_sql("SELECT file, \"offset\" FROM evidence WHERE kind = 'capture'"):
            places[name].add(offset)
    found.at, elsewhere = listed_elsewhere(target)
    found.files, found.responses = len(places), sum(map(len, places.values()))
    for at, (name, offsets) in enumerate(sorted(places.items())):
        progress(at, len(places))
        if present(target / CAPTURES, name) is None and _listed(elsewhere, name):
            found.elsewhere += 1
            continue
        found.problems += _wrong(target / CAPTURES, name, offsets)
    progress(len(places), len(places))
    for path in sorted((target / LIBRARY).glob("*.sqlite3")):
        found.editions += 1
        if wrong := _damaged(path):
            found.problems.append(f"the papers' texts {path.name} are damaged: {wrong}")
    return found


def _listed(elsewhere: Mapping[str, Entry], name: str) -> str | None:
    """The name under which a file lies elsewhere."""
    return next((n for n in successors(name) if n in elsewhere), None)


def _wrong(captures: Path, name: str, offsets: set[int]) -> Iterator[str]:
    """What is wrong with the responses at some places of a file. Each one's checksum is that of its compressed record."""
    now = present(captures, name)
    if now is None:
        yield f"the raw responses {name} are not there"
        return
    if now == name:
        try:
            whole = {offset for offset, _ in scan(captures / name).records}
        except OSError as error:
            yield f"the raw responses {name} cannot be read: {error.strerror}"
            return
        if lost := offsets - whole:
            yield f"{len(lost)} of {len(offsets)} raw responses in {name} are damaged"
        return
    for offset in offsets:
        try:
            load(captures, name, offset)
        except CaptureDamagedError as error:
            yield str(error)


def _damaged(path: Path) -> str:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        return str(error)
    return "" if found == "ok" else found
