"""Indeed's result pages of all ages and languages, countries by host, and what is no count."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from crawlers.spiders.jobs.indeed import Indeed
from crawlers.walls import wall
from storage.model import Bound, ParseError, Topic
from tests.fakes.boards import NOW, TODAY, Asked, Board, Case, Counts, Raw, named

CAPTURES = Path(os.environ.get("UPTAKE_CAPTURES", Path(__file__).parents[3].parent / "shared" / "captures")) / "indeed"
NO_MATCH = {"headerMsg": "The search <b>x</b> did not match any jobs."}


def page(total: int | None, q: str = "pytorch", more: str = "", cards: int = 2, **data: Any) -> str:
    """A page of 2026: the data in a script, nothing to be seen of the total, a rounded number in the title."""
    bar = {"estimatedNumResultsFormatted": "25", "totalNumResultsFormatted": "", "serpVisualHeaderText": f"{q} jobs"}
    whole = {
        "baseUrl": "https://www.indeed.com",
        "queryString": f"q={quote(q)}",
        "noSearchResultModel": NO_MATCH if total == 0 else None,
        "queryReplaceModel": None,
        "searchTitleBarModel": bar | ({} if total is None else {"totalNumResults": total}),
        **({} if total is None else {"totalJobCount": total}),
        **data,
    }
    results = [{"title": f"Engineer, {q}", "displayTitle": f"Engineer, {q}", "jobkey": "1f"}] * (cards if total else 0)
    model = {"metaData": {"mosaicProviderJobCardsModel": {"results": results, "tierSummaries": []}}}
    return (
        f"<!DOCTYPE html><html><head><title>25 {q} jobs</title></head><body><input id='text-input-what' name='q' value='{q}'>"
        "<script>log('window._initialData={}');window._initialData=" + json.dumps(whole).replace("/", "\\u002F") + ";</script>"
        '<script>window.mosaic.providerData["mosaic-provider-jobcards"]=' + json.dumps(model) + ";</script>" + more + "</body></html>"
    )


def answer(asked: Asked, counts: Counts) -> tuple[int, Any]:
    if asked.path != "/jobs" or "co" not in asked.query:
        return 404, {}
    topic = named(asked.query.get("q", ""))
    return 200, Raw(page(counts[f"new:{topic}" if asked.query.get("fromage") == "7" else topic], topic).encode())


SHOWN = '<div class="jobsearch-JobCountAndSortPane-jobCount css-1"><span>{}</span><div class="help"><button>?</button></div></div>'
NOTHING = '<div class="jobsearch-NoResult-messageContainer">The search did not match any jobs</div>'
BREAKS = (
    page(None),
    page(12, noSearchResultModel=NO_MATCH),
    page(12, more=NOTHING),
    page(0, noSearchResultModel=None),
    page(0, more='<div class="job_seen_beacon">another job</div>'),
    page(12, queryReplaceModel={"text": "python"}),
    page(12, queryString="q=something+else"),
    page(12, q="torch vision", queryString="q=torch"),
    page(12, more=SHOWN.format("97 jobs")),
    page(None, searchTitleBarModel={"totalNumResults": "many"}),
    page(None, totalJobCount=None, searchTitleBarModel=None, more=SHOWN.format("Jobs")),
    "<html><body><script>window._initialData={'broken': </script></body></html>",
    "<html><head><title>153 pytorch jobs | Indeed</title></head><body><div id='jobDescriptionText'>We want 153 people.</div></body></html>",
)
CASE = Case(Indeed, answer, breaks=tuple(Raw(html.encode()) for html in BREAKS))


@pytest.mark.parametrize("html", BREAKS)
def test_what_is_no_count_is_an_error(html: str) -> None:
    with pytest.raises(ParseError):
        Indeed.read_page(html)


@pytest.mark.parametrize(
    ("html", "value", "bound"),
    [
        (page(29), 29, Bound.EXACT),
        (page(29, q="torch vision", queryString="q=%22Torch+vision%22&l="), 29, Bound.EXACT),
        (page(0), 0, Bound.EXACT),
        (page(None, totalJobCount=1234), 1234, Bound.EXACT),
        (page(14_321, more=SHOWN.format("14,000+ jobs")), 14_321, Bound.EXACT),
        (page(14_000, searchTitleBarModel={"totalNumResults": 14_000, "totalNumResultsFormatted": "14,000+"}), 14_000, Bound.AT_LEAST),
        (
            '<script>window.mosaic.providerData["MosaicProviderRichSearchDaemon"]={"richSearchComponentModel":{"totalJobCount":77}};</script>',
            77,
            Bound.EXACT,
        ),
        (SHOWN.format("1,234 jobs"), 1234, Bound.EXACT),
        (SHOWN.format("14,000+ jobs"), 14_000, Bound.AT_LEAST),
        (SHOWN.format("1.234 Jobs"), 1234, Bound.EXACT),
        (SHOWN.format("9\u202f123 emplois"), 9123, Bound.EXACT),
        (SHOWN.format("Plus de 9\xa0000 emplois"), 9000, Bound.AT_LEAST),
        (SHOWN.format("1,234件の求人"), 1234, Bound.EXACT),
        ('<span class="jobsearch-JobCountAndSortPane-jobCount">153 jobs</span>', 153, Bound.EXACT),
        ('<div id="searchCountPages">\n  Page 1 of 1,234 jobs</div>', 1234, Bound.EXACT),
        ('<div id="searchCountPages">Seite 1 von 1.234 Jobs</div>', 1234, Bound.EXACT),
        ('<div id="searchCountPages">Page 1 de 1\xa0234 emplois</div>', 1234, Bound.EXACT),
        ('<div id="searchCount">Page 2 of 6,743 jobs</div>', 6743, Bound.EXACT),
        ('<div class="bad_query"><h2>The search <b>x</b> did not match any jobs</h2></div>', 0, Bound.EXACT),
        (NOTHING, 0, Bound.EXACT),
    ],
)
def test_counts_of_all_ages_and_languages(html: str, value: int, bound: Bound) -> None:
    count = Indeed.read_page(html)
    assert (count.value, count.bound) == (value, bound)


def test_countries_are_asked_apart_behind_a_moved_endpoint(tmp_path: Path) -> None:
    with Board(CASE) as board:
        h = board.harness(tmp_path, countries=["us", "gb", "de"])
        h.collect(NOW)
        assert {(a.query["co"], a.query["q"], a.query.get("fromage", "")) for a in board.asked("/jobs")} == {
            (co, q, age) for co in ("US", "GB", "DE") for q in ("pytorch", "tensorflow") for age in ("", "7")
        }
        assert h.values("jobs.postings")['jobs.postings{topic="pytorch",board="indeed",country="gb"}'] == {TODAY: 153}
        assert h.values("jobs.new_postings")['jobs.new_postings{topic="tensorflow",board="indeed",country="de"}'] == {TODAY: 12}


def test_each_country_has_its_host() -> None:
    spider = Indeed()
    (query,) = Indeed.queries(Indeed.keywords_of(Topic("t", "T", {"jobs": "pytorch"})))  # type: ignore[arg-type]
    hosts = {label: spider.ask(query, host, 7).path for label, host in Indeed.countries.items()}
    assert (hosts["us"], hosts["gb"], hosts["de"]) == (
        "https://www.indeed.com/jobs",
        "https://uk.indeed.com/jobs",
        "https://de.indeed.com/jobs",
    )
    assert all(Indeed.country_of(f"{url}?q=x") == label for label, url in hosts.items())


def test_the_board_is_searched_in_its_own_words(tmp_path: Path) -> None:
    topics = (Topic("pytorch", "PyTorch", {"jobs": {"any": ["pytorch", "torch vision"], "not": ["junior", "data entry"]}}),)
    with Board(CASE) as board:
        h = board.harness(tmp_path, topics)
        h.collect(NOW)
        assert {a.query["q"] for a in board.asked("/jobs")} == {'(pytorch or "torch vision") -junior -"data entry"'}
        assert h.bounds("jobs.postings")['jobs.postings{topic="pytorch",board="indeed",country="us"}'] == {TODAY: Bound.EXACT}


def test_previews_show_titles(tmp_path: Path) -> None:
    with Board(CASE) as board:
        said = {p.topic: p.text for p in board.harness(tmp_path).preview()}
        assert said["pytorch"] == "search pytorch: 153 postings; 'Engineer, pytorch'; 'Engineer, pytorch'"


@pytest.mark.parametrize("delay", [0.0, 0.15])
def test_nothing_is_sent_behind_a_wall(tmp_path: Path, delay: float) -> None:
    topics = tuple(Topic(f"t{n}", f"T{n}", {"jobs": f"pytorch{n}"}) for n in range(6))
    with Board(CASE) as board:
        board.fail(times=99, after=2, status=200, body=b"<html><head><title>Just a moment...</title></head></html>")
        h = board.harness(tmp_path, topics)
        h.manners = replace(h.manners, delay=delay)
        h.collect(NOW)
        assert len(board.asked()) == 3, "one request at a time, and none after the first wall"
        labels = Counter(h.outcomes().values())
        assert labels == {"measured": 2, "missing(blocked)": 10}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (503, b"<title>Just a moment...</title>"),
        (405, b"<script>window.gokuProps = {};</script>"),
        (202, b"<script>window.gokuProps = {};</script>"),
        (403, b""),
        (999, b""),
    ],
)
def test_a_wall_is_one_whatever_its_status(tmp_path: Path, status: int, body: bytes) -> None:
    with Board(CASE) as board:
        board.fail(times=99, status=status, body=body, headers={"Content-Type": "text/html"})
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert set(h.outcomes().values()) == {"missing(blocked)"}


@pytest.mark.parametrize(("name", "value"), [("search_25_flutter_in.html", 29)])
def test_captured_pages(name: str, value: int) -> None:
    if not (CAPTURES / name).exists():
        pytest.skip(f"no captures at {CAPTURES}; UPTAKE_CAPTURES may name them")
    html = (CAPTURES / name).read_text(encoding="utf-8")
    count = Indeed.read_page(html)
    assert (count.value, count.bound) == (value, Bound.EXACT)
    assert wall("", html) == ""
    assert "Flutter Developer" in Indeed.titles_on(html)
    assert Indeed.address_on(html) == "https://in.indeed.com/jobs?q=Flutter%20Developer&l=India&fromage=1"


def test_the_captured_challenge_is_a_wall_without_a_number(tmp_path: Path) -> None:
    if not (CAPTURES / "challenge_just-a-moment.html").exists():
        pytest.skip(f"no captures at {CAPTURES}; UPTAKE_CAPTURES may name them")
    body = (CAPTURES / "challenge_just-a-moment.html").read_bytes()
    with Board(CASE) as board:
        board.fail(times=99, status=200, body=body, headers={"Content-Type": "text/html; charset=utf-8"})
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert set(h.outcomes().values()) == {"missing(blocked)"}
        assert h.values() == {}
        assert len(board.asked()) == 1, "the first wall ends the run"
