"""Counters that a user declares, against a local site: each way of reading, and what must not pass for a number."""

from __future__ import annotations

import gzip
import json
import logging
import tomllib
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from crawlers import page_strings, selecting
from crawlers.address import Template
from crawlers.selecting import Selector, Way, path_parts, selected
from scheduler.config import Config, read
from scheduler.setups import Setup
from storage.model import Bound, Kind, ParseError, Topic, UsageError
from storage.periods import DAY, read_time
from tests.fakes.counters import FakeCounters
from tests.harness import Harness

NOW = read_time("2026-11-20T12:00:00Z")
TODAY = read_time("2026-11-20")
SERIES = 'custom.things{topic="%s"}'
TOPICS = """
[baskets.all]
topics = ["react", "vue"]
[topics.react]
custom = { things = "react" }
[topics.vue]
custom = { things = "@vue/core" }
"""
READERS = {
    "json": ("/api/{name}", "data.count"),
    "css": ("/page/{name}", "p.n b"),
    "xpath": ("/page/{name}", "//p[@class='n']/b"),
    "regex": ("/page/{name}", r"<b>([\d,]+)</b> downloads"),
}


@pytest.fixture
def site() -> Iterator[FakeCounters]:
    with FakeCounters() as service:
        service.counts = {"react": 1234, "@vue/core": 567}
        yield service


def config(section: str, *, topics: str = TOPICS, environment: dict[str, str] | None = None) -> Config:
    return read(tomllib.loads(section + topics), Path("uptake.toml"), environment or {})


def section(way: str, url: str, *more: str) -> str:
    path, selector = READERS[way]
    return "\n".join(["[custom.things]", f'url = "{url}{path}"', f"{way} = '''{selector}'''", 'unit = "downloads"', *more]) + "\n"


def harness(folder: Path, text: str, environment: dict[str, str] | None = None) -> Harness:
    setup: Setup = config(text, environment=environment).setup("custom.things")
    h = Harness(folder, setup.source, base_url="", topics=[*setup.topics.values()])
    h.setup = setup
    return h


@pytest.mark.parametrize("way", READERS)
def test_a_counter_of_each_kind_reads_its_number(way: str, site: FakeCounters, tmp_path: Path) -> None:
    h = harness(tmp_path, section(way, site.url))
    report = h.collect(NOW)[0]
    assert h.values() == {SERIES % "react": {TODAY: 1234}, SERIES % "vue": {TODAY: 567}}
    assert {b for times in h.bounds().values() for b in times.values()} == {Bound.EXACT}
    assert report.source == "custom.things"
    assert sorted(a.path for a in site.asked()) == sorted(f"/{READERS[way][0].split('/')[1]}/{n}" for n in ("react", "@vue/core"))
    assert [a.path for a in site.log].count("/robots.txt") == 1
    h.collect(NOW + 3600)
    assert len(site.asked()) == 2


@pytest.mark.parametrize("way", READERS)
def test_a_changed_page_is_a_parse_error_and_its_capture_is_kept(way: str, site: FakeCounters, tmp_path: Path) -> None:
    h = harness(tmp_path, section(way, site.url))
    site.page = '<html><p class="count"><i>{count}</i> downloads</p></html>'
    site.fail(times=9, when=lambda a: a.path.startswith("/api/"), edit=lambda answer: {"downloads": answer["data"]["count"]})
    h.collect(NOW)
    assert h.values() == {}
    assert h.outcomes() == dict.fromkeys([SERIES % "react", SERIES % "vue"], "missing(parse_error)")
    assert all("change?" in e.detail and "response kept as" in e.detail for e in h.ends())


@pytest.mark.parametrize("way", READERS)
def test_what_was_captured_can_be_read_again_with_a_mended_selector(way: str, site: FakeCounters, tmp_path: Path) -> None:
    wrong = section(way, site.url).replace(READERS[way][1], {"json": "count", "regex": "is ([0-9]+)"}.get(way, "h1"))
    harness(tmp_path, wrong).collect(NOW)
    asked = len(site.asked())
    h = harness(tmp_path, section(way, site.url))
    assert h.values() == {}
    h.reparse(NOW + 60)
    assert h.values()[SERIES % "react"] == {TODAY: 1234}
    assert len(site.asked()) == asked


