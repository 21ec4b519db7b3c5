"""One series: what it counts and how, its line, its figures with the way to each page, what was revised."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from scheduler.web.charting import drawn, key_of
from scheduler.web.look import Look
from scheduler.web.pages.render import page as rendered
from scheduler.web.pages.render import payload
from scheduler.web.problems import Problem
from scheduler.web.question import Answer
from storage import frames
from storage.lookups import find
from storage.model import Bound, Series, State
from trends import wording

NEWEST = 60  # figures that are listed; all of them come as CSV


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure. ``revised``: how often it was believed to be something else."""

    time: int
    value: float | None
    bound: Bound
    state: State
    observed_at: int | None
    revised: int


def page(look: Look) -> Answer:
    series = look.series(look.args["name"])
    series_id = find(look.connection, series)
    if series_id is None:
        raise Problem(404, f"there is no series {series}")
    row = look.connection.exec_driver_sql("SELECT source FROM series WHERE id = ?", (series_id,))
    series = replace(series, source=row.scalar_one())  # a name does not tell it, and its source may define the metric anew
    metric = frames.definitions(look.connection).of(series)
    points = frames.points(look.connection, [series_id], until=look.present, as_of=look.sequence)
    revisions = _revisions(look, series_id)
    found = drawn(look, [series.topic], key_of(series)) if series.topic and metric.compared and len(points) else None
    return rendered(
        look,
        "series.html.j2",
        title=wording.title_of(metric, series.labels),
        name=str(series),
        series=series,
        metric=metric,
        topic=look.setting.topics.get(series.topic),
        baskets=[b for b in look.setting.baskets.values() if series.topic in b.topics],
        source=look.setting.titles.get(series.source, wording.name_of(series.source)),
        found=found,
        payload=payload(found.data, found.mode) if found else None,
        figures=_figures(points, revisions),
        count=len(points),
        revised=sum(revisions.values()),
        siblings=_siblings(look, series),
        noticed=_noticed(look, series, key_of(series)),
        scale=look.args.get("scale", "absolute"),
        dated=wording.date if metric.kind != "flow" else lambda time: wording.period(time, metric.cadence),
    )


def _revisions(look: Look, series_id: int) -> dict[int, int]:
    sql = "SELECT time, count(*) FROM revisions WHERE series_id = ? AND seq_to <= ? GROUP BY time"
    cut = 2**62 if look.sequence is None else look.sequence
    return {int(time): int(count) for time, count in look.connection.exec_driver_sql(sql, (series_id, cut))}


def _figures(points: pd.DataFrame, revisions: dict[int, int]) -> list[Figure]:
    newest = points.iloc[::-1].head(NEWEST)
    columns = (newest[name].tolist() for name in ("time", "value", "bound", "state", "observed_at"))
    return [
        Figure(t, None if pd.isna(v) else v, Bound(b), State(s), None if pd.isna(o) else int(o), revisions.get(t, 0))
        for t, v, b, s, o in zip(*columns, strict=True)
    ]


def _noticed(look: Look, series: Series, key: str) -> list[tuple[int, str]]:
    """What was noticed about these figures themselves, the newest first: joins, steps of the counter, figures that stand alone."""
    from trends.grid import finals, grid_of
    from trends.quality import of_group, quality

    beside = [t for basket in look.setting.baskets.values() if series.topic in basket.topics for t in basket.topics]
    panel = look.panel([series.topic, *beside], only=lambda s: key_of(s) == key) if series.topic else None
    group = None if panel is None else next((g for g in panel.groups if g.key == key), None)
    if panel is None or group is None:
        return []
    points = finals(panel, group)
    grid = grid_of(panel, group, points)
    found = () if grid is None else (*of_group(panel, group, grid, points), *quality(grid).findings)
    return sorted({(f.end, f.text) for f in found if not f.topics or series.topic in f.topics}, reverse=True)


def _siblings(look: Look, series: Series) -> list[tuple[str, str]]:
    """Other definitions and origins of the same thing: kept apart, and here side by side."""
    table = frames.catalogue(look.connection, metric=series.metric, topics=[series.topic], as_of=look.sequence)
    others = [s for s in table["series"] if s.labels == series.labels and s != series]
    return [(str(s), f"definition {s.version}" if s.version != series.version else s.origin) for s in others]


__all__ = ["page"]
