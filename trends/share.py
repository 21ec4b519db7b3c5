"""Shares of a basket and rates of a source's whole, with intervals. Arrays are topics × steps; percent out.

A share is of topics that all have a figure: where one is missing there is a gap, not a bigger share for the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trends import poisson
from trends.panel import Floats
from trends.robust import nearby


@dataclass(frozen=True, slots=True, eq=False)
class Shares:
    """Percentages with their 95 % intervals."""

    percent: Floats
    low: Floats
    high: Floats


def of_basket(counts: Floats, block: int = 4, newest: int = 0) -> Shares:
    """Each topic's part of each step's sum, all parts together 100. Counts that scatter more than Poisson's weigh less.

    With ``newest`` only of so many last steps; the others then tell the scatter.
    """
    whole = counts.sum(axis=0)  # NaN where a topic has none
    return _parts(counts, np.broadcast_to(whole, counts.shape), block, newest)


def of_total(counts: Floats, totals: Floats, block: int = 4) -> Shares:
    """Each topic's part of a denominator (one row, steps); a gap where either is missing."""
    return _parts(counts, np.broadcast_to(totals, counts.shape), block)


def within(counts: Floats, wholes: Floats, around: int, least: int = 8) -> Shares:
    """Each topic's part of ``wholes``, NaN where that is NaN; how much a part scatters is told by the ``around`` steps on either side."""
    usable, hits, trials = _usable(counts, wholes)
    changes, _ = _changes(np.where(usable, hits / trials, np.nan), np.where(usable, trials, np.nan))
    spread = np.ones_like(hits)
    spread[:, 1:] = np.maximum(1.0, np.nan_to_num(nearby(changes, around, least), nan=1.0))
    if spread.shape[1] > 1:
        spread[:, 0] = spread[:, 1]
    return _shares(usable, hits, trials, spread)


def _parts(counts: Floats, whole: Floats, block: int, newest: int = 0) -> Shares:
    usable, hits, trials = _usable(counts, whole)
    spread = _spread(np.where(usable, counts / trials, np.nan), np.where(usable, whole, np.nan), block)[:, None]
    return _shares(usable[:, -newest:], hits[:, -newest:], trials[:, -newest:], spread)


def _usable(counts: Floats, whole: Floats) -> tuple[npt.NDArray[np.bool_], Floats, Floats]:
    """Where there is a share, and counts and wholes that can be divided there."""
    usable = np.isfinite(counts) & np.isfinite(whole) & (np.nan_to_num(whole) > 0) & (np.nan_to_num(counts) <= np.nan_to_num(whole))
    return usable, np.where(usable, counts, 0.0), np.where(usable, whole, 1.0)


def _shares(usable: npt.NDArray[np.bool_], hits: Floats, trials: Floats, spread: Floats) -> Shares:
    low, high = poisson.proportion(hits / spread, trials / spread)
    return Shares(*(np.where(usable, 100 * x, np.nan) for x in (hits / trials, low, high)))


def _spread(parts: Floats, whole: Floats, block: int) -> Floats:
    """How many times a binomial's variance each row's changes from step to step have, at least 1.

    Changes rather than distances from the mean: a share that rises is no less certain for it.
    """
    if parts.shape[1] < 3 * block:
        return np.ones(len(parts))
    ratios, known = _changes(parts, whole)
    count = known.sum(axis=1)
    ratio = np.where(known, ratios, 0.0).sum(axis=1)
    return np.maximum(1.0, np.where(count >= 2 * block, ratio / np.maximum(count, 1), 1.0))


def _changes(parts: Floats, whole: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """The square of each change from step to step over a binomial's variance of it, NaN where unknown, and where it is known."""
    changes = np.diff(parts, axis=1)
    middle = (parts[:, 1:] + parts[:, :-1]) / 2
    binomial = middle * (1 - middle) * (1 / whole[:, 1:] + 1 / whole[:, :-1])
    known = np.isfinite(changes) & (np.nan_to_num(binomial) > 0)
    return np.where(known, np.where(known, changes, 0.0) ** 2 / np.where(known, binomial, 1.0), np.nan), known
