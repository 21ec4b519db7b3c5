"""TheirStack: free counts by country, whole words in descriptions, limits of an hour and a day."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crawlers.counts import Count
from crawlers.spiders.jobs.theirstack import TheirStack, read_count
from storage.model import Bound, ParseError, Topic, UsageError
from tests.fakes.boards import NOW, TODAY, Asked, Board, Case, Counts, named
from tests.fakes.kept import kept

KEY = "eyJhbGciOiJIUzI1NiJ9.a-key"
SPENT = {"RateLimit-Remaining": "3, 0, 12, 90", "RateLimit-Reset": "1, 2, 1900, 80000"}


def answer(asked: Asked, counts: Counts) -> tuple[int, Any]:
    if asked.headers.get("Authorization") != f"Bearer {KEY}":
        return 401, {"error": {"code": "E-001", "title": "Not authenticated", "description": "…"}}
    body = json.loads(asked.body)
    topic = named(" ".join(body.get("job_description_contains_or", ())))
    count = counts[f"new:{topic}" if body["posted_at_max_age_days"] == 7 else topic]
    free = body["blur_company_data"] and body["limit"] == 1
    rows = [{"id": 1, "job_title": f"Engineer, {topic}", "company": "xxxxx"}] if count and free else []
    total = count if body["include_total_results"] else None
    return 200, {"metadata": {"total_results": total, "truncated_results": 0, "total_companies": None}, "data": rows}


CASE = Case(
    TheirStack,
    answer,
    options={"key": KEY},
    breaks=(
        {"data": []},
        {"metadata": {"total_results": None}, "data": []},
        {"metadata": {"total_results": "12"}, "data": []},
        {"metadata": {"total_results": 0}, "data": [{"id": 1}]},
        {"metadata": {"total_results": 0}},
        {"metadata": None, "data": []},
        [],
    ),
)


def bodies(board: Board) -> list[dict[str, Any]]:
    return [json.loads(a.body) for a in board.asked("/v1/jobs/search")]


def test_counts_come_by_country_and_cost_nothing(tmp_path: Path) -> None:
    with Board(CASE) as board:
        h = board.harness(tmp_path, countries=["us", "gb"])
        h.collect(NOW)
        assert h.values("jobs.postings")['jobs.postings{topic="pytorch",board="theirstack",country="gb"}'] == {TODAY: 153}
        assert h.values("jobs.new_postings")['jobs.new_postings{topic="tensorflow",board="theirstack",country="us"}'] == {TODAY: 12}
        assert h.values("jobs.total")['jobs.total{board="theirstack",country="us"}'] == {TODAY: 12_345}
        asked = bodies(board)
        assert len(asked) == 10
        assert all(b["include_total_results"] and b["blur_company_data"] and b["limit"] == 1 for b in asked)
        assert sorted(b["posted_at_max_age_days"] for b in asked) == [7] * 4 + [30] * 6
        assert {tuple(b["job_country_code_or"]) for b in asked} == {("US",), ("GB",)}


def test_one_search_holds_alternatives_and_exclusions(tmp_path: Path) -> None:
    topics = (
        Topic("a", "A", {"jobs": {"any": ["JAX", "Machine Learning"], "not": ["JACKSONVILLE"]}}),
        Topic("b", "B", {"jobs": {"any": ["REST"], "case": True}}),
        Topic("c", "C", {"jobs": "R"}),
        Topic("d", "D", {"jobs": {"any": ["terraform"], "not": ["terraform cloud"]}}),
    )
    with Board(CASE) as board:
        board.counts |= {"new:": 5}
        h = board.harness(tmp_path, topics)
        h.collect(NOW)
        asked = {tuple(b.get("job_description_contains_or", ())): b.get("job_description_contains_not") for b in bodies(board)}
        assert asked == {
            (): None,
            ("jax", "Machine Learning"): ["jacksonville"],
            ("REST",): None,
            ("R",): None,
            ("terraform",): ["terraform cloud"],
        }
        assert len(board.asked()) == 9
        bound = {k.split('"')[1]: v[TODAY] for k, v in h.bounds("jobs.postings").items()}
        assert bound == {"a": Bound.EXACT, "b": Bound.ESTIMATE, "c": Bound.ESTIMATE, "d": Bound.AT_LEAST}


def test_a_key_that_was_not_paid_for_takes_turns(tmp_path: Path) -> None:
    topics = tuple(Topic(f"t{n}", f"T{n}", {"jobs": f"word{n}"}) for n in range(40))
    with Board(CASE) as board:
        board.counts |= {"new:": 5}
        h = board.harness(tmp_path, topics)
        h.collect(NOW)
        assert len(board.asked()) == 49, "50 an hour: the total and 24 topics of two requests each"
        assert {e.label for e in h.ends()} == {"measured"}
        paid = board.harness(tmp_path / "paid", topics, paid=True)
        paid.collect(NOW)
        assert len(board.asked()) == 49 + 81


def test_a_spent_window_is_waited_for(tmp_path: Path) -> None:
    with Board(CASE) as board:
        board.fail(status=429, headers={**SPENT, "RateLimit-Reset": "1, 0, 1900, 80000"}, body=b"{}")
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert {e.label for e in h.ends()} == {"measured"}
        assert len(board.asked()) == 6


def test_a_window_that_is_too_long_ends_the_run(tmp_path: Path) -> None:
    with Board(CASE) as board:
        board.fail(times=99, status=429, headers={**SPENT, "RateLimit-Remaining": "3, 0, 0, 90"}, body=b"{}")
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert {e.label for e in h.ends()} == {"missing(throttled)"}
        assert "status 429, asks for 1900 s" in {e.detail for e in h.ends()}
        assert len(board.asked()) < 5


@pytest.mark.parametrize(
    ("status", "said"),
    [(401, "status 401: Not authenticated; check UPTAKE_THEIRSTACK_KEY"), (402, "status 402: the credits of this key are spent; see ")],
)
def test_refusals_are_said_with_their_remedy(tmp_path: Path, status: int, said: str) -> None:
    with Board(CASE) as board:
        board.fail(times=99, status=status)
        h = board.harness(tmp_path, key="another-key")
        h.collect(NOW)
        assert {e.label for e in h.ends()} == {"missing(blocked)"}
        assert h.ends()[0].detail.startswith(said)


def test_the_key_is_not_kept(tmp_path: Path) -> None:
    with Board(CASE) as board:
        board.fail(times=9, edit=lambda page: {**page, "you": KEY})
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert {e.label for e in h.ends()} == {"measured"}
    assert KEY not in kept(tmp_path)


def test_a_country_is_a_code(tmp_path: Path) -> None:
    TheirStack.check_options({"countries": ["us", "de", "za"]})
    for wrong in ("us", [], ["uk"], ["US"], ["germany"]):
        with pytest.raises(UsageError, match='countries: write a list of codes like "us", not'):
            TheirStack.check_options({"countries": wrong})


def test_preview_shows_titles(tmp_path: Path) -> None:
    with Board(CASE) as board:
        said = {p.topic: p.text for p in board.harness(tmp_path).preview()}
        assert said["pytorch"] == "search pytorch: 153 postings; 'Engineer, pytorch'"


def test_a_proven_zero() -> None:
    assert read_count(b'{"metadata": {"total_results": 0}, "data": []}') == Count(0.0)


@pytest.mark.parametrize("broken", CASE.breaks)
def test_what_gives_no_count_is_an_error(broken: Any) -> None:
    with pytest.raises(ParseError):
        read_count(json.dumps(broken).encode())
