"""Monster's result pages: the former ones with a count, the present skeleton without."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from crawlers.spiders.jobs.monster import Monster
from crawlers.walls import wall
from storage.model import Bound, ParseError
from tests.fakes.boards import NOW, TODAY, Asked, Board, Case, Counts, Raw, named

CAPTURES = Path(os.environ.get("UPTAKE_CAPTURES", Path(__file__).parents[3].parent / "shared" / "captures")) / "transcribed"
CARD = '<section class="card-content"><h2 class="title"><a>Engineer, {0}</a></h2></section>'
NOTHING = '<h1 class="pivot block">Sorry, we didn\'t find any jobs matching your criteria</h1>'
SKELETON = (
    '<html><head><title>Monster Jobs | pytorch</title><script src="https://datadome.monster.com/tags.js"></script></head>'
    '<body><div id="JobCardGrid"><h2>Jobs</h2><div class="splitview-style__SkeletonJobCardWrap"></div></div></body></html>'
)


def page(count: str | None, topic: str = "pytorch", cards: int = 2, more: str = "") -> str:
    """A page of 2019; ``count`` None: nothing is stated."""
    stated = "" if count is None else f'<header class="title"><h1>{topic} Jobs</h1><h2 class="figure">{count}</h2></header>'
    form = f'<form><input name="q" value="{topic}"><input name="where" value=""></form>'
    return f'<html><body>{form}{stated}<div id="SearchResults">{CARD.format(topic) * cards}</div>{more}</body></html>'


def answer(asked: Asked, counts: Counts) -> tuple[int, Any]:
    if asked.path != "/jobs/search":
        return 404, {}
    topic = named(asked.query.get("q", ""))
    number = counts[f"new:{topic}" if asked.query.get("recency") == "last week" else topic]
    html = page(f"({number:,} Jobs Found)", topic) if number else page(None, topic, cards=0, more=NOTHING)
    return 200, Raw(html.encode())


BREAKS = (
    SKELETON,
    page(None),
    page("(Jobs Found)"),
    page("(0 Jobs Found)", cards=0),
    page("(153 Jobs Found)", more=NOTHING),
    page(None, more=NOTHING),
)
CASE = Case(Monster, answer, breaks=tuple(Raw(html.encode()) for html in BREAKS))


@pytest.mark.parametrize("html", BREAKS)
def test_what_is_no_count_is_an_error(html: str) -> None:
    with pytest.raises(ParseError):
        Monster.read_page(html)
    assert wall("", html) == ""


@pytest.mark.parametrize(
    ("html", "value", "bound"),
    [
        (page("(1,234 Jobs Found)"), 1234, Bound.EXACT),
        (page("\n ( 4 Jobs Found ) "), 4, Bound.EXACT),
        (page("(1000+ Jobs Found)"), 1000, Bound.AT_LEAST),
        (page("(1 234 offres)"), 1234, Bound.EXACT),
        ('<p data-testid="svx-job-count">153 jobs</p>', 153, Bound.EXACT),
        (page(None, cards=0, more=NOTHING), 0, Bound.EXACT),
    ],
)
def test_counts_of_all_ages(html: str, value: int, bound: Bound) -> None:
    count = Monster.read_page(html)
    assert (count.value, count.bound) == (value, bound)


def test_counts_come_for_any_age_and_for_seven_days(tmp_path: Path) -> None:
    with Board(CASE) as board:
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert h.values("jobs.postings")['jobs.postings{topic="pytorch",board="monster",country="us"}'] == {TODAY: 153}
        assert h.values("jobs.new_postings")['jobs.new_postings{topic="tensorflow",board="monster",country="us"}'] == {TODAY: 12}
        assert board.harness(tmp_path).preview()[0].text == "search pytorch: 153 postings; 'Engineer, pytorch'"


def test_the_transcribed_skeleton_is_no_count() -> None:
    path = CAPTURES / "monster_ssr_skeleton_excerpt.html"
    if not path.exists():
        pytest.skip(f"no captures at {CAPTURES}; UPTAKE_CAPTURES may name them")
    html = path.read_text(encoding="utf-8")
    assert wall("", html) == ""
    with pytest.raises(ParseError):
        Monster.read_page(html)
