"""The words that all rooms share: topics, metrics, series, observations, slots and their ends.

Everything here is a frozen value. Times are epoch seconds in UTC (``int``); `storage.periods` turns
them into text and periods and back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Self

MEASURED_ORIGIN = "measured"
IMPORTED_ORIGIN = "imported"
DERIVED_ORIGIN = "derived"  # what a summary concluded: sent on to dashboards, never read as a measurement


class UptakeError(Exception):
    """Something a person can mend. The message says what, where, and what to do."""


class UsageError(UptakeError):
    """A wrong command, option or configuration: exit code 2."""


class ParseError(UptakeError):
    """A response that does not hold what its source promises: the outcome *parse_error*."""


class Kind(StrEnum):
    """How values of a metric relate to time (design, section 2)."""

    LEVEL = "level"  # a stock at a moment: stars now
    FLOW = "flow"  # what happened in a period: articles per day
    WINDOW = "window"  # a trailing count: downloads of the last 30 days; never summed
    SHARE = "share"  # 0 to 100
    INDEX = "index"  # 0 to 100, comparable only within one fetch


class Cadence(StrEnum):
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class Bound(IntEnum):
    EXACT = 0
    AT_LEAST = 1
    ESTIMATE = 2


class State(IntEnum):
    """What a stored value is good for."""

    GOOD = 0
    SUSPECT = 1  # kept, used in no claim, until the next slot or a person settles it
    RETRACTED = 2  # withdrawn; the value is empty, the former one stands in the revisions


class Outcome(StrEnum):
    MEASURED = "measured"
    RECOVERED = "recovered"  # had been missing, then read from the source's own history
    SUSPECT = "suspect"
    MISSING = "missing"
    OPEN = "open"  # its run has not ended yet


class Reason(StrEnum):
    """Why a slot is missing (design, section 8), in words a person reads."""

    ROBOTS = "robots"
    TOO_LARGE = "too_large"
    TRUNCATED = "truncated"
    BLOCKED = "blocked"
    THROTTLED = "throttled"
    PARSE_ERROR = "parse_error"
    NOT_FOUND = "not_found"
    UNREACHABLE = "unreachable"
    BUDGET = "budget"
    DOWNTIME = "downtime"
    UNANSWERED = "unanswered"  # the crawl ended and nothing had spoken of this slot


@dataclass(frozen=True, slots=True)
class Metric:
    """What is counted: one row of a source's declaration.

    ``settle`` is how long after a period's end a flow may still grow, in seconds; ``lag`` is how long after
    its nominal time a slot can first be asked for (a monthly thread that fills for two weeks).
    """

    name: str
    kind: Kind
    unit: str
    cadence: Cadence
    title: str
    note: str
    version: int = 1
    settle: int = 0
    lag: int = 0
    compared: bool = True  # whether ratios and shares of it mean something: not of a date or a flag

    @property
    def family(self) -> str:
        return self.name.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Topic:
    """A technology that is tracked, with its names per source or signal as written in the config."""

    key: str
    title: str
    names: Mapping[str, object] = field(default_factory=dict)
    formerly: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Basket:
    key: str
    title: str
    topics: tuple[str, ...]


_LABEL_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_METRIC_NAME = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*\Z")
_SERIES_NAME = re.compile(r"\s*([a-z0-9_.]+)\s*(?:\{(.*)\})?\s*\Z", re.DOTALL)
_PAIR = re.compile(r'\s*([a-z][a-z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|\Z)', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Series:
    """One line of numbers: metric, version, origin, topic and labels. ``topic`` is empty for a denominator.

    >>> str(Series("jobs.postings", "pytorch", (("board", "linkedin"),)))
    'jobs.postings{topic="pytorch",board="linkedin"}'
    """

    metric: str
    topic: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    version: int = 1
    origin: str = MEASURED_ORIGIN
    source: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not _METRIC_NAME.match(self.metric):
            raise UsageError(f"metric {self.metric!r} is not of the form family.name")
        for key, value in self.labels:
            if not _LABEL_NAME.match(key) or key in {"topic", "version", "origin"}:
                raise UsageError(f"label {key!r} of {self.metric}: names are lower case, and topic, version and origin are reserved")
            if not value or value != value.strip() or any(c in value for c in ";\n\r\0"):
                raise UsageError(
                    f"label {key} of {self.metric} has the value {value!r}:"
                    " it must not be empty, begin or end with a space, or hold ; or a line break"
                )
        if len(self.labels) > 1 and len(dict(self.labels)) != len(self.labels):
            raise UsageError(f"{self.metric} has a label twice: {labels_text(self.labels)}")
        if self.topic != self.topic.strip() or any(c in self.topic for c in "\n\r\0"):
            raise UsageError(f"topic {self.topic!r} of {self.metric}: it must not begin or end with a space or hold a line break")
        if len(self.labels) > 1 and list(self.labels) != sorted(self.labels):
            object.__setattr__(self, "labels", tuple(sorted(self.labels)))

    @classmethod
    def of(cls, metric: str, topic: str, pairs: Iterable[tuple[str, str]], source: str = "") -> Self:
        """Build from labels that may hold the reserved ``version`` and ``origin``."""
        labels = dict(pairs)
        try:
            version = int(labels.pop("version", "1"))
        except ValueError as error:
            raise UsageError(f"the version of {metric} is not a number") from error
        origin = labels.pop("origin", MEASURED_ORIGIN)
        topic = labels.pop("topic", topic)
        return cls(metric, topic, tuple(sorted(labels.items())), version, origin, source)

    @classmethod
    def parse(cls, name: str) -> Self:
        """Read a series name as `str` writes it, labels in any order."""
        match = _SERIES_NAME.match(name)
        if not match:
            raise UsageError(f'{name!r} is not a series name; one looks like github.stars{{topic="pytorch"}}')
        pairs, rest = [], match[2] or ""
        while rest.strip():
            pair = _PAIR.match(rest)
            if not pair:
                raise UsageError(f'the labels {rest!r} are not of the form key="value",key="value"')
            pairs.append((pair[1], re.sub(r"\\(.)", r"\1", pair[2])))
            rest = rest[pair.end() :]
        return cls.of(match[1], "", pairs)

    @property
    def family(self) -> str:
        return self.metric.partition(".")[0]

    def tags(self) -> list[tuple[str, str]]:
        """Labels with the reserved ones where they are not the default, sorted; without the topic."""
        tags = list(self.labels)
        if self.version != 1:
            tags.append(("version", str(self.version)))
        if self.origin != MEASURED_ORIGIN:
            tags.append(("origin", self.origin))
        return sorted(tags)

    def __str__(self) -> str:
        pairs = ([("topic", self.topic)] if self.topic else []) + self.tags()
        inner = ",".join(f'{k}="{_escaped(v)}"' for k, v in pairs)
        return f"{self.metric}{{{inner}}}" if inner else self.metric


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


def labels_text(pairs: Iterable[tuple[str, str]]) -> str:
    """The CSV form of labels: ``k=v;k=v``, sorted."""
    return ";".join(f"{k}={v}" for k, v in sorted(pairs))


def read_labels(text: str) -> list[tuple[str, str]]:
    """Read the CSV form of labels. Raises `UsageError` on a part without ``=``."""
    pairs = []
    for part in filter(None, (p.strip() for p in text.split(";"))):
        key, equals, value = part.partition("=")
        if not equals:
            raise UsageError(f"label {part!r} is not of the form key=value")
        pairs.append((key.strip(), value.strip()))
    return pairs


@dataclass(frozen=True, slots=True)
class Capture:
    """Where a raw response lies: a record of a run's WARC file, and what its head said."""

    run: str
    file: str  # relative to the captures folder
    offset: int  # bytes from the start of the file
    url: str
    method: str
    status: int
    fingerprint: str
    fetched_at: int
    content_type: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """One value of a series for one time or period.

    ``captures`` are the responses that it was read from (filled by the spider's base), ``citation`` is where
    an imported figure was published.
    """

    series: Series
    time: int
    value: float
    bound: Bound = Bound.EXACT
    observed_at: int | None = None
    captures: tuple[Capture, ...] = ()
    citation: str = ""
    state: State = State.GOOD


@dataclass(frozen=True, slots=True)
class Slot:
    """One planned measurement. Its nominal time: a level's moment, a flow's start, a window's end."""

    series: Series
    time: int

    def observe(self, value: float, bound: Bound = Bound.EXACT) -> Observation:
        return Observation(self.series, self.time, float(value), bound)

    def missing(self, reason: Reason, detail: str = "") -> Missing:
        return Missing(self, reason, detail)


@dataclass(frozen=True, slots=True)
class Missing:
    """A slot that ended without a number, and why."""

    slot: Slot
    reason: Reason
    detail: str = ""
    captures: tuple[Capture, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a topic, drawn on charts: a release, a rename, a user's note."""

    time: int
    kind: str
    text: str
    topic: str = ""
    url: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Remember:
    """A piece of a source's durable state, written in the same transaction as the observations.

    ``value`` is anything JSON can hold; ``None`` forgets the key.
    """

    key: str
    value: object
