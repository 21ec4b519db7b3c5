"""Conference papers: how many mention each topic in two years, venue by venue, as the 2019 article's table has it.

He, The State of Machine Learning Frameworks in 2019 (The Gradient): counts of papers, growth from one year to the next,
and the share of one framework among those that mention any. Growth is of exact counts, with an exact Poisson interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from storage.model import UsageError
from storage.periods import moment, read_time
from trends import poisson, wording
from trends.panel import Group, Panel

METRIC = "papers.mentioning"


@dataclass(frozen=True, slots=True)
class Growth:
    """From one year's papers to another's: percent with its 95 % interval; None from zero, or where it is not bounded."""

    before: int
    now: int
    percent: float | None
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, object]:
        return {"counts": [self.before, self.now], "growth_percent": self.percent, "interval_percent": [self.low, self.high]}


@dataclass(frozen=True, slots=True)
class Venue:
    """One venue under one rule. ``share`` is each topic's percentage of all mentions of the later year, ``totals`` all papers
    of both years (None where unknown), ``rates`` each topic's percentage of those.
    """

    name: str
    rule: str
    growth: Mapping[str, Growth]
    share: Mapping[str, float]
    totals: tuple[int | None, int | None]
    rates: Mapping[str, tuple[float | None, float | None]]

    def to_dict(self) -> dict[str, object]:
        return {
            "venue": self.name,
            "rule": self.rule,
            "topics": {topic: growth.to_dict() for topic, growth in self.growth.items()},
            "share_percent": dict(self.share),
            "papers": list(self.totals),
            "percent_of_papers": {topic: list(pair) for topic, pair in self.rates.items()},
        }


@dataclass(frozen=True, slots=True)
class Year:
    """One edition: counts by topic, and each topic's share of them in percent with its exact 95 % interval."""

    year: int
    counts: Mapping[str, int]
    share: Mapping[str, tuple[float, float, float]]
    papers: int | None

    def to_dict(self) -> dict[str, object]:
        shares = {topic: {"percent": at, "interval": [low, high]} for topic, (at, low, high) in self.share.items()}
        return {"year": self.year, "counts": dict(self.counts), "share": shares, "papers": self.papers}


@dataclass(frozen=True, slots=True)
class Venues:
    """The table of two years, the ratio series of every venue, and what the other rules count (``ablations``)."""

    start: int
    end: int
    rule: str
    topics: Mapping[str, str]
    rows: tuple[Venue, ...]
    series: Mapping[str, tuple[Year, ...]]
    ablations: tuple[Venue, ...]

    def to_dict(self) -> dict[str, object]:
        return {
            "from": self.start,
            "to": self.end,
            "rule": self.rule,
            "topics": dict(self.topics),
            "venues": [row.to_dict() for row in self.rows],
            "series": {venue: [year.to_dict() for year in years] for venue, years in self.series.items()},
            "ablations": [row.to_dict() for row in self.ablations],
        }


def rules_of(panel: Panel) -> list[str]:
    """The rules by which papers were counted, the one with the most venues first."""
    found = [dict(group.labels).get("rule", "") for group in panel.groups if group.metric.name == METRIC]
    return sorted(dict.fromkeys(found), key=lambda rule: (-found.count(rule), rule))


def venues(panel: Panel, titles: Mapping[str, str], start: int, end: int, rule: str | None = None) -> Venues:
    """The table from one year to another. Without a ``rule``, that of the most venues; the rest are its ablations.

    Raises `UsageError` where nothing was counted, or not by this rule.
    """
    rules = rules_of(panel)
    if not rules:
        raise UsageError("no papers are counted yet; `uptake collect conferences`, or `uptake import --starting-history`")
    if rule is not None and rule not in rules:
        raise UsageError(f"--rule: nothing was counted by {rule!r}; there are: {', '.join(rules)}")
    if start >= end:
        raise UsageError("--from must be a year before --to")
    chosen = rules[0] if rule is None else rule
    groups = [group for group in panel.groups if group.metric.name == METRIC]
    series = {(dict(g.labels).get("rule", ""), _name(g)): years_of(panel, g, titles) for g in groups}
    rows = [row for (of, name), years in series.items() if (row := _venue(name, of, years, titles, start, end)) is not None]
    mine = {name: years for (of, name), years in series.items() if of == chosen}
    return Venues(
        start,
        end,
        chosen,
        {t: titles[t] for t in titles if any(t in y.counts for years in mine.values() for y in years)},
        tuple(sorted((row for row in rows if row.rule == chosen), key=_standing)),
        dict(sorted(mine.items())),
        tuple(sorted((row for row in rows if row.rule != chosen), key=lambda row: (row.rule, row.name))),
    )


