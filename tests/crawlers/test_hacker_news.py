"""Hacker News: stories per day and the hiring thread, against a model of Algolia's search."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawlers.keywords import Keywords, Matcher
from crawlers.spiders import hacker_news
from crawlers.spiders import hacker_news_payloads as payloads
from crawlers.spiders.hacker_news import HackerNews
from scheduler.demo.servers.hacker_news import FakeHackerNews, Item
from storage.model import Bound, ParseError, Topic
from storage.periods import DAY, read_time
from tests.harness import Harness, newest_first

NOW = read_time("2026-11-20T12:00:00Z")
YESTERDAY = read_time("2026-11-19")
NOVEMBER = read_time("2026-11-01")
SHARED = Path(__file__).parents[2].parent / "shared"
TRUTH = Path(os.environ.get("UPTAKE_TRUTH", SHARED / "truth"))
CAPTURES = Path(os.environ.get("UPTAKE_CAPTURES", SHARED / "captures"))
TOPICS = [
    Topic("pytorch", "PyTorch", {"jobs": ['"pytorch"']}),
    Topic("go", "Go", {"jobs": {"any": ["Go", "golang"], "not": ["go-to-market"]}}),
]
STORIES = 'hacker_news.stories{topic="%s"}'
ALL_STORIES = "hacker_news.stories_total"
POSTINGS = 'jobs.postings{topic="%s",board="hacker_news"}'
ALL_POSTINGS = 'jobs.total{board="hacker_news"}'


@pytest.fixture
def hn() -> Iterator[FakeHackerNews]:
    with FakeHackerNews() as service:
        yield service


def fill(hn: FakeHackerNews) -> Item:
    """A day of stories and a month's thread: 3 of 6 postings are live and say PyTorch, 1 Go, 1 neither."""
    for hour, title in enumerate(
        ["PyTorch 3.0", "Why we left pytorch", "Go 1.30 is out", "Let's go outside", "Golang at ten", "A Go-to-market story"]
    ):
        hn.story(title, YESTERDAY + hour * 3600)
    hn.story("PyTorch on the day before", YESTERDAY - 1)
    hn.story("PyTorch today", YESTERDAY + DAY)
    hn.story("Golang in Go", YESTERDAY + 80_000, text="<p>Go&#x2F;golang")
    thread = hn.thread(NOVEMBER)
    hn.thread(NOVEMBER, title="Ask HN: Who wants to be hired? (November 2026)")
    hn.thread(NOVEMBER, title="Ask HN: Freelancer? Seeking freelancer? (November 2026)")
    first = hn.comment(thread, "Acme | Berlin<p>We train with <i>PyTorch</i>&#x2F;XLA &amp; JAX")
    hn.comment(thread, "Initech | Remote | go-to-market lead, PYTORCH a plus", 120)
    hn.comment(thread, "Hooli | Go&#x2F;Rust", 180)
    hn.comment(thread, "Plain | Java", 240)
    hn.comment(thread, "pytorch", 300)
    hn.comment(thread, None, 360)
    hn.comment(thread, "<p> ", 420)
    hn.comment(first, "Do you use PyTorch or Go?", 500)
    for n in range(8):
        hn.comment(first, f"reply {n}", 600 + n)
    return thread


def harness(folder: Path, hn: FakeHackerNews, topics: list[Topic] = TOPICS) -> Harness:
    return Harness(folder, HackerNews, base_url=hn.url, topics=topics)


def test_a_day_and_a_month_are_counted_from_few_requests(hn: FakeHackerNews, tmp_path: Path) -> None:
    fill(hn)
    h = harness(tmp_path, hn)
    h.collect(NOW)
    assert h.values() == {
        STORIES % "pytorch": {YESTERDAY: 2},
        STORIES % "go": {YESTERDAY: 3},  # "Golang in Go" once, "go outside" and "Go-to-market" not
        ALL_STORIES: {YESTERDAY: 7},
        POSTINGS % "pytorch": {NOVEMBER: 3},
        POSTINGS % "go": {NOVEMBER: 1},
        ALL_POSTINGS: {NOVEMBER: 5},
    }
    assert {b for times in h.bounds().values() for b in times.values()} == {Bound.EXACT}
    assert len(hn.asked("search_by_date", query='"pytorch"')) == 1
    assert len(hn.asked("/search", tags="story,author_whoishiring")) == 1
    assert len([a for a in hn.asked() if a.query["tags"].startswith("comment")]) == 1
    assert len(hn.asked()) == 6
    h.collect(NOW + 3600)
    assert len(hn.asked()) == 6, "a second call of the same day asks nothing"


