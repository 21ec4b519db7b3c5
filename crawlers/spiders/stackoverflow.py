"""Stack Overflow by the Stack Exchange API: new questions per tag and day, questions a tag has in all, and the site's own.

https://api.stackexchange.com/docs. Every answer is gzip; ``backoff`` in one must be obeyed; 300 requests a day and
address without a key, 10,000 with a free one. ``fromdate`` and ``todate`` bound the creation date; ``todate`` is a
greatest value (inclusive), so that a day ends with its last second and no question is counted on two days.
"""

from __future__ import annotations

import html
import logging
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from itertools import count as counting
from math import ceil
from typing import Any, ClassVar

from scrapy.http import Request, Response

from crawlers.job import Mode
from crawlers.outcomes import outcome_of
from crawlers.payload import listing, number, read_json, text
from crawlers.source import Allowance, Counts, Option, Output, Preview, SourceSpider, Terms
from crawlers.spiders import stackoverflow_payloads as payloads
from crawlers.spiders.stackoverflow_payloads import BATCH
from storage.model import Bound, Cadence, Capture, Kind, Metric, ParseError, Reason, Slot, Topic, UsageError
from storage.periods import HOUR, floor, following, nominal, preceding

SITE = "stackoverflow"
_INFO: dict[str, object] = {"pagesize": BATCH, "site": SITE}
logger = logging.getLogger(__name__)

QUESTIONS = Metric(
    "stackoverflow.questions",
    Kind.FLOW,
    "questions",
    Cadence.DAY,
    "New Stack Overflow questions",
    "Questions of a day (UTC) that bear the tag, or at least one of several. Deleted and retagged ones change old days.",
    lag=HOUR,
)
QUESTIONS_TOTAL = Metric(
    "stackoverflow.questions_total",
    Kind.FLOW,
    "questions",
    Cadence.DAY,
    "All new Stack Overflow questions",
    "All questions of a day (UTC): the denominator, without which the site's own decline looks like a topic's.",
    lag=HOUR,
)
TAG_TOTAL = Metric(
    "stackoverflow.tag_total",
    Kind.LEVEL,
    "questions",
    Cadence.DAY,
    "Stack Overflow questions in all",
    "Questions that bear the tag. Of several tags the biggest one's, as a lower bound: how much they overlap is not told.",
)
_ERRORS = {  # error_name of the API's error objects
    "throttle_violation": Reason.THROTTLED,
    "temporarily_unavailable": Reason.UNREACHABLE,
    "internal_error": Reason.UNREACHABLE,
    "access_denied": Reason.BLOCKED,
    "key_required": Reason.BLOCKED,
}
_WAIT = re.compile(r"available in (\d+) second")


