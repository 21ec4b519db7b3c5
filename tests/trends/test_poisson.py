from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from trends import poisson, share

COUNTS = st.integers(0, 400)


@given(COUNTS, COUNTS)
def test_intervals_of_shares_are_those_of_clopper_and_pearson(hits: int, misses: int) -> None:
    low, high = poisson.proportion(np.array([hits]), np.array([hits + misses]))
    if hits + misses:
        exact = binomtest(hits, hits + misses).proportion_ci(0.95, "exact")
        assert (low[0], high[0]) == (pytest.approx(exact.low, abs=1e-9), pytest.approx(exact.high, abs=1e-9))
    else:
        assert (low[0], high[0]) == (0, 1)


@given(COUNTS, COUNTS)
def test_a_ratio_lies_in_its_interval_and_turned_round_it_is_its_inverse(a: int, b: int) -> None:
    one, other = poisson.ratios(np.array([a]), np.array([b])), poisson.ratios(np.array([b]), np.array([a]))
    if a and b:
        assert one.low[0] < one.ratio[0] < one.high[0]
        assert one.ratio[0] * other.ratio[0] == pytest.approx(1)
        assert one.low[0] * other.high[0] == pytest.approx(1, rel=1e-6)
    assert one.p[0] == pytest.approx(other.p[0], abs=1e-9)
    assert 0 <= one.p[0] <= 1


@pytest.mark.parametrize(("a", "b"), [(3, 0), (0, 3), (12, 5), (40, 40), (300, 250)])
def test_the_test_of_a_ratio_is_the_exact_binomial_one(a: int, b: int) -> None:
    expected = min(1.0, 2 * min(binomtest(a, a + b, alternative=side).pvalue for side in ("less", "greater")))  # type: ignore[arg-type]
    assert poisson.ratios(np.array([a]), np.array([b])).p[0] == pytest.approx(expected, rel=1e-6)


def test_nothing_against_nothing_is_no_number_and_no_warning() -> None:
    found = poisson.ratios(np.array([0, 5]), np.array([0, 0]))
    assert np.isnan(found.ratio[0])
    assert (found.low[0], found.high[0], found.p[0]) == (0, np.inf, 1)
    assert found.high[1] == np.inf


def test_three_of_one_are_no_trend() -> None:
    found = poisson.ratios(np.array([3]), np.array([1]))
    assert found.low[0] < 1 < found.high[0]
    assert found.p[0] > 0.3


def test_counts_that_scatter_more_than_poisson_weigh_less() -> None:
    rng = np.random.default_rng(1)
    calm, wild = rng.poisson(5.0, (1, 104)), rng.poisson(5.0 * rng.gamma(0.5, 2.0, (1, 104)))
    assert poisson.dispersion(calm.astype("float64"), 4)[0] < 2 < poisson.dispersion(wild.astype("float64"), 4)[0]
    assert poisson.dispersion(np.full((1, 104), np.nan), 4)[0] == 1
    assert poisson.dispersion(np.zeros((1, 3)), 8)[0] == 1


@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(1, 30))
def test_shares_of_a_basket_add_up_and_follow_the_order_of_topics(seed: int, topics: int, steps: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.poisson(rng.uniform(0, 40, (topics, 1)), (topics, steps)).astype("float64")
    found, order = share.of_basket(counts), rng.permutation(topics)
    whole = counts.sum(axis=0) > 0
    assert np.allclose(found.percent[:, whole].sum(axis=0), 100)
    assert np.isnan(found.percent[:, ~whole]).all()
    assert ((found.low <= found.percent + 1e-9) & (found.percent <= found.high + 1e-9))[:, whole].all()
    assert np.allclose(share.of_basket(counts[order]).percent, found.percent[order], equal_nan=True)
    assert np.allclose(share.of_basket(counts, newest=1).low, found.low[:, -1:], equal_nan=True)
    assert np.allclose(share.of_basket(counts * 10).percent, found.percent, equal_nan=True)


def test_a_missing_topic_is_a_gap_of_all_shares_and_not_a_zero() -> None:
    counts = np.array([[10.0, 10.0], [10.0, np.nan]])
    found = share.of_basket(counts)
    assert found.percent[:, 0].tolist() == [50, 50]
    assert np.isnan(found.percent[:, 1]).all()


def test_a_rate_needs_its_denominator() -> None:
    found = share.of_total(np.array([[2.0, 2.0, 5.0]]), np.array([[100.0, np.nan, 3.0]]))
    assert found.percent[0, 0] == 2
    assert found.low[0, 0] < 2 < found.high[0, 0]
    assert np.isnan(found.percent[0, 1:]).all()  # more hits than postings is a mistake, not a rate