@pytest.mark.parametrize(("said", "bound"), [(True, Bound.EXACT), (False, Bound.ESTIMATE), (None, Bound.ESTIMATE)])
def test_a_number_of_stories_is_exact_only_where_the_search_says_so(tmp_path: Path, said: bool | None, bound: Bound) -> None:
    with FakeHackerNews(exhaustive=said) as hn:
        fill(hn)
        h = harness(tmp_path, hn)
        h.collect(NOW)
    for series in (STORIES % "pytorch", STORIES % "go", ALL_STORIES):
        assert h.bounds()[series] == {YESTERDAY: bound}
    assert h.bounds()[ALL_POSTINGS] == {NOVEMBER: Bound.AT_LEAST if said is False else Bound.EXACT}


def test_a_thread_of_more_than_a_thousand_comments_is_read_to_the_last(hn: FakeHackerNews, tmp_path: Path) -> None:
    thread = fill(hn)
    for n in range(2600):
        hn.comment(thread, f"Company {n} | {'PyTorch' if n % 5 == 0 else 'Cobol'}", 1000 + n * n // 10)
    h = harness(tmp_path, hn)
    h.collect(NOW)
    assert h.values("jobs.total")[ALL_POSTINGS] == {NOVEMBER: 2605}
    assert h.values("jobs.postings")[POSTINGS % "pytorch"] == {NOVEMBER: 523}
    assert h.bounds("jobs.total")[ALL_POSTINGS] == {NOVEMBER: Bound.EXACT}


def test_comments_that_cannot_be_reached_make_the_count_a_lower_bound(hn: FakeHackerNews, tmp_path: Path) -> None:
    thread = fill(hn)
    for n in range(1500):
        hn.comment(thread, f"Company {n} | PyTorch", 5000)  # all in one second
    h = harness(tmp_path, hn)
    h.collect(NOW)
    assert h.bounds("jobs.total")[ALL_POSTINGS] == {NOVEMBER: Bound.AT_LEAST}
    assert 1000 <= h.values("jobs.total")[ALL_POSTINGS][NOVEMBER] < 1505


def test_small_pages_are_followed(tmp_path: Path) -> None:
    with FakeHackerNews(page_size=4) as hn:
        fill(hn)
        h = harness(tmp_path, hn)
        h.collect(NOW)
    assert h.values("jobs.total")[ALL_POSTINGS] == {NOVEMBER: 5}
    assert h.bounds("jobs.total")[ALL_POSTINGS] == {NOVEMBER: Bound.EXACT}


def test_a_month_without_its_thread_is_not_found(hn: FakeHackerNews, tmp_path: Path) -> None:
    for title in (
        "Who is hiring right now?",
        "Who wants to be hired? (November 2026)",
        "Who is hiring? (October 2026)",
        "Hiring, November 2026",
    ):
        hn.comment(hn.story(f"Ask HN: {title}", NOVEMBER + DAY, author="whoishiring"), "PyTorch")
    h = harness(tmp_path, hn)
    h.collect(NOW)
    assert {k: v for k, v in h.outcomes().items() if k.startswith("jobs")} == {
        POSTINGS % "pytorch": "missing(not_found)",
        POSTINGS % "go": "missing(not_found)",
        ALL_POSTINGS: "missing(not_found)",
    }
    assert not h.values("jobs.total")


def test_a_big_thread_of_another_account_stands_in_for_one_that_nobody_answered(hn: FakeHackerNews, tmp_path: Path) -> None:
    hn.comment(hn.thread(NOVEMBER), "Is this the thread?")
    small = hn.thread(NOVEMBER, author="someone")
    for _ in range(20):
        hn.comment(small, "Small | Go")
    big = hn.thread(NOVEMBER, author="another")
    for _ in range(60):
        hn.comment(big, "Big | PyTorch")
    h = harness(tmp_path, hn)
    h.collect(NOW)
    assert h.values("jobs.total")[ALL_POSTINGS] == {NOVEMBER: 60}


def test_a_thread_that_nobody_answered_stands_where_no_other_can_be_looked_for(hn: FakeHackerNews, tmp_path: Path) -> None:
    hn.comment(hn.thread(NOVEMBER), "Acme | PyTorch")
    hn.fail(lambda a: a.query.get("query", "").startswith("Who is hiring"), status=400)
    h = harness(tmp_path, hn)
    h.collect(NOW)
    assert h.values("jobs.total")[ALL_POSTINGS] == {NOVEMBER: 1}


def _null(answer: Any) -> Any:
    return {**answer, "nbHits": None}


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"status": 403, "body": b"no"}, "missing(blocked)"),
        ({"status": 429, "headers": {"Retry-After": "3600"}}, "missing(throttled)"),
        ({"status": 502, "times": 9, "body": b"bad gateway"}, "missing(unreachable)"),
        ({"keep": 0.5}, "missing(parse_error)"),
        ({"body": b"<html>sorry</html>"}, "missing(parse_error)"),
        ({"body": b""}, "missing(parse_error)"),
        ({"body": b"[]"}, "missing(parse_error)"),
        ({"edit": _null}, "missing(parse_error)"),
        ({"edit": lambda a: {**a, "nbHits": "2"}}, "missing(parse_error)"),
        ({"edit": lambda a: {k: v for k, v in a.items() if k != "nbHits"}}, "missing(parse_error)"),
        ({"edit": lambda a: {**a, "hits": [], "nbHits": 12}}, "missing(parse_error)"),
        ({"edit": lambda a: {**a, "hits": None}}, "missing(parse_error)"),
    ],
)
def test_a_broken_thread_costs_its_slots_and_invents_nothing(
    hn: FakeHackerNews, tmp_path: Path, fault: dict[str, Any], outcome: str
) -> None:
    fill(hn)
    hn.fail(lambda a: a.query["tags"].startswith("comment"), **fault)
    h = harness(tmp_path, hn)
    h.collect(NOW)
    assert {v for k, v in h.outcomes().items() if k.startswith("jobs")} == {outcome}
    assert not h.values("jobs.total")
    assert not h.values("jobs.postings")


