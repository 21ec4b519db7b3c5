"""Hacker News through Algolia's search: stories that mention a topic, and the monthly "Who is hiring?" thread.

The search has no terms of its own for counting; what is known of it: one query reaches 1,000 hits, ``nbHits`` may be
an estimate (``exhaustiveNbHits``), and 10,000 requests an hour and address are commonly cited as the limit.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count as counting
from typing import Any, ClassVar

from scrapy.http import Request, Response

from crawlers.job import Job, Manners, Mode
from crawlers.keywords import Keywords, Matcher
from crawlers.payload import listing, number, read_json
from crawlers.source import Allowance, Counts, Output, Preview, SourceSpider, Terms
from crawlers.spiders import hacker_news_payloads as payloads
from crawlers.spiders.hacker_news_payloads import BY_DATE, RELEVANT, Harvest, Posting, Search, Thread
from storage.model import Bound, Cadence, Capture, Kind, Metric, ParseError, Reason, Slot, Topic, UsageError
from storage.periods import DAY, HOUR, floor, following, moment, nominal, preceding, read_time
from storage.vocabulary import JOB_POSTINGS, JOB_TOTAL

logger = logging.getLogger(__name__)

FIRST_THREAD = "2011-04-01"
FIRST = 1  # priority: a few requests for the thread of a month serve all topics
STORY_DAYS = 90  # of stories that a backfill reads when nobody says since when
STORIES = Metric(
    "hacker_news.stories",
    Kind.FLOW,
    "stories",
    Cadence.DAY,
    "Hacker News stories",
    "Stories of a day (UTC) in which title, address or text mention the topic. One plain phrase is counted by the search itself; "
    "alternatives, exclusions and names with signs are listed, matched here and counted once each.",
    lag=HOUR,  # the index is minutes behind
)
STORIES_TOTAL = Metric(
    "hacker_news.stories_total", Kind.FLOW, "stories", Cadence.DAY, "All Hacker News stories", "All stories of a day (UTC).", lag=HOUR
)
_THREAD = (
    'of the month\'s "Ask HN: Who is hiring?" thread, without replies and deleted, dead or empty ones. '
    "Asked for on the 17th, when the thread of the month has closed (comments end after two weeks)."
)
POSTINGS = replace(JOB_POSTINGS, cadence=Cadence.MONTH, lag=16 * DAY, note=f"Top-level comments that match the topic's keywords, {_THREAD}")
POSTINGS_TOTAL = replace(JOB_TOTAL, cadence=Cadence.MONTH, lag=16 * DAY, note=f"All top-level comments {_THREAD}")
BOARD = (("board", "hacker_news"),)

Done = Callable[..., Iterable[Output]]


class HackerNews(SourceSpider):
    name = "hacker_news"
    title = "Hacker News"
    about = 'Stories per day that mention a topic, and postings in the monthly "Who is hiring?" thread that do, with their totals.'
    counts: ClassVar = (
        Counts(STORIES),
        Counts(STORIES_TOTAL, per_topic=False),
        Counts(POSTINGS, BOARD),
        Counts(POSTINGS_TOTAL, BOARD, per_topic=False),
    )
    terms = Terms(
        "https://hn.algolia.com/api",
        "2026-11-20",
        "A public search interface without sign-up, offered for programs. No limit is set out in writing that we could verify; "
        "10,000 requests an hour and address are commonly cited.",
    )
    endpoints: ClassVar = {"base_url": "https://hn.algolia.com"}
    signals = ("hacker_news", "search", "jobs")
    hiring_signals: ClassVar = ("jobs", "hacker_news", "search")
    takes_turns = True
    schedule = "41 2 * * *"
    people = True
    history_since = FIRST_THREAD

    def __init__(self, job: Job | None = None, manners: Manners | None = None, **kwargs: Any) -> None:
        super().__init__(job, manners, **kwargs)
        self._read: dict[str, Keywords | None] = {}  # by place in the config

    @classmethod
    def check(cls, topic: Topic) -> None:
        for signal in cls.signals:
            if topic.names.get(signal):
                Keywords.read(topic.names[signal], f"topics.{topic.key}.{signal}")

    @classmethod
    def allowance(cls, options: Mapping[str, object]) -> Allowance | None:  # noqa: ARG003
        return Allowance(10_000, "hour", "10,000 requests an hour and address, as commonly cited")

    @classmethod
    def requests_per_day(cls, topics: int, options: Mapping[str, object]) -> float:  # noqa: ARG003
        return topics + 1 + 3 / 30  # the month's thread serves all topics

    @classmethod
    def history_slots(cls, topics: Iterable[Topic], now: int, since: int | None) -> list[Slot]:
        """Threads go back to 2011 at no cost per topic; stories cost a request per topic and day, so unasked only 90 days."""
        starts = {True: read_time(FIRST_THREAD), False: floor(now - STORY_DAYS * DAY, Cadence.DAY)}
        return [Slot(s.series, starts[_hiring(s)] if since is None else since) for s in cls.slots(topics, now)]

    async def measure(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        for month in sorted({s.time for s in slots if _hiring(s)}):
            yield self._find_thread([s for s in slots if _hiring(s) and s.time == month], month)
        for slot in slots:
            if not _hiring(slot):
                for request in self._stories(slot, slot):
                    yield request

    async def history(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        hiring = [s for s in slots if _hiring(s)]
        if hiring:
            since = floor(min(s.time for s in hiring), Cadence.MONTH)
            search = Search(BY_DATE, (("tags", "story,author_whoishiring"),), since - 2 * DAY)
            yield self._gather_hits(Harvest((search,)), self._threads, hiring, since=since)
        stories = [s for s in slots if not _hiring(s)]
        day = nominal(STORIES, self.job.now)
        for age in counting():
            wanted = [s for s in stories if floor(s.time, Cadence.DAY) <= day]
            if not wanted:
                return
            for slot in wanted:
                for request in self._stories(slot, Slot(slot.series, day), priority=-age):
                    yield request
            day = preceding(day, Cadence.DAY)

    async def preview(self, topics: Sequence[Topic]) -> AsyncIterator[Request]:
        for topic in topics:
            keywords = self._keywords(topic, self.signals)
            for term in keywords.terms()[:3] if keywords else ():
                params = {"query": f'"{term}"', "tags": "story", "hitsPerPage": 20}
                yield self.fetch(BY_DATE, self._show_stories, params=params, topic=topic.key, term=term, keywords=keywords)
        yield self._find_thread([], nominal(POSTINGS, self.job.now))

    # Stories

    def _stories(self, asked: Slot, target: Slot, priority: int = 0) -> Iterator[Request]:
        """The request that counts a day's stories. ``asked`` is the planned slot, ``target`` the day's own."""
        day, keywords = target.time, None
        if target.series.topic:
            keywords = self._keywords(self.topic(asked), self.signals)
            if keywords is None:
                return  # ends as unanswered
        tags, until = (("tags", "story"),), following(day, Cadence.DAY)
        if keywords is None or keywords.simple:
            query = (("query", f'"{keywords.terms()[0]}"'),) if keywords else ()
            params = {**Search(BY_DATE, (*query, *tags), day, until).query(), "hitsPerPage": 0}
            yield self.fetch(BY_DATE, self._count, [asked], params=params, priority=priority, target=target)
            return
        searches = tuple(Search(BY_DATE, (("query", f'"{term}"'), *tags), day, until) for term in keywords.terms())
        yield self._gather_hits(Harvest(searches), self._matched, [asked], priority=priority, target=target, keywords=keywords)

    def _count(self, response: Response, _slots: Sequence[Slot], *, target: Slot) -> Iterator[Output]:
        yield target.observe(*payloads.count(_object(response)))

    def _matched(
        self, _slots: Sequence[Slot], harvest: Harvest, _so_far: Sequence[Capture], *, target: Slot, keywords: Keywords
    ) -> Iterator[Output]:
        """Count the union of several searches: each story once, and only if our own matcher agrees."""
        bound = Bound.AT_LEAST if harvest.short else Bound.EXACT if harvest.exhaustive else Bound.ESTIMATE
        yield target.observe(sum(keywords.matches(payloads.story_text(hit)) for hit in harvest.hits.values()), bound)

    # The hiring thread

    def _find_thread(self, slots: Sequence[Slot], month: int) -> Request:
        search = payloads.thread_search(month, ("tags", "story,author_whoishiring"))
        return self._gather_hits(Harvest((search,)), self._choose, slots, priority=FIRST, month=month)

    def _threads(self, slots: Sequence[Slot], harvest: Harvest, so_far: Sequence[Capture], *, since: int) -> Iterator[Output]:
        """History: the threads of all months at once, read newest first."""
        threads = [t for hit in harvest.hits.values() if (t := payloads.thread(hit))]
        month, age = nominal(POSTINGS, self.job.now), 0
        while month >= since:
            yield self._comments_or_search(slots, payloads.best(threads, month), month, so_far, priority=-age)
            month, age = preceding(month, Cadence.MONTH), age + 1

    def _choose(self, slots: Sequence[Slot], harvest: Harvest, so_far: Sequence[Capture], *, month: int) -> Iterator[Output]:
        threads = [t for hit in harvest.hits.values() if (t := payloads.thread(hit))]
        yield self._comments_or_search(slots, payloads.best(threads, month), month, so_far, FIRST)

    def _comments_or_search(
        self, slots: Sequence[Slot], thread: Thread | None, month: int, so_far: Sequence[Capture], priority: int = 0
    ) -> Request:
        """Read a month's thread; where the usual account has none, or one that nobody answered, look for another's."""
        if thread and not thread.dud:
            return self._comments(slots, thread, so_far, priority)
        title = f"Who is hiring? ({moment(month):%B %Y})"
        search = payloads.thread_search(month, ("query", title), ("tags", "story"))
        return self._gather_hits(Harvest((search,)), self._choose_other, slots, so_far, priority, month=month, instead_of=thread)

    def _choose_other(
        self, slots: Sequence[Slot], harvest: Harvest, so_far: Sequence[Capture], *, month: int, instead_of: Thread | None
    ) -> Iterator[Output]:
        threads = [t for hit in harvest.hits.values() if (t := payloads.thread(hit))]
        thread = payloads.best([*threads, *([instead_of] if instead_of else [])], month)
        if thread:
            yield self._comments(slots, thread, so_far, FIRST)
            return
        said = f"no thread of the title 'Ask HN: Who is hiring? ({moment(month):%B %Y})'"
        if self.job.mode is Mode.COLLECT:
            for slot in slots:
                yield slot.missing(Reason.NOT_FOUND, said)
        elif self.job.mode is Mode.PREVIEW:
            yield Preview("", said, found=False)
        else:
            logger.info("hacker_news: %s", said)  # a month without a thread is a gap, not the end of the history

    def _comments(self, slots: Sequence[Slot], thread: Thread, so_far: Sequence[Capture], priority: int = 0) -> Request:
        search = Search(RELEVANT, (("tags", f"comment,story_{thread.id}"),))
        return self._gather_hits(Harvest((search,)), self._count_postings, slots, so_far, priority, thread=thread)

    def _count_postings(self, slots: Sequence[Slot], harvest: Harvest, _so_far: Sequence[Capture], *, thread: Thread) -> Iterator[Output]:
        if not harvest.hits and thread.comments:
            raise ParseError(f"thread {thread.id} has {thread.comments} comments, but none is listed")
        if harvest.hits and not any("comment_text" in h for h in harvest.hits.values()):
            raise ParseError("the answer has no comment_text")
        found = [p for hit in harvest.hits.values() if (p := payloads.posting(hit, thread.id))]
        if self.job.mode is Mode.PREVIEW:
            yield from self._show_postings(found, thread.month)
            return
        keywords = {
            key: read
            for key in {s.series.topic for s in slots} - {""}
            if (read := self._keywords(self.job.topics[key], self.hiring_signals))
        }
        counts = {**Matcher(keywords).count(p.text for p in found), "": len(found)}
        bound = Bound.AT_LEAST if harvest.short or harvest.exhaustive is False else Bound.EXACT
        for slot in slots:
            if slot.series.topic in counts:
                yield Slot(slot.series, thread.month).observe(counts[slot.series.topic], bound)

    # Previews

    def _show_stories(self, response: Response, _slots: Sequence[Slot], *, topic: str, term: str, keywords: Keywords) -> Iterator[Output]:
        payload = _object(response)
        total = number(payload, "nbHits")
        titles = [str(h.get("title")) for h in listing(payload, "hits") if keywords.matches(payloads.story_text(h))][:3]
        shown = "".join(f"; {title!r}" for title in titles)
        yield Preview(topic, f'stories with "{term}": {total:,.0f} so far{shown}', found=total > 0)

    def _show_postings(self, found: Sequence[Posting], month: int) -> Iterator[Output]:
        for key, topic in self.job.topics.items():
            keywords = self._keywords(topic, self.hiring_signals)
            if keywords is None:
                continue
            matched = [p.text for p in found if keywords.matches(p.text)]
            shown = "".join(f"; {payloads.excerpt(text, keywords)!r}" for text in matched[:3])
            where = f"Who is hiring ({moment(month):%B %Y})"
            yield Preview(key, f"{where}: {len(matched)} of {len(found)} postings{shown}", found=bool(matched))

    # Both

    def _gather_hits(
        self, harvest: Harvest, done: Done, slots: Sequence[Slot], so_far: Sequence[Capture] = (), priority: int = 0, **kwargs: object
    ) -> Request:
        """Ask for the next part of a harvest; ``done`` is called with the whole of it."""
        search = harvest.pending[0]
        more = {**kwargs, "priority": priority}
        return self.fetch(
            search.path,
            self._gathered,
            slots,
            params=search.query(),
            after=so_far,
            priority=priority,
            harvest=harvest,
            done=done,
            more=more,
        )

    def _gathered(
        self, response: Response, slots: Sequence[Slot], *, harvest: Harvest, done: Done, more: dict[str, object]
    ) -> Iterator[Output]:
        harvest = harvest.take(_object(response))
        own = [response.meta["capture"]] if response.meta.get("capture") else []
        so_far = [*response.meta.get("after", ()), *own]
        if harvest.pending:
            yield self._gather_hits(harvest, done, slots, so_far, **more)  # type: ignore[arg-type]  # priority is among them
        else:
            yield from done(slots, harvest, so_far, **{k: v for k, v in more.items() if k != "priority"})

    def failed(self, request: Request, slots: Sequence[Slot], reason: Reason, detail: str, **kwargs: object) -> Iterable[Output]:
        """A thread that nobody answered is still the month's where no other can be looked for."""
        more = kwargs.get("more")
        thread = more.get("instead_of") if isinstance(more, dict) else None
        if isinstance(thread, Thread) and not self.pacing.stopped:
            return [self._comments(slots, thread, request.meta.get("after", ()))]
        return super().failed(request, slots, reason, detail, **kwargs)

    def _keywords(self, topic: Topic, signals: Sequence[str]) -> Keywords | None:
        """A topic's expression from the first of the signals that it has; None without one, or if it cannot be read."""
        signal = next((s for s in signals if topic.names.get(s)), None)
        if signal is None:
            return None
        place = f"topics.{topic.key}.{signal}"
        if place not in self._read:
            try:
                self._read[place] = Keywords.read(topic.names[signal], place)
            except UsageError as error:
                logger.warning("hacker_news: %s", error)
                self._read[place] = None
        return self._read[place]


def _hiring(slot: Slot) -> bool:
    return slot.series.metric in {POSTINGS.name, POSTINGS_TOTAL.name}


def _object(response: Response) -> Mapping[str, object]:
    payload = read_json(response.body)
    if not isinstance(payload, dict):
        raise ParseError("the answer is not an object")
    return payload


__all__ = ["BOARD", "POSTINGS", "POSTINGS_TOTAL", "STORIES", "STORIES_TOTAL", "HackerNews"]