@pytest.mark.parametrize("way", READERS)
def test_a_wall_is_blocked_and_nothing_more_is_asked(way: str, site: FakeCounters, tmp_path: Path) -> None:
    h = harness(tmp_path, section(way, site.url))
    site.fail(times=9, body=b"<html><title>Just a moment...</title><b>99</b> downloads</html>", headers={"cf-mitigated": "challenge"})
    h.collect(NOW)
    assert set(h.outcomes().values()) == {"missing(blocked)"}
    assert h.values() == {}


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"status": 403}, "blocked"),
        ({"status": 429, "headers": {"Retry-After": "9999"}}, "throttled"),
        ({"status": 503}, "unreachable"),
        ({"body": b"<html>Sorry</html>"}, "parse_error"),
        ({"keep": 0.5}, "parse_error"),
        ({"edit": lambda a: {"data": {"count": None}}}, "parse_error"),
        ({"edit": lambda a: {"data": {"count": 0}}}, "parse_error"),
    ],
)
def test_trouble_has_its_outcome(fault: dict[str, Any], outcome: str, site: FakeCounters, tmp_path: Path) -> None:
    h = harness(tmp_path, section("json", site.url))
    site.fail(times=99, **fault)
    h.collect(NOW)
    assert set(h.outcomes().values()) == {f"missing({outcome})"}
    assert h.values() == {}


def test_a_name_that_is_not_there_is_not_found(site: FakeCounters, tmp_path: Path) -> None:
    del site.counts["react"]
    h = harness(tmp_path, section("json", site.url))
    h.collect(NOW)
    assert h.outcomes() == {SERIES % "react": "missing(not_found)", SERIES % "vue": "measured"}
    assert h.values() == {SERIES % "vue": {TODAY: 567}}


def test_numbers_in_text_keep_their_bounds(site: FakeCounters, tmp_path: Path) -> None:
    site.counts = {"react": "3,000+", "@vue/core": "91K"}
    h = harness(tmp_path, section("css", site.url))
    h.collect(NOW)
    assert h.values() == {SERIES % "react": {TODAY: 3000}, SERIES % "vue": {TODAY: 91_000}}
    assert h.bounds() == {SERIES % "react": {TODAY: Bound.AT_LEAST}, SERIES % "vue": {TODAY: Bound.ESTIMATE}}


@pytest.mark.parametrize(
    ("way", "proof"), [("json", "zero = true"), ("json", "zero = '\"count\": 0'"), ("css", 'zero = "0</b> downloads"')]
)
def test_a_stated_zero_is_believed_with_proof_only(way: str, proof: str, site: FakeCounters, tmp_path: Path) -> None:
    site.counts["react"] = 0
    plain = harness(tmp_path / "plain", section(way, site.url))
    plain.collect(NOW)
    assert plain.outcomes() == {SERIES % "react": "missing(parse_error)", SERIES % "vue": "measured"}
    assert "zero = true" in next(e.detail for e in plain.ends() if e.detail)
    proven = harness(tmp_path / "proven", section(way, site.url, proof))
    proven.collect(NOW)
    assert proven.values()[SERIES % "react"] == {TODAY: 0}


def test_a_page_that_says_there_is_none_is_a_zero_and_another_is_not(site: FakeCounters, tmp_path: Path) -> None:
    text = section("css", site.url, 'zero = "No downloads yet"')
    site.fail(lambda a: a.path == "/page/react", body=b"<p>No downloads yet.</p>", headers={"Content-Type": "text/html"}, times=9)
    site.fail(lambda a: a.path == "/page/@vue/core", body=b"<p>Downloads later.</p>", headers={"Content-Type": "text/html"}, times=9)
    h = harness(tmp_path, text)
    h.collect(NOW)
    assert h.outcomes() == {SERIES % "react": "measured", SERIES % "vue": "missing(parse_error)"}
    site.faults.clear()
    h.collect(NOW + 60)
    assert h.values() == {SERIES % "react": {TODAY: 0}, SERIES % "vue": {TODAY: 567}}


def test_the_whole_is_a_series_without_a_topic(site: FakeCounters, tmp_path: Path) -> None:
    h = harness(tmp_path, section("json", site.url, f'total_url = "{site.url}/total"'))
    h.collect(NOW)
    assert h.values()["custom.things_total"] == {TODAY: 1_000_000}
    assert len(h.values()) == 3
    assert h.setup.source.requests_per_day(2, {}) == 3


