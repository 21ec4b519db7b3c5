from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from storage.model import Bound, Topic
from storage.periods import iso, read_time
from tests.trends.conftest import World
from trends.compare import Comparison, Duel, compare
from trends.compare_text import text_of

PERIOD = "origin=imported;period=2018-09..2019-03"


def duel(world: World, now: str = "2026-04-06", span: tuple[str, str] | None = None, pair: tuple[str, str] = ("a", "b")) -> Duel:
    start, end = (read_time(span[0]), read_time(span[1])) if span else (None, None)
    return compare(world.panel(now), world.topics[pair[0]], world.topics[pair[1]], start=start, end=end)


def only(found: Duel) -> Comparison:
    assert len(found.comparisons) == 1
    return found.comparisons[0]


def test_the_published_six_months_come_out_as_published(world: World) -> None:
    boards = "board=indeed+linkedin+monster+simplyhired;"
    world.put("jobs.new_postings", "a", {"2018-09": 1541}, boards + PERIOD, source="imported")
    world.put("jobs.new_postings", "b", {"2018-09": 1437}, boards + PERIOD, source="imported")
    world.put("articles.published", "a", {"2018-09": 3230}, "site=medium;" + PERIOD, source="medium")
    world.put("articles.published", "b", {"2018-09": 1200}, "site=medium;" + PERIOD, source="medium")
    world.put("github.new_stars", "a", {"2018-09": 13700}, PERIOD, bound=Bound.ESTIMATE)
    world.put("github.new_stars", "b", {"2018-09": 7200}, PERIOD, bound=Bound.ESTIMATE)
    text = text_of(duel(world, span=("2018-09", "2019-03")))
    assert [part in text for part in ("1541:1437 postings", "3230:1200 articles", "13.7k:7.2k stars")] == [True] * 3
    assert "as published" not in text_of(duel(world, span=("2018-09", "2019-02")))  # another period is another question


def test_postings_of_january_2020_are_2_09_to_1(world: World) -> None:
    labels = "board=linkedin;country=us;origin=imported"
    world.put("jobs.postings", "a", {"2020-01-26": 4126}, labels, source="linkedin")
    world.put("jobs.postings", "b", {"2020-01-26": 1973}, labels, source="linkedin")
    found = only(duel(world, span=("2020-01", "2020-02")))
    assert found.period is not None
    assert found.period.ratio.value == pytest.approx(2.0912, abs=1e-4)
    assert "2.09:1" in text_of(duel(world, span=("2020-01", "2020-02")))
    assert not found.fresh


def test_a_crossing_is_interpolated_on_the_log_ratio(world: World) -> None:
    months = ["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01", "2024-05-01"]
    world.put("pypi.downloads_30d", "a", dict(zip(months, [50, 50, 50, 200, 400], strict=True)), source="pypi")
    world.put("pypi.downloads_30d", "b", dict.fromkeys(months, 100.0), source="pypi")
    crossing = only(duel(world)).crossing
    assert crossing is not None
    assert (iso(crossing.time), crossing.leader, crossing.readings, crossing.confirmed) == ("2024-03-16T12:00:00Z", "a", 2, False)
    assert "not confirmed, 2 readings since" in text_of(duel(world))


def test_only_the_last_of_several_crossings_counts_and_three_readings_confirm_it(world: World) -> None:
    days = [f"2024-01-0{i}" for i in range(1, 9)]
    world.put("github.stars", "a", dict(zip(days, [1, 9, 1, 1, 1, 9, 9, 9], strict=True)))
    world.put("github.stars", "b", dict.fromkeys(days, 3.0))
    crossing = only(duel(world)).crossing
    assert crossing is not None
    assert (iso(crossing.time)[:10], crossing.confirmed) == ("2024-01-05", True)


def test_without_a_crossing_one_is_ahead_in_every_reading_and_a_tie_leads_nobody(world: World) -> None:
    world.put("github.stars", "a", {"2024-01-01": 5, "2024-01-02": 6})
    world.put("github.stars", "b", {"2024-01-01": 4, "2024-01-02": 4})
    assert (only(duel(world)).leader, only(duel(world)).crossing) == ("a", None)
    world.put("github.stars", "b", {"2024-01-01": 5, "2024-01-02": 6})
    assert only(duel(world)).leader == ""


def test_zeros_give_no_ratio_and_no_crossing(world: World) -> None:
    world.put("github.stars", "a", {"2024-01-01": 0, "2024-01-02": 0})
    world.put("github.stars", "b", {"2024-01-01": 4, "2024-01-02": 0})
    found = only(duel(world))
    assert found.now is not None
    assert (found.now.value, found.crossing, found.leader) == (None, None, "")
    assert "0:0 stars, no ratio" in text_of(duel(world))


