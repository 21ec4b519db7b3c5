"""Stack Overflow: questions per day and tag totals, against a model of the Stack Exchange API."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawlers.spiders import stackoverflow_payloads as payloads
from crawlers.spiders.stackoverflow import StackOverflow
from scheduler.demo.servers.service import Asked
from scheduler.demo.servers.stackexchange import THROTTLED, FakeStackExchange
from storage.model import Bound, Topic, UsageError
from storage.periods import DAY, read_time
from tests.harness import Harness, newest_first

NOW = read_time("2026-11-20T12:00:00Z")
YESTERDAY = read_time("2026-11-19")
TODAY = read_time("2026-11-20")
TOPICS = [
    Topic("pytorch", "PyTorch", {"stackoverflow": "pytorch"}),
    Topic("cpp", "C++", {"stackoverflow": "C++"}),
    Topic("csharp", "C#", {"stackoverflow": ["c#", ".net"]}),
]
QUESTIONS = 'stackoverflow.questions{topic="%s"}'
TOTAL = 'stackoverflow.tag_total{topic="%s"}'
ALL = "stackoverflow.questions_total"


@pytest.fixture
def so() -> Iterator[FakeStackExchange]:
    with FakeStackExchange() as service:
        yield service


def fill(so: FakeStackExchange) -> None:
    so.older |= {"pytorch": 24_000, "c++": 800_000, "c#": 1_600_000, ".net": 330_000}
    for time, *tags in [
        (YESTERDAY - 1, "pytorch"),
        (YESTERDAY, "pytorch"),
        (YESTERDAY + DAY - 1, "pytorch", "c++"),
        (YESTERDAY + DAY, "pytorch"),
        (YESTERDAY + 10, "c#", ".net"),
        (YESTERDAY + 20, "c#"),
        (YESTERDAY + 30, ".net"),
        (YESTERDAY + 40, "cobol"),
    ]:
        so.ask(time, *tags, title="Why &lt;T&gt; &amp; how?")


def harness(folder: Path, so: FakeStackExchange, topics: list[Topic] = TOPICS, **options: object) -> Harness:
    return Harness(folder, StackOverflow, base_url=so.url, topics=topics, options=options)


def is_info(asked: Asked) -> bool:
    return asked.path.endswith("/info")


def test_a_day_is_counted_to_its_last_second_and_tags_in_one_request(so: FakeStackExchange, tmp_path: Path) -> None:
    fill(so)
    h = harness(tmp_path, so)
    h.collect(NOW)
    assert h.values() == {
        QUESTIONS % "pytorch": {YESTERDAY: 2},
        QUESTIONS % "cpp": {YESTERDAY: 1},
        QUESTIONS % "csharp": {YESTERDAY: 3},  # c# or .net, each question once
        ALL: {YESTERDAY: so.count(since=YESTERDAY, until=TODAY)},
        TOTAL % "pytorch": {TODAY: so.total("pytorch")},
        TOTAL % "cpp": {TODAY: so.total("c++")},
        TOTAL % "csharp": {TODAY: so.total("c#")},
    }
    bounds = h.bounds()
    assert bounds.pop(TOTAL % "csharp") == {TODAY: Bound.AT_LEAST}
    assert {b for times in bounds.values() for b in times.values()} == {Bound.EXACT}
    assert [a.path for a in so.asked("/info")] == ["/2.3/tags/.net;c%23;c%2B%2B;pytorch/info"]
    assert len(so.asked()) == 5
    h.collect(NOW + 3600)
    assert len(so.asked()) == 5


def test_tags_are_asked_for_by_the_batch(so: FakeStackExchange, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payloads, "BATCH", 3)
    topics = [Topic(f"t{n}", f"T{n}", {"stackoverflow": f"tag-{n}"}) for n in range(7)]
    for n in range(7):
        so.ask(YESTERDAY + n, f"tag-{n}")
    h = harness(tmp_path, so, topics)
    h.collect(NOW)
    assert len(so.asked("/info")) == 3
    assert len(h.values("stackoverflow.tag_total")) == len(h.values("stackoverflow.questions")) == 7
    assert len(so.asked()) == 3 + 7 + 1


def test_a_batch_holds_a_hundred_tags_and_a_topic_is_never_parted() -> None:
    groups = [(n, [f"{n}-{k}" for k in range(n % 2 + 1)]) for n in range(200)]
    batches = payloads.batched(groups)
    assert [g for batch in batches for g in batch] == groups
    assert all(sum(len(tags) for _, tags in batch) <= 100 for batch in batches)
    assert len(batches) == 4  # 300 tags, of which a pair is never parted
    assert StackOverflow.requests_per_day(150, {}) == 150 + 2 + 1


def test_a_page_of_tags_that_is_not_the_last_is_followed(so: FakeStackExchange, tmp_path: Path) -> None:
    fill(so)
    so.fail(is_info, edit=lambda a: {**a, "items": a["items"][:1], "has_more": True})
    so.fail(lambda a: is_info(a) and a.query.get("page") == "2", edit=lambda a: {**a, "items": [{"name": "pytorch", "count": 7}]})
    h = harness(tmp_path, so, TOPICS[:1] + TOPICS[2:])
    h.collect(NOW)
    assert h.values()[TOTAL % "pytorch"] == {TODAY: 7}
    assert h.values()[TOTAL % "csharp"] == {TODAY: so.total(".net")}


def test_a_tag_that_does_not_exist_is_not_found_and_not_zero(so: FakeStackExchange, tmp_path: Path) -> None:
    fill(so)
    so.synonyms["torch-py"] = "pytorch"
    h = harness(
        tmp_path,
        so,
        [TOPICS[1], Topic("none", "None", {"stackoverflow": "no-such-tag"}), Topic("synonym", "S", {"stackoverflow": "torch-py"})],
    )
    h.collect(NOW)
    for series in (QUESTIONS % "none", TOTAL % "none", QUESTIONS % "synonym", TOTAL % "synonym"):
        assert h.outcomes()[series] == "missing(not_found)"
    assert any("synonym: write that tag" in e.detail and "pytorch" in e.detail for e in h.ends() if e.slot.series.topic == "synonym")
    assert h.values()[QUESTIONS % "cpp"] == {YESTERDAY: 1}


def test_a_zero_of_a_tag_that_exists_is_measured(so: FakeStackExchange, tmp_path: Path) -> None:
    fill(so)
    so.older["keras"] = 40_000
    h = harness(tmp_path, so, [*TOPICS, Topic("keras", "Keras", {"stackoverflow": "keras"})])
    h.collect(NOW)
    assert h.values()[QUESTIONS % "keras"] == {YESTERDAY: 0}


@pytest.mark.parametrize(
    "fault", [{"body": b"<html>"}, {"status": 502, "times": 9}, {"edit": lambda a: {**a, "items": [{"name": "pytorch", "count": None}]}}]
)
def test_without_tag_totals_questions_are_counted_but_a_zero_proves_nothing(
    so: FakeStackExchange, tmp_path: Path, fault: dict[str, Any]
) -> None:
    fill(so)
    so.fail(is_info, **fault)
    so.older["keras"] = 40_000
    h = harness(tmp_path, so, [TOPICS[0], Topic("keras", "Keras", {"stackoverflow": "keras"})])
    h.collect(NOW)
    reason = "unreachable" if "status" in fault else "parse_error"
    assert h.values() == {QUESTIONS % "pytorch": {YESTERDAY: 2}, ALL: {YESTERDAY: so.count(since=YESTERDAY, until=TODAY)}}
    assert {h.outcomes()[s] for s in (QUESTIONS % "keras", TOTAL % "keras", TOTAL % "pytorch")} == {f"missing({reason})"}


def test_a_wait_in_an_answer_is_kept_before_the_next_request(so: FakeStackExchange, tmp_path: Path) -> None:
    fill(so)
    so.fail(is_info, edit=lambda a: {**a, "backoff": 1})
    h = harness(tmp_path, so, TOPICS[:1])
    report = h.collect(NOW)[-1]
    assert report.seconds >= 1
    assert h.values()[QUESTIONS % "pytorch"] == {YESTERDAY: 2}


def test_a_wait_longer_than_a_run_may_stops_the_source(so: FakeStackExchange, tmp_path: Path) -> None:
    fill(so)
    so.fail(is_info, edit=lambda a: {**a, "backoff": 900})
    h = harness(tmp_path, so, TOPICS[:1])
    h.collect(NOW)
    assert h.values()[TOTAL % "pytorch"] == {TODAY: so.total("pytorch")}
    assert h.outcomes()[QUESTIONS % "pytorch"] == "missing(throttled)"


@pytest.mark.parametrize("status", [400, 502])
def test_a_throttle_violation_stops_the_source(so: FakeStackExchange, tmp_path: Path, status: int) -> None:
    fill(so)
    so.fail(status=status, times=99, edit=lambda _: THROTTLED)
    h = harness(tmp_path, so)
    h.collect(NOW)
    assert not h.values()
    assert set(h.outcomes().values()) == {"missing(throttled)"}
    assert len(so.asked()) <= 2


def test_a_spent_quota_ends_the_rest_as_budget(so: FakeStackExchange, tmp_path: Path) -> None:
    fill(so)
    so.fail(is_info, edit=lambda a: {**a, "quota_remaining": 0})
    h = harness(tmp_path, so, TOPICS[:1])
    reports = h.collect(NOW)
    assert h.outcomes()[QUESTIONS % "pytorch"] == "missing(budget)"
    assert h.values()[TOTAL % "pytorch"] == {TODAY: so.total("pytorch")}
    assert "free key" in reports[-1].remark


def test_a_key_is_sent_and_kept_nowhere(so: FakeStackExchange, tmp_path: Path) -> None:
    fill(so)
    harness(tmp_path, so, key=so.key).collect(NOW)
    assert {a.query.get("key") for a in so.asked()} == {so.key}
    assert so.used == {"": 0, so.key: 5}
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.suffix == ".gz" for path in kept)
    assert [p for p in kept if so.key.encode() in (gzip.decompress(p.read_bytes()) if p.suffix == ".gz" else p.read_bytes())] == []
    granted = [StackOverflow.allowance(o) for o in ({}, {"key": "x"})]
    assert [g.per_day for g in granted if g] == [300, 10_000]


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"edit": lambda _: {"total": None}}, "missing(parse_error)"),
        ({"edit": lambda _: {"items": []}}, "missing(parse_error)"),
        ({"keep": 0.5}, "missing(parse_error)"),
        ({"body": b"<!doctype html>"}, "missing(parse_error)"),
        ({"edit": lambda _: {"error_id": 400, "error_name": "bad_parameter", "error_message": "tagged"}}, "missing(parse_error)"),
        ({"status": 403, "body": b"no"}, "missing(blocked)"),
    ],
)
def test_a_broken_count_costs_its_own_slot(so: FakeStackExchange, tmp_path: Path, fault: dict[str, Any], outcome: str) -> None:
    fill(so)
    so.fail(lambda a: a.query.get("tagged") == "pytorch", **fault)
    h = harness(tmp_path, so, TOPICS[:1])
    h.collect(NOW)
    assert h.outcomes()[QUESTIONS % "pytorch"] == outcome
    assert set(h.values()) == {ALL, TOTAL % "pytorch"}


def test_history_is_read_newest_day_first_within_the_quota(so: FakeStackExchange, tmp_path: Path) -> None:
    for n in range(40):
        for _ in range(n % 3 + 1):
            so.ask(YESTERDAY - n * DAY + 50, "pytorch")
    h = harness(tmp_path, so, TOPICS[:1])
    report = h.backfill(NOW)[-1]
    expected = {YESTERDAY - n * DAY: n % 3 + 1 for n in range(30)}
    assert h.values() == {QUESTIONS % "pytorch": expected, ALL: expected}
    assert (report.tally.measured, dict(report.tally.missing)) == (2, {})
    days = [int(a.query["fromdate"]) for a in so.asked("/questions", tagged="pytorch")]
    assert newest_first(days)


def test_a_preview_shows_titles_and_totals(so: FakeStackExchange, tmp_path: Path) -> None:
    fill(so)
    previews = harness(tmp_path, so, [TOPICS[0], Topic("none", "None", {"stackoverflow": "no-such-tag"})]).preview(NOW)
    said = {(p.topic, p.text, p.found) for p in previews}
    assert ("pytorch", "tag pytorch: 24,004 questions in all", True) in said
    assert ("none", "Stack Overflow has no tag no-such-tag", False) in said
    assert any(t == "pytorch" and "'Why <T> & how?'" in x for t, x, _ in said)


@pytest.mark.parametrize("value", [["a b"], [], {"any": ["x"]}, 3, "a;b", [1], "a/b"])
def test_a_wrong_tag_is_refused_with_its_place(value: object) -> None:
    with pytest.raises(UsageError, match=r"topics\.x\.stackoverflow"):
        payloads.tags_of(Topic("x", "X", {"stackoverflow": value}))
