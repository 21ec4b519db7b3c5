"""What a digest shows beside its lines: the charts of its biggest news, and the page behind each of its series."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from storage.model import Series
from trends import charts, readings, wording
from trends.chart_data import chart_data
from trends.digest_html import Chart
from trends.digest_model import Digest, Link
from trends.mail import Picture
from trends.panel import Group, Panel, comparable
from trends.report import link

WIDTH = 460  # pixels that a chart is drawn for: its letters can still be read on a phone, and are not huge at 584
SCALE = 1.5
MOST = 7  # topics in the charts: those that the lines are about, then the largest


def pictures(panel: Panel, digest: Digest, titles: Mapping[str, str]) -> list[Chart]:
    """The charts of a digest, drawn for light and for dark paper, a topic in one colour in all of them.

    A group that is gone, or has one figure, has none.
    """
    groups = {group.key: group for group in panel.groups}
    wanted = [groups[key] for key in digest.charts if key in groups]
    told = [Series.parse(name).topic for line in digest.lines for name in line.series]
    shown = _shown(panel, wanted, told, titles)
    return [chart for group in wanted if (chart := _chart(panel, group, shown)) is not None]


def _shown(panel: Panel, groups: Sequence[Group], told: Sequence[str], titles: Mapping[str, str]) -> dict[str, str]:
    """Topic → title of the lines of all charts: those that are spoken of first, then the largest."""
    sizes: dict[str, float] = {}
    for group in groups:
        last = {t: float(p.values[-1]) for t in titles if len(p := readings.final(group.metric, group.reading(t), panel.present))}
        whole = sum(last.values()) or 1.0
        for topic, value in last.items():
            sizes[topic] = max(sizes.get(topic, 0.0), value / whole)
    ordered = [*(t for t in told if t in sizes), *sorted(sizes, key=lambda t: -sizes[t])]
    keep = set(list(dict.fromkeys(ordered))[:MOST])
    return {t: title for t, title in titles.items() if t in keep}


def _chart(panel: Panel, group: Group, titles: Mapping[str, str]) -> Chart | None:
    data = chart_data(panel, group, titles)
    if data is None:
        return None
    name = "chart-" + hashlib.sha256(group.key.encode()).hexdigest()[:12]
    alt = _alt(panel, group, titles)
    light, dark = (charts.png(data, width=WIDTH, scale=SCALE, dark=night) for night in (False, True))
    return Chart(Picture(name, light, alt, WIDTH), Picture(f"{name}-dark", dark, alt, WIDTH), data.title)


def _alt(panel: Panel, group: Group, titles: Mapping[str, str]) -> str:
    """What is seen, for whoever does not see it: the latest figure of each line, the largest first."""
    last = {}
    for topic, title in titles.items():
        points = readings.final(group.metric, group.reading(topic), panel.present)
        if len(points):
            last[title] = (float(points.values[-1]), int(points.times[-1]))
    parts = [f"{title} {wording.short(value)}" for title, (value, _) in sorted(last.items(), key=lambda item: -item[1][0])]
    newest = max((time for _, time in last.values()), default=panel.present)
    heading = wording.title_of(group.metric, group.labels)
    return wording.one_line(f"Chart of {heading} over time. Latest, {wording.day(newest)}: {', '.join(parts)}.")


def links(panel: Panel, names: Iterable[str], titles: Mapping[str, str]) -> dict[str, tuple[Link, ...]]:
    """Series name → the page that its newest figure was read from, or where it was published."""
    lines = {str(line.series): (group, line) for group in panel.groups for line in group.lines}
    found: dict[str, tuple[Link, ...]] = {}
    for name in dict.fromkeys(names):
        group, line = lines.get(name) or _same(panel, name)
        if group is None or line is None or not len(line.points):
            continue
        url = link(panel.evidence_of(int(line.points.evidence[-1])))
        if url:
            topic = titles.get(line.series.topic, line.series.topic)
            found[name] = (Link(wording.one_line(f"{topic}, {wording.title_of(group.metric, group.labels)}"), url),)
    return found


def _same(panel: Panel, name: str):  # type: ignore[no-untyped-def]  # (Group, Line) or (None, None)
    """The newest line of a topic in the group of a series that goes by another origin."""
    wanted = Series.parse(name)
    for group in panel.groups:
        if (group.metric.name, group.labels) == (wanted.metric, comparable(wanted.labels)):
            found = [line for line in group.of(wanted.topic) if len(line.points)]
            if found:
                return group, found[-1]
    return None, None
