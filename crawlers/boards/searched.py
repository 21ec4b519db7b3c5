"""`SearchBoard`: a board that is asked for each topic's keywords, and says how many postings match.

A board's module declares where and how it is asked (`ask`), and reads the count from its answer (`count`, pure).
Countries, the window of new postings, alternatives, previews and turns are this base's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from scrapy.http import Request, Response

from crawlers.boards.queries import Query, Syntax, combined, queries, worse
from crawlers.counts import Count
from crawlers.keywords import Keywords
from crawlers.outcomes import outcome_of
from crawlers.payload import field as field_of
from crawlers.payload import number, read_json
from crawlers.source import Counts, Option, Output, Preview, SourceSpider
from crawlers.walls import wall
from storage.model import Capture, ParseError, Reason, Slot, Topic, UsageError
from storage.vocabulary import JOB_POSTINGS, JOB_TOTAL, NEW_JOB_POSTINGS

WORLD = "world"  # the label of a board that is not about one country
MANY = 50  # countries: more are not listed in a message
_MESSAGES = ("message", "Message", "display", "detail", "title", "description", "error", "exception")  # where interfaces say what is wrong


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to a board."""

    path: str
    params: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    post: object = None
    endpoint: str = "base_url"


class Board(SourceSpider):
    """What all boards share: metrics with the labels ``board`` and ``country``, and topics that name themselves by ``jobs``."""

    countries: ClassVar[Mapping[str, str]] = {WORLD: ""}  # label -> what the board calls it
    default_countries: ClassVar[tuple[str, ...]] = ()  # empty: all of them, and there is nothing to choose
    with_new: ClassVar[bool] = True  # it can say how many postings are new within seven days
    with_total: ClassVar[bool] = True  # it can say how many postings it has in all
    matched_here: ClassVar[bool] = False  # our own matcher counts, so that none is a proven zero
    people = True
    runs_apart = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Derive what is counted, the topics' keys and the option for countries from the board's declaration."""
        super().__init_subclass__(**kwargs)
        if "name" not in cls.__dict__:
            return
        cls.signals = (cls.name, "jobs")
        if cls.default_countries and all(o.name != "countries" for o in cls.options):
            known = ", ".join(cls.countries)
            cls.options = (
                *cls.options,
                Option("countries", f"where it is asked, a list of: {known}", type=list, default=list(cls.default_countries)),
            )
        cls.counts = cls.rows({})

    @classmethod
    def rows(cls, options: Mapping[str, object]) -> tuple[Counts, ...]:
        chosen = cls.chosen(options, "countries") if cls.default_countries else list(cls.countries)
        found: list[Counts] = []
        for country in chosen:
            labels = (("board", cls.name), ("country", country))
            found.append(Counts(JOB_POSTINGS, labels, zero_is_normal=cls.matched_here))
            if cls.with_new:
                found.append(Counts(NEW_JOB_POSTINGS, labels, zero_is_normal=cls.matched_here))
            if cls.with_total:
                found.append(Counts(JOB_TOTAL, labels, per_topic=False))
        return tuple(found)

    @classmethod
    def check_options(cls, options: Mapping[str, object]) -> None:
        if cls.default_countries:
            value = cls.chosen(options, "countries")
            if not value or not isinstance(value, list) or any(c not in cls.countries for c in value):
                known = f"some of {', '.join(cls.countries)}" if len(cls.countries) <= MANY else "codes like " + '"us"'
                raise UsageError(f"[sources.{cls.name}] countries: write a list of {known}, not {value!r}")

    @classmethod
    def check(cls, topic: Topic) -> None:
        cls.keywords_of(topic)

    @classmethod
    def keywords_of(cls, topic: Topic) -> Keywords | None:
        """The topic's expression for this board; None where it has none. Raises `UsageError` where it cannot be read."""
        signal = next((s for s in cls.signals if topic.names.get(s)), None)
        return None if signal is None else Keywords.read(topic.names[signal], f"topics.{topic.key}.{signal}")


