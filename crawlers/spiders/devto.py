"""DEV (dev.to): articles per tag and day, by the interface of Forem, the program behind it.

https://developers.forem.com/api/v1. What the documentation does not say is in Forem's source (``ArticleApiIndexService``,
read in a copy of 2026): with ``tag`` even ``/api/articles/latest`` comes in the order of the articles' hotness, not of their
date, so that an older article does not mean the end; ``top=N`` bounds it to the last N days, in the order of the score.
Both orders have ties, so that a list of several pages may repeat some and leave out others: then its counts are lower
bounds. ``per_page`` is capped by the operator (1,000 by default). Three requests a second and address are allowed.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, ClassVar

from scrapy.http import Request, Response

from crawlers.job import Mode
from crawlers.payload import listing, number, read_json, text, timestamp
from crawlers.source import Counts, Output, Preview, SourceSpider, Terms
from storage.model import Bound, Cadence, Capture, ParseError, Reason, Series, Slot, Topic, UsageError
from storage.periods import DAY, HOUR, floor, nominal
from storage.vocabulary import ARTICLES

logger = logging.getLogger(__name__)

LATEST = "/api/articles/latest"
PER_PAGE = 1000
USUAL = 30  # articles on a page unless asked for more: fewer are all there are
SITE = (("site", "devto"),)
PUBLISHED = replace(
    ARTICLES,
    lag=3 * HOUR,  # answers are cached
    settle=3 * HOUR,
    note=f"{ARTICLES.note} A topic with several tags has one series each (label tag). Counted from the site's own list; articles that are "
    "taken back later are missing from days that are read again.",
)


@dataclass(frozen=True, slots=True)
class Row:
    id: int
    time: int
    title: str = ""


@dataclass(frozen=True, slots=True)
class Walk:
    """A tag's list as far as it was read. ``days``: what it is bounded to, counted back from when it is asked for."""

    tag: str
    since: int
    days: int
    rows: Mapping[int, Row] = field(default_factory=dict)  # by id
    pages: int = 0
    size: int = 0  # rows on the first page
    sorted: bool = True  # newest first, so far
    ended: bool = False

    def take(self, rows: Sequence[Row]) -> Walk:
        """The walk with one page more."""
        known = list(self.rows.values())
        times = [r.time for r in (*known[-1:], *rows)]
        in_order = self.sorted and all(a >= b for a, b in pairwise(times))
        fresh = {r.id: r for r in rows if r.id not in self.rows}
        short = len(rows) < (self.size or USUAL)
        passed = in_order and bool(rows) and rows[-1].time < self.since
        return replace(
            self,
            rows={**self.rows, **fresh},
            pages=self.pages + bool(rows),
            size=self.size or len(rows),
            sorted=in_order,
            ended=not fresh or short or passed,
        )

    @property
    def bound(self) -> Bound:
        return Bound.EXACT if self.sorted or self.pages <= 1 else Bound.AT_LEAST

    def counts(self) -> Counter[int]:
        """Articles by the start of their day."""
        return Counter(row.time - row.time % DAY for row in self.rows.values())


