"""What the report says, gathered from the journal: per basket its tables, charts and where all of it is from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pandas as pd
from sqlalchemy import Connection

from storage.lookups import head
from storage.model import Basket, Topic
from trends.chart_data import ChartData, chart_data
from trends.chart_frame import COVERAGE
from trends.claim import BasketClaims
from trends.claims import claims
from trends.findings import BasketSummary, Table
from trends.loading import load
from trends.marks import marked
from trends.panel import Evidence, Group, Panel
from trends.summary import summarise


@dataclass(frozen=True, slots=True)
class Trouble:
    """What could not be measured: a source's title, what happened in plain words, how often, and one example."""

    source: str
    words: str
    count: int
    example: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where figures of a series are from: one citation or page, how many figures, from when to when (epoch s)."""

    evidence: Evidence
    imported: bool
    count: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Section:
    """One metric (and labels) of a basket: its table, its chart if there is something to draw, where it is all from."""

    table: Table
    chart: ChartData | None
    origins: tuple[Origin, ...]


@dataclass(frozen=True, slots=True)
class BasketReport:
    summary: BasketSummary
    topics: tuple[str, ...]  # keys in the order of their colours
    sections: tuple[Section, ...]
    claims: BasketClaims


@dataclass(frozen=True, slots=True)
class ReportData:
    """All that the page says. Times are epoch seconds; ``sequence`` is the journal's at the time of building."""

    baskets: tuple[BasketReport, ...]
    troubles: tuple[Trouble, ...]
    present: int
    generated: int
    sequence: int
    as_of: int | None = None
    until: int | None = None
    version: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)


def build(
    connection: Connection,
    baskets: list[Basket],
    topics: Mapping[str, Topic],
    *,
    now: int,
    as_of: int | None = None,
    until: int | None = None,
    troubles: Iterable[Trouble | tuple[str, str, int, str]] = (),
    coverage: pd.DataFrame | None = None,
    version: str = "",
    sources: Mapping[str, str] | None = None,
    configured: Iterable[Basket] = (),
) -> ReportData:
    """Gather a report of some baskets of those that are ``configured``: what moves a whole source is seen in all of them.

    ``coverage`` has the columns source, metric, topic, labels (CSV text), week, outcome, count.

    ``troubles`` are shown first; ``sources`` are titles by key; ``as_of`` is a journal sequence.
    """
    every = [key for basket in (*baskets, *configured) for key in basket.topics]
    seen = load(connection, every, now=now, as_of=as_of, until=until)
    said = claims(seen, baskets, topics).baskets
    seen = marked(seen, (finding for of in said for finding in of.findings))
    summary = summarise(seen, baskets, topics)
    return ReportData(
        tuple(_basket(seen, part, of, topics, coverage) for part, of in zip(summary.baskets, said, strict=True)),
        tuple(t if isinstance(t, Trouble) else Trouble(*t) for t in troubles),
        seen.present,
        now,
        head(connection) if as_of is None else as_of,
        as_of,
        until,
        version,
        dict(sources or {}),
    )


def _basket(
    seen: Panel, part: BasketSummary, said: BasketClaims, topics: Mapping[str, Topic], coverage: pd.DataFrame | None
) -> BasketReport:
    titles = {key: topics[key].title if key in topics else key for key in part.basket.topics}
    groups = {group.key: group for group in seen.groups}
    if coverage is not None and not set(COVERAGE) <= set(coverage.columns):
        raise ValueError(f"coverage needs the columns {', '.join(COVERAGE)}; it has {', '.join(map(str, coverage.columns))}")
    sections = [
        Section(table, chart_data(seen, groups[table.key], titles, coverage), tuple(_origins(seen, groups[table.key], titles)))
        for table in part.tables
    ]
    sections.sort(key=lambda section: section.chart is None)  # years of figures first, then what has only begun
    return BasketReport(part, tuple(titles), tuple(sections), said)


def _origins(seen: Panel, group: Group, titles: Mapping[str, str]) -> list[Origin]:
    """Every citation and page that figures of a group rest on. Daily pages of one address are one entry, the newest."""
    found: dict[tuple[str, str, bool], Origin] = {}
    for line in group.lines:
        if line.series.topic not in titles:
            continue
        for time, key in zip(line.points.times.tolist(), line.points.evidence.tolist(), strict=True):
            evidence = seen.evidence_of(key)
            name = (evidence.text, evidence.url.partition("?")[0], line.imported)
            old = found.get(name)
            newest = evidence if old is None or time >= old.last else old.evidence
            known = Origin(newest, line.imported, 0, time, time) if old is None else old
            found[name] = Origin(newest, line.imported, known.count + 1, min(time, known.first), max(time, known.last))
    return sorted(found.values(), key=lambda o: (o.imported, -o.last))
