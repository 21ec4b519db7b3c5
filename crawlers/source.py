"""`SourceSpider`: what every source declares, what it is given, and what it owes.

A source is one module with one subclass. It declares what it counts in tables; it turns slots into requests
(`measure`, `history`, `preview`) and hands payloads to pure parse functions. All else is the base's: which
slot a failure belongs to, walls, broken payloads, evidence.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self
from urllib.parse import urlencode, urlsplit

from scrapy.crawler import Crawler
from scrapy.http import Request, Response

from crawlers.answering import Answering, Handler, Output, Sink
from crawlers.captures import Tape
from crawlers.declarations import Allowance, Counts, Option, Preview, Reading, Saved, Terms
from crawlers.job import Job, Manners, Mode
from crawlers.politeness import Pacing
from crawlers.tokens import Login
from crawlers.urls import join
from storage.grips import FIRM, Grip
from storage.model import (
    Bound,
    Capture,
    Kind,
    Metric,
    Reason,
    Series,
    Slot,
    Topic,
    UsageError,
)
from storage.periods import DAY, nominal, read_time

logger = logging.getLogger(__name__)


class SourceSpider(Answering):
    """Base of all sources. See `crawlers.spiders.stackoverflow` for a small one."""

    title: ClassVar[str]
    about: ClassVar[str]  # what it counts, in a sentence or two, for documentation and `uptake sources`
    counts: ClassVar[tuple[Counts, ...]]
    terms: ClassVar[Terms]
    endpoints: ClassVar[Mapping[str, str]]  # config key -> default URL; "base_url" is the first
    signals: ClassVar[tuple[str, ...]]  # keys of a topic that name it here; the first one present is used
    schedule: ClassVar[str] = "17 3 * * *"
    delay: ClassVar[float] = 1.0  # seconds between requests at the source's real host
    options: ClassVar[tuple[Option, ...]] = ()
    enabled_by_default: ClassVar[bool] = True
    by_key: ClassVar[bool] = False  # the operator gives keys for calling what its robots.txt closes to crawlers: the key's terms hold
    needs_contact: ClassVar[bool] = False  # its operator asks for a way to reach who calls
    hosts_apart: ClassVar[bool] = False  # its endpoints are different operators': a wall or an outage at one says nothing of the others
    takes_turns: ClassVar[bool] = False  # each topic costs requests of its own: those that no allowance is left for wait (`requests_for`)
    runs_apart: ClassVar[bool] = False  # a collection's answers speak of its own slots alone: kept ones can be read again in any order
    people: ClassVar[bool] = False  # its pages may name people: they are kept for a limited time only
    parser: ClassVar[int] = 1  # raise it when a parse function changes what it reads
    history_since: ClassVar[str | None] = None  # how far `uptake backfill` goes without --since (ISO date, or "90 days")

    job: Job

    def __init__(
        self,
        job: Job | None = None,
        manners: Manners | None = None,
        tape: Tape | None = None,
        recorder: Sink | None = None,
        grip: Grip = FIRM,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.tape = tape  # where responses are kept; None: nowhere (previews, `scrapy crawl`)
        self.recorder = recorder
        self.grip = grip  # on the hosts: `crawlers.fence` asks it before each request
        self.job = job if job is not None else Job(run="", mode=Mode.COLLECT, now=0)
        book = None if recorder is None else recorder.booking.book
        self.pacing = Pacing(manners or Manners(), self.job.budget, apart=self.hosts_apart, book=book)

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        """Under ``scrapy crawl`` the job comes from the project's settings: all topics, now, nothing kept."""
        setup = (crawler.settings.get("UPTAKE_SETUPS") or {}).get(cls.name)
        if "job" not in kwargs and setup is not None:
            now = int(time.time())
            kwargs["job"] = Job(
                run="",
                mode=Mode.COLLECT,
                now=now,
                slots=tuple(cls.slots(setup.topics.values(), now, setup.options)),
                topics=setup.topics,
                options=setup.options,
                endpoints=setup.endpoints,
            )
            kwargs["manners"] = crawler.settings.get("UPTAKE_MANNERS")
        return super().from_crawler(crawler, *args, **kwargs)

    # To be declared or written by a source

    def wait_for(self, response: Response) -> float | None:
        """Seconds that a response asks to wait before the same request is sent again; None: it does not say.

        Retry-After on 429 and 503 is the base's when this gives None. ``response.request`` is not set yet here.
        """
        return None

    def credentials(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """Headers and query parameters that are added to requests below captures and logs."""
        return {}, {}

    def login(self) -> Login | None:
        """How an access token is got, where the key must first be exchanged for one; it is added as a bearer token."""
        return None

    def remark(self, measured: int, planned: int) -> str:
        """A sentence for the person after a run whose allowance did not suffice, with what helps; or nothing."""
        return ""

    @classmethod
    def allowance(cls, options: Mapping[str, object]) -> Allowance | None:
        """What the operator grants with these options; None: nothing is published."""
        return None

    @classmethod
    def requests_per_day(cls, topics: int, options: Mapping[str, object]) -> float:
        """About how many requests a day this many topics cost."""
        return float(topics)

    @classmethod
    def cost_words(cls, options: Mapping[str, object]) -> str:
        """What it costs in requests a day, in words."""
        ten, more = (cls.requests_per_day(n, options) for n in (10, 110))
        return f"{ten / 10:.1f} a topic" if more > 2 * ten else f"{ten:,.0f} whatever the topics"

    @classmethod
    def requests_for(cls, topic: Topic, options: Mapping[str, object]) -> float | None:
        """Requests that one topic costs each time, where topics take turns if not all fit the allowance; else None."""
        if not cls.takes_turns:
            return None
        few, many = (cls.requests_per_day(n, options) for n in (100, 1_100))
        return 0.0 if cls.name_of(topic) is None else (many - few) / 1_000

    @classmethod
    def rows(cls, options: Mapping[str, object]) -> tuple[Counts, ...]:
        """What is counted with these options: `counts`, unless labels depend on them (countries, say)."""
        return cls.counts

    @classmethod
    def check_options(cls, options: Mapping[str, object]) -> None:
        """Raise `UsageError` for option values that cannot be; called when the configuration is read."""

    @classmethod
    def polls(
        cls, topics: Iterable[Topic], state: Mapping[str, object], now: int, options: Mapping[str, object] | None = None
    ) -> list[str]:
        """Keys of topics that must be looked at now though no slot of theirs is due: what passes by is lost else."""
        return []

    @classmethod
    def next_poll(cls, topics: Iterable[Topic], state: Mapping[str, object], now: int) -> int | None:
        """When `polls` will next name a topic, not before ``now``; None: a schedule is all that the source needs."""
        return None

    @classmethod
    def wanted(cls, slots: Sequence[Slot], state: Mapping[str, object]) -> list[Slot]:
        """Of slots without a value those that are planned: not one that ended for good and may only be filled by a poll."""
        return list(slots)

    @classmethod
    def read_saved(cls, page: str, url: str) -> list[Saved]:
        """What a page says that a person saved (`uptake import --format page`). Pure. ``url`` may be empty.

        Raises `ParseError` for a page that gives no count.
        """
        raise UsageError(f"{cls.title} has no pages that can be imported")

    @classmethod
    def is_saved_of(cls, topic: Topic, name: str) -> Bound | None:
        """Whether a saved page's search or tag is this topic's (then the best that its count can be), None if not."""
        said = cls.name_of(topic)
        names = said if isinstance(said, list | tuple) else [said]
        return Bound.EXACT if name and name.casefold() in {str(n).casefold() for n in names if n is not None} else None

    # What the base gives

    @classmethod
    def metrics(cls, options: Mapping[str, object] | None = None) -> tuple[Metric, ...]:
        return tuple(row.metric for row in cls.rows(options or {}))

    @classmethod
    def chosen(cls, options: Mapping[str, object], name: str) -> Any:
        """An option's value, or its default."""
        value = options.get(name)
        return next(o.default for o in cls.options if o.name == name) if value is None else value

    @classmethod
    def name_of(cls, topic: Topic) -> Any:
        """The topic's name at this source as the config has it, None if it has none."""
        return next((topic.names[key] for key in cls.signals if topic.names.get(key)), None)

    @classmethod
    def check(cls, topic: Topic) -> None:
        """Raise `UsageError` where a topic's name cannot be read; called when the configuration is."""
        cls.name_of(topic)

    @classmethod
    def slots(cls, topics: Iterable[Topic], now: int, options: Mapping[str, object] | None = None) -> list[Slot]:
        """The latest nominal slot of everything the source counts for these topics."""
        named = [t.key for t in topics if cls.name_of(t) is not None]
        found = []
        for row in cls.rows(options or {}):
            for key in named if row.per_topic else [""] * bool(named):
                series = Series(row.metric.name, key, row.labels, row.metric.version, source=cls.name)
                found.append(Slot(series, nominal(row.metric, now)))
        return found

    @classmethod
    def history_slots(cls, topics: Iterable[Topic], now: int, since: int | None) -> list[Slot]:
        """One slot a series that has history, standing for the whole stretch since ``since``.

        By default every flow, if `history` is written at all. ``since`` None means as far as the source goes
        (`history_since`).
        """
        if cls.history is SourceSpider.history:
            return []
        start = since if since is not None else cls.default_since(now)
        flows = {row.metric.name for row in cls.counts if row.metric.kind is Kind.FLOW}
        return [Slot(s.series, start) for s in cls.slots(topics, now) if s.series.metric in flows]

    @classmethod
    def history_plan(cls, topics: Iterable[Topic], now: int, since: int | None, options: Mapping[str, object]) -> list[Slot]:
        """`history_slots`, for a source whose labels depend on its options."""
        return cls.history_slots(topics, now, since)

    @classmethod
    def default_since(cls, now: int) -> int:
        """Where a backfill starts when nobody says: `history_since` as a date or as ``"90 days"``, else the epoch."""
        said = cls.history_since
        if said is None:
            return 0
        return now - int(said.split()[0]) * DAY if said.endswith("days") else read_time(said)

    @classmethod
    def metric(cls, name: str) -> Metric:
        return next(row.metric for row in cls.counts if row.metric.name == name)

    def topic(self, slot: Slot) -> Topic:
        return self.job.topics[slot.series.topic]

    def option(self, name: str) -> Any:
        return self.chosen(self.job.options, name)

    def endpoint(self, key: str = "base_url") -> str:
        return self.job.endpoints.get(key) or self.endpoints[key]

    def secrets(self) -> list[str]:
        """Values that must reach no log, capture or journal."""
        return [str(self.job.options[o.name]) for o in self.options if o.secret and self.job.options.get(o.name)]

    def halt(self) -> None:
        """Stop because the process stops: what fails from now on is no outcome, the run goes on next time."""
        if self.recorder is not None:
            self.recorder.halted = True
        self.stop(Reason.UNANSWERED, "stopped")  # whoever waits for a host's pause wakes up

    def pause(self, seconds: float, endpoint: str = "base_url") -> bool:
        """Send nothing to an endpoint's host for some time. False if the run may not wait that long."""
        if not self.pacing.grants(seconds):
            return False
        self.pacing.pause(urlsplit(self.endpoint(endpoint)).netloc, seconds)
        return True

    def fetch(
        self,
        path: str,
        then: Handler,
        slots: Sequence[Slot] = (),
        *,
        endpoint: str = "base_url",
        params: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        post: object = None,
        conditional: bool = False,
        retry: bool = True,
        after: Sequence[Capture] = (),
        priority: int = 0,
        people: bool | None = None,
        **kwargs: Any,
    ) -> Request:
        """A request for some slots. ``then(response, slots, **kwargs)`` yields what it found.

        Whatever goes wrong on the way ends these slots with the right reason. ``post``: a JSON body.
        ``conditional``: ask whether it changed since the last capture (the answer is then that capture's).
        ``after``: captures of earlier pages that the result also rests on. ``retry=False``: the handler of
        failures is the source's own (`failed`). ``people``: the answer may name people (else as the source says).
        """
        url = path if "://" in path else join(self.endpoint(endpoint), path)
        if params:
            url += ("&" if "?" in url else "?") + urlencode({k: v for k, v in params.items() if v is not None})
        body = b"" if post is None else json.dumps(post, sort_keys=True).encode()
        return Request(
            url,
            method="GET" if post is None else "POST",
            body=body,
            headers={**({"Content-Type": "application/json"} if post is not None else {}), **(headers or {})},
            callback=self._received,
            errback=self._failed,
            cb_kwargs={"then": then, "slots": tuple(slots), "kwargs": kwargs},
            meta={
                "conditional": conditional,
                "no_retry": not retry,
                "after": tuple(after),
                "people": self.people if people is None else people,
            },
            dont_filter=True,
            priority=priority,
        )


__all__ = ["Allowance", "Counts", "Handler", "Option", "Output", "Preview", "Reading", "Saved", "SourceSpider", "Terms", "join"]
