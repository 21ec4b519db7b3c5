"""Simulate what trendless rows look like, and write the critical values that `trends.critical` reads.

python -m benchmarks.calibrate [--rows 20000] [--seed 1]     writes trends/data/critical_values.csv (a few minutes)

For each number of values, rows of autocorrelated noise (AR(1), Gaussian, no trend) are drawn for true autocorrelations
of 0 to 0.9 and read as real rows are: season removed, Theil–Sen line taken off, autocorrelation of the rest estimated.
``s`` is the root mean square of z among rows whose *estimated* autocorrelation is near a knot; ``q`` are quantiles of
|z| / s, the largest over the true autocorrelations up to 0.8: right for the worst of them rather than on the average.
"""

from __future__ import annotations

import argparse
import csv

import numpy as np

from trends.critical import FILE, KNOTS, LEVELS
from trends.panel import Floats
from trends.slopes import deseasonalised, lines

TRUE = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
WORST = 0.8  # the largest true autocorrelation that the quantiles are right for
PLAIN = (8, 10, 13, 18, 24, 36, 52, 78, 104)
SEASONED = {"week": (52.1775, 104, (70, 87, 104)), "month": (12.0, 24, (16, 20, 24))}


def noise(rng: np.random.Generator, rho: float, rows: int, width: int) -> Floats:
    """Rows of AR(1) noise of unit variance, in their steady state from the first value on."""
    shocks = rng.standard_normal((rows, width))
    out = np.empty((rows, width))
    out[:, 0] = shocks[:, 0]
    for t in range(1, width):
        out[:, t] = rho * out[:, t - 1] + np.sqrt(1 - rho**2) * shocks[:, t]
    return out


def thinned(rng: np.random.Generator, rows: Floats, keep: int) -> Floats:
    """Rows of which inner values are missing at random until ``keep`` are left; the first and the last stay."""
    width = rows.shape[1]
    if keep >= width:
        return rows
    order = rng.random((len(rows), width))
    order[:, [0, -1]] = -1
    gone = np.argsort(np.argsort(order, axis=1), axis=1) >= keep
    return np.where(gone, np.nan, rows)


def table(rows: int, seed: int) -> list[list[str]]:
    """Lines of the file: season, n, s at the knots, q at the levels."""
    rng = np.random.default_rng(seed)
    cases = [("none", n, 0.0, n) for n in PLAIN]
    cases += [(name, n, per_year, width) for name, (per_year, width, counts) in SEASONED.items() for n in counts]
    done = []
    for season, n, per_year, width in cases:
        z, rho, truth = [], [], []
        for true in TRUE:
            drawn = thinned(rng, noise(rng, true, rows, width), n)
            found = lines(deseasonalised(drawn, per_year)[0] if per_year else drawn)
            z.append(found.z)
            rho.append(found.rho)
            truth.append(np.full(rows, true))
        scale, quantiles = condense(np.concatenate(z), np.concatenate(rho), np.concatenate(truth))
        done.append([season, str(n), *(f"{s:.4f}" for s in scale), *(f"{q:.4f}" for q in quantiles)])
        print(season, n, np.round(scale, 2), np.round(quantiles, 2), flush=True)
    return done


def condense(z: Floats, rho: Floats, truth: Floats) -> tuple[Floats, Floats]:
    """The scale of z at each knot of estimated autocorrelation, never falling, and the worst quantiles of |z| over it."""
    knots = np.array(KNOTS)
    raw = np.full(len(knots), np.nan)
    for i, knot in enumerate(knots):
        near = np.abs(rho - knot) <= 0.05
        if near.sum() >= 400:
            raw[i] = np.sqrt(np.mean(z[near] ** 2))
    known = np.flatnonzero(np.isfinite(raw))
    scale = np.maximum.accumulate(np.interp(knots, knots[known], raw[known]))
    last, slope = known[-1], (scale[known[-1]] - scale[known[-1] - 1])
    scale[last:] = scale[last] + slope * np.arange(len(knots) - last)  # beyond what estimates reach, go on as it went
    t = np.abs(z) / np.interp(rho, knots, scale)
    quantiles = [max(float(np.quantile(t[truth == r], 1 - level)) for r in TRUE if r <= WORST) for level in LEVELS]
    return scale, np.maximum.accumulate(np.array(quantiles))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    found = table(options.rows, options.seed)
    FILE.parent.mkdir(exist_ok=True)
    with FILE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["season", "n", *(f"s{k}" for k in KNOTS), *(f"q{level}" for level in LEVELS)])
        writer.writerows(found)


if __name__ == "__main__":
    main()
