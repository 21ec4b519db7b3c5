"""The adoption index: how topics of a basket stand over all sources at once, with intervals of their ranks.

Per source the log count minus the mean over the topics that the source knows, scaled by the source's own scatter; groups
of signals weigh alike over what is present. A topic needs 60 % of the weight and three groups, else it has a gap.
The centring takes out whatever moves all topics of a source at once (centred log ratio, Aitchison 1986); ranks are
made again with resampled sources and perturbed weights (OECD/JRC Handbook on Composite Indicators, 2008).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trends import wording
from trends.claim import Composite, Rank
from trends.growth import percent
from trends.panel import Floats
from trends.robust import SCALE, median
from trends.signals import SIGNALS, TITLES
from trends.slopes import Flags

WEIGHT = 0.6  # of the weight that a topic needs
GROUPS = 3  # of signals that a topic needs
FEWEST = 3  # topics that a source must know
DRAWS = 500
_SEED = 7  # the same figures give the same intervals
_DIRICHLET = 20.0  # concentration: a group's weight of 20 % scatters by about 4 points each way
_SMALL = 40  # topics up to which all pairs are compared at once
_SPAN = (5, 95)  # percent


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One group of series: log counts and growth (log units a year) of the basket's topics, NaN where it has none."""

    key: str
    signal: str
    level: Floats
    growth: Floats


def centred(values: Floats) -> Floats:
    """Values minus their mean over what is known; all NaN for fewer than `FEWEST`."""
    known = np.isfinite(values)
    if known.sum() < FEWEST:
        return np.full(values.shape, np.nan)
    return np.asarray(values - values[known].mean())


def scaled(rows: Floats) -> Floats:
    """Sources (rows) brought to one scatter, the median one, so that none outweighs the others by its spread alone."""
    spread = SCALE * median(np.abs(rows), axis=1)
    usable = np.isfinite(spread) & (spread > 0)
    if not usable.any():
        return rows
    return np.asarray(rows * np.where(usable, float(np.median(spread[usable])) / np.where(usable, spread, 1.0), 1.0)[:, None])


def composite(
    topics: Sequence[str], titles: Mapping[str, str], sources: Sequence[Source], weights: Mapping[str, float] | None = None
) -> Composite:
    """The index of a basket. ``weights`` are by group of signals (default: all alike)."""
    by_signal = dict.fromkeys(SIGNALS, 1.0) | dict(weights or {})
    whole = sum(by_signal.values())
    used = [s for s in sources if by_signal.get(s.signal, 0) > 0 and np.isfinite(s.level).sum() >= FEWEST]
    present = tuple(s for s in SIGNALS if any(source.signal == s for source in used))
    absent = tuple(s for s in SIGNALS if s not in present)
    covered = sum(by_signal[s] for s in present) / whole if whole > 0 else 0.0
    if len(present) < GROUPS or covered < WEIGHT:
        if not present:
            return Composite((), present, absent, "no group of signals is fresh")
        named = wording.listed([TITLES[s] for s in present])
        verb = "is" if len(present) == 1 else "are"
        reason = f"{_number(len(present))} of {_number(len(SIGNALS))} groups of signals {verb} fresh ({named}); it needs {_number(GROUPS)}"
        return Composite((), present, absent, reason)
    signals = [s.signal for s in used]
    level = scaled(np.array([centred(s.level) for s in used]))
    growth = np.array([centred(s.growth) for s in used])
    shares = _shares(signals, {s: by_signal[s] / whole for s in SIGNALS})
    enough = _enough(level, signals, {s: by_signal[s] / whole for s in SIGNALS})
    points, growths = _weighted(level, shares), _weighted(growth, shares)
    points, growths = np.where(enough, points, np.nan), np.where(enough, growths, np.nan)
    low, high = _rank_interval(level, signals, by_signal, enough)
    places = _ranks(points[None, :])[0]
    parts = _parts(level, shares, signals, present)
    ranks = [
        Rank(
            topic,
            titles.get(topic, topic),
            float(100 * np.exp(points[i])) if enough[i] else None,
            float(percent(growths[i])) if np.isfinite(growths[i]) else None,
            int(places[i]) if enough[i] else None,
            int(low[i]) if enough[i] else None,
            int(high[i]) if enough[i] else None,
            parts[i] if enough[i] else {},
        )
        for i, topic in enumerate(topics)
    ]
    ranks.sort(key=lambda rank: (rank.rank is None, rank.rank or 0, rank.topic))
    return Composite(tuple(ranks), present, absent)


