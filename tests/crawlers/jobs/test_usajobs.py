"""USAJOBS: the count of all pages, the key with its e-mail address, and what a trimmed answer still proves."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from crawlers.counts import Count
from crawlers.spiders.jobs.usajobs import USAJobs, read_count
from storage.model import Bound, ParseError, Topic
from tests.fakes.boards import NOW, TODAY, Asked, Board, Case, Counts, named
from tests.fakes.kept import kept

SHARED = Path(__file__).resolve().parents[4] / "shared"
CAPTURES = Path(os.environ.get("UPTAKE_CAPTURES", SHARED / "captures")) / "usajobs"
KEY, EMAIL = "aKey/With+Signs=", "someone@example.org"


def items(topic: str, count: int) -> list[dict[str, Any]]:
    return [{"MatchedObjectId": str(n), "MatchedObjectDescriptor": {"PositionTitle": f"Scientist, {topic}"}} for n in range(count)]


def page(count: int, rows: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    head = {"LanguageCode": "EN", "SearchParameters": {}}
    return {**head, "SearchResult": {"SearchResultCount": len(rows), "SearchResultCountAll": count, "SearchResultItems": rows, **more}}


def answer(asked: Asked, counts: Counts) -> tuple[int, Any]:
    if asked.headers.get("Authorization-Key") != KEY or asked.headers.get("User-Agent") != EMAIL:
        return 401, {"Message": "Authorization has been denied for this request."}
    topic = named(asked.query.get("Keyword", ""))
    count = counts[f"new:{topic}" if asked.query.get("DatePosted") == "7" else topic]
    return 200, page(count, items(topic, min(count, int(asked.query["ResultsPerPage"]))))


CASE = Case(
    USAJobs,
    answer,
    options={"key": KEY, "email": EMAIL},
    breaks=(
        {},
        {"SearchResult": {}},
        {"SearchResult": []},
        {"SearchResult": {"SearchResultItems": []}},
        page(0, items("x", 2)),
        page(3, [], SearchResultCountAll="3"),
        page(3, [], SearchResultCountAll=None),
        page(3, [], SearchResultCountAll=2.5),
        {"SearchResult": {"SearchResultCountAll": 0}},
    ),
)


def test_counts_are_those_of_all_pages(tmp_path: Path) -> None:
    with Board(CASE) as board:
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert h.values("jobs.postings") == {
            'jobs.postings{topic="pytorch",board="usajobs",country="us"}': {TODAY: 153},
            'jobs.postings{topic="tensorflow",board="usajobs",country="us"}': {TODAY: 97},
        }
        assert h.values("jobs.new_postings")['jobs.new_postings{topic="pytorch",board="usajobs",country="us"}'] == {TODAY: 31}
        assert h.values("jobs.total") == {'jobs.total{board="usajobs",country="us"}': {TODAY: 12_345}}
        assert set(h.bounds("jobs.postings")['jobs.postings{topic="pytorch",board="usajobs",country="us"}'].values()) == {Bound.ESTIMATE}
        assert {a.path for a in board.asked()} == {"/api/Search"}
        assert len(board.asked()) == 5


def test_the_address_and_the_key_reach_the_board_and_nothing_that_is_kept(tmp_path: Path) -> None:
    with Board(CASE) as board:
        board.fail(times=9, edit=lambda page: {**page, "you": [EMAIL, KEY, f"mailto:{EMAIL}".replace("@", "%40")]})
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert {a.headers["User-Agent"] for a in board.asked()} == {EMAIL}, "once, in place of our own"
        assert {e.label for e in h.ends()} == {"measured"}
    text = kept(tmp_path)
    assert "SearchResultCountAll" in text
    for secret in (EMAIL, EMAIL.replace("@", "%40"), KEY, json.dumps(KEY)[1:-1], KEY.replace("/", "\\/")):
        assert secret not in text


def test_a_wrong_address_is_said_with_its_remedy(tmp_path: Path) -> None:
    with Board(CASE) as board:
        h = board.harness(tmp_path, email="other@example.org")
        h.collect(NOW)
        assert {e.label for e in h.ends()} == {"missing(blocked)"}
        assert len(board.asked()) < 5, "a refusal ends the run"
        assert h.ends()[0].detail == (
            "status 401: Authorization has been denied for this request.; check UPTAKE_USAJOBS_KEY, and that UPTAKE_USAJOBS_EMAIL is"
            " the address that the key was asked for with"
        )


def test_alternatives_are_searched_one_by_one(tmp_path: Path) -> None:
    topics = (Topic("a", "A", {"jobs": {"any": ["pytorch", "deep learning"], "not": ["tensorflow"]}}),)
    with Board(CASE) as board:
        board.harness(tmp_path, topics).collect(NOW)
        assert {a.query.get("Keyword") for a in board.asked()} == {None, "pytorch", "deep learning"}


def test_preview_shows_titles(tmp_path: Path) -> None:
    with Board(CASE) as board:
        board.counts["pytorch"] = 1
        said = {p.topic: p.text for p in board.harness(tmp_path).preview()}
        assert said["pytorch"] == "search pytorch: about 1 posting; 'Scientist, pytorch'"


@pytest.mark.parametrize(
    ("answer", "count"),
    [
        (page(0, []), Count(0.0)),
        (page(10_000, items("x", 1)), Count(10_000.0)),
        ({"SearchResult": {"SearchResultCount": 2, "SearchResultItems": items("x", 2)}}, Count(2.0, Bound.AT_LEAST)),
        ({"SearchResult": {"SearchResultCount": 0, "SearchResultItems": []}}, Count(0.0)),
    ],
)
def test_the_count_of_all_pages_stands_and_one_page_is_a_lower_bound(answer: Any, count: Count) -> None:
    assert read_count(json.dumps(answer).encode()) == count


@pytest.mark.parametrize("broken", CASE.breaks)
def test_what_gives_no_count_is_an_error(broken: Any) -> None:
    with pytest.raises(ParseError):
        read_count(json.dumps(broken).encode())


@pytest.mark.skipif(not CAPTURES.is_dir(), reason="the captures of real answers are not here (../shared/captures, UPTAKE_CAPTURES)")
def test_a_real_answer() -> None:
    (capture,) = CAPTURES.glob("*.json")
    assert read_count(capture.read_bytes()).value == 3, "trimmed: the page's own count is all that it still has"
