"""Kept texts, so that a new topic or rule costs no request: a file of SQLite for each edition in the store's folder ``library``,
or tables beside a journal on PostgreSQL, where whoever goes on with an edition finds what others have read.

A paper's row holds its place in the listing, what became of its PDF, the PDF's digest, and the text, compressed. A row is
written when its PDF has been read, so that an interrupted edition goes on where it was.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, func, insert, inspect, select, text

from crawlers.papers.editions import Edition, Listed
from crawlers.papers.shelf import AT_ONCE, Place, at, listings, nothing, papers, plain_errors, prepare
from crawlers.papers.text import WORDS, Extraction, State, unpack
from storage.model import Capture, ParseError
from storage.periods import DAY

TRIES = 3  # days on which a paper is asked for before it is given up
MAY_GO = 0.01  # share of a listing's papers that may be withdrawn at once; more, and part of the listing is missing
_LISTED = (
    "INSERT INTO library_papers (edition, id, place, title, pdf, affiliations, listed) VALUES (:edition, :id, :place, :title, :pdf,"
    " :affiliations, 1) ON CONFLICT (edition, id) DO UPDATE SET place = excluded.place, title = excluded.title, pdf = excluded.pdf,"
    " affiliations = excluded.affiliations, listed = 1"
)
_p = papers.c


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
    """The kept texts of one edition. To be closed. One writer at a time: the source's lock sees to that.

    What is asked of it raises `UptakeError` where its database cannot do it: the server is away, the disk is full.
    """

    def __init__(self, place: Place, edition: Edition, *, writable: bool = True) -> None:
        self.edition = edition
        self._place = place
        self._opened = ExitStack()
        self._engine = self._opened.enter_context(at(place, edition, writable=writable))
        self._key = str(edition)
        self._mine = _p.edition == self._key
        self._listed = self._mine & (_p.listed == 1)
        try:
            with plain_errors(place, edition):
                self._there(writable=writable)
        except BaseException:
            self.close()
            raise

    def _there(self, *, writable: bool) -> None:
        if writable:
            prepare(self._engine)
        elif not inspect(self._engine).has_table(papers.name):
            raise nothing(self.edition)

    def close(self) -> None:
        self._opened.close()

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with plain_errors(self._place, self.edition), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with plain_errors(self._place, self.edition), self._engine.begin() as connection:
            yield connection

    # The listing

    def note_listing(self, found: Sequence[Listed], captures: Sequence[Capture], now: int) -> None:
        """Note what a whole listing names. Raises `ParseError` where papers are missing that were there before."""
        with self._writing() as connection:
            known = set(connection.scalars(select(_p.id).where(self._listed)))
            gone = known - {p.id for p in found}
            if len(gone) > max(1, MAY_GO * len(known)):
                raise ParseError(
                    f"the listing of {self.edition} has {len(found):,} papers and lacks {len(gone):,} of the {len(known):,}"
                    " that it had before: part of it is missing"
                )
            rows = [
                {
                    "edition": self._key,
                    "id": p.id,
                    "place": n,
                    "title": _clean(p.title),
                    "pdf": p.pdf,
                    "affiliations": json.dumps(p.affiliations),
                }
                for n, p in enumerate(found)
            ]
            if rows:
                connection.execute(text(_LISTED), rows)
            if gone:
                connection.execute(papers.update().where(self._mine, _p.id.in_(gone)).values(listed=0))
            number = connection.scalar(select(func.count()).select_from(listings).where(listings.c.edition == self._key)) or 0
            said = json.dumps([asdict(c) for c in captures])
            connection.execute(insert(listings).values(edition=self._key, number=number + 1, read_at=now, papers=len(found), captures=said))

    def captures(self) -> tuple[Capture, ...]:
        """The responses that the newest listing was read from."""
        query = select(listings.c.captures).where(listings.c.edition == self._key).order_by(listings.c.number.desc()).limit(1)
        with self._reading() as connection:
            found = connection.scalar(query)
        return tuple(Capture(**c) for c in json.loads(found)) if found else ()

    # Papers

    def standing(self) -> Standing:
        query = select(_p.state, func.count()).where(self._listed).group_by(_p.state)
        with self._reading() as connection:
            return Standing(self.edition, Counter({State(state): n for state, n in connection.execute(query)}))

    @property
    def complete(self) -> bool:
        """Whether the listing is known and nothing of it is still to be read."""
        standing = self.standing()
        return standing.listed > 0 and not standing.waiting

    def waiting(self) -> list[Listed]:
        """Papers to be fetched, in the listing's order; those that failed before come last."""
        query = select(_p.id, _p.title, _p.pdf).where(self._listed, _p.state == str(State.WAITING)).order_by(_p.tries, _p.place)
        with self._reading() as connection:
            return [Listed(i, title, pdf) for i, title, pdf in connection.execute(query)]

    def fetched_since(self, time: int) -> int:
        """How many papers were asked for since a time."""
        with self._reading() as connection:
            return int(connection.scalar(select(func.count()).where(self._mine, _p.at >= time)) or 0)

    def keep(self, identifier: str, found: Extraction, now: int, *, url: str = "", sha256: str = "") -> None:
        """Note what became of a paper's PDF, with its text."""
        values = {"state": str(found.state), "detail": _clean(found.detail), "at": now, "url": url, "sha256": sha256, "pages": found.pages}
        with self._writing() as connection:
            connection.execute(papers.update().where(self._mine, _p.id == identifier).values(**values, kept=found.kept or None))

    def miss(self, identifier: str, detail: str, now: int) -> None:
        """Note that a paper could not be fetched this time; after a few days it is given up."""
        this = self._mine & (_p.id == identifier)
        with self._writing() as connection:
            tries, at, state = connection.execute(select(_p.tries, _p.at, _p.state).where(this)).one()
            tries += at is None or at // DAY != now // DAY
            given_up = state == State.WAITING and tries >= TRIES
            became = str(State.UNFETCHED) if given_up else state
            connection.execute(papers.update().where(this).values(tries=tries, at=now, detail=_clean(detail), state=became))

    def unreadable(self) -> list[tuple[str, State, str]]:
        """Title, state and detail of the papers that gave no text, in the listing's order."""
        without = _p.state.not_in([str(State.READ), str(State.WAITING)])
        query = select(_p.title, _p.state, _p.detail).where(self._listed, without).order_by(_p.place)
        with self._reading() as connection:
            return [(title, State(state), detail) for title, state, detail in connection.execute(query)]

    def texts(self) -> Iterator[Kept]:
        """All papers that were read, in the listing's order."""
        query = (
            select(_p.id, _p.title, _p.url, _p.sha256, _p.affiliations, _p.kept)
            .where(self._listed, _p.state == str(State.READ))
            .order_by(_p.place)
            .execution_options(yield_per=AT_ONCE)
        )
        with self._reading() as connection:
            for identifier, title, url, sha256, affiliations, kept in connection.execute(query):
                front, whole = unpack(kept)
                yield Kept(identifier, title, url, sha256, tuple(json.loads(affiliations)), front, whole)


def _clean(said: str) -> str:
    """Text without what PostgreSQL keeps in no text, for both alike."""
    return said.replace("\0", "\N{REPLACEMENT CHARACTER}")


__all__ = ["Kept", "Library", "Standing"]
