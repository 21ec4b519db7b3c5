"""Jobicy: up to a hundred postings of the last days; a full answer may not be all."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from crawlers.spiders.jobs.jobicy import MOST, Jobicy, read_page
from storage.model import Bound
from storage.periods import DAY, HOUR, read_time
from tests.fakes.boards import NOW, TODAY, Asked, Board, Case, Counts, Raw
from tests.fakes.postings import FEW, Made, captured, figures, made


def row(posting: Made) -> dict[str, Any]:
    return {
        "id": posting.number,
        "url": f"https://jobicy.com/jobs/{posting.number}-engineer",
        "jobSlug": f"{posting.number}-engineer",
        "jobTitle": posting.title.replace("&", "&amp;"),
        "companyName": posting.company,
        "jobIndustry": [t.replace("&", "&amp;") for t in posting.tags],
        "jobType": ["Full-Time"],
        "jobGeo": "USA",
        "jobLevel": "Any",
        "jobExcerpt": "",
        "jobDescription": posting.html,
        "pubDate": posting.iso(),
    }


def answer(asked: Asked, counts: Counts) -> tuple[int, Any]:
    rows = [row(p) for p in made(counts)][: int(asked.query.get("count", 50))]
    return 200, {"apiVersion": "2.0", "success": True, "jobCount": len(rows), "jobs": rows}


ONE = row(made(FEW)[0])
CASE = Case(
    Jobicy,
    answer,
    counts=FEW,
    breaks=(
        {"success": False, "error": "No jobs"},
        {"jobCount": 0, "jobs": []},
        {"jobCount": 1, "jobs": [ONE, {**ONE, "id": 2}]},
        {"jobs": [{k: v for k, v in ONE.items() if k != "jobDescription"}]},
        {"jobs": [{**ONE, "pubDate": "today"}]},
        {"jobs": {"0": ONE}},
        Raw(b"<html>busy</html>"),
    ),
)


def test_fewer_than_a_hundred_are_all(tmp_path: Path) -> None:
    with Board(CASE) as board:
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert figures(h, "jobs.postings")['topic="pytorch",board="jobicy",country="world"'] == (15, Bound.EXACT)
        assert figures(h, "jobs.total") == {'board="jobicy",country="world"': (60, Bound.EXACT)}
        assert figures(h, "jobs.new_postings")['topic="pytorch",board="jobicy",country="world"'] == (3, Bound.EXACT)
        assert [a.query for a in board.asked()] == [{"count": "100"}]


def test_exactly_a_hundred_are_a_lower_bound(tmp_path: Path) -> None:
    with Board(replace(CASE, counts={**FEW, "": 200})) as board:
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert figures(h, "jobs.total") == {'board="jobicy",country="world"': (MOST, Bound.AT_LEAST)}
        assert figures(h, "jobs.postings")['topic="pytorch",board="jobicy",country="world"'] == (15, Bound.AT_LEAST)
        assert figures(h, "jobs.new_postings")['topic="pytorch",board="jobicy",country="world"'] == (3, Bound.EXACT), "it reaches back"


def test_new_postings_are_exact_only_if_the_answer_reaches_back_a_week(tmp_path: Path) -> None:
    week = [p for p in made(FEW) if p.posted > TODAY - 7 * DAY + HOUR]
    case = replace(CASE, answer=lambda asked, counts: (200, {"jobs": [row(p) for p in week]}))
    with Board(case) as board:
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert figures(h, "jobs.new_postings")['topic="pytorch",board="jobicy",country="world"'] == (3, Bound.AT_LEAST)


def test_not_more_than_one_request_an_hour(tmp_path: Path) -> None:
    with Board(CASE) as board:
        board.fail(times=1, status=503)
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert len(board.asked()) == 1
        assert {e.label for e in h.ends()} == {"missing(unreachable)"}, "there is no second try, and what came stands"
        h.collect(NOW + HOUR // 2)
        assert len(board.asked()) == 1
        h.collect(NOW + HOUR + 60)
        assert len(board.asked()) == 2
        assert {e.label for e in h.ends()} == {"measured"}


def test_a_cursor_or_a_greater_count_says_that_there_is_more() -> None:
    assert read_page(json.dumps({"jobs": [ONE]}).encode()).whole
    assert read_page(json.dumps({"jobs": [ONE], "nextCursor": None}).encode()).whole
    assert not read_page(json.dumps({"jobs": [ONE], "nextCursor": "abc"}).encode()).whole
    assert not read_page(json.dumps({"jobs": [ONE], "jobCount": 40}).encode()).whole


def test_entities_in_titles_and_industries_are_read() -> None:
    posting = read_page(json.dumps({"jobs": [{**ONE, "jobTitle": "R&amp;D", "jobIndustry": ["Data &amp; Science"]}]}).encode()).postings[0]
    assert posting.title == "R&D"
    assert "Data & Science" in posting.text


def test_a_real_answer() -> None:
    for body in captured("jobicy/*.json"):
        page = read_page(body)
        rows = json.loads(body)["jobs"]
        assert [p.id for p in page.postings] == [str(r["id"]) for r in rows]
        assert page.postings[0].posted == read_time(rows[0]["pubDate"][:19] + "Z")
        assert all(len(p.text) > 100 for p in page.postings)
