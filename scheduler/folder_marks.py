"""Which folder of raw responses a mark in the journal speaks of.

Where several machines write into one journal and each keeps its responses on a disk of its own, what is done with the files of
one says nothing of those of the others: each folder has a name, and marks of its own. Where all see the same files, in one
folder or in a store of objects, there is one mark, and the name is empty.
"""

from __future__ import annotations

import json
import re
import secrets
import socket
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Connection

from crawlers.keep import Keep
from crawlers.locks import address
from storage import schema
from storage.journal import Journal
from storage.periods import DAY

AT = "@"  # between a mark and the name of a folder
SEEN = "folder_seen"  # a mark: when a folder was tidied up last
GONE = 30 * DAY  # seconds after which a folder that was not tidied up is no longer reckoned with; one that comes back begins anew


def place_of(journal: Journal, keep: Keep | None) -> str:
    """The name of this machine's folder, made when it is first asked for; empty where all see the same files."""
    if address(journal) is None or (keep is not None and keep.address is not None):
        return ""
    file = journal.folder / "locks" / "folder-name"
    for _ in range(2):
        with suppress(FileNotFoundError):
            return file.read_text(encoding="utf-8").strip()
        _make(file, f"{re.sub(r'[^A-Za-z0-9.-]', '-', socket.gethostname())}-{secrets.token_hex(4)}")
    raise FileNotFoundError(file)


def _make(file: Path, name: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    written = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    written.write_text(name, encoding="utf-8")
    try:
        with suppress(FileExistsError):
            file.hardlink_to(written)  # whole or not at all, and only the first
    finally:
        written.unlink()


def key(mark: str, place: str) -> str:
    """The row of the journal's ``meta`` table for a mark of a folder."""
    return f"{mark}{AT}{place}" if place else mark


def marks(connection: Connection, mark: str) -> list[str]:
    """A mark as all folders have it, in its text; of a folder that is reckoned with and has none, an empty one."""
    meta = schema.meta.c
    rows = connection.execute(schema.meta.select().where(meta.key.startswith(mark, autoescape=True)))
    found = {row.key: str(row.value) for row in rows if row.key.partition(AT)[0] == mark}
    for place in _places(connection):
        found.setdefault(key(mark, place), "")
    return list(found.values())


def register(journal: Journal, keep: Keep | None, now: int) -> str:
    """See to it that this machine's folder is reckoned with. Gives its name. For whoever is going to write responses."""
    place = place_of(journal, keep)
    if place:
        with journal.read() as connection:
            known = place in _places(connection)
        if not known:
            note(journal, place, now)
    return place


def note(journal: Journal, place: str, now: int) -> None:
    """Note that a folder was tidied up, and forget the marks of folders that are gone."""
    with journal.read() as connection:
        if not place and not _places(connection):
            return
    with journal.write(now=now) as tx:
        meta = schema.meta.c
        gone = {name for name, seen in _places(tx.connection).items() if name != place and (not place or seen < now - GONE)}
        rows = list(tx.connection.scalars(schema.meta.select().with_only_columns(meta.key)))
        old = [row for row in rows if row.partition(AT)[2] in gone] if gone else []
        if place:
            old += [row for row in rows if AT not in row and f"{row}{AT}{place}" in rows]  # of the time when all saw the same files
            old.append(key(SEEN, place))
            tx.connection.execute(schema.meta.delete().where(meta.key.in_(old)))
            tx.connection.execute(schema.meta.insert().values(key=key(SEEN, place), value=json.dumps(now)))
        elif old:
            tx.connection.execute(schema.meta.delete().where(meta.key.in_(old)))


def _places(connection: Connection) -> dict[str, int]:
    meta = schema.meta.c
    rows = connection.execute(schema.meta.select().where(meta.key.startswith(SEEN + AT, autoescape=True)))
    return {row.key.partition(AT)[2]: int(json.loads(row.value)) for row in rows}


__all__ = ["key", "marks", "note", "place_of", "register"]
