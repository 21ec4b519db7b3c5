"""What moves a whole source, and what is wrong with single figures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.model import Bound, Cadence, Kind, Metric
from storage.periods import WEEK, iso, read_time
from tests.trends.conftest import World
from trends.gate import reasons
from trends.grid import Grid, finals, grid_of
from trends.movement import common, spliced, steps
from trends.quality import Estimate, disagreements, quality
from trends.studied import study, study_grids

SEEDS = st.integers(0, 2**32 - 1)


def walks(seed: int, topics: int = 8, weeks: int = 120) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (
        rng.uniform(4, 9, (topics, 1)) + 0.1 * rng.standard_normal((topics, weeks)) + rng.normal(0, 0.003, (topics, 1)) * np.arange(weeks)
    )


def grid(values: np.ndarray, kind: Kind = Kind.LEVEL, bounds: np.ndarray | None = None) -> Grid:
    metric = Metric("jobs.postings", kind, "postings", Cadence.WEEK, "Job postings", "")
    starts = read_time("2024-01-01") + WEEK * np.arange(values.shape[1], dtype="int64")
    known = np.where(np.isfinite(values), 0, -1) if bounds is None else bounds
    names = tuple(f"t{i}" for i in range(len(values)))
    return Grid("jobs.postings", metric, (), ("x",), names, Cadence.WEEK, starts, values, known, np.zeros(values.shape, dtype="bool"))


def kinds(values: np.ndarray, **options: object) -> dict[str, list[tuple[str, ...]]]:
    found: dict[str, list[tuple[str, ...]]] = {}
    for finding in quality(grid(values, **options)).findings:  # type: ignore[arg-type]
        found.setdefault(finding.kind, []).append(finding.topics)
    return found


@settings(deadline=None)
@given(SEEDS, st.integers(10, 100), st.sampled_from([-1, 1]), st.floats(0.8, 3), st.floats(0.8, 3))
def test_a_step_of_the_source_is_found_where_it_is_and_taken_out_whatever_its_size(
    seed: int, at: int, sign: int, size: float, other: float
) -> None:
    rows = walks(seed)
    after = np.arange(rows.shape[1]) >= at
    one, two = rows + sign * size * after, rows + sign * other * after
    found = steps(one)
    assert [step.at for step in found] == [at]
    assert abs(found[0].size - sign * size) < 0.3
    assert np.allclose(spliced(one, found) - sign * size, spliced(two, steps(two)) - sign * other)
    assert np.allclose(spliced(one, found)[:, -1], one[:, -1])  # what is now stands


@settings(deadline=None)
@given(SEEDS)
def test_steps_do_not_depend_on_the_order_or_the_size_of_topics(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = walks(seed) + 1.2 * (np.arange(120) >= 60)
    order = rng.permutation(len(rows))
    shifted = rows[order] + rng.uniform(-3, 3, (len(rows), 1))
    assert [(s.at, pytest.approx(s.size)) for s in steps(rows)] == [(s.at, s.size) for s in steps(shifted)]


def test_one_topics_own_jump_is_no_step() -> None:
    rows = walks(1)
    rows[2, 50:] += 2
    assert steps(rows) == ()


def test_a_holiday_is_a_passing_movement() -> None:
    rows = walks(2)
    rows[:, 60:62] -= 1.5
    found = steps(rows)
    assert [(s.at, s.passing) for s in found] == [(60, True), (62, True)]
    [down, up] = quality(grid(np.exp(rows))).findings
    assert (down.kind, up.kind) == ("common_movement", "common_movement")


def test_a_step_across_a_gap_is_found() -> None:
    rows = walks(3) + 1.5 * (np.arange(120) >= 70)
    rows[:, 68:70] = np.nan
    assert [s.at for s in steps(rows)] == [70]


def test_the_newest_common_movement_is_told_and_a_divided_one_is_not() -> None:
    rows = walks(4)
    rows[:, -1] = rows[:, -2] + 0.4
    found = common(rows, 1)
    assert found is not None
    assert (found.moved, found.topics) == (8, 8)
    assert found.size == pytest.approx(0.4)
    rows[:4, -1] = rows[:4, -2] - 0.4
    assert common(rows, 1) is None


def test_two_topics_and_constant_rows_have_nothing_in_common() -> None:
    assert steps(walks(5)[:2]) == ()
    still = np.full((5, 60), 3.0)
    assert (steps(still), common(still, 1), common(still, 100)) == ((), None, None)


def test_single_values_and_stretches_are_told() -> None:
    rng = np.random.default_rng(6)
    values = np.round(np.exp(walks(6, 6, 80)))
    values[0, 40] *= 30
    values[1, 50:] = np.round(values[1, 50:] * 0.05)
    values[2, -8:] = 777.0
    values[3, 20:30] = np.nan
    found = kinds(values)
    assert found["outlier"] == [("t0",)]
    assert found["reset"] == [("t1",)]
    assert found["stuck"] == [("t2",)]
    assert found["gap"] == [("t3",)]
    capped = np.round(np.exp(walks(7, 3, 30)))
    capped[0, -4:] = 1000.0
    bounds = np.zeros(capped.shape, dtype="int64")
    bounds[0, -4:] = Bound.AT_LEAST
    assert kinds(capped, bounds=bounds)["saturated"] == [("t0",)]
    assert kinds(np.round(np.exp(walks(8, 6, 80)) + rng.random((6, 80)))) == {}


def test_a_group_that_never_moves_is_not_called_stuck() -> None:
    assert "stuck" not in kinds(np.full((4, 60), 12.0))


def test_disagreement_is_of_intervals_on_two_sides_of_zero() -> None:
    up, down, wide = (Estimate(k, "t", *v, 0) for k, v in {"a": (20, 5, 30), "b": (-20, -30, -4), "c": (-9, -20, 2)}.items())
    [found] = disagreements([up, down, wide])
    assert (found.kind, found.topics) == ("disagreement", ("t",))
    assert "a +20 % a year" in found.text
    assert disagreements([up, wide]) == []


def test_the_gate_names_what_spoils_a_claim_and_ratios_pass_where_only_the_source_moved() -> None:
    values = np.round(np.exp(walks(9, 6, 120) + 1.2 * (np.arange(120) >= 60)))
    values[3, -100::2] = np.nan
    bounds = np.where(np.isfinite(values), 0, -1)
    bounds[4] = Bound.ESTIMATE
    [studied] = study_grids([grid(values, bounds=bounds)])
    assert any("the counter changed on 2025-02-24" in why for why in reasons(studied, ("t0",), 104, absolute=True))
    assert reasons(studied, ("t0",), 104, absolute=False) == ()
    assert any("have a figure" in why for why in reasons(studied, ("t0", "t3"), 104, absolute=False))
    assert any("bounds or estimates" in why for why in reasons(studied, ("t4",), 104, absolute=False))


def test_weeks_that_lack_a_day_or_have_not_ended_are_gaps(world: World) -> None:
    days = [2.0] * 70
    world.daily("github.new_stars", "a", "2026-09-07", days)
    world.put("github.new_stars", "b", {"2026-09-07": 1, "2026-09-08": 1})
    world.daily("github.new_stars", "b", "2026-09-14", days[:56])
    panel = world.panel("2026-11-18")
    [group] = panel.groups
    found = grid_of(panel, group, finals(panel, group))
    assert found is not None
    assert (found.cadence, iso(int(found.starts[0]))) == (Cadence.WEEK, "2026-09-07T00:00:00Z")
    assert np.isnan(found.values[found.place["b"], 0])
    assert np.nanmax(found.values) == 14
    assert np.isnan(found.values[found.place["b"], -1])


def test_months_are_used_where_weeks_are_rare_and_windows_keep_their_length(world: World) -> None:
    for topic in "abc":
        for year in (2024, 2025):
            world.put("github.stars", topic, {f"{year}-{m:02}-0{1 + m % 3}": 100.0 * m + year for m in range(1, 13)}, "origin=imported")
    panel = world.panel("2026-01-05")
    [group] = panel.groups
    found = grid_of(panel, group, finals(panel, group))
    assert found is not None
    assert (found.cadence, found.values.shape, found.window(104), found.window(13)) == (Cadence.MONTH, (3, 24), 24, 3)
    assert np.isfinite(found.values).all()


def test_what_is_stale_partial_or_joined_is_recorded(world: World) -> None:
    world.put("github.stars", "a", {"2026-10-01": 1, "2026-10-15": 2}, "origin=imported")
    world.daily("github.stars", "a", "2026-10-20", [3.0] * 30)
    world.daily("github.stars", "b", "2026-08-01", [3.0] * 30)
    world.daily("github.new_stars", "c", "2026-10-01", [1.0] * 49)
    found = {(f.kind, f.topics) for studied in study(world.panel("2026-11-19")) for f in studied.findings}
    assert {("splice", ("a",)), ("stale", ("b",)), ("partial", ("c",))} <= found
