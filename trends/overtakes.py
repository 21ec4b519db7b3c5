"""Which of two topics leads, when that changed, and when it may change next.

A change is announced by hysteresis (a running median must stay beyond a band) and dated by a Theil–Sen line through
the log ratio, with the interval in which that line may cross zero (Fieller 1954). Raw sign changes are no overtakes:
in simulations one true crossing made 16 of them (design, section 7).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from storage.model import Cadence
from trends.critical import LEVEL, tables
from trends.panel import Floats
from trends.robust import SCALE, median, rolling_median, scatter
from trends.slopes import LEAST, Flags, lines

CAUTION = 0.02  # of crossings that are told lie outside their interval: what is told is what happened to look steep
EFFICIENCY = 0.91  # of the Theil–Sen slope against least squares, where noise is Gaussian


@dataclass(frozen=True, slots=True)
class Rule:
    """The running ``median`` over so many steps must stay ``band`` scatters beyond zero for ``persist`` steps."""

    median: int
    band: float
    persist: int


# The usual rule and the one for near-ties.
RULES = {
    Cadence.WEEK: (Rule(8, 1.0, 4), Rule(13, 1.5, 6)),
    Cadence.MONTH: (Rule(1, 1.0, 3), Rule(3, 1.5, 4)),
}
_NOISE = {Cadence.WEEK: 13, Cadence.MONTH: 5}  # steps of the running median that noise is measured around


@dataclass(frozen=True, slots=True)
class Crossing:
    """Where a line goes through zero: a column, with its interval; infinite on a side that nothing bounds."""

    at: float
    low: float
    high: float

    @property
    def bounded(self) -> bool:
        return bool(np.isfinite(self.low) and np.isfinite(self.high))


@dataclass(frozen=True, slots=True)
class Overtake:
    """A change of leader: ``leader`` is 1 (the first topic) or -1; ``announced`` is the column where it was sure enough.

    ``crossed`` is the last change of sign before it.
    """

    leader: int
    announced: int
    crossed: int


@dataclass(frozen=True, slots=True)
class Race:
    """How two topics stand. ``leader`` is by the rule (0: never sure), ``ahead`` counts the newest readings in a row in
    which the other one is ahead, ``noise`` is one scatter of the log ratio around its running median.
    """

    leader: int
    overtakes: tuple[Overtake, ...]
    ahead: int
    noise: float
    near_tie: bool


def race(ratio: Floats, cadence: Cadence) -> Race:
    """Read a row of log ratios (first topic over second), NaN where either is unknown."""
    return races(ratio[None, :], cadence)[0]


def races(ratios: Floats, cadence: Cadence) -> list[Race]:
    """Read rows of log ratios. Gaps are stepped over: the rule counts readings."""
    found = [Race(0, (), 0, float("nan"), False)] * len(ratios)
    if cadence not in RULES:
        return found
    known = np.isfinite(ratios)
    same = len(known) > 0 and bool((known == known[:1]).all())
    for mask in known[:1] if same else np.unique(known, axis=0):
        columns = np.flatnonzero(mask)
        if len(columns) < LEAST:
            continue
        at = np.flatnonzero((known == mask).all(axis=1))
        rows = ratios[np.ix_(at, columns)]
        noise = np.maximum(scatter(rows - rolling_median(rows, _NOISE[cadence])), 1e-6)
        tie = _near_ties(rows, noise, 52 if cadence is Cadence.WEEK else 12)
        for close in (False, True):
            rule = RULES[cadence][close]
            some = np.flatnonzero(tie == close)
            for i, smooth in zip(some.tolist(), rolling_median(rows[some], rule.median), strict=True):
                changes, leader = _changes(smooth, rule, float(noise[i]))
                done = [Overtake(new, int(columns[announced]), int(columns[crossed])) for new, announced, crossed in changes]
                found[at[i]] = Race(leader, tuple(done), ahead(rows[i], leader), float(noise[i]), close)
    return found


def _near_ties(rows: Floats, noise: Floats, year: int) -> Flags:
    """Whether the last year neither moved much nor stood far from level."""
    recent = rows[:, -year:]
    third = max(1, recent.shape[1] // 3)
    moved = np.abs(median(recent[:, -third:]) - median(recent[:, :third]))
    return np.asarray((moved < 2 * noise) & (np.abs(median(recent)) < 2 * noise))


def _changes(smooth: Floats, rule: Rule, noise: float) -> tuple[list[tuple[int, int, int]], int]:
    """Changes of leader as (leader, where announced, where the sign changed), and who leads at the end."""
    smooth = np.nan_to_num(smooth)
    side = np.where(smooth > rule.band * noise, 1, np.where(smooth < -rule.band * noise, -1, 0))
    starts = np.flatnonzero(np.r_[True, side[1:] != side[:-1]])
    lasting = (np.diff(np.r_[starts, len(side)]) >= rule.persist) & (side[starts] != 0)
    signs, leader, found = np.sign(smooth), 0, []
    for start in starts[lasting].tolist():
        now = int(side[start])
        if now != leader:
            if leader:
                sure = start + rule.persist - 1
                before = np.flatnonzero(signs[:sure] == leader)
                found.append((now, sure, int(before[-1]) if len(before) else sure))
            leader = now
    return found, leader


def ahead(row: Floats, leader: int) -> int:
    """Newest readings in a row, as they are, that speak against a leader."""
    against = np.sign(row[np.isfinite(row)][::-1]) == -leader
    return 0 if not leader else int(np.argmin(against)) if not against.all() else len(against)


def candidates(rows: Floats, quarter: int, newest: int) -> Flags:
    """Rows in which a race is worth a look: by quarters of the last two years the leader changed, or the ``newest``
    readings speak against the year's. Most pairs never meet, and their race is known without being run.
    """
    wide = 8 * quarter
    tail = rows[:, -wide:]
    tail = np.hstack([np.full((len(rows), wide - tail.shape[1]), np.nan), tail])
    blocks = tail.reshape(len(rows), 8, quarter)
    middles = median(blocks, axis=2)
    noise = SCALE * median(np.abs(blocks - middles[:, :, None]).reshape(len(rows), wide), axis=1)
    now = np.sign(middles[:, -1])
    earlier = np.nan_to_num(middles[:, :-1] * -now[:, None], nan=-np.inf).max(axis=1)
    changed = (np.abs(np.nan_to_num(middles[:, -1])) > 0.3 * noise) & (earlier > 0.3 * noise)
    year = median(middles[:, -4:], axis=1)
    last = tail[:, -newest:]
    against = (np.nan_to_num(last) * np.sign(year)[:, None] < 0).all(axis=1)
    return np.asarray(changed | against)


def dated(found: Sequence[tuple[Floats, Overtake]], cadence: Cadence) -> list[Crossing]:
    """When overtakes were, each in its row: the crossing of the line through a year on either side of the change of sign,
    within what was known when it was announced. Without a sure line, the change of sign and no interval before it.
    """
    if not found:
        return []
    span = 52 if cadence is Cadence.WEEK else 12
    lows = [max(0, one.crossed - span) for _, one in found]
    parts = [row[low : max(one.crossed + span, one.announced) + 1] for low, (row, one) in zip(lows, found, strict=True)]
    rows = np.full((len(found), max(map(len, parts))), np.nan)
    for line, part in zip(rows, parts, strict=True):
        line[: len(part)] = part
    done = []
    for low, (_, one), at in zip(lows, found, crossings(rows, level=CAUTION), strict=True):
        told = float(one.announced)
        if at is None or not at.bounded:
            done.append(Crossing(float(one.crossed), -np.inf, told))
        else:
            done.append(Crossing(*(min(low + x, told) for x in (at.at, at.low, at.high))))
    return done


def crossings(ratios: Floats, season: str = "none", level: float = LEVEL) -> list[Crossing | None]:
    """Where the lines of rows go through zero, in columns of the rows; None without a line or for a level one.

    The interval holds all places at which a line's height is not told from zero; it is unbounded (infinite on both
    sides) unless the line rises or falls for sure. How far it reaches follows from the critical values that growth is
    tested with: for the row's length, persistence, and whether its ``season`` was taken out (`trends.critical.tables`).
    """
    found: list[Crossing | None] = [None] * len(ratios)
    every = lines(ratios)
    usable = np.flatnonzero((every.n >= LEAST) & np.isfinite(every.slope) & (every.slope != 0))
    if not len(usable):
        return found
    rows, n, slope = ratios[usable], every.n[usable].astype("float64"), every.slope[usable]
    known, columns = np.isfinite(rows), np.arange(rows.shape[1], dtype="float64")
    middle = (known * columns).sum(axis=1) / n
    height = every.level[usable] - slope * (rows.shape[1] - 1 - middle)
    away = columns - middle[:, None]
    rest = np.where(known, rows - (height[:, None] + slope[:, None] * away), 0.0)
    variance = np.maximum((rest**2).sum(axis=1) / np.maximum(1.0, n - 2), 1e-18)
    squared = tables()[season].critical(every.n[usable], every.rho[usable], level) ** 2 * variance / EFFICIENCY
    spread = (np.where(known, away, 0.0) ** 2).sum(axis=1)
    a, b, c = slope**2 - squared / spread, 2 * height * slope, height**2 - squared / n
    root = np.sqrt(np.maximum(0.0, b * b - 4 * a * c))
    bounded = a > 0
    double = np.where(bounded, 2 * a, 1.0)
    low = np.where(bounded, middle + (-b - root) / double, -np.inf)
    high = np.where(bounded, middle + (-b + root) / double, np.inf)
    for i, *place in zip(usable.tolist(), (middle - height / slope).tolist(), low.tolist(), high.tolist(), strict=True):
        found[i] = Crossing(*place)
    return found
