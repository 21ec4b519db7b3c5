"""PyPI downloads, against a model of ClickPy's public server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.spiders import pypi, pypi_payloads
from crawlers.spiders.pypi import PyPI
from storage.figures import starting_history
from storage.model import Reason, Topic, UsageError
from storage.periods import DAY, read_time
from tests.fakes.clickpy import FakeClickPy
from tests.harness import Harness

NOW = read_time("2026-11-20T15:00:00Z")
TODAY = read_time("2026-11-20")
YESTERDAY = read_time("2026-11-19")
FIRST = TODAY - 100 * DAY
TOPICS = [
    Topic("pytorch", "PyTorch", {"pypi": "torch"}),
    Topic("tensorflow", "TensorFlow", {"pypi": ["tensorflow", "TensorFlow_CPU"]}),
    Topic("quiet", "Quiet", {"pypi": "quiet"}),
    Topic("unnamed", "Unnamed"),
]
WINDOW = 'pypi.downloads_30d{topic="%s"}'
PER_DAY = 'pypi.downloads{topic="%s"}'


@pytest.fixture
def clickpy() -> Iterator[FakeClickPy]:
    with FakeClickPy() as service:
        service.load("boto3", FIRST, YESTERDAY, 9_000_000)
        service.load("torch", FIRST, YESTERDAY, 700_000)
        service.load("tensorflow", FIRST, YESTERDAY, 300_000)
        service.load("tensorflow-cpu", FIRST, YESTERDAY, 20_000)
        service.downloads["quiet"] = {TODAY - 20 * DAY: 3, TODAY - 3 * DAY: 1}
        yield service


def harness(folder: Path, service: FakeClickPy, topics: list[Topic] = TOPICS, **options: object) -> Harness:
    return Harness(folder, PyPI, base_url=service.url, topics=topics, options=options)


@pytest.mark.parametrize("quoted", [False, True])
def test_all_topics_come_from_one_query(clickpy: FakeClickPy, tmp_path: Path, quoted: bool) -> None:
    clickpy.quoted = quoted
    h = harness(tmp_path, clickpy)
    h.collect(NOW)
    values = h.values()
    both = {t: n + clickpy.downloads["tensorflow-cpu"][t] for t, n in clickpy.downloads["tensorflow"].items()}
    last_week = range(YESTERDAY - 7 * DAY, TODAY, DAY)
    assert values[PER_DAY % "pytorch"] == {t: clickpy.downloads["torch"][t] for t in last_week}
    assert values[PER_DAY % "tensorflow"] == {t: both[t] for t in last_week}
    assert values[PER_DAY % "quiet"] == {t: float(t == TODAY - 3 * DAY) for t in last_week}
    ends = range(TODAY - 7 * DAY, TODAY + 1, DAY)
    assert values[WINDOW % "pytorch"] == {t: clickpy.window("torch", t) for t in ends}
    assert values[WINDOW % "quiet"] == {t: 3 + (t > TODAY - 3 * DAY) for t in ends}
    assert set(values) == {metric % topic for metric in (WINDOW, PER_DAY) for topic in ("pytorch", "tensorflow", "quiet")}
    assert len(clickpy.asked()) == 1
    h.collect(NOW + 3600)
    assert len(clickpy.asked()) == 1


def test_the_window_bears_the_name_of_the_starting_history() -> None:
    known = {row.series.metric for row in starting_history().rows if row.series.source == "pypi"}
    assert known == {"pypi.downloads_30d"}
    assert known < {m.name for m in PyPI.metrics()}


def test_two_hundred_packages_go_into_one_query_and_a_topic_is_never_parted(
    clickpy: FakeClickPy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pypi, "MOST", 3)
    topics = [Topic(f"t{n}", f"T{n}", {"pypi": [f"p{n}", f"q{n}"]}) for n in range(3)]
    for n in range(3):
        clickpy.load(f"p{n}", FIRST, YESTERDAY, n + 1)
        clickpy.load(f"q{n}", FIRST, YESTERDAY, n + 5)
    h = harness(tmp_path, clickpy, topics)
    h.collect(NOW)
    assert len(clickpy.asked()) == 3
    assert all(b"'boto3'" in asked.body for asked in clickpy.asked())
    assert h.values()[WINDOW % "t2"][TODAY] == clickpy.window("p2", TODAY) + clickpy.window("q2", TODAY)
    assert [PyPI.requests_per_day(n, {}) for n in (1, 9, 10)] == [1, 3, 4]


def test_an_unknown_package_is_not_found_and_no_zero(clickpy: FakeClickPy, tmp_path: Path) -> None:
    h = harness(tmp_path, clickpy, [TOPICS[0], Topic("none", "None", {"pypi": "no-such-package"})])
    h.collect(NOW)
    assert h.outcomes()[WINDOW % "none"] == h.outcomes()[PER_DAY % "none"] == "missing(not_found)"
    assert not {WINDOW % "none", PER_DAY % "none"} & set(h.values())
    assert h.outcomes()[WINDOW % "pytorch"] == "measured"


def test_a_day_that_is_not_there_yet_is_missing_and_comes_in_later(clickpy: FakeClickPy, tmp_path: Path) -> None:
    kept = {name: days.pop(YESTERDAY) for name, days in clickpy.downloads.items() if YESTERDAY in days}
    h = harness(tmp_path, clickpy, TOPICS[:1])
    h.collect(NOW)
    assert set(h.outcomes().values()) == {"missing(unanswered)"}
    assert all("2026-11-18" in e.detail for e in h.ends())
    assert YESTERDAY not in h.values()[PER_DAY % "pytorch"]
    for name, count in kept.items():
        clickpy.downloads[name][YESTERDAY] = count
    h.collect(NOW + 3600)
    assert h.values()[PER_DAY % "pytorch"][YESTERDAY] == kept["torch"]
    assert h.values()[WINDOW % "pytorch"][TODAY] == clickpy.window("torch", TODAY)


def test_a_day_of_which_a_part_is_lost_shows_in_the_control_package(clickpy: FakeClickPy, tmp_path: Path) -> None:
    for days in clickpy.downloads.values():
        days[YESTERDAY] = days.get(YESTERDAY, 0) // 5
    h = harness(tmp_path, clickpy, TOPICS[:1])
    h.collect(NOW)
    assert set(h.outcomes().values()) == {"missing(truncated)"}
    assert YESTERDAY not in h.values()[PER_DAY % "pytorch"]
    assert TODAY not in h.values()[WINDOW % "pytorch"]
    assert YESTERDAY in h.values()[WINDOW % "pytorch"]


def test_a_window_over_a_lost_day_is_missing_though_the_last_day_is_whole(clickpy: FakeClickPy, tmp_path: Path) -> None:
    del clickpy.downloads["boto3"][TODAY - 12 * DAY]
    h = harness(tmp_path, clickpy, TOPICS[:1])
    h.collect(NOW)
    assert h.outcomes() == {PER_DAY % "pytorch": "measured", WINDOW % "pytorch": "missing(truncated)"}
    assert WINDOW % "pytorch" not in h.values()


def test_a_control_package_below_its_floor_or_absent_closes_the_answer(clickpy: FakeClickPy, tmp_path: Path) -> None:
    h = harness(tmp_path, clickpy, TOPICS[:1], control_floor=50_000_000)
    h.collect(NOW)
    assert set(h.outcomes().values()) == {"missing(truncated)"}
    assert not h.values()
    other = harness(tmp_path / "other", clickpy, TOPICS[:1], control="No.Such")
    other.collect(NOW)
    assert set(other.outcomes().values()) == {"missing(truncated)"}
    assert any("no-such is not in the answer" in e.detail for e in other.ends())


def late_error(said: bytes) -> Any:
    def edit(answer: dict[str, Any]) -> dict[str, Any]:
        return {**answer, "exception": said.decode()}

    return edit


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"edit": lambda a: {**a, "rows": 7}}, "missing(parse_error)"),
        ({"edit": lambda a: {**a, "data": a["data"][:1]}}, "missing(parse_error)"),
        ({"edit": lambda a: {**a, "statistics": {"rows_read": 1_001_447_450}}}, "missing(parse_error)"),
        ({"edit": lambda a: {**a, "meta": a["meta"][:1]}}, "missing(parse_error)"),
        ({"edit": lambda a: {**a, "data": [[n, [[d, None] for d, _ in days]] for n, days in a["data"]]}}, "missing(parse_error)"),
        ({"edit": lambda a: {**a, "data": [[n, days + days[:1]] for n, days in a["data"]]}}, "missing(parse_error)"),
        ({"edit": lambda a: {**a, "data": [["other", days] for _, days in a["data"]]}}, "missing(parse_error)"),
        ({"edit": lambda _: None}, "missing(parse_error)"),
        ({"keep": 0.5}, "missing(parse_error)"),
        ({"body": b"<!doctype html>"}, "missing(parse_error)"),
        ({"body": b""}, "missing(parse_error)"),
        ({"body": b'{"meta":[],"data":[\nCode: 47. DB::Exception: Unknown identifier (UNKNOWN_IDENTIFIER)'}, "missing(parse_error)"),
        ({"body": b"Code: 201. DB::Exception: Quota exceeded (QUOTA_EXCEEDED)"}, "missing(throttled)"),
        ({"edit": late_error(b"Code: 396. DB::Exception: Limit for result exceeded")}, "missing(truncated)"),
        ({"headers": {"X-ClickHouse-Exception-Code": "241"}}, "missing(unreachable)"),
        ({"status": 500, "times": 9, "body": b"Code: 158. DB::Exception: Limit for rows (TOO_MANY_ROWS)"}, "missing(truncated)"),
        ({"status": 500, "times": 9, "body": b"Code: 452. DB::Exception: Setting (SETTING_CONSTRAINT_VIOLATION)"}, "missing(blocked)"),
        ({"status": 502, "times": 9, "body": b"bad gateway"}, "missing(unreachable)"),
        ({"status": 403, "body": b"no"}, "missing(blocked)"),
        ({"status": 429, "headers": {"Retry-After": "9999"}}, "missing(throttled)"),
    ],
)
def test_an_answer_that_is_short_or_broken_gives_no_number(
    clickpy: FakeClickPy, tmp_path: Path, fault: dict[str, Any], outcome: str
) -> None:
    clickpy.fail(**fault)
    h = harness(tmp_path, clickpy, TOPICS[:1])
    h.collect(NOW)
    assert not h.values()
    assert set(h.outcomes().values()) == {outcome}


def test_a_spent_quota_stops_the_source_at_once(clickpy: FakeClickPy, tmp_path: Path) -> None:
    clickpy.quota = 0
    h = harness(tmp_path, clickpy, TOPICS[:1])
    h.collect(NOW)
    assert set(h.outcomes().values()) == {"missing(throttled)"}
    assert len(clickpy.asked()) == 1
    assert all("3600" in e.detail for e in h.ends())


def test_history_is_a_query_a_year_and_begins_with_the_package(clickpy: FakeClickPy, tmp_path: Path) -> None:
    start, born = TODAY - 800 * DAY, TODAY - 500 * DAY
    clickpy.load("boto3", start - 30 * DAY, YESTERDAY, 4_000)  # below today's floor: history is measured against its own days
    clickpy.downloads["torch"] = {}
    clickpy.load("torch", born, YESTERDAY, 10)
    h = harness(tmp_path, clickpy, TOPICS[:1])
    report = h.backfill(NOW, since=start)[-1]
    assert h.values()[PER_DAY % "pytorch"] == clickpy.downloads["torch"]
    assert h.values()[WINDOW % "pytorch"] == {t: clickpy.window("torch", t) for t in range(born + DAY, TODAY + 1, DAY)}
    assert len(clickpy.asked()) == 3
    assert (report.tally.measured, dict(report.tally.missing)) == (2, {})


def test_a_year_that_could_not_be_read_is_told(clickpy: FakeClickPy, tmp_path: Path) -> None:
    clickpy.load("boto3", TODAY - 800 * DAY, YESTERDAY, 9_000_000)
    clickpy.load("torch", TODAY - 800 * DAY, YESTERDAY, 10)
    clickpy.fail(body=b"<html>")
    h = harness(tmp_path, clickpy, TOPICS[:1])
    report = h.backfill(NOW, since=TODAY - 700 * DAY)[-1]
    assert set(report.tally.missing) == {"parse_error"}
    assert 300 < len(h.values()[PER_DAY % "pytorch"]) < 400


def test_a_preview_shows_what_a_package_comes_to(clickpy: FakeClickPy, tmp_path: Path) -> None:
    previews = harness(tmp_path, clickpy, [TOPICS[2], Topic("none", "None", {"pypi": "nope"})]).preview(NOW)
    assert {(p.topic, p.text, p.found) for p in previews} == {
        ("quiet", "quiet: 4 downloads on 2 days up to 2026-11-17", True),
        ("none", "nope: no such package", False),
    }


@pytest.mark.parametrize("value", [[], {"any": ["x"]}, 3, "a b", "x'); DROP TABLE", [""], "-x", [1], "torch\n"])
def test_a_wrong_package_is_refused_with_its_place(value: object) -> None:
    with pytest.raises(UsageError, match=r"topics\.x\.pypi"):
        pypi_payloads.packages_of(Topic("x", "X", {"pypi": value}))


@pytest.mark.parametrize("options", [{"control": "a b"}, {"control_floor": 0}, {"control_floor": True}])
def test_a_control_that_cannot_be_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=r"\[sources\.pypi\] control"):
        PyPI.check_options(options)


@given(st.dictionaries(st.integers(0, 60).map(lambda n: n * DAY), st.integers(1, 10**9), min_size=1))
def test_a_window_is_the_sum_of_thirty_whole_days_or_not_there(downloads: dict[int, int]) -> None:
    whole = [n * DAY for n in range(61) if n != 7]
    for end, total in pypi_payloads.windows([downloads], whole).items():
        days = set(range(end - 30 * DAY, end, DAY))
        assert days <= set(whole)
        assert total == sum(n for t, n in downloads.items() if t in days)


def test_errors_are_read_with_what_they_ask_to_wait() -> None:
    said = b"Code: 201. DB::Exception: Quota for user `demo` for 600s has been exceeded: queries = 5/4. (QUOTA_EXCEEDED)"
    reason, words, wait = pypi_payloads.error_of(said) or (None, "", None)
    assert (reason, wait) == (Reason.THROTTLED, 600.0)
    assert words.startswith("ClickHouse error 201: Quota for user")
    assert pypi_payloads.error_of(json.dumps({"data": []}).encode()) is None
