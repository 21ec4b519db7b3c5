"""What a chart draws, as plain values: compact columns, line ends with their labels, the coverage strip, events.

Nothing is invented here: a gap stays a gap (`trends.readings.runs`), and a share of the basket is only given where
what is missing from it cannot matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from storage.model import Bound, Cadence
from trends import bands, readings, wording
from trends.chart_frame import events, seams, strip
from trends.chart_share import intervals_of, parts_of, shares_of
from trends.line_ends import apart, pixel
from trends.panel import Evidence, Floats, Group, Ints, Panel, Points, summable

BANDS = {"absolute": ("l", "h"), "share": ("f", "g"), "log": ("l", "h")}  # columns of intervals by mode
MOST = 12  # lines among which bands can be told apart
CLEAR = 1.6  # times the highest value that an interval may raise the top of a chart to
SPARSE = 40  # points per line up to which each is drawn


@dataclass(frozen=True, slots=True)
class ChartData:
    """One chart.

    ``figures`` is CSV with a head: topic number k, time t (epoch s), value v, share s, runs r and q (by value, by share),
    bound b, imported o, evidence number e, drawn mark m, held back x; where any figure has a 95 % interval also that of its
    value (l, h) and of its share (f, g), and how many times Poisson's its scatter is (w). ``marks`` says which kinds of marks
    there are, ``banded`` which modes have intervals.
    ``ends``: one label per topic with its pixel by mode. ``strip``: see `trends.chart_frame.strip`. ``domain``: first
    and last time (epoch s). ``ranges``: lowest and highest value by mode. ``shown``: numbers of the topics with figures.
    """

    key: str
    title: str
    unit: str
    topics: tuple[str, ...]
    shown: tuple[int, ...]
    figures: str
    marks: frozenset[str]
    banded: frozenset[str]
    evidence: tuple[str, ...]
    ends: tuple[dict[str, object], ...]
    strip: str
    events: tuple[dict[str, object], ...]
    seams: tuple[dict[str, object], ...]
    domain: tuple[int, int]
    ranges: Mapping[str, tuple[float, float]]
    period: str  # d3 time format of a point's date
    zeros: int  # how many values cannot be drawn on a log scale

    @property
    def modes(self) -> tuple[str, ...]:
        return tuple(mode for mode in ("absolute", "share", "log") if mode in self.ranges)


def chart_data(
    panel: Panel, group: Group, titles: Mapping[str, str], coverage: pd.DataFrame | None = None, *, shown: int | None = None
) -> ChartData | None:
    """The chart of a group over a basket's topics (key → title, in order); None where no topic has two values to draw.

    Of at most `MOST` topics it has intervals; ``shown`` says how many will be left (`trends.chart_window.only`), if not all.
    """
    drawn = {topic: drawn_points(group, panel, topic) for topic in titles}
    if not any(len(p) > 1 for p in drawn.values()):
        return None
    filled = {t: p for t, p in drawn.items() if len(p)}
    parts = parts_of(group, filled)
    shares = shares_of(group, filled, parts)
    banded = bands.by_chance(group.metric) and (shown or len(filled)) <= MOST
    sure = intervals_of(group, filled, parts) if banded and parts is not None else {}
    keys, rows, cited = list(titles), [], _Numbered()
    sparse = max(len(p) for p in drawn.values()) <= SPARSE
    for topic, points in drawn.items():
        rows.append(_rows(panel, group, keys.index(topic), points, cited=cited, shares=shares.get(topic), sparse=sparse))
        if len(points) and banded:
            rows[-1] = _banded(rows[-1], points, sure.get(topic))
        for line in group.of(topic):
            held = line.suspects
            rows.append(_rows(panel, group, keys.index(topic), held, cited=cited, held_back=True))
    frame = pd.concat([r for r in rows if len(r)], ignore_index=True)
    if "l" in frame and not frame["l"].notna().any():
        frame = frame.drop(columns=["l", "h", "f", "g", "w"])
    good = frame[frame["x"] == 0]
    ranges = _ranges(good)
    first = int(good["t"].min())
    return ChartData(
        group.key,
        wording.title_of(group.metric, group.labels),
        unit_of(group),
        tuple(titles.values()),
        tuple(sorted(set(good["k"].tolist()))),
        _csv(frame),
        _marks(frame),
        banded_modes(frame),
        tuple(cited.texts),
        tuple(_ends(good, list(titles.values()), ranges, (first, panel.present))),
        strip(panel, group, list(titles), coverage, first),
        tuple(events(panel, group, titles, first)),
        tuple(seams(group, titles)),
        (first, panel.present),
        ranges,
        _format(group),
        int((good["v"] <= 0).sum()) if "log" in ranges else 0,
    )


def _csv(frame: pd.DataFrame) -> str:
    """Columns as text; whole values without their ``.0``, which would be a fifth of the page."""
    whole = (frame["v"] % 1 == 0).all()
    plain = frame.astype({"v": "int64"}) if whole else frame
    if "l" in frame:
        rounded = {c: frame[c].map(lambda x: "" if pd.isna(x) else f"{x:.4g}") for c in ("l", "h", "f", "g", "w")}
        plain = plain.assign(**rounded)
    return plain.to_csv(index=False, lineterminator="\n")


def _marks(frame: pd.DataFrame) -> frozenset[str]:
    drawn = frame[(frame["m"] == 1) & (frame["x"] == 0)]
    names = {"imported": (drawn["o"] == 1).any(), "measured": (drawn["o"] == 0).any(), "held back": (frame["x"] == 1).any()}
    names |= {"at least": (drawn["b"] == Bound.AT_LEAST).any(), "estimate": (drawn["b"] == Bound.ESTIMATE).any()}
    return frozenset(name for name, there in names.items() if there)


def banded_modes(frame: pd.DataFrame) -> frozenset[str]:
    """The modes in which some figure of a chart has an interval."""
    return frozenset(mode for mode, (low, _) in BANDS.items() if low in frame and frame[low].notna().any())


def _banded(rows: pd.DataFrame, points: Points, share: tuple[Floats, Floats] | None) -> pd.DataFrame:
    """Rows with the intervals of their figures; what is a bound or an estimate has none."""
    exact = points.bounds == Bound.EXACT
    counts = np.where(exact, points.values, np.nan)
    spread = bands.scatter(counts, rows["r"].to_numpy("int64"))
    low, high = bands.rate(counts, spread)
    none = np.full(len(rows), np.nan)
    below, above = share if share is not None else (none, none)
    return rows.assign(l=low, h=high, f=below, g=above, w=np.where(exact, spread, np.nan))


def drawn_points(group: Group, panel: Panel, topic: str) -> Points:
    points = readings.final(group.metric, group.reading(topic), panel.present)
    return readings.weeks(group.metric, points) if len(points) and readings.by_week(group.metric, points) else points


def unit_of(group: Group) -> str:
    """The unit of a chart's axis: ``stars``, ``postings per month``."""
    unit = group.metric.unit or "count"
    return f"{unit} per {'week' if readings.weekly(group.metric) else group.metric.cadence}" if summable(group.metric) else unit


