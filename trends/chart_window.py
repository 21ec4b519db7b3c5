"""A chart over a part of its time, or as an index that is 100 at a date: made of a chart's own figures, nothing is read again.

Shares are those of the whole basket over the whole time, so that a cut cannot change them.
"""

from __future__ import annotations

import io
from collections.abc import Collection
from dataclasses import replace

import numpy as np
import pandas as pd

from trends import bands, wording
from trends.chart_data import ChartData, _csv, _ends, _marks, _ranges, banded_modes
from trends.readings import nearest

NEAR = 45 * 86400  # seconds within which a figure stands for the date that an index begins at


def figures_of(data: ChartData) -> pd.DataFrame:
    """The figures of a chart, as `trends.chart_data.ChartData` describes them."""
    return pd.read_csv(io.StringIO(data.figures))


def within(data: ChartData, start: int | None = None, end: int | None = None) -> ChartData | None:
    """The chart from one time to another (epoch seconds, both included); None where nothing is left to draw."""
    if start is None and end is None:
        return data
    low = data.domain[0] if start is None else start
    high = data.domain[1] if end is None else min(end, data.domain[1])
    frame = figures_of(data)
    kept = frame[(frame["t"] >= low) & (frame["t"] <= high)].reset_index(drop=True)
    if not (kept["x"] == 0).any() or low >= high:
        return None
    cut = _remade(data, kept, (max(low, data.domain[0]), high))
    strip = pd.read_csv(io.StringIO(data.strip))
    strip = strip[(strip["b"] > cut.domain[0]) & (strip["a"] < high)]
    return replace(
        cut,
        strip=strip.to_csv(index=False, lineterminator="\n"),
        events=tuple(e for e in data.events if cut.domain[0] * 1000 <= _time(e) <= high * 1000),
        seams=tuple(e for e in data.seams if cut.domain[0] * 1000 <= _time(e) <= high * 1000),
    )


def _time(mark: dict[str, object]) -> int:
    return int(str(mark["t"]))


def common_start(data: ChartData) -> int:
    """The first time at which every topic of a chart has a figure: where an index begins if nobody says otherwise."""
    good = _good(figures_of(data))
    return int(good.groupby("k")["t"].min().max())


def indexed(data: ChartData, at: int) -> tuple[ChartData, tuple[str, ...]] | None:
    """The chart with each topic's figure nearest to a time (epoch s) as 100, and the topics that have none near it.

    None where no topic has one. A figure of zero is nothing to divide by.
    """
    frame, bases = figures_of(data), {}
    for k, part in _good(frame).groupby("k"):
        times = part["t"].to_numpy("int64")
        i = nearest(times, at, NEAR)
        if i is not None and float(part["v"].iloc[i]) > 0:
            bases[k] = float(part["v"].iloc[i])
            if "l" in frame:  # NaN where the base or the figure has no interval
                frame.loc[part.index, ["l", "h"]] = np.array(bands.index(part["v"].to_numpy("float64"), part["w"].to_numpy("float64"), i)).T
    if not bases:
        return None
    missing = tuple(data.topics[k] for k in data.shown if k not in bases)
    kept = frame[frame["k"].isin(bases)].reset_index(drop=True)
    kept["v"] = (100 * kept["v"] / kept["k"].map(bases)).round(3)
    made = _remade(replace(data, unit=f"index, {wording.date(at)} = 100"), kept, data.domain)
    left = {mode: r for mode, r in made.ranges.items() if mode != "share"}
    return replace(made, ranges=left, banded=made.banded - {"share"}), missing


def only(data: ChartData, topics: Collection[int]) -> ChartData | None:
    """The chart with some of its topics (by number); they keep their colours, and shares are still those of the whole basket.

    None where there is nothing of them.
    """
    frame = figures_of(data)
    kept = frame[frame["k"].isin(list(topics))].reset_index(drop=True)
    return _remade(data, kept, data.domain) if (kept["x"] == 0).any() else None


def without_events(data: ChartData) -> ChartData:
    return replace(data, events=())


def _good(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["x"] == 0].sort_values("t")


def _remade(data: ChartData, frame: pd.DataFrame, domain: tuple[int, int]) -> ChartData:
    """The chart with other figures: what follows from them is made anew."""
    good = frame[frame["x"] == 0]
    ranges = _ranges(good)
    zeros = int((good["v"] <= 0).sum()) if "log" in ranges else 0
    ends = tuple(_ends(good, list(data.topics), ranges, domain))
    shown = tuple(sorted(set(good["k"].tolist())))
    kept = {"marks": _marks(frame), "banded": banded_modes(good), "ranges": ranges, "zeros": zeros}
    return replace(data, figures=_csv(frame), ends=ends, shown=shown, domain=domain, **kept)  # type: ignore[arg-type]  # each its own


__all__ = ["common_start", "figures_of", "indexed", "only", "within", "without_events"]
