"""How fast rows of figures grow, how sure that is, and whether it is a discovery.

Lines over 13, 52 and 104 weeks (or as long in a group's own periods). Only the longest is tested, without its season
and against critical values for its length and autocorrelation; the others describe. Few events are compared
year with year by exact Poisson reasoning. A discovery needs Benjamini–Hochberg over the basket *and* 10 % a year.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from storage.model import Cadence
from trends import poisson
from trends.critical import tables
from trends.grid import WINDOWS
from trends.panel import Floats, Ints
from trends.slopes import FULL, Flags, Lines, deseasonalised, empty, lines

FAMILY = 0.04  # of a basket's discoveries may be false: overtakes have a rule of their own, and all together stay under 5 %
FLOOR = 10.0  # percent a year, either way
FEW = 3.0  # events a step, below which Poisson speaks
BLOCK = 8  # steps whose sums show how much more than Poisson's a row scatters
_SEASON = {Cadence.WEEK: "week", Cadence.MONTH: "month"}
_MOST = 40.0  # log units a year that an interval's end is cut at: e^40 is beyond every count


@dataclass(frozen=True, slots=True, eq=False)
class Growth:
    """One window of many rows. ``slope``, ``low``, ``high`` in log units a year; ``p`` is NaN where nothing is tested.

    ``scatter`` is that of single values around the line, ``level`` the line's log height at the end, ``few`` marks rows
    whose growth is a ratio of two years' counts.
    """

    weeks: int
    n: Ints
    slope: Floats
    low: Floats
    high: Floats
    p: Floats
    rho: Floats
    scatter: Floats
    level: Floats
    few: Flags

    @property
    def percent(self) -> Floats:
        return percent(self.slope)


def percent(slope: Floats) -> Floats:
    """Log units a year as percent a year."""
    return np.asarray(100 * np.expm1(np.minimum(np.maximum(slope, -_MOST), _MOST)))


def window(rows: Floats, per_year: float, steps: int, weeks: int, season: str = "") -> Growth:
    """Growth of the last ``steps`` columns of rows of log counts. ``season`` names the table that tests are made with."""
    tail = rows[:, -steps:]
    if tail.shape[1] < steps:
        tail = np.hstack([np.full((len(rows), steps - tail.shape[1]), np.nan), tail])
    plain = tables()["none"]
    flat, tested = deseasonalised(tail, per_year) if season else (tail, np.zeros(len(rows), dtype="bool"))
    table = tables()[season] if season else plain

    found, p = empty(len(rows)), np.full(len(rows), np.nan)
    for which, by in ((tested, table), (~tested, plain)):
        if which.any():
            part = lines(flat[which], by.critical)
            for name in Lines.__slots__:
                getattr(found, name)[which] = getattr(part, name)
    p[tested] = table.p_value(found.n[tested], found.rho[tested], found.z[tested])
    ends = [found.slope * per_year, found.low * per_year, found.high * per_year]
    few = np.zeros(len(rows), dtype="bool")
    return Growth(weeks, found.n, ends[0], ends[1], ends[2], p, found.rho, found.scatter, found.level, few)


def growth(rows: Floats, cadence: Cadence, per_year: float) -> dict[int, Growth]:
    """All windows of rows of log counts (steps spliced out). The shorter ones are read without the season of the longest."""
    found = {}
    steps = {weeks: max(1, round(weeks * per_year / (365.25 / 7))) for weeks in WINDOWS}
    longest = max(WINDOWS)
    flat, _ = deseasonalised(rows[:, -steps[longest] :], per_year)
    for weeks in WINDOWS:
        if weeks == longest:
            found[weeks] = window(rows, per_year, steps[weeks], weeks, _SEASON.get(cadence, ""))
        else:
            found[weeks] = window(flat, per_year, steps[weeks], weeks)
    return found


def of_few(counts: Floats, per_year: float) -> Growth:
    """The last year's events against those of the year before, per row; tested where both years are known to nine tenths."""
    steps = max(1, round(per_year))
    wide = 2 * steps
    tail = counts[:, -wide:]
    tail = np.hstack([np.full((len(counts), wide - tail.shape[1]), np.nan), tail])
    old, new = tail[:, :steps], tail[:, steps:]
    seen = [np.isfinite(part).sum(axis=1).astype("float64") for part in (old, new)]
    sums = [np.where(np.isfinite(part), part, 0.0).sum(axis=1) for part in (old, new)]
    spread = np.maximum(poisson.dispersion(old, BLOCK), poisson.dispersion(new, BLOCK))
    enough = (seen[0] >= (FULL - 1) * steps) & (seen[1] >= (FULL - 1) * steps)
    times = [np.maximum(s, 1.0) for s in seen]
    found = poisson.ratios(sums[1], sums[0], times[1], times[0], spread)
    with np.errstate(divide="ignore", invalid="ignore"):  # ln 0 is the end of what is known, not an error
        logs = [np.where(enough, np.log(x), np.nan) for x in (found.ratio, found.low, found.high)]
    some = np.full(len(counts), np.nan)
    p = np.where(enough & (sums[0] + sums[1] > 0), found.p, np.nan)
    level = np.log(sums[1] / times[1] + 0.5)
    n = (seen[0] + seen[1]).astype("int64")
    return Growth(max(WINDOWS), n, logs[0], logs[1], logs[2], p, some, some, level, np.ones(len(counts), dtype="bool"))


def discovered(adjusted: Floats, slope: Floats) -> Flags:
    """Adjusted p-values of at most `FAMILY` with growth beyond the floor."""
    with np.errstate(invalid="ignore"):
        beyond = np.abs(percent(np.nan_to_num(slope))) >= FLOOR
    return np.asarray((np.nan_to_num(adjusted, nan=1.0) <= FAMILY) & beyond)
