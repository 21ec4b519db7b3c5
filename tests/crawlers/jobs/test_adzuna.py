"""Adzuna: counts by country, alternatives, exclusions, the key, and turns within its allowance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crawlers.spiders.jobs.adzuna import Adzuna
from storage.model import Bound, Topic
from storage.periods import DAY
from tests.fakes.boards import NOW, TODAY, Asked, Board, Case, Counts, named


def answer(asked: Asked, counts: Counts) -> tuple[int, Any]:
    topic = named(asked.query.get("what_phrase", ""))
    key = f"new:{topic}" if asked.query.get("max_days_old") and topic else topic
    titles = [{"__CLASS__": "Adzuna::API::Response::Job", "title": f"Engineer, {topic}"}] * 2
    return 200, {"count": counts[key], "results": titles, "__CLASS__": "Adzuna::API::Response::JobSearchResults"}


CASE = Case(
    Adzuna,
    answer,
    options={"app_id": "an-id", "app_key": "a-key"},
    breaks=({"results": []}, {"count": None}, {"count": "many"}, {"exception": "AUTH_FAIL"}),
)


def test_counts_come_by_country(tmp_path: Path) -> None:
    with Board(CASE) as board:
        h = board.harness(tmp_path, countries=["us", "de"])
        h.collect(NOW)
        assert h.values("jobs.postings")['jobs.postings{topic="pytorch",board="adzuna",country="de"}'] == {TODAY: 153}
        assert h.values("jobs.new_postings")['jobs.new_postings{topic="tensorflow",board="adzuna",country="us"}'] == {TODAY: 12}
        assert h.values("jobs.total")['jobs.total{board="adzuna",country="us"}'] == {TODAY: 12_345}
        assert len(board.asked()) == 10
        h.collect(NOW)
        assert len(board.asked()) == 10, "a second call of the day asks nothing"
        assert {a.query["app_key"] for a in board.asked()} == {"a-key"}


def test_a_thousand_topics_take_turns_within_the_allowance(tmp_path: Path) -> None:
    topics = tuple(Topic(f"t{n}", f"T{n}", {"jobs": f"word{n}"}) for n in range(30))
    with Board(CASE) as board:
        h = board.harness(tmp_path, topics)
        board.counts["new:"] = 5
        reports = h.collect(NOW)
        assert len(board.asked()) == 21, "a quarter of 83 a day: one total, ten topics of two requests each"
        assert "10 of 30 topics have their turn now" in reports[-1].remark
        for hours in range(6, 49, 6):
            h.collect(NOW + hours * 3600)
        asked = {a.query.get("what_phrase", "") for a in board.asked()}
        assert asked == {"", *(f"word{n}" for n in range(30))}, "everybody had a turn"
        assert {e.label for e in h.ends()} == {"measured"}, "who has no turn is no gap"
        assert len(board.asked()) <= 83 * 2 + 21, "two days and a quarter"


def test_alternatives_are_a_lower_bound_and_exclusions_are_said(tmp_path: Path) -> None:
    topics = (
        Topic("a", "A", {"jobs": ["pytorch", "tensorflow"]}),
        Topic("b", "B", {"jobs": {"any": ["pytorch"], "not": ["junior"]}}),
        Topic("c", "C", {"jobs": {"any": ["pytorch"], "not": ["data entry"]}}),
        Topic("d", "D", {"jobs": "Go"}),
    )
    with Board(CASE) as board:
        board.counts["new:"] = 1
        h = board.harness(tmp_path, topics)
        h.collect(NOW)
        value = {k.split('"')[1]: v[TODAY] for k, v in h.values("jobs.postings").items()}
        bound = {k.split('"')[1]: v[TODAY] for k, v in h.bounds("jobs.postings").items()}
        assert (value["a"], bound["a"]) == (153, Bound.AT_LEAST)
        assert (value["b"], bound["b"]) == (153, Bound.EXACT)
        assert board.asked(what_phrase="pytorch", what_exclude="junior")
        assert bound["c"] is Bound.ESTIMATE, "an exclusion of two words cannot be said"
        assert bound["d"] is Bound.ESTIMATE, "no search tells Go from go"


def test_preview_shows_titles(tmp_path: Path) -> None:
    with Board(CASE) as board:
        said = {p.topic: p.text for p in board.harness(tmp_path).preview()}
        assert said["pytorch"] == "search pytorch: 153 postings; 'Engineer, pytorch'; 'Engineer, pytorch'"


def test_a_new_day_is_a_new_slot(tmp_path: Path) -> None:
    with Board(CASE) as board:
        h = board.harness(tmp_path)
        h.collect(NOW)
        board.counts["pytorch"] = 160
        h.collect(NOW + DAY)
        assert h.values("jobs.postings")['jobs.postings{topic="pytorch",board="adzuna",country="us"}'] == {TODAY: 153, TODAY + DAY: 160}
