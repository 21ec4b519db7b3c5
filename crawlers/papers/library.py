"""Kept texts: one SQLite file an edition in the store's folder ``library``, so that a new topic or rule costs no request.

A paper's row holds its place in the listing, what became of its PDF, the PDF's digest, and the text, compressed. A row is
written when its PDF has been read, so that an interrupted edition goes on where it was.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from crawlers.papers.editions import Edition, Listed
from crawlers.papers.text import WORDS, Extraction, State, unpack
from storage.model import Capture, ParseError, UsageError

FOLDER = "library"
TRIES = 3  # days on which a paper is asked for before it is given up
MAY_GO = 0.01  # share of a listing's papers that may be withdrawn at once; more, and part of the listing is missing
_SCHEMA = """
CREATE TABLE IF NOT EXISTS papers (id TEXT PRIMARY KEY, place INTEGER NOT NULL, title TEXT NOT NULL, pdf TEXT NOT NULL,
  affiliations TEXT NOT NULL, listed INTEGER NOT NULL DEFAULT 1, state TEXT NOT NULL DEFAULT 'waiting', detail TEXT NOT NULL DEFAULT '',
  tries INTEGER NOT NULL DEFAULT 0, at INTEGER, url TEXT NOT NULL DEFAULT '', sha256 TEXT NOT NULL DEFAULT '',
  pages INTEGER NOT NULL DEFAULT 0, kept BLOB) STRICT;
