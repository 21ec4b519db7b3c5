"""Parts of a chart, and charts as an index: nothing that is drawn differs from what was there."""

from __future__ import annotations

import numpy as np
import pytest

from storage.periods import DAY, read_time
from tests.trends.conftest import World
from trends import chart_window, charts
from trends.chart_data import ChartData, chart_data

KEY = "github.stars"


@pytest.fixture
def drawn(world: World) -> ChartData:
    world.daily(KEY, "a", "2026-01-01", [float(100 + n) for n in range(90)])
    world.daily(KEY, "b", "2026-01-31", [float(50 + 2 * n) for n in range(60)])
    world.daily(KEY, "c", "2026-01-01", [0.0] * 90)
    world.note("2026-02-10", "A release", "a")
    panel = world.panel("2026-04-01")
    group = next(g for g in panel.groups if g.key == KEY)
    found = chart_data(panel, group, {k: k.upper() for k in "abc"})
    assert found is not None
    return found


def test_a_cut_keeps_the_figures_and_shares_of_its_time(drawn: ChartData) -> None:
    start, end = read_time("2026-02-01"), read_time("2026-02-28")
    cut = chart_window.within(drawn, start, end)
    assert cut is not None
    whole, part = chart_window.figures_of(drawn), chart_window.figures_of(cut)
    same = whole[(whole["t"] >= start) & (whole["t"] <= end)].reset_index(drop=True)
    assert part[["k", "t", "v", "s"]].equals(same[["k", "t", "v", "s"]])
    assert cut.domain == (start, end)
    assert cut.ranges["absolute"][1] < drawn.ranges["absolute"][1]
    assert len(cut.events) == 1
    assert charts.spec(cut)["datasets"]["figures"] == cut.figures


def test_a_cut_without_events_or_figures_says_so(drawn: ChartData) -> None:
    later = chart_window.within(drawn, read_time("2026-03-01"))
    assert later is not None
    assert later.events == ()
    assert chart_window.within(drawn, read_time("2020-01-01"), read_time("2020-02-01")) is None
    assert chart_window.within(drawn, read_time("2026-03-01"), read_time("2026-02-01")) is None
    assert chart_window.within(drawn) is drawn


def test_an_index_is_100_at_its_date_for_every_topic_that_has_a_figure(drawn: ChartData) -> None:
    at = read_time("2026-02-15")
    found = chart_window.indexed(drawn, at)
    assert found is not None
    index, without = found
    frame, before = chart_window.figures_of(index), chart_window.figures_of(drawn)
    assert frame[frame["t"] == at]["v"].tolist() == [100.0, 100.0]
    assert without == ("C",)  # a zero is nothing to divide by
    for k in (0, 1):
        mine, was = frame[frame["k"] == k], before[before["k"] == k]
        base = float(was[was["t"] == at]["v"].iloc[0])
        assert np.allclose(mine["v"], 100 * was["v"] / base, atol=1e-3)
    assert "share" not in index.modes
    assert index.unit == "index, 2026-02-15 = 100"


def test_an_index_far_from_any_figure_is_none(drawn: ChartData) -> None:
    assert chart_window.indexed(drawn, read_time("2026-01-01") - chart_window.NEAR - DAY) is None


def test_an_index_begins_where_all_have_figures(drawn: ChartData) -> None:
    assert chart_window.common_start(drawn) == read_time("2026-01-31")


def test_some_topics_keep_their_colours_and_shares_of_the_whole(drawn: ChartData) -> None:
    part = chart_window.only(drawn, [1])
    assert part is not None
    assert part.topics == drawn.topics
    assert part.shown == (1,)
    whole = chart_window.figures_of(drawn)
    assert chart_window.figures_of(part)["s"].tolist() == whole[whole["k"] == 1]["s"].tolist()
    assert [e["k"] for e in part.ends] == [1]
    assert chart_window.only(drawn, []) is None
