"""What a source declares of itself, and what one response gives: plain frozen values."""

from __future__ import annotations

from dataclasses import dataclass

from storage.model import Capture, Event, Metric, Missing, Observation, Remember


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


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many requests the operator grants, and in words."""

    requests: int
    per: str  # "hour" or "day"
    words: str

    @property
    def per_day(self) -> int:
        return self.requests * (24 if self.per == "hour" else 1)


@dataclass(frozen=True, slots=True)
class Preview:
    """What a topic's name matches at a source: shown by ``uptake check`` and ``uptake add``, stored nowhere."""

    topic: str
    text: str
    found: bool = True


@dataclass(frozen=True, slots=True)
class Reading:
    """All that one response gave, on its way into the journal in one transaction."""

    observations: tuple[Observation, ...] = ()
    missing: tuple[Missing, ...] = ()
    events: tuple[Event, ...] = ()
    state: tuple[Remember, ...] = ()
    previews: tuple[Preview, ...] = ()
    captures: tuple[Capture, ...] = ()
