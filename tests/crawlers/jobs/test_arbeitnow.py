"""Arbeitnow: all pages, one after another, counted together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crawlers.spiders.jobs.arbeitnow import Arbeitnow, read_page
from storage.model import Bound, ParseError
from tests.fakes.boards import NOW, Asked, Board, Case, Counts, Raw
from tests.fakes.postings import FEW, Made, captured, figures, made

A_PAGE = 25
URL = "https://www.arbeitnow.com/api/job-board-api"


def row(posting: Made) -> dict[str, Any]:
    return {
        "slug": f"engineer-{posting.number}",
        "company_name": posting.company,
        "title": posting.title,
        "description": posting.html,
        "remote": False,
        "url": f"https://www.arbeitnow.com/jobs/companies/x/engineer-{posting.number}",
        "tags": list(posting.tags),
        "job_types": [],
        "location": "Heidelberg",
        "created_at": posting.posted,
    }


def answer(asked: Asked, counts: Counts) -> tuple[int, Any]:
    postings, page = made(counts), int(asked.query.get("page", 1))
    rows = [row(p) for p in postings[(page - 1) * A_PAGE : page * A_PAGE]]
    more = page * A_PAGE < len(postings)
    return 200, {
        "data": rows,
        "links": {"first": f"{URL}?page=1", "last": None, "prev": None, "next": f"{URL}?page={page + 1}" if more else None},
        "meta": {"current_page": page, "per_page": A_PAGE, "path": URL},
    }


CASE = Case(
    Arbeitnow,
    answer,
    counts=FEW,
    breaks=(
        {"data": None},
        {"jobs": []},
        {"data": [], "links": {"next": None}},
        {"data": [{"title": "no slug"}]},
        {"data": [{"slug": "a", "title": "t", "description": "d", "created_at": "yesterday"}]},
        {"data": [{"slug": "a", "title": "t", "created_at": 1}]},
        Raw(b"<html>Just a page</html>"),
    ),
)


def test_all_pages_are_counted(tmp_path: Path) -> None:
    with Board(CASE) as board:
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert figures(h, "jobs.postings") == {
            'topic="pytorch",board="arbeitnow",country="world"': (15, Bound.EXACT),
            'topic="tensorflow",board="arbeitnow",country="world"': (9, Bound.EXACT),
        }
        assert figures(h, "jobs.total") == {'board="arbeitnow",country="world"': (60, Bound.EXACT)}
        assert figures(h, "jobs.new_postings")['topic="pytorch",board="arbeitnow",country="world"'] == (3, Bound.EXACT)
        assert sorted(a.query.get("page", "1") for a in board.asked()) == ["1", "2", "3"]
        h.collect(NOW)
        assert len(board.asked()) == 3, "a second call of the day asks nothing"


def test_a_page_in_between_that_fails_leaves_no_number(tmp_path: Path) -> None:
    with Board(CASE) as board:
        board.fail(lambda a: a.query.get("page") == "2", times=10, status=500)
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert h.values() == {}
        assert {e.label for e in h.ends()} == {"missing(unreachable)"}


def test_a_board_that_gives_the_same_page_again_is_not_whole(tmp_path: Path) -> None:
    with Board(CASE) as board:
        board.fail(lambda a: "page" in a.query, times=10, body=json.dumps(answer(Asked("", {}, {}), FEW)[1]).encode())
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert figures(h, "jobs.total") == {'board="arbeitnow",country="world"': (25, Bound.AT_LEAST)}
        assert len(board.asked()) == 2


def test_without_links_it_is_not_known_whether_there_is_more() -> None:
    rows = [row(p) for p in made(FEW)[:3]]
    assert not read_page(json.dumps({"data": rows}).encode()).whole
    assert read_page(json.dumps({"data": rows, "links": {"next": None}}).encode()).whole
    assert read_page(json.dumps({"data": [], "links": {"next": URL}}).encode()).following is None
    with pytest.raises(ParseError, match=r"links\.next"):
        read_page(json.dumps({"data": rows, "links": {"next": 2}}).encode())


def test_markup_that_was_escaped_once_more_is_read() -> None:
    escaped = "&lt;p&gt;You know &lt;a href=&quot;https://pytorch.example.org&quot;&gt;C++&lt;/a&gt;&lt;/p&gt;"
    (posting,) = read_page(json.dumps({"data": [{**row(made(FEW)[0]), "description": escaped}]}).encode()).postings
    assert posting.text.splitlines()[-1] == "You know C++"


def test_a_real_answer() -> None:
    for body in captured("arbeitnow/*.json"):
        page = read_page(body)
        rows = json.loads(body)["data"]
        assert [p.id for p in page.postings] == [r["slug"] for r in rows]
        assert [p.posted for p in page.postings] == [r["created_at"] for r in rows]
        assert all(len(p.text) > 100 and "</p>" not in p.text for p in page.postings)