class StackOverflow(SourceSpider):
    name = "stackoverflow"
    title = "Stack Overflow"
    about = "New questions per day and questions in all by tag, and the site's own total, because the site itself shrinks."
    counts: ClassVar = (Counts(QUESTIONS), Counts(QUESTIONS_TOTAL, per_topic=False), Counts(TAG_TOTAL))
    terms = Terms(
        "https://api.stackexchange.com/docs/throttle",
        "2026-11-20",
        "Programs are welcome without a key for 300 requests a day and address, with a free key for 10,000. "
        "Waiting times in answers must be kept, the same request not more than once a minute.",
    )
    endpoints: ClassVar = {"base_url": "https://api.stackexchange.com"}
    signals = ("stackoverflow",)
    options = (Option("key", "a free request key from https://stackapps.com/apps/oauth/register: 10,000 requests a day", secret=True),)
    takes_turns = True
    schedule = "23 2 * * *"
    history_since = "30 days"

    @classmethod
    def check(cls, topic: Topic) -> None:
        if cls.name_of(topic) is not None:
            payloads.tags_of(topic)

    @classmethod
    def allowance(cls, options: Mapping[str, object]) -> Allowance | None:
        if options.get("key"):
            return Allowance(10_000, "day", "10,000 requests a day with a key")
        return Allowance(300, "day", "300 requests a day and address without a key")

    @classmethod
    def requests_per_day(cls, topics: int, options: Mapping[str, object]) -> float:  # noqa: ARG003
        return topics + ceil(topics / BATCH) + 1

    def credentials(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        key = self.option("key")
        return {}, {"key": str(key)} if key else {}

    def remark(self, measured: int, planned: int) -> str:
        spent = self.pacing.spent_up or (self.pacing.stopped and self.pacing.stopped[0] in {Reason.BUDGET, Reason.THROTTLED})
        if self.option("key") or not spent:
            return ""
        return f"Stack Overflow: {measured} of {planned}; a free key allows 10,000 requests a day in place of 300: https://stackapps.com/apps/oauth/register"

    async def measure(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        for slot in slots:
            if not slot.series.topic:
                yield self._questions(slot, slot, ())
        for batch in self._batches(slots):
            yield self._ask_tags(batch)

    async def history(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        for batch in self._batches(slots):
            yield self._ask_tags(batch)
        for slot in slots:
            if not slot.series.topic:
                for request in self._days(slot, ()):
                    yield request

    async def preview(self, topics: Sequence[Topic]) -> AsyncIterator[Request]:
        named = [(topic, tags) for topic in topics if (tags := self._tags(topic))]
        for topic, tags in named:
            params = {"tagged": ";".join(tags), "sort": "creation", "order": "desc", "pagesize": 3, "site": SITE}
            yield self.fetch(payloads.questions_path(tags), self._show, params=params, topic=topic.key, tags=tags)
        for batch in payloads.batched(named):
            names = sorted({tag for _, tags in batch for tag in tags})
            yield self.fetch(payloads.info_path(names), self._show_totals, params=_INFO, batch=[(t.key, tags) for t, tags in batch])

    # Tags first: of a tag that does not exist the API says zero questions, which would be no zero

    def _batches(self, slots: Sequence[Slot]) -> list[list[Slot]]:
        """Slots with a topic in batches of at most 100 tags, a topic's slots together."""
        by_topic: dict[str, list[Slot]] = {}
        for slot in slots:
            if slot.series.topic and self._tags(self.topic(slot)):
                by_topic.setdefault(slot.series.topic, []).append(slot)
        grouped = payloads.batched([(group, self._tags(self.topic(group[0]))) for group in by_topic.values()])
        return [[slot for group, _ in batch for slot in group] for batch in grouped]

    def _tags(self, topic: Topic) -> tuple[str, ...]:
        """A topic's tags; none where it has no name here, or one that cannot be read. Its slots end as unanswered."""
        try:
            return payloads.tags_of(topic) if self.name_of(topic) is not None else ()
        except UsageError as error:
            logger.warning("stackoverflow: %s", error)
            return ()

    def _ask_tags(
        self, slots: Sequence[Slot], page: int = 1, known: Mapping[str, float] | None = None, after: Sequence[Capture] = ()
    ) -> Request:
        names = sorted({tag for slot in slots for tag in self._tags(self.topic(slot))})
        params = {**_INFO, "page": page if page > 1 else None}
        return self.fetch(
            payloads.info_path(names), self._tags_told, slots, params=params, after=after, priority=1, page=page, known=known or {}
        )

    def _tags_told(self, response: Response, slots: Sequence[Slot], *, page: int, known: Mapping[str, float]) -> Iterator[Output]:
        try:
            payload = self._read(response)
            totals = {**known, **payloads.tag_totals(payload)}
        except ParseError as error:
            yield from self._without_totals(slots, Reason.PARSE_ERROR, str(error))
            return
        if payload.get("has_more") is True and listing(payload, "items"):
            capture = response.meta.get("capture")
            yield self._ask_tags(slots, page + 1, totals, (*response.meta.get("after", ()), *([capture] if capture else [])))
            return
        asked = {tag for slot in slots for tag in self._tags(self.topic(slot))}
        for slot in slots:
            tags = self._tags(self.topic(slot))
            found = [tag for tag in tags if tag in totals]
            if not found:
                yield slot.missing(Reason.NOT_FOUND, payloads.unknown(tags, sorted(set(totals) - asked)))
            elif slot.series.metric == TAG_TOTAL.name:
                yield slot.observe(max(totals[tag] for tag in found), Bound.AT_LEAST if len(tags) > 1 else Bound.EXACT)
            else:
                yield from self._days(slot, tuple(found))

    def failed(self, request: Request, slots: Sequence[Slot], reason: Reason, detail: str, **kwargs: Any) -> Iterator[Output]:
        if "known" in kwargs:
            yield from self._without_totals(slots, reason, detail)
        else:
            yield from super().failed(request, slots, reason, detail, **kwargs)

    def _without_totals(self, slots: Sequence[Slot], reason: Reason, detail: str) -> Iterator[Output]:
        """Questions can be counted where tags could not be asked for; only a zero then proves nothing."""
        for slot in slots:
            if slot.series.metric == TAG_TOTAL.name or self.pacing.stopped:
                yield slot.missing(reason, detail)
            else:
                yield from self._days(slot, self._tags(self.topic(slot)), doubt=(reason, detail))

    # Questions

    def _days(self, slot: Slot, tags: tuple[str, ...], doubt: tuple[Reason, str] | None = None) -> Iterator[Request]:
        """The request of a slot's day; of a backfill's slot one for each day since, newest first."""
        if self.job.mode is not Mode.BACKFILL:
            yield self._questions(slot, slot, tags, doubt=doubt)
            return
        day, first = nominal(QUESTIONS, self.job.now), floor(slot.time, Cadence.DAY)
        for age in counting():
            if day < first:
                return
            yield self._questions(slot, Slot(slot.series, day), tags, doubt=doubt, priority=-age)
            day = preceding(day, Cadence.DAY)

    def _questions(
        self, asked: Slot, target: Slot, tags: tuple[str, ...], *, doubt: tuple[Reason, str] | None = None, priority: int = 0
    ) -> Request:
        params = {
            "tagged": ";".join(tags) or None,
            "fromdate": target.time,
            "todate": following(target.time, Cadence.DAY) - 1,
            "site": SITE,
            "filter": "total",
        }
        return self.fetch(
            payloads.questions_path(tags), self._counted, [asked], params=params, priority=priority, target=target, doubt=doubt
        )

    def _counted(self, response: Response, slots: Sequence[Slot], *, target: Slot, doubt: tuple[Reason, str] | None) -> Iterator[Output]:
        total = number(self._read(response), "total")
        if total == 0 and doubt:
            for slot in slots:
                yield slot.missing(doubt[0], f"zero questions, and whether the tag exists was not told: {doubt[1]}")
        else:
            yield target.observe(total)

    # Previews

    def _show(self, response: Response, _slots: Sequence[Slot], *, topic: str, tags: Sequence[str]) -> Iterator[Output]:
        titles = [html.unescape(text(item, "title")) for item in listing(self._read(response), "items")][:3]
        shown = "; ".join(repr(t) for t in titles)
        yield Preview(topic, f"newest questions tagged {' or '.join(tags)}: {shown or 'none'}", found=bool(titles))

    def _show_totals(self, response: Response, _slots: Sequence[Slot], *, batch: Sequence[tuple[str, Sequence[str]]]) -> Iterator[Output]:
        totals = payloads.tag_totals(self._read(response))
        for topic, tags in batch:
            for tag in tags:
                said = f"tag {tag}: {totals[tag]:,.0f} questions in all" if tag in totals else f"Stack Overflow has no tag {tag}"
                yield Preview(topic, said, found=tag in totals)

    # Manners of this API

    def _read(self, response: Response) -> Mapping[str, Any]:
        """The answer's object. Waits that it asks for and the end of the quota are heeded for what follows."""
        payload = read_json(response.body)
        if not isinstance(payload, dict):
            raise ParseError("the answer is not an object")
        if response.meta.get("replayed"):
            return payload  # it was heeded when it was fetched
        backoff, left = payload.get("backoff"), payload.get("quota_remaining")
        if isinstance(backoff, int | float) and backoff > 0 and not self.pause(backoff):
            self.stop(Reason.THROTTLED, f"Stack Exchange asks to wait {backoff:,.0f} seconds, more than this run may")
        self.pacing.remaining = left if isinstance(left, int) else self.pacing.remaining
        if isinstance(left, int) and left <= 0:
            self.stop(Reason.BUDGET, f"Stack Exchange's quota of {payload.get('quota_max', 'today')} requests a day is spent")
        return payload

    def refusal(self, response: Response) -> tuple[Reason, str] | None:
        error = payloads.error_of(response.body)
        if error is None:
            return outcome_of(response)
        name, said = error
        reason = _ERRORS.get(name)
        if reason is None:
            reason = (outcome_of(response) or (Reason.PARSE_ERROR, ""))[0]
        return reason, f"{name}: {said}"

    def wait_for(self, response: Response) -> float | None:
        if response.status == 200 and b"error_id" not in response.body[:500]:
            return None
        error = payloads.error_of(response.body)
        wait = _WAIT.search(error[1]) if error and error[0] == "throttle_violation" else None
        return float(wait[1]) if wait else None


__all__ = ["QUESTIONS", "QUESTIONS_TOTAL", "TAG_TOTAL", "StackOverflow"]
