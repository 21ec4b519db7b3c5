"""A copy of a store that is whole at any moment, made while others write to it.

The journal is copied first, by SQLite's online backup in one snapshot; then the files of raw responses that this copy
speaks of (each is on the disk before the journal says so, thus all are there), linked or copied, only those that are new; then
the papers' texts. All that lies beside the last good backup. When the whole has been looked through, the new journal takes
the old one's place in one step, and only then what nobody speaks of any more is removed. Killed at any moment, the
backup is the last good one or the new one.

The folder is a store: `[store] path` can point to it, or its files can be copied back.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from crawlers.keep import Keep
from crawlers.locks import alone
from crawlers.object_store import ObjectStore, store_at
from crawlers.papers import shelf
from crawlers.reduced import settle
from scheduler import backup_files as files
from scheduler.backup_check import ELSEWHERE, MANIFEST, absent, list_elsewhere
from scheduler.backup_files import CAPTURES, LIBRARY, Carried
from storage import database, moving
from storage.journal import FILE, Journal, exists
from storage.model import UptakeError, UsageError
from storage.periods import iso

CONFIG = "uptake.toml"
FORMAT = 1
_NEW = "journal.new"  # a folder: a journal is opened by its folder
_LOCK = "uptake-backup"
_IGNORED = {"lost+found", f"{_LOCK}.lock", f"{MANIFEST}.part"}  # of a new file system, and of a backup that died at once
_LOGIN = re.compile(r"(?<=://)[^/\s\"'@]+@")  # of an address

Progress = Callable[[str, int, int], None]  # what is being brought, done, of how many


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds, and what making it brought."""

    made: str  # ISO time
    sequence: int  # of the journal
    figures: int
    journal_bytes: int
    carried: Carried
    removed: int  # files of raw responses that did not belong there any more
    editions: int  # of papers whose texts are kept
    lost: tuple[str, ...]  # files of raw responses that the store itself does not have any more
    elsewhere: int = 0  # files of raw responses that lie in a store of objects, and are only listed
    elsewhere_bytes: int = 0
    at: str = ""  # that store's address

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "lost": list(self.lost)}


def backup(
    store: Path,
    config: Path,
    target: Path,
    *,
    url: str | None = None,
    now: int,
    version: str,
    link: bool = True,
    progress: Progress,
    keep: Keep | None = None,
    responses: bool = False,
) -> Backup:
    """Make or renew the backup of a store in a folder; ``now`` is epoch seconds, ``url`` that of the journal where it is no file.

    Raw responses that are kept in a store of objects are listed; with ``responses`` they are brought too.

    Raises `UsageError` for a folder that holds anything else, `UptakeError` where the disk or the store is in the way: then
    the last good backup is as it was.
    """
    refuse_place(store, target, url)
    with _plainly(target):
        target.mkdir(parents=True, exist_ok=True)
        refuse_foreign(store, target, url)
        with alone(target, _LOCK) as free:
            if not free:
                raise UptakeError(f"another process is making a backup in {target}; try again when it is done")
            if not (target / MANIFEST).exists():
                _write(target / MANIFEST, json.dumps({"format": FORMAT, "made": None}))
            try:
                objects = None if keep is None or keep.address is None else store_at(keep.address)
                return _made(
                    store, config, target, url, objects, now=now, version=version, link=link, progress=progress, responses=responses
                )
            finally:
                shutil.rmtree(target / _NEW, ignore_errors=True)


def _made(
    store: Path,
    config: Path,
    target: Path,
    url: str | None,
    objects: ObjectStore | None,
    *,
    now: int,
    version: str,
    link: bool,
    progress: Progress,
    responses: bool,
) -> Backup:
    fresh = target / _NEW
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    if url is None:
        _refuse_small(target, (store / FILE).stat().st_size)
        database.copy(store / FILE, fresh / FILE, lambda done, of: progress("journal", done, of))
    else:
        with Journal.open(store, url) as journal:
            _refuse_small(target, journal.size())
            moving.save(journal, fresh, progress)
    database.verify(fresh / FILE)
    with Journal.open(fresh) as journal, journal.read() as connection:
        sequence = int(connection.exec_driver_sql("SELECT coalesce(max(seq), 0) FROM commits").scalar_one())
        figures = int(connection.exec_driver_sql("SELECT count(*) FROM points WHERE state < 2").scalar_one())
        found = files.wanted(connection, store / CAPTURES, dict if objects is None else partial(objects.listed, ""))
    _refuse_small(target, files.space_for(store / CAPTURES, target / CAPTURES, found, link=link))
    told = lambda done, of: progress("raw responses", done, of)  # noqa: E731
    carried, names = files.carry_all(store / CAPTURES, target / CAPTURES, found, link=link, progress=told)
    if objects is not None and responses:
        _refuse_small(target, sum(entry.size for entry in found.elsewhere.values()))
        fetched, more = files.fetch_all(objects, target / CAPTURES, found, progress=told)
        carried, names = carried + fetched, names | more
    names |= {name for name in found.elsewhere if (target / CAPTURES / name).exists()}  # of a former one that brought them
    away = {name: entry for name, entry in found.elsewhere.items() if name not in names}
    editions = _library(store / LIBRARY, target / LIBRARY) if url is None else _library_of_server(store, url, fresh, target / LIBRARY)
    with Journal.open(fresh) as journal, journal.read() as connection:
        missing = set(absent(connection, target / CAPTURES, away)) - set(found.lost)
    if missing:
        raise UptakeError(f"{min(missing)} did not get into {target} whole; the last good backup there is as it was")
    size = (fresh / FILE).stat().st_size
    _write(fresh / CONFIG, without_passwords(config.read_text(encoding="utf-8")))
    if objects is not None:
        list_elsewhere(fresh / ELSEWHERE, objects.address.url, away)
    (fresh / FILE).replace(target / FILE)  # from here on it is the new backup
    (fresh / CONFIG).replace(target / CONFIG)
    if objects is not None:
        (fresh / ELSEWHERE).replace(target / ELSEWHERE)
    made = Backup(iso(now), sequence, figures, size, carried, 0, editions, found.lost)
    if objects is not None:
        bytes_away = sum(entry.size for entry in away.values())
        made = replace(made, elsewhere=len(away), elsewhere_bytes=bytes_away, at=objects.address.url)
    _write(target / MANIFEST, json.dumps(_manifest(made, version), indent=2))
    settle(target)
    removed = files.drop_others(target / CAPTURES, names)
    return replace(made, removed=removed)


