"""Panels as they are alike everywhere: one look, one set of links, honest gaps."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import common as c
from grafana_foundation_sdk.builders import dashboard as d
from grafana_foundation_sdk.builders import stat, statetimeline, table, text, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as cm
from grafana_foundation_sdk.models import dashboard as m
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue as Value
from grafana_foundation_sdk.models.text import TextMode

from deploy.grafana import palette
from deploy.grafana.queries import INFLUX, PROMETHEUS, Figure, InfluxQL, PromQL, alias, line

DAY = 86_400_000  # milliseconds
DOTS = {"fill": "dot", "dash": [1, 6]}
Target = InfluxQL | PromQL
Panel = Builder[m.Panel]


def breaks(days: int) -> int:
    """The distance from which on a line breaks, for values that come every so many days: half a period's delay is no gap."""
    return days * 3 // 2 * DAY


def chart(
    title: str,
    description: str,
    unit: str,
    targets: Sequence[Target],
    *,
    pace: int = 7,
    width: int = 12,
    height: int = 9,
    log: bool = False,
) -> timeseries.Panel:
    """Lines over time. Values come every ``pace`` days."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .datasource(_datasource(targets))
        .span(width)
        .height(height)
        .draw_style(cm.GraphDrawStyle.LINE)
        .line_width(2)
        .line_interpolation(cm.LineInterpolation.LINEAR)
        .fill_opacity(0)
        .show_points(cm.VisibilityMode.AUTO)
        .point_size(4)
        .span_nulls(breaks(pace))
        .insert_nulls(breaks(pace))
        .color_scheme(d.FieldColor().mode(m.FieldColorModeId.PALETTE_CLASSIC))
        .legend(
            c.VizLegendOptions()
            .display_mode(cm.LegendDisplayMode.TABLE)
            .placement(cm.LegendPlacement.RIGHT)
            .show_legend(True)
            .calcs(["lastNotNull"])
        )
        .tooltip(c.VizTooltipOptions().mode(cm.TooltipDisplayMode.MULTI).sort(cm.SortOrder.DESCENDING))
        .no_value("no figures in this range")
    )
    if log:
        panel.scale_distribution(c.ScaleDistributionConfig().type(cm.ScaleDistribution.LOG).log(2))
    for target in targets:
        panel.with_target(target)
    return panel


def coloured(panel: timeseries.Panel, topics: Sequence[str]) -> timeseries.Panel:
    """Each topic in its colour."""
    for pattern, values in palette.of_topics(topics):
        panel.override_by_regexp(pattern, values)
    return panel


def dotted(panel: timeseries.Panel, ref: str, pace: int) -> timeseries.Panel:
    """What a query gives is drawn as a dotted line, with gaps by a pace of its own."""
    return panel.override_by_query(ref, [Value("custom.lineStyle", DOTS), *_gaps(pace)])


def _gaps(pace: int) -> list[Value]:
    return [Value("custom.spanNulls", breaks(pace)), Value("custom.insertNulls", breaks(pace))]


def lines(figure: Figure, topic: str, topics: Sequence[str], *, description: str, width: int = 12, log: bool = False) -> timeseries.Panel:
    """A figure's lines, measured ones full and imported ones dotted."""
    measured = InfluxQL("A", line(figure, topic, imported=False), alias(figure))
    imported = InfluxQL("B", line(figure, topic, imported=True), alias(figure, imported=True))
    words = f"{description} Dotted: imported figures. Where a figure was read: {figure.trace}"
    panel = chart(figure.title, words, figure.unit, [measured, imported], pace=figure.pace, width=width, log=log)
    return coloured(dotted(panel, "B", 62), topics).data_links([to_topic()])


def to_topic() -> d.DashboardLink:
    return d.DashboardLink("All figures of ${__field.labels.topic}").url(
        "/d/uptake-topic?var-topic=${__field.labels.topic}&${__url_time_range}"
    )


def figures(title: str, description: str, unit: str, targets: Sequence[Target], *, width: int = 24, height: int = 4) -> stat.Panel:
    """Latest values in large type."""
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .datasource(_datasource(targets))
        .span(width)
        .height(height)
        .reduce_options(c.ReduceDataOptions().calcs(["lastNotNull"]))
        .color_mode(cm.BigValueColorMode.NONE)
        .graph_mode(cm.BigValueGraphMode.NONE)
        .no_value("–")
    )
    for target in targets:
        panel.with_target(target)
    return panel


def rows(
    title: str,
    description: str,
    unit: str,
    targets: Sequence[Target],
    *,
    width: int = 12,
    height: int = 9,
    order: Sequence[str] = (),
    hide: Sequence[str] = (),
    rename: dict[str, str] | None = None,
    sort: str = "",
    descending: bool = True,
) -> table.Panel:
    """A table. ``order``, ``hide`` and ``rename`` are by column; times are shown as an age."""
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .datasource(_datasource(targets))
        .span(width)
        .height(height)
        .cell_height(cm.TableCellHeight.SM)
        .filterable(True)
        .no_value("–")
    )
    for target in targets:
        panel.with_target(target)
    if len(targets) > 1:
        panel.with_transformation(m.DataTransformerConfig("merge", options={}))
    options = {
        "excludeByName": dict.fromkeys(hide, True),
        "indexByName": {name: i for i, name in enumerate(order)},  # Grafana gives tags in any order
        "renameByName": {"Time": "newest", **(rename or {})},
    }
    panel.with_transformation(m.DataTransformerConfig("organize", options=options))
    if sort:
        panel.with_transformation(m.DataTransformerConfig("sortBy", options={"sort": [{"field": sort, "desc": descending}]}))
    return panel.override_by_name("newest", [Value("unit", "dateTimeFromNow")])


def states(
    title: str,
    description: str,
    unit: str,
    targets: Sequence[Target],
    mappings: Sequence[m.ValueMapping],
    *,
    pace: int,
    width: int = 24,
    height: int = 9,
) -> statetimeline.Panel:
    """Bars of states over time; where nothing is known there is no bar."""
    panel = (
        statetimeline.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .datasource(_datasource(targets))
        .span(width)
        .height(height)
        .mappings(list(mappings))
        .merge_values(True)
        .show_value(cm.VisibilityMode.NEVER)
        .fill_opacity(85)
        .line_width(0)
        .insert_nulls(breaks(pace))
        .span_nulls(False)
        .color_scheme(d.FieldColor().mode(m.FieldColorModeId.FIXED).fixed_color(palette.NEUTRAL))
        .legend(
            c.VizLegendOptions().show_legend(True).display_mode(cm.LegendDisplayMode.LIST).placement(cm.LegendPlacement.BOTTOM).calcs([])
        )
    )
    for target in targets:
        panel.with_target(target)
    return panel


def between(low: float | None, high: float | None, words: str, colour: str, index: int) -> m.ValueMapping:
    """Values of a range as a word in a colour."""
    found = m.ValueMappingResult(text=words, color=colour, index=index)
    return m.RangeMap(m.DashboardRangeMapOptions(low, high, found))


def words(title: str, content: str, *, width: int = 24, height: int = 4) -> text.Panel:
    """A panel of Markdown."""
    return (
        text.Panel()
        .title(title)
        .description("Explains this dashboard.")
        .mode(TextMode.MARKDOWN)
        .content(content)
        .span(width)
        .height(height)
        .transparent(True)
    )


def _datasource(targets: Sequence[Target]) -> cm.DataSourceRef:
    return PROMETHEUS if isinstance(targets[0], PromQL) else INFLUX
