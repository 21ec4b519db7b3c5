"""What a server holds after the starting history was imported and a spring was measured, as line protocol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from crawlers.catalog import sources
from scheduler.config import Config
from storage import exports, figures
from storage.influx.address import Kind, Machine
from storage.influx.batches import event_line
from storage.journal import Journal
from storage.model import Bound, Event, Observation, Series
from storage.periods import DAY, WEEK, read_time
from storage.vocabulary import SHARED
from tests.deploy.grafana import PRESENT
from trends import derived, summary
from trends.claims import claims
from trends.loading import load

START = read_time("2026-03-02")
MACHINE = Machine(Kind.INFLUXDB, "1.6", 1)
EVENT = Event(read_time("2026-05-06"), "release", "PyTorch 2.12.0", "pytorch", "https://example.org/v2.12.0", "github")


@dataclass(frozen=True, slots=True)
class Measured:
    """One metric of one source, every so many days, with its labels; ``bound`` of each third value."""

    source: str
    metric: str
    labels: tuple[tuple[str, str], ...] = ()
    every: int = 1
    bound: Bound = Bound.EXACT
    topical: bool = True


SPRING = (
    Measured("github", "github.stars"),
    Measured("github", "github.new_stars"),
    Measured("pypi", "pypi.downloads_30d"),
    Measured("linkedin", "jobs.postings", (("board", "linkedin"), ("country", "us")), bound=Bound.AT_LEAST),
    Measured("hacker_news", "jobs.postings", (("board", "hacker_news"),), every=28),
    Measured("hacker_news", "jobs.total", (("board", "hacker_news"),), every=28, topical=False),
    Measured("hacker_news", "hacker_news.stories"),
    Measured("stackoverflow", "stackoverflow.questions"),
    Measured("medium", "articles.published", (("site", "medium"),), bound=Bound.AT_LEAST),
    Measured("wikipedia", "wikipedia.views", (("wiki", "en"),)),
    Measured("huggingface", "huggingface.models"),
    Measured("google_trends", "google_trends.interest", (("geo", "world"),), every=7),
    Measured("paperswithcode", "paperswithcode.share", (("version", "2"),), every=28, bound=Bound.ESTIMATE),
    Measured("conferences", "papers.mentioning", (("rule", "he-2019"), ("venue", "ICLR")), every=500),
    Measured("conferences", "papers.mentioning", (("rule", "inclusive"), ("venue", "ICLR")), every=500),
    Measured("conferences", "papers.mentioning", (("rule", "inclusive"), ("venue", "ICLR"), ("with", "jax")), every=500),
    Measured("conferences", "papers.total", (("venue", "ICLR"),), every=500, topical=False),
    Measured("conferences", "papers.read", (("venue", "ICLR"),), every=500, topical=False),
    Measured("conferences", "papers.unreadable", (("state", "scanned"), ("venue", "ICLR")), every=500, topical=False),
)


def spring(topics: list[str]) -> Iterator[Observation]:
    """Figures of all sources for some topics, each a little more than the one before."""
    for measured in SPRING:
        for rank, topic in enumerate(topics if measured.topical else [""], 1):
            series = Series.of(measured.metric, topic, measured.labels, measured.source)
            for i, time in enumerate(range(START, PRESENT - 3 * DAY, measured.every * DAY)):
                bound = measured.bound if i % 3 == 0 else Bound.EXACT
                yield Observation(series, time, 1000.0 / rank + i, bound)


def known_metrics() -> set[str]:
    return {m.name for metrics in ((SHARED), *(cls.metrics() for cls in sources().values())) for m in metrics}


def lines(folder: Path, settings: Config, *, measured: bool = False, now: int = PRESENT) -> str:
    """Line protocol of all that a server gets: figures, what is concluded from them, events."""
    baskets = list(settings.baskets.values())
    with Journal.open(folder, writable=True) as journal:
        with journal.write() as tx:
            tx.define(SHARED)
            for name, cls in sources().items():
                tx.define(cls.metrics(), name)
            figures.import_rows(tx, figures.starting_history().rows)
            if measured:
                tx.put(spring(["pytorch", "tensorflow", "jax"]))
        with journal.read() as connection:
            seen = load(connection, [t for b in baskets for t in b.topics], now=now)
            concluded = [*derived.derive(seen, summary.summarise(seen, baskets, settings.topics), settings.topics)]
            out = _Lines()
            exports.write_lines(connection, out)  # type: ignore[arg-type]
    if measured:
        concluded += derived.indices(claims(seen, baskets, settings.topics))
        concluded += derived.coverage(_outcomes())
        out.write(event_line(1, EVENT, MACHINE) + "\n")
    for o in concluded:
        out.write(exports.line_writer(o.series)(o.time, o.value, o.bound, 0) + "\n")
    return "".join(out)


class _Lines(list[str]):
    """A text stream that keeps what is written."""

    def write(self, text: str) -> None:
        self.append(text)

    def writelines(self, texts: Iterator[str]) -> None:
        self.extend(texts)


def _outcomes() -> pd.DataFrame:
    """As `scheduler.status.coverage_frame`: one source that always sees, one that is blind in its second half."""
    rows = [
        (source, "m", "t", "", week, outcome, count)
        for week in range(START, START + 10 * WEEK, WEEK)
        for source, outcome, count in (
            ("github", "measured", 70),
            ("github", "missing", 1),
            ("medium", "measured" if week < START + 5 * WEEK else "missing", 20),
        )
    ]
    return pd.DataFrame(rows, columns=["source", "metric", "topic", "labels", "week", "outcome", "count"])