class DevTo(SourceSpider):
    name = "devto"
    title = "DEV"
    about = "New articles per day and tag on dev.to."
    counts: ClassVar = (Counts(PUBLISHED, SITE),)
    terms = Terms(
        "https://developers.forem.com/api/v1",
        "2026-11-20",
        "Published articles may be read by programs without a key, three requests a second and address.",
    )
    endpoints: ClassVar = {"base_url": "https://dev.to"}
    signals = ("devto",)
    takes_turns = True
    schedule = "47 3 * * *"
    people = True
    history_since = "90 days"

    @classmethod
    def requests_per_day(cls, topics: int, options: Mapping[str, object]) -> float:  # noqa: ARG003
        return 2.0 * topics

    @classmethod
    def check(cls, topic: Topic) -> None:
        tags_of(topic)

    @classmethod
    def slots(cls, topics: Iterable[Topic], now: int, options: Mapping[str, object] | None = None) -> list[Slot]:  # noqa: ARG003
        day = nominal(PUBLISHED, now)
        return [Slot(series(topic.key, tag), day) for topic in topics for tag in _known(topic)]

    async def measure(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        for tag in dict.fromkeys(tag_of(slot.series) for slot in slots):
            group = [slot for slot in slots if tag_of(slot.series) == tag]
            since = floor(min(slot.time for slot in group), Cadence.DAY)
            yield self._ask(Walk(tag, since, self._days(since, self.job.now)), group)

    async def history(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        async for request in self.measure(slots):  # one walk for all days
            yield request

    async def preview(self, topics: Sequence[Topic]) -> AsyncIterator[Request]:
        for topic in topics:
            for tag in _known(topic):
                yield self._fetch({"tag": tag, "top": 30, "per_page": PER_PAGE}, self._show, (), topic=topic.key, tag=tag)

    @staticmethod
    def _days(since: int, now: int) -> int:
        """So many days back hold the stretch since then, even when they are counted a day later."""
        return max(0, now - since) // DAY + 2

    def _ask(self, walk: Walk, slots: Sequence[Slot], after: Sequence[Capture] = ()) -> Request:
        params = {"tag": walk.tag, "top": walk.days, "per_page": PER_PAGE, "page": walk.pages + 1}
        return self._fetch(params, self._walked, slots, after=after, walk=walk)

    def _fetch(self, params: Mapping[str, object], then: Any, slots: Sequence[Slot], **kwargs: Any) -> Request:
        return self.fetch(LATEST, then, slots, params=params, headers={"Accept": "application/vnd.forem.api-v1+json"}, **kwargs)

    def _walked(self, response: Response, slots: Sequence[Slot], *, walk: Walk) -> Iterator[Output]:
        capture: Capture | None = response.meta.get("capture")
        asked_at = capture.fetched_at if capture else self.job.now
        if self._days(walk.since, asked_at) > walk.days + 1:  # a run that is done again days later: it no longer reaches back
            yield self._ask(Walk(walk.tag, walk.since, self._days(walk.since, asked_at)), slots)
            return
        walk = walk.take(read_articles(response.body, walk.tag))
        so_far = (*response.meta.get("after", ()), *([capture] if capture else []))
        if not walk.ended:
            yield self._ask(walk, slots, so_far)
        elif not walk.rows:
            yield self._fetch({"tag": walk.tag, "per_page": 1}, self._exists, slots, after=so_far, walk=walk)
        else:
            yield from self._counted(walk, slots)

    def _exists(self, response: Response, slots: Sequence[Slot], *, walk: Walk) -> Iterator[Output]:
        """No article in the days that were asked for is zero only if the tag has older ones."""
        if read_articles(response.body, walk.tag):
            yield from self._counted(walk, slots)
        else:
            for slot in slots:
                yield slot.missing(Reason.NOT_FOUND, f"dev.to has no article with the tag {walk.tag}")

    def _counted(self, walk: Walk, slots: Sequence[Slot]) -> Iterator[Output]:
        counts = walk.counts()
        for slot in slots:
            days = [slot.time]
            if self.job.mode is Mode.BACKFILL:
                days = list(range(floor(slot.time, Cadence.DAY), nominal(PUBLISHED, self.job.now) + 1, DAY))
            for day in days:
                count, bound = counts[day], walk.bound
                if count or bound is Bound.EXACT:  # "at least none" says nothing
                    yield Slot(slot.series, day).observe(count, bound)

    def _show(self, response: Response, _slots: Sequence[Slot], *, topic: str, tag: str) -> Iterator[Output]:
        rows = sorted(read_articles(response.body, tag), key=lambda r: -r.time)
        more = "at least " if len(rows) >= PER_PAGE else ""
        shown = "".join(f"; {r.title!r}" for r in rows[:3])
        yield Preview(topic, f"tag {tag}: {more}{len(rows)} articles in 30 days{shown}", found=bool(rows))


def read_articles(body: bytes, tag: str) -> list[Row]:
    """The articles of one page that bear the tag. Raises `ParseError` if it has articles, but none of them does."""
    rows = listing(read_json(body))
    found = [
        Row(int(number(row, "id")), timestamp(row, "published_timestamp"), text(row, "title"))
        for row in rows
        if tag.casefold() in _tags(row, tag)
    ]
    if rows and not found:
        raise ParseError(f"none of the {len(rows)} articles of the answer bears the tag {tag}")
    return found


def _tags(row: Any, default: str) -> set[str]:
    said = row.get("tag_list", row.get("tags", default)) if isinstance(row, dict) else default
    return {
        str(t).strip().casefold() for t in (said.split(",") if isinstance(said, str) else said if isinstance(said, list) else [default])
    }


def tags_of(topic: Topic) -> tuple[str, ...]:
    """A topic's tags, none if it names none. Raises `UsageError` for what is no tag."""
    said = topic.names.get(DevTo.name)
    found: list[str] = []
    for name in said if isinstance(said, list | tuple) else [said] if said else []:
        if not isinstance(name, str) or not name.isalnum() or name != name.lower():
            plain = "".join(c for c in name.lower() if c.isalnum()) if isinstance(name, str) else ""
            raise UsageError(
                f"[topics.{topic.key}] devto: {name!r} is not a tag; tags of dev.to have letters and digits only, in lower case,"
                f' as in "{plain or "machinelearning"}"'
            )
        if name not in found:
            found.append(name)
    return tuple(found)


def _known(topic: Topic) -> tuple[str, ...]:
    """A topic's tags; none where they cannot be read."""
    try:
        return tags_of(topic)
    except UsageError as error:
        logger.warning("devto: %s", error)
        return ()


def series(topic: str, tag: str) -> Series:
    return Series(PUBLISHED.name, topic, (*SITE, ("tag", tag)), PUBLISHED.version, source=DevTo.name)


def tag_of(of: Series) -> str:
    return dict(of.labels)["tag"]


__all__ = ["PUBLISHED", "DevTo"]