def test_a_list_of_stories_that_is_not_given_is_no_number(hn: FakeHackerNews, tmp_path: Path) -> None:
    fill(hn)
    hn.fail(lambda a: a.query.get("query") == '"golang"', edit=lambda a: {**a, "hits": []})
    h = harness(tmp_path, hn)
    h.collect(NOW)
    assert h.outcomes()[STORIES % "go"] == "missing(parse_error)"
    assert STORIES % "go" not in h.values()


def test_an_expression_that_cannot_be_read_costs_its_own_topic(hn: FakeHackerNews, tmp_path: Path) -> None:
    fill(hn)
    h = harness(tmp_path, hn, [TOPICS[0], Topic("bad", "Bad", {"jobs": {"all": ["x"]}})])
    h.collect(NOW)
    assert h.outcomes()[STORIES % "bad"] == h.outcomes()[POSTINGS % "bad"] == "missing(unanswered)"
    assert set(h.values()) == {STORIES % "pytorch", ALL_STORIES, POSTINGS % "pytorch", ALL_POSTINGS}


def test_a_short_wait_is_kept_and_the_number_comes(hn: FakeHackerNews, tmp_path: Path) -> None:
    fill(hn)
    hn.fail(lambda a: a.query.get("query") == '"pytorch"', status=429, headers={"Retry-After": "1"})
    hn.fail(lambda a: a.query["tags"].startswith("comment"), status=502)
    h = harness(tmp_path, hn)
    h.collect(NOW)
    assert h.values()[STORIES % "pytorch"] == {YESTERDAY: 2}
    assert h.values()[ALL_POSTINGS] == {NOVEMBER: 5}


def test_zeros_that_are_said_are_measured(hn: FakeHackerNews, tmp_path: Path) -> None:
    fill(hn)
    h = harness(tmp_path, hn, [*TOPICS, Topic("zig", "Zig", {"search": "zig"})])
    h.collect(NOW)
    assert h.values()[STORIES % "zig"] == {YESTERDAY: 0}
    assert h.values()[POSTINGS % "zig"] == {NOVEMBER: 0}


def test_history_goes_back_to_the_first_thread_and_three_months_of_stories() -> None:
    starts = {str(s.series): s.time for s in HackerNews.history_slots(TOPICS, NOW, None)}
    assert starts[POSTINGS % "pytorch"] == starts[ALL_POSTINGS] == read_time("2011-04-01")
    assert starts[STORIES % "go"] == starts[ALL_STORIES] == read_time("2026-08-22")
    assert {s.time for s in HackerNews.history_slots(TOPICS, NOW, YESTERDAY)} == {YESTERDAY}


def test_history_reads_every_thread_and_every_day(hn: FakeHackerNews, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hacker_news, "FIRST_THREAD", "2026-04-01")
    monkeypatch.setattr(hacker_news, "STORY_DAYS", 6)
    fill(hn)
    months = ["2026-04-01", "2026-05-01", "2026-08-01", "2026-10-01"]
    for n, month in enumerate(months):
        thread = hn.thread(read_time(month), title="Ask HN: Who is Hiring? (May 2026 Edition)" if n == 1 else "")
        for k in range(12):
            hn.comment(thread, "Acme | PyTorch" if k <= n else "Acme | Go")
    elsewhere = hn.thread(read_time("2026-07-01"), author="aloisius")
    for _ in range(55):
        hn.comment(elsewhere, "Acme | Perl")
    for n in range(9):
        hn.story("PyTorch again", YESTERDAY - n * DAY - 5)
    h = harness(tmp_path, hn)
    report = h.backfill(NOW)[-1]
    postings = {read_time(m): n + 1 for n, m in enumerate(months)} | {read_time("2026-07-01"): 0, NOVEMBER: 3}
    assert h.values("jobs.postings")[POSTINGS % "pytorch"] == postings
    assert set(h.values("jobs.total")[ALL_POSTINGS].values()) == {12, 55, 5}
    days = {YESTERDAY: 2, YESTERDAY - DAY: 2, **{YESTERDAY - n * DAY: 1 for n in range(2, 6)}}
    assert h.values("hacker_news.stories")[STORIES % "pytorch"] == days
    assert (report.tally.measured, dict(report.tally.missing)) == (6, {})
    assert len(hn.asked("/search", tags="story,author_whoishiring")) == 1
    assert newest_first([a.query["numericFilters"] for a in hn.asked("by_date", query='"pytorch"')])