CREATE TABLE IF NOT EXISTS listing (read_at INTEGER NOT NULL, papers INTEGER NOT NULL, captures TEXT NOT NULL) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far an edition is read: papers by what became of them."""

    edition: Edition
    states: Counter[State]

    @property
    def listed(self) -> int:
        return self.states.total()

    @property
    def read(self) -> int:
        return self.states[State.READ]

    @property
    def waiting(self) -> int:
        return self.states[State.WAITING]

    @property
    def unreadable(self) -> int:
        return self.listed - self.read - self.waiting

    def __str__(self) -> str:
        """``4,061 of 4,070 read, 9 unreadable: 5 scanned, 3 encrypted, 1 crashed the reader``."""
        ends = [(n, s) for s, n in self.states.items() if s not in {State.READ, State.WAITING} and n]
        why = ", ".join(f"{n:,} {WORDS[s]}" for n, s in sorted(ends, key=lambda e: (-e[0], e[1])))
        told = f"{self.read:,} of {self.listed:,} read"
        if self.unreadable:
            told += f", {self.unreadable:,} unreadable: {why}"
        return told + (f"; {self.waiting:,} still to be read" if self.waiting else "")


@dataclass(frozen=True, slots=True)
class Kept:
    """A paper that was read."""

    id: str
    title: str
    url: str
    sha256: str  # of the PDF
    affiliations: tuple[str, ...]
    front: str  # the first page
    text: str


class Library:
    """The kept texts of one edition. To be closed. One writer at a time: the source's lock sees to that."""

    def __init__(self, folder: Path, edition: Edition, *, writable: bool = True) -> None:
        self.edition = edition
        self.path = folder / f"{edition.venue}-{edition.year}.sqlite3"
        if writable:
            folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_SCHEMA)
        else:
            if not self.path.exists():
                raise UsageError(f"no text of {edition} is kept; add it to editions under [sources.conferences] and collect")
            self._db = sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False)

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The listing

    def note_listing(self, papers: Sequence[Listed], captures: Sequence[Capture], now: int) -> None:
        """Note what a whole listing names. Raises `ParseError` where papers are missing that were there before."""
        known = {i for (i,) in self._db.execute("SELECT id FROM papers WHERE listed = 1")}
        gone = known - {p.id for p in papers}
        if len(gone) > max(1, MAY_GO * len(known)):
            raise ParseError(
                f"the listing of {self.edition} has {len(papers):,} papers and lacks {len(gone):,} of the {len(known):,}"
                " that it had before: part of it is missing"
            )
        sql = (
            "INSERT INTO papers (id, place, title, pdf, affiliations) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " place = excluded.place, title = excluded.title, pdf = excluded.pdf, affiliations = excluded.affiliations, listed = 1"
        )
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany(sql, [(p.id, n, p.title, p.pdf, json.dumps(p.affiliations)) for n, p in enumerate(papers)])
        self._db.executemany("UPDATE papers SET listed = 0 WHERE id = ?", [(i,) for i in gone])
        said = json.dumps([asdict(c) for c in captures])
        self._db.execute("INSERT INTO listing VALUES (?, ?, ?)", (now, len(papers), said))
        self._db.execute("COMMIT")

    def captures(self) -> tuple[Capture, ...]:
        """The responses that the newest listing was read from."""
        row = self._db.execute("SELECT captures FROM listing ORDER BY rowid DESC LIMIT 1").fetchone()
        return tuple(Capture(**c) for c in json.loads(row[0])) if row else ()

    # Papers

    def standing(self) -> Standing:
        rows = self._db.execute("SELECT state, count(*) FROM papers WHERE listed = 1 GROUP BY state")
        return Standing(self.edition, Counter({State(state): n for state, n in rows}))

    @property
    def complete(self) -> bool:
        """Whether the listing is known and nothing of it is still to be read."""
        standing = self.standing()
        return standing.listed > 0 and not standing.waiting

    def waiting(self) -> list[Listed]:
        """Papers to be fetched, in the listing's order; those that failed before come last."""
        rows = self._db.execute(
            "SELECT id, title, pdf FROM papers WHERE listed = 1 AND state = ? ORDER BY tries, place", (State.WAITING,)
        ).fetchall()
        return [Listed(i, title, pdf) for i, title, pdf in rows]

    def fetched_since(self, time: int) -> int:
        """How many papers were asked for since a time."""
        return int(self._db.execute("SELECT count(*) FROM papers WHERE at >= ?", (time,)).fetchone()[0])

    def keep(self, identifier: str, found: Extraction, now: int, *, url: str = "", sha256: str = "") -> None:
        """Note what became of a paper's PDF, with its text."""
        self._db.execute(
            "UPDATE papers SET state = ?, detail = ?, at = ?, url = ?, sha256 = ?, pages = ?, kept = ? WHERE id = ?",
            (found.state, found.detail, now, url, sha256, found.pages, found.kept or None, identifier),
        )

    def miss(self, identifier: str, detail: str, now: int) -> None:
        """Note that a paper could not be fetched this time; after a few days it is given up."""
        self._db.execute(
            "UPDATE papers SET tries = tries + (at IS NULL OR at / 86400 <> ?1 / 86400), at = ?1, detail = ?2 WHERE id = ?3",
            (now, detail, identifier),
        )
        sql = "UPDATE papers SET state = ? WHERE id = ? AND state = ? AND tries >= ?"
        self._db.execute(sql, (State.UNFETCHED, identifier, State.WAITING, TRIES))

    def unreadable(self) -> list[tuple[str, State, str]]:
        """Title, state and detail of the papers that gave no text, in the listing's order."""
        sql = "SELECT title, state, detail FROM papers WHERE listed = 1 AND state NOT IN (?, ?) ORDER BY place"
        return [(title, State(state), detail) for title, state, detail in self._db.execute(sql, (State.READ, State.WAITING))]

    def texts(self) -> Iterator[Kept]:
        """All papers that were read, in the listing's order."""
        sql = "SELECT id, title, url, sha256, affiliations, kept FROM papers WHERE listed = 1 AND state = ? ORDER BY place"
        for identifier, title, url, sha256, affiliations, kept in self._db.execute(sql, (State.READ,)):
            front, text = unpack(kept)
            yield Kept(identifier, title, url, sha256, tuple(json.loads(affiliations)), front, text)


def editions_in(folder: Path) -> list[Edition]:
    """The editions of which something is kept, newest first."""
    found = []
    for path in folder.glob("*.sqlite3"):
        try:
            found.append(Edition.read(path.stem))
        except UsageError:
            continue  # somebody else's file
    return sorted(found, key=lambda e: (-e.year, e.venue))


__all__ = ["FOLDER", "Kept", "Library", "Standing", "editions_in"]
