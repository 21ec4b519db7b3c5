"""Who leads where: the tables of one metric side by side, where it is counted at more than a few places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from storage.model import Bound
from trends import readings, wording
from trends.findings import Figure, Row, Table
from trends.panel import summable

FEW = 2  # tables of one metric that are read one by one; more need an overview
_AFTER = {"jobs.new_postings": "jobs.postings"}  # what is new, after what there is


@dataclass(frozen=True, slots=True)
class Cell:
    """A topic's latest figure at one place. ``date`` is said where it is not the place's own, ``stale`` where it is not fresh."""

    figure: Figure
    stale: bool
    date: str = ""


@dataclass(frozen=True, slots=True)
class Lead:
    """The largest of a place and how far it is ahead of the next; ``ratio`` is None where the next has nothing."""

    topic: str
    title: str
    ratio: float | None
    bound: Bound


@dataclass(frozen=True, slots=True)
class Line:
    """One place: its newest date, and cells in the order of the overview's topics."""

    table: Table
    place: str
    date: str
    fresh: bool
    cells: tuple[Cell | None, ...]
    lead: Lead | None

    @property
    def unit(self) -> str:
        return unit_of(self.table)

    @property
    def bar(self) -> list[tuple[str, float]]:
        """Topics (keys) and the parts of 100 % that they have, the largest first; nothing where no shares are known."""
        known = [(row.topic, row.share) for row in self.table.rows if row.share is not None]
        return sorted(known, key=lambda part: -part[1]) if len(known) > 1 else []


@dataclass(frozen=True, slots=True)
class Overview:
    """All places of one metric, largest first, those without fresh figures at the end; ``unit`` is that of most places."""

    title: str
    unit: str
    topics: tuple[tuple[str, str], ...]  # key and title, largest first over the places with fresh figures
    lines: tuple[Line, ...]


def families(tables: Iterable[Table]) -> list[tuple[Table, ...]]:
    """Tables by metric, in the order in which metrics are first met; within a metric the largest first, stale ones last."""
    found: dict[str, list[Table]] = {}
    for table in tables:
        found.setdefault(table.metric.name, []).append(table)
    for later, earlier in _AFTER.items():
        if later in found and earlier in found:
            names = [name for name in found if name != later]
            names.insert(names.index(earlier) + 1, later)
            found = {name: found[name] for name in names}
    return [tuple(sorted(group, key=_size)) for group in found.values()]


def _size(table: Table) -> tuple[bool, int, float]:
    if table.rows:
        return (False, 0, -_total(table.rows))
    times = [row.latest.time for row in table.stale] or [figure.time for _, _, figure in table.periods]
    return (True, -max(times, default=0), -_total(table.stale))


def _total(rows: Sequence[Row]) -> float:
    return sum(row.latest.value for row in rows)


def places(tables: Sequence[Table]) -> list[str]:
    """What tells the tables of one metric apart: their labels, and the definition where that alone tells them apart."""
    plain = [wording.label_words(t.labels) or t.metric.title for t in tables]
    names = zip(plain, tables, strict=True)
    return [name[:1].upper() + name[1:] + (wording.definition(t.metric) if plain.count(name) > 1 else "") for name, t in names]


def unit_of(table: Table) -> str:
    """``postings``, ``postings per month``."""
    unit = table.metric.unit or "count"
    return f"{unit} per {table.metric.cadence}" if summable(table.metric) else unit


def overview(tables: Sequence[Table]) -> Overview:
    """The tables of one metric, in their order, as lines over the same topics."""
    titles: dict[str, str] = {}
    weights: dict[str, tuple[float, float]] = {}  # over fresh places, over all
    for table in tables:
        for topic, title, figure, _ in _figures(table):
            titles[topic] = title
            fresh, whole = weights.get(topic, (0.0, 0.0))
            weights[topic] = (fresh + (figure.value if table.rows else 0), whole + figure.value)
    topics = sorted(titles, key=lambda topic: weights[topic], reverse=True)
    units = [unit_of(table) for table in tables if table.rows] or [unit_of(table) for table in tables]
    lines = tuple(_line(table, place, topics) for table, place in zip(tables, places(tables), strict=True))
    return Overview(tables[0].metric.title, max(units, key=units.count), tuple((t, titles[t]) for t in topics), lines)


def _figures(table: Table) -> list[tuple[str, str, Figure, bool]]:
    """Per topic its one figure to show: fresh, else the last known, else the newest for a period of its own."""
    found = [(row.topic, row.title, row.latest, False) for row in table.rows]
    found += [(row.topic, row.title, row.latest, True) for row in table.stale]
    for topic, title, figure in table.periods:
        if topic not in {known[0] for known in found}:
            found.append((topic, title, figure, True))
    return found


def _line(table: Table, place: str, topics: Sequence[str]) -> Line:
    known = {topic: (figure, stale) for topic, _, figure, stale in _figures(table)}
    dates = {topic: when(table, figure) for topic, (figure, _) in known.items()}
    newest = max(known, key=lambda topic: (not known[topic][1], known[topic][0].time))  # of what is fresh, where anything is
    cells = [
        Cell(known[topic][0], known[topic][1], dates[topic] if dates[topic] != dates[newest] else "") if topic in known else None
        for topic in topics
    ]
    return Line(table, place, dates[newest], bool(table.rows), tuple(cells), lead_of(table))


def when(table: Table, figure: Figure) -> str:
    if figure.period:
        return figure.period
    return wording.period(figure.time, table.metric.cadence) if summable(table.metric) else wording.date(figure.time)


def lead_of(table: Table) -> Lead | None:
    """Who is ahead, of figures that may be compared: fresh ones with a share, else those of one and the same time.

    None for fewer than two, and where nobody has anything. Of equal ones the first is named, with a ratio of 1.
    """
    sizes = {row.topic: (row.title, row.share, row.share_bound) for row in table.rows if row.share is not None}
    if len(sizes) < 2:
        figures = [(row.topic, row.title, row.latest) for row in table.rows or table.stale] or list(table.periods)
        if len({(figure.time, figure.period) for _, _, figure in figures}) != 1:
            return None
        sizes = {topic: (title, figure.value, figure.bound) for topic, title, figure in figures}
    return _ahead(sizes)


def _ahead(sizes: Mapping[str, tuple[str, float | None, Bound]]) -> Lead | None:
    ordered = sorted(((value or 0.0, topic) for topic, (_, value, _) in sizes.items()), key=lambda pair: -pair[0])
    if len(ordered) < 2 or ordered[0][0] <= 0:
        return None
    (first, topic), (second, other) = ordered[:2]
    bound = readings.ratio_bound(int(sizes[topic][2]), int(sizes[other][2]))
    return Lead(topic, sizes[topic][0], first / second if second > 0 else None, bound)


def lead_words(lead: Lead | None) -> str:
    """``PyTorch 1.88:1``; ``PyTorch alone`` where the next has nothing."""
    if lead is None:
        return wording.DASH
    if lead.ratio is None:
        return f"{lead.title} alone"
    if lead.ratio == 1 and not lead.bound:
        return "equal"
    return f"{lead.title} {'≈ ' if lead.bound else ''}{wording.ratio(lead.ratio)}"