def test_a_flow_asks_for_its_period(site: FakeCounters, tmp_path: Path) -> None:
    text = section("json", site.url, 'kind = "flow"').replace(
        "{name}", "{name}?from={day:%Y%m%d}&to={last_day}&until={next_day}&s={start}&e={end}"
    )
    h = harness(tmp_path, text)
    h.collect(NOW)
    assert h.values()[SERIES % "react"] == {TODAY - DAY: 1234}
    assert site.asked("react")[0].query == {
        "from": "20261119",
        "to": "2026-11-19",
        "until": "2026-11-20",
        "s": str(TODAY - DAY),
        "e": str(TODAY),
    }
    h.collect(NOW, at=NOW - 4 * DAY)  # what is fetched late is asked for by its own day
    assert site.asked("react")[-1].query["from"] == "20261115"


def test_a_window_asks_for_the_days_before_its_end(site: FakeCounters, tmp_path: Path) -> None:
    text = section("json", site.url, 'kind = "window"', 'cadence = "week"').replace(
        "{name}", "{name}?a={week_ago}&b={last_day}&c={month_ago}&n={now}"
    )
    h = harness(tmp_path, text)
    h.collect(NOW)
    monday = read_time("2026-11-16")
    assert h.values()[SERIES % "react"] == {monday: 1234}
    assert site.asked("react")[0].query == {"a": "2026-11-09", "b": "2026-11-15", "c": "2026-10-17", "n": "2026-11-20T12:00:00Z"}
    assert h.setup.source.requests_per_day(7, {}) == 1


def test_a_list_is_summed(site: FakeCounters, tmp_path: Path) -> None:
    h = harness(tmp_path, section("json", site.url).replace("data.count", "days.*.n"))
    h.collect(NOW)
    assert h.values()[SERIES % "react"] == {TODAY: 1235}


SECRET = "s3cr3t-of-mine"


