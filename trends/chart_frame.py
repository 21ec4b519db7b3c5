"""What stands around a chart's lines: the coverage of each week, events, and where measuring took over from imports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from storage.model import read_labels
from storage.periods import WEEK
from trends import readings, wording
from trends.marks import KIND as QUALITY
from trends.marks import on_chart
from trends.panel import Group, Ints, Panel, comparable

HEIGHT = 300  # pixels of a chart's plot
COVERAGE = ("source", "metric", "topic", "labels", "week", "outcome", "count")


def strip(panel: Panel, group: Group, topics: Sequence[str], coverage: pd.DataFrame | None, first: int) -> str:
    """Spans of weeks with the same outcome: what was measured, recovered, doubtful, missing, or imported."""
    weeks = np.arange(first - (first - 4 * 86400) % WEEK, panel.present, WEEK)
    counts: dict[int, dict[str, int]] = {}
    if coverage is not None and len(coverage):
        mine = coverage[(coverage["metric"] == group.metric.name) & coverage["topic"].isin(topics)]
        mine = mine[np.array([comparable(read_labels(text)) == group.labels for text in mine["labels"]], dtype=bool)]
        sums = mine.groupby(["week", "outcome"], as_index=False)["count"].sum()
        for week, outcome, count in zip(sums["week"].tolist(), sums["outcome"].tolist(), sums["count"].tolist(), strict=True):
            counts.setdefault(int(week), {})[str(outcome)] = int(count)
    _add_known(counts, group, topics, weeks)
    spans: list[list[object]] = []
    for week in weeks.tolist():
        found = counts.get(week)
        if not found:
            continue
        said = _outcome(found)
        if spans and spans[-1][1] == week and spans[-1][2:] == said:
            spans[-1][1] = week + WEEK
        else:
            spans.append([week, week + WEEK, *said])
    return pd.DataFrame(spans, columns=["a", "b", "o", "p", "w"]).to_csv(index=False, lineterminator="\n")


def _add_known(counts: dict[int, dict[str, int]], group: Group, topics: Sequence[str], weeks: Ints) -> None:
    """Weeks of which nobody reported but figures exist: imported ones stand for their own period."""
    for topic in topics:
        for line in group.of(topic):
            pace = readings.pace(group.metric, line.points.times) if len(line.points) else WEEK
            i = np.searchsorted(line.points.times, weeks + WEEK) - 1  # the last point before each week's end
            for week, at in zip(weeks.tolist(), i.tolist(), strict=True):
                if at >= 0 and week < int(line.points.times[at]) + pace:
                    found = counts.setdefault(week, {})
                    if not set(found) - {"imported", "known"}:
                        key = "imported" if line.imported else "known"
                        found[key] = found.get(key, 0) + 1


_WORDS = {"suspect": "doubtful", "known": "measured", "open": "still running"}
_ORDER = ("measured", "known", "recovered", "imported", "suspect", "missing", "open")


def _outcome(found: Mapping[str, int]) -> list[object]:
    """The outcome that colours a week (the worst), its part of all, and the words for the tooltip."""
    whole = sum(found.values())
    worst = next(o for o in ("missing", "suspect", "open", "recovered", "measured", "known", "imported", *found) if o in found)
    if worst in {"known", "imported"}:
        return ["measured" if worst == "known" else "imported", 1.0, "imported figures" if worst == "imported" else "measured"]
    words = "; ".join(f"{found[o]} {_WORDS.get(o, o)}" for o in _ORDER if o in found)
    return [worst, round(found[worst] / whole, 1) if worst in {"missing", "suspect"} else 1.0, words]


def events(panel: Panel, group: Group, titles: Mapping[str, str], first: int) -> list[dict[str, object]]:
    """Events of the basket's topics and those without a topic: time (ms), words, and from which pixel to which they are drawn.

    What is noted about figures themselves stands on their chart alone. Where events are many, only a user's own notes are
    drawn in full height.
    """
    known = panel.events[(panel.events["time"] >= first) & panel.events["topic"].isin([*titles, ""])]
    columns = (known[name].tolist() for name in ("time", "kind", "topic", "text"))
    said = [(t, kind, topic, on_chart(text, group.key) if kind == QUALITY else text) for t, kind, topic, text in zip(*columns, strict=True)]
    mine = [event for event in said if event[-1]]
    few = len(mine) <= 30
    return [
        {"t": time * 1000, "w": f"{titles[topic]}: {text}" if topic else text, "top": 0, "foot": HEIGHT if few or kind == "note" else 14}
        for time, kind, topic, text in mine
    ]


def seams(group: Group, titles: Mapping[str, str]) -> list[dict[str, object]]:
    """From when on figures are measured here that were imported before, one mark a day."""
    days: dict[int, list[str]] = {}
    for topic, title in titles.items():
        at = group.splice(topic)
        if at is not None:
            days.setdefault(at - at % 86400, []).append(title)
    words = "Measured here from this day on, imported before"
    return [{"t": t * 1000, "w": f"{words}: {wording.listed(names, 12)}"} for t, names in sorted(days.items())]
