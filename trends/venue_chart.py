"""The 2019 article's chart: one topic's share of the papers that mention any, venue by venue over the years.

Each line is named at its end with the ratio of its newest edition; bars are exact 95 % intervals. The house theme is
`trends.charts`'.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import altair as alt
import vl_convert
from altair.utils import schemapi

from storage.model import UsageError
from storage.periods import DAY
from trends import charts, wording
from trends.chart_frame import HEIGHT
from trends.charts import Spec
from trends.line_ends import apart, pixel
from trends.venues import Venues, Year

WIDTH = 700  # pixels of the plot; labels stand to the right of it
_EARLY = 200 * DAY  # before the newest edition of all: such a label says its year
_COLUMNS = ("venue", "t", "share", "low", "high", "words")


def rows(found: Venues) -> list[dict[str, object]]:
    """One row an edition that has a share: venue, time (ms), percent with its interval, and the counts in words."""
    first = next(iter(found.topics), "")
    told = []
    for venue, years in found.series.items():
        for year in _shown(found, years):
            share, low, high = year.share[first]
            words = f"{venue} {year.year}: " + ", ".join(f"{found.topics[t]} {n}" for t, n in year.counts.items())
            told.append(dict(zip(_COLUMNS, (venue, year.time * 1000, share, low, high, words), strict=True)))
    return told


def ends(found: Venues) -> list[dict[str, object]]:
    """One label a venue at its last edition: its name, the ratio of the first two topics, and where both stand (pixels)."""
    last = {venue: shown[-1] for venue, years in found.series.items() if (shown := _shown(found, years))}
    if not last:
        return []
    first = next(iter(found.topics))
    wanted = {venue: pixel(year.share[first][0], 0, 100) for venue, year in last.items()}
    placed, newest = apart(wanted), max(year.time for year in last.values())
    return [
        {"venue": venue, "t": year.time * 1000, "from": wanted[venue], "to": placed[venue], "text": _label(found, venue, year, newest)}
        for venue, year in last.items()
    ]


def _shown(found: Venues, years: Sequence[Year]) -> list[Year]:
    first = next(iter(found.topics), "")
    return [year for year in years if first in year.share and year.year <= found.end]


def _label(found: Venues, venue: str, year: Year, newest: int) -> str:
    name = wording.one_line(venue, 18) + (f" ’{year.year % 100:02}" if newest - year.time > _EARLY else "")
    a, b = (year.counts.get(topic) for topic in [*found.topics, "", ""][:2])
    return f"{name} {wording.ratio(a / b)}" if a and b and len(year.counts) == 2 else name


def spec(found: Venues) -> Spec:
    """The Vega-Lite spec, its data inline. Raises `UsageError` where there is nothing to draw."""
    drawn = rows(found)
    if not drawn:
        raise UsageError(f"--output: no venue has figures of two topics up to {found.end}, so there is no share to draw")
    with schemapi.debug_mode(False):
        plain: Spec = _chart(found, drawn).to_dict(validate=False)
    plain.pop("config", None)
    plain["title"] = _title(found)
    return plain


def _title(found: Venues) -> Spec:
    names = list(found.topics.values())
    rule = f", counted by the rule {found.rule}" if found.rule else ""
    pair = f" Labels: {names[0]} to {names[1]}, newest edition." if len(names) == 2 else ""
    small = f"Of papers that mention {' or '.join(names)}{rule}; bars are 95 % intervals.{pair}"
    style: Spec = {"subtitleFontSize": 12, "subtitlePadding": 5, "offset": 14, "anchor": "start", "frame": "group"}
    return {"text": f"{names[0]}’s share of papers, venue by venue", "subtitle": small} | style


def _chart(found: Venues, drawn: list[dict[str, object]]) -> alt.LayerChart:
    names = list(dict.fromkeys(str(row["venue"]) for row in drawn))
    colour = alt.Color("venue:N", legend=None, scale=alt.Scale(domain=names))
    axis = alt.Axis(title=None, grid=False, format="%Y", tickCount={"interval": "year", "step": 1})
    x = alt.X("t:T", axis=axis, scale=alt.Scale(type="utc", nice=False, padding=12))
    percent = alt.Axis(title=None, labelExpr="datum.label + ' %'", values=[0, 25, 50, 75, 100], domain=False, ticks=False)
    y = alt.Y("share:Q", axis=percent, scale=alt.Scale(domain=[0, 100], nice=False))
    base, at_end, level = (alt.Chart(alt.InlineData(values=values)) for values in (drawn, ends(found), [{"share": 50}]))
    over = level.mark_rule(strokeWidth=1.2, strokeDash=[5, 4], style="quiet").encode(y=y)
    told = level.mark_text(text="as many of each", align="left", dx=4, dy=-7, fontSize=11).encode(x=alt.value(0), y=y)
    bars = base.mark_rule(strokeWidth=1.2, opacity=0.35).encode(x=x, y=alt.Y("low:Q"), y2="high:Q", color=colour)
    lines = base.mark_line(strokeWidth=2.4, strokeCap="round", strokeJoin="round").encode(x=x, y=y, color=colour)
    points = base.mark_point(filled=True, size=42, opacity=1).encode(x=x, y=y, color=colour, description="words:N")
    leaders = at_end.mark_rule(strokeWidth=1, strokeDash=[1, 3], opacity=0.8).encode(
        x=x, x2=alt.value(WIDTH), y=alt.Y("from:Q", scale=None), y2="to:Q", color=colour
    )
    text = at_end.mark_text(align="left", baseline="middle", dx=6, fontSize=11.5, fontWeight=500)
    named = text.encode(x=alt.value(WIDTH), y=alt.Y("to:Q", scale=None), text="text:N", color=colour)
    layers = [over, *([told] if len(found.topics) == 2 else []), bars, leaders, lines, points, named]
    chart: alt.LayerChart = alt.layer(*layers, width=WIDTH, height=HEIGHT)  # type: ignore[assignment]  # no layer has facets
    return chart


def _styled(found: Venues, dark: bool) -> str:
    style = charts.config(dark=dark) | {"background": "#14171C" if dark else "#FFFFFF", "padding": 10}
    quiet = style["axis"]["labelColor"]
    style |= {"text": {"color": quiet}, "title": style["title"] | {"subtitleColor": quiet}}
    return json.dumps(spec(found) | {"config": style})


def svg(found: Venues, *, dark: bool = False) -> str:
    """The chart as an SVG document."""
    drawn: str = vl_convert.vegalite_to_svg(_styled(found, dark))
    return drawn


def png(found: Venues, *, dark: bool = False, scale: float = 2.0) -> bytes:
    """The chart as a PNG image."""
    drawn: bytes = vl_convert.vegalite_to_png(_styled(found, dark), scale=scale)
    return drawn
