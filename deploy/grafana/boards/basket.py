"""Basket: absolute, share, indexed to a date, movers."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import common as c
from grafana_foundation_sdk.builders import dashboard as d
from grafana_foundation_sdk.models import common as cm
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue as Value
from grafana_foundation_sdk.models.dashboard import Threshold, ThresholdsMode, VariableHide

from deploy.grafana import frame, kit, palette
from deploy.grafana.queries import (
    ARTICLES,
    DOWNLOADS,
    NEW_STARS,
    QUESTIONS,
    STARS,
    WEEK,
    Figure,
    InfluxQL,
    alias,
    chosen,
    indexed,
    line,
    tags,
    where,
)

LABELS = ("board", "country", "site", "tag", "way", "venue", "rule", "with", "affiliation", "wiki", "geo", "by", "version")
CHOSEN = Figure("${family:raw}.${field:raw}", "", "short", by=LABELS, how="mean", pace=31)
IN_BASKET = chosen("basket")
SHARE_OF = f"{IN_BASKET} AND {chosen('metric')}"


def dashboard(topics: Sequence[str]) -> d.Dashboard:
    board = frame.series_dashboard(
        "uptake-basket",
        "Uptake: Basket",
        "The topics of a basket beside one another: how many, which part of the whole, how they moved since a date, who moves most.",
        since="2018-01-01",
    )
    for variable in _variables():
        board.with_variable(variable)
    for panel in (_absolute(topics), _share(topics), _indexed(topics), _movers()):
        board.with_panel(panel)
    board.with_row(d.Row("All sources at once"))
    board.with_panel(_adoption(topics))
    board.with_panel(_places(topics))
    board.with_row(d.Row("The usual figures"))
    for figure in (STARS, DOWNLOADS, NEW_STARS, QUESTIONS, ARTICLES):
        board.with_panel(kit.lines(figure, frame.TOPICS, topics, description="Figures of a week."))
    return board


def _variables() -> list[d.QueryVariable]:
    known = 'SHOW TAG VALUES FROM "trend" WITH KEY = "metric" WHERE "basket" = \'$basket\''
    chosen = 'SHOW TAG VALUES FROM "trend" WITH KEY = "metric" WHERE "metric" = \'$metric\''
    family = frame.tag_values("family", "Family", chosen, "The figure's family, which is its measurement.", current="github")
    field = frame.tag_values("field", "Field", chosen, "The figure's name in its family, which is its field.", current="stars")
    return [
        frame.basket_variable("deep-learning"),
        frame.tag_values("metric", "Figure", known, "What is compared in the first four panels.", current="github.stars"),
        family.regex("/^([^.]+)[.]/").hide(VariableHide.HIDE_VARIABLE),
        field.regex("/^[^.]+[.](.+)$/").hide(VariableHide.HIDE_VARIABLE),
        frame.topics_variable(),
    ]


_TRACE = "Where a figure was read: uptake trace '$metric{topic=\"…\"}'"


def _of_trend(field: str, condition: str, *by: str) -> str:
    return f'SELECT last("{field}") FROM "trend" WHERE {where(condition, frame.TOPICS)} GROUP BY time({WEEK}), {tags(*by)} fill(none)'


def _absolute(topics: Sequence[str]) -> kit.Panel:
    targets = [
        InfluxQL("A", line(CHOSEN, frame.TOPICS, imported=False), alias(CHOSEN)),
        InfluxQL("B", line(CHOSEN, frame.TOPICS, imported=True), alias(CHOSEN, imported=True)),
    ]
    text = f"Means of a week. Dotted: imported figures. {_TRACE}"
    panel = kit.chart("$metric, absolute", text, "short", targets, pace=31)
    return kit.coloured(kit.dotted(panel, "B", 62), topics).data_links([kit.to_topic()])


def _share(topics: Sequence[str]) -> kit.Panel:
    query = _of_trend("share", SHARE_OF, "topic", *LABELS)
    text = (
        "Each topic's part of the basket's sum. There is no point where more than 2 % of the basket is unknown:"
        f" a share of half a basket would be a rise of nothing. {_TRACE}"
    )
    panel = kit.chart("$metric, share of the basket", text, "percent", [InfluxQL("A", query, alias(CHOSEN))], pace=62)
    return kit.coloured(panel, topics).min(0).data_links([kit.to_topic()])


def _indexed(topics: Sequence[str]) -> kit.Panel:
    query = InfluxQL("A", indexed(CHOSEN, frame.TOPICS), f"{alias(CHOSEN)} $tag_origin")
    text = (
        "Each line begins at 100 at its first figure in the shown range; to choose the date, move the range's left edge."
        f" 200 is twice as much as then. Logarithmic: equal steps are equal growth. {_TRACE}"
    )
    panel = kit.chart("$metric, indexed to the first date shown", text, "short", [query], pace=62, log=True)
    return kit.coloured(panel, topics).decimals(0).data_links([kit.to_topic()])


def _movers() -> kit.Panel:
    query = f'SELECT last("growth_52w") AS "change" FROM "trend" WHERE {where(IN_BASKET, frame.TOPICS)} GROUP BY *'
    text = (
        "Percent by which each figure changed over 52 weeks, by the summary's rules;"
        " a figure that is older than two of its periods is left out."
        " How sure a change is stands in the report: uptake trends --basket $basket"
    )
    panel = kit.rows(
        "Movers over 52 weeks",
        text,
        "percent",
        [InfluxQL("A", query, table=True)],
        order=("topic", "metric", *LABELS, "change", "Time"),
        hide=("basket", "origin"),
        sort="change",
    )
    bars = Value("custom.cellOptions", {"type": "gauge", "mode": "basic"})
    steps = [Threshold(None, palette.BAD), Threshold(0, palette.NEUTRAL), Threshold(5, palette.GOOD)]
    steps_json = {"mode": ThresholdsMode.ABSOLUTE, "steps": [s.to_json() for s in steps]}
    panel.no_value("no figure is fresh enough")
    return panel.override_by_name("change", [bars, Value("decimals", 1), Value("thresholds", steps_json)])


def _adoption(topics: Sequence[str]) -> kit.Panel:
    query = _of_trend("index", IN_BASKET, "topic")
    text = (
        "How a topic stands in its basket over all groups of sources, equally weighted; 0 is the basket's middle."
        " A gap where fewer than three groups or 60 % of the weight are known. How it is made: uptake trends --basket $basket"
    )
    return kit.coloured(kit.chart("Adoption index", text, "short", [InfluxQL("A", query, "$tag_topic")], pace=14), topics).decimals(2)


def _places(topics: Sequence[str]) -> kit.Panel:
    query = (
        f'SELECT last("rank") FROM "trend" WHERE {where(SHARE_OF, frame.TOPICS)} GROUP BY time(1w, 4d), {tags("topic", *LABELS)} fill(none)'
    )
    text = f"Each topic's place by the latest figures of $metric; 1 is the largest, and equal figures share a place. {_TRACE}"
    panel = kit.chart("Place by $metric", text, "none", [InfluxQL("A", query, alias(CHOSEN))], pace=31)
    panel.line_interpolation(cm.LineInterpolation.STEP_AFTER).decimals(0).min(1)
    return kit.coloured(panel, topics).tooltip(c.VizTooltipOptions().mode(cm.TooltipDisplayMode.MULTI).sort(cm.SortOrder.ASCENDING))
