"""How large Kendall's z gets without any trend, by number of values and autocorrelation, and what follows for many tests.

The table is simulated by ``python -m benchmarks.calibrate`` and kept as data. Plain Mann–Kendall finds trends in 35 %
of trendless weekly rows with an autocorrelation of 0.6 where it should in 5 %; these values are right for that.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from trends.panel import Floats, Ints
from trends.slopes import LEAST

FILE = Path(__file__).parent / "data" / "critical_values.csv"
KNOTS = (-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # of estimated autocorrelation
LEVELS = (0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005)
LEVEL = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Scales (n × knots) and quantiles (n × levels) for numbers of values in rising order."""

    n: Floats
    scale: Floats
    quantile: Floats

    def scaled(self, n: Ints, rho: Floats) -> Floats:
        """The scale of z: between the knots in a straight line, between numbers of values along their logarithm."""
        low, high, part = self._between(n)
        at = np.interp(rho, KNOTS, np.arange(len(KNOTS)))
        left = np.minimum(np.floor(at).astype("int64"), len(KNOTS) - 2)
        inner = at - left
        rows = [self.scale[i, left] * (1 - inner) + self.scale[i, left + 1] * inner for i in (low, high)]
        return np.asarray(rows[0] * (1 - part) + rows[1] * part)

    def critical(self, n: Ints, rho: Floats, level: float = LEVEL) -> Floats:
        """The |z| that is exceeded without a trend in ``level`` of all rows."""
        low, high, part = self._between(n)
        by_n = np.array([np.interp(np.log(level), np.log(LEVELS[::-1]), row[::-1]) for row in self.quantile])
        return np.asarray(self.scaled(n, rho) * (by_n[low] * (1 - part) + by_n[high] * part))

    def p_value(self, n: Ints, rho: Floats, z: Floats) -> Floats:
        """How often |z| gets as large without a trend; NaN for rows that are too short. Beyond the table in a straight
        line of log p, which is more cautious than the tail really is.
        """
        out = np.full(len(z), np.nan)
        known = np.flatnonzero((n >= LEAST) & np.isfinite(z) & np.isfinite(rho))
        if not len(known):
            return out
        low, high, part = self._between(n[known])
        t = np.abs(z[known]) / self.scaled(n[known], rho[known])
        logs = np.log(np.r_[1.0, LEVELS])
        ps = np.empty(len(known))
        quantiles = self.quantile[low] * (1 - part)[:, None] + self.quantile[high] * part[:, None]
        quantiles = np.hstack([np.zeros((len(known), 1)), quantiles])
        right = (t[:, None] >= quantiles).sum(axis=1).clip(1, len(logs) - 1)
        left = right - 1
        take = np.arange(len(known))
        a, b = quantiles[take, left], quantiles[take, right]
        ps = logs[left] + (logs[right] - logs[left]) * (t - a) / np.maximum(b - a, 1e-9)
        out[known] = np.exp(np.minimum(ps, 0.0))
        return out

    def _between(self, n: Ints) -> tuple[Ints, Ints, Floats]:
        at = np.interp(np.log(np.maximum(n, 1)), np.log(self.n), np.arange(len(self.n)))
        low = np.floor(at).astype("int64")
        return low, np.minimum(low + 1, len(self.n) - 1), at - low


@cache
def tables() -> dict[str, Table]:
    """Tables by season: ``none``, ``week`` and ``month`` (values whose yearly swing was taken out)."""
    with FILE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    found = {}
    for season in dict.fromkeys(row[0] for row in rows):
        mine = np.array([[float(cell) for cell in row[1:]] for row in rows if row[0] == season])
        found[season] = Table(mine[:, 0], mine[:, 1 : 1 + len(KNOTS)], mine[:, 1 + len(KNOTS) :])
    return found


def adjusted(p: Floats) -> Floats:
    """Benjamini–Hochberg: p-values adjusted for as many tests as there are; NaN is no test and stays NaN.

    Benjamini and Hochberg 1995. A test is a discovery where the adjusted value is at most the level.
    """
    p = np.asarray(p, dtype="float64")
    out = np.full(p.shape, np.nan)
    known = np.flatnonzero(np.isfinite(p))
    if len(known):
        order = known[np.argsort(p[known], kind="stable")]
        raised = p[order] * len(order) / np.arange(1, len(order) + 1)
        out[order] = np.minimum.accumulate(raised[::-1])[::-1].clip(max=1.0)
    return out
