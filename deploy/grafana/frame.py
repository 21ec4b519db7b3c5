"""Whole dashboards and their variables, as they are alike everywhere."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as d
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as m

from deploy.grafana import palette
from deploy.grafana.queries import INFLUX, InfluxQL


def tag_values(
    name: str, label: str, query: str, description: str, *, multi: bool = False, everything: str = "", current: str | None = None
) -> d.QueryVariable:
    """A variable of a tag's values. ``everything``: the pattern that All stands for, else all that are listed."""
    variable = (
        d.QueryVariable(name)
        .label(label)
        .description(description)
        .query({"query": query, "refId": f"variable-{name}"})  # as an object: Grafana's InfluxDB source reads no bare text any more
        .definition(query)
        .datasource(INFLUX)
        .refresh(m.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(m.VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC)
        .multi(multi)
    )
    if multi:
        variable.include_all(True).current(m.VariableOption(selected=True, text=["All"], value=["$__all"]))
        if everything:
            variable.all_value(everything)
    elif current is not None:
        variable.current(m.VariableOption(selected=True, text=current, value=current))
    return variable


BASKET = ("basket", "Basket", 'SHOW TAG VALUES FROM "trend" WITH KEY = "basket"', "Topics that are compared with one another.")


def basket_variable(current: str) -> d.QueryVariable:
    return tag_values(*BASKET, current=current)


def topics_variable() -> d.QueryVariable:
    query = 'SHOW TAG VALUES FROM "trend" WITH KEY = "topic" WHERE "basket" = \'$basket\''
    return tag_values("topic", "Topics", query, "Topics of the basket.", multi=True)


TOPICS = '"topic" =~ /^${topic:regex}$/'


def series_dashboard(uid: str, title: str, description: str, *, since: str, topics: str = "\"topic\" != '~'") -> d.Dashboard:
    """A dashboard on the stored series, with events as annotations."""
    return _dashboard(uid, title, description, since).with_variable(_source("influx", "Series", "influxdb")).annotation(_events(topics))


def operations_dashboard(uid: str, title: str, description: str, *, since: str) -> d.Dashboard:
    """A dashboard on the daemon's metrics."""
    return _dashboard(uid, title, description, since).with_variable(_source("prometheus", "Metrics", "prometheus")).refresh("1m")


def _dashboard(uid: str, title: str, description: str, since: str) -> d.Dashboard:
    links = d.DashboardLink("Uptake").type(m.DashboardLinkType.DASHBOARDS).tags(["uptake"]).as_dropdown(True).keep_time(True)
    return (
        d.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(["uptake"])
        .timezone("utc")
        .week_start("monday")
        .time(since, "now")
        .tooltip(m.DashboardCursorSync.CROSSHAIR)
        .editable()
        .link(links)
    )


def _source(name: str, label: str, kind: str) -> d.DatasourceVariable:
    return d.DatasourceVariable(name).label(label).description("Where this dashboard reads.").type(kind)


def _events(topics: str) -> Builder[m.AnnotationQuery]:
    query = f'SELECT "text" FROM "events" WHERE $timeFilter AND {topics}'
    columns = {
        "fromAnnotations": True,
        "queryType": "tags",
        "textColumn": "text",
        "tagsColumn": "kind,topic",
        "titleColumn": "",
        "timeEndColumn": "",
    }
    target = InfluxQL("Anno", query, table=True, extra=columns)
    return d.AnnotationQuery().name("Releases and notes").datasource(INFLUX).enable(True).icon_color(palette.NEUTRAL).target(target)