def test_figures_of_different_times_are_not_set_against_each_other(world: World) -> None:
    world.put("github.stars", "a", {"2024-01-01": 10, "2024-01-02": 10})
    world.put("github.stars", "b", {"2024-03-01": 5, "2024-03-02": 5})
    assert only(duel(world)).now is None
    assert "no figures of the same time: A 10 (2024-01-02) and B 5 (2024-03-02)" in text_of(duel(world))


def test_readings_of_neighbouring_days_of_a_monthly_series_belong_together(world: World) -> None:
    world.put("github.stars", "a", {"2026-01-01": 10, "2026-02-01": 10, "2026-03-02": 10})
    world.put("github.stars", "b", {"2026-01-02": 5, "2026-02-01": 5, "2026-03-01": 5})
    found = only(duel(world))
    assert found.now is not None
    assert (iso(found.now.time)[:10], found.now.value) == ("2026-03-02", 2)


def test_a_year_ago_needs_a_reading_about_a_year_ago(world: World) -> None:
    for topic, values in (("a", (10, 30)), ("b", (20, 15))):
        world.put("github.stars", topic, {"2025-04-01": values[0], "2025-04-02": values[0], "2026-04-01": values[1]})
    ago = only(duel(world)).year_ago
    assert ago is not None
    assert ago.value == 0.5
    world.put("github.stars", "a", {"2026-09-01": 10})
    world.put("github.stars", "b", {"2026-09-01": 10})
    assert only(duel(world, "2026-09-02")).year_ago is None


def test_flows_are_summed_over_whole_months_that_both_have(world: World) -> None:
    world.put("jobs.postings", "a", {"2023-01": 1, "2023-02": 2, "2023-03": 4, "2023-04": 8}, "board=x", source="hacker_news")
    world.put("jobs.postings", "b", {"2023-01": 1, "2023-03": 1, "2023-04": 1}, "board=x", source="hacker_news")
    period = only(duel(world, span=("2023-01-15", "2023-05-01"))).period
    assert period is not None
    assert (period.ratio.a, period.ratio.b, period.covered, period.expected) == (12, 2, 2, 3)
    assert period.ratio.bound is Bound.ESTIMATE
    assert "sum of 2 months of 3" in text_of(duel(world, span=("2023-01-15", "2023-05-01")))


def test_a_period_that_has_not_ended_is_in_no_sum(world: World) -> None:
    for topic in "ab":
        world.put("jobs.postings", topic, {"2026-02": 5, "2026-03": 7}, "board=x", source="hacker_news")
    period = only(duel(world, "2026-04-06", span=("2026-02-01", "2026-05-01"))).period
    assert period is not None
    assert (period.ratio.a, period.covered) == (5, 1)  # March settles on 15 April


def test_what_only_one_of_them_has_is_named(world: World) -> None:
    world.put("github.stars", "a", {"2026-04-01": 10})
    world.put("pypi.downloads_30d", "b", {"2026-04-01": 10}, source="pypi")
    found = duel(world)
    assert (found.comparisons, found.only_a, found.only_b) == ((), ("GitHub stars",), ("PyPI downloads",))
    assert "Nothing is counted for both A and B" in text_of(found)


def test_downloads_of_pytorch_and_tensorflow_crossed_in_march_2024(world: World) -> None:
    truth = Path(os.environ.get("UPTAKE_TRUTH") or Path(__file__).parents[3] / "shared" / "truth") / "history.csv"
    if not truth.exists():
        pytest.skip(f"the published figures are not here: {truth}")
    world.topics = {"pytorch": Topic("pytorch", "PyTorch"), "tensorflow": Topic("tensorflow", "TensorFlow")}
    with truth.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "pypi.downloads_30d" and row["topic"] in world.topics]
    for topic in world.topics:
        world.put("pypi.downloads_30d", topic, {r["time"]: float(r["value"]) for r in rows if r["topic"] == topic}, "origin=imported")
    found = duel(world, pair=("pytorch", "tensorflow"))
    crossing, now, ago = only(found).crossing, only(found).now, only(found).year_ago
    assert crossing is not None
    assert now is not None
    assert ago is not None
    assert (iso(crossing.time)[:7], crossing.leader, crossing.confirmed) == ("2024-03", "pytorch", True)
    assert (round(now.value or 0, 2), round(ago.value or 0, 2)) == (3.86, 2.02)
    assert "87.3 M:22.7 M" in text_of(found)
