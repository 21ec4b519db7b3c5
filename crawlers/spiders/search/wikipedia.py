"""Wikipedia: how often a topic's articles are read, by day and language, and how often all articles of that language are.

https://doc.wikimedia.org/generated-data-platform/aqs/analytics-api/reference/page-views.html. One request gives a title's
whole history, daily since 2015-07. ``agent=user`` leaves out programs that say so or are recognised. What the API does not do:

- It counts titles as they are written. Redirects and renames are not followed: an article's former title is another title.
- A day on which nobody read a title is left out, and so is a day that is not loaded yet; a title that does not exist is
  a 404, and so is one that nobody read. A zero is therefore believed only for a day that the language's total has, and
  on or before a day for which the topic's own titles have views.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from scrapy.http import Request, Response

from crawlers.job import Mode
from crawlers.outcomes import outcome_of
from crawlers.source import Allowance, Counts, Output, Preview, SourceSpider, Terms
from crawlers.spiders.search.wikipedia_payloads import Title, parse_views, path_of, summed, titles_of
from storage.model import Cadence, Capture, Kind, Metric, ParseError, Reason, Series, Slot, Topic
from storage.periods import DAY, HOUR, day, floor, nominal

LOOK_BACK = 9 * DAY  # read along with each day, so that what was late or corrected comes in
SHOWN = 30 * DAY  # of a preview

VIEWS = Metric(
    "wikipedia.views",
    Kind.FLOW,
    "views",
    Cadence.DAY,
    "Wikipedia page views",
    "Views of the topic's articles in one language (label wiki) by day (UTC), recognised programs left out. Several titles are summed."
    " Titles are counted as written: what is read under a former or other title is not in it.",
    lag=12 * HOUR,
)
VIEWS_TOTAL = Metric(
    "wikipedia.views_total",
    Kind.FLOW,
    "views",
    Cadence.DAY,
    "All Wikipedia page views",
    "Views of all articles in one language by day (UTC), recognised programs left out: the denominator of wikipedia.views.",
    lag=12 * HOUR,
)


class Wikipedia(SourceSpider):
    name = "wikipedia"
    title = "Wikipedia"
    about = "How often a topic's articles are read each day, by language, beside all reading in that language; daily since July 2015."
    counts: ClassVar = (Counts(VIEWS), Counts(VIEWS_TOTAL, per_topic=False))
    terms = Terms(
        "https://foundation.wikimedia.org/wiki/Policy:Wikimedia_Foundation_API_Usage_Guidelines",
        "2026-11-20",
        "Programs may call the API if their User-Agent says how to reach who runs them: 200 requests a minute then, 10 without, "
        "and none under a library's name. Waiting times in answers must be kept.",
    )
    endpoints: ClassVar = {"base_url": "https://wikimedia.org/api/rest_v1"}
    signals = ("wikipedia",)
    needs_contact = True
    by_key = True  # robots.txt of Wikimedia's sites keeps crawlers from /api/; programs have rules of their own (`terms`), kept here
    takes_turns = True
    schedule = "31 13 * * *"
    history_since = "2015-07-01"

    @classmethod
    def check(cls, topic: Topic) -> None:
        if cls.name_of(topic) is not None:
            titles_of(topic)

    @classmethod
    def allowance(cls, options: Mapping[str, object]) -> Allowance | None:  # noqa: ARG003
        return Allowance(12_000, "hour", "200 requests a minute with a contact in the User-Agent")

    @classmethod
    def requests_per_day(cls, topics: int, options: Mapping[str, object]) -> float:  # noqa: ARG003
        return float(topics + 1)

    @classmethod
    def slots(cls, topics: Iterable[Topic], now: int, options: Mapping[str, object] | None = None) -> list[Slot]:  # noqa: ARG003
        """One slot a topic and language, and one a language for its total."""
        wikis: dict[str, list[str]] = {}
        for topic in topics:
            for wiki in dict.fromkeys(t.wiki for t in titles_of(topic)) if cls.name_of(topic) is not None else ():
                wikis.setdefault(wiki, []).append(topic.key)
        return [
            Slot(Series(metric.name, key, (("wiki", wiki),), source=cls.name), nominal(metric, now))
            for wiki, keys in wikis.items()
            for metric, key in [(VIEWS_TOTAL, ""), *((VIEWS, k) for k in keys)]
        ]

    def refusal(self, response: Response) -> tuple[Reason, str] | None:
        refused = outcome_of(response)
        if refused is None or response.status != 404:
            return refused
        parts = urlsplit(response.url).path.split("/per-article/")[-1].split("/")
        if len(parts) < 4:
            return Reason.NOT_FOUND, "Wikimedia has no figures for these days, or no such language (status 404)"
        return Reason.NOT_FOUND, (
            f"nobody read {unquote(parts[3])!r} in {parts[0]} in these days, or there is no such article (status 404);"
            " redirects and renames are not followed: write the title as the article bears it"
        )

    # The language's total first: it tells which days there are

    async def measure(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        for wiki, group in self._by_wiki(slots).items():
            times = [s.time for s in group]
            yield self._ask_total(wiki, group, min(times) - LOOK_BACK, max(times))

    async def history(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        for wiki, group in self._by_wiki(slots).items():
            yield self._ask_total(wiki, group, floor(min(s.time for s in group), Cadence.DAY), nominal(VIEWS, self.job.now))

    async def preview(self, topics: Sequence[Topic]) -> AsyncIterator[Request]:
        last = nominal(VIEWS, self.job.now)
        for topic in topics:
            for title in titles_of(topic):
                yield self.fetch(path_of(title.project, last - SHOWN + DAY, last, title.name), self._show, topic=topic.key, title=title)

    def _by_wiki(self, slots: Sequence[Slot]) -> dict[str, list[Slot]]:
        groups: dict[str, list[Slot]] = {}
        for slot in slots:
            groups.setdefault(dict(slot.series.labels)["wiki"], []).append(slot)
        return groups

    def _ask_total(self, wiki: str, slots: Sequence[Slot], first: int, last: int) -> Request:
        project = f"{wiki}.wikipedia"
        return self.fetch(path_of(project, first, last), self._total_told, slots, priority=1, wiki=wiki, first=first, last=last)

    def _total_told(self, response: Response, slots: Sequence[Slot], *, wiki: str, first: int, last: int) -> Iterator[Output]:
        try:
            views = parse_views(response.body, f"{wiki}.wikipedia")
        except ParseError as error:
            yield from self._without_total(slots, Reason.PARSE_ERROR, str(error), first, last)
            return
        known = {d: v for d, v in views.items() if v > 0 and first <= d <= last}  # nobody reading at all is no figure
        for slot in slots:
            if slot.series.topic:
                yield from self._ask_titles(slot, first, last, tuple(known))
            else:
                yield from self._give(slot, known)

    def failed(self, request: Request, slots: Sequence[Slot], reason: Reason, detail: str, **kwargs: object) -> Iterator[Output]:
        if "wiki" in kwargs:
            yield from self._without_total(slots, reason, detail, int(str(kwargs["first"])), int(str(kwargs["last"])))
        else:
            yield from super().failed(request, slots, reason, detail, **kwargs)

    def _without_total(self, slots: Sequence[Slot], reason: Reason, detail: str, first: int, last: int) -> Iterator[Output]:
        """Articles can be counted where the total could not; only their zeros then prove nothing."""
        for slot in slots:
            if self.pacing.stopped or not slot.series.topic:
                yield slot.missing(reason, detail)
            else:
                yield from self._ask_titles(slot, first, last, ())

    def _ask_titles(self, slot: Slot, first: int, last: int, whole: Sequence[int]) -> Iterator[Output]:
        """One title after the other. A topic that has lost its titles since the plan asks nothing, and ends as unanswered."""
        wiki = dict(slot.series.labels)["wiki"]
        titles = titles_of(self.topic(slot)) if self.name_of(self.topic(slot)) is not None else ()
        wanted = [t for t in titles if t.wiki == wiki]
        if wanted:
            yield self._ask_title(slot, wanted, [], first, last, whole, ())

    def _ask_title(
        self,
        slot: Slot,
        wanted: Sequence[Title],
        found: Sequence[Mapping[int, float]],
        first: int,
        last: int,
        whole: Sequence[int],
        after: Sequence[Capture],
    ) -> Request:
        path = path_of(wanted[0].project, first, last, wanted[0].name)
        return self.fetch(path, self._title_told, [slot], after=after, wanted=wanted, found=found, span=(first, last), whole=whole)

    def _title_told(
        self,
        response: Response,
        slots: Sequence[Slot],
        *,
        wanted: Sequence[Title],
        found: Sequence[Mapping[int, float]],
        span: tuple[int, int],
        whole: Sequence[int],
    ) -> Iterator[Output]:
        views = parse_views(response.body, wanted[0].project, wanted[0].name)
        found = [*found, {d: v for d, v in views.items() if span[0] <= d <= span[1]}]
        if not found[-1]:
            raise ParseError(f"the answer has no day from {day(span[0])} to {day(span[1])}")
        if len(wanted) > 1:
            own = [response.meta["capture"]] if response.meta.get("capture") else []
            yield self._ask_title(slots[0], wanted[1:], found, *span, whole, (*response.meta.get("after", ()), *own))
        else:
            yield from self._give(slots[0], summed(found, whole))

    def _give(self, slot: Slot, views: Mapping[int, float]) -> Iterator[Output]:
        """All days that were read, for the slot's series; the slot itself is missing if its day is not among them."""
        for time, value in views.items():
            yield Slot(slot.series, time).observe(value)
        if self.job.mode is not Mode.BACKFILL and slot.time not in views:
            yield slot.missing(Reason.UNANSWERED, f"Wikimedia has no figure of {day(slot.time)} yet")

    def _show(self, response: Response, _slots: Sequence[Slot], *, topic: str, title: Title) -> Iterator[Output]:
        views = parse_views(response.body, title.project, title.name)
        shown = f"{title.wiki}:{title.name.replace('_', ' ')}"
        yield Preview(topic, f"{shown}: {sum(views.values()):,.0f} views on {len(views)} days up to {day(max(views))}")


__all__ = ["VIEWS", "VIEWS_TOTAL", "Wikipedia"]
