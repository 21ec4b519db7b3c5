"""Straight lines through many short rows at once: Theil–Sen slopes, Kendall's S, autocorrelation, seasons.

Rows are log counts at equal steps (weeks, months); a gap is NaN and stays one. Slopes are per step.
Sen 1968 (doi 10.1080/01621459.1968.10480934) for the slope and its interval by ranks of the pairwise slopes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trends.panel import Floats, Ints
from trends.robust import SCALE, median

Flags = npt.NDArray[np.bool_]
Slopes = npt.NDArray[np.float32]

LEAST = 8  # values that a line needs
_CHUNK = 1_000_000  # pairwise slopes that are held at once
FULL = 1.9  # years between the first and the last value that make two
_WIDE = 5.0  # scatters beyond which a value does not shape the season


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """One value per row; NaN (``n`` as it is) where a row has fewer than `LEAST` values.

    ``slope`` with ``low`` and ``high``; ``level`` is the line's height at the last column; ``z`` is S over its standard
    deviation were the values independent; ``rho`` the `persistence` and ``scatter`` the scaled median absolute
    deviation of what the line leaves. An interval is infinite on a side that the values do not bound.
    """

    n: Ints
    slope: Floats
    low: Floats
    high: Floats
    level: Floats
    z: Floats
    rho: Floats
    scatter: Floats


# From numbers of values and autocorrelations to the |z| that the interval is made with.
CriticalValue = Callable[[Ints, Floats], Floats]


def lines(values: Floats, critical: CriticalValue | None = None) -> Lines:
    """Theil–Sen lines of rows; without ``critical`` the interval is empty (NaN)."""
    values = np.atleast_2d(np.asarray(values, dtype="float64"))
    rows, n = values.shape
    step = max(1, _CHUNK // max(1, n * (n - 1) // 2))
    parts = [_lines(values[i : i + step], critical) for i in range(0, rows, step)]
    if not parts:
        return empty(0)
    return Lines(*(np.concatenate([getattr(p, name) for p in parts]) for name in Lines.__slots__))


def empty(rows: int) -> Lines:
    """Lines of which nothing is known yet."""
    return Lines(np.zeros(rows, dtype="int64"), *(np.full(rows, np.nan) for _ in range(7)))


def _lines(values: Floats, critical: CriticalValue | None) -> Lines:
    rows, width = values.shape
    count = np.isfinite(values).sum(axis=1)
    out = {name: np.full(rows, np.nan) for name in Lines.__slots__ if name != "n"}
    enough = np.flatnonzero(count >= LEAST)
    if not len(enough):
        return Lines(count.astype("int64"), **out)
    kept, n = values[enough], count[enough].astype("int64")
    ordered = _slopes(kept)
    ordered.sort(axis=1)  # NaN last
    pairs = n * (n - 1) // 2
    s = np.count_nonzero(ordered > 0, axis=1) - np.count_nonzero(ordered < 0, axis=1)
    spread = np.sqrt(n * (n - 1) * (2 * n + 5) / 18)
    slope = (_at(ordered, (pairs - 1) // 2) + _at(ordered, pairs // 2)) / 2
    rest = kept - slope[:, None] * np.arange(width)
    middle = median(rest)
    rest -= middle[:, None]
    out["slope"][enough], out["z"][enough] = slope, s / spread
    out["level"][enough] = middle + slope * (width - 1)
    out["rho"][enough], out["scatter"][enough] = persistence(rest), SCALE * median(np.abs(rest))
    if critical is not None:
        reach = critical(n, out["rho"][enough]) * spread
        low, high = np.floor((pairs - reach) / 2), np.ceil((pairs + reach) / 2) - 1
        bounded = low >= 0
        low, high = low.clip(0).astype("int64"), np.minimum(high, pairs - 1).astype("int64")
        out["low"][enough] = np.where(bounded, _at(ordered, low), -np.inf)
        out["high"][enough] = np.where(bounded, _at(ordered, high), np.inf)
    return Lines(count.astype("int64"), **out)


def _slopes(values: Floats) -> Slopes:
    """All pairwise slopes of rows, in no order; NaN where either value is missing. Single precision sorts twice as fast."""
    rows, width = values.shape
    out = np.empty((rows, width * (width - 1) // 2), dtype="float32")
    at = 0
    for apart in range(1, width):
        part = out[:, at : at + width - apart]
        np.subtract(values[:, apart:], values[:, :-apart], out=part, casting="same_kind")
        part /= np.float32(apart)
        at += width - apart
    return out


def _at(ordered: Slopes, rank: Ints) -> Floats:
    return np.take_along_axis(ordered, rank[:, None], axis=1)[:, 0].astype("float64")


def persistence(rest: Floats) -> Floats:
    """How strongly values hang on those before them: the lag-1 autocorrelation of rows, or the root of the lag-2 one
    where that is more, as it is where noise of counting lies over something slow. 0 for rows without any scatter.
    """
    centred = rest - np.nanmean(rest, axis=1, keepdims=True)
    square = np.nanmean(centred**2, axis=1)
    flat = square <= 1e-18
    first, second = (_autocorrelation(centred, np.where(flat, 1.0, square), lag) for lag in (1, 2))
    return np.where(flat, 0.0, np.maximum(first, np.sqrt(np.maximum(second, 0.0)))).clip(-0.9, 0.99)


def _autocorrelation(centred: Floats, square: Floats, lag: int) -> Floats:
    """Over the pairs of values that both exist; 0 where there is no such pair."""
    products = centred[:, lag:] * centred[:, :-lag]
    known = np.isfinite(products).sum(axis=1)
    return np.asarray(np.nansum(products, axis=1) / (np.maximum(known, 1) * square))


def deseasonalised(values: Floats, per_year: float) -> tuple[Floats, Flags]:
    """Rows without their yearly swing, and which rows that was done to.

    Two harmonics are fitted beside a straight line; values far off do not shape them. Only where a row spans two years
    and has two thirds of its values; other rows come back as they are.
    """
    rows, width = values.shape
    known = np.isfinite(values)
    first, last = known.argmax(axis=1), width - 1 - known[:, ::-1].argmax(axis=1)
    fit = (last - first + 1 >= FULL * per_year) & (known.sum(axis=1) >= (last - first + 1) * 2 / 3)
    if per_year < 6 or not fit.any():
        return values, np.zeros(rows, dtype="bool")
    t = np.arange(width)
    angle = 2 * np.pi * t / per_year
    waves = np.stack([np.cos(angle), np.sin(angle), np.cos(2 * angle), np.sin(2 * angle)])
    design = np.vstack([np.ones(width), t / width, waves])
    kept = values[fit]
    weight = np.isfinite(kept).astype("float64")
    filled = np.where(weight > 0, kept, 0.0)
    coefficients = _least_squares(design, filled, weight)
    rest = np.where(weight > 0, filled - coefficients @ design, np.nan)
    limit = _WIDE * SCALE * median(np.abs(rest))[:, None]
    near = weight * (np.abs(np.nan_to_num(rest)) <= limit)
    coefficients = _least_squares(design, filled, near)
    out = values.copy()
    out[fit] = kept - coefficients[:, 2:] @ waves
    return out, fit


def _least_squares(design: Floats, values: Floats, weight: Floats) -> Floats:
    """Coefficients per row, rows of their own weights. A trace of ridge keeps rows solvable that say nothing of a wave."""
    products = (design[:, None, :] * design[None, :, :]).reshape(-1, design.shape[1])
    normal = (weight @ products.T).reshape(len(values), len(design), len(design))
    normal += 1e-9 * np.eye(len(design))
    right = (weight * values) @ design.T
    return np.asarray(np.linalg.solve(normal, right[:, :, None])[:, :, 0], dtype="float64")