def test_secrets_go_into_headers_and_nowhere_else(site: FakeCounters, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    text = section(
        "json", site.url, 'headers = { Accept = "application/vnd.things+json" }', 'headers_env = { Authorization = "UPTAKE_CUSTOM_TOKEN" }'
    )
    site.fail(lambda a: "react" in a.path, edit=lambda answer: {**answer, "you": SECRET})
    environment = {"UPTAKE_CUSTOM_TOKEN": f"Bearer {SECRET}"}
    h = harness(tmp_path, text, environment)
    h.collect(NOW)
    assert {a.headers["Authorization"] for a in site.asked()} == {f"Bearer {SECRET}"}
    assert {a.headers["Accept"] for a in site.asked()} == {"application/vnd.things+json"}
    assert {a.headers.get("Authorization") for a in site.log if a.path == "/robots.txt"} == {None}
    assert len(h.values()) == 2
    assert SECRET not in caplog.text
    assert SECRET not in config(text, environment=environment).snapshot
    for path in tmp_path.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert SECRET.encode() not in (gzip.decompress(data) if path.suffix == ".gz" else data), path
    off = config(text).sources["custom.things"]
    assert (off.enabled, off.why_off) == (False, "needs UPTAKE_CUSTOM_TOKEN in the environment")


def test_robots_txt_is_obeyed(site: FakeCounters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = site._reply
    monkeypatch.setattr(site, "_reply", lambda a: (200, {}, b"User-agent: *\nDisallow: /api/") if a.path == "/robots.txt" else usual(a))
    h = harness(tmp_path, section("json", site.url))
    h.collect(NOW)
    assert set(h.outcomes().values()) == {"missing(robots)"}
    assert site.asked() == []


@pytest.mark.parametrize("way", READERS)
def test_a_preview_shows_what_was_read_and_where(way: str, site: FakeCounters, tmp_path: Path) -> None:
    site.counts = {"react": 1234}
    found = {p.topic: p for p in harness(tmp_path, section(way, site.url)).preview(NOW)}
    assert found["react"].found
    assert found["react"].text.startswith("react: 1,234 downloads, read from ")
    assert f"at {way} {READERS[way][1]}, {site.url}/" in found["react"].text
    assert not found["vue"].found
    assert found["vue"].text.startswith("@vue/core: not_found: status 404")


def test_a_preview_says_why_nothing_was_read(site: FakeCounters, tmp_path: Path) -> None:
    site.page = "<p>{count}</p>"
    for preview in harness(tmp_path, section("css", site.url)).preview(NOW):
        assert not preview.found
        assert "nothing is found by css p.n b" in preview.text


# Reading, by itself

PAGE = (
    "<div><p id=a>1,234 users</p><p class=x>7</p><p class=x>7</p><p class=y>1</p><p class=y>2</p><i data-n=55></i><ul><li>a<li>b</ul></div>"
)


def find(way: str, value: str | Sequence[str], page: str, *, share: bool = False) -> tuple[float, Bound]:
    count = Selector.of(Way(way), value).find(page.encode(), page, share=share).count
    return count.value, count.bound


@pytest.mark.parametrize(
    ("way", "value", "expected"),
    [
        ("css", "#a", 1234),
        ("css", "#a::text", 1234),
        ("css", ".x", 7),  # twice the same is one
        ("css", "i::attr(data-n)", 55),
        ("xpath", "//i/@data-n", 55),
        ("xpath", "count(//li)", 2),
        ("xpath", "string(//p)", 1234),
        ("regex", r"(\d[\d,]*) users", 1234),
        ("regex", r"(?P<n>\d+),234", 1),
        ("regex", r"data-(?:n|m)=(\d+)", 55),
    ],
)
def test_a_page_is_read(way: str, value: str, expected: float) -> None:
    assert find(way, value, PAGE)[0] == expected


@pytest.mark.parametrize(
    ("way", "value", "said"),
    [
        ("css", "h1", "nothing is found"),
        ("css", ".y", "2 different texts"),
        ("css", "ul", "no count in 'ab'"),
        ("xpath", "//q", "nothing is found"),
        ("regex", r"(\d) nowhere", "nothing is found"),
        ("regex", r"<p class=.>(\d)", "4 places are matched"),
        ("regex", r"(us)ers", "no count"),
        ("xpath", "//p[1]/following::*//text()", "different texts"),
    ],
)
def test_what_is_not_one_number_is_refused(way: str, value: str, said: str) -> None:
    with pytest.raises(ParseError, match=said):
        find(way, value, PAGE)


@pytest.mark.parametrize(
    ("path", "payload", "expected"),
    [
        ("a.b", {"a": {"b": 3}}, 3),
        ("[1].n", [{}, {"n": 4}], 4),
        ("1.n", [{}, {"n": 4}], 4),
        ("a.1", {"a": {"1": 5}}, 5),
        (["a.b", "c"], {"a.b": {"c": 6}}, 6),
        ("a.*.n", {"a": {"x": {"n": 1}, "y": {"n": 2}}}, 3),
        ("a[*]", {"a": [1, 2, 3]}, 6),
        ("a", {"a": "1,234"}, 1234),
        ("a", {"a": 999_999_999_999_999}, 999_999_999_999_999),
    ],
)
def test_a_json_path_is_followed(path: str | list[str], payload: object, expected: float) -> None:
    assert find("json", path, json.dumps(payload))[0] == expected


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("a.b", '{"a": {}}', "the answer has no a.b"),
        ("a.b", '{"a": 3}', "the answer has no a.b"),
        ("[3]", "[1]", "the answer has no 3"),
        ("a.*", '{"a": []}', "is empty"),
        ("a.*.n", '{"a": [{"n": 1}, {}]}', r"has no a\.\*\.n"),
        ("a", '{"a": NaN}', "not a count"),
        ("a", '{"a": 1e400}', "not a count"),
        ("a", '{"a": [1]}', "where a number was expected"),
        ("a", '{"a": true}', "where a number was expected"),
        ("a", '{"a": -1}', "not a count"),
        ("a", '{"a": 1.5}', "no whole number"),
        ("a", '{"a": "fewer than 10"}', "no count"),
        ("a", "", "the body is empty"),
        ("a", '{"a": ', "broken JSON"),
    ],
)
def test_json_without_a_number_there_is_refused(path: str, body: str, said: str) -> None:
    with pytest.raises(ParseError, match=said):
        find("json", path, body)


def test_shares_may_have_decimals() -> None:
    assert find("json", "a", '{"a": 12.5}', share=True) == (12.5, Bound.EXACT)
    assert find("css", "b", "<b>12.5 %</b>", share=True) == (12.5, Bound.EXACT)
    with pytest.raises(ParseError):
        find("css", "b", "<b>12.5 %</b>")


@pytest.mark.parametrize("text", ["", ".a", "a.", "a..b", "a[x]", "a[0]b", "a[", " ", "a]"])
def test_a_bad_json_path_is_named(text: str) -> None:
    with pytest.raises(UsageError, match="JSON path"):
        Selector.of(Way.JSON, text)
    assert path_parts("data[0].count") == ("data", "0", "count")


def test_a_regular_expression_takes_linear_time() -> None:
    with pytest.raises(ParseError, match="nothing is found"):
        find("regex", r"^((?:a+)+)$", "a" * 2_000_000 + "!")


