"""The ratio chart of conference papers: of the papers that mention any, what part mentions one, with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import altair as alt


def ratio_spec(series: Mapping[str, Sequence[Any]], topic: str, title: str) -> dict[str, Any] | None:
    """A Vega-Lite spec: a line a venue, an upright for each 95 % interval; venues of a year stand side by side.

    None where no edition mentions the topic.
    """
    venues = sorted(series)
    rows = [
        {"venue": venue, "x": (datetime(year.year, 7, 1, tzinfo=UTC) + _aside(venues.index(venue), len(venues))).isoformat()}
        | {"year": year.year, "y": year.share[topic][0], "low": year.share[topic][1], "high": year.share[topic][2]}
        | {"n": year.counts[topic], "all": sum(year.counts.values())}
        for venue, years in series.items()
        for year in years
        if topic in year.share
    ]
    if not rows:
        return None
    told = [
        alt.Tooltip("venue:N", title="Venue"),
        alt.Tooltip("year:Q", title="Year"),
        alt.Tooltip("y:Q", title="Share, %", format=".1f"),
        alt.Tooltip("low:Q", title="at least, %", format=".1f"),
        alt.Tooltip("high:Q", title="at most, %", format=".1f"),
        alt.Tooltip("n:Q", title="Mentions"),
        alt.Tooltip("all:Q", title="of"),
    ]
    ends = [f"{edge}T00:00:00+00:00" for edge in (f"{min(r['year'] for r in rows)}-01-01", f"{max(r['year'] for r in rows) + 1}-01-01")]
    x = alt.X(
        "x:T",
        title=None,
        scale=alt.Scale(type="utc", domain=ends),
        axis=alt.Axis(format="%Y", tickCount="year", grid=False, labelAlign="left"),
    )
    axis = alt.Axis(
        labelExpr="datum.label + ' %'", titleAngle=0, titleAlign="left", titleAnchor="end", titleX=0, titleY=-9, titleBaseline="bottom"
    )
    scale = alt.Scale(domain=[0, 100])
    colour = alt.Color(
        "venue:N", scale=alt.Scale(domain=venues), legend=alt.Legend(title=None, orient="bottom", columns=6, symbolOpacity=1)
    )
    base = alt.Chart(alt.NamedData(name="figures")).encode(x=x, color=colour)
    words = f"{title}: % of all mentions"
    reach = base.mark_rule(strokeWidth=1.4, opacity=0.5, tooltip=None).encode(
        y=alt.Y("low:Q", title=words, scale=scale, axis=axis), y2="high:Q"
    )
    line = base.mark_line(strokeWidth=2.4).encode(y=alt.Y("y:Q", title=words, scale=scale, axis=axis))
    marks = base.mark_point(filled=True, size=46).encode(y=alt.Y("y:Q", title=words, scale=scale, axis=axis), tooltip=told)
    chart = alt.layer(reach, line, marks, width="container", height=300, autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))
    plain: dict[str, Any] = chart.properties(description=f"{words}, by venue and year").to_dict(validate=False)
    plain.pop("config", None)
    plain["datasets"] = {"figures": rows}
    return plain


def _aside(place: int, count: int) -> timedelta:
    """How far from the middle of its year a venue stands."""
    return timedelta(days=(place - (count - 1) / 2) * 200 / max(count, 1))


__all__ = ["ratio_spec"]
