"""One technology over all sources: what is counted of it, where it stands, what it is called there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from scheduler.web import said
from scheduler.web.look import Look
from scheduler.web.pages.names import names_of
from scheduler.web.pages.render import page as rendered
from scheduler.web.pages.render import sparkline
from scheduler.web.question import Answer
from storage import frames
from storage.model import Topic
from storage.periods import WEEK
from trends import readings, wording
from trends.findings import Row, Table
from trends.overview import families, places
from trends.panel import Panel
from trends.signals import TITLES
from trends.summary import table_of

LINE = 104 * WEEK  # of the past that a small line shows


@dataclass(frozen=True, slots=True)
class Entry:
    """One series of the topic; ``series`` is its name, ``line`` the points of a small drawing."""

    place: str
    table: Table
    row: Row
    fresh: bool
    series: str
    line: str


def page(look: Look) -> Answer:
    topic = look.topic(look.args["topic"])
    baskets = [b for b in look.setting.baskets.values() if topic.key in b.topics]
    topics = list(dict.fromkeys([topic.key, *(t for b in baskets for t in b.topics)]))
    mine = set(frames.catalogue(look.connection, topics=[topic.key], as_of=look.sequence)["metric"])
    panel = look.panel(topics, since=look.recent(), only=lambda s: s.metric in mine or not s.topic)
    titles = look.titles(baskets[0].topics if baskets else [topic.key])
    tables = [table_of(panel, group, titles) for group in panel.groups if topic.key in group.topics]
    return rendered(
        look,
        "topic.html.j2",
        title=topic.title,
        topic=topic,
        baskets=baskets,
        entries=_entries(panel, tables, topic),
        places=_ranks(look, topic),
        names=names_of(look, look.configured.topics.get(topic.key, topic)),
        events=_events(panel, topic),
    )


def _entries(panel: Panel, tables: list[Table], topic: Topic) -> list[Entry]:
    """Per metric its places; what has fresh figures first."""
    groups = {group.key: group for group in panel.groups}
    entries = []
    for family in families(tables):
        for table, place in zip(family, _places(family), strict=True):
            row = next((r for r in (*table.rows, *table.stale) if r.topic == topic.key), None)
            if row is None:
                continue
            group = groups[table.key]
            points = readings.final(group.metric, group.reading(topic.key), panel.present)
            if readings.by_week(group.metric, points):
                points = readings.weeks(group.metric, points)
            points = points[points.times > panel.present - LINE]
            lines = group.of(topic.key)
            name = str(lines[-1].series) if lines else table.key
            entries.append(Entry(place, table, row, row in table.rows, name, sparkline(np.asarray(points.values).tolist())))
    return sorted(entries, key=lambda e: not e.fresh)


def _places(family: Sequence[Table]) -> list[str]:
    """What tells the tables apart, and for one that stands alone who counts it."""
    if len(family) == 1 and not family[0].labels:
        return [wording.sources_named(family[0].sources, {}) or family[0].metric.title]
    return places(family)


@dataclass(frozen=True, slots=True)
class Place:
    """A topic's place in a basket's index. ``parts``: by group of signals, by how many times it is more than the basket's middle;
    their product is ``level``. ``why`` says why there is no place.
    """

    basket: str
    rank: Any | None
    of: int
    parts: tuple[tuple[str, float], ...]
    why: str


def _ranks(look: Look, topic: Topic) -> list[Place]:
    """Where the topic stands in the index of each of its baskets, and what each group of signals gives to that."""
    claims = said.claims(look)
    mine = () if claims is None else [of for of in claims.baskets if topic.key in look.setting.baskets[of.basket].topics]
    found = []
    for of in mine:
        rank = next((r for r in of.index.ranks if r.topic == topic.key and r.rank is not None), None)
        parts = () if rank is None else tuple((TITLES[signal], float(np.exp(part))) for signal, part in rank.parts.items())
        ranked = sum(r.rank is not None for r in of.index.ranks)
        found.append(Place(of.title, rank, ranked, parts, of.index.withheld or "it has too few signals of its own"))
    return found


def _events(panel: Panel, topic: Topic) -> list[tuple[int, str, str]]:
    """What happened lately: time, words, address; the newest first."""
    mine = panel.events[panel.events["topic"].isin([topic.key, ""])].sort_values("time", ascending=False).head(12)
    return list(zip(mine["time"].tolist(), mine["text"].tolist(), mine["url"].tolist(), strict=True))


__all__ = ["page"]
