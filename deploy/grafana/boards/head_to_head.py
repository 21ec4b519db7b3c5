"""Head-to-head: two technologies, ratio by source, crossings, releases."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard as d
from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue as Value

from deploy.grafana import frame, kit, palette
from deploy.grafana.queries import SIGNALS, Figure, InfluxQL, alias, chosen, equals, line, ratio, tags, where

RATIOS = [f for f in SIGNALS if f.metric != "google_trends.interest"]  # its zeros are roundings, no figures to divide by
PAIR = f"{chosen('topic', 'first')} OR {chosen('topic', 'second')}"
_NEAR = 1.05  # nearer to one another than this is called a tie
_MANY = "ABCDEFGHIJKLM"


def dashboard(_: Sequence[str]) -> d.Dashboard:
    board = frame.series_dashboard(
        "uptake-head-to-head",
        "Uptake: Head-to-head",
        "Two technologies, source by source: how many times the first the second is, and when one passed the other.",
        since="2015-01-01",
        topics=f"({PAIR} OR {equals('topic')})",
    )
    topics = 'SHOW TAG VALUES FROM "trend" WITH KEY = "topic"'
    board.with_variable(frame.tag_values("first", "First", topics, "The one that is divided.", current="pytorch"))
    board.with_variable(frame.tag_values("second", "Second", topics, "The one it is divided by.", current="tensorflow"))
    ratios = [InfluxQL(_MANY[i], ratio(f, "first", "second"), _named(f)) for i, f in enumerate(RATIOS)]
    board.with_panel(
        kit.figures(
            "$first to $second, latest",
            "The latest ratio of each source in the shown range. 2 means: twice the second."
            " Missing: one of the two has no figure there. Where the two were read: uptake compare $first $second",
            "suffix:×",
            ratios,
            height=6,
        ).decimals(2)
    )
    board.with_panel(
        kit.chart(
            "Ratio of $first to $second, by source",
            "Means or latest figures of four weeks, divided where both topics have one of the same origin. Above 1 the first is ahead."
            " A line crosses 1 where one passes the other. The scale is logarithmic, so that twice and half are equally far from 1."
            " Where the two figures were read: uptake compare $first $second",
            "suffix:×",
            ratios,
            pace=62,
            width=24,
            height=11,
            log=True,
        ).decimals(2)
    )
    board.with_panel(
        kit.states(
            "Who is ahead, and since when",
            "The same ratios as states. A change of colour is a crossing of four-week figures; whether it holds is judged by"
            " the rule of the report, which wants it to last: uptake compare $first $second",
            "suffix:×",
            ratios,
            [
                kit.between(None, 1 / _NEAR, "second ahead", palette.SECOND, 0),
                kit.between(1 / _NEAR, _NEAR, "as good as equal", palette.NEUTRAL, 1),
                kit.between(_NEAR, None, "first ahead", palette.FIRST, 2),
            ],
            pace=62,
            height=10,
        )
    )
    board.with_row(d.Row("Both, source by source"))
    for figure in SIGNALS:
        board.with_panel(_pair(figure))
    board.with_panel(_ranges())
    return board


def _named(figure: Figure) -> str:
    return " ".join([figure.title, *(f"$tag_{label}" for label in figure.by), "$tag_origin"])


def _pair(figure: Figure) -> timeseries.Panel:
    """Both topics' lines, the first blue, the second vermilion; imported ones dotted."""
    targets, drawn = [], (("A", "first", False), ("B", "second", False), ("C", "first", True), ("D", "second", True))
    for ref, topic, imported in drawn:
        targets.append(InfluxQL(ref, line(figure, chosen("topic", topic), imported=imported), alias(figure, imported=imported)))
    text = f"Figures of a week. Dotted: imported figures. Where a figure was read: {figure.trace}"
    panel = kit.chart(figure.title, text, figure.unit, targets, pace=figure.pace, width=12, height=8).data_links([kit.to_topic()])
    for ref, topic, imported in drawn:
        colour = palette.FIRST if topic == "first" else palette.SECOND
        panel.override_by_query(ref, [Value("color", {"mode": "fixed", "fixedColor": colour})])
        if imported:
            kit.dotted(panel, ref, 62)
    return panel


RANGES = (
    ("A", "github", "new_stars", "New GitHub stars"),
    ("B", "articles", "published", "Articles published"),
    ("C", "jobs", "new_postings", "New job postings"),
)


def _ranges() -> kit.Panel:
    """Figures of a whole range of dates: one number each, which no line can show."""
    period, by = "\"period\" != ''", tags("topic", "period", "site", "board")
    targets = [
        InfluxQL(ref, f'SELECT last("{field}") AS "{title}" FROM "{family}" WHERE {where(f"({PAIR})", period)} GROUP BY {by}', table=True)
        for ref, family, field, title in RANGES
    ]
    text = (
        "Imported counts of a whole range of dates (column period), as articles give them."
        " Where a figure was read: uptake compare $first $second"
    )
    return kit.rows(
        "Figures of a range of dates",
        text,
        "short",
        targets,
        width=24,
        height=5,
        order=("topic", "period", "site", "board"),
        hide=("Time",),
    )
