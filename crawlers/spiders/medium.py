"""Medium: articles per tag and day, from the tags' feeds; with ``pages`` also a tag's total and the archive of past days.

A feed (https://help.medium.com/hc/en-us/articles/214874118, ``/feed/tag/<slug>``) holds the ten newest articles and has no
pages, so that a tag is looked at in its own pace (`medium_days`) and its days are closed once they have settled. Medium
answers 429 "Too many feed requests" to who asks too often, and 403 to many programs for all but feeds: either ends the
run, and nothing is asked for an hour, then two, four … up to a day.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import Any, ClassVar
from urllib.parse import quote

from scrapy.http import Request, Response

from crawlers.job import Job, Mode
from crawlers.outcomes import outcome_of
from crawlers.politeness import retry_after
from crawlers.source import Counts, Handler, Option, Output, Preview, Saved, SourceSpider, Terms
from crawlers.spiders import medium_days as days
from crawlers.spiders import medium_pages as pages
from crawlers.spiders.medium_days import Refusal, Tag
from crawlers.spiders.medium_tags import (
    ESTIMATED,
    PUBLISHED,
    REFUSED,
    SITE,
    TAG_TOTAL,
    key_of,
    known,
    refusal_in,
    series,
    tag_in,
    tag_of,
    tags_of,
    tried,
    tried_of,
)
from crawlers.walls import wall
from storage.model import Bound, Cadence, ParseError, Reason, Remember, Slot, Topic
from storage.periods import DAY, floor, iso, moment, nominal

_TEMPORARY = {Reason.UNANSWERED, Reason.DOWNTIME, Reason.BUDGET}  # of our own making: they say nothing about the feed


class Medium(SourceSpider):
    name = "medium"
    title = "Medium"
    about = (
        "New articles per day and tag, counted from the tags' feeds in the tags' own pace, "
        "with lower bounds and estimates for days of which some were missed."
    )
    counts: ClassVar = (Counts(PUBLISHED, SITE), Counts(ESTIMATED, SITE), Counts(TAG_TOTAL))
    terms = Terms(
        "https://help.medium.com/hc/en-us/articles/214874118-Using-RSS-feeds-of-profiles-publications-and-topics",
        "2026-11-20",
        "Feeds are offered for programs; other pages are not (terms of service), and most programs are refused there. "
        "No limit is published: one request in 30 seconds, a tag at most every 20 minutes.",
    )
    endpoints: ClassVar = {"base_url": "https://medium.com"}
    signals = ("medium",)
    schedule = "*/20 * * * *"
    delay = 30.0
    options = (
        Option("pages", "also read tags' totals from their pages, and past days from the archive (backfill)", type=bool, default=False),
    )
    people = True
    one_at_a_time = True
    history_since = "30 days"

    def __init__(self, job: Job | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(job, *args, **kwargs)
        self._refusal: Refusal | None = None  # of this run
        self._answered = False

    @classmethod
    def rows(cls, options: Mapping[str, object]) -> tuple[Counts, ...]:
        return cls.counts if cls.chosen(options, "pages") else tuple(row for row in cls.counts if row.metric is not TAG_TOTAL)

    @classmethod
    def requests_per_day(cls, topics: int, options: Mapping[str, object]) -> float:
        """With one tag of some 50 articles a day for each topic; at most 72."""
        return topics * (15.0 + bool(cls.chosen(options, "pages")))

    @classmethod
    def check(cls, topic: Topic) -> None:
        tags_of(topic)

    # What is due

    @classmethod
    def slots(cls, topics: Iterable[Topic], now: int, options: Mapping[str, object] | None = None) -> list[Slot]:
        tagged = [(topic.key, tag) for topic in topics for tag in known(topic)]
        found = [Slot(series(PUBLISHED, key, tag), nominal(PUBLISHED, now)) for key, tag in tagged]
        if cls.chosen(options or {}, "pages"):
            found += [Slot(series(TAG_TOTAL, key, tag), nominal(TAG_TOTAL, now)) for key, tag in tagged]
        return found

    @classmethod
    def history_slots(cls, topics: Iterable[Topic], now: int, since: int | None) -> list[Slot]:
        start = floor(since if since is not None else cls.default_since(now), Cadence.DAY)
        return [Slot(series(PUBLISHED, t.key, tag, way="archive"), start) for t in topics for tag in known(t)]

    @classmethod
    def wanted(cls, slots: Sequence[Slot], state: Mapping[str, object]) -> list[Slot]:
        """Not those that ended without a number: the next look that still reaches back to the day fills it."""
        return [slot for slot in slots if tried(slot, state) < slot.time]

    @classmethod
    def polls(
        cls,
        topics: Iterable[Topic],
        state: Mapping[str, object],
        now: int,
        options: Mapping[str, object] | None = None,  # noqa: ARG003
    ) -> list[str]:
        refusal = refusal_in(state)
        if refusal is not None and now < refusal.until:
            return []
        return [t.key for t in topics if any(tag_in(state, tag).next <= now for tag in known(t))]

    @classmethod
    def next_poll(cls, topics: Iterable[Topic], state: Mapping[str, object], now: int) -> int | None:
        refusal = refusal_in(state)
        earliest = max(now, refusal.until if refusal is not None else now)
        times = [max(earliest, tag_in(state, tag).next) for t in topics for tag in known(t)]
        return min(times, default=None)

    # Asking

    async def measure(self, slots: Sequence[Slot]) -> AsyncIterator[Any]:
        feeds: dict[str, list[Slot]] = {}
        totals: dict[str, list[Slot]] = {}
        for slot in slots:
            (totals if slot.series.metric == TAG_TOTAL.name else feeds).setdefault(tag_of(slot.series), []).append(slot)
        refusal = refusal_in(self.job.state)
        if refusal is not None and self.job.now < refusal.until:
            for output in self._gather(self._without_asking(slots, refusal), (), ()):
                yield output
            return
        for topic in self.job.polls:
            for tag in known(self.job.topics[topic]):
                if tag_in(self.job.state, tag).next <= self.job.now:
                    feeds.setdefault(tag, [])
        for tag, group in feeds.items():
            yield self._feed(tag, self._on_feed, group)
        for tag, group in totals.items():  # behind all feeds: a wall here ends the run
            yield self._ask(f"/tag/{quote(tag)}", self._on_page, group, tag=tag)

    async def history(self, slots: Sequence[Slot]) -> AsyncIterator[Any]:
        if not self.option("pages"):
            said = "past days are read from archive pages only if `pages = true` in [sources.medium]"
            for output in self._gather([slot.missing(Reason.UNANSWERED, said) for slot in slots], (), ()):
                yield output
            return
        newest = nominal(PUBLISHED, self.job.now)
        start = min((slot.time for slot in slots), default=newest + DAY)
        for age in range(ceil((newest + DAY - start) / DAY)):
            day = newest - age * DAY
            for tag in dict.fromkeys(tag_of(slot.series) for slot in slots):
                group = [slot for slot in slots if tag_of(slot.series) == tag]
                path = f"/tag/{quote(tag)}/archive/{moment(day):%Y/%m/%d}"
                yield self._ask(path, self._on_archive, group, tag=tag, day=day)

    async def preview(self, topics: Sequence[Topic]) -> AsyncIterator[Request]:
        for topic in topics:
            for tag in known(topic):
                yield self._feed(tag, self._show, (), topic=topic.key)

    def _feed(self, tag: str, then: Handler, slots: Sequence[Slot], **kwargs: Any) -> Request:
        request = self._ask(f"/feed/tag/{quote(tag)}", then, slots, tag=tag, **kwargs)
        request.meta["feed"] = True
        return request

    def _ask(self, path: str, then: Handler, slots: Sequence[Slot], **kwargs: Any) -> Request:
        request = self.fetch(path, then, slots, **kwargs)
        request.meta["no_wait"] = True  # after a 429 nothing more is asked in this run
        return request

    # What comes back

    def _on_feed(self, response: Response, slots: Sequence[Slot], *, tag: str) -> Iterator[Output]:
        before, at = tag_in(self.job.state, tag), self._seen_at(response)
        try:
            feed = pages.read_feed(response.body)
        except ParseError:
            yield self._failure(tag, slots)
            raise
        if self.job.state.get(REFUSED) is not None and not self._answered:
            yield Remember(REFUSED, None)
        self._answered = True
        seen = days.look(before, feed.articles, at, built=feed.built, whole=feed.whole)
        told, after = days.speak(seen, at, {slot.time for slot in slots})
        topics = dict.fromkeys([*(s.series.topic for s in slots), *(key for key, t in self.job.topics.items() if tag in known(t))])
        for start, day in told.items():
            for topic in topics:
                yield Slot(series(PUBLISHED, topic, tag), start).observe(day.seen, day.bound)
                if day.bound is not Bound.EXACT and (estimate := day.estimate) is not None:
                    yield Slot(series(ESTIMATED, topic, tag), start).observe(estimate, Bound.ESTIMATE)
        for slot in slots:
            if slot.time not in told:
                yield slot.missing(Reason.DOWNTIME, "no article of the day was seen: nobody looked, or too many newer ones had come")
        now = self.job.now if at < self.job.now + days.SOONEST else at  # a run that is done again may be done much later
        yield Remember(key_of(tag), replace(after, next=days.planned(after, now)).kept())

    def _on_page(self, response: Response, slots: Sequence[Slot], *, tag: str) -> Iterator[Output]:
        yield Remember(tried_of(tag), max(slot.time for slot in slots))
        _, count = pages.read_tag_total(response.text if hasattr(response, "text") else "", tag)
        for slot in slots:
            yield slot.observe(count.value, count.bound)

    def _on_archive(self, response: Response, slots: Sequence[Slot], *, tag: str, day: int) -> Iterator[Output]:
        archive = pages.read_archive(response.text if hasattr(response, "text") else "", response.url)
        count = pages.count_of(archive, day, tag)
        for slot in slots:
            yield Slot(slot.series, day).observe(count.value, count.bound)

    def _show(self, response: Response, _slots: Sequence[Slot], *, tag: str, topic: str) -> Iterator[Output]:
        feed = pages.read_feed(response.body)
        rate = days.pace(days.look(Tag(), feed.articles, self._seen_at(response), built=feed.built)) * DAY
        newest = sorted(feed.articles, key=lambda a: -a.time)[:3]
        shown = "".join(f"; {a.title!r}" for a in newest)
        yield Preview(topic, f"tag {tag}: about {rate:,.{0 if rate >= 10 else 1}f} articles a day{shown}")

    # What goes wrong

    def refusal(self, response: Response) -> tuple[Reason, str] | None:
        """Walls and refusals, also those with status 200; a refused feed is remembered, so that later runs wait."""
        refused, head = outcome_of(response), response.body[:300]
        if head.lstrip().startswith(b"Too many feed requests"):
            refused = (Reason.THROTTLED, f"status {response.status}: too many feed requests")
        elif (refused is None or refused[0] is Reason.BLOCKED) and b"<rss" not in head:
            found = wall(response.url, response.body.decode("utf-8", "replace"))
            refused = (Reason.BLOCKED, f"{found}{f' ({refused[1]})' if refused else ''}") if found else refused
        if refused is None or refused[0] not in {Reason.BLOCKED, Reason.THROTTLED} or not response.meta.get("feed"):
            return refused
        at = self._seen_at(response)
        before = None if self._answered else refusal_in(self.job.state)
        self._refusal = self._refusal or days.refused(before, at, refused, retry_after(response, at))
        return refused[0], f"{refused[1]}; feeds are asked for again after {iso(self._refusal.until)}"

    def failed(self, request: Request, slots: Sequence[Slot], reason: Reason, detail: str, **kwargs: Any) -> Iterator[Output]:
        for slot in slots:
            yield slot.missing(reason, detail)
        if self.job.mode is not Mode.COLLECT or reason in _TEMPORARY:
            return
        if not request.meta.get("feed"):
            yield Remember(tried_of(kwargs["tag"]), max(slot.time for slot in slots))
        elif self._refusal is not None and reason in {Reason.BLOCKED, Reason.THROTTLED}:
            yield Remember(REFUSED, self._refusal.kept())
            yield self._given_up(kwargs["tag"], slots)
        else:
            yield self._failure(kwargs["tag"], slots)

    def _failure(self, tag: str, slots: Sequence[Slot]) -> Remember:
        """What is remembered of a look that gave nothing: when to try again, and the days that it leaves without a number."""
        return self._given_up(tag, slots, days.failed(tag_in(self.job.state, tag), self.job.now))

    def _given_up(self, tag: str, slots: Sequence[Slot], state: Tag | None = None) -> Remember:
        before = state or tag_in(self.job.state, tag)
        return Remember(key_of(tag), replace(before, ended=max([before.ended, *(slot.time for slot in slots)])).kept())

    def _without_asking(self, slots: Sequence[Slot], refusal: Refusal) -> Iterator[Output]:
        for slot in slots:
            yield slot.missing(refusal.reason, f"{refusal.said}; not asked before {iso(refusal.until)}")
            tag = tag_of(slot.series)
            yield Remember(tried_of(tag), slot.time) if slot.series.metric == TAG_TOTAL.name else self._given_up(tag, [slot])

    def _seen_at(self, response: Response) -> int:
        """When a response was fetched: it is kept with it, so that a run that is done again finds the same."""
        capture = response.meta.get("capture")
        return capture.fetched_at if capture else self.job.now

    # Saved pages

    @classmethod
    def read_saved(cls, page: str, url: str) -> list[Saved]:
        return pages.read_saved(page, url)


__all__ = ["ESTIMATED", "PUBLISHED", "TAG_TOTAL", "Medium"]
