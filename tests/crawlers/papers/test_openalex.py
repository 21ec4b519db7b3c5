"""OpenAlex: works by month that its search finds, within its credits, against a model of it."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawlers.spiders.papers.openalex import OpenAlex
from scheduler.cli.setting_up import cost
from scheduler.config import load
from scheduler.demo.servers.service import Asked
from storage.model import Bound, Topic, UsageError
from storage.periods import read_time
from tests.fakes.papers_openalex import FakeOpenAlex
from tests.harness import Harness, newest_first

NOW = read_time("2026-11-03T07:00:00Z")
AUGUST, SEPTEMBER, OCTOBER = (read_time(f"2026-{m:02d}") for m in (8, 9, 10))
TOPICS = [
    Topic("pytorch", "PyTorch", {"papers": ["PyTorch", "torch vision"]}),
    Topic("jax", "JAX", {"openalex": {"any": ["JAX"], "not": ["Jacksonville"]}, "papers": ["anything"]}),
]
MENTIONS = 'papers.mentioning{topic="%s",rule="search",venue="openalex"}'
ALL = 'papers.total{venue="openalex"}'


@pytest.fixture
def site() -> Iterator[FakeOpenAlex]:
    with FakeOpenAlex() as service:
        service.publish("2026-08-31", "PyTorch of August", 3)
        service.publish("2026-09-01", "PyTorch of September")
        service.publish("2026-09-30", "JAX of September", 2)
        service.publish("2026-10-01", "A torch with vision")
        service.publish("2026-10-01", "Of torches and torch visions")
        service.publish("2026-10-31", "PyTorch and JAX", 4)
        service.publish("2026-10-31", "JAX in Jacksonville")
        service.publish("2026-11-01", "PyTorch of November")
        yield service


def harness(folder: Path, site: FakeOpenAlex, topics: list[Topic] = TOPICS, **options: object) -> Harness:
    return Harness(folder, OpenAlex, base_url=site.url, topics=topics, options=options)


def is_about(word: str, month: str = "2026-10") -> Any:
    def concerns(asked: Asked) -> bool:
        return word in asked.query.get("search", "") and month in asked.query.get("filter", "")

    return concerns


def test_the_last_month_and_again_the_one_before_are_counted_as_estimates(site: FakeOpenAlex, tmp_path: Path) -> None:
    h = harness(tmp_path, site)
    h.collect(NOW)
    assert h.values() == {
        ALL: {SEPTEMBER: 3, OCTOBER: 7},
        MENTIONS % "pytorch": {SEPTEMBER: 1, OCTOBER: 5},
        MENTIONS % "jax": {SEPTEMBER: 2, OCTOBER: 4},
    }
    assert h.bounds()[MENTIONS % "pytorch"] == {SEPTEMBER: Bound.ESTIMATE, OCTOBER: Bound.ESTIMATE}
    assert h.bounds()[ALL] == {SEPTEMBER: Bound.EXACT, OCTOBER: Bound.EXACT}
    searches = {a.query["search"] for a in site.asked() if "search" in a.query}
    assert searches == {'("PyTorch" OR "torch vision")', '"JAX" NOT "Jacksonville"'}
    assert {(a.query["per_page"], a.query["select"]) for a in site.asked()} == {("1", "id")}  # no names of authors
    assert len(site.asked()) == 6
    h.collect(NOW + 3600)
    assert len(site.asked()) == 6


def test_works_that_come_in_late_are_counted_with_the_next_month(site: FakeOpenAlex, tmp_path: Path) -> None:
    h = harness(tmp_path, site)
    h.collect(NOW)
    site.publish("2026-10-15", "PyTorch, catalogued late", 2)
    h.collect(read_time("2026-12-02T07:00:00Z"))
    assert h.values()[MENTIONS % "pytorch"][OCTOBER] == 7
    assert h.values()[ALL][OCTOBER] == 9


def test_a_zero_rests_on_the_number_of_all_works(site: FakeOpenAlex, tmp_path: Path) -> None:
    topics = [TOPICS[0], Topic("none", "None", {"papers": ["nothing"]})]
    h = harness(tmp_path / "good", site, topics)
    h.collect(NOW)
    assert h.values()[MENTIONS % "none"] == {SEPTEMBER: 0, OCTOBER: 0}
    site.fail(lambda a: "search" not in a.query and "2026-10" in a.query.get("filter", ""), body=b"<html>")
    h = harness(tmp_path / "bad", site, topics)
    h.collect(NOW)
    parse_error = "missing(parse_error)"
    assert h.outcomes() == {ALL: parse_error, MENTIONS % "none": parse_error, MENTIONS % "pytorch": "measured"}
    site.works = [(day, text) for day, text in site.works if not day.startswith("2026-10")]
    h = harness(tmp_path / "empty", site, topics)
    h.collect(NOW)
    assert set(h.outcomes().values()) == {parse_error}


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"edit": lambda a: {**a, "meta": {"count": None}}}, "missing(parse_error)"),
        ({"edit": lambda a: {**a, "meta": {"count": 4.5}}}, "missing(parse_error)"),
        ({"edit": lambda a: {**a, "meta": {"count": 0}}}, "missing(parse_error)"),
        ({"edit": lambda a: {**a, "results": []}}, "missing(parse_error)"),
        ({"edit": lambda a: {**a, "meta": {"count": 8}}}, "missing(parse_error)"),  # more than all
        ({"edit": lambda _: {"error": "Invalid filter", "message": "no"}}, "missing(parse_error)"),
        ({"body": b"<!doctype html>"}, "missing(parse_error)"),
        ({"keep": 0.5}, "missing(parse_error)"),
        ({"status": 400}, "missing(parse_error)"),
        ({"status": 403}, "missing(blocked)"),
        ({"status": 500, "times": 3}, "missing(unreachable)"),
    ],
)
def test_a_broken_answer_costs_its_own_figure(site: FakeOpenAlex, tmp_path: Path, fault: dict[str, Any], outcome: str) -> None:
    site.fail(is_about("PyTorch"), **fault)
    h = harness(tmp_path, site, TOPICS[:1])
    h.collect(NOW)
    assert h.outcomes() == {ALL: "measured", MENTIONS % "pytorch": outcome}
    assert OCTOBER not in h.values().get(MENTIONS % "pytorch", {})


def test_searching_stops_before_the_credits_are_spent(site: FakeOpenAlex, tmp_path: Path) -> None:
    site.credits[""] = 35
    topics = [Topic(f"t{n}", f"T{n}", {"papers": [f"word{n}"]}) for n in range(6)]
    for n in range(6):
        site.publish("2026-10-02", f"word{n}")
    h = harness(tmp_path, site, topics)
    reports = h.collect(NOW)
    outcomes = list(h.outcomes().values())
    assert outcomes.count("measured") >= 2
    assert set(outcomes) == {"measured", "missing(budget)"}
    assert {a.status for a in site.asked()} == {200}
    assert 0 <= site.credits[""] < 20
    assert "free key" in reports[-1].remark


def test_a_refusal_for_credits_is_not_asked_again(site: FakeOpenAlex, tmp_path: Path) -> None:
    site.credits[""] = 0
    h = harness(tmp_path, site)
    h.collect(NOW)
    assert set(h.outcomes().values()) == {"missing(throttled)"}
    assert len(site.asked()) <= 2


def test_topics_take_turns_within_a_day_and_all_works_are_asked_once(site: FakeOpenAlex, tmp_path: Path) -> None:
    topics = [Topic(f"t{n:02d}", f"T{n}", {"papers": [f"word{n}"]}) for n in range(60)]
    for n in range(60):
        site.publish("2026-10-02", f"word{n}")
    h = harness(tmp_path, site, topics)
    h.collect(NOW)
    assert set(h.outcomes().values()) == {"measured"}
    first = len(h.values("papers.mentioning"))
    assert first == 48
    assert len(site.asked()) == 2 * 48 + 2
    site.credits[""] = 1000
    h.collect(NOW + 90_000)
    assert set(h.outcomes().values()) == {"measured"}
    assert len(h.values("papers.mentioning")) == 60
    assert len([a for a in site.asked() if "search" not in a.query]) == 2


def test_a_key_is_sent_and_kept_nowhere(site: FakeOpenAlex, tmp_path: Path) -> None:
    harness(tmp_path, site, key=site.key).collect(NOW)
    assert {a.query.get("api_key") for a in site.asked()} == {site.key}
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.suffix == ".gz" for path in kept)
    assert [p for p in kept if site.key.encode() in (gzip.decompress(p.read_bytes()) if p.suffix == ".gz" else p.read_bytes())] == []
    granted = [OpenAlex.allowance(o) for o in ({}, {"key": "x"})]
    assert [g.per_day for g in granted if g] == [98, 998]


def test_history_is_read_month_by_month_newest_first(site: FakeOpenAlex, tmp_path: Path) -> None:
    h = harness(tmp_path, site, TOPICS[:1])
    h.backfill(NOW, since=AUGUST)
    assert h.values() == {ALL: {AUGUST: 3, SEPTEMBER: 3, OCTOBER: 7}, MENTIONS % "pytorch": {AUGUST: 3, SEPTEMBER: 1, OCTOBER: 5}}
    assert newest_first([a.query["filter"] for a in site.asked() if "search" in a.query])


def test_a_preview_shows_the_search_and_titles(site: FakeOpenAlex, tmp_path: Path) -> None:
    said = {p.topic: (p.text, p.found) for p in harness(tmp_path, site, [*TOPICS, Topic("n", "N", {"papers": ["nix"]})]).preview(NOW)}
    assert said["pytorch"][0].startswith('search ("PyTorch" OR "torch vision"): about 10 works of all time; \'PyTorch of August\'')
    assert said["n"] == ('search "nix": about 0 works of all time', False)


def test_an_expression_that_no_address_holds_is_refused() -> None:
    with pytest.raises(UsageError, match="too long"):
        OpenAlex.check(Topic("x", "X", {"papers": [f"a long phrase of words {n}" for n in range(90)]}))


def test_the_plan_knows_what_it_costs(tmp_path: Path) -> None:
    path = tmp_path / "uptake.toml"
    path.write_text('[crawl]\ncontact = "mailto:me@example.org"\n', encoding="utf-8")
    setting = load(path, {}).sources["openalex"]
    assert cost(setting, 10)["requests_per_day"] == round(22 / 30, 1)
    assert cost(setting, 3000)["days_between"] == 3  # 3,001 times two a month, at 98 a day
