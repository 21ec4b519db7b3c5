"""Blind spots: what is not known, since when, and where figures are bounds only."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard as d
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue as Value
from grafana_foundation_sdk.models.dashboard import Threshold, ThresholdsMode

from deploy.grafana import frame, kit, palette
from deploy.grafana.queries import ARTICLES, MONTH, PAPERS_SHARE, POSTINGS, SIGNALS, Figure, InfluxQL, alias, tags, where

ENOUGH = 80  # percent of the planned figures below which the summary says nothing


def dashboard(_: Sequence[str]) -> d.Dashboard:
    board = frame.series_dashboard(
        "uptake-blind-spots",
        "Uptake: Blind spots",
        "What Uptake does not know: sources without figures and since when, how many of the planned figures came, which are bounds only.",
        since="2015-01-01",
    )
    board.with_panel(_states())
    board.with_panel(_last())
    board.with_panel(_coverage())
    board.with_panel(_newest())
    board.with_panel(_bounds())
    return board


_ANY, _TOPICAL = '"measured" > 0', "\"topic\" != ''"
_STATUS = "Each missing figure with its reason: uptake status"


def _states() -> kit.Panel:
    query = f'SELECT last("measured") FROM "coverage" WHERE {where()} GROUP BY time(1w, 4d), {tags("source")} fill(none)'
    text = f"Per source and week the part of the planned figures that was measured. No bar: nothing was planned. {_STATUS}"
    mappings = [
        kit.between(None, 0.5, "blind", palette.BAD, 0),
        kit.between(0.5, ENOUGH, "with gaps", palette.MIDDLING, 1),
        kit.between(ENOUGH, None, "seen", palette.GOOD, 2),
    ]
    return kit.states("Which source saw what", text, "percent", [InfluxQL("A", query, "$tag_source")], mappings, pace=7)


def _last() -> kit.Panel:
    query = f'SELECT last("measured") AS "that week" FROM "coverage" WHERE {where(_ANY)} GROUP BY {tags("source")}'
    text = f"The last week in which a source gave any figure, and how many of the planned ones. {_STATUS}"
    panel = kit.rows(
        "Last week with a figure",
        text,
        "percent",
        [InfluxQL("A", query, table=True)],
        width=8,
        sort="last seen",
        descending=False,
        rename={"Time": "last seen"},
    )
    return panel.override_by_name("last seen", [Value("unit", "dateTimeFromNow")])


def _coverage() -> kit.Panel:
    query = f'SELECT last("measured") FROM "coverage" WHERE {where()} GROUP BY time(1w, 4d), {tags("source")} fill(none)'
    text = f"The same as lines. Below {ENOUGH} % the summary withholds what it would say. {_STATUS}"
    panel = (
        kit.chart("Planned figures that were measured", text, "percent", [InfluxQL("A", query, "$tag_source")], width=16).min(0).max(100)
    )
    steps = [Threshold(None, palette.BAD), Threshold(ENOUGH, "transparent")]
    return panel.thresholds(d.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))


def _newest() -> kit.Panel:
    targets = [InfluxQL(chr(65 + i), _last_of(figure), table=True) for i, figure in enumerate(SIGNALS)]
    text = f"The newest figure of each topic in each source, with its age. {_STATUS}"
    return kit.rows(
        "Age of the newest figures",
        text,
        "short",
        targets,
        width=24,
        height=12,
        order=("Time", "topic", "origin"),
        sort="newest",
        descending=False,
    )


def _last_of(figure: Figure) -> str:
    condition = where(_TOPICAL, figure.where)
    by = tags("topic", "origin", *figure.by)
    return f'SELECT last("{figure.field}") AS "{figure.title}" FROM "{figure.family}" WHERE {condition} GROUP BY {by}'


def _bounds() -> kit.Panel:
    targets = [InfluxQL(ref, _bounds_of(f), f"{f.title} {alias(f)}") for ref, f in (("A", ARTICLES), ("B", POSTINGS), ("C", PAPERS_SHARE))]
    text = (
        "How many figures of four weeks are only a lower bound or an estimate; a summary does not rest on them."
        " Which: uptake export --format csv, column bound"
    )
    return kit.chart("Figures that are bounds", text, "short", targets, pace=62, width=24)


def _bounds_of(figure: Figure) -> str:
    bound = f'"{figure.field}_bound"'
    condition = where(f"{bound} > 0")
    return f'SELECT count({bound}) FROM "{figure.family}" WHERE {condition} GROUP BY time({MONTH}), {tags("topic", *figure.by)} fill(none)'
