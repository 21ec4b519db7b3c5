"""What a source declares of itself, and what one response gives: plain frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from crawlers.counts import Count
from storage.model import Capture, Event, Metric, Missing, Observation, Remember
from storage.periods import DAY, HOUR, WEEK


@dataclass(frozen=True, slots=True)
class Counts:
    """One row of what a source counts: a metric with fixed labels, per topic or as a denominator.

    ``zero_is_normal``: all topics at zero at once says nothing (a flag, say); elsewhere it is suspect.
    """

    metric: Metric
    labels: tuple[tuple[str, str], ...] = ()
    per_topic: bool = True
    zero_is_normal: bool = False


@dataclass(frozen=True, slots=True)
class Option:
    """A key of a source's config section. A secret comes from ``UPTAKE_<SOURCE>_<NAME>`` or ``<name>_file``."""

    name: str
    help: str
    type: type = str
    default: object = None
    secret: bool = False
    required: bool = False  # the source stays off without it


@dataclass(frozen=True, slots=True)
class Terms:
    """What the operator allows: where it says so, when that was read, and the gist in our words."""

    url: str
    checked: str  # ISO date
    gist: str


_SECONDS = {"hour": HOUR, "day": DAY, "week": WEEK, "month": 30 * DAY}


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many requests the operator grants, and in words. ``also``: further limits that hold at the same time.

    ``spread``: no six hours get more than a quarter of a day's, so that it lasts.
    """

    requests: int
    per: str  # "hour", "day", "week" or "month"
    words: str
    also: tuple[tuple[int, str], ...] = ()
    spread: bool = False

    @property
    def limits(self) -> list[tuple[int, int]]:
        """Requests within a number of seconds, for each limit."""
        found = [(requests, _SECONDS[per]) for requests, per in ((self.requests, self.per), *self.also)]
        return [*found, (max(1, ceil(self.per_day / 4)), 6 * HOUR)] if self.spread else found

    @property
    def per_day(self) -> int:
        """What may be sent day after day."""
        return min(requests * DAY // _SECONDS[per] for requests, per in ((self.requests, self.per), *self.also))


@dataclass(frozen=True, slots=True)
class Preview:
    """What a topic's name matches at a source: shown by ``uptake check`` and ``uptake add``, and kept as words."""

    topic: str
    text: str
    found: bool = True


@dataclass(frozen=True, slots=True)
class Saved:
    """One count that a page which a person saved gives (`SourceSpider.read_saved`).

    ``name`` is what the page is about in the source's own words, a search or a tag: it tells the topic. Empty: the
    page does not say. ``labels``: those that the page tells; what it does not is filled in from the declaration.
    ``time``: of the period that is counted; None: the nominal time of when the page was saved. ``narrowed``: what
    keeps the page from counting all that the metric does (a place, a filter): then it is a series of its own.
    """

    metric: str
    count: Count
    name: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    time: int | None = None
    narrowed: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """All that one response gave, on its way into the journal in one transaction."""

    observations: tuple[Observation, ...] = ()
    missing: tuple[Missing, ...] = ()
    events: tuple[Event, ...] = ()
    state: tuple[Remember, ...] = ()
    previews: tuple[Preview, ...] = ()
    captures: tuple[Capture, ...] = ()
