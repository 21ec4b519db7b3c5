"""`DownloadBoard`: a board that is downloaded once and matched here against all topics, with the number of postings beside.

A board's module declares where the postings are (`parts`) and reads a page of them (`page`, pure). Following
pages, matching, countries, windows, parts that fail or have gone, and previews are this base's.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from math import ceil, inf
from typing import Any, ClassVar

from scrapy.http import Request, Response

from crawlers.boards.harvest import Harvest, Page, Part, Posting
from crawlers.boards.searched import Ask, Board, shown, told
from crawlers.job import Job, Mode
from crawlers.keywords import Matcher
from crawlers.source import Output, Preview
from storage.model import Bound, Event, Missing, Observation, ParseError, Reason, Remember, Slot, Topic
from storage.periods import DAY
from storage.vocabulary import NEW_JOB_POSTINGS

logger = logging.getLogger(__name__)

DAYS_NEW = 7
TOLD = 3  # failures that a preview shows


class DownloadBoard(Board):
    """A board without a search worth the name: everything is read once a day, whatever the number of topics."""

    tolerance: ClassVar[float] = 0.0  # share of the parts that may fail; the rest is then a lower bound
    pages_per_part: ClassVar[float] = 1.0  # about, for `uptake plan`
    parts_in_preview: ClassVar[int | None] = None  # how many are enough to show what matches; None: all
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

    def gone(self, ask: Ask) -> str:
        """What to say of a part that does not exist (any more) and is left out; empty: its absence is a failure."""
        return ""

    @classmethod
    def requests_per_day(cls, topics: int, options: Mapping[str, object]) -> float:
        return ceil(len(cls.parts(options)) * cls.pages_per_part) if topics else 0.0

    async def measure(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        if any(map(self._defined, slots)):
            for request in self._download(self.parts(self.job.options)):
                yield request

    async def preview(self, topics: Sequence[Topic]) -> AsyncIterator[Request]:
        asks = self.parts(self.job.options)
        some = min(self.parts_in_preview or len(asks), len(asks))
        for request in self._download([asks[n * len(asks) // some] for n in range(some)]):
            yield request

    def _defined(self, slot: Slot) -> bool:
        """Whether a slot is counted as these options say. A run of another version was planned for other parts: it is left as it is."""
        series = slot.series
        return any((m.name, m.version) == (series.metric, series.version) for m in self.metrics(self.job.options))

    def _download(self, asks: Sequence[Ask]) -> list[Request]:
        self._harvest.parts = [Part(ask) for ask in asks]
        return [self._send(part.ask, part) for part in self._harvest.parts]

    def _send(self, ask: Ask, part: Part) -> Request:
        """Without slots: a part that fails is one of several, and what it means is decided at the end."""
        return self.fetch(
            ask.path, self._received_page, endpoint=ask.endpoint, params=ask.params, headers=ask.headers, post=ask.post, ask=ask, part=part
        )

    def _received_page(self, response: Response, _slots: Sequence[Slot], *, ask: Ask, part: Part) -> Iterator[Output]:
        capture = response.meta.get("capture")
        try:
            page = self.page(response, ask)
        except Exception as error:  # a broken payload must cost its own part only
            if not isinstance(error, ParseError):
                logger.exception("%s: unexpected error while reading %s", self.name, response.url)
            said = str(error) if isinstance(error, ParseError) else f"{type(error).__name__}: {error}"
            where = f"; response kept as {capture.file}@{capture.offset}" if capture else ""
            yield from self._ended(part, (Reason.PARSE_ERROR, f"{said}{where}"))
            return
        if capture:
            self._harvest.captures.append(capture)
        for posting in page.postings:
            self._harvest.take(posting, self._matcher.match)
        if part.add(page.postings) and page.following is not None:
            yield self._send(page.following, part)
            return
        part.whole = page.whole and page.following is None  # a page that repeats the ones before it leads nowhere
        part.lasting = page.lasting
        yield from self._ended(part)

    def failed(self, request: Request, slots: Sequence[Slot], reason: Reason, detail: str, **kwargs: Any) -> Iterable[Output]:
        part: Part = kwargs["part"]
        if reason is Reason.NOT_FOUND and self.gone(part.ask):
            part.gone = True
        return list(self._ended(part, (reason, f"{request.url}: {detail}")))

    def _ended(self, part: Part, failure: tuple[Reason, str] | None = None) -> Iterator[Output]:
        """Note that a part has ended; with the last one, say what the whole came to."""
        part.ended, part.failure = True, failure
        if all(p.ended for p in self._harvest.parts):
            yield from self._show() if self.job.mode is Mode.PREVIEW else self._count()

    def _count(self) -> Iterator[Output]:
        harvest = self._harvest
        read, failed, gone = harvest.outcome()
        yield from self._tell(gone)
        refused = self._refused(read, failed)
        complete = not failed and all(part.whole for part in read)
        reach = inf if failed else max((part.reach for part in read), default=inf)
        for slot in self.job.slots:
            if refused is not None:
                yield Missing(slot, *refused, captures=tuple(harvest.captures[-1:]))
            elif not slot.series.topic or slot.series.topic in self._expressions:
                value, bound = self._value(slot, reach, complete=complete)
                yield Observation(slot.series, slot.time, value, bound, captures=tuple(harvest.captures))

    def _value(self, slot: Slot, reach: float, *, complete: bool) -> tuple[float, Bound]:
        """How many of the postings that were seen a slot counts, and whether there may be more."""
        found = self._harvest.found.get((slot.series.topic, dict(slot.series.labels)["country"]), [])
        if slot.series.metric != NEW_JOB_POSTINGS.name:
            return len(found), Bound.EXACT if complete else Bound.AT_LEAST
        since = slot.time - DAYS_NEW * DAY
        new = sum(1 for posted in found if posted is not None and since < posted <= slot.time)
        return new, Bound.EXACT if reach <= since and None not in found else Bound.AT_LEAST

    def _refused(self, read: Sequence[Part], failed: Sequence[Part]) -> tuple[Reason, str] | None:
        """Why nothing can be said of this run; None if something can."""
        failures = [part.failure for part in failed if part.failure is not None]
        parts = len(read) + len(failed)
        unasked = next((failure for failure in failures if failure[0] is self.job.replay_only), None)
        if unasked is not None:  # read again, and not all of it is there any more: that says nothing of the board
            return unasked
        if failures and (len(failures) > self.tolerance * parts or not self._harvest.seen):
            reason = Counter(r for r, _ in failures).most_common(1)[0][0]
            detail = next(d for r, d in failures if r is reason)
            return reason, detail if parts == 1 else f"{len(failures)} of {parts} parts could not be read: {detail}"
        if not self._harvest.seen:
            return Reason.PARSE_ERROR, "there is no posting at all, which proves nothing about any topic"
        return None

    def _tell(self, gone: Sequence[Part]) -> Iterator[Output]:
        """Say once of each part that it has gone, and forget it where one is back."""
        for part in self._harvest.parts:
            key = f"gone {part.ask.endpoint} {part.ask.path}"
            if part in gone:
                yield from told_once(self, key, self.gone(part.ask))
            elif part.failure is None and self.job.state.get(key) is not None:
                yield Remember(key, None)

    def _show(self) -> Iterator[Output]:
        harvest = self._harvest
        read, failed, _ = harvest.outcome()
        for part in failed[:TOLD]:
            reason, detail = part.failure or (Reason.UNANSWERED, "")
            yield Preview("", f"{reason}: {detail}", found=False)
        if not harvest.seen:
            return
        asked = len(self.parts(self.job.options))
        within = f" of {len(read)} of {asked} parts" if len(read) < asked else ""
        for key in self._expressions:
            value, samples = harvest.matched(key)
            yield Preview(key, f"{told(value, Bound.EXACT)} of {len(harvest.seen):,}{within}{shown(samples)}", found=value > 0)


def told_once(spider: DownloadBoard, key: str, text: str) -> Iterator[Output]:
    """An event for something that lasts: it bears the time at which it was first seen."""
    known = spider.job.state.get(key)
    first = known if isinstance(known, int) else spider.job.now
    if known is None:
        yield Remember(key, first)
    yield Event(first, "source", text)


__all__ = ["DownloadBoard", "Page", "Posting"]
