"""Reed: totals, the key as the user of basic authentication."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crawlers.counts import Count
from crawlers.spiders.jobs.reed import Reed, read_count
from storage.model import Bound, ParseError, Topic
from tests.fakes.boards import NOW, TODAY, Asked, Board, Case, Counts, named
from tests.fakes.kept import kept

KEY = "11111111-2222-3333-4444-555555555555"
BASIC = base64.b64encode(f"{KEY}:".encode()).decode()


def answer(asked: Asked, counts: Counts) -> tuple[int, Any]:
    if asked.headers.get("Authorization") != f"Basic {BASIC}":
        return 401, {"message": "Unauthorized"}
    topic = named(asked.query.get("keywords", ""))
    rows = [{"jobId": n, "employerName": "Acme", "jobTitle": f"Engineer, {topic}"} for n in range(counts[topic])]
    return 200, {"results": rows[: int(asked.query["resultsToTake"])], "totalResults": counts[topic], "ambiguousLocations": []}


CASE = Case(
    Reed,
    answer,
    options={"key": KEY},
    breaks=(
        {"results": []},
        {"results": [], "totalResults": None},
        {"results": [], "totalResults": "12"},
        {"results": [{"jobId": 1}], "totalResults": 0},
        {"totalResults": 0},
        [],
    ),
)


def test_postings_and_the_total(tmp_path: Path) -> None:
    with Board(CASE) as board:
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert h.values() == {
            'jobs.postings{topic="pytorch",board="reed",country="gb"}': {TODAY: 153},
            'jobs.postings{topic="tensorflow",board="reed",country="gb"}': {TODAY: 97},
            'jobs.total{board="reed",country="gb"}': {TODAY: 12_345},
        }
        assert {b for found in h.bounds().values() for b in found.values()} == {Bound.EXACT}
        assert {a.path for a in board.asked()} == {"/api/1.0/search"}


def test_words_that_may_stand_apart_are_an_estimate(tmp_path: Path) -> None:
    with Board(CASE) as board:
        h = board.harness(tmp_path, (Topic("a", "A", {"jobs": "pytorch lightning"}), Topic("b", "B", {"jobs": "pytorch-xla"})))
        h.collect(NOW)
        assert {b for found in h.bounds("jobs.postings").values() for b in found.values()} == {Bound.ESTIMATE}
        assert board.asked(keywords="pytorch lightning")


def test_neither_the_key_nor_its_encoding_is_kept(tmp_path: Path) -> None:
    with Board(CASE) as board:
        board.compress = True
        board.fail(times=9, edit=lambda page: {**page, "sent": f"Basic {BASIC} of {KEY}"})
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert {e.label for e in h.ends()} == {"measured"}
    text = kept(tmp_path)
    assert "totalResults" in text
    assert "[scrubbed]" in text
    assert KEY not in text
    assert BASIC not in text


def test_a_wrong_key_is_said_with_its_remedy(tmp_path: Path) -> None:
    with Board(CASE) as board:
        h = board.harness(tmp_path, key="another-key")
        h.collect(NOW)
        assert {(e.label, e.detail) for e in h.ends()} == {("missing(blocked)", "status 401: Unauthorized; check UPTAKE_REED_KEY")}


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
        board.counts["tensorflow"] = 0
        said = {p.topic: (p.text, p.found) for p in board.harness(tmp_path).preview()}
        assert said["pytorch"][0].startswith("search pytorch: 153 postings; 'Engineer, pytorch'; ")
        assert said["tensorflow"] == ("search tensorflow: 0 postings", False)


def test_a_proven_zero() -> None:
    assert read_count(b'{"results": [], "totalResults": 0}') == Count(0.0)


@pytest.mark.parametrize("broken", CASE.breaks)
def test_what_gives_no_count_is_an_error(broken: Any) -> None:
    with pytest.raises(ParseError):
        read_count(json.dumps(broken).encode())