def _shares(signals: Sequence[str], weights: Mapping[str, float]) -> Floats:
    """Each source's weight: its group's, divided among the group's sources."""
    return np.array([weights[s] / signals.count(s) for s in signals])


def _weighted(rows: Floats, shares: Floats) -> Floats:
    known = np.isfinite(rows)
    weight = (known * shares[:, None]).sum(axis=0)
    total = (np.where(known, rows, 0.0) * shares[:, None]).sum(axis=0)
    return np.asarray(np.where(weight > 0, total / np.where(weight > 0, weight, 1.0), np.nan))


def _enough(rows: Floats, signals: Sequence[str], weights: Mapping[str, float]) -> Flags:
    """Topics that have three groups and 60 % of all weight."""
    groups, weight = np.zeros(rows.shape[1]), np.zeros(rows.shape[1])
    for signal in dict.fromkeys(signals):
        has = np.isfinite(rows[[i for i, s in enumerate(signals) if s == signal]]).any(axis=0)
        groups += has
        weight += has * weights[signal]
    return np.asarray((groups >= GROUPS) & (weight >= WEIGHT - 1e-9))


def _parts(rows: Floats, shares: Floats, signals: Sequence[str], present: Sequence[str]) -> list[dict[str, float]]:
    """Per topic what each group of signals adds to the log index."""
    known = np.isfinite(rows)
    weight = (known * shares[:, None]).sum(axis=0)
    added = np.where(known, rows, 0.0) * shares[:, None] / np.where(weight > 0, weight, 1.0)
    of = {s: [i for i, signal in enumerate(signals) if signal == s] for s in present}
    return [{s: float(added[at, t].sum()) for s, at in of.items() if known[at, t].any()} for t in range(rows.shape[1])]


def _rank_interval(rows: Floats, signals: Sequence[str], weights: Mapping[str, float], enough: Flags) -> tuple[Floats, Floats]:
    """The 5th and 95th percentile of ranks over draws in which sources are resampled and the groups' weights perturbed."""
    rng = np.random.default_rng(_SEED)
    present = list(dict.fromkeys(signals))
    base = np.array([weights[s] for s in present])
    drawn = rng.dirichlet(_DIRICHLET * base / base.sum(), DRAWS)
    shares = np.zeros((DRAWS, len(signals)))
    picked = rng.multinomial(len(signals), [1 / len(signals)] * len(signals), DRAWS)
    for column, signal in enumerate(present):
        at = [i for i, s in enumerate(signals) if s == signal]
        shares[:, at] = drawn[:, [column]] * picked[:, at] / np.maximum(picked[:, at].sum(axis=1, keepdims=True), 1)
    known = np.isfinite(rows)
    weight = shares @ known.astype("float64")
    points = (shares @ np.where(known, rows, 0.0)) / np.where(weight > 0, weight, 1.0)
    ranks = _ranks(np.where((weight > 0) & enough, points, np.nan))
    ordered = np.sort(ranks, axis=0)  # NaN last
    count = np.isfinite(ordered).sum(axis=0)
    ends = []
    for q in _SPAN:
        at = np.rint(q / 100 * np.maximum(count - 1, 0)).astype("int64")
        ends.append(np.where(count > 0, np.take_along_axis(ordered, at[None, :], axis=0)[0], np.nan))
    return ends[0], ends[1]


def _ranks(points: Floats) -> Floats:
    """Ranks of rows, 1 for the highest; equal ones share the better rank; NaN stays NaN."""
    if points.shape[1] <= _SMALL:
        known = np.isfinite(points)
        higher = (points[:, None, :] > points[:, :, None]) & known[:, None, :]
        return np.asarray(np.where(known, 1.0 + higher.sum(axis=2), np.nan))
    out = np.full(points.shape, np.nan)
    for row, given in zip(out, points, strict=True):
        known = np.isfinite(given)
        row[known] = 1 + np.searchsorted(np.sort(-given[known]), -given[known], side="left")
    return out


def _number(count: int) -> str:
    return ("none", "one", "two", "three", "four", "five")[count] if count <= 5 else str(count)
