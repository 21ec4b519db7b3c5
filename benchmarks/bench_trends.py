"""What a summary of ten thousand series costs: claims from points in memory, against a loop of the known libraries.

OPENBLAS_NUM_THREADS=1 python -m benchmarks.bench_trends [--topics 1000] [--weeks 260]

One thread, as ``make bench`` has it: on few cores the threads of the linear algebra wait for one another at many small
products, and double the time of what is measured.
"""

from __future__ import annotations

import argparse
import gc
import resource
import time
import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pymannkendall
from scipy.stats import theilslopes

from benchmarks import Row
from storage.model import Basket, Cadence, Kind, Metric, Series, Topic
from storage.periods import WEEK, read_time
from trends.claims import claims
from trends.grid import WINDOWS
from trends.panel import Floats, Group, Line, Panel, Points

TOPICS, WEEKS, BASKET = 1000, 260, 10
TARGET, ROUNDS = 20.0, 3
_START = read_time("2021-11-22")
_METRICS = (
    Metric("jobs.postings", Kind.LEVEL, "postings", Cadence.WEEK, "Job postings", ""),
    Metric("pypi.downloads_30d", Kind.WINDOW, "downloads", Cadence.WEEK, "PyPI downloads", ""),
    Metric("github.stars", Kind.LEVEL, "stars", Cadence.WEEK, "GitHub stars", ""),
    Metric("wikipedia.views", Kind.FLOW, "views", Cadence.WEEK, "Wikipedia page views", ""),
    Metric("stackoverflow.questions", Kind.FLOW, "questions", Cadence.WEEK, "Questions", ""),
)
_PLACES = (("a",), ("b",))  # two places each: ten groups


def rows_of(rng: np.random.Generator, topics: int, weeks: int) -> Floats:
    """Weekly counts: a trend a topic, a season, autocorrelated noise (0.6), one step of the source."""
    noise = rng.standard_normal((topics, weeks))
    for t in range(1, weeks):
        noise[:, t] = 0.6 * noise[:, t - 1] + 0.8 * noise[:, t]
    years = np.arange(weeks) / 52.18
    season = 0.15 * np.cos(2 * np.pi * (years + rng.random((topics, 1))))
    logs = rng.normal(6, 1.5, (topics, 1)) + rng.normal(0, 0.15, (topics, 1)) * years + season + 0.12 * noise
    logs[:, : weeks // 3] += 0.6
    return np.asarray(rng.poisson(np.exp(logs)).astype("float64"))


def panel_of(topics: int, weeks: int, seed: int = 1) -> Panel:
    """A panel of as many topics in ten groups."""
    rng = np.random.default_rng(seed)
    times = _START + WEEK * np.arange(weeks, dtype="int64")
    none = np.zeros(weeks, dtype="int64")
    names = [f"t{i}" for i in range(topics)]
    groups = []
    for metric in _METRICS:
        for (place,) in _PLACES:
            labels = (("place", place),)
            counts = rows_of(rng, topics, weeks)
            if metric.name == "github.stars":
                counts = np.cumsum(counts, axis=1)
            lines = [
                Line(
                    Series(metric.name, name, labels, source=metric.family),
                    metric,
                    Points(times, row, none, none, none.astype("bool")),
                    Points.empty(),
                )
                for name, row in zip(names, counts, strict=True)
            ]
            groups.append(Group(metric, labels, tuple(lines)))
    events = pd.DataFrame({c: [] for c in ("time", "kind", "topic", "text", "url", "source")})
    present = int(times[-1]) + WEEK + 3600
    return Panel(present, None, None, tuple(names), tuple(groups), (), {}, events)


def ours(panel: Panel) -> tuple[float, int]:
    """Seconds for all claims of all baskets, and how many there are."""
    topics = {key: Topic(key, key.upper()) for key in panel.topics}
    keys = list(panel.topics)
    baskets = [Basket(f"b{i}", f"Basket {i}", tuple(keys[i : i + BASKET])) for i in range(0, len(keys), BASKET)]
    gc.collect()
    gc.freeze()  # what is given is not ours to sweep again and again
    started = time.perf_counter()
    found = claims(panel, baskets, topics)
    return time.perf_counter() - started, sum(len(basket.all()) for basket in found.baskets)


def loop(rows: Sequence[Floats]) -> float:
    """Seconds for the slope, its interval and a corrected Mann–Kendall test of each row and its windows."""
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # roots of negative variances, in the library
        for row in rows:
            logs = np.log(row + 0.5)
            for window in (*WINDOWS, len(row)):
                theilslopes(logs[-window:])
                pymannkendall.hamed_rao_modification_test(logs[-window:], lag=3)
    return time.perf_counter() - started


def summarising(topics: int = TOPICS, weeks: int = WEEKS) -> list[Row]:
    """All claims of all baskets; the loop on a hundredth of the series."""
    panel = panel_of(topics, weeks)
    series = topics * len(panel.groups)
    some = [line.points.values for group in panel.groups for line in group.lines[:: max(1, 10 * topics // 100)]]
    slow = min(loop(some) for _ in range(ROUNDS)) * series / len(some)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    fast, count = min(ours(panel) for _ in range(ROUNDS))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    whole = topics == TOPICS and weeks == WEEKS
    return [
        Row(
            "Claims from series in memory",
            f"{fast:.1f} s",
            f"{slow:.0f} s",
            slow / fast,
            f"at least {TARGET:.0f}" if whole else "",
            slow / fast >= TARGET if whole else None,
            f"{series:,} series of {weeks} weeks, {topics // BASKET} baskets, {count:,} claims, with quality, index, overtakes;"
            f" {grown:.0f} MB more; the least of {ROUNDS} rounds; against theilslopes and pymannkendall of the five years"
            f" and the three windows of each (timed on {len(some)} series)",
        )
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--topics", type=int, default=TOPICS)
    parser.add_argument("--weeks", type=int, default=WEEKS)
    options = parser.parse_args()
    for row in summarising(options.topics, options.weeks):
        print(row)


if __name__ == "__main__":
    main()