def _format(group: Group) -> str:
    if readings.weekly(group.metric) or (summable(group.metric) and group.metric.cadence is Cadence.WEEK):
        return "week of %-d %b %Y"
    return "%B %Y" if summable(group.metric) and group.metric.cadence in {Cadence.MONTH, Cadence.YEAR} else "%-d %b %Y"


class _Numbered:
    """Texts with a number each, in the order in which they were first met."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._numbers: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        if text not in self._numbers:
            self._numbers[text] = len(self.texts)
            self.texts.append(text)
        return self._numbers[text]


def evidence_words(evidence: Evidence) -> str:
    """One line: the citation, or the page without its long query."""
    if evidence.text:
        return evidence.text
    return evidence.url if len(evidence.url) <= 120 else evidence.url[:117] + "…"


def _rows(
    panel: Panel,
    group: Group,
    k: int,
    points: Points,
    *,
    cited: _Numbered,
    shares: tuple[Floats, Ints] | None = None,
    sparse: bool = True,
    held_back: bool = False,
) -> pd.DataFrame:
    n = len(points)
    runs = readings.line_runs(group.metric, points)
    alone = np.bincount(runs, minlength=1)[runs] == 1 if n else np.array([], dtype="bool")
    marked = alone | (points.bounds != Bound.EXACT) | sparse
    share, share_runs = shares if shares is not None and n else (np.full(n, np.nan), runs)
    evidence = [cited(evidence_words(panel.evidence_of(int(e)))) for e in points.evidence]
    return pd.DataFrame(
        {
            "k": np.full(n, k),
            "t": points.times,
            "v": points.values,
            "s": np.round(share, 3),
            "r": runs,
            "q": share_runs,
            "b": points.bounds,
            "o": points.imported.astype("int64"),
            "e": np.array(evidence, dtype="int64"),
            "m": marked.astype("int64"),
            "x": np.full(n, int(held_back)),
        }
    )


def _ranges(good: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """The vertical range of each mode that can be drawn."""
    low, high = min(0.0, float(good["v"].min())), float(good["v"].max())
    top = _top(good, "h", high)
    found = {"absolute": (low, top * 1.04 if top > low else low + 1)}
    share = good["s"].dropna()
    if len(share) > 1:
        found["share"] = (0.0, min(100.0, _top(good, "g", float(share.max())) * 1.04 or 1.0))
    positive = good["v"][good["v"] > 0]
    if len(positive) > 1 and positive.min() < positive.max():
        found["log"] = (float(positive.min()) / 1.15, float(_top(good, "h", float(positive.max()))) * 1.15)
    return found


def _top(good: pd.DataFrame, column: str, highest: float) -> float:
    """The highest end of an interval, where that does not press the lines down too much."""
    ends = good[column].dropna() if column in good else pd.Series(dtype="float64")
    return max(highest, min(float(ends.max()), CLEAR * highest)) if len(ends) else highest


def _ends(
    good: pd.DataFrame, titles: list[str], ranges: Mapping[str, tuple[float, float]], domain: tuple[int, int]
) -> list[dict[str, object]]:
    """A label for the end of each line, moved apart where they would touch. Lines that end early say when."""
    last = good.sort_values("t").groupby("k").last()
    late = domain[1] - 0.12 * (domain[1] - domain[0])
    ends: list[dict[str, object]] = []
    for k, row in last.iterrows():
        early = row["t"] < late
        name = titles[int(str(k))]
        name = name if len(name) <= 18 else name[:17] + "…"
        ends.append({"k": k, "text": f"{name} ’{wording.date(int(row['t']))[2:4]}" if early else name})
    for mode, (low, high) in ranges.items():
        column = "s" if mode == "share" else "v"
        valid = good.dropna(subset=[column]).sort_values("t").groupby("k")[column].last()
        wanted = {k: pixel(float(v), low, high, log=mode == "log") for k, v in valid.items() if mode != "log" or v > 0}
        placed = apart(wanted)
        for end in ends:
            end[mode] = placed.get(end["k"])
    return ends
