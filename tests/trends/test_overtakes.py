from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.model import Cadence
from trends.lags import Monthly, follows
from trends.overtakes import candidates, crossings, dated, race, races

SEEDS = st.integers(0, 2**32 - 1)


def noise(rng: np.random.Generator, rows: int, width: int) -> np.ndarray:
    out = rng.standard_normal((rows, width))
    for t in range(1, width):
        out[:, t] = 0.6 * out[:, t - 1] + 0.8 * out[:, t]
    return out


def crossing_rows(seed: int, rows: int, at: float, rate: float = 0.4) -> np.ndarray:
    t = np.arange(260)
    return rate * (t - at) / 52.18 + 0.2 * noise(np.random.default_rng(seed), rows, 260)


def test_one_true_crossing_is_one_overtake_though_the_sign_changes_often() -> None:
    rows = crossing_rows(1, 60, 130.0)
    found = races(rows, Cadence.WEEK)
    assert np.mean([(np.diff(np.sign(row)) != 0).sum() for row in rows]) > 5
    assert sum(len(one.overtakes) == 1 for one in found) >= 58
    assert all(one.leader == 1 for one in found)
    assert all(one.overtakes[-1].announced >= one.overtakes[-1].crossed for one in found)


def test_the_interval_of_its_date_holds_the_truth() -> None:
    rows = crossing_rows(2, 100, 150.3)
    made = [(row, one.overtakes[-1]) for row, one in zip(rows, races(rows, Cadence.WEEK), strict=True) if one.overtakes]
    found = dated(made, Cadence.WEEK)
    assert len(found) > 90
    assert np.mean([date.low <= 150.3 <= date.high for date in found]) >= 0.9
    assert np.median([date.high - date.low for date in found if date.bounded]) < 60


def test_near_ties_and_pairs_far_apart_are_seldom_or_never_overtakes() -> None:
    rng = np.random.default_rng(3)
    ties = races(0.2 * noise(rng, 100, 260), Cadence.WEEK)
    assert sum(len(one.overtakes) for one in ties) <= 15  # in 500 years
    apart = races(0.5 + 0.2 * noise(rng, 100, 260), Cadence.WEEK)
    assert not any(one.overtakes for one in apart)


@settings(deadline=None)
@given(SEEDS, st.floats(20, 240))
def test_turning_a_ratio_round_turns_the_leader_and_nothing_else(seed: int, at: float) -> None:
    row = crossing_rows(seed, 1, at)[0]
    one, other = race(row, Cadence.WEEK), race(-row, Cadence.WEEK)
    assert other.leader == -one.leader
    assert [(o.announced, o.crossed, -o.leader) for o in one.overtakes] == [(o.announced, o.crossed, o.leader) for o in other.overtakes]


def test_rows_with_different_gaps_are_read_as_one_by_one() -> None:
    rows = crossing_rows(4, 6, 120)
    rows[1, 30:40], rows[2, :50], rows[3] = np.nan, np.nan, np.nan
    together = races(rows, Cadence.WEEK)
    for row, found in zip(rows, together, strict=True):
        alone = race(row, Cadence.WEEK)
        assert (alone.leader, alone.overtakes, alone.ahead) == (found.leader, found.overtakes, found.ahead)
    assert together[3].leader == 0


def test_monthly_figures_need_three_readings() -> None:
    row = np.r_[np.full(20, -0.5), 0.4, 0.5] + 0.01 * np.random.default_rng(5).standard_normal(22)
    found = race(row, Cadence.MONTH)
    assert (found.leader, found.overtakes, found.ahead) == (-1, (), 2)
    later = race(np.r_[row, 0.6], Cadence.MONTH)
    assert (later.leader, [o.announced for o in later.overtakes]) == (1, [22])
    assert race(row, Cadence.YEAR).leader == 0


def test_a_line_that_may_be_level_has_no_bounded_crossing_and_a_steep_one_has_it_at_its_place() -> None:
    rng = np.random.default_rng(6)
    flat, steep = 0.3 + noise(rng, 1, 104), (np.arange(104) - 80.0)[None, :] * 0.05 + 0.05 * noise(rng, 1, 104)
    [level, sure] = crossings(np.vstack([flat, steep]))
    assert level is None or not level.bounded
    assert sure is not None
    assert sure.low < 80 < sure.high
    assert sure.at == pytest.approx(80, abs=3)
    assert crossings(np.full((2, 30), np.nan)) == [None, None]
    assert crossings(np.zeros((1, 30))) == [None]


def test_only_pairs_that_met_are_looked_at() -> None:
    rng = np.random.default_rng(7)
    quiet = 1 + 0.1 * noise(rng, 1, 260)
    met = crossing_rows(8, 1, 200.0, rate=0.8)
    ahead = quiet.copy()
    ahead[0, -4:] = -0.5
    assert candidates(np.vstack([quiet, met, ahead]), 13, 4).tolist() == [False, True, True]
    assert candidates(np.full((1, 20), np.nan), 13, 4).tolist() == [False]


def test_what_follows_by_four_months_is_found_and_unrelated_sources_are_not() -> None:
    rng = np.random.default_rng(9)
    topics = tuple(f"t{i}" for i in range(8))
    months = np.arange(600, 660)
    walk = rng.standard_normal((8, 64)).cumsum(axis=1) * 0.2
    first = Monthly(topics, months, walk[:, 4:])
    second = Monthly(topics[::-1], months, (walk[:, :60] + 0.05 * rng.standard_normal((8, 60)))[::-1])
    found = follows(first, second)
    assert found is not None
    assert (found.months, found.p < 1e-4) == (4, True)
    unrelated = Monthly(topics, months, rng.standard_normal((8, 60)).cumsum(axis=1) * 0.2)
    other = follows(first, unrelated)
    assert other is None or other.p > 0.01
    assert follows(first, Monthly(topics, months[:20], walk[:, :20])) is None
