"""Remotive: one answer that says how many postings it holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from crawlers.spiders.jobs.remotive import Remotive, read_page
from storage.model import Bound
from storage.periods import read_time
from tests.fakes.boards import NOW, Asked, Board, Case, Counts, Raw
from tests.fakes.postings import FEW, Made, captured, figures, made


def row(posting: Made) -> dict[str, Any]:
    return {
        "id": posting.number,
        "url": f"https://remotive.com/remote-jobs/software-development/engineer-{posting.number}",
        "title": posting.title,
        "company_name": posting.company,
        "category": "Software Development",
        "tags": list(posting.tags),
        "job_type": "full_time",
        "publication_date": posting.iso(""),
        "candidate_required_location": "Worldwide",
        "salary": "",
        "description": posting.html,
    }


def answer(asked: Asked, counts: Counts) -> tuple[int, Any]:
    rows = [row(p) for p in made(counts)]
    return 200, {"0-legal-notice": "Link back, please.", "job-count": len(rows), "total-job-count": len(rows), "jobs": rows}


ONE = row(made(FEW)[0])
CASE = Case(
    Remotive,
    answer,
    counts=FEW,
    breaks=(
        {"job-count": 2, "jobs": [ONE]},
        {"job-count": 0, "jobs": []},
        {"jobs": [ONE]},
        {"job-count": "1", "jobs": [ONE]},
        {"job-count": 1, "jobs": [{**ONE, "title": None}]},
        {"job-count": 1, "jobs": [{k: v for k, v in ONE.items() if k != "description"}]},
        {"job-count": 1, "jobs": [{**ONE, "publication_date": "soon"}]},
        Raw(b"<html>Moved</html>"),
    ),
)


def test_the_answer_is_counted_whole(tmp_path: Path) -> None:
    with Board(CASE) as board:
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert figures(h, "jobs.postings") == {
            'topic="pytorch",board="remotive",country="world"': (15, Bound.EXACT),
            'topic="tensorflow",board="remotive",country="world"': (9, Bound.EXACT),
        }
        assert figures(h, "jobs.new_postings")['topic="tensorflow",board="remotive",country="world"'] == (2, Bound.EXACT)
        assert figures(h, "jobs.total") == {'board="remotive",country="world"': (60, Bound.EXACT)}
        assert [a.path for a in board.asked()] == ["/api/remote-jobs"]


def test_not_more_than_four_requests_are_sent_a_day(tmp_path: Path) -> None:
    with Board(CASE) as board:
        board.fail(times=100, status=503)
        h = board.harness(tmp_path)
        for minutes in range(6):
            h.collect(NOW + 60 * minutes)
        assert len(board.asked()) == 4
        assert {e.label for e in h.ends()} == {"missing(budget)"}


def test_where_more_are_available_than_given_it_is_a_lower_bound() -> None:
    rows = [row(p) for p in made(FEW)[:3]]
    assert read_page(json.dumps({"job-count": 3, "jobs": rows}).encode()).whole
    assert not read_page(json.dumps({"job-count": 3, "total-job-count": 90, "jobs": rows}).encode()).whole


def test_a_real_answer() -> None:
    for body in captured("remotive/remotive_nacefmoula.json"):
        page = read_page(body)
        assert len(page.postings) == 18
        assert page.whole
        assert page.postings[0].posted == read_time("2026-05-15T14:00:51Z")
        assert ".Net" in page.postings[0].text
        assert not any("</" in p.text for p in page.postings)
