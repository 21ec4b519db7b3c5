"""The chart that a view asks for: a group of a basket, cut to a range, in a scale, with or without marks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from scheduler.web.look import Look
from scheduler.web.problems import Problem
from storage.model import Series
from storage.periods import read_time
from trends import chart_window, chart_words, wording
from trends.chart_data import ChartData, chart_data
from trends.findings import Table
from trends.panel import Group, Labels, Panel, comparable
from trends.summary import table_of


@dataclass(frozen=True, slots=True)
class Drawn:
    """A chart with its table. ``data`` is None where there is nothing to draw, and ``why`` says why."""

    panel: Panel
    group: Group
    table: Table
    data: ChartData | None
    mode: str
    why: str = ""
    base: int | None = None

    @property
    def legend(self) -> list[str]:
        """What its lines and marks mean."""
        return [] if self.data is None else chart_words.legend(self.data, self.group.metric)


def key_of(series: Series) -> str:
    """What is compared: a series without its topic and origin, as `trends.panel.Group.key` has it."""
    return str(Series(series.metric, "", comparable(series.labels), series.version))


def of_group(metric: str, labels: Labels, version: int) -> str:
    return str(Series(metric, "", labels, version))


def drawn(look: Look, topics: Sequence[str], key: str, asked: Collection[str] | None = None) -> Drawn:
    """The chart over a basket's topics, of which only some may be ``asked`` for. Raises `Problem` where they have no such series."""
    look.check_range()
    wanted = look.series(key)
    family = wanted.family
    panel = look.panel(topics, only=lambda s: key_of(s) == key or (not s.topic and s.family == family))
    group = next((g for g in panel.groups if g.key == key), None)
    titles = look.titles(topics)
    if group is None:
        raise Problem(404, f"nothing is known of {key} for {wording.listed(list(titles.values()))}")
    table = table_of(panel, group, titles)
    whole = chart_data(panel, group, titles, _coverage(look, group), shown=None if asked is None else len(asked))
    if whole is None:
        return Drawn(panel, group, table, None, "absolute", "There is no line to draw yet: it takes two figures of one topic.")
    if asked is not None and set(asked) != set(topics):
        table = _only(table, set(asked), titles)
        part = chart_window.only(whole, [i for i, t in enumerate(topics) if t in asked])
        if part is None:
            return Drawn(panel, group, table, None, "absolute", "Nothing is known of these topics here.")
        whole = part
    return _viewed(look, Drawn(panel, group, table, whole, "absolute"), look.args.get("scale", "absolute"))


def _only(table: Table, asked: Collection[str], titles: Mapping[str, str]) -> Table:
    """The table with some topics; shares are still those of the whole basket."""
    rows, stale = (tuple(r for r in part if r.topic in asked) for part in (table.rows, table.stale))
    periods = tuple(p for p in table.periods if p[0] in asked)
    return replace(
        table, rows=rows, stale=stale, periods=periods, without=tuple(t for t in table.without if t in {titles[a] for a in asked})
    )


def _viewed(look: Look, found: Drawn, scale: str) -> Drawn:
    data, why, base, mode = found.data, "", None, "absolute"
    assert data is not None
    if look.args.get("events") == "off":
        data = chart_window.without_events(data)
    cut = chart_window.within(data, look.start, look.end)
    if cut is None:
        return Drawn(found.panel, found.group, found.table, None, mode, "No figure lies between these dates.")
    if scale == "indexed":
        base = read_time(look.args["base"]) if look.args.get("base") else chart_window.common_start(cut)
        index = chart_window.indexed(data, base)
        data_at = None if index is None else chart_window.within(index[0], look.start, look.end)
        if index is None or data_at is None:
            return Drawn(
                found.panel, found.group, found.table, cut, mode, "No topic has a figure near that date; these are the counts.", base
            )
        if index[1]:
            why = f"Without {wording.listed(list(index[1]))}: no figure above zero near {wording.date(base)}."
        return Drawn(found.panel, found.group, found.table, data_at, mode, why, base)
    if scale in cut.ranges:
        mode = scale
    elif scale != "absolute":
        why = "A share needs several topics that are counted alike; these are the counts." if scale == "share" else "These are the counts."
    return Drawn(found.panel, found.group, found.table, cut, mode, why, base)


def _coverage(look: Look, group: Group):  # type: ignore[no-untyped-def]  # a frame
    """How planned figures of a group ended, for the band under its chart."""
    from scheduler.status import coverage_frame

    sources = group.sources if any(not line.imported for line in group.lines) else ()
    if not sources:
        return None
    return look.once(f"coverage of {','.join(sources)}", lambda: coverage_frame(look.connection, as_of=look.sequence, sources=sources))


__all__ = ["Drawn", "drawn", "key_of", "of_group"]
