"""arXiv: papers by month whose abstract mentions a topic, in chosen categories, and all papers of these categories.

Two ways, which differ (words and dates are read in another manner) and so are two series: for a few topics arXiv's own search
counts (https://info.arxiv.org/help/api/user-manual.html), a request for each; for many all records are harvested once by
OAI-PMH and matched here, in requests that do not grow with the topics (label ``way="harvest"``). Both interfaces allow one
request every three seconds over one connection (https://info.arxiv.org/help/api/tou.html).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from scrapy.http import Request, Response

from crawlers.boards.queries import Query
from crawlers.boards.searched import shown
from crawlers.job import Mode
from crawlers.politeness import retry_after
from crawlers.source import Allowance, Counts, Option, Output, Preview, Terms
from crawlers.spiders.papers import arxiv_payloads as payloads
from crawlers.spiders.papers.arxiv_harvest import ArxivHarvest, Harvest
from crawlers.spiders.papers.monthly import Doubt, month_name
from storage.model import Cadence, ParseError, Reason, Remember, Slot, Topic, UsageError
from storage.periods import DAY, floor, following, iso, nominal
from storage.vocabulary import PAPERS_MENTIONING, PAPERS_TOTAL

MANY = 50  # topics: for more a harvest costs less
DEFAULT = ("cs.*", "stat.ML")
WAYS = ("auto", "search", "harvest")
LAG = 5 * DAY  # a paper of a month's last day is announced up to five days later, over a weekend or a holiday
QUIET = 600.0  # seconds without a request after a 429, which comes without a Retry-After
DEAD = (5 * 60, 31 * 60)  # seconds of a day (UTC) in which the interfaces were seen to be down, each night
_MONTH = "By the month of first submission; asked for from the sixth of the next month, when all of it is announced."
MENTIONING = replace(
    PAPERS_MENTIONING,
    cadence=Cadence.MONTH,
    lag=LAG,
    note="Papers of a month in the chosen categories whose abstract mentions the topic, as arXiv's own search counts them, or, with"
    f" the label way=harvest, as matched here over all abstracts. {_MONTH}",
)
TOTAL = replace(
    PAPERS_TOTAL, cadence=Cadence.MONTH, lag=LAG, note=f"All papers of a month in the chosen categories, cross-listed ones too. {_MONTH}"
)


class Arxiv(ArxivHarvest):
    name = "arxiv"
    title = "arXiv"
    about = "Papers whose abstract mentions a topic, by month of first submission, and all papers of the same categories."
    papers = MENTIONING
    total = TOTAL
    terms = Terms(
        "https://info.arxiv.org/help/api/tou.html",
        "2026-11-20",
        "Both interfaces are open to programs: one request every three seconds, one connection. The metadata is free to use (CC0)."
        " The robots.txt of arxiv.org itself closes both addresses to crawlers and the page on robots sends programs to them; it is"
        " obeyed at their hosts too, unless obey_robots = false says that the interfaces' own terms hold.",
    )
    endpoints: ClassVar = {"base_url": "https://export.arxiv.org", "oai_url": "https://oaipmh.arxiv.org"}
    signals = ("arxiv", "papers")
    options = (
        Option("categories", "categories that are counted, whole archives as cs.*", type=list, default=list(DEFAULT)),
        Option(
            "way",
            f"search (a request a topic and month), harvest (one pass for all topics), or auto: harvest for more than {MANY} topics",
            default="auto",
        ),
    )
    schedule = "41 7 * * *"
    delay = 3.0
    custom_settings = {"CONCURRENT_REQUESTS": 1, "CONCURRENT_REQUESTS_PER_DOMAIN": 1}  # noqa: RUF012  # one connection; Scrapy's own form
    history_since = "2019-01-01"
    people = True  # entries and records name authors
    counts: ClassVar = (
        Counts(MENTIONING, (("rule", "abstract"), ("venue", "arxiv"))),
        Counts(TOTAL, (("venue", "arxiv"),), per_topic=False),
    )

    # What is counted, and which way

    @classmethod
    def check_options(cls, options: Mapping[str, object]) -> None:
        categories, way = cls.chosen(options, "categories"), cls.chosen(options, "way")
        if not categories or not isinstance(categories, list) or not all(map(payloads.is_category, categories)):
            raise UsageError(f'[sources.arxiv] categories: write a list of categories like ["cs.*", "stat.ML"], not {categories!r}')
        if way not in WAYS:
            raise UsageError(f"[sources.arxiv] way: write {', '.join(WAYS)}, not {way!r}")

    @classmethod
    def way(cls, topics: int, options: Mapping[str, object]) -> str:
        said = str(cls.chosen(options, "way"))
        return said if said != "auto" else "harvest" if topics > MANY else "search"

    @classmethod
    def rows(cls, options: Mapping[str, object]) -> tuple[Counts, ...]:
        """Other categories than the default ones make other series."""
        chosen = sorted({str(c) for c in cls.chosen(options, "categories")})
        extra = () if chosen == sorted(DEFAULT) else (("categories", "+".join(chosen).lower()),)
        return tuple(replace(row, labels=(*extra, *row.labels)) for row in cls.counts)

    @classmethod
    def slots(cls, topics: Iterable[Topic], now: int, options: Mapping[str, object] | None = None) -> list[Slot]:
        named = [t for t in topics if cls.name_of(t) is not None]
        found = super().slots(named, now, options)
        if cls.way(len(named), options or {}) == "search":
            return found
        return [Slot(replace(s.series, labels=(*s.series.labels, ("way", "harvest"))), s.time) for s in found]

    @classmethod
    def history_plan(cls, topics: Iterable[Topic], now: int, since: int | None, options: Mapping[str, object]) -> list[Slot]:
        start = since if since is not None else cls.default_since(now)
        return [Slot(s.series, start) for s in cls.slots(topics, now, options)]

    @classmethod
    def allowance(cls, options: Mapping[str, object]) -> Allowance | None:  # noqa: ARG003
        return Allowance(1200, "hour", "one request every three seconds")

    @classmethod
    def requests_per_day(cls, topics: int, options: Mapping[str, object]) -> float:
        if cls.way(topics, options) == "search":
            return super().requests_per_day(topics, options)
        return 3.0 * 36 * len(payloads.sets_of(cls.chosen(options, "categories"))) / 30  # some three pages for each of 36 days

    @classmethod
    def cost_words(cls, options: Mapping[str, object]) -> str:
        return f"1 a topic and month, or some {cls.requests_per_day(MANY + 1, options) * 30:.0f} a month for more than {MANY} topics"

    # Manners of these interfaces

    def _mind(self) -> None:
        """Ask nothing while the interfaces are down for the night, nor soon after they asked to slow down."""
        refused, now = self.job.state.get("refused"), self.job.now
        if isinstance(refused, int) and 0 <= now - refused < QUIET:
            self.stop(Reason.THROTTLED, f"arXiv asked to slow down at {iso(refused)}: ask again {QUIET / 60:.0f} minutes later")
        elif DEAD[0] <= now % DAY < DEAD[1]:
            self.stop(Reason.UNREACHABLE, "arXiv's interfaces are down from 00:05 to 00:31 UTC each night: ask again later")

    def wait_for(self, response: Response) -> float | None:
        return max(QUIET, retry_after(response, self.job.now) or 0.0) if response.status == 429 else None

    def failed(self, request: Request, slots: Sequence[Slot], reason: Reason, detail: str, **kwargs: Any) -> Iterator[Output]:
        if reason is Reason.THROTTLED and detail.startswith("status") and self.job.mode is not Mode.PREVIEW:
            yield Remember("refused", self.job.now)
        if reason is Reason.ROBOTS:
            detail += (
                "; arXiv's page on robots sends programs to this interface: obey_robots = false under [sources.arxiv] goes by its own terms"
            )
        yield from super().failed(request, slots, reason, detail, **kwargs)

    # Measuring

    async def measure(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        self._mind()
        searched = [s for s in slots if not _harvested(s)]
        for request in self.months(searched):
            if isinstance(request, Request):
                yield request
        harvested = [s for s in slots if _harvested(s)]
        if harvested:
            yield self.harvest(harvested, floor(min(s.time for s in harvested), Cadence.MONTH))

    async def history(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        async for request in self.measure(slots):
            yield request

    def query_of(self, topic: Topic) -> Query | Doubt | None:
        keywords = self.keywords_of(topic)
        query = payloads.query_of(keywords) if keywords else None
        return (Reason.NOT_FOUND, query) if isinstance(query, str) else query

    def ask(self, query: Query | None, month: int) -> tuple[str, Mapping[str, object]]:
        text = payloads.search(query, self.categories(), month, following(month, Cadence.MONTH))
        return "/api/query", {"search_query": text, "start": 0, "max_results": 1}

    def count(self, response: Response, query: Query | None, month: int) -> float:  # noqa: ARG002
        return payloads.feed_count(response.body)

    def _counted(self, slots: Sequence[Slot], harvest: Harvest) -> Iterator[Output]:
        for slot in slots:
            if slot.series.topic and slot.series.topic not in harvest.topics:
                continue  # it has left the configuration: that nothing matched it is no zero
            for target in self._targets(slot):
                if harvest.reaches(target.time):
                    yield replace(target.observe(harvest.papers(slot.series.topic, target.time)), captures=tuple(harvest.captures))
                elif self.job.mode is not Mode.BACKFILL:
                    raise ParseError(f"the harvest brought no paper that was submitted in {month_name(target.time)}")

    def _targets(self, slot: Slot) -> Iterator[Slot]:
        """A slot itself; of a backfill's slot all months since that have ended."""
        month = floor(slot.time, Cadence.MONTH)
        latest = nominal(MENTIONING, self.job.now) if self.job.mode is Mode.BACKFILL else month
        while month <= latest:
            yield Slot(slot.series, month)
            month = following(month, Cadence.MONTH)

    # Previews

    async def preview(self, topics: Sequence[Topic]) -> AsyncIterator[Request]:
        self._mind()
        for topic in topics:
            query = self.query_of(topic)
            if isinstance(query, Query):
                among = " OR ".join(f"cat:{c}" for c in self.categories())
                text = f"({query.text}) AND ({among})"
                params = {"search_query": text, "start": 0, "max_results": 3, "sortBy": "submittedDate", "sortOrder": "descending"}
                yield self.fetch("/api/query", self._show, params=params, topic=topic.key, query=query)

    def _show(self, response: Response, _slots: Sequence[Slot], *, topic: str, query: Query) -> Iterator[Output]:
        value = payloads.feed_count(response.body)
        said = f"search {query.text}: {value:,.0f} papers of all time{shown(payloads.feed_titles(response.body))}"
        yield Preview(topic, said, found=value > 0)


def _harvested(slot: Slot) -> bool:
    return dict(slot.series.labels).get("way") == "harvest"


__all__ = ["MENTIONING", "TOTAL", "Arxiv"]