def _manifest(made: Backup, version: str) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "made": made.made,
        "program": f"uptake {version}",
        "sequence": made.sequence,
        "figures": made.figures,
        "lost": list(made.lost),
        "restore": RESTORE,
    }


RESTORE = (
    "Stop the daemon. Copy this folder to where the store shall be, and name that place as path under [store] in your uptake.toml"
    " (the one in here is a copy of it; secrets are in none of the two). A url under [store], of a journal on PostgreSQL, is to be taken"
    " out; `uptake migrate` then brings the journal there again, into an empty database. `uptake status` shows whether all is there."
)


def _library_of_server(store: Path, url: str, fresh: Path, target: Path) -> int:
    """As `_library`, of texts that are beside a journal on a server: each edition becomes a file."""
    with Journal.open(store, url) as journal:
        shelf.copy(shelf.place_of(journal), fresh / LIBRARY)
    made = sorted((fresh / LIBRARY).glob("*.sqlite3"))
    for path in made:
        target.mkdir(parents=True, exist_ok=True)
        path.replace(target / path.name)
    return len(made)


def _library(store: Path, target: Path) -> int:
    """Copy the papers' texts of editions that changed; how many editions there are. One that is being written is of one moment."""
    editions = sorted(store.glob("*.sqlite3"))
    for path in editions:
        log, copied = path.with_name(f"{path.name}-wal"), target / path.name
        changed = max(p.stat().st_mtime_ns for p in (path, log) if p.exists())
        if not copied.exists() or copied.stat().st_mtime_ns != changed:
            target.mkdir(parents=True, exist_ok=True)
            os.utime(database.copy(path, copied), ns=(changed, changed))
    return len(editions)


def refuse_place(store: Path, target: Path, url: str | None = None) -> None:
    """A backup inside of what it is a backup of, or around it, would be lost with it, or overwrite it."""
    if not exists(store, url):
        raise UsageError(f"nothing is measured yet in {store}; there is nothing to make a backup of")
    mine, there = store.resolve(), target.resolve()
    if mine == there or mine in there.parents or there in mine.parents:
        raise UsageError(f"{target} and the store {store} lie within one another; choose another folder, best on another disk")


def refuse_foreign(store: Path, target: Path, url: str | None = None) -> None:
    """Nothing is written into a folder that holds something else, or the backup of another store."""
    held = {path.name for path in target.iterdir()} - _IGNORED
    if held and MANIFEST not in held:
        raise UsageError(f"{target} is not empty and holds no backup of Uptake; choose a new or an empty folder")
    if f"{FILE}-wal" in held:  # somebody worked in there; a log must not be left beside a journal that it is not of
        with database.plain_errors(target / FILE, 1), closing(sqlite3.connect(target / FILE, timeout=1)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE").fetchone()
    if FILE in held and (last := _last_commit(target / FILE)) and not _has(store, url, last):
        if url is None:
            database.verify(store / FILE)  # a damaged one knows nothing of itself
        raise UsageError(f"{target} holds the backup of another store, or figures that this store does not have; choose another folder")


def _last_commit(file: Path) -> tuple[object, ...] | None:
    """The newest commit of a backup's journal; None where it cannot be read: then it is no loss."""
    try:
        with closing(_reading(file)) as connection:
            row = connection.execute("SELECT seq, recorded_at, run FROM commits ORDER BY seq DESC LIMIT 1").fetchone()
    except sqlite3.Error:
        return None
    return None if row is None else tuple(row)


def _has(store: Path, url: str | None, commit: tuple[object, ...]) -> bool:
    with Journal(store, url) as journal, journal.read() as connection:
        row = connection.exec_driver_sql("SELECT 1 FROM commits WHERE seq = ? AND recorded_at = ? AND run = ?", commit).first()
    return row is not None


def _reading(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=database.BUSY_SECONDS)


def _refuse_small(target: Path, needed: int) -> None:
    free = shutil.disk_usage(target).free
    if free < needed:
        raise UptakeError(
            f"the backup needs {needed:,} bytes more in {target}, and {free:,} are free there; nothing was changed: the last good"
            " backup, if there is one, is as it was"
        )


def _write(path: Path, text: str) -> None:
    part = path.with_name(f"{path.name}.part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def without_passwords(config: str) -> str:
    """A configuration holds no secret; an address with a login in it is the one place where somebody may have put one."""
    return _LOGIN.sub("", config)


@contextmanager
def _plainly(target: Path) -> Iterator[None]:
    """What the system refuses, in a sentence."""
    try:
        yield
    except OSError as error:
        place = error.filename or target
        raise UptakeError(
            f"the backup in {target} was not finished: {place}: {error.strerror or error}; the last good backup there, if there is"
            " one, is as it was"
        ) from error
