"""Adzuna: counts by country, alternatives, exclusions, the key, and turns within its allowance."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crawlers.counts import Count
from crawlers.spiders.jobs.adzuna import Adzuna, read_count
from storage.model import Bound, ParseError, Topic
from storage.periods import DAY
from tests.fakes.boards import NOW, TODAY, Asked, Board, Case, Counts, named
from tests.fakes.kept import kept

SHARED = Path(__file__).resolve().parents[4] / "shared"
CAPTURES = Path(os.environ.get("UPTAKE_CAPTURES", SHARED / "captures")) / "adzuna"


def answer(asked: Asked, counts: Counts) -> tuple[int, Any]:
    topic = named(asked.query.get("what_phrase", asked.query.get("what_or", "")))
    key = f"new:{topic}" if asked.query.get("max_days_old") and topic else topic
    link = f"https://adzuna.example/details/1?utm_medium=api&utm_source={asked.query.get('app_id')}"
    titles = [{"__CLASS__": "Adzuna::API::Response::Job", "title": f"Engineer, {topic}", "redirect_url": link}] * min(2, counts[key])
    return 200, {"count": counts[key], "results": titles, "__CLASS__": "Adzuna::API::Response::JobSearchResults"}


CASE = Case(
    Adzuna,
    answer,
    options={"app_id": "an-id-of-mine", "app_key": "a-key-of-mine"},
    breaks=(
        {"results": []},
        {"count": None},
        {"count": "many"},
        {"count": "12", "results": []},
        {"count": 1.5, "results": []},
        {"count": 0},
        {"count": 0, "results": [{"title": "Engineer"}]},
        {"exception": "AUTH_FAIL"},
    ),
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
        assert {a.query["app_key"] for a in board.asked()} == {"a-key-of-mine"}


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


def test_words_are_one_search_phrases_are_several_and_exclusions_are_said(tmp_path: Path) -> None:
    topics = (
        Topic("a", "A", {"jobs": ["pytorch", "tensorflow"]}),
        Topic("b", "B", {"jobs": {"any": ["pytorch"], "not": ["junior"]}}),
        Topic("c", "C", {"jobs": {"any": ["pytorch"], "not": ["data entry"]}}),
        Topic("d", "D", {"jobs": "Go"}),
        Topic("e", "E", {"jobs": ["pytorch", "tensorflow serving"]}),
    )
    with Board(CASE) as board:
        board.counts["new:"] = 1
        h = board.harness(tmp_path, topics)
        h.collect(NOW)
        value = {k.split('"')[1]: v[TODAY] for k, v in h.values("jobs.postings").items()}
        bound = {k.split('"')[1]: v[TODAY] for k, v in h.bounds("jobs.postings").items()}
        assert (value["a"], bound["a"]) == (153, Bound.EXACT)
        assert len(board.asked(what_or="pytorch tensorflow")) == 2, "one of any age, one of seven days"
        assert (value["b"], bound["b"]) == (153, Bound.EXACT)
        assert board.asked(what_phrase="pytorch", what_exclude="junior")
        assert bound["c"] is Bound.ESTIMATE, "an exclusion of two words cannot be said"
        assert bound["d"] is Bound.ESTIMATE, "no search tells Go from go"
        assert (value["e"], bound["e"]) == (153, Bound.AT_LEAST), "two searches that may share postings"
        assert board.asked(what_phrase="tensorflow serving")


def test_the_id_that_adzuna_puts_into_its_links_is_not_kept(tmp_path: Path) -> None:
    with Board(CASE) as board:
        board.compress = True
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert {a.query["app_id"] for a in board.asked()} == {"an-id-of-mine"}
    text = kept(tmp_path)
    assert "utm_source=[scrubbed]" in text
    assert "an-id-of-mine" not in text
    assert "a-key-of-mine" not in text


def test_a_wrong_key_is_said_with_its_remedy(tmp_path: Path) -> None:
    said = {"exception": "AUTH_FAIL", "display": "Authorisation failed", "__CLASS__": "Adzuna::API::Response::Exception"}
    with Board(CASE) as board:
        board.fail(times=99, status=401, body=json.dumps(said).encode())
        h = board.harness(tmp_path)
        h.collect(NOW)
        detail = "status 401: Authorisation failed; check UPTAKE_ADZUNA_APP_ID and UPTAKE_ADZUNA_APP_KEY"
        assert {(e.label, e.detail) for e in h.ends()} == {("missing(blocked)", detail)}


def test_a_key_opens_what_robots_txt_closes_to_crawlers_unless_the_user_says_no(tmp_path: Path) -> None:
    class Closed(Board):
        def _reply(self, asked: Asked) -> tuple[int, dict[str, str], bytes]:
            return (200, {}, b"User-agent: *\nDisallow: /") if asked.path == "/robots.txt" else super()._reply(asked)

    with Closed(CASE) as board:
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert {e.label for e in h.ends()} == {"measured"}
        strict = board.harness(tmp_path / "strict")
        strict.setup = replace(strict.setup, obey_robots=True)
        strict.collect(NOW)
        assert {e.label for e in strict.ends()} == {"missing(robots)"}


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


def test_a_proven_zero() -> None:
    assert read_count(b'{"count": 0, "results": []}') == Count(0.0)


@pytest.mark.parametrize("broken", CASE.breaks)
def test_what_gives_no_count_is_an_error(broken: Any) -> None:
    with pytest.raises(ParseError):
        read_count(json.dumps(broken).encode())


@pytest.mark.skipif(not CAPTURES.is_dir(), reason="the captures of real answers are not here (../shared/captures, UPTAKE_CAPTURES)")
def test_a_real_answer() -> None:
    (capture,) = CAPTURES.glob("*.json")
    assert read_count(capture.read_bytes()) == Count(29_378.0)
