"""SimplyHired's result pages: present and former, its data, and what is no count."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from crawlers.spiders.jobs.simplyhired import SimplyHired
from storage.model import Bound, ParseError, Topic
from tests.fakes.boards import NOW, TODAY, Asked, Board, Case, Counts, Raw, named

CAPTURES = Path(os.environ.get("UPTAKE_CAPTURES", Path(__file__).parents[3].parent / "shared" / "captures")) / "transcribed"
CARD = '<li><div data-jobkey="a" data-testid="searchSerpJob"><h2 data-testid="searchSerpJobTitle"><a href="/job/a">{0}</a></h2></div></li>'
NOTHING = "<h2>Sorry, no jobs found for {0}</h2>"


def page(count: str | None, search: str = "pytorch", cards: int = 2, more: str = "", **props: Any) -> str:
    """A page of 2026; ``count`` None: nothing is stated."""
    stated = "" if count is None else f'<div data-testid="headerSerpJobCount"><p class="css-1">{count}</p></div>'
    data = {"props": {"pageProps": {"pageCursors": {}, "jobs": [{"title": f"Engineer, {search}"}] * cards, **props}}}
    return (
        f'<html><body><form><input name="q" value="{search}"></form>{stated}<ul>{CARD.format(f"Engineer, {search}") * cards}</ul>{more}'
        f'<script id="__NEXT_DATA__" type="application/json">{json.dumps(data)}</script></body></html>'
    )


def answer(asked: Asked, counts: Counts) -> tuple[int, Any]:
    if asked.path != "/search":
        return 404, {}
    topic = named(asked.query.get("q", ""))
    number = counts[f"new:{topic}" if asked.query.get("t") == "7" else topic]
    html = page(f"{number:,} {topic} jobs", topic) if number else page(None, topic, cards=0, more=NOTHING.format(topic))
    return 200, Raw(html.encode())


BREAKS = (
    page(None),
    page("pytorch jobs"),
    page("0 jobs", cards=0),
    page("153", more=NOTHING.format("pytorch")),
    page(None, more=NOTHING.format("pytorch")),
    page("153", resultCount=97),
    page(None, resultCount="many"),
    "<html><head><title>153 pytorch jobs</title></head><body><div id='__next'></div></body></html>",
)
CASE = Case(SimplyHired, answer, breaks=tuple(Raw(html.encode()) for html in BREAKS))


@pytest.mark.parametrize("html", BREAKS)
def test_what_is_no_count_is_an_error(html: str) -> None:
    with pytest.raises(ParseError):
        SimplyHired.read_page(html)


@pytest.mark.parametrize(
    ("html", "value", "bound"),
    [
        (page("1,234 pytorch jobs"), 1234, Bound.EXACT),
        (page("1234"), 1234, Bound.EXACT),
        (page("12 web3 jobs", "web3"), 12, Bound.EXACT),
        (page("9 C++ 17 jobs", "c++ 17"), 9, Bound.EXACT),
        (page("9,000+ jobs"), 9000, Bound.AT_LEAST),
        (page("9,000+ jobs", resultCount=9123), 9123, Bound.EXACT),
        (page(None, resultCount=153), 153, Bound.EXACT),
        ('<span class="posting-total">1,234</span>', 1234, Bound.EXACT),
        ('<span class="CategoryPath-total">376</span>', 376, Bound.EXACT),
        (page(None, cards=0, more=NOTHING.format("x")), 0, Bound.EXACT),
        (page("0 jobs", cards=0, more="<h1>The search x did not match any jobs</h1>"), 0, Bound.EXACT),
    ],
)
def test_counts_of_all_ages(html: str, value: int, bound: Bound) -> None:
    count = SimplyHired.read_page(html)
    assert (count.value, count.bound) == (value, bound)


def test_counts_come_for_any_age_and_for_seven_days(tmp_path: Path) -> None:
    with Board(CASE) as board:
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert h.values("jobs.postings")['jobs.postings{topic="pytorch",board="simplyhired",country="us"}'] == {TODAY: 153}
        assert h.values("jobs.new_postings")['jobs.new_postings{topic="tensorflow",board="simplyhired",country="us"}'] == {TODAY: 12}


def test_what_its_operators_find_is_an_estimate(tmp_path: Path) -> None:
    topics = (
        Topic("a", "A", {"jobs": ["pytorch", "tensorflow"]}),
        Topic("b", "B", {"jobs": {"any": ["pytorch"], "not": ["junior"]}}),
        Topic("c", "C", {"jobs": "pytorch"}),
    )
    with Board(CASE) as board:
        h = board.harness(tmp_path, topics)
        h.collect(NOW)
        bound = {name.split('"')[1]: b[TODAY] for name, b in h.bounds("jobs.postings").items()}
        assert bound == {"a": Bound.ESTIMATE, "b": Bound.ESTIMATE, "c": Bound.EXACT}
        assert {a.query["q"] for a in board.asked()} == {"(pytorch OR tensorflow)", "pytorch NOT junior", "pytorch"}


def test_previews_show_titles(tmp_path: Path) -> None:
    with Board(CASE) as board:
        assert board.harness(tmp_path).preview()[0].text == "search pytorch: 153 postings; 'Engineer, pytorch'"


def test_a_transcribed_page() -> None:
    path = CAPTURES / "simplyhired_schematic_akrazalive.html"
    if not path.exists():
        pytest.skip(f"no captures at {CAPTURES}; UPTAKE_CAPTURES may name them")
    html = path.read_text(encoding="utf-8")
    assert SimplyHired.read_page(html).value == 1234
    assert SimplyHired.titles_on(html) == ["Full Stack Developer"]
