"""InfluxQL on the series as line protocol writes them, and PromQL on the daemon's metrics.

Measurement = family, field = name, tags = topic and labels (`storage.exports.line_writer`). Only InfluxQL of 1.6 and
later is used: 1.x and 2.x answer it, and InfluxDB 3 Core has the same language at ``/query``. Gaps stay gaps:
``fill(none)`` everywhere, and panels say from what distance on a line breaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import DataSourceRef

INFLUX = DataSourceRef(type_val="influxdb", uid="${influx}")
PROMETHEUS = DataSourceRef(type_val="prometheus", uid="${prometheus}")
WEEK = "1w, 4d"  # weeks that begin on Monday: 1970 began on a Thursday
MONTH = "4w, 4d"


class InfluxQL(Dataquery, Builder[Dataquery]):
    """A query as Grafana's InfluxDB data source stores it; the SDK has no model of it. Its own builder, too."""

    def __init__(self, ref: str, query: str, alias: str = "", *, table: bool = False, extra: dict[str, object] | None = None) -> None:
        self._json: dict[str, object] = {
            "refId": ref,
            "datasource": INFLUX.to_json(),
            "query": " ".join(query.split()),
            "rawQuery": True,
            "resultFormat": "table" if table else "time_series",
            "alias": alias,
            **(extra or {}),
        }

    def build(self) -> InfluxQL:
        return self

    def to_json(self) -> dict[str, object]:
        return self._json


