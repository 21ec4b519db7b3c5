"""What a summary is made of: figures, changes, rows, tables, and what is blind. Frozen values with ``to_dict`` for JSON."""

from __future__ import annotations

from dataclasses import dataclass

from storage.model import IMPORTED_ORIGIN, MEASURED_ORIGIN, Basket, Bound, Metric
from storage.periods import iso
from trends.panel import Evidence, Labels

WINDOWS = (4, 13, 52)  # weeks


@dataclass(frozen=True, slots=True)
class Figure:
    """One value with all that is needed to judge it. ``time`` is the start of a flow's period."""

    time: int
    value: float
    bound: Bound
    imported: bool
    evidence: Evidence
    period: str = ""

    def to_dict(self) -> dict[str, object]:
        origin = IMPORTED_ORIGIN if self.imported else MEASURED_ORIGIN
        plain = {"time": iso(self.time), "value": self.value, "bound": self.bound.name.lower(), "origin": origin}
        return plain | ({"period": self.period} if self.period else {}) | self.evidence.to_dict()


@dataclass(frozen=True, slots=True)
class Change:
    """From ``before`` to ``now``: values of a level at two times, sums of a flow over two windows that end there.

    ``percent`` is None from zero. ``seam`` says that an imported figure is compared with a measured one.
    ``covered`` of ``expected`` periods had a value in both windows (1 of 1 for values at two times).
    """

    now: float
    before: float
    since: int
    bound: Bound
    seam: bool
    covered: int = 1
    expected: int = 1

    @property
    def absolute(self) -> float:
        return self.now - self.before

    @property
    def percent(self) -> float | None:
        return 100 * (self.now / self.before - 1) if self.before > 0 else None

    def to_dict(self) -> dict[str, object]:
        return {
            "now": self.now,
            "before": self.before,
            "since": iso(self.since),
            "absolute": self.absolute,
            "percent": self.percent,
            "bound": self.bound.name.lower(),
            "imported_against_measured": self.seam,
            "periods": [self.covered, self.expected],
        }


@dataclass(frozen=True, slots=True)
class Row:
    """What a group says of one topic. ``share`` (of the basket) and ``of_total`` (of the denominator) are percentages."""

    topic: str
    title: str
    latest: Figure
    changes: tuple[Change | None, ...]
    share: float | None = None
    share_bound: Bound = Bound.EXACT
    of_total: float | None = None
    partial: Figure | None = None
    suspects: int = 0

    def to_dict(self) -> dict[str, object]:
        return {
            "topic": self.topic,
            "title": self.title,
            "latest": self.latest.to_dict(),
            "share_percent": self.share,
            "share_bound": self.share_bound.name.lower(),
            "percent_of_all": self.of_total,
            "changes": {f"{w}w": c.to_dict() if c else None for w, c in zip(WINDOWS, self.changes, strict=True)},
            "partial": self.partial.to_dict() if self.partial else None,
            "held_back": self.suspects,
        }


@dataclass(frozen=True, slots=True)
class Table:
    """One group over a basket: fresh ``rows`` (largest first), ``stale`` ones, imported ``periods``, topics ``without`` figures.

    ``share_time`` is the common time or period that shares are of; None where no share is given.
    """

    metric: Metric
    labels: Labels
    key: str
    sources: tuple[str, ...]
    rows: tuple[Row, ...]
    stale: tuple[Row, ...]
    periods: tuple[tuple[str, str, Figure], ...]  # topic, title, figure
    without: tuple[str, ...]
    share_time: int | None

    def to_dict(self) -> dict[str, object]:
        return {
            "series": self.key,
            "metric": self.metric.name,
            "version": self.metric.version,
            "labels": dict(self.labels),
            "title": self.metric.title,
            "unit": self.metric.unit,
            "kind": str(self.metric.kind),
            "sources": list(self.sources),
            "share_of": iso(self.share_time) or None,
            "rows": [row.to_dict() for row in self.rows],
            "stale": [row.to_dict() for row in self.stale],
            "periods": [{"topic": t, "title": n, **f.to_dict()} for t, n, f in self.periods],
            "without": list(self.without),
        }


@dataclass(frozen=True, slots=True)
class Blind:
    """A group without fresh figures of all its topics (``topics`` empty) or of some, and the date of the last of them."""

    metric: Metric
    labels: Labels
    sources: tuple[str, ...]
    topics: tuple[str, ...]
    since: int

    def to_dict(self) -> dict[str, object]:
        who = {"metric": self.metric.name, "title": self.metric.title, "labels": dict(self.labels), "sources": list(self.sources)}
        return who | {"topics": list(self.topics) or None, "since": iso(self.since)}


@dataclass(frozen=True, slots=True)
class BasketSummary:
    basket: Basket
    tables: tuple[Table, ...]
    blind: tuple[Blind, ...]
    unseen: tuple[str, ...]  # titles of topics of which nothing at all is known

    def to_dict(self) -> dict[str, object]:
        return {
            "basket": self.basket.key,
            "title": self.basket.title,
            "tables": [table.to_dict() for table in self.tables],
            "blind": [blind.to_dict() for blind in self.blind],
            "nothing_known_of": list(self.unseen),
        }


@dataclass(frozen=True, slots=True)
class Summary:
    """All baskets at one present (epoch seconds), as known at a journal sequence (None: everything)."""

    present: int
    as_of: int | None
    until: int | None
    baskets: tuple[BasketSummary, ...]

    def to_dict(self) -> dict[str, object]:
        when = {"present": iso(self.present), "as_of_sequence": self.as_of, "until": iso(self.until) or None}
        return when | {"baskets": [basket.to_dict() for basket in self.baskets]}
