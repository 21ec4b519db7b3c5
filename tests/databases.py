"""Lets tests of the journal run on both of its databases: what opens the journal of a folder is led to PostgreSQL.

A module asks for it by ``pytestmark = pytest.mark.usefixtures("either_database")``. Each folder has a database of its
own on the session's server; emptied ones are used again, because making one takes longer.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from storage import schema
from storage.journal import Journal
from tests.fakes.postgres import Postgres

TEMPLATE = "uptake_empty"
CLEAR = "DO $$ BEGIN " + " ".join(f"DELETE FROM {table.name};" for table in schema.metadata.sorted_tables) + " END $$"
CLEAR_TEXTS = "DROP TABLE IF EXISTS library_papers, library_listings"


class Databases:
    """Databases of a server with empty journals, one a folder."""

    def __init__(self, server: Postgres) -> None:
        self.server = server
        self._free: list[str] = []
        self._used: dict[str, str] = {}
        self._made = 0
        server.database(TEMPLATE)
        Journal.open(Path("/nowhere"), server.url(TEMPLATE)).close()

    def url(self, folder: Path) -> str:
        key = os.path.realpath(folder)
        if key not in self._used:
            if not self._free:
                self._made += 1
                self.server.database(f"journal_{self._made}", TEMPLATE)
                self._free.append(f"journal_{self._made}")
            self._used[key] = self._free.pop()
        return self.server.url(self._used[key])

    def share(self, folder: Path, other: Path) -> None:
        """Let a second folder, of another machine say, have the journal of a first."""
        self.url(folder)
        self._used[os.path.realpath(other)] = self._used[os.path.realpath(folder)]

    def release(self, folder: Path | None = None) -> None:
        """Empty the database of a folder that is no longer needed, or those of all."""
        for key in list(self._used) if folder is None else [os.path.realpath(folder)]:
            name = self._used.pop(key, None)
            if name is not None and name not in self._used.values():
                self.server.execute(CLEAR, CLEAR_TEXTS, database=name)
                self._free.append(name)


_led: list[Databases] = []


def release(folder: Path) -> None:
    """Say that a folder is done with, where that saves databases: in tests that make hundreds of journals."""
    for databases in _led:
        databases.release(folder)


def url_of(folder: Path) -> str | None:
    """The address that a folder's journal is led to, for processes of their own; None where it is a file."""
    return _led[-1].url(folder) if _led else None


@contextmanager
def led_to(databases: Databases) -> Iterator[None]:
    """Journals that are opened by their folder are databases of a server."""
    plain = Journal.__init__

    def led(self: Journal, folder: Path, url: str | None = None, **more: object) -> None:
        plain(self, folder, url or databases.url(folder), **more)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Journal, "__init__", led)
        _led.append(databases)
        try:
            yield
        finally:
            _led.remove(databases)
    databases.release()
