"""Wikipedia page views, against a model of Wikimedia's API."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crawlers.spiders.search.wikipedia import Wikipedia
from crawlers.spiders.search.wikipedia_payloads import Title, summed, titles_of
from scheduler.demo.servers.service import Asked
from storage.model import Topic, UsageError
from storage.periods import DAY, read_time
from tests.fakes.wikimedia import FakeWikimedia
from tests.harness import FAST, Harness

NOW = read_time("2026-11-20T14:00:00Z")
YESTERDAY = read_time("2026-11-19")
FIRST = read_time("2026-11-10")  # of what is read along
TOPICS = [
    Topic("pytorch", "PyTorch", {"wikipedia": "pyTorch"}),
    Topic("cpp", "C++", {"wikipedia": ["C++", "de:C++"]}),
    Topic("sys", "OS/2", {"wikipedia": ["OS/2", "Operating System 2"]}),
]
VIEWS = 'wikipedia.views{topic="%s",wiki="%s"}'
TOTAL = 'wikipedia.views_total{wiki="%s"}'


@pytest.fixture
def wikimedia() -> Iterator[FakeWikimedia]:
    with FakeWikimedia() as service:
        service.load("en", FIRST - 30 * DAY, YESTERDAY)
        service.load("de", FIRST - 30 * DAY, YESTERDAY, 90_000)
        service.read("en", "PyTorch", FIRST, 5, 6, 0, 8, 9, 10, 11, 12, 13, 14)
        service.read("en", "C++", FIRST, *range(100, 110))
        service.read("de", "C++", FIRST, *range(50, 60))
        service.read("en", "OS/2", FIRST, *range(20, 30))
        service.read("en", "Operating_System_2", FIRST + 5 * DAY, 1, 0, 2)
        yield service


def harness(folder: Path, service: FakeWikimedia, topics: list[Topic] = TOPICS) -> Harness:
    return Harness(folder, Wikipedia, base_url=service.url, topics=topics)


def about(title: str) -> Any:
    return lambda asked: f"/{title}/" in asked.path


def is_total(asked: Asked) -> bool:
    return "/aggregate/" in asked.path


def test_views_by_language_with_its_total_in_one_request_a_title(wikimedia: FakeWikimedia, tmp_path: Path) -> None:
    h = harness(tmp_path, wikimedia)
    h.collect(NOW)
    values = h.values()
    days = [FIRST + n * DAY for n in range(10)]
    assert values[VIEWS % ("pytorch", "en")] == dict(zip(days, [5, 6, 0, 8, 9, 10, 11, 12, 13, 14], strict=True))  # the zero is proven
    assert values[VIEWS % ("cpp", "en")] == dict(zip(days, range(100, 110), strict=True))
    assert values[VIEWS % ("cpp", "de")] == dict(zip(days, range(50, 60), strict=True))
    assert values[VIEWS % ("sys", "en")] == dict(zip(days, [20, 21, 22, 23, 24, 26, 26, 29, 28, 29], strict=True))
    assert values[TOTAL % "en"] == {d: wikimedia.totals["en"][d] for d in days}
    assert values[TOTAL % "de"] == {d: wikimedia.totals["de"][d] for d in days}
    assert len(values) == 6
    assert sorted(a.path.split("/user/")[1] for a in wikimedia.asked("/per-article/en.wikipedia/")) == [
        f"{name}/daily/2026111000/2026111900" for name in ("C%2B%2B", "OS%2F2", "Operating_System_2", "PyTorch")
    ]
    assert len(wikimedia.asked()) == 7
    assert set(h.outcomes().values()) == {"measured"}
    h.collect(NOW + 3600)
    assert len(wikimedia.asked()) == 7


def test_a_day_that_is_not_there_yet_is_no_zero_and_is_asked_for_again(wikimedia: FakeWikimedia, tmp_path: Path) -> None:
    kept = wikimedia.views["en", "PyTorch"].pop(YESTERDAY)
    h = harness(tmp_path, wikimedia, TOPICS[:1])
    h.collect(NOW)
    assert YESTERDAY not in h.values()[VIEWS % ("pytorch", "en")]
    assert h.outcomes()[VIEWS % ("pytorch", "en")] == "missing(unanswered)"
    wikimedia.views["en", "PyTorch"][YESTERDAY] = kept
    h.collect(NOW + 3600)
    assert h.values()[VIEWS % ("pytorch", "en")][YESTERDAY] == kept


def test_without_the_total_a_day_that_is_left_out_proves_nothing(wikimedia: FakeWikimedia, tmp_path: Path) -> None:
    wikimedia.fail(is_total, times=9, status=502)
    h = harness(tmp_path, wikimedia, TOPICS[:1])
    h.collect(NOW)
    values = h.values()[VIEWS % ("pytorch", "en")]
    assert values[YESTERDAY] == 14
    assert len(values) == 9
    assert 0 not in values.values()
    assert h.outcomes()[TOTAL % "en"] == "missing(unreachable)"


def test_a_day_that_the_total_lacks_is_no_zero_either(wikimedia: FakeWikimedia, tmp_path: Path) -> None:
    del wikimedia.totals["en"][FIRST + 2 * DAY]
    h = harness(tmp_path, wikimedia, TOPICS[:1])
    h.collect(NOW)
    assert FIRST + 2 * DAY not in h.values()[VIEWS % ("pytorch", "en")]


def test_an_unknown_title_is_not_found_and_no_zero(wikimedia: FakeWikimedia, tmp_path: Path) -> None:
    unknown = [Topic("none", "None", {"wikipedia": "No such thing"}), Topic("half", "Half", {"wikipedia": ["PyTorch", "Gone"]})]
    h = harness(tmp_path, wikimedia, [*TOPICS[:1], *unknown])
    h.collect(NOW)
    assert {h.outcomes()[VIEWS % (k, "en")] for k in ("none", "half")} == {"missing(not_found)"}
    assert {VIEWS % (k, "en") for k in ("none", "half")}.isdisjoint(h.values())
    said = next(e.detail for e in h.ends() if e.slot.series.topic == "none")
    assert "'No_such_thing' in en.wikipedia" in said
    assert "redirects and renames are not followed" in said
    assert h.outcomes()[VIEWS % ("pytorch", "en")] == "measured"


def test_history_is_one_request_a_title_and_does_not_begin_before_the_article(wikimedia: FakeWikimedia, tmp_path: Path) -> None:
    since = read_time("2015-07-01")
    wikimedia.load("en", since, YESTERDAY)
    h = harness(tmp_path, wikimedia, TOPICS[:1])
    report = h.backfill(NOW)[-1]
    assert min(h.values()[VIEWS % ("pytorch", "en")]) == FIRST
    assert h.values()[TOTAL % "en"] == wikimedia.totals["en"]
    assert sorted(a.path.rpartition("/daily/")[2] for a in wikimedia.asked()) == ["2015070100/2026111900"] * 2
    assert (report.tally.measured, dict(report.tally.missing)) == (2, {})


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"edit": lambda a: {"items": [{**i, "views": None} for i in a["items"]]}}, "missing(parse_error)"),
        ({"edit": lambda a: {"items": [*a["items"], a["items"][0]]}}, "missing(parse_error)"),
        ({"edit": lambda a: {"items": [{**i, "article": "TensorFlow"} for i in a["items"]]}}, "missing(parse_error)"),
        ({"edit": lambda a: {"items": [{**i, "timestamp": "2026-11-19"} for i in a["items"]]}}, "missing(parse_error)"),
        ({"edit": lambda a: {"items": [{**i, "granularity": "monthly"} for i in a["items"]]}}, "missing(parse_error)"),
        ({"edit": lambda _: {"items": []}}, "missing(parse_error)"),
        ({"edit": lambda _: None}, "missing(parse_error)"),
        ({"keep": 0.6}, "missing(parse_error)"),
        ({"body": b"<!doctype html>"}, "missing(parse_error)"),
        ({"status": 403, "body": b"no"}, "missing(blocked)"),
        ({"status": 429, "headers": {"Retry-After": "9999"}}, "missing(throttled)"),
        ({"status": 503, "times": 9}, "missing(unreachable)"),
    ],
)
def test_what_goes_wrong_with_a_title_costs_its_own_slot(
    wikimedia: FakeWikimedia, tmp_path: Path, fault: dict[str, Any], outcome: str
) -> None:
    wikimedia.fail(about("PyTorch"), **fault)
    h = harness(tmp_path, wikimedia, TOPICS[:1])
    h.collect(NOW)
    assert h.outcomes() == {VIEWS % ("pytorch", "en"): outcome, TOTAL % "en": "measured"}
    assert set(h.values()) == {TOTAL % "en"}


def test_a_wait_is_kept_and_the_request_sent_again(wikimedia: FakeWikimedia, tmp_path: Path) -> None:
    wikimedia.fail(about("PyTorch"), status=429, headers={"Retry-After": "1"})
    h = harness(tmp_path, wikimedia, TOPICS[:1])
    assert h.collect(NOW)[-1].seconds >= 1
    assert h.values()[VIEWS % ("pytorch", "en")][YESTERDAY] == 14


def test_without_a_contact_it_is_refused_and_therefore_needs_one(wikimedia: FakeWikimedia, tmp_path: Path) -> None:
    assert Wikipedia.needs_contact
    h = Harness(tmp_path, Wikipedia, base_url=wikimedia.url, topics=TOPICS[:1], manners=replace(FAST, contact=""))
    h.collect(NOW)
    assert set(h.outcomes().values()) == {"missing(blocked)"}


def test_a_preview_says_how_much_a_title_is_read(wikimedia: FakeWikimedia, tmp_path: Path) -> None:
    previews = harness(tmp_path, wikimedia, [TOPICS[0], Topic("none", "None", {"wikipedia": "No such thing"})]).preview(NOW)
    said = [(p.text, p.found) for p in previews]
    assert ("en:PyTorch: 88 views on 9 days up to 2026-11-19", True) in said
    assert any("No_such_thing" in text and not found for text, found in said)


def test_titles_are_written_as_the_articles_bear_them() -> None:
    topic = Topic("x", "X", {"wikipedia": ["keras", "Keras", "de:Keras (Bibliothek)", "zh-min-nan:Torch", "Re:Zero"]})
    assert titles_of(topic) == (
        Title("en", "Keras"),
        Title("de", "Keras_(Bibliothek)"),
        Title("zh-min-nan", "Torch"),
        Title("en", "Re:Zero"),
    )


@pytest.mark.parametrize("value", ["", [], [" "], 3, {"any": ["x"]}, "https://en.wikipedia.org/wiki/PyTorch", "a#b", "de: ", [1]])
def test_a_wrong_title_is_refused_with_its_place(value: object) -> None:
    with pytest.raises(UsageError, match=r"topics\.x\.wikipedia"):
        titles_of(Topic("x", "X", {"wikipedia": value}))


def test_a_sum_needs_each_title_or_proof_of_its_zero() -> None:
    old, new = {1: 5.0, 2: 6.0}, {2: 1.0, 4: 9.0}
    assert summed([old, new], whole=[1, 2, 3, 4, 5]) == {1: 5, 2: 7, 3: 0, 4: 9}
    assert summed([old, new], whole=[]) == {2: 7}


def test_a_language_that_nobody_read_is_no_figure(wikimedia: FakeWikimedia, tmp_path: Path) -> None:
    wikimedia.totals["en"][YESTERDAY] = 0
    h = harness(tmp_path, wikimedia, TOPICS[:1])
    h.collect(NOW)
    assert YESTERDAY not in h.values()[TOTAL % "en"]
    assert h.outcomes()[TOTAL % "en"] == "missing(unanswered)"
