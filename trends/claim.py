"""What a summary says: claims, what is withheld and why, what is blind. Frozen values with ``to_dict`` for JSON.

All texts (digest, page, Markdown, JSON) are made of these; ``docs/summary.schema.json`` describes their JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from storage.periods import iso

Number = float | int | str | None


class ClaimKind(StrEnum):
    OVERTAKE = "overtake"  # one topic passed another, by hysteresis
    WATCH = "watch"  # ahead, not for long enough to be told as fact
    ON_COURSE = "on_course"  # the lines cross in N weeks, and the interval excludes never
    LEADER = "leader"  # who is first in most groups of signals, with the interval of its rank
    GROWTH = "growth"
    FADING = "fading"
    ACCELERATION = "acceleration"  # faster or slower than the year before
    RATIO = "ratio"  # how many of one for each of the other, now and a year ago
    AGREEMENT = "agreement"  # one source follows another by some months
    COMMON_MOVEMENT = "common_movement"  # all topics moved together: that is the counter
    WITHHELD = "withheld"  # an index, or a claim of several inputs, that is not made
    BLIND = "blind"  # no fresh figures since


class State(StrEnum):
    CLAIMED = "claimed"  # passed its test, the floor and the gate
    WATCH = "watch"
    DESCRIBED = "described"  # figures without a test: what is, not what it means
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing that is said, or withheld.

    ``id`` stays the same from week to week (``kind|basket|topics|metric|labels``); ``says`` puts in coarse terms what is
    said, so that a claim is news again only when it changes. ``sentence`` is one line of plain text with its numbers,
    ``numbers`` holds them by name, ``series`` names what they were read from. ``reasons`` say why it is withheld or
    limited. ``weight`` orders by news value, the biggest first.
    """

    id: str
    kind: str
    basket: str
    topics: tuple[str, ...]
    metric: str
    state: str
    sentence: str
    reasons: tuple[str, ...] = ()
    numbers: Mapping[str, Number] = field(default_factory=dict)
    series: tuple[str, ...] = ()
    weight: float = 0.0
    says: str = ""

    def to_dict(self) -> dict[str, object]:
        return {
            "id": self.id,
            "kind": str(self.kind),
            "basket": self.basket,
            "topics": list(self.topics),
            "metric": self.metric,
            "state": str(self.state),
            "sentence": self.sentence,
            "reasons": list(self.reasons),
            "numbers": dict(self.numbers),
            "series": list(self.series),
            "weight": self.weight,
            "says": self.says,
        }


def identity(kind: str, basket: str, topics: tuple[str, ...], metric: str, labels: str = "") -> str:
    """``ratio|deep-learning|pytorch,tensorflow|pypi.downloads_30d|``."""
    return "|".join([str(kind), basket, ",".join(topics), metric, labels])


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of what could be known of a group of series is known: periods of the last year that have a figure.

    ``since`` is the last time with a figure; ``learning_until`` the time from which growth can be tested (None: it can).
    """

    series: str
    metric: str
    signal: str
    sources: tuple[str, ...]
    measured: int
    expected: int
    since: int
    fresh: bool
    learning_until: int | None = None

    @property
    def part(self) -> float:
        return self.measured / self.expected if self.expected else 0.0

    def to_dict(self) -> dict[str, object]:
        return {
            "series": self.series,
            "metric": self.metric,
            "signal": self.signal,
            "sources": list(self.sources),
            "periods": [self.measured, self.expected],
            "part": self.part,
            "since": iso(self.since),
            "fresh": self.fresh,
            "learning_until": iso(self.learning_until) or None,
        }


@dataclass(frozen=True, slots=True)
class Rank:
    """A topic's place in the index with its interval, over resampled sources and perturbed weights.

    ``level`` is 100 for the geometric mean of the basket; ``growth`` is the yearly growth against the basket in percent.
    ``parts`` is what each group of signals contributes to the level, in log units: they add up to ``ln(level / 100)``.
    """

    topic: str
    title: str
    level: float | None
    growth: float | None
    rank: int | None
    rank_low: int | None
    rank_high: int | None
    parts: Mapping[str, float]

    def to_dict(self) -> dict[str, object]:
        return {
            "topic": self.topic,
            "title": self.title,
            "level": self.level,
            "growth_percent": self.growth,
            "rank": self.rank,
            "rank_interval": None if self.rank_low is None else [self.rank_low, self.rank_high],
            "contributions": dict(self.parts),
        }


@dataclass(frozen=True, slots=True)
class Composite:
    """The index of a basket: its ranks, or the reason why there are none."""

    ranks: tuple[Rank, ...]
    signals: tuple[str, ...]
    missing: tuple[str, ...]
    withheld: str = ""

    def to_dict(self) -> dict[str, object]:
        return {
            "ranks": [rank.to_dict() for rank in self.ranks],
            "signals": list(self.signals),
            "signals_missing": list(self.missing),
            "withheld": self.withheld or None,
        }


@dataclass(frozen=True, slots=True)
class Finding:
    """Something noticed about the figures themselves, with what shows it; drawn on charts, and a reason for the gate.

    ``kind``: step, splice, common_movement, stale, outlier, reset, stuck, saturated, partial, gap, disagreement.
    ``topics`` is empty where it is about all of them; ``time`` to ``end`` is when, in epoch seconds.
    """

    kind: str
    series: str
    topics: tuple[str, ...]
    time: int
    end: int
    text: str
    numbers: Mapping[str, Number] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        return {
            "kind": self.kind,
            "series": self.series,
            "topics": list(self.topics),
            "time": iso(self.time),
            "end": iso(self.end),
            "text": self.text,
            "numbers": dict(self.numbers),
        }


@dataclass(frozen=True, slots=True)
class BasketClaims:
    """All that is said of one basket, each tuple with the biggest news first."""

    basket: str
    title: str
    claims: tuple[Claim, ...]  # claimed, watched and described
    withheld: tuple[Claim, ...]
    blind: tuple[Claim, ...]
    coverage: tuple[Coverage, ...]
    index: Composite
    findings: tuple[Finding, ...]

    def all(self) -> tuple[Claim, ...]:
        return (*self.claims, *self.withheld, *self.blind)

    def to_dict(self) -> dict[str, object]:
        return {
            "basket": self.basket,
            "title": self.title,
            "claims": [claim.to_dict() for claim in self.claims],
            "withheld": [claim.to_dict() for claim in self.withheld],
            "blind": [claim.to_dict() for claim in self.blind],
            "coverage": [cover.to_dict() for cover in self.coverage],
            "index": self.index.to_dict(),
            "findings": [finding.to_dict() for finding in self.findings],
        }


@dataclass(frozen=True, slots=True)
class Claims:
    """All baskets at one present (epoch seconds), as known at a journal sequence (None: everything)."""

    present: int
    as_of: int | None
    until: int | None
    baskets: tuple[BasketClaims, ...]

    def to_dict(self) -> dict[str, object]:
        when = {"present": iso(self.present), "as_of_sequence": self.as_of, "until": iso(self.until) or None}
        return when | {"baskets": [basket.to_dict() for basket in self.baskets]}
