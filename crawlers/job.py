"""What a spider is given for one run: plain values, read from config and journal by those above."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from storage.model import Reason, Slot, Topic


class Mode(StrEnum):
    COLLECT = "collect"
    BACKFILL = "backfill"
    PREVIEW = "preview"


@dataclass(frozen=True, slots=True)
class Job:
    """One run of one source.

    ``now`` is the time at which the run was planned: a spider derives all times in requests from it and from
    its slots, never from the clock, so that a run that is done again asks the same questions.
    """

    run: str
    mode: Mode
    now: int
    slots: tuple[Slot, ...] = ()
    topics: Mapping[str, Topic] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)  # the source's own; secrets are plain strings here
    endpoints: Mapping[str, str] = field(default_factory=dict)
    state: Mapping[str, object] = field(default_factory=dict)  # what the source remembered before this run
    since: int | None = None  # of a backfill
    polls: tuple[str, ...] = ()  # topics to be looked at although no slot of theirs is due (`SourceSpider.polls`)
    budget: int | None = None  # requests that may still be sent today; None: no limit of our own
    replay_only: Reason | None = None  # answer from captures alone; what is not there ends with this reason


@dataclass(frozen=True, slots=True)
class Manners:
    """How to behave towards hosts (config section [crawl])."""

    contact: str = ""
    delay: float = 1.0  # seconds between requests to one host
    obey_robots: bool = True
    timeout: float = 30.0  # seconds for one download
    retries: int = 2  # after the first try, for failures that may pass
    backoff: float = 2.0  # seconds before the first retry; doubles, with jitter
    max_wait: float = 300.0  # seconds a run may spend waiting because a server asked it to
    max_size: int = 32 * 1024 * 1024  # bytes of one response
    concurrency: int = 2
