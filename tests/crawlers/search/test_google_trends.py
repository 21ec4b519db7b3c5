"""Google Trends by pytrends: its own `TrendReq` in its own process, against a model of the page's interface."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawlers.search_interest.relay import Answer, Asked, Relay, StuckError
from crawlers.spiders.search.google_trends import GoogleTrends
from crawlers.warc import records
from scheduler.demo.servers.google_trends import Course, FakeTrends
from storage.model import Bound, Topic, UsageError
from storage.periods import DAY, WEEK, read_time
from tests.harness import Harness

NOW = read_time("2026-11-20T08:00:00Z")  # a Friday: the week of Sunday 15 is not over
WEEK_OF = read_time("2026-11-09")  # the Monday under which the week of Sunday 8 is filed
TERMS = {  # 1,600 to 1 in the middle of the range
    "Python": Course(4_800, 0.02),
    "Rust": Course(900, 0.15),
    "Kotlin": Course(700, -0.05),
    "Golang": Course(500, 0.05),
    "PyTorch": Course(300, 0.25),
    "TensorFlow": Course(260, -0.12),
    "Keras": Course(90, -0.2),
    "Zig": Course(60, 0.35),
    "JAX": Course(40, 0.3),
    "MXNet": Course(3, -0.2),
}
INTEREST = 'google_trends.interest{topic="%s",geo="%s"}'
ERROR = 'google_trends.error{topic="%s",geo="%s"}'


@pytest.fixture
def trends() -> Iterator[FakeTrends]:
    with FakeTrends(TERMS, today=NOW) as fake:
        yield fake


def topics(*terms: str) -> list[Topic]:
    return [Topic(t.lower(), t, {"search": t}) for t in terms]


def harness(folder: Path, fake: FakeTrends, *terms: str, **options: object) -> Harness:
    return Harness(folder, GoogleTrends, base_url=fake.url, topics=topics(*terms), options=options)


def of_place(geo: str, path: str = "/multiline") -> Any:
    """Requests for values of one place."""
    return lambda asked: path in asked.path and f'"country": "{geo}"' in asked.query["req"]


def test_ten_terms_spread_1600_to_1_come_out_within_one_percent_and_are_revised_next_week(trends: FakeTrends, tmp_path: Path) -> None:
    h = harness(tmp_path, trends, *TERMS)
    h.collect(NOW)
    values, errors = h.values("google_trends.interest"), h.values("google_trends.error")
    weeks = sorted(values[INTEREST % ("python", "world")])
    assert (len(weeks), weeks[-1]) == (260, WEEK_OF)
    highest = max(trends.size(t, "", w - DAY) for t in TERMS for w in [*weeks, WEEK_OF + WEEK])  # the unfinished week counts for Google
    for term in TERMS:
        found = values[INTEREST % (term.lower(), "world")]
        truth = 100 * sum(trends.size(term, "", w - DAY) for w in found) / highest
        off = abs(sum(found.values()) / truth - 1)
        claimed = errors[ERROR % (term.lower(), "world")][WEEK_OF] / 100
        assert off < 0.01, term
        assert off <= claimed < 0.06, term
    assert set(h.outcomes().values()) == {"measured"}
    assert {b for times in h.bounds("google_trends.interest").values() for b in times.values()} == {Bound.ESTIMATE}
    first, asked = h.head(), len(trends.asked("/api/explore"))
    trends.today = NOW + WEEK
    trends.courses = {**TERMS, "Zig": Course(60, 0.5)}
    h.collect(NOW + WEEK)
    assert len(trends.asked("/api/explore")) - asked <= 5 < asked  # sizes were remembered
    assert h.values("google_trends.interest", as_of=first) == values
    assert h.values("google_trends.interest")[INTEREST % ("zig", "world")][WEEK_OF] > 1.2 * values[INTEREST % ("zig", "world")][WEEK_OF]
    assert max(h.values("google_trends.interest")[INTEREST % ("python", "world")]) == WEEK_OF + WEEK
    comparisons: Any = h.state()["comparisons/world"]
    assert all(len(c["terms"]) <= 5 and c["user_type"] == "USER_TYPE_LEGIT_USER" for c in comparisons["asked"])


def test_each_place_is_a_comparison_of_its_own_with_its_own_outcome(trends: FakeTrends, tmp_path: Path) -> None:
    trends.abroad |= {("US", "Zig"): 0.004, ("US", "Keras"): 2.0, ("CA", "Keras"): 0.0, ("CA", "Zig"): 0.0}

    trends.damage |= {
        ("IN", "multiline"): lambda body: body.replace(b"[100, ", b"[99, ").replace(b", 100]", b", 99]"),
        ("DE", "multiline"): lambda body: body.replace(b'"value"', b'"values"'),
        ("FR", "multiline"): lambda body: body[: len(body) // 2],
        ("JP", "multiline"): lambda body: body.replace(b'"isPartial": true', b'"isPartial": true, "time": "1"'),
        ("ES", "explore"): lambda body: body.replace(b'"value": "Zig"', b'"value": "Z"'),
    }
    trends.fail(of_place("GB"), status=500, times=9)
    h = harness(tmp_path, trends, "Keras", "Zig", geos=["", "US", "CA", "IN", "DE", "FR", "JP", "ES", "GB"])
    h.collect(NOW)
    outcomes = h.outcomes()
    for geo, outcome in [
        ("world", "measured"),
        ("us", "measured"),
        ("ca", "missing(not_found)"),
        *[(g, "missing(parse_error)") for g in ("in", "de", "fr", "jp", "es")],
        ("gb", "missing(unreachable)"),
    ]:
        assert {outcomes[s % ("keras", geo)] for s in (INTEREST, ERROR)} == {outcome}, geo
    values, bounds = h.values("google_trends.interest"), h.bounds("google_trends.interest")
    assert set(values) == {INTEREST % (t, g) for t in ("keras", "zig") for g in ("world", "us")}
    world = INTEREST % ("keras", "world")
    assert all(v == int(v) for v in values[world].values())
    assert set(bounds[world].values()) == {Bound.EXACT}
    rare = INTEREST % ("zig", "us")  # below one all along: no zero, and a gap where there were too few searches
    assert set(values[rare].values()) == {0.5}
    assert set(bounds[rare].values()) == {Bound.ESTIMATE}
    assert len(values[rare]) < 260
    before = h.values()
    asked = len(trends.log)
    h.reparse(NOW + DAY)
    assert len(trends.log) == asked  # pytrends is answered from what was kept
    assert h.values() == before
    assert h.outcomes() == outcomes
    kept = [r for path in (tmp_path / "captures").rglob("*.warc.gz") for r in records(tmp_path / "captures", path)]
    assert {r.capture.status for r in kept if "/multiline" in r.capture.url} == {200, 500}


@pytest.mark.parametrize(
    ("fault", "outcome", "words"),
    [
        ({"status": 429, "body": b"<html>", "headers": {"Retry-After": "9999"}, "times": 9}, "missing(throttled)", "429"),
        ({"body": b"<html><title>Before you continue</title>", "headers": {"Content-Type": "text/html"}}, "missing(blocked)", "consent"),
    ],
)
def test_a_refusal_and_a_consent_page_stop_the_source(
    trends: FakeTrends, tmp_path: Path, fault: dict[str, Any], outcome: str, words: str
) -> None:
    trends.fail(lambda a: "/api/" in a.path, **fault)
    h = harness(tmp_path, trends, "PyTorch", "JAX", geos=["", "US"])
    h.collect(NOW)
    assert set(h.outcomes().values()) == {outcome}
    assert all(words in e.detail for e in h.ends())
    assert not h.values()
    assert len(trends.asked("/api/")) == 1


def test_data_for_a_scraper_are_estimates_with_an_event_and_its_zeros_are_none(trends: FakeTrends, tmp_path: Path) -> None:
    trends.user_type = "USER_TYPE_SCRAPER"
    h = harness(tmp_path, trends, "PyTorch", "JAX")
    h.collect(NOW)
    assert {b for times in h.bounds("google_trends.interest").values() for b in times.values()} == {Bound.ESTIMATE}
    events = h.events()
    assert list(events["kind"]) == ["altered"]
    assert "SCRAPER" in events["text"].iloc[0]
    trends.zeros = True
    trends.today = NOW + WEEK
    h.collect(NOW + WEEK)
    ends = [e for e in h.ends() if e.slot.time == WEEK_OF + WEEK]
    assert {e.label for e in ends} == {"missing(blocked)"}
    assert 0 not in {v for times in h.values("google_trends.interest").values() for v in times.values()}


def test_robots_are_obeyed_on_the_way(trends: FakeTrends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reply = trends._reply
    rules = b"User-agent: *\nDisallow: /trends/api/"
    monkeypatch.setattr(trends, "_reply", lambda a: (200, {}, rules) if a.path == "/robots.txt" else reply(a))
    h = harness(tmp_path, trends, "PyTorch")
    h.collect(NOW)
    assert set(h.outcomes().values()) == {"missing(robots)"}
    assert not trends.asked("/api/")


def test_a_dead_proxy_of_the_machine_is_an_outcome(trends: FakeTrends, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    h = harness(tmp_path, trends, "PyTorch")
    h.collect(NOW)
    assert set(h.outcomes().values()) == {"missing(unreachable)"}


SPINS = "from pytrends.request import TrendReq; TrendReq(requests_args={'proxies': {'https': 'http://127.0.0.1:9'}})"
ENDLESS = """
import json, sys, urllib.request
base = json.loads(input())["base"]
while True:
    try: urllib.request.urlopen(base + "/explore/").read()
    except OSError: pass