def test_history_since_a_date_holds_for_stories_too(hn: FakeHackerNews, tmp_path: Path) -> None:
    fill(hn)
    h = harness(tmp_path, hn)
    h.backfill(NOW, since=YESTERDAY - 2 * DAY)
    assert h.values("hacker_news.stories_total")[ALL_STORIES] == {YESTERDAY - 2 * DAY: 0, YESTERDAY - DAY: 1, YESTERDAY: 7}
    assert set(h.values("jobs.total")[ALL_POSTINGS]) == {NOVEMBER}


def test_a_preview_shows_what_matched(hn: FakeHackerNews, tmp_path: Path) -> None:
    fill(hn)
    plain_go = Topic("go", "Go", {"jobs": {"any": ["go"], "case": False}})
    previews = harness(tmp_path, hn, [TOPICS[0], plain_go]).preview(NOW)
    said = {(p.topic, p.text) for p in previews}
    assert any(t == "pytorch" and "Why we left pytorch" in x and "4 so far" in x for t, x in said)
    assert any(t == "go" and "1 of 5" not in x and "go-to-market lead" in x for t, x in said)
    assert any(t == "pytorch" and "3 of 5 postings" in x for t, x in said)
    assert all(p.found for p in previews)


@pytest.mark.parametrize(
    ("title", "month"),
    [
        ("Ask HN: Who is hiring? (May 2026)", "2026-05-01"),
        ("Ask HN: Who is Hiring? (May 2011 Edition)", "2011-05-01"),
        ("Ask HN: Who's hiring? (Sept 2014)", "2014-09-01"),
        ("Who is hiring (January 2020)", "2020-01-01"),
        ("Ask HN: Who is hiring right now?", None),
        ("Ask HN: Who wants to be hired? (May 2026)", None),
        ("Ask HN: Freelancer? Seeking freelancer? (May 2026)", None),
        ("Ask HN: Who is hiring? (Remote 2026)", None),
        ("Tell HN: Who is hiring? (May 2026)", None),
        (None, None),
    ],
)
def test_the_title_says_which_thread_a_story_is(title: str | None, month: str | None) -> None:
    found = payloads.thread({"title": title, "objectID": "7", "author": "whoishiring"})
    assert (found.month if found else None) == (read_time(month) if month else None)


def test_entities_and_tags_are_decoded_before_anything_is_looked_for() -> None:
    assert payloads.as_text('C&#x2F;C++<p>a &lt;b&gt; <a href="https:&#x2F;&#x2F;x.org" rel="nofollow">x.org</a>') == "C/C++\na <b> x.org"


def test_a_hit_without_its_number_is_a_parse_error() -> None:
    with pytest.raises(ParseError, match="objectID"):
        payloads.posting({"story_id": 1, "parent_id": 1, "comment_text": "x"})


def _counted(items: list[dict[str, Any]], *names: str) -> tuple[int, dict[str, int]]:
    found = payloads.postings(items)
    return len(found), Matcher({n: Keywords.read(n) for n in names}).count(p.text for p in found)


def test_the_thread_of_july_2018_is_counted_as_published() -> None:
    path = TRUTH / "hn" / "hn_who_is_hiring_2018-07.json.gz"
    if not path.exists():
        pytest.skip(f"{path} is not here: set UPTAKE_TRUTH to the folder with the published figures")
    items = json.loads(gzip.decompress(path.read_bytes()))
    assert _counted(items, "TensorFlow", "PyTorch", "Python") == (749, {"TensorFlow": 13, "PyTorch": 1, "Python": 203})


def test_the_captured_thread_of_may_2026_is_counted_right() -> None:
    path = CAPTURES / "hn_algolia" / "hn_comments_nacefmoula.json"
    if not path.exists():
        pytest.skip(f"{path} is not here: set UPTAKE_CAPTURES to the folder with captured responses")
    answer = json.loads(path.read_bytes())
    assert len(answer["hits"]) == 555
    assert _counted(answer["hits"], "python") == (335, {"python": 89})
