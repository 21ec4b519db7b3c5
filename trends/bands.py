"""How sure a drawn count is, as a band around its line.

What happens by chance in a period says only roughly how often it happens: a count k stands for any rate of which k is no rare
outcome (the exact interval of a Poisson rate, Garwood 1936), wider by as much as the counts around it scatter more than
Poisson's. What is counted in full, such as the stars that stand, has no such interval, and neither have bounds and estimates.
"""

from __future__ import annotations

import numpy as np
from scipy.special import gammaincinv

from storage.model import Kind, Metric
from trends import poisson
from trends.panel import Floats, Ints
from trends.robust import nearby
from trends.signals import signal_of, speaks, stock

AROUND = 13  # figures on either side that tell the scatter
LEAST = 8  # of them; fewer tell nothing, and the scatter is Poisson's


def by_chance(metric: Metric) -> bool:
    """Whether a metric counts what happens by chance: events of a period, or postings that are found, but no stock."""
    if metric.kind in {Kind.FLOW, Kind.WINDOW}:
        return True
    return metric.kind is Kind.LEVEL and bool(signal_of(metric)) and speaks(metric) and not stock(metric)


def scatter(counts: Floats, runs: Ints) -> Floats:
    """How many times a Poisson's variance each count has, at least 1: of how far its neighbours are from lying on a line.

    Counts of different ``runs`` have a gap between them and are not compared. A steady rise is no scatter.
    """
    bend = np.full(len(counts), np.nan)
    if len(counts) > 2:
        a, b, c = counts[:-2], counts[1:-1], counts[2:]
        weight = a + 4 * b + c  # the variance of a - 2b + c, were they Poisson's
        usable = (runs[:-2] == runs[2:]) & (weight > 0)
        bend[1:-1] = np.where(usable, (a - 2 * b + c) ** 2 / np.where(weight > 0, weight, 1.0), np.nan)
    return np.asarray(np.maximum(1.0, np.nan_to_num(nearby(bend[None, :], AROUND, LEAST)[0], nan=1.0)))


def rate(counts: Floats, spread: Floats) -> tuple[Floats, Floats]:
    """The 95 % interval of the rate behind each count."""
    hits = np.asarray(counts / spread, dtype="float64")
    low = np.where(hits == 0, 0.0, gammaincinv(np.maximum(hits, 1e-12), poisson.LEVEL / 2))
    high = gammaincinv(hits + 1, 1 - poisson.LEVEL / 2)
    return low * spread, high * spread


def index(counts: Floats, spread: Floats, at: int) -> tuple[Floats, Floats]:
    """The 95 % interval of each count as an index, the count at place ``at`` being 100, and that one's own scatter counted in."""
    found = poisson.ratios(counts, counts[at], dispersion=np.maximum(spread, spread[at]))
    low, high = 100 * found.low, 100 * found.high
    low[at] = high[at] = 100.0
    return low, np.where(np.isfinite(high), high, np.nan)