"""
HOLDS = """
import json, socket, time, urllib.parse
held = socket.create_connection(("127.0.0.1", urllib.parse.urlsplit(json.loads(input())["base"]).port))
held.sendall(b"GET ")
time.sleep(60)
"""


async def never(_: Asked) -> Answer:
    return Answer(404)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (SPINS, "neither asked nor answered"),
        (HOLDS, "neither asked nor answered"),
        (ENDLESS, "more than 8 requests"),
        ("raise SystemExit", "ended without"),
    ],
)
async def test_a_process_that_does_not_get_on_is_ended(code: str, words: str) -> None:
    async with Relay(never, command=(sys.executable, "-c", code), silence=2.0) as relay:
        with pytest.raises(StuckError, match=words):
            await relay.ask(["a"], "", "2021-11-26 2026-11-20")
        assert relay._process is None


async def test_nobody_else_on_the_machine_can_use_the_relay() -> None:
    carried: list[Asked] = []

    async def carry(asked: Asked) -> Answer:
        carried.append(asked)
        return Answer(200)

    stranger = (
        "import json, sys, urllib.request; b = json.loads(input())['base']; urllib.request.urlopen(b.rpartition('/')[0] + '/explore/')"
    )
    async with Relay(carry, command=(sys.executable, "-c", stranger), silence=20.0) as relay:
        with pytest.raises(StuckError):
            await relay.ask(["a"], "", "2021-11-26 2026-11-20")
    assert carried == []


def test_a_preview_compares_topics_and_stores_nothing(trends: FakeTrends, tmp_path: Path) -> None:
    previews = harness(tmp_path, trends, "PyTorch", "JAX").preview(NOW)
    assert {(p.topic, p.found) for p in previews} == {("pytorch", True), ("jax", True)}
    assert all("of 100 in 260 weeks, beside" in p.text for p in previews)
    assert not list((tmp_path / "captures").rglob("*.gz"))


def test_it_is_off_by_default_and_its_options_are_checked() -> None:
    assert not GoogleTrends.enabled_by_default
    assert [r.labels for r in GoogleTrends.rows({"geos": ["", "US-CA"]})] == [(("geo", g),) for g in ("world", "world", "us-ca", "us-ca")]
    for wrong in ({"way": "serpapi"}, {"geos": []}, {"geos": ["usa"]}, {"geos": ["US", "US"]}, {"credentials": "{}"}):
        with pytest.raises(UsageError, match=r"\[sources\.google_trends\]"):
            GoogleTrends.check_options(wrong)
    with pytest.raises(UsageError, match=r"topics\.x\.search"):
        GoogleTrends.check(Topic("x", "X", {"search": [" "]}))
