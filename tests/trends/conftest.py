"""A small world to look at: a journal that tests fill, and the panel, summary and report that come of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from storage.journal import Journal
from storage.model import Basket, Bound, Cadence, Event, Kind, Metric, Observation, Series, State, Topic, read_labels
from storage.periods import read_time
from storage.vocabulary import SHARED
from trends import report, summary
from trends.findings import Summary, Table
from trends.loading import load
from trends.panel import Panel
from trends.report import ReportData

STARS = Metric("github.stars", Kind.LEVEL, "stars", Cadence.DAY, "GitHub stars", "Stargazers at the moment of asking.")
NEW_STARS = Metric("github.new_stars", Kind.FLOW, "stars", Cadence.DAY, "New GitHub stars", "Net new stars by day.", settle=172800)
HIRING = Metric("jobs.postings", Kind.FLOW, "postings", Cadence.MONTH, "Job postings", "Comments of a monthly thread.", settle=14 * 86400)


@dataclass
class World:
    """Topics a to c by default; times are text as `read_time` reads it."""

    journal: Journal
    topics: dict[str, Topic]

    def put(
        self,
        metric: str,
        topic: str,
        values: dict[str, float],
        labels: str = "",
        *,
        source: str = "github",
        bound: Bound = Bound.EXACT,
        state: State = State.GOOD,
        citation: str = "",
    ) -> None:
        series = Series.of(metric, topic, read_labels(labels), source)
        with self.journal.write() as tx:
            tx.put([Observation(series, read_time(t), v, bound, citation=citation, state=state) for t, v in values.items()])

    def daily(self, metric: str, topic: str, start: str, values: list[float], labels: str = "") -> None:
        first = pd.Timestamp(start)
        self.put(metric, topic, {str((first + pd.Timedelta(days=i)).date()): v for i, v in enumerate(values)}, labels)

    def board(self, board: str, country: str, last: dict[str, float], end: str = "2026-11-20", *, metric: str = "jobs.postings") -> None:
        """Ten days of postings per topic on a job board, each day one more, up to a last value."""
        days = [str(day.date()) for day in pd.date_range(end=end, periods=10)]
        for topic, value in last.items():
            counts = {day: max(0.0, value - 9 + i) for i, day in enumerate(days)}
            self.put(metric, topic, counts, f"board={board};country={country}", source=board)

    def note(self, time: str, text: str, topic: str = "") -> None:
        with self.journal.write() as tx:
            tx.note(Event(read_time(time), "note", text, topic))

    def basket(self) -> Basket:
        return Basket("all", "All of them", tuple(self.topics))

    def panel(self, now: str, *, until: str | None = None, as_of: int | None = None) -> Panel:
        with self.journal.read() as connection:
            return load(connection, self.topics, now=read_time(now), until=read_time(until) if until else None, as_of=as_of)

    def summary(self, now: str, *, until: str | None = None) -> Summary:
        return summary.summarise(self.panel(now, until=until), [self.basket()], self.topics)

    def table(self, now: str, key: str = "github.stars") -> Table:
        return next(t for t in self.summary(now).baskets[0].tables if t.key == key)

    def report(self, now: str, **options: object) -> ReportData:
        with self.journal.read() as connection:
            return report.build(connection, [self.basket()], self.topics, now=read_time(now), **options)  # type: ignore[arg-type]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Journal.open(tmp_path / "data", writable=True) as journal:
        with journal.write() as tx:
            tx.define(SHARED)
            tx.define([STARS, NEW_STARS], "github")
            tx.define([HIRING], "hacker_news")
        yield World(journal, {key: Topic(key, key.upper()) for key in "abc"})
