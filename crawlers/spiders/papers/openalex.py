"""OpenAlex: works by month that its search finds, and all works of the month.

https://developers.openalex.org. ``search`` looks into title, abstract and, where OpenAlex has it, the full text; words are
matched by their stems, phrases in quotes stay together, AND, OR and NOT combine them (guides/searching). A search costs ten
credits, a list one; without a key a day has 1,000 credits, with a free one 10,000 (api-reference/authentication). Each answer
says what is left in ``x-ratelimit-remaining``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from scrapy.http import Request, Response

from crawlers.boards.queries import Query, Syntax, queries
from crawlers.boards.searched import shown
from crawlers.payload import listing, number, read_json
from crawlers.source import Allowance, Counts, Option, Output, Preview, Terms
from crawlers.spiders.papers.monthly import MonthlyPapers, last_day
from storage.model import Cadence, ParseError, Reason, Slot, Topic, UsageError
from storage.periods import DAY, day
from storage.vocabulary import PAPERS_MENTIONING, PAPERS_TOTAL

SYNTAX = Syntax(word='"{}"', either=" OR ", without=" NOT {}", literal=False)
ENOUGH = 20  # credits: two searches of ten, because one may be on its way when an answer is read
LONGEST = 2000  # characters of a search: an address may have about 4,000, and signs are written as three
KEYS = "https://openalex.org/settings/api"
_LATE = (
    "Works come in over months, so that recent months are low: a month is read again when the next has ended, and uptake backfill"
    " reads older ones again."
)
MENTIONING = replace(
    PAPERS_MENTIONING,
    cadence=Cadence.MONTH,
    settle=35 * DAY,
    note="Works published in a month that OpenAlex's search finds in title, abstract or, where it has it, full text; an estimate,"
    f" because words are matched by their stems and not all full texts are there. {_LATE}",
)
TOTAL = replace(PAPERS_TOTAL, cadence=Cadence.MONTH, settle=35 * DAY, note=f"All works of a month at OpenAlex, of all fields. {_LATE}")


def works(payload: Any) -> float:
    """How many works match: ``{"meta": {"count": N}, "results": […]}``. Zero only beside an empty list; `ParseError` else."""
    value = number(payload, "meta", "count")
    if not value.is_integer():
        raise ParseError(f"meta.count is {value!r}, which is not a count")
    if (value == 0) != (listing(payload, "results") == []):
        raise ParseError(f"meta.count is {value:.0f}, and the list of works holds {len(listing(payload, 'results'))}")
    return value


def titles(payload: Any) -> list[str]:
    return [str(work["title"]) for work in listing(payload, "results") if isinstance(work, dict) and work.get("title")]


class OpenAlex(MonthlyPapers):
    name = "openalex"
    title = "OpenAlex"
    about = "Works of all fields that mention a topic, by month of publication, as OpenAlex's search counts them, and all works."
    counts: ClassVar = (
        Counts(MENTIONING, (("rule", "search"), ("venue", "openalex"))),
        Counts(TOTAL, (("venue", "openalex"),), per_topic=False),
    )
    papers = MENTIONING
    total = TOTAL
    revisits = True
    terms = Terms(
        "https://developers.openalex.org/api-reference/authentication",
        "2026-11-20",
        "The data is free to use (CC0). Without a key 1,000 credits a day, with a free key 10,000; a search costs ten.",
    )
    endpoints: ClassVar = {"base_url": "https://api.openalex.org"}
    signals = ("openalex", "papers")
    options = (Option("key", f"a free key from {KEYS}: 1,000 searches a day in place of 100", secret=True),)
    takes_turns = True
    schedule = "47 6 * * *"
    history_since = "365 days"
    custom_settings = {"CONCURRENT_REQUESTS": 1}  # noqa: RUF012  # Scrapy's own form; one by one, to stop in time

    @classmethod
    def check(cls, topic: Topic) -> None:
        keywords = cls.keywords_of(topic)
        if keywords and len(queries(keywords, SYNTAX)[0].text) > LONGEST:
            raise UsageError(
                f"topics.{topic.key}: its expression for papers is too long for OpenAlex; write a shorter one as openalex = […]"
            )

    @classmethod
    def allowance(cls, options: Mapping[str, object]) -> Allowance | None:
        if options.get("key"):
            return Allowance(998, "day", "10,000 credits a day with a key: 998 requests, a search at ten")
        return Allowance(98, "day", "1,000 credits a day without a key: 98 requests, a search at ten")

    @classmethod
    def requests_for(cls, topic: Topic, options: Mapping[str, object]) -> int | None:  # noqa: ARG003
        return 2 if cls.name_of(topic) is not None else 0

    def credentials(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        key = self.option("key")
        return {}, {"api_key": str(key)} if key else {}

    def remark(self, measured: int, planned: int) -> str:
        if self.option("key"):
            return ""
        return f"OpenAlex: {measured} of {planned}; a free key allows 1,000 searches a day in place of 100: {KEYS}"

    def query_of(self, topic: Topic) -> Query | None:
        keywords = self.keywords_of(topic)
        return queries(keywords, SYNTAX)[0] if keywords else None

    def ask(self, query: Query | None, month: int) -> tuple[str, Mapping[str, object]]:
        dates = f"from_publication_date:{day(month)},to_publication_date:{last_day(month)}"
        return "/works", {"search": query.text if query else None, "filter": dates, "per_page": 1, "select": "id"}

    def count(self, response: Response, query: Query | None, month: int) -> float:  # noqa: ARG002
        value = works(read_json(response.body))
        self._heed(response)
        return value

    def _heed(self, response: Response) -> None:
        """Stop in time: an answer says how many credits the day still has."""
        left = _header(response, "x-ratelimit-remaining")
        if left is not None and left < ENOUGH and not response.meta.get("replayed"):
            self.stop(Reason.BUDGET, f"OpenAlex's credits for today are spent ({left:.0f} left)")

    def wait_for(self, response: Response) -> float | None:
        """A refusal for spent credits says when the day ends, in seconds; other answers say nothing of waiting."""
        return _header(response, "x-ratelimit-reset") if response.status == 429 and not response.headers.get("Retry-After") else None

    async def preview(self, topics: Sequence[Topic]) -> AsyncIterator[Request]:
        for topic in topics:
            query = self.query_of(topic)
            if query is not None:
                params = {"search": query.text, "sort": "publication_date:desc", "per_page": 3, "select": "id,title"}
                yield self.fetch("/works", self._show, params=params, topic=topic.key, query=query)

    def _show(self, response: Response, _slots: Sequence[Slot], *, topic: str, query: Query) -> Iterator[Output]:
        payload = read_json(response.body)
        value = works(payload)
        self._heed(response)
        yield Preview(topic, f"search {query.text}: about {value:,.0f} works of all time{shown(titles(payload))}", found=value > 0)


def _header(response: Response, name: str) -> float | None:
    try:
        return float((response.headers.get(name) or b"").decode("latin-1"))
    except ValueError:
        return None


__all__ = ["MENTIONING", "TOTAL", "OpenAlex", "titles", "works"]
