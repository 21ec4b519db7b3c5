"""Kept texts in files and beside a journal on PostgreSQL: the same laws, and a way from one to the other."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect

from crawlers.papers import shelf
from crawlers.papers.editions import Edition, Listed
from crawlers.papers.library import Library
from crawlers.papers.shelf import Place, editions_in
from crawlers.papers.text import Extraction, State, zstd  # type: ignore[attr-defined]  # which of two modules it is, it has found out
from storage.model import Capture, ParseError, UsageError
from storage.periods import DAY
from tests.fakes import postgres

EDITION, OTHER = Edition("CVPR", 2026), Edition("NeurIPS", 2025)
NOW = 1_795_162_620
CAPTURE = Capture("run-1", "a/2026-11/run-1.warc.gz", 7, "https://made-up.invalid/list", "GET", 200, "f", NOW, "text/html", "00")


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Postgres]:
    with postgres.running() as server:
        yield server


@pytest.fixture(params=["files", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "files":
        yield tmp_path / "library"
        return
    server: postgres.Postgres = request.getfixturevalue("server")
    engine = create_engine(server.database("one").replace("postgresql:", "postgresql+psycopg:"))
    yield engine
    engine.dispose()
    server.drop("one")


def listed(count: int, *, first: int = 0) -> list[Listed]:
    return [Listed(f"p{n}", f"Paper {n}", f"https://made-up.invalid/{n}.pdf", ("Acme",)) for n in range(first, count)]


def read(text: str) -> Extraction:
    return Extraction(State.READ, pages=2, characters=len(text), kept=zstd.compress(f"front\f{text}".encode()))


def fill(place: Place, edition: Edition = EDITION) -> None:
    with Library(place, edition) as library:
        library.note_listing(listed(5), [CAPTURE], NOW)
        for n in (3, 1, 0):
            library.keep(f"p{n}", read(f"text {n} of {edition}"), NOW, url=f"u{n}", sha256=f"s{n}")
        library.keep("p2", Extraction(State.SCANNED, "pictures\0of pages"), NOW)


def test_papers_go_from_waiting_to_read_and_come_back_in_the_listings_order(place: Place) -> None:
    fill(place)
    fill(place, OTHER)
    with Library(place, EDITION, writable=False) as library:
        assert str(library.standing()) == "3 of 5 read, 1 unreadable: 1 scanned; 1 still to be read"
        assert not library.complete
        assert [p.id for p in library.waiting()] == ["p4"]
        assert [(k.id, k.text, k.front, k.affiliations) for k in library.texts()] == [
            (f"p{n}", f"text {n} of CVPR 2026", "front", ("Acme",)) for n in (0, 1, 3)
        ]
        assert library.unreadable() == [("Paper 2", State.SCANNED, "pictures\N{REPLACEMENT CHARACTER}of pages")]
        assert library.captures() == (CAPTURE,)
        assert (library.fetched_since(NOW), library.fetched_since(NOW + 1)) == (4, 0)
    assert editions_in(place) == [EDITION, OTHER]


def test_a_paper_is_given_up_after_three_days_not_after_three_tries(place: Place) -> None:
    with Library(place, EDITION) as library:
        library.note_listing(listed(2), [], NOW)
        for moment in (NOW, NOW + 60, NOW + DAY):
            library.miss("p0", "status 500", moment)
            assert [p.id for p in library.waiting()] == ["p1", "p0"], "what failed comes last"
        library.miss("p0", "status 500", NOW + 2 * DAY)
        assert [p.id for p in library.waiting()] == ["p1"]
        assert library.unreadable() == [("Paper 0", State.UNFETCHED, "status 500")]


def test_a_listing_that_lost_a_part_is_refused_and_one_that_lost_a_paper_is_not(place: Place) -> None:
    fill(place)
    with Library(place, EDITION) as library:
        with pytest.raises(ParseError, match="lacks 3 of the 5"):
            library.note_listing(listed(2), [], NOW + DAY)
        assert library.captures() == (CAPTURE,), "the former listing stands"
        library.note_listing(listed(6, first=1), [], NOW + DAY)
        assert library.standing().listed == 5
        assert [k.id for k in library.texts()] == ["p1", "p3"], "a text that is not listed is not counted, and is kept"
        library.note_listing(listed(6), [], NOW + DAY)
        assert [k.id for k in library.texts()] == ["p0", "p1", "p3"]


def test_an_edition_of_which_nothing_is_kept_is_told(place: Place) -> None:
    assert editions_in(place) == []
    with pytest.raises(UsageError, match="no text of CVPR 2026 is kept"):
        Library(place, EDITION, writable=False)


def test_texts_move_to_a_server_and_back_as_they_are(tmp_path: Path, server: postgres.Postgres) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    fill(here)
    fill(here, OTHER)
    engine = create_engine(server.database("moved").replace("postgresql:", "postgresql+psycopg:"))
    assert shelf.copy(here, engine) == 10
    assert shelf.copy(engine, there) == 10
    engine.dispose()
    for edition in (EDITION, OTHER):
        with shelf.at(here, edition) as one, shelf.at(there, edition) as other, one.connect() as a, other.connect() as b:
            for table in (shelf.papers, shelf.listings):
                assert sorted(a.execute(table.select()).all()) == sorted(b.execute(table.select()).all()), table.name


def test_workers_who_begin_at_once_make_the_tables_once(server: postgres.Postgres) -> None:
    url = server.database("raced").replace("postgresql:", "postgresql+psycopg:")
    engines = [create_engine(url) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(shelf.prepare, engines))
    assert inspect(engines[0]).has_table("library_papers")
    for engine in engines:
        engine.dispose()
