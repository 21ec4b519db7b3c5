"""`DownloadBoard`: a board that is downloaded once and matched here against all topics, with the number of postings beside.

A board's module declares where the postings are (`parts`) and reads a page of them (`page`, pure). Following
pages, matching, countries, windows, parts that fail and previews are this base's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any, ClassVar

from scrapy.http import Request, Response

from crawlers.boards.searched import WORLD, Ask, Board, shown, told
from crawlers.job import Job, Mode
from crawlers.keywords import Matcher
from crawlers.source import Output, Preview
from storage.model import Bound, Capture, Event, Missing, Observation, ParseError, Reason, Remember, Slot, Topic
from storage.periods import DAY
from storage.vocabulary import NEW_JOB_POSTINGS

DAYS_NEW = 7
SAMPLES = 3


@dataclass(frozen=True, slots=True)
class Posting:
    """One posting: what is matched, and what it is counted under."""

    id: str  # the same on every page of the board
    title: str
    text: str = ""  # what is searched beside the title
    posted: int | None = None  # epoch seconds
    countries: frozenset[str] = frozenset({WORLD})  # labels of the board's `countries`


@dataclass(frozen=True, slots=True)
class Page:
    """What one response holds. ``whole``: there are no further postings behind what the part gives."""

    postings: Sequence[Posting]
    following: Ask | None = None
    whole: bool = True


@dataclass(slots=True)
class Harvest:
    """What a run's download came to so far."""

    seen: dict[str, tuple[frozenset[str], int | None, frozenset[str]]] = field(default_factory=dict)  # id -> topics, posted, countries
    samples: dict[str, list[str]] = field(default_factory=dict)
    captures: list[Capture] = field(default_factory=list)
    waiting: int = 0  # parts that have not ended
    read: int = 0  # parts that were read to their end
    whole: bool = True
    failed: list[tuple[Reason, str]] = field(default_factory=list)


