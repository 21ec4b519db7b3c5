"""LinkedIn's result pages for visitors and members, in several languages, and what is no count: padding, details, fragments."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from crawlers.spiders.jobs.linkedin import LinkedIn
from crawlers.walls import wall
from storage.model import Bound, ParseError, Topic
from tests.fakes.boards import NOW, TODAY, Asked, Board, Case, Counts, Raw, named

CAPTURES = Path(os.environ.get("UPTAKE_CAPTURES", Path(__file__).parents[3].parent / "shared" / "captures")) / "linkedin"
NOTHING = (
    '<section class="core-section-container my-3 no-results"><h1>We couldn’t find a match for '
    '<strong class="no-results__main-title-keywords">{0} jobs</strong></h1></section>'
)
CARD = '<li><div class="base-card base-search-card job-search-card"><h3 class="base-search-card__title">Engineer, {0}</h3></div></li>'
LOGIN = '<form action="https://www.linkedin.com/uas/login-submit" method="post"><input name="session_password" type="password"></form>'


def page(count: str | None, search: str = "pytorch", heading: str = "{0} Jobs in United States", cards: int = 2, more: str = "") -> str:
    """A page for visitors; ``count`` None: nothing matched."""
    if count is None:
        header, cards = NOTHING.format(search), 0
    else:
        header = (
            '<div class="results-context-header"><h1 class="results-context-header__context">'
            f'<span class="results-context-header__job-count">{count}</span>'
            f'<span class="results-context-header__query-search">{heading.format(search.title())}</span>'
            '<span class="results-context-header__new-jobs">(48 new)</span></h1></div>'
        )
    form = (
        f'<form role="search" action="/jobs/search"><input name="keywords" value="{search}"><input name="geoId" value="103644278"></form>'
    )
    return (
        f'<!DOCTYPE html><html><head><meta name="pageKey" content="d_jobs_guest_search"><title>{count or 0} {search} jobs</title></head>'
        f"<body>{form}{header}<ul>{CARD.format(search) * cards}</ul>{more}{LOGIN}</body></html>"
    )


def answer(asked: Asked, counts: Counts) -> tuple[int, Any]:
    if asked.path != "/jobs/search" or asked.query.get("location") != "United States":
        return 404, {}
    topic = named(asked.query.get("keywords", ""))
    number = counts[f"new:{topic}" if asked.query.get("f_TPR") == "r604800" else topic]
    return 200, Raw(page(f"{number:,}" if number else None, topic).encode())


BREAKS = (
    page("153", more=NOTHING.format("pytorch")),
    page("153", cards=0, more=NOTHING.format("pytorch")),
    page(None, more=CARD.format("cook")),
    page("", cards=2),
    page("0", cards=0),
    page("many"),
    page("12,000+", heading="Jobs in United States"),
    page("153", more='<span class="results-context-header__job-count">97</span>'),
    CARD.format("pytorch") * 10,
    f"<html><head><title>153 pytorch jobs</title></head><body>{LOGIN}</body></html>",
    '<html><head><title>Acme hiring 153 engineers</title></head><body><span class="num-applicants">153 applicants</span></body></html>',
)
CASE = Case(LinkedIn, answer, breaks=tuple(Raw(html.encode()) for html in BREAKS))


@pytest.mark.parametrize("html", BREAKS)
def test_what_is_no_count_is_an_error(html: str) -> None:
    with pytest.raises(ParseError):
        LinkedIn.read_page(html)


@pytest.mark.parametrize(
    ("text", "value", "bound"),
    [
        ("195", 195, Bound.EXACT),
        ("1,234", 1234, Bound.EXACT),
        ("\n  1.234\n ", 1234, Bound.EXACT),
        ("1,000+", 1000, Bound.AT_LEAST),
        ("5,025,000+", 5_025_000, Bound.AT_LEAST),
        ("&gt; 1.000", 1000, Bound.AT_LEAST),
        ("Plus de 9&nbsp;000", 9000, Bound.AT_LEAST),
        ("Más de 1.000", 1000, Bound.AT_LEAST),
        ("1\u202f234", 1234, Bound.EXACT),
        ("١٬٢٣٤", 1234, Bound.EXACT),
    ],
)
def test_counts_in_many_languages(text: str, value: int, bound: Bound) -> None:
    count = LinkedIn.read_page(page(text))
    assert (count.value, count.bound) == (value, bound)


@pytest.mark.parametrize(
    ("html", "value", "bound"),
    [
        (page(None), 0, Bound.EXACT),
        (page("97", "C++", heading="C++ jobs"), 97, Bound.EXACT),
        (page("97", "fullstack", heading="Full-Stack Jobs in Berlin"), 97, Bound.EXACT),
        (page("97", "pytorch", heading="Offres d’emploi : Pytorch – France"), 97, Bound.EXACT),
        (page("97", "(pytorch OR jax) NOT junior", heading="pytorch OR jax"), 97, Bound.EXACT),
        ('<div class="jobs-search-results-list__subtitle"><span dir="ltr">1,234 results</span></div>', 1234, Bound.EXACT),
        ('<small class="jobs-search-results-list__text">1,000+ results</small>', 1000, Bound.AT_LEAST),
        ('<div class="jobs-search-no-results-banner"><p>No matching jobs found.</p></div>', 0, Bound.EXACT),
        ('<code id="decoratedJobPostingsModule"><!--{"elements":[{}],"paging":{"total":1234,"start":0}}--></code>', 1234, Bound.EXACT),
    ],
)
def test_pages_of_other_kinds(html: str, value: int, bound: Bound) -> None:
    count = LinkedIn.read_page(html)
    assert (count.value, count.bound) == (value, bound)


def test_the_board_is_searched_in_its_own_words(tmp_path: Path) -> None:
    topics = (Topic("pytorch", "PyTorch", {"jobs": {"any": ["pytorch", "torch vision"], "not": ["junior"]}}),)
    with Board(CASE) as board:
        h = board.harness(tmp_path, topics)
        h.collect(NOW)
        assert {a.query["keywords"] for a in board.asked("/jobs/search")} == {'(pytorch OR "torch vision") NOT junior'}
        assert h.values("jobs.postings") == {'jobs.postings{topic="pytorch",board="linkedin",country="us"}': {TODAY: 153}}
        assert h.values("jobs.new_postings") == {'jobs.new_postings{topic="pytorch",board="linkedin",country="us"}': {TODAY: 31}}


def test_every_place_is_asked_by_its_name(tmp_path: Path) -> None:
    with Board(CASE) as board:
        board.harness(tmp_path, countries=["us", "world", "gb"]).collect(NOW)
        assert {a.query["location"] for a in board.asked()} == {"United States", "Worldwide", "United Kingdom"}


def test_previews_show_titles(tmp_path: Path) -> None:
    with Board(CASE) as board:
        said = {p.topic: p.text for p in board.harness(tmp_path).preview()}
        assert said["pytorch"] == "search pytorch: 153 postings; 'Engineer, pytorch'"


def test_robots_txt_closes_the_site(tmp_path: Path) -> None:
    class Closed(Board):
        def _reply(self, asked: Asked) -> tuple[int, dict[str, str], bytes]:
            return (200, {}, b"User-agent: *\nDisallow: /\n") if asked.path == "/robots.txt" else super()._reply(asked)

    with Closed(CASE) as board:
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert set(h.outcomes().values()) == {"missing(robots)"}
        assert board.asked() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("search_195_it-support-intern_remote.html", 195),
        ("zero-results_data-internship_morocco.html", 0),
        ("negative_job-detail-page.html", None),
        ("guest_fragment_rxits.html", None),
    ],
)
def test_captured_pages(name: str, value: int | None) -> None:
    if not (CAPTURES / name).exists():
        pytest.skip(f"no captures at {CAPTURES}; UPTAKE_CAPTURES may name them")
    html = (CAPTURES / name).read_text(encoding="utf-8")
    assert wall("", html) == ""
    if value is None:
        with pytest.raises(ParseError):
            LinkedIn.read_page(html)
        return
    count = LinkedIn.read_page(html)
    assert (count.value, count.bound) == (value, Bound.EXACT)
    assert LinkedIn.searched_for(LinkedIn.address_on(html)) in {"IT Support Intern", "Data Internship"}
