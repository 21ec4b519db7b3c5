"""What a summary concludes, as series for dashboards: the same figures as the summary's own, under names that one query finds."""

from __future__ import annotations

import pandas as pd
import pytest

from scheduler.status import coverage_frame
from storage import frames
from storage.model import DERIVED_ORIGIN, Bound, Observation
from storage.periods import read_time
from storage.vocabulary import DERIVED
from tests.trends.conftest import World
from trends.derived import coverage, derive

NOW = "2026-11-20T12:00"
YEAR = pd.date_range("2025-11-01", "2026-11-20").strftime("%Y-%m-%d").tolist()


def concluded(world: World, now: str = NOW) -> list[Observation]:
    panel = world.panel(now)
    return list(derive(panel, world.summary(now), world.topics))


def by_topic(found: list[Observation], metric: str, of: str = "github.stars") -> dict[str, dict[int, float]]:
    values: dict[str, dict[int, float]] = {}
    for o in found:
        if o.series.metric == metric and dict(o.series.labels)["metric"] == of:
            values.setdefault(o.series.topic, {})[o.time] = o.value
    return values


@pytest.fixture
def stars(world: World) -> World:
    for topic, start in (("a", 100.0), ("b", 300.0)):
        world.put("github.stars", topic, {day: start + i for i, day in enumerate(YEAR)})
    return world


def test_shares_over_time_are_parts_of_the_basket_and_add_up(stars: World) -> None:
    found = by_topic(concluded(stars), "trend.share")
    common = found["a"].keys() & found["b"].keys()
    assert len(common) > 50
    assert {round(found["a"][t] + found["b"][t], 4) for t in common} == {100.0}
    last = max(common)
    row = next(r for r in stars.table(NOW).rows if r.topic == "a")
    assert found["a"][last] == pytest.approx(row.share)


def test_changes_and_places_are_those_of_the_summary(stars: World) -> None:
    found = concluded(stars)
    rows = {row.topic: row for row in stars.table(NOW).rows}
    assert by_topic(found, "trend.growth_52w") == {
        t: {row.latest.time: pytest.approx(row.changes[2].percent)} for t, row in rows.items() if row.changes[2] is not None
    }
    time = read_time("2026-11-20")
    assert by_topic(found, "trend.rank") == {"a": {time: 2.0}, "b": {time: 1.0}}


def test_equal_figures_share_a_place_and_a_single_topic_has_none(world: World) -> None:
    for topic, value in (("a", 5.0), ("b", 5.0), ("c", 4.0)):
        world.put("github.stars", topic, {"2026-11-20": value})
    world.put("jobs.postings", "a", {"2026-11-20": 5.0}, "board=linkedin")
    found = concluded(world)
    assert [v for values in by_topic(found, "trend.rank").values() for v in values.values()] == [1.0, 1.0, 3.0]
    assert by_topic(found, "trend.rank", "jobs.postings") == {}


def test_names_tell_the_basket_the_metric_and_its_labels(world: World) -> None:
    world.board("linkedin", "us", {"a": 40, "b": 10})
    names = {str(o.series) for o in concluded(world) if o.series.metric == "trend.rank"}
    assert names == {
        f'trend.rank{{topic="{t}",basket="all",board="linkedin",country="us",metric="jobs.postings",origin="derived"}}' for t in "ab"
    }


def test_a_bound_travels_into_what_is_concluded_from_it(world: World) -> None:
    world.put("github.stars", "a", {"2026-11-20": 5.0}, bound=Bound.AT_LEAST)
    world.put("github.stars", "b", {"2026-11-20": 4.0})
    assert {o.bound for o in concluded(world) if o.series.metric == "trend.rank"} == {Bound.ESTIMATE}


def test_derived_series_are_defined_and_read_as_no_measurement(stars: World) -> None:
    before = stars.summary(NOW).to_dict()
    with stars.journal.write() as tx:
        tx.define(DERIVED)
        changes = tx.put(concluded(stars))
        assert changes.new > 50
        assert tx.put(concluded(stars)).same == changes.new
    assert {o.series.origin for o in concluded(stars)} == {DERIVED_ORIGIN}
    assert stars.summary(NOW).to_dict() == before
    with stars.journal.read() as connection:
        assert not any(frames.catalogue(connection)["origin"] == DERIVED_ORIGIN)
        derived = frames.catalogue(connection, metric="trend.share")
        meanings = frames.definitions(connection)
        assert {meanings.of(series).unit for series in derived["series"]} == {"% of the basket"}


def test_coverage_is_what_was_measured_of_what_was_planned_and_has_ended() -> None:
    week = read_time("2026-11-16")
    frame = pd.DataFrame(
        [
            ("github", "github.stars", "a", "", week, "measured", 6),
            ("github", "github.stars", "b", "", week, "recovered", 1),
            ("github", "github.stars", "b", "", week, "missing", 1),
            ("github", "github.stars", "b", "", week, "open", 9),
            ("medium", "articles.published", "b", "", week, "missing", 2),
            ("indeed", "jobs.postings", "b", "", week, "open", 2),
        ],
        columns=["source", "metric", "topic", "labels", "week", "outcome", "count"],
    )
    found = {str(o.series): (o.time, o.value) for o in coverage(frame)}
    assert found == {
        'coverage.measured{origin="derived",source="github"}': (week, 87.5),
        'coverage.measured{origin="derived",source="medium"}': (week, 0.0),
    }


def test_coverage_of_a_journal_without_plans_is_nothing(world: World) -> None:
    with world.journal.read() as connection:
        assert list(coverage(coverage_frame(connection))) == []
