"""What is seen in a chart, in words: only of what is drawn there."""

from __future__ import annotations

from storage.model import Kind, Metric
from trends.bands import by_chance
from trends.chart_data import MOST, ChartData

BAND = "Bands are 95 % intervals: what chance, and the scatter of the counts beside it, leave open. Bounds and estimates have none."
_MARKS = {
    "imported": "thin lines with hollow points are imported figures",
    "at least": "▲ means at least: how many more is not known",
    "estimate": "◆ is an estimate",
    "held back": "✕ is a doubtful figure that is used in nothing",
}


def legend(data: ChartData, metric: Metric) -> list[str]:
    """Sentences that say how sure the lines are, and what the marks mean."""
    marks = "; ".join(words for mark, words in _MARKS.items() if mark in data.marks)
    told = [_sure(data, metric)] + ([marks[0].upper() + marks[1:] + "."] if marks else [])
    if data.seams:
        told.append("A dashed upright line: measured here from that day on.")
    if data.events:
        told.append("Dotted upright lines: what happened.")
    return told


def _sure(data: ChartData, metric: Metric) -> str:
    if data.banded:
        return BAND
    if metric.kind in {Kind.SHARE, Kind.INDEX}:
        return "No bands: how sure such a percentage is, is not known here."
    if by_chance(metric) and len(data.shown) > MOST:
        return f"No bands among more than {MOST} lines: choose some of them."
    if by_chance(metric):
        return "No bands: only bounds and estimates are known."
    return "No bands: this is counted in full, chance has no part in it."


__all__ = ["BAND", "legend"]
