"""Few events: exact intervals for ratios, rates and shares, instead of percentages of three.

Given two Poisson counts, the first is binomial in their sum (Przyborowski and Wilenski 1940); its interval by
Clopper and Pearson 1934. Counts that scatter more than Poisson's are divided by their dispersion first.
All functions take and give arrays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betainc, betaincinv

from trends.panel import Floats

LEVEL = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Ratios:
    """Rate ``a`` over rate ``b`` with its interval; ``p`` is two-sided against 1. NaN or infinite where nothing bounds it."""

    ratio: Floats
    low: Floats
    high: Floats
    p: Floats


def proportion(hits: Floats, trials: Floats, level: float = LEVEL) -> tuple[Floats, Floats]:
    """The Clopper–Pearson interval of a share; (0, 1) of no trials. Counts need not be whole (they may be scaled)."""
    hits, trials = np.asarray(hits, dtype="float64"), np.asarray(trials, dtype="float64")
    misses = np.maximum(trials - hits, 0)
    low = np.where(hits > 0, betaincinv(np.maximum(hits, 1e-12), misses + 1, level / 2), 0.0)
    high = np.where(misses > 0, betaincinv(hits + 1, np.maximum(misses, 1e-12), 1 - level / 2), 1.0)
    return low, high


def ratios(a: Floats, b: Floats, time_a: Floats | float = 1.0, time_b: Floats | float = 1.0, dispersion: Floats | float = 1.0) -> Ratios:
    """Rates of counts ``a`` and ``b`` seen over ``time_a`` and ``time_b``, one over the other."""
    a, b = np.asarray(a, dtype="float64") / dispersion, np.asarray(b, dtype="float64") / dispersion
    both, exposure = a + b, np.asarray(time_b, dtype="float64") / np.asarray(time_a, dtype="float64")
    low, high = proportion(a, both)
    with np.errstate(divide="ignore", invalid="ignore"):  # 0 : 0 is not a number, x : 0 has no upper end
        centre = a / b * exposure
        bottom = np.where(both > 0, low / (1 - low) * exposure, 0.0)
        top = np.where(high < 1, high / (1 - high) * exposure, np.inf)
    even = 1 / (1 + exposure)  # the share of the first, were the rates equal
    under = np.where(b > 0, 1 - betainc(a + 1, np.maximum(b, 1e-12), even), 1.0)
    over = np.where(a > 0, betainc(np.maximum(a, 1e-12), b + 1, even), 1.0)
    return Ratios(centre, bottom, top, np.minimum(1.0, 2 * np.minimum(under, over)))


def dispersion(counts: Floats, block: int) -> Floats:
    """How many times as much as Poisson's the sums of blocks of columns vary in each row, at least 1 (Pearson's chi-square).

    A block with a gap is left out; rows with fewer than three blocks get 1.
    """
    rows, width = counts.shape
    whole = width // block
    if not whole:
        return np.ones(rows)
    sums = counts[:, width - whole * block :].reshape(rows, whole, block).sum(axis=2)
    known = np.isfinite(sums)
    n = known.sum(axis=1)
    total = np.where(known, sums, 0.0).sum(axis=1)
    mean = total / np.maximum(n, 1)
    square = (np.where(known, sums - mean[:, None], 0.0) ** 2).sum(axis=1)
    usable = (n >= 3) & (mean > 0)
    return np.maximum(1.0, np.where(usable, square / np.where(usable, mean * (n - 1), 1.0), 1.0))
