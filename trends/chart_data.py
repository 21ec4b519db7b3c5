"""What a chart draws, as plain values: compact columns, line ends with their labels, the coverage strip, events.

Nothing is invented here: a gap stays a gap (`trends.readings.runs`), and a share of the basket is only given where
what is missing from it cannot matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from storage.model import Bound, Cadence, Kind
from storage.periods import WEEK
from trends import readings, wording
from trends.chart_frame import events, seams, strip
from trends.line_ends import apart, pixel
from trends.panel import Evidence, Floats, Group, Ints, Panel, Points, summable

SMALL = 2.0  # percent of the basket that may be missing from a share, which then is an estimate
SPARSE = 40  # points per line up to which each is drawn


@dataclass(frozen=True, slots=True)
class ChartData:
    """One chart.

    ``figures`` is CSV with a head: topic number k, time t (epoch s), value v, share s, runs r and q (by value, by share),
    bound b, imported o, evidence number e, drawn mark m, held back x; ``marks`` says which kinds of marks there are.
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


def chart_data(panel: Panel, group: Group, titles: Mapping[str, str], coverage: pd.DataFrame | None = None) -> ChartData | None:
    """The chart of a group over a basket's topics (key → title, in order); None where no topic has two values to draw."""
    drawn = {topic: drawn_points(group, panel, topic) for topic in titles}
    if not any(len(p) > 1 for p in drawn.values()):
        return None
    shares = shares_of(group, {t: p for t, p in drawn.items() if len(p)})
    keys, rows, cited = list(titles), [], _Numbered()
    sparse = max(len(p) for p in drawn.values()) <= SPARSE
    for topic, points in drawn.items():
        rows.append(_rows(panel, group, keys.index(topic), points, cited=cited, shares=shares.get(topic), sparse=sparse))
        for line in group.of(topic):
            held = line.suspects
            rows.append(_rows(panel, group, keys.index(topic), held, cited=cited, held_back=True))
    frame = pd.concat([r for r in rows if len(r)], ignore_index=True)
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
    return plain.to_csv(index=False, lineterminator="\n")


def _marks(frame: pd.DataFrame) -> frozenset[str]:
    drawn = frame[(frame["m"] == 1) & (frame["x"] == 0)]
    names = {"imported": (drawn["o"] == 1).any(), "measured": (drawn["o"] == 0).any(), "held back": (frame["x"] == 1).any()}
    return frozenset(name for name, there in names.items() if there)


def drawn_points(group: Group, panel: Panel, topic: str) -> Points:
    points = readings.final(group.metric, group.reading(topic), panel.present)
    return readings.weeks(group.metric, points) if len(points) and readings.by_week(group.metric, points) else points


def _weekly(group: Group) -> bool:
    return summable(group.metric) and group.metric.cadence in {Cadence.HOUR, Cadence.DAY}


def unit_of(group: Group) -> str:
    """The unit of a chart's axis: ``stars``, ``postings per month``."""
    unit = group.metric.unit or "count"
    return f"{unit} per {'week' if _weekly(group) else group.metric.cadence}" if summable(group.metric) else unit


def _format(group: Group) -> str:
    if _weekly(group) or (summable(group.metric) and group.metric.cadence is Cadence.WEEK):
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
    runs = _runs(group, points)
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


def _runs(group: Group, points: Points) -> Ints:
    """Where lines break: at gaps by each part's own pace, and where imported figures end and measured ones begin."""
    result = np.zeros(len(points), dtype="int64")
    for imported in (False, True):
        mine = points.imported == imported
        if mine.any():
            times = points.times[mine]
            usual = max(readings.pace(group.metric, times), WEEK if _weekly(group) else 0, _median(times))
            result[mine] = readings.runs(times, usual)
    return result


def _median(times: Ints) -> float:
    return float(np.median(np.diff(times))) if len(times) > 1 else 0.0


def shares_of(group: Group, drawn: Mapping[str, Points]) -> dict[str, tuple[Floats, Ints]]:
    """Per topic: its share of the basket (percent, NaN where unknown) and the runs of its share's line.

    As in the summary, a level counts until it is older than two of its own periods. A topic is in play from its
    first to its last value; where one in play has no such figure its last one tells how much is missing: under `SMALL`
    percent the share is given without it, else there is none. A line breaks where a topic of more than that enters
    or leaves the basket.
    """
    if len(drawn) < 2 or group.metric.kind in {Kind.SHARE, Kind.INDEX}:
        return {}
    columns = {t: pd.Series(p.values, index=readings.buckets(group.metric, p.times)) for t, p in drawn.items()}
    table = pd.DataFrame({t: c[~c.index.duplicated(keep="last")] for t, c in columns.items()}).sort_index()
    known = table.ffill().where(table.bfill().notna())  # in play: some value before and some after
    stands = table if summable(group.metric) else table.fillna(_still_fresh(group, drawn, table))
    whole = stands.sum(axis=1)
    missing = known.where(stands.isna()).sum(axis=1)
    sound = (whole > 0) & (100 * missing <= SMALL * (whole + missing)) & (known.notna().sum(axis=1) > 1)
    share = table.div(whole, axis=0).mul(100).where(sound, other=np.nan)
    moved = _composition(known, whole)
    result = {}
    for topic, points in drawn.items():
        at = readings.buckets(group.metric, points.times)
        runs = _runs(group, points) + moved.reindex(at).fillna(0).to_numpy("int64") * 1000
        result[topic] = (share[topic].reindex(at).to_numpy("float64"), runs)
    return result


def _still_fresh(group: Group, drawn: Mapping[str, Points], table: pd.DataFrame) -> pd.DataFrame:
    """Per topic the last value, for as long as it is not stale and another follows."""
    at = pd.Series(table.index, index=table.index)
    filled = {}
    for topic, points in drawn.items():
        column = table[topic]
        age = at - at.where(column.notna()).ffill()
        filled[topic] = column.ffill().where((age <= 2 * readings.pace(group.metric, points.times)) & column.bfill().notna())
    return pd.DataFrame(filled)


def _composition(known: pd.DataFrame, whole: pd.Series) -> pd.Series:
    """A number that grows whenever a topic of weight enters or leaves the basket."""
    present = known.notna()
    weight = known.div(whole.where(whole > 0), axis=0).mul(100)
    changed = present.ne(present.shift(fill_value=False)) & (weight.fillna(0).combine(weight.shift().fillna(0), np.maximum) > SMALL)
    return changed.any(axis=1).cumsum()


def _ranges(good: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """The vertical range of each mode that can be drawn."""
    low, high = min(0.0, float(good["v"].min())), float(good["v"].max())
    found = {"absolute": (low, high * 1.04 if high > low else low + 1)}
    share = good["s"].dropna()
    if len(share) > 1:
        found["share"] = (0.0, min(100.0, float(share.max()) * 1.04 or 1.0))
    positive = good["v"][good["v"] > 0]
    if len(positive) > 1 and positive.min() < positive.max():
        found["log"] = (float(positive.min()) / 1.15, float(positive.max()) * 1.15)
    return found


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
