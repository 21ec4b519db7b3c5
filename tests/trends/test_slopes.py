from __future__ import annotations

import numpy as np
import pymannkendall
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, theilslopes

from trends.critical import adjusted, tables
from trends.slopes import deseasonalised, lines, persistence

SEEDS = st.integers(0, 2**32 - 1)


def rows(seed: int, count: int = 4, width: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, width)).cumsum(axis=1)


@pytest.mark.parametrize("gaps", [0.0, 0.2])
def test_slopes_are_those_of_scipy_and_s_that_of_pymannkendall(gaps: float) -> None:
    values = rows(1)
    values[np.random.default_rng(2).random(values.shape) < gaps] = np.nan
    found = lines(values)
    for i, row in enumerate(values):
        at = np.flatnonzero(np.isfinite(row))
        assert found.slope[i] == pytest.approx(theilslopes(row[at], at).slope, abs=1e-6)
        expected = pymannkendall.original_test(row[at])
        assert found.z[i] * np.sqrt(expected.var_s) == pytest.approx(expected.s, abs=1e-6)
        assert found.n[i] == len(at)


@settings(deadline=None)
@given(SEEDS, st.floats(0.01, 50), st.floats(-20, 20), st.floats(-2, 2))
def test_a_line_follows_scale_shift_and_tilt(seed: int, scale: float, shift: float, tilt: float) -> None:
    values, table = rows(seed), tables()["none"]
    plain = lines(values, table.critical)
    turned = lines(values * scale + shift + tilt * np.arange(values.shape[1]), table.critical)
    for name in ("slope", "low", "high"):
        expected = getattr(plain, name) * scale + tilt
        assert np.allclose(getattr(turned, name), expected, rtol=1e-4, atol=1e-4 * max(1, scale))
    assert np.allclose(turned.rho, plain.rho, atol=1e-3)


@settings(deadline=None)
@given(SEEDS)
def test_the_order_of_rows_does_not_matter_and_time_turned_round_turns_the_slope(seed: int) -> None:
    values = rows(seed)
    plain, order = lines(values), np.random.default_rng(seed).permutation(len(values))
    assert np.array_equal(lines(values[order]).slope, plain.slope[order])
    assert np.allclose(lines(values[:, ::-1]).slope, -plain.slope, atol=1e-6)
    assert np.allclose(lines(values[:, ::-1]).z, -plain.z)


def test_the_interval_holds_zero_exactly_when_the_test_does_not_reject() -> None:
    values, table = rows(3, 300, 30) * 0.2 + np.random.default_rng(4).normal(size=(300, 30)), tables()["none"]
    found = lines(values, table.critical)
    sure = (found.low > 0) | (found.high < 0)
    rejects = np.abs(found.z) > table.critical(found.n, found.rho)
    assert 20 < sure.sum() < 280
    assert (sure == rejects).mean() > 0.98  # at the very edge the rank of a slope is a whole number


def test_too_few_constant_and_empty_rows_say_nothing_or_nothing_moves() -> None:
    values = np.full((3, 20), np.nan)
    values[0, :7] = 1.0
    values[1] = 5.0
    found = lines(values, tables()["none"].critical)
    assert np.isnan(found.slope[[0, 2]]).all()
    assert (found.slope[1], found.z[1], found.rho[1], found.scatter[1]) == (0, 0, 0, 0)
    assert len(lines(np.empty((0, 20))).slope) == 0


def test_a_season_is_taken_out_and_a_slope_stays() -> None:
    t = np.arange(104)
    swing = np.cos(2 * np.pi * t / 52.1775) + 0.5 * np.sin(4 * np.pi * t / 52.1775)
    values = np.array([0.01 * t + swing, 0.01 * t])
    values[0, 50] = 90.0  # one faulty value
    flat, done = deseasonalised(values, 52.1775)
    assert done.all()
    keep = t != 50
    assert np.allclose(flat[0, keep] - flat[0, 0], 0.01 * t[keep], atol=1e-6)
    short, undone = deseasonalised(values[:, :90], 52.1775)
    assert not undone.any()
    assert short is values[:, :90] or np.array_equal(short, values[:, :90])


def test_noise_of_counting_does_not_hide_how_values_hang_together() -> None:
    rng = np.random.default_rng(5)
    slow = np.zeros((200, 400))
    for t in range(1, 400):
        slow[:, t] = 0.9 * slow[:, t - 1] + np.sqrt(1 - 0.81) * rng.standard_normal(200)
    noisy = slow + rng.standard_normal(slow.shape)
    assert np.median(persistence(slow)) == pytest.approx(0.9, abs=0.03)
    assert 0.55 < np.median(persistence(noisy)) < 0.75  # the lag-1 correlation alone would say 0.45


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_adjusted_p_values_are_those_of_benjamini_and_hochberg(p: list[float]) -> None:
    with_gap = np.array([*p, np.nan])
    found = adjusted(with_gap)
    assert np.allclose(found[:-1], false_discovery_control(p))
    assert np.isnan(found[-1])


def test_p_values_fall_as_z_grows_and_rise_with_persistence() -> None:
    for table in tables().values():
        n = np.full(50, int(table.n[-1]))
        z = np.linspace(0, 12, 50)
        for rho in (-0.2, 0.0, 0.35, 0.6, 0.95):
            p = table.p_value(n, np.full(50, rho), z)
            assert ((p > 0) & (p <= 1)).all()
            assert (np.diff(p) <= 0).all()
        assert table.p_value(n[:1], np.array([0.7]), z[20:21]) > table.p_value(n[:1], np.array([0.1]), z[20:21])
        assert table.p_value(n[:1], np.array([0.6]), table.critical(n[:1], np.array([0.6]))) == pytest.approx(0.05, rel=1e-6)
    assert np.isnan(tables()["none"].p_value(np.array([5]), np.array([0.1]), np.array([1.0]))).all()


def test_trendless_rows_are_rejected_as_often_as_they_should_where_the_plain_test_errs() -> None:
    rng = np.random.default_rng(6)
    values = rng.standard_normal((3000, 104))
    for t in range(1, 104):
        values[:, t] = 0.6 * values[:, t - 1] + 0.8 * values[:, t]
    found = lines(values)
    assert (np.abs(found.z) > 1.96).mean() > 0.25
    assert 0.02 < (tables()["none"].p_value(found.n, found.rho, found.z) < 0.05).mean() < 0.06
