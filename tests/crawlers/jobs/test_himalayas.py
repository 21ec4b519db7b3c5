"""Himalayas: the search's total, and the total of the list of all jobs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from crawlers.counts import Count
from crawlers.spiders.jobs.himalayas import Himalayas, read_count
from storage.model import Bound, ParseError, Topic
from tests.fakes.boards import NOW, TODAY, Asked, Board, Case, Counts, named

SHARED = Path(__file__).resolve().parents[4] / "shared"
CAPTURES = Path(os.environ.get("UPTAKE_CAPTURES", SHARED / "captures")) / "himalayas"


def answer(asked: Asked, counts: Counts) -> tuple[int, Any]:
    if asked.path not in {"/jobs/api", "/jobs/api/search"}:
        return 404, {"error": "Not found"}
    topic = named(asked.query["q"]) if asked.path.endswith("search") else ""
    rows = [{"title": f"Engineer, {topic}", "companyName": "Acme", "guid": f"https://himalayas.example/{n}"} for n in range(counts[topic])]
    limit = int(asked.query.get("limit", 20))
    return 200, {"comments": "", "updatedAt": 1_790_000_000, "offset": 0, "limit": limit, "totalCount": counts[topic], "jobs": rows[:limit]}


CASE = Case(
    Himalayas,
    answer,
    breaks=(
        {"jobs": []},
        {"jobs": [], "totalCount": None},
        {"jobs": [], "totalCount": "97"},
        {"jobs": [{"title": "x"}], "totalCount": 0},
        {"totalCount": 0},
        {"totalCount": True, "jobs": []},
        {"error": "rate limited"},
        [],
    ),
)


def test_topics_are_searched_and_the_total_is_of_the_whole_list(tmp_path: Path) -> None:
    with Board(CASE) as board:
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert h.values() == {
            'jobs.postings{topic="pytorch",board="himalayas",country="world"}': {TODAY: 153},
            'jobs.postings{topic="tensorflow",board="himalayas",country="world"}': {TODAY: 97},
            'jobs.total{board="himalayas",country="world"}': {TODAY: 12_345},
        }
        assert len(board.asked("/jobs/api/search")) == 2
        assert len(board.asked(limit="1")) == 1


def test_alternatives_are_at_least_the_largest(tmp_path: Path) -> None:
    topics = (Topic("a", "A", {"jobs": ["pytorch", "tensorflow"]}), Topic("b", "B", {"jobs": ["pytorch", "keras"]}))
    with Board(CASE) as board:
        board.counts["pytorch"] = 12
        board.counts[""] = 0  # what is no topic of the fake finds nothing
        h = board.harness(tmp_path, topics)
        h.collect(NOW)
        value = {k.split('"')[1]: v[TODAY] for k, v in h.values("jobs.postings").items()}
        bound = {k.split('"')[1]: v[TODAY] for k, v in h.bounds("jobs.postings").items()}
        assert (value["a"], bound["a"]) == (97, Bound.AT_LEAST)
        assert (value["b"], bound["b"]) == (12, Bound.EXACT), "nothing can be shared with a search that found nothing"


def test_a_board_without_postings_proves_nothing(tmp_path: Path) -> None:
    with Board(CASE) as board:
        board.counts[""] = 0
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert h.outcomes()['jobs.total{board="himalayas",country="world"}'] == "missing(parse_error)"


def test_a_challenge_is_named(tmp_path: Path) -> None:
    with Board(CASE) as board:
        page = b"<html><head><title>Just a moment...</title></head></html>"
        board.fail(times=99, status=403, headers={"cf-mitigated": "challenge", "Content-Type": "text/html"}, body=page)
        h = board.harness(tmp_path, tuple(Topic(f"t{n}", f"T{n}", {"jobs": f"word{n}"}) for n in range(20)))
        h.collect(NOW)
        assert {(e.label, e.detail) for e in h.ends()} == {("missing(blocked)", "Cloudflare's challenge (status 403)")}
        assert len(board.asked()) < 5, "the first wall ends the run; those in flight arrive"


def test_preview_shows_titles(tmp_path: Path) -> None:
    with Board(CASE) as board:
        board.counts["pytorch"] = 2
        said = {p.topic: p.text for p in board.harness(tmp_path).preview()}
        assert said["pytorch"] == "search pytorch: 2 postings; 'Engineer, pytorch'; 'Engineer, pytorch'"


def test_a_proven_zero() -> None:
    assert read_count(b'{"totalCount": 0, "jobs": []}') == Count(0.0)


@pytest.mark.parametrize("broken", CASE.breaks)
def test_what_gives_no_count_is_an_error(broken: Any) -> None:
    with pytest.raises(ParseError):
        read_count(json.dumps(broken).encode())


@pytest.mark.skipif(not CAPTURES.is_dir(), reason="the captures of real answers are not here (../shared/captures, UPTAKE_CAPTURES)")
def test_a_real_answer() -> None:
    (capture,) = CAPTURES.glob("*.json")
    assert read_count(capture.read_bytes()) == Count(101_667.0)
