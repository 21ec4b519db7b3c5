"""Bands around lines: they hold the truth as often as they say, and are drawn only where something is known."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, chi2

from storage.model import Bound, Cadence, Kind, Metric, Topic
from tests.trends.conftest import HIRING, NEW_STARS, STARS, World
from trends import bands, chart_window, chart_words, charts, share
from trends.chart_data import MOST, ChartData, chart_data
from trends.robust import nearby

WEEKS = 104


def weekly(world: World, rows: dict[str, list[float]]) -> None:
    """Daily counts of so many weeks, seven equal days each."""
    for topic, values in rows.items():
        world.daily("github.new_stars", topic, "2024-01-01", [v / 7 for v in values for _ in range(7)])


def chart(world: World, key: str = "github.new_stars", now: str = "2026-01-10") -> ChartData:
    panel = world.panel(now)
    found = chart_data(panel, next(g for g in panel.groups if g.key == key), {k: t.title for k, t in world.topics.items()})
    assert found is not None
    return found


def figures(data: ChartData) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(data.figures))


@pytest.mark.parametrize("count", [0, 1, 7, 400])
def test_without_scatter_a_count_has_the_exact_interval_of_a_poisson_rate(count: int) -> None:
    low, high = bands.rate(np.array([float(count)]), np.ones(1))
    assert low[0] == pytest.approx(chi2.ppf(0.025, 2 * count) / 2 if count else 0)
    assert high[0] == pytest.approx(chi2.ppf(0.975, 2 * count + 2) / 2)


@pytest.mark.parametrize("times", [1.0, 6.0])
def test_intervals_hold_the_truth_of_rising_counts_however_much_they_scatter(times: float) -> None:
    random = np.random.default_rng(11)
    truth = np.linspace(120, 900, 400)
    counts = random.negative_binomial(truth / (times - 1), 1 / times) if times > 1 else random.poisson(truth)
    values = counts.astype("float64")
    low, high = bands.rate(values, bands.scatter(values, np.zeros(len(values), dtype="int64")))
    held = ((low <= truth) & (truth <= high)).mean()
    assert 0.9 < held <= 1
    assert np.median((high - low) / truth) < 6 * np.sqrt(times) / np.sqrt(400)  # and are no wider than that takes


def test_a_steady_rise_is_no_scatter_and_what_lies_behind_a_gap_is_not_compared() -> None:
    rise = np.arange(50, dtype="float64") * 40 + 10
    assert bands.scatter(rise, np.zeros(50, dtype="int64")).tolist() == [1.0] * 50
    jump = np.r_[np.full(25, 10.0), np.full(25, 9000.0)]
    assert bands.scatter(jump, np.repeat([0, 1], 25)).max() == 1
    assert bands.scatter(jump, np.zeros(50, dtype="int64")).max() > 100


def test_shares_in_the_midst_of_a_row_have_the_binomial_interval_and_wider_ones_where_they_wobble() -> None:
    random = np.random.default_rng(3)
    whole = np.full((2, 80), 500.0)
    calm = random.binomial(500, 0.3, 80).astype("float64")
    wild = np.clip(calm + np.where(np.arange(80) < 40, 0, random.normal(0, 60, 80)), 0, 500)
    found = share.within(np.array([calm, wild]), whole, 13)
    width = found.high - found.low
    exact = binomtest(int(calm[20]), 500).proportion_ci(0.95, "exact")
    assert width[0, 20] == pytest.approx(100 * (exact.high - exact.low), rel=0.4)
    assert np.median(width[1, 60:]) > 3 * np.median(width[1, :20])
    assert (found.low <= found.percent).all()
    assert (found.percent <= found.high).all()


def test_a_mean_of_what_is_near_leaves_gaps_out() -> None:
    row = np.array([[1.0, np.nan, 3.0, 5.0, np.nan]])
    assert nearby(row, 1, 2)[0].tolist() == pytest.approx([np.nan, 2.0, 4.0, 4.0, np.nan], nan_ok=True)


@pytest.mark.parametrize(
    ("metric", "chance"),
    [
        (NEW_STARS, True),
        (HIRING, True),
        (STARS, False),
        (Metric("jobs.postings", Kind.LEVEL, "postings", Cadence.DAY, "x", "y"), True),
        (Metric("github.open_issues", Kind.LEVEL, "issues", Cadence.DAY, "x", "y"), False),
        (Metric("custom.temperature", Kind.LEVEL, "degrees", Cadence.DAY, "x", "y"), False),
        (Metric("surveys.usage", Kind.SHARE, "%", Cadence.YEAR, "x", "y"), False),
    ],
)
def test_only_what_happens_by_chance_has_an_interval(metric: Metric, *, chance: bool) -> None:
    assert bands.by_chance(metric) is chance


def test_a_chart_of_counts_has_bands_in_every_scale_and_says_what_they_are(world: World) -> None:
    weekly(world, {"a": [700.0 + 7 * (n % 5) for n in range(WEEKS)], "b": [70.0] * WEEKS})
    data = chart(world)
    found = figures(data)
    assert data.banded == {"absolute", "share", "log"}
    assert (found["l"] < found["v"]).all()
    assert (found["v"] < found["h"]).all()
    assert (found["f"] < found["s"]).all()
    assert (found["s"] < found["g"]).all()
    assert chart_words.legend(data, NEW_STARS) == [chart_words.BAND]
    for mode in data.modes:
        assert "fill-opacity" in charts.svg(data, mode) or 'opacity="0.13"' in charts.svg(data, mode)


def test_the_band_of_an_index_counts_the_doubt_about_its_base_and_none_at_it(world: World) -> None:
    weekly(world, {"a": [70.0] * WEEKS, "b": [700.0] * WEEKS})
    data = chart(world)
    at = int(figures(data)["t"].iloc[10])
    made = chart_window.indexed(data, at)
    assert made is not None
    found = figures(made[0])
    based = found[found["t"] == at]
    assert based[["v", "l", "h"]].to_numpy().tolist() == [[100, 100, 100]] * 2
    later = found[(found["t"] > at) & (found["k"] == 0)].iloc[0]
    alone = figures(data)[lambda f: (f["t"] == later["t"]) & (f["k"] == 0)].iloc[0]
    assert later["h"] / later["v"] > alone["h"] / alone["v"]
    assert made[0].banded == {"absolute", "log"}


def test_a_cut_changes_no_band(world: World) -> None:
    weekly(world, {"a": [70.0 + 30 * (n % 7) for n in range(WEEKS)], "b": [700.0] * WEEKS})
    data = chart(world)
    whole = figures(data)
    start = int(whole["t"].iloc[60])
    cut = chart_window.within(data, start)
    assert cut is not None
    same = whole[whole["t"] >= start].reset_index(drop=True)
    assert figures(cut)[["l", "h", "f", "g"]].equals(same[["l", "h", "f", "g"]])


def test_a_lower_bound_has_a_mark_and_no_band_and_neither_has_its_part_of_the_basket(world: World) -> None:
    world.put("jobs.postings", "a", {f"2025-{m:02}": 40.0 for m in range(1, 11)}, "board=x", source="x")
    world.put("jobs.postings", "b", {f"2025-{m:02}": 60.0 for m in range(1, 11)}, "board=x", source="x")
    world.put("jobs.postings", "b", {"2025-05": 1000.0}, "board=x", source="x", bound=Bound.AT_LEAST)
    data = chart(world, 'jobs.postings{board="x"}')
    found = figures(data).set_index(["k", "t"])
    bounded = found[found["b"] == Bound.AT_LEAST].index[0]
    assert found.loc[bounded, ["l", "h", "f", "g"]].isna().all()
    other = found.loc[(0, bounded[1])]
    assert other[["l", "h"]].notna().all()
    assert other[["f", "g"]].isna().all()
    assert "▲ means at least: how many more is not known." in chart_words.legend(data, HIRING)


def test_what_is_counted_in_full_has_no_band_and_no_column_for_it(world: World) -> None:
    for topic in "ab":
        world.daily("github.stars", topic, "2026-01-01", [float(n + 5) for n in range(9)])
    data = chart(world, "github.stars")
    assert data.banded == frozenset()
    assert "l" not in figures(data)
    assert "area" not in [layer["mark"]["type"] for layer in charts.spec(data)["layer"]]
    assert chart_words.legend(data, STARS) == ["No bands: this is counted in full, chance has no part in it."]


def test_among_many_lines_there_are_no_bands_but_some_of_them_can_have_theirs(world: World) -> None:
    world.topics.update({f"t{n}": Topic(f"t{n}", f"T{n}") for n in range(MOST)})
    weekly(world, {topic: [70.0 + n] * 20 for n, topic in enumerate(world.topics)})
    data = chart(world)
    assert len(data.shown) == MOST + 3
    assert data.banded == frozenset()
    assert chart_words.legend(data, NEW_STARS) == ["No bands among more than 12 lines: choose some of them."]
    panel = world.panel("2026-01-10")
    whole = chart_data(panel, panel.groups[0], {k: t.title for k, t in world.topics.items()}, shown=2)
    assert whole is not None
    some = chart_window.only(whole, [0, 1])
    assert some is not None
    assert some.banded == {"absolute", "share", "log"}


def test_one_wide_interval_does_not_press_the_lines_flat(world: World) -> None:
    world.put("jobs.postings", "a", {f"2025-{m:02}": 2.0 for m in range(1, 11)}, "board=x", source="x")
    world.put("jobs.postings", "b", {f"2025-{m:02}": 1.0 for m in range(1, 11)}, "board=x", source="x")
    data = chart(world, 'jobs.postings{board="x"}')
    assert figures(data)["h"].max() > 7
    assert data.ranges["absolute"][1] < 4
