"""Medians and scatters that leave gaps out: NaN is no value, and a row without values gives NaN, without a warning."""

from __future__ import annotations

import numpy as np

from trends.panel import Floats, Ints

SCALE = 1.4826  # of a median absolute deviation, to be a standard deviation where values are Gaussian


def median(values: Floats, axis: int = -1) -> Floats:
    """The median along an axis over what is not NaN."""
    if not values.shape[axis]:
        return np.full(np.delete(values.shape, axis), np.nan)
    ordered = np.sort(values, axis=axis)  # NaN last
    width = values.shape[axis]
    if not np.isnan(ordered.take(-1, axis=axis)).any():  # no gaps: the same places in every row
        return np.asarray((ordered.take((width - 1) // 2, axis=axis) + ordered.take(width // 2, axis=axis)) / 2)
    count = np.isfinite(ordered).sum(axis=axis, keepdims=True)
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, axis=axis)
    high = np.take_along_axis(ordered, np.minimum(count // 2, width - 1), axis=axis)
    middle = np.where(count > 0, (low + high) / 2, np.nan)
    return np.asarray(np.squeeze(middle, axis=axis))


def scatter(values: Floats, axis: int = -1) -> Floats:
    """The scaled median absolute deviation from the median."""
    middle = np.expand_dims(median(values, axis), axis)
    return SCALE * median(np.abs(values - middle), axis)


def rolling_median(values: Floats, width: int) -> Floats:
    """Rows' median over each value and those before it, up to a width; over at least half of them, else NaN."""
    rows, length = values.shape
    out = np.full((rows, length), np.nan)
    for at in range((width - 1) // 2, min(width - 1, length)):
        out[:, at] = _of_half(values[:, : at + 1], width)
    if length >= width:
        out[:, width - 1 :] = _of_half(np.lib.stride_tricks.sliding_window_view(values, width, axis=1), width)
    return out


def _of_half(windows: Floats, width: int) -> Floats:
    return np.asarray(np.where(np.isfinite(windows).sum(axis=-1) * 2 >= width, median(windows), np.nan))


def previous(values: Floats, limit: int) -> Floats:
    """For each value the last known one before it in its row, at most ``limit`` steps back; NaN where there is none."""
    rows, length = values.shape
    at: Ints = np.where(np.isfinite(values), np.arange(length), -1)
    last = np.maximum.accumulate(at, axis=1)
    last = np.hstack([np.full((rows, 1), -1), last[:, :-1]])
    near = (last >= 0) & (np.arange(length) - last <= limit)
    found = np.take_along_axis(values, np.maximum(last, 0), axis=1)
    return np.where(near, found, np.nan)


def nearby(values: Floats, reach: int, least: int) -> Floats:
    """Rows' mean over each value and those up to ``reach`` beside it; NaN where fewer than ``least`` of them are known."""
    known = np.isfinite(values)
    sums, counts = (
        np.hstack([np.zeros((len(values), 1)), np.cumsum(np.where(known, x, 0.0), axis=1)]) for x in (values, np.ones_like(values))
    )
    at = np.arange(values.shape[1])
    first, last = np.maximum(at - reach, 0), np.minimum(at + reach + 1, values.shape[1])
    n = counts[:, last] - counts[:, first]
    return np.asarray(np.where(n >= max(least, 1), (sums[:, last] - sums[:, first]) / np.maximum(n, 1), np.nan))
