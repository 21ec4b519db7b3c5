"""`MonthlyPapers`: a source that is asked how many papers a month has, in all and of each topic.

The number of all papers comes first: a topic's zero and a topic's share rest on it. Months are those of the slots;
of a backfill all since its start, newest first. Where papers arrive late, each run also reads the month before again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from scrapy.http import Request, Response

from crawlers.boards.queries import Query
from crawlers.job import Mode
from crawlers.keywords import Keywords
from crawlers.source import Output, SourceSpider
from storage.model import Cadence, Capture, Metric, ParseError, Reason, Remember, Series, Slot, Topic
from storage.periods import DAY, day, floor, following, nominal, preceding

Wanted = tuple[Slot | None, Series]  # a series to be read for a month, and the slot that the outcome ends, if any
Doubt = tuple[Reason, str]


class MonthlyPapers(SourceSpider):
    """Base of sources that count papers by month. No source of its own."""

    papers: ClassVar[Metric]  # of a topic
    total: ClassVar[Metric]  # of all topics: the denominator
    revisits: ClassVar[bool] = False  # the month before the latest is read again
    keeps_totals: ClassVar[bool] = True  # a month's denominator that was read by an earlier run need not be asked for again

    # To be written by a source

    def ask(self, query: Query | None, month: int) -> tuple[str, Mapping[str, object]]:
        """Path and parameters of the request for a month's papers that a query matches; None: all papers."""
        raise NotImplementedError

    def count(self, response: Response, query: Query | None, month: int) -> float:
        """How many papers the answer says there are. Raises `ParseError`."""
        raise NotImplementedError

    def query_of(self, topic: Topic) -> Query | Doubt | None:
        """What a topic is asked for by; a reason where it cannot be asked for, None where it has no name here."""
        raise NotImplementedError

    def beside(self, target: Slot, value: float, total: float | None) -> Iterable[Output]:  # noqa: ARG002  # for sources to override
        """What else a topic's count tells, beside itself."""
        return ()

    # What the base gives

    @classmethod
    def keywords_of(cls, topic: Topic) -> Keywords | None:
        """The topic's expression here; None where it has none. Raises `UsageError` where it cannot be read."""
        signal = next((s for s in cls.signals if topic.names.get(s)), None)
        return None if signal is None else Keywords.read(topic.names[signal], f"topics.{topic.key}.{signal}")

    @classmethod
    def check(cls, topic: Topic) -> None:
        cls.keywords_of(topic)

    @classmethod
    def requests_per_day(cls, topics: int, options: Mapping[str, object]) -> float:  # noqa: ARG003
        return (topics + 1) * (1 + cls.revisits) / 30

    @classmethod
    def cost_words(cls, options: Mapping[str, object]) -> str:  # noqa: ARG003
        return f"{1 + cls.revisits} a topic and month"

    async def measure(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        for request in self.months(slots):
            if isinstance(request, Request):
                yield request

    async def history(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        for request in self.months(slots):
            if isinstance(request, Request):
                yield request

    def months(self, slots: Sequence[Slot]) -> Iterator[Output]:
        """For each month the request for all papers, or at once those for topics where that number is known."""
        for age, (month, wanted) in enumerate(self._by_month(slots)):
            known = self._known_total(month, wanted)
            if known is not None:
                yield from self._topics(month, wanted, known, None, (), -age)
            else:
                owners = [owner for owner, series in wanted if owner is not None and not series.topic]
                yield self._send(None, month, self._all_told, owners, priority=-age, month=month, wanted=wanted, turn=-age)

    def _known_total(self, month: int, wanted: Sequence[Wanted]) -> float | None:
        """All papers of a month as an earlier run read them, where only topics are wanted that can be asked for."""
        known = self.job.state.get(self._key(month))
        askable = all(series.topic and not isinstance(self.query_of(self.job.topics[series.topic]), tuple) for _, series in wanted)
        return float(known) if self.keeps_totals and askable and isinstance(known, int | float) and known > 0 else None

    def _by_month(self, slots: Sequence[Slot]) -> Iterator[tuple[int, list[Wanted]]]:
        latest = nominal(self.papers, self.job.now)
        if self.job.mode is Mode.BACKFILL:
            month, first = latest, floor(min((s.time for s in slots), default=latest + 1), Cadence.MONTH)
            while month >= first:
                yield month, [(s, s.series) for s in slots if floor(s.time, Cadence.MONTH) <= month]
                month = preceding(month, Cadence.MONTH)
            return
        for month in sorted({s.time for s in slots}, reverse=True):
            yield month, [(s, s.series) for s in slots if s.time == month]
            if self.revisits and month == latest:
                yield preceding(month, Cadence.MONTH), [(None, s.series) for s in slots if s.time == month]

    def _send(self, about: Query | None, at: int, then: Any, slots: Sequence[Slot], **kwargs: Any) -> Request:
        path, params = self.ask(about, at)
        return self.fetch(path, then, slots, params=params, **kwargs)

    def _all_told(self, response: Response, slots: Sequence[Slot], *, month: int, wanted: Sequence[Wanted], turn: int) -> Iterator[Output]:
        try:
            total = self._some(response, month)
        except ParseError as error:
            yield from self._without_total(slots, month, wanted, turn, (Reason.PARSE_ERROR, str(error)))
            return
        capture = response.meta.get("capture")
        yield Slot(self.total_series(), month).observe(total)
        if self.keeps_totals:
            yield Remember(self._key(month), total)
        yield from self._topics(month, wanted, total, None, [capture] if capture else (), turn)

    def _some(self, response: Response, month: int) -> float:
        total = self.count(response, None, month)
        if total == 0:
            raise ParseError(f"no paper at all in {month_name(month)}")
        return total

    def _key(self, month: int) -> str:
        return f"{self.total_series()} {month_name(month)}"

    def total_series(self) -> Series:
        row = next(r for r in self.rows(self.job.options) if r.metric == self.total)
        return Series(row.metric.name, "", row.labels, row.metric.version, source=self.name)

    def _topics(
        self, month: int, wanted: Sequence[Wanted], total: float | None, doubt: Doubt | None, after: Sequence[Capture], turn: int
    ) -> Iterator[Output]:
        for owner, series in wanted:
            if not series.topic:
                continue
            slots, query = [owner] if owner is not None else [], self.query_of(self.job.topics[series.topic])
            if isinstance(query, Query):
                kwargs = {"target": Slot(series, month), "query": query, "total": total, "doubt": doubt}
                yield self._send(query, month, self._told, slots, after=after, priority=turn, **kwargs)
            elif query is not None:
                yield from (slot.missing(*query) for slot in slots)

    def _told(
        self, response: Response, slots: Sequence[Slot], *, target: Slot, query: Query, total: float | None, doubt: Doubt | None
    ) -> Iterator[Output]:
        value = self.count(response, query, target.time)
        if total is not None and value > total:
            raise ParseError(f"{value:,.0f} papers of {query.text} in {month_name(target.time)}, more than all {total:,.0f}")
        if value == 0 and doubt is not None:
            yield from (slot.missing(doubt[0], f"zero papers, and whether there are any at all was not told: {doubt[1]}") for slot in slots)
            return
        yield target.observe(value, query.bound)
        yield from self.beside(target, value, total)

    def failed(self, request: Request, slots: Sequence[Slot], reason: Reason, detail: str, **kwargs: Any) -> Iterable[Output]:
        if "wanted" in kwargs:
            return self._without_total(slots, kwargs["month"], kwargs["wanted"], kwargs["turn"], (reason, detail))
        return super().failed(request, slots, reason, detail, **kwargs)

    def _without_total(self, slots: Sequence[Slot], month: int, wanted: Sequence[Wanted], turn: int, doubt: Doubt) -> Iterator[Output]:
        """Topics can be counted where all papers could not; only a zero then proves nothing."""
        yield from (slot.missing(*doubt) for slot in slots)
        yield from self._topics(month, wanted, None, doubt, (), turn)


def month_name(month: int) -> str:
    """``2026-10`` for the start of October 2026."""
    return day(month)[:7]


def last_day(month: int) -> str:
    """The last day of a month, as in ``2026-10-31``."""
    return day(following(month, Cadence.MONTH) - DAY)


__all__ = ["Doubt", "MonthlyPapers", "last_day", "month_name"]
