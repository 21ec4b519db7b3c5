from __future__ import annotations

import io
import json
from itertools import pairwise

import pandas as pd
import pytest

from storage.model import Bound, State, Topic
from storage.periods import read_time
from tests.trends.conftest import World
from trends import charts
from trends.chart_data import ChartData, chart_data
from trends.claim import Finding
from trends.marks import events_of


def drawn(world: World, now: str, key: str = "github.stars", coverage: pd.DataFrame | None = None) -> ChartData | None:
    seen = world.panel(now)
    group = next(g for g in seen.groups if g.key == key)
    return chart_data(seen, group, {k: t.title for k, t in world.topics.items()}, coverage)


def must(data: ChartData | None) -> ChartData:
    assert data is not None
    return data


def figures(data: ChartData) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(data.figures))


def test_a_line_breaks_where_more_than_two_and_a_half_periods_passed(world: World) -> None:
    world.put("github.stars", "a", dict.fromkeys(["2026-01-01", "2026-01-02", "2026-01-04", "2026-01-05", "2026-01-08", "2026-01-09"], 1.0))
    assert figures(must(drawn(world, "2026-01-10")))["r"].tolist() == [0, 0, 0, 0, 1, 1]


def test_every_stored_figure_is_drawn_with_all_its_digits_and_none_is_added(world: World) -> None:
    world.put("pypi.downloads_30d", "a", {"2026-01-01": 87_347_847, "2026-03-01": 22_653_919}, source="pypi")
    data = must(drawn(world, "2026-03-02", "pypi.downloads_30d"))
    assert figures(data)[["t", "v"]].values.tolist() == [[read_time("2026-01-01"), 87_347_847], [read_time("2026-03-01"), 22_653_919]]


def test_a_point_alone_between_gaps_is_marked_and_so_is_one_that_is_not_exact(world: World) -> None:
    values = {f"2026-{m:02d}-{d:02d}": 1.0 for m in (1, 2) for d in range(1, 27)}
    world.put("github.stars", "a", values | {"2026-06-01": 1.0})
    world.put("github.stars", "a", {"2026-01-05": 2.0}, bound=Bound.AT_LEAST)
    found = figures(must(drawn(world, "2026-06-02")))
    assert [pd.Timestamp(t, unit="s").strftime("%m-%d") for t in found[found["m"] == 1]["t"]] == ["01-05", "06-01"]


def test_imported_and_measured_points_are_never_one_line(world: World) -> None:
    world.put("github.stars", "a", {"2026-01-01": 1, "2026-01-02": 2}, "origin=imported", citation="Somebody, 2026")
    world.put("github.stars", "a", {"2026-01-03": 3, "2026-01-04": 4})
    data = must(drawn(world, "2026-01-05"))
    assert figures(data)["o"].tolist() == [1, 1, 0, 0]
    assert data.seams[0]["w"] == "Measured here from this day on, imported before: A"
    line = next(layer for layer in charts.spec(data)["layer"] if layer["mark"]["type"] == "line")
    assert {d["field"] for d in line["encoding"]["detail"]} == {"o", "run"}
    assert "Somebody, 2026" in data.evidence


def test_doubtful_figures_stand_apart(world: World) -> None:
    world.put("github.stars", "a", {"2026-01-01": 5, "2026-01-02": 5})
    world.put("github.stars", "a", {"2026-01-03": 0}, state=State.SUSPECT)
    data = must(drawn(world, "2026-01-04"))
    assert figures(data)[["v", "x"]].values.tolist() == [[5, 0], [5, 0], [0, 1]]
    assert data.ranges["absolute"] == (0, 5.2)


def test_shares_need_all_that_matters(world: World) -> None:
    weeks = ["2026-01-05", "2026-01-12", "2026-01-19", "2026-01-26", "2026-02-02", "2026-02-09"]
    world.put("articles.published", "a", dict.fromkeys(weeks, 60.0), "site=x", source="x")
    world.put("articles.published", "b", {w: 40.0 for w in weeks if w != "2026-01-19"}, "site=x", source="x")
    seen = world.panel("2026-03-01")
    group = seen.groups[0]
    weekly = chart_data(seen, group, {"a": "A", "b": "B"})
    assert weekly is None  # single days are no whole weeks
    world.put("surveys.usage", "a", {"2024": 3.0, "2025": 4.0}, "survey=x", source="surveys")
    assert "share" not in must(drawn(world, "2026-01-01", 'surveys.usage{survey="x"}')).modes


def test_a_share_is_not_drawn_while_a_large_topic_is_silent(world: World) -> None:
    months = [f"2025-{m:02d}-01" for m in range(1, 13)]
    world.put("github.stars", "a", dict.fromkeys(months, 60.0))
    world.put("github.stars", "b", {m: 40.0 for m in months if not "2025-04" < m < "2025-10"})
    world.put("github.stars", "c", {m: 0.5 for m in months if m != "2025-02-01"})
    found = figures(must(drawn(world, "2025-12-02")))
    of_a = found[found["k"] == 0]["s"].tolist()
    assert of_a[0] == pytest.approx(60 / 100.5 * 100, abs=1e-3)
    assert of_a[3] == pytest.approx(60 / 100.5 * 100, abs=1e-3)  # b's last figure is younger than two of its periods
    assert all(pd.isna(of_a[6:9]))
    assert not pd.isna(of_a[-1])