class DownloadBoard(Board):
    """A board without a search worth the name: everything is read once a day, whatever the number of topics."""

    tolerance: ClassVar[float] = 0.0  # share of the parts that may fail; the rest is then a lower bound
    pages_per_part: ClassVar[float] = 1.0  # about, for `uptake plan`
    matched_here = True

    def __init__(self, job: Job | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(job, *args, **kwargs)
        self._expressions = {key: k for key, topic in self.job.topics.items() if (k := self.keywords_of(topic))}
        self._matcher = Matcher(self._expressions)
        self._harvest = Harvest()

    @classmethod
    def parts(cls, options: Mapping[str, object]) -> Sequence[Ask]:
        """The first request of each part of the board."""
        raise NotImplementedError

    @classmethod
    def page(cls, response: Response, ask: Ask) -> Page:
        """The postings of one response. Raises `ParseError` where it is not what it should be."""
        raise NotImplementedError

    def gone(self, ask: Ask) -> Iterable[Output] | None:
        """What to say of a part that does not exist (any more) and is left out; None: its absence is a failure."""
        return None

    @classmethod
    def requests_per_day(cls, topics: int, options: Mapping[str, object]) -> float:
        return ceil(len(cls.parts(options)) * cls.pages_per_part) if topics else 0.0

    async def measure(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        if slots:
            for request in self._download():
                yield request

    async def preview(self, topics: Sequence[Topic]) -> AsyncIterator[Request]:
        for request in self._download():
            yield request

    def _download(self) -> list[Request]:
        asks = self.parts(self.job.options)
        self._harvest.waiting = len(asks)
        return [self._send(ask) for ask in asks]

    def _send(self, ask: Ask) -> Request:
        """Without slots: a part that fails is one of several, and what it means is decided at the end."""
        return self.fetch(
            ask.path, self._received_page, endpoint=ask.endpoint, params=ask.params, headers=ask.headers, post=ask.post, ask=ask
        )

    def _received_page(self, response: Response, _slots: Sequence[Slot], *, ask: Ask) -> Iterator[Output]:
        capture = response.meta.get("capture")
        try:
            page = self.page(response, ask)
        except ParseError as error:
            where = f"; response kept as {capture.file}@{capture.offset}" if capture else ""
            yield from self._ended(failure=(Reason.PARSE_ERROR, f"{error}{where}"))
            return
        harvest = self._harvest
        if capture:
            harvest.captures.append(capture)
        fresh = [p for p in page.postings if p.id not in harvest.seen]
        for posting in fresh:
            topics = frozenset(self._matcher.match(f"{posting.title}\n{posting.text}"))
            harvest.seen[posting.id] = (topics, posting.posted, posting.countries)
            for key in topics:
                samples = harvest.samples.setdefault(key, [])
                if len(samples) < SAMPLES:
                    samples.append(posting.title)
        if page.following is not None and fresh:  # a page that repeats the last one would go on for ever
            yield self._send(page.following)
        else:
            harvest.whole = harvest.whole and page.whole
            harvest.read += 1
            yield from self._ended()

    def failed(self, request: Request, slots: Sequence[Slot], reason: Reason, detail: str, **kwargs: Any) -> Iterable[Output]:
        told_of = self.gone(kwargs["ask"]) if reason is Reason.NOT_FOUND else None
        if told_of is not None:
            return [*told_of, *self._ended()]
        return list(self._ended(failure=(reason, f"{request.url}: {detail}")))

    def _ended(self, failure: tuple[Reason, str] | None = None) -> Iterator[Output]:
        """Note that a part has ended; with the last one, say what the whole came to."""
        harvest = self._harvest
        harvest.waiting -= 1
        if failure is not None:
            harvest.failed.append(failure)
        if harvest.waiting == 0:
            yield from self._show() if self.job.mode is Mode.PREVIEW else self._count()

    def _count(self) -> Iterator[Output]:
        harvest = self._harvest
        parts = harvest.read + len(harvest.failed)
        refused = self._refused(parts)
        if refused is not None:
            for slot in self.job.slots:
                yield Missing(slot, *refused, captures=tuple(harvest.captures[-1:]))
            return
        for slot in self.job.slots:
            if not slot.series.topic or slot.series.topic in self._expressions:
                value, bound = self._value(slot)
                yield Observation(slot.series, slot.time, value, bound, captures=tuple(harvest.captures))

    def _value(self, slot: Slot) -> tuple[float, Bound]:
        """How many of the postings that were seen a slot counts, and whether there may be more."""
        harvest, country, topic = self._harvest, dict(slot.series.labels)["country"], slot.series.topic
        found = [
            posted
            for topics, posted, countries in harvest.seen.values()
            if (not topic or topic in topics) and (country == WORLD or country in countries)
        ]
        complete = harvest.whole and not harvest.failed
        if slot.series.metric != NEW_JOB_POSTINGS.name:
            return len(found), Bound.EXACT if complete else Bound.AT_LEAST
        since = slot.time - DAYS_NEW * DAY
        reached = any(posted is not None and posted <= since for _, posted, _ in harvest.seen.values()) and not harvest.failed
        dated = all(posted is not None for posted in found)
        new = sum(1 for posted in found if posted is not None and since < posted <= slot.time)
        return new, Bound.EXACT if dated and (complete or reached) else Bound.AT_LEAST

    def _refused(self, parts: int) -> tuple[Reason, str] | None:
        """Why nothing can be said of this run; None if something can."""
        harvest = self._harvest
        if harvest.failed and (len(harvest.failed) > self.tolerance * parts or not harvest.seen):
            reason = Counter(r for r, _ in harvest.failed).most_common(1)[0][0]
            detail = next(d for r, d in harvest.failed if r is reason)
            return reason, detail if parts == 1 else f"{len(harvest.failed)} of {parts} parts could not be read: {detail}"
        if not harvest.seen:
            return Reason.PARSE_ERROR, "there is no posting at all, which proves nothing about any topic"
        return None

    def _show(self) -> Iterator[Output]:
        harvest = self._harvest
        for reason, detail in harvest.failed[:SAMPLES]:
            yield Preview("", f"{reason}: {detail}", found=False)
        if not harvest.seen:
            return
        for key in self._expressions:
            value = sum(1 for topics, _, _ in harvest.seen.values() if key in topics)
            said = f"{told(value, Bound.EXACT)} of {len(harvest.seen):,}{shown(harvest.samples.get(key, []))}"
            yield Preview(key, said, found=value > 0)


def told_once(spider: DownloadBoard, key: str, text: str) -> Iterator[Output]:
    """An event for something that lasts: it bears the time at which it was first seen."""
    known = spider.job.state.get(key)
    first = known if isinstance(known, int) else spider.job.now
    if known is None:
        yield Remember(key, first)
    yield Event(first, "source", text)


__all__ = ["DownloadBoard", "Page", "Posting", "told_once"]