class SearchBoard(Board):
    """A board that is searched: one request for each topic, country, and of new postings one more."""

    takes_turns = True
    syntax: ClassVar[Syntax] = Syntax()
    new_within: ClassVar[int] = 7  # days, of `with_new`
    remedy: ClassVar[str] = ""  # what a person can do where the board refuses; empty: look at the key, if it has one

    def ask(self, query: Query | None, country: str, days: int | None) -> Ask:
        """The search for a query (None: all postings), in a country as the board calls it, of the last days or of any age."""
        raise NotImplementedError

    @classmethod
    def count(cls, response: Response) -> Count:
        """How many postings match. Raises `ParseError` where the answer does not say; zero only where it proves it."""
        raise NotImplementedError

    @classmethod
    def titles(cls, response: Response) -> Sequence[str]:
        """Some of the postings' titles, for a person who checks what matches."""
        return ()

    @classmethod
    def queries(cls, keywords: Keywords) -> tuple[Query, ...]:
        """The searches that an expression takes; their counts are `combined`."""
        return queries(keywords, cls.syntax)

    @classmethod
    def requests_for(cls, topic: Topic, options: Mapping[str, object]) -> int | None:
        keywords = cls.keywords_of(topic)
        return len(cls.queries(keywords)) * sum(1 for row in cls.rows(options) if row.per_topic) if keywords else 0

    @classmethod
    def requests_per_day(cls, topics: int, options: Mapping[str, object]) -> float:
        rows = cls.rows(options)
        return float(topics * sum(1 for r in rows if r.per_topic) + sum(1 for r in rows if not r.per_topic))

    def refusal(self, response: Response) -> tuple[Reason, str] | None:
        """As `outcome_of`; where the board refuses, with what it says and what helps."""
        refused = outcome_of(response)
        if refused is None or refused[0] is not Reason.BLOCKED:
            return refused
        found = wall_of(response)
        if found:
            return Reason.BLOCKED, f"{found} ({refused[1]})"
        keys = [f"UPTAKE_{self.name}_{o.name}".upper() for o in self.options if o.secret]
        helps = self.remedy or (f"check {' and '.join(keys)}" if keys else "")
        return Reason.BLOCKED, refused[1] + _message(response) + (f"; {helps}" if helps and response.status in {401, 403} else "")

    async def measure(self, slots: Sequence[Slot]) -> AsyncIterator[Request]:
        for slot in slots:
            keywords = self.keywords_of(self.topic(slot)) if slot.series.topic else None
            wanted: tuple[Query | None, ...] = self.queries(keywords) if keywords else (None,) * (not slot.series.topic)
            if wanted:
                yield self._search(slot, wanted, ())

    async def preview(self, topics: Sequence[Topic]) -> AsyncIterator[Request]:
        country = dict(self.rows(self.job.options)[0].labels)["country"]
        for topic in topics:
            keywords = self.keywords_of(topic)
            for query in self.queries(keywords) if keywords else ():
                yield self._send(self.ask(query, self.countries[country], None), self._show, (), topic=topic.key, query=query)

    def _search(self, slot: Slot, wanted: Sequence[Query | None], found: tuple[Count, ...], after: Sequence[Capture] = ()) -> Request:
        country = self.countries[dict(slot.series.labels)["country"]]
        days = self.new_within if slot.series.metric == NEW_JOB_POSTINGS.name else None
        return self._send(self.ask(wanted[0], country, days), self._counted, [slot], after=after, wanted=wanted, found=found)

    def _counted(
        self, response: Response, slots: Sequence[Slot], *, wanted: Sequence[Query | None], found: tuple[Count, ...]
    ) -> Iterable[Output]:
        count = self.count(response)
        found = (*found, replace(count, bound=worse(count.bound, wanted[0].bound)) if wanted[0] else count)
        if len(wanted) > 1:
            own = [response.meta["capture"]] if response.meta.get("capture") else []
            yield self._search(slots[0], wanted[1:], found, (*response.meta.get("after", ()), *own))
            return
        total = combined(found)
        if not slots[0].series.topic and total.value == 0:
            raise ParseError("the board says that it has no posting at all")
        yield slots[0].observe(total.value, total.bound)

    def _show(self, response: Response, _slots: Sequence[Slot], *, topic: str, query: Query) -> Iterator[Output]:
        count = self.count(response)
        bound = worse(count.bound, query.bound)
        yield Preview(topic, f"search {query.text}: {told(count.value, bound)}{shown(self.titles(response))}", found=count.value > 0)

    def _send(self, ask: Ask, then: Any, slots: Sequence[Slot], **kwargs: Any) -> Request:
        return self.fetch(ask.path, then, slots, endpoint=ask.endpoint, params=ask.params, headers=ask.headers, post=ask.post, **kwargs)


def counted(payload: object, *path: str, rows: Sequence[str]) -> Count:
    """The count at a path of an answer, whose postings are the list at ``rows``.

    Zero is believed only beside an empty list. Raises `ParseError` for all that is no whole number.
    """
    value = number(payload, *path)
    if not value.is_integer():
        raise ParseError(f"{'.'.join(path)} is {value!r}, which is not a count")
    if value == 0:
        found = field_of(payload, *rows)
        if found != []:
            raise ParseError(f"{'.'.join(path)} is 0, but {'.'.join(rows)} is not an empty list")
    return Count(value)


def titles_of(payload: object, *rows: str, title: Sequence[str]) -> list[str]:
    """Titles of the postings in the list at ``rows``, as far as there are any."""
    try:
        return [str(field_of(row, *title)) for row in field_of(payload, *rows)]
    except (ParseError, TypeError):
        return []  # they are an extra: the count does not rest on them


def wall_of(response: Response) -> str:
    """What wall a response is; empty if it is none that we know."""
    headers = {k.decode("latin-1").lower(): v[-1].decode("latin-1") for k, v in response.headers.items() if v}
    return wall(response.url, response.body.decode("utf-8", "replace"), headers)


def _message(response: Response) -> str:
    """What an interface says of its refusal, behind a colon; nothing where it says nothing that can be read."""
    try:
        said = read_json(response.body)
    except ParseError:
        return ""
    for _ in range(2):  # {"error": {"title": …}}
        if isinstance(said, dict):
            said = next((said[key] for key in _MESSAGES if said.get(key)), "")
    text = " ".join(said.split())[:120] if isinstance(said, str) else ""
    return f": {text}" if text else ""


def told(value: float, bound: object) -> str:
    """A count in words, as in ``about 153 postings``."""
    words = {"AT_LEAST": "at least ", "ESTIMATE": "about "}.get(getattr(bound, "name", ""), "")
    return f"{words}{value:,.0f} posting{'' if value == 1 else 's'}"


def shown(titles: Sequence[str], most: int = 3) -> str:
    return "".join(f"; {title!r}" for title in titles[:most])


__all__ = ["WORLD", "Ask", "Board", "SearchBoard", "counted", "shown", "titles_of", "told", "wall_of"]
