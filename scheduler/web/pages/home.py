"""What moved, what the daemon does, and trouble first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scheduler.web import said
from scheduler.web.look import Look
from scheduler.web.pages.render import page as rendered
from scheduler.web.question import Answer
from storage.model import Basket
from storage.periods import read_time
from trends import wording
from trends.findings import WINDOWS, BasketSummary, Change, Row, Table
from trends.overview import Lead, families, lead_of, places
from trends.summary import summarise

SHOWN = 6  # lines of a basket


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that is counted: who leads, and who moved most over the longest time of which that is known (in weeks)."""

    title: str
    table: Table
    places: int
    lead: Lead | None
    bar: tuple[tuple[int, float], ...]
    mover: Row | None
    change: Change | None
    weeks: int


@dataclass(frozen=True, slots=True)
class Part:
    """A basket: its claims where they are made, its lines in any case."""

    basket: Basket
    titles: dict[str, str]
    colours: dict[str, int]
    lines: tuple[Line, ...]
    more: int
    blind: int
    claims: tuple[Any, ...] = ()
    withheld: tuple[Any, ...] = ()


def page(look: Look) -> Answer:
    baskets = list(look.setting.baskets.values())
    panel = look.panel([t for b in baskets for t in b.topics], since=look.recent())
    summary = summarise(panel, baskets, look.setting.topics)
    found = said.claims(look)
    claims = {} if found is None else {of.basket: of for of in found.baskets}
    health = dict(look.question.live.get("health", {}))
    return rendered(
        look,
        "home.html.j2",
        title="What moved",
        parts=[_part(look, s, claims.get(s.basket.key)) for s in summary.baskets],
        claimed=found is not None,
        health=health,
        upcoming=_upcoming(look, health),
    )


def _upcoming(look: Look, health: dict[str, Any]) -> list[tuple[str, str]]:
    """The next visits: source and when, in words."""
    names = look.setting.titles
    listed = sorted(((read_time(str(t)), name) for name, t in health.get("next", {}).items()))
    return [(names.get(name, wording.name_of(name)), _in(t - look.question.now)) for t, name in listed]


def _in(seconds: int) -> str:
    if seconds < 90:
        return "now"
    if seconds < 5400:
        return f"in {round(seconds / 60)} minutes"
    return f"in {round(seconds / 3600)} hours" if seconds < 172800 else f"in {wording.days(seconds)}"


def _part(look: Look, summary: BasketSummary, claims: Any | None) -> Part:
    basket = summary.basket
    colours = {topic: i % 12 for i, topic in enumerate(basket.topics)}
    fresh = [t for t in summary.tables if t.rows]
    lines = [_line(tables, colours) for tables in families(fresh or summary.tables)]
    lines.sort(key=lambda line: line.mover is None)  # what has a past says more
    kept = () if claims is None else (tuple(claims.claims), tuple(claims.withheld))
    return Part(basket, look.titles(basket.topics), colours, tuple(lines[:SHOWN]), max(0, len(lines) - SHOWN), len(summary.blind), *kept)


def _line(tables: tuple[Table, ...], colours: dict[str, int]) -> Line:
    table = tables[0]
    shares = sorted(((row.topic, row.share) for row in table.rows if row.share), key=lambda pair: -pair[1])
    mover, change, weeks = _mover(table)
    title = table.metric.title if len(tables) == 1 else f"{table.metric.title}, {places(tables)[0]}"
    bar = tuple((colours[topic], round(share, 2)) for topic, share in shares)
    return Line(title, table, len(tables), lead_of(table), bar, mover, change, weeks)


def _mover(table: Table) -> tuple[Row | None, Change | None, int]:
    """Who moved most, over the longest window in which measured figures can be compared with measured ones."""
    for i, weeks in sorted(enumerate(WINDOWS), reverse=True):
        moved = [(row, c) for row in table.rows if (c := row.changes[i]) is not None and c.percent is not None and not c.seam]
        if moved:
            return *max(moved, key=lambda pair: abs(pair[1].percent or 0)), weeks
    return None, None, 0


__all__ = ["page"]
