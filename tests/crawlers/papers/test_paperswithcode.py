"""Papers with Code: papers by framework and month and their share, against a model of its interface."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawlers.spiders.papers import paperswithcode_payloads as payloads
from crawlers.spiders.papers.paperswithcode import PapersWithCode
from scheduler.demo.servers.service import Asked
from storage.model import Bound, ParseError, Topic, UsageError
from storage.periods import read_time
from tests.fakes.papers_catalogue import FakeCatalogue
from tests.harness import Harness, newest_first

NOW = read_time("2026-11-03T06:00:00Z")
AUGUST, SEPTEMBER, OCTOBER = (read_time(f"2026-{m:02d}") for m in (8, 9, 10))
TOPICS = [
    Topic("pytorch", "PyTorch", {"paperswithcode": "pytorch"}),
    Topic("sklearn", "scikit-learn", {"papers": {"any": ["sklearn", "scikit learn"]}}),
]
PAPERS = 'paperswithcode.papers{topic="%s",version="2"}'
SHARE = 'paperswithcode.share{topic="%s",version="2"}'
ALL = 'paperswithcode.papers_total{version="2"}'


@pytest.fixture
def site() -> Iterator[FakeCatalogue]:
    with FakeCatalogue() as service:
        service.publish("2026-08-31", "PyTorch", times=2)
        service.publish("2026-09-01", "PyTorch", times=3)
        service.publish("2026-09-30", "Scikit-learn", "PyTorch")
        service.publish("2026-09-30", times=4)
        service.publish("2026-10-01", "PyTorch", times=5)
        service.publish("2026-10-31", "PyTorch")
        service.publish("2026-10-31", "Scikit-learn", times=2)
        service.publish("2026-11-01", "PyTorch")
        yield service


def harness(folder: Path, site: FakeCatalogue, topics: list[Topic] = TOPICS) -> Harness:
    return Harness(folder, PapersWithCode, base_url=site.url, topics=topics)


def about(framework: str | None, start: str = "2026-10-01") -> Any:
    def concerns(asked: Asked) -> bool:
        return asked.path.endswith("/papers/") and asked.query.get("framework") == framework and asked.query["start_date"] == start

    return concerns


def test_the_last_month_and_again_the_one_before_with_shares_of_the_same_run(site: FakeCatalogue, tmp_path: Path) -> None:
    h = harness(tmp_path, site)
    h.collect(NOW)
    assert h.values() == {
        ALL: {SEPTEMBER: 8, OCTOBER: 8},
        PAPERS % "pytorch": {SEPTEMBER: 4, OCTOBER: 6},
        PAPERS % "sklearn": {SEPTEMBER: 1, OCTOBER: 2},
        SHARE % "pytorch": {SEPTEMBER: 50, OCTOBER: 75},
        SHARE % "sklearn": {SEPTEMBER: 12.5, OCTOBER: 25},
    }
    assert h.bounds()[SHARE % "pytorch"] == {SEPTEMBER: Bound.EXACT, OCTOBER: Bound.ESTIMATE}
    assert h.bounds()[PAPERS % "pytorch"] == {SEPTEMBER: Bound.EXACT, OCTOBER: Bound.EXACT}
    assert len(site.asked("/papers/")) == 2 * (1 + 2)
    assert len(site.asked("/frameworks/")) == 1
    assert {a.query["page_size"] for a in site.asked("/papers/")} == {"1"}
    assert h.outcomes() == dict.fromkeys((ALL, PAPERS % "pytorch", PAPERS % "sklearn"), "measured")
    h.collect(NOW + 3600)
    assert len(site.asked("/papers/")) == 6


def test_papers_that_arrive_late_are_counted_when_the_next_month_has_ended(site: FakeCatalogue, tmp_path: Path) -> None:
    h = harness(tmp_path, site)
    h.collect(NOW)
    site.publish("2026-10-30", "PyTorch", times=2)
    h.collect(read_time("2026-12-01T06:00:00Z"))
    assert h.values()[PAPERS % "pytorch"][OCTOBER] == 8
    assert h.values()[ALL][OCTOBER] == 10
    assert h.values()[SHARE % "pytorch"][OCTOBER] == 80
    assert h.bounds()[SHARE % "pytorch"][OCTOBER] is Bound.EXACT


def test_a_share_never_mixes_two_runs(site: FakeCatalogue, tmp_path: Path) -> None:
    site.fail(about("PyTorch"), body=b"<html>")
    h = harness(tmp_path, site)
    h.collect(NOW)
    assert h.outcomes()[PAPERS % "pytorch"] == "missing(parse_error)"
    site.publish("2026-10-20", times=2)
    h.collect(NOW + 86_400)
    assert h.values()[SHARE % "pytorch"][OCTOBER] == 60  # 6 of the 10 that there are now, not of the 8 before
    assert h.values()[ALL][OCTOBER] == 10


@pytest.mark.parametrize("known", [{"start_date", "end_date"}, {"framework"}, {"framework", "start_date"}, set()])
def test_a_server_that_leaves_a_filter_out_is_believed_nothing(site: FakeCatalogue, tmp_path: Path, known: set[str]) -> None:
    site.filters = known
    h = harness(tmp_path, site, TOPICS[:1])
    h.collect(NOW)
    assert h.outcomes()[PAPERS % "pytorch"] == "missing(parse_error)"
    assert set(h.values()) == ({ALL} if {"start_date", "end_date"} <= known else set())
    assert any("asked for framework PyTorch, start_date 2026-10-01" in e.detail for e in h.ends())


@pytest.mark.parametrize(
    "applied",
    [
        None,
        "framework",
        {"framework": "TensorFlow", "start_date": "2026-10-01", "end_date": "2026-10-31"},
        {"framework": "PyTorch", "start_date": "2026-10-01", "end_date": "2026-10-30"},
        {"framework": "PyTorch", "start_date": "2026-10-01", "end_date": "2026-10-31", "task": "vision"},
    ],
)
def test_the_echo_of_the_filters_must_be_there_and_the_same(site: FakeCatalogue, tmp_path: Path, applied: object) -> None:
    site.fail(about("PyTorch"), edit=lambda a: {**a, "applied_filters": applied})
    h = harness(tmp_path, site)
    h.collect(NOW)
    assert h.outcomes()[PAPERS % "pytorch"] == "missing(parse_error)"
    assert OCTOBER not in h.values()[SHARE % "pytorch"]
    assert h.values()[PAPERS % "sklearn"][OCTOBER] == 2


def test_a_denominator_that_was_counted_with_a_framework_is_refused(site: FakeCatalogue, tmp_path: Path) -> None:
    site.fail(about(None), edit=lambda a: {**a, "applied_filters": {**a["applied_filters"], "framework": "JAX"}})
    h = harness(tmp_path, site, TOPICS[:1])
    h.collect(NOW)
    assert h.outcomes()[ALL] == "missing(parse_error)"
    assert h.values()[PAPERS % "pytorch"][OCTOBER] == 6  # it stands without the denominator
    assert OCTOBER not in h.values()[SHARE % "pytorch"]


def test_an_unknown_framework_is_not_found_with_names_that_come_near(site: FakeCatalogue, tmp_path: Path) -> None:
    h = harness(tmp_path, site, [TOPICS[0], Topic("tf", "TF", {"paperswithcode": "tensor-flows"})])
    h.collect(NOW)
    assert h.outcomes()[PAPERS % "tf"] == "missing(not_found)"
    assert any("near are: TensorFlow" in e.detail for e in h.ends())
    assert not site.asked("/papers/", framework="tensor-flows")
    assert h.values()[PAPERS % "pytorch"][OCTOBER] == 6


def test_a_zero_of_a_listed_framework_is_measured_and_without_the_list_is_not(site: FakeCatalogue, tmp_path: Path) -> None:
    topics = [TOPICS[0], Topic("jax", "JAX", {"paperswithcode": "JAX"})]
    h = harness(tmp_path / "a", site, topics)
    h.collect(NOW)
    assert h.values()[PAPERS % "jax"] == {SEPTEMBER: 0, OCTOBER: 0}
    assert h.values()[SHARE % "jax"] == {SEPTEMBER: 0, OCTOBER: 0}
    for fault in ({"body": b"<html>"}, {"status": 500, "times": 3}, {"edit": lambda _: {"domains": []}}):
        site.fail(lambda a: a.path.endswith("/frameworks/"), **fault)  # type: ignore[arg-type]
        h = harness(tmp_path / str(fault), site, [Topic("pytorch", "PyTorch", {"paperswithcode": "PyTorch"}), topics[1]])
        h.collect(NOW)
        assert h.outcomes() == {ALL: "measured", PAPERS % "pytorch": "measured", PAPERS % "jax": "missing(parse_error)"}


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"edit": lambda a: {**a, "count": None}}, "missing(parse_error)"),
        ({"edit": lambda a: {**a, "count": 6.5}}, "missing(parse_error)"),
        ({"edit": lambda a: {**a, "count": 0}}, "missing(parse_error)"),  # beside a paper
        ({"edit": lambda a: {**a, "results": []}}, "missing(parse_error)"),
        ({"edit": lambda a: {**a, "count": 9}}, "missing(parse_error)"),  # more than all
        ({"keep": 0.5}, "missing(parse_error)"),
        ({"body": b"<!doctype html>"}, "missing(parse_error)"),
        ({"status": 403}, "missing(blocked)"),
        ({"status": 404}, "missing(not_found)"),
        ({"status": 503, "times": 3}, "missing(unreachable)"),
        ({"status": 429, "headers": {"Retry-After": "3600"}}, "missing(throttled)"),
    ],
)
def test_a_broken_answer_costs_its_own_figure(site: FakeCatalogue, tmp_path: Path, fault: dict[str, Any], outcome: str) -> None:
    site.fail(about("PyTorch"), **fault)
    h = harness(tmp_path, site, TOPICS[:1])
    h.collect(NOW)
    assert h.outcomes() == {ALL: "measured", PAPERS % "pytorch": outcome}
    assert h.values()[ALL][OCTOBER] == 8
    assert OCTOBER not in h.values().get(PAPERS % "pytorch", {})


def test_a_short_wait_is_kept_and_the_figure_comes(site: FakeCatalogue, tmp_path: Path) -> None:
    site.fail(about("PyTorch"), status=429, headers={"Retry-After": "1"})
    h = harness(tmp_path, site, TOPICS[:1])
    assert h.collect(NOW)[-1].seconds >= 1
    assert h.values()[PAPERS % "pytorch"][OCTOBER] == 6


def test_a_wall_before_all_ends_everything_as_blocked(site: FakeCatalogue, tmp_path: Path) -> None:
    site.fail(status=403, times=99)
    h = harness(tmp_path, site)
    h.collect(NOW)
    assert not h.values()
    assert set(h.outcomes().values()) == {"missing(blocked)"}
    assert len(site.asked()) <= 2


def test_history_is_read_month_by_month_newest_first(site: FakeCatalogue, tmp_path: Path) -> None:
    h = harness(tmp_path, site, TOPICS[:1])
    report = h.backfill(NOW, since=read_time("2026-08-15"))[-1]
    assert h.values()[PAPERS % "pytorch"] == {AUGUST: 2, SEPTEMBER: 4, OCTOBER: 6}
    assert h.values()[ALL] == {AUGUST: 2, SEPTEMBER: 8, OCTOBER: 8}
    assert h.values()[SHARE % "pytorch"] == {AUGUST: 100, SEPTEMBER: 50, OCTOBER: 75}
    assert (report.tally.measured, dict(report.tally.missing)) == (2, {})
    assert newest_first([read_time(a.query["start_date"]) for a in site.asked("/papers/", framework="PyTorch")])
    assert PapersWithCode.default_since(NOW) == read_time("2025-08-01")


def test_a_preview_shows_what_the_framework_is_called_and_titles(site: FakeCatalogue, tmp_path: Path) -> None:
    topics = [*TOPICS, Topic("none", "None", {"paperswithcode": "jx"})]
    said = {p.topic: (p.text, p.found) for p in harness(tmp_path, site, topics).preview(NOW)}
    assert said["pytorch"][0].startswith("framework PyTorch: 13 papers in all; 'Paper 0 of PyTorch'")
    assert said["sklearn"][0].startswith("framework Scikit-learn: 3 papers in all")
    assert said["none"] == ("Papers with Code lists no framework jx; near are: JAX", False)


@pytest.mark.parametrize("value", [["PyTorch", "JAX"], {"any": ["PyTorch"]}, " "])
def test_a_name_that_is_no_framework_is_refused_with_its_place(value: object) -> None:
    with pytest.raises(UsageError, match=r"topics\.x\.paperswithcode"):
        PapersWithCode.check(Topic("x", "X", {"paperswithcode": value}))
    PapersWithCode.check(Topic("x", "X", {"paperswithcode": "PyTorch", "papers": ["a"]}))


def test_an_empty_list_of_frameworks_is_no_list() -> None:
    with pytest.raises(ParseError, match="empty"):
        payloads.frameworks({"domains": [{"categories": [{"frameworks": []}]}]})
