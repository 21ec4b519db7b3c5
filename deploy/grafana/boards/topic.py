"""Topic: one technology across all sources."""

from __future__ import annotations

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard as d

from deploy.grafana import frame, kit
from deploy.grafana.queries import ALL_PAPERS, MONTH, NO_RANGE, SIGNALS, Figure, InfluxQL, alias, chosen, equals, tags, where

ONE = chosen("topic")


def dashboard(topics: Sequence[str]) -> d.Dashboard:
    board = frame.series_dashboard(
        "uptake-topic",
        "Uptake: Topic",
        "One technology across all sources: what is counted, its part of its basket, its change over a year.",
        since="2015-01-01",
        topics=f"({ONE} OR {equals('topic')})",
    )
    board.with_variable(
        frame.tag_values("topic", "Topic", 'SHOW TAG VALUES FROM "trend" WITH KEY = "topic"', "The technology.", current="pytorch")
    )
    board.with_panel(_latest())
    board.with_panel(_shares())
    board.with_panel(_changes())
    board.with_row(d.Row("Source by source"))
    for figure in SIGNALS:
        board.with_panel(kit.lines(figure, ONE, topics, description="Figures of a week."))
    board.with_panel(
        kit.lines(_papers(), ONE, topics, description="Papers of one edition of a conference that mention it, by the rule that is named.")
    )
    board.with_row(d.Row("Where the figures come from"))
    board.with_panel(kit.words("Where the figures come from", _SOURCES, height=7))
    return board


def _papers() -> Figure:
    return Figure("papers.mentioning", "Papers that mention it", "short", by=("venue", "rule"), where=ALL_PAPERS, pace=400)


def _latest() -> kit.Panel:
    targets = [
        InfluxQL(
            chr(65 + i),
            f'SELECT last("{f.field}") FROM "{f.family}" WHERE {where(ONE, NO_RANGE, f.where)}{_per(f)}',
            alias(f, name=f.title),
        )
        for i, f in enumerate(SIGNALS)
    ]
    text = (
        "The latest figure of each source in the shown range, whatever its age, which Blind spots shows. Where one was read: uptake trace"
    )
    return kit.figures("Latest figures of $topic", text, "short", targets, height=5)


def _per(figure: Figure) -> str:
    """Boards, sites and the like one by one: the latest of all would be that of any."""
    return f" GROUP BY {tags(*figure.by)}" if figure.by else ""


def _shares() -> kit.Panel:
    by = tags("metric", "basket", "board", "site", "venue", "wiki")
    query = f'SELECT last("share") FROM "trend" WHERE {where(ONE)} GROUP BY time({MONTH}), {by} fill(none)'
    name = "$tag_metric $tag_board $tag_site $tag_venue $tag_wiki ($tag_basket)"
    text = (
        "The topic's part of its basket's sum, figure by figure. No point where more than 2 % of the basket is unknown."
        " How it was made: uptake trends"
    )
    return kit.chart("Share of the basket, by figure", text, "percent", [InfluxQL("A", query, name)], pace=400, width=14).min(0)


def _changes() -> kit.Panel:
    query = f'SELECT last("growth_52w") AS "change" FROM "trend" WHERE {where(ONE)} GROUP BY *'
    text = "Percent by which each figure changed over 52 weeks. How sure each is: uptake trends"
    hide = ("origin", "topic")
    return kit.rows(
        "Change over 52 weeks",
        text,
        "percent",
        [InfluxQL("A", query, table=True)],
        order=("metric", "basket"),
        hide=hide,
        width=10,
        sort="change",
    )


_SOURCES = """\
Every number leads back to the page it was read from. On the machine where Uptake runs:

```
uptake trace 'github.stars{topic="$topic"}' ${__to:date:YYYY-MM-DD}
uptake trace 'github.stars{origin="imported",topic="$topic"}'
uptake compare $topic tensorflow
```

The first shows request, answer and revisions of the figure at the end of the range shown here; imported figures show their citation.\
"""