def test_daily_flows_are_drawn_as_sums_of_whole_weeks(world: World) -> None:
    world.daily("github.new_stars", "a", "2026-01-05", [1.0] * 24)  # three whole weeks and three days
    data = must(drawn(world, "2026-03-01", "github.new_stars"))
    assert (data.unit, figures(data)["v"].tolist()) == ("stars per week", [7, 7, 7])


def test_zeros_and_constants_can_be_drawn(world: World) -> None:
    world.put("github.stars", "a", {"2026-01-01": 0, "2026-01-02": 0})
    data = must(drawn(world, "2026-01-03"))
    assert data.modes == ("absolute",)
    assert charts.svg(data).startswith("<svg")
    world.put("github.stars", "b", {"2026-01-01": 5, "2026-01-02": 5})
    data = must(drawn(world, "2026-01-03"))
    assert (data.modes, data.zeros) == (("absolute", "share"), 0)


def test_one_value_is_no_chart(world: World) -> None:
    world.put("github.stars", "a", {"2026-01-01": 5})
    world.put("github.stars", "b", {"2026-01-01": 5})
    assert drawn(world, "2026-01-02") is None


def test_labels_of_line_ends_do_not_touch_and_old_ends_say_their_year(world: World) -> None:
    world.topics = {k: Topic(k, k.upper()) for k in "abcdefgh"}
    for i, k in enumerate("abcdefg"):
        world.put("github.stars", k, {"2026-01-01": 100 + i, "2026-01-02": 100 + i})
    world.put("github.stars", "h", {"2023-01-01": 3, "2023-01-02": 3})
    data = must(drawn(world, "2026-01-02"))
    pixels = sorted(float(str(end["absolute"])) for end in data.ends)
    assert min(b - a for a, b in pairwise(pixels)) >= 13.4
    assert 0 <= pixels[0] <= pixels[-1] <= 300
    assert [end["text"] for end in data.ends][-1] == "H ’23"


def test_the_strip_tells_each_week_what_happened(world: World) -> None:
    world.put("github.stars", "a", {"2026-01-05": 1, "2026-02-02": 1}, "origin=imported")
    week = read_time("2026-02-09")
    report = [("github", "github.stars", "a", "", week, "measured", 5), ("github", "github.stars", "b", "", week, "missing", 2)]
    other = [("github", "github.stars", "a", "country=us", week, "suspect", 9), ("github", "github.forks", "a", "", week, "suspect", 9)]
    columns = ["source", "metric", "topic", "labels", "week", "outcome", "count"]
    data = must(drawn(world, "2026-02-20", coverage=pd.DataFrame(report + other, columns=columns)))
    strip = pd.read_csv(io.StringIO(data.strip))
    assert strip[["o", "w"]].values.tolist() == [
        ["imported", "imported figures"],
        ["missing", "5 measured; 2 missing"],
        ["imported", "imported figures"],
    ]
    assert strip["a"].tolist()[1] == week


def test_events_stand_with_their_topic(world: World) -> None:
    world.put("github.stars", "a", {"2026-01-01": 1, "2026-01-09": 1})
    world.note("2026-01-03", "2.0 is out", "a")
    world.note("2025-01-03", "before anything was counted")
    world.note("2026-01-04", "for everyone")
    assert [e["w"] for e in must(drawn(world, "2026-01-09")).events] == ["A: 2.0 is out", "for everyone"]


def test_what_is_noted_about_figures_stands_on_their_own_chart_alone(world: World) -> None:
    world.daily("github.stars", "a", "2026-01-01", [1.0, 2.0, 3.0])
    world.daily("github.new_stars", "a", "2025-12-01", [1.0] * 35)
    noted = [Finding(kind, "github.stars", (), read_time("2026-01-02"), read_time("2026-01-02"), "") for kind in ("step", "splice")]
    with world.journal.write() as tx:
        for event in events_of(noted):
            tx.note(event)
    assert [e["w"] for e in must(drawn(world, "2026-01-09")).events] == ["the counter changed: all topics moved at once"]
    assert must(drawn(world, "2026-01-09", "github.new_stars")).events == ()


def test_each_mode_of_a_chart_can_be_drawn_as_picture(world: World) -> None:
    world.topics["c"] = Topic("c", "<script>\"'&🔥\u202e")
    for i, k in enumerate("abc"):
        world.daily("github.stars", k, "2026-01-01", [float(i + j) for j in range(9)])
    data = must(drawn(world, "2026-01-09"))
    assert data.modes == ("absolute", "share", "log")
    for mode in data.modes:
        assert "<script>" not in charts.svg(data, mode)
    assert charts.png(data, scale=1)[:8] == b"\x89PNG\r\n\x1a\n"


def test_a_mode_s_patch_gives_the_same_chart_as_asking_for_the_mode(world: World) -> None:
    for k in "ab":
        world.daily("github.stars", k, "2026-01-01", [1.0, 2.0, 3.0])
    data = must(drawn(world, "2026-01-09"))
    plain = charts.spec(data)
    patch = charts.patches(plain, data)["log"]
    changed = json.loads(json.dumps(plain))
    for path, value in patch:
        at = changed
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value
    assert changed == json.loads(json.dumps(charts.with_mode(plain, data, "log")))
    assert changed != plain