def test_a_search_that_takes_too_long_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = ("<div>" * 100 + "x" + "</div>" * 100) * 1000
    child = Path(page_strings.__file__).read_text(encoding="utf-8")
    assert f"SECONDS = {page_strings.SECONDS} " in child
    hasty = tmp_path / "page_strings.py"
    hasty.write_text(child.replace(f"SECONDS = {page_strings.SECONDS} ", "SECONDS = 1 "), encoding="utf-8")
    monkeypatch.setattr(page_strings, "__file__", str(hasty))
    with pytest.raises(ParseError, match="took more than"):
        selected(page, "//div//div//div[text()='y']")


def test_a_page_that_is_too_long_or_has_too_many_places_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ParseError, match="30 places are found"):
        selected("<b>1</b>" * 30, "//b")
    with pytest.raises(ParseError, match="is a long text"):
        find("css", "p", f"<p>{'1 ' * 300}</p>")
    monkeypatch.setattr(selecting, "LARGEST", 10)
    with pytest.raises(ParseError, match="more than are searched"):
        selected("<b>1</b>" * 30, "//b")


# The configuration

GOOD = '[custom.things]\nurl = "https://host.example/{name}"\njson = "n"\n'


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('json = "n"', "", "say by one of json, css, xpath, regex where the number stands; there is none"),
        ('json = "n"', 'json = "n"\ncss = "b"', "there is json and css"),
        ('json = "n"', 'json = "a..b"', r"\[custom.things\] json: not a JSON path from '..b' on"),
        ('json = "n"', "json = []", "json: write a path, or a list of keys, not"),
        ('json = "n"', 'css = "b[["', r"\[custom.things\] css: not CSS"),
        ('json = "n"', 'xpath = "//b["', r"\[custom.things\] xpath: not XPath"),
        ('json = "n"', 'xpath = "re:test(//b, 1)"', "not XPath"),
        ('json = "n"', 'xpath = "1 = 1"', "true or false"),
        ('json = "n"', "regex = '(\\d+'", "regex: not a regular expression of RE2: missing"),
        ('json = "n"', "regex = '\\d+'", "one group around the number, and has 0"),
        ('json = "n"', "regex = '(a)(b)'", "and has 2"),
        ('json = "n"', "regex = '(a)(?=b)'", "no lookahead"),
        ("{name}", "{nmae}", r"unknown placeholder \{nmae\}; there are: \{name\}"),
        ("{name}", "{name.real}", "unknown placeholder"),
        ("{name}", "{name!r}", "unknown placeholder"),
        ("{name}", "{name:x}", "only days are formatted"),
        ("{name}", "{name}{day:%{now}}", "only days are formatted|braces"),
        ("{name}", "{name", "braces do not fit"),
        ("{name}", "all", r"write \{name\} where a topic's name stands"),
        ("https://host.example", "https://{name}.example", "the host must be written out"),
        ("https://host.example", "https://u:p@host.example", "a secret does not belong in this file"),
        ("{name}", "{name}?api_key=abcdef", "a secret does not belong in this file"),
        ("{name}", "{name}#part", "behind # is never sent"),
        ("https://host", "ftp://host", "not an http"),
        ('json = "n"', 'json = "n"\nkind = "flow"', 'kind "flow" needs an address that names its period'),
        ('json = "n"', 'json = "n"\nkind = "stock"', 'kind: write one of "level", "flow", "window", "share"'),
        ('json = "n"', 'json = "n"\ncadence = "daily"', "cadence: write one of"),
        ('json = "n"', 'json = "n"\ncolour = 1', "colour: unknown key"),
        ('json = "n"', 'json = "n"\ndelay = 0.1', r"\[custom.things\] delay: write seconds, at least"),
        ('json = "n"', 'json = "n"\nschedule = "now"', r"\[custom.things\] schedule: 'now' is not a cron line"),
        ('json = "n"', 'json = "n"\nmetric = "github.stars"', "metric: write custom. and a name"),
        ('json = "n"', 'json = "n"\nlag = -1', "lag: write hours"),
        ('json = "n"', 'json = "n"\nzero = false', "zero: write true, or text"),
        (
            'json = "n"',
            'json = "n"\ntotal_url = "https://other.example/"',
            "total_url: it must be at the same host as url, https://host.example",
        ),
        ('json = "n"', 'json = "n"\ntotal_url = "https://host.example/{name}"', "total_url: the whole is of no topic"),
        ('json = "n"', 'json = "n"\nnames = { raect = "r" }', "names: there is no topic 'raect'; did you mean 'react'"),
        ('json = "n"', 'json = "n"\nheaders = { Authorization = "x" }', "holds a secret, which does not belong in this file"),
        ('json = "n"', 'json = "n"\nheaders = { User-Agent = "x" }', "requests say who they are"),
        ('json = "n"', 'json = "n"\nheaders = { X = "a\\nb" }', "write one line"),
        ('json = "n"', 'json = "n"\nheaders_env = { Authorization = "Bearer abc" }', "write a variable of the environment"),
        ('json = "n"', 'json = "n"\nheaders_env = { Cookie = "COOKIE" }', "nobody is signed in"),
        ("[custom.things]", "[custom.Things]", "has only small letters"),
        ('url = "https://host.example/{name}"\n', "", "url: this key is missing"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_the_remedy(old: str, new: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(UsageError, match=said) as caught:
        config(GOOD.replace(old, new), topics=TOPICS.replace("things", "Things") if "Things" in new else TOPICS)
    assert "[custom." in str(caught.value)


def test_a_topic_names_no_counter_that_is_not_there() -> None:
    with pytest.raises(UsageError, match=r"\[topics.react\] custom: there is no counter \[custom.things\]; did you mean 'thinks'"):
        config(GOOD.replace("things", "thinks"))
    with pytest.raises(UsageError, match=r"\[topics.react\] custom: write a table of counters"):
        config(GOOD, topics=TOPICS.replace('{ things = "react" }', '"react"'))


def test_two_counters_do_not_share_a_metric() -> None:
    with pytest.raises(UsageError, match=r"\[custom.more\] metric: custom.things is that of \[custom.things\] already"):
        config(GOOD + GOOD.replace("things", "more") + 'metric = "custom.things"\n')


def test_names_come_from_the_section_the_topic_or_another_signal() -> None:
    topics = [
        Topic("a", "A", {"custom": {"things": "in-topic"}, "pypi": "pkg-a"}),
        Topic("b", "B", {"pypi": ["pkg-b", "other"]}),
        Topic("c", "C", {"custom": {"things": "in-topic"}}),
        Topic("d", "D"),
    ]
    keys = '[baskets.all]\ntopics = ["a", "b", "c", "d"]\n[topics.a]\n[topics.b]\n[topics.c]\n[topics.d]\n'
    cls = config(GOOD + 'names_from = "pypi"\nnames = { c = "in-section" }\n', topics=keys).sources["custom.things"].source
    assert [cls.name_of(t) for t in topics] == ["in-topic", "pkg-b", "in-section", None]
    by_key = config(GOOD.replace("{name}", "{topic}"), topics=keys).sources["custom.things"].source
    assert [by_key.name_of(t) for t in topics] == ["in-topic", "b", "in-topic", "d"]


def test_a_counter_is_a_source_with_its_own_manners() -> None:
    more = 'delay = 9\nschedule = "5 5 * * mon"\nbudget = 50\nobey_robots = true\n'
    more += 'title = "Things"\nlag = 6\nkind = "window"\nnote = "All of them."\n'
    found = config(GOOD + more)
    setting, setup = found.sources["custom.things"], found.setup("custom.things")
    assert (setting.delay, setting.schedule, setting.budget, setting.obey_robots, setting.enabled) == (9, "5 5 * * mon", 50, True, True)
    assert setup.locks == ["source-custom.things", "host.example"]
    metric = setup.source.metrics()[0]
    assert (metric.name, metric.kind, metric.title, metric.note, metric.lag) == (
        "custom.things",
        Kind.WINDOW,
        "Things",
        "All of them.",
        6 * 3600,
    )
    assert not setup.source.people
    assert config(GOOD.replace('json = "n"', 'css = "b"')).sources["custom.things"].source.people
    off = config(GOOD + "[sources.custom]\nenabled = false\n").sources["custom.things"]
    assert (off.enabled, off.why_off) == (False, "[sources.custom] is off in the config")
    assert not config(GOOD + "enabled = false\n").sources["custom.things"].enabled


def test_texts_in_addresses_are_encoded_and_slashes_stay() -> None:
    template = Template.of("https://host.example/v2/{name}/?q={topic}&d={day:%d.%m.%Y}&{{x}}")
    values = {"name": "org/a&b #1?", "topic": "c++", "day": date(2026, 11, 5)}
    assert template.path(values) == "/v2/org/a%26b%20%231%3F/?q=c%2B%2B&d=05.11.2026&{x}"