def _standing(row: Venue) -> tuple[int, str]:
    return (-sum(growth.now for growth in row.growth.values()), row.name)


def _name(group: Group) -> str:
    return dict(group.labels).get("venue", group.key)


def years_of(panel: Panel, group: Group, titles: Mapping[str, str]) -> tuple[Year, ...]:
    """A venue's editions in order of years."""
    counts: dict[int, dict[str, int]] = {}
    for topic in titles:
        points = group.reading(topic)
        for time, value in zip(points.times.tolist(), points.values.tolist(), strict=True):
            of = counts.setdefault(moment(time).year, {})
            of[topic] = of.get(topic, 0) + round(value)
    total = panel.total_of(group)
    whole = total.reading("") if total is not None else None
    papers = {} if whole is None else {moment(t).year: round(v) for t, v in zip(whole.times.tolist(), whole.values.tolist(), strict=True)}
    return tuple(Year(year, counts[year], _shares(counts[year]), papers.get(year)) for year in sorted(counts))


def _shares(counts: Mapping[str, int]) -> dict[str, tuple[float, float, float]]:
    whole = sum(counts.values())
    if len(counts) < 2 or whole == 0:
        return {}
    hits = np.array(list(counts.values()), dtype="float64")
    low, high = poisson.proportion(hits, np.full(len(hits), float(whole)))
    return {
        topic: (100 * h / whole, 100 * a, 100 * b)
        for topic, h, a, b in zip(counts, hits.tolist(), low.tolist(), high.tolist(), strict=True)
    }


def _venue(name: str, rule: str, years: Iterable[Year], titles: Mapping[str, str], start: int, end: int) -> Venue | None:
    by_year = {year.year: year for year in years}
    if start not in by_year or end not in by_year:
        return None
    old, new = by_year[start], by_year[end]
    both = [topic for topic in titles if topic in old.counts and topic in new.counts]
    rates = {t: (_rate(old.counts[t], old.papers), _rate(new.counts[t], new.papers)) for t in both}
    share = {topic: at for topic, (at, _, _) in new.share.items()}
    return Venue(name, rule, {t: growth(old.counts[t], new.counts[t]) for t in both}, share, (old.papers, new.papers), rates)


def _rate(count: int, papers: int | None) -> float | None:
    return 100 * count / papers if papers else None


def growth(before: int, now: int) -> Growth:
    """The growth of a count of papers."""
    found = poisson.ratios(np.array([now]), np.array([before]))
    ends = [100 * (float(end[0]) - 1) if np.isfinite(end[0]) else None for end in (found.low, found.high)]
    return Growth(before, now, 100 * (now / before - 1) if before else None, ends[0], ends[1])


def text_of(found: Venues) -> str:
    """The table, each venue's shares over the years, and what other rules count."""
    parts = [f"Papers that mention each, {found.start} to {found.end}, by the rule {found.rule or '(none)'}"]
    parts.append(_table(found.rows, found) if found.rows else "No venue has figures of both years.")
    if any(year.share for years in found.series.values() for year in years):
        first = next(iter(found.topics))
        lines = [f"{found.topics[first]}'s share of all mentions, with 95 % intervals"]
        parts.append("\n".join([*lines, *(_line(name, years, first) for name, years in found.series.items())]))
    if found.ablations:
        parts.append("By other rules\n" + _table(found.ablations, found, rule=True))
    return "\n\n".join(parts) + "\n"


def _line(name: str, years: Sequence[Year], topic: str) -> str:
    told = []
    for year in years:
        if topic in year.share:
            at, low, high = year.share[topic]
            told.append(f"{year.year} {at:.0f} % [{low:.0f}–{high:.0f}]")
    return f"  {name}: {', '.join(told) or wording.DASH}"


def _table(rows: Sequence[Venue], found: Venues, *, rule: bool = False) -> str:
    head = ["", *(title for title in found.topics.values()), "papers"]
    cells = [
        [
            f"{row.name} ({row.rule})" if rule else row.name,
            *(_cell(row.growth.get(topic)) for topic in found.topics),
            "→".join(wording.full(total) for total in row.totals),
        ]
        for row in rows
    ]
    return "\n".join("  " + line for line in wording.columns(head, cells))


def _cell(one: Growth | None) -> str:
    if one is None:
        return wording.DASH
    grown = (
        wording.DASH
        if one.percent is None
        else f"{'+' if one.percent > 0 else wording.MINUS if one.percent < 0 else '±'}{abs(one.percent):.2f} %"
    )
    return f"{one.before}→{one.now} {grown}"


def year(text: str, option: str) -> int:
    """An option's year; raises `UsageError`."""
    try:
        return moment(read_time(text)).year
    except UsageError as error:
        raise UsageError(f"{option}: {text!r} is not a year; write 2019") from error