class PromQL(Dataquery, Builder[Dataquery]):
    """A query as Grafana's Prometheus data source stores it."""

    def __init__(self, ref: str, expr: str, legend: str = "", *, instant: bool = False) -> None:
        self._json: dict[str, object] = {
            "refId": ref,
            "datasource": PROMETHEUS.to_json(),
            "expr": expr,
            "legendFormat": legend,
            "instant": instant,
            "range": not instant,
            "format": "table" if instant else "time_series",
        }

    def build(self) -> PromQL:
        return self

    def to_json(self) -> dict[str, object]:
        return self._json


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric as a line: how values of a week are put together, and which labels tell its lines apart.

    Flows are drawn as their mean per period, so that a missing day does not lower its week.
    """

    metric: str
    title: str
    unit: str  # a unit of Grafana's or ``suffix: …``
    by: tuple[str, ...] = ()
    how: Literal["last", "mean"] = "last"
    where: str = ""
    pace: int = 7  # days between two of its values, as measured here

    @property
    def family(self) -> str:
        return self.metric.partition(".")[0]

    @property
    def field(self) -> str:
        return self.metric.partition(".")[2]

    @property
    def trace(self) -> str:
        """The command that shows where a value was read, with the topic left open."""
        labels = "".join(f',{label}="…"' for label in sorted(self.by))
        return f"uptake trace '{self.metric}{{topic=\"…\"{labels}}}'"


STARS = Figure("github.stars", "GitHub stars", "short")
NEW_STARS = Figure("github.new_stars", "New GitHub stars a day", "short", how="mean")
DOWNLOADS = Figure("pypi.downloads_30d", "PyPI downloads in 30 days", "short")
POSTINGS = Figure("jobs.postings", "Job postings", "short", by=("board", "country"), pace=31)
STORIES = Figure("hacker_news.stories", "Hacker News stories a day", "short", how="mean")
QUESTIONS = Figure("stackoverflow.questions", "New Stack Overflow questions a day", "short", how="mean")
ARTICLES = Figure("articles.published", "Articles published a day", "short", by=("site", "tag", "way"), how="mean")
VIEWS = Figure("wikipedia.views", "Wikipedia views a day", "short", by=("wiki",), how="mean")
MODELS = Figure("huggingface.models", "Models on Hugging Face", "short")
SEARCH = Figure("google_trends.interest", "Search interest", "short", by=("geo",))
PAPERS_SHARE = Figure("paperswithcode.share", "Share of papers with code", "percent", by=("by", "version"), pace=31)
SIGNALS = (STARS, NEW_STARS, DOWNLOADS, POSTINGS, QUESTIONS, STORIES, ARTICLES, VIEWS, MODELS, SEARCH, PAPERS_SHARE)

ALL_PAPERS = "\"with\" = '' AND \"affiliation\" = ''"  # not only those that mention another one too, or are of one company

# Figures of a whole range of dates (label period) are one number each and no line.
IMPORTED, MEASURED = "\"origin\" = 'imported'", "\"origin\" = ''"
NO_RANGE = "\"period\" = ''"


def where(*conditions: str) -> str:
    return " AND ".join(["$timeFilter", *filter(None, conditions)])


def equals(tag: str, value: str = "") -> str:
    """A condition; a tag that a series has not is the empty string."""
    return f"\"{tag}\" = '{value}'"


def chosen(tag: str, variable: str = "") -> str:
    """The condition that a tag is what a variable (of the tag's name, if none is named) says.

    As it is (``raw``): by itself Grafana escapes a value as in a pattern where it takes something for one, and "c++" is none.
    """
    return equals(tag, f"${{{variable or tag}:raw}}")


def tags(*names: str) -> str:
    return ", ".join(f'"{name}"' for name in names)


def line(figure: Figure, topic: str, *, imported: bool, step: str = WEEK) -> str:
    """One line per topic and label; ``topic`` is a condition."""
    conditions = where(topic, IMPORTED if imported else MEASURED, NO_RANGE, figure.where)
    return (
        f'SELECT {figure.how}("{figure.field}") FROM "{figure.family}" WHERE {conditions}'
        f" GROUP BY time({step}), {tags('topic', *figure.by)} fill(none)"
    )


def alias(figure: Figure, *, imported: bool = False, name: str = "$tag_topic") -> str:
    return " ".join([name, *(f"$tag_{label}" for label in figure.by), *(["(imported)"] if imported else [])])


def ratio(figure: Figure, first: str, second: str, *, step: str = MONTH) -> str:
    """The figure of one variable's topic divided by that of another's, where both have one of the same origin in the same four weeks."""
    part = f'SELECT "{figure.field}" AS "{{}}" FROM "{figure.family}" WHERE {where("{}", NO_RANGE, figure.where)}'
    a, b = part.format("a", chosen("topic", first)), part.format("b", chosen("topic", second))
    return (
        f'SELECT {figure.how}("a") / {figure.how}("b") FROM ({a}), ({b})'
        f" WHERE $timeFilter GROUP BY time({step}), {tags('origin', *figure.by)} fill(none)"
    )


def indexed(figure: Figure, topic: str, step: str = WEEK) -> str:
    """Each line as percent of its first value in the shown range: the sum of its changes on the log scale, with 0.5 added (zeros)."""
    by = tags("topic", "origin", *figure.by)
    value = (
        f'SELECT {figure.how}("{figure.field}") AS "v" FROM "{figure.family}" WHERE {where(topic, NO_RANGE, figure.where)}'
        f" GROUP BY time({step}), {by} fill(none)"
    )
    steps = f'SELECT difference("l") AS "d" FROM (SELECT ln("v" + 0.5) AS "l" FROM ({value}) GROUP BY {by}) GROUP BY {by}'
    return f'SELECT 100 * exp("s") FROM (SELECT cumulative_sum("d") AS "s" FROM ({steps}) GROUP BY {by}) GROUP BY {by}'


def of_total(measurement: str, part: str, whole: str, by: tuple[str, ...], *more: str) -> str:
    """Percent of a total that the chosen topic has, each at the times at which both are known."""
    condition = where(f"({chosen('topic')} OR {equals('topic')})", NO_RANGE, *more)
    return f'SELECT 100 * sum("{part}") / sum("{whole}") FROM "{measurement}" WHERE {condition} GROUP BY time(1d), {tags(*by)} fill(none)'
