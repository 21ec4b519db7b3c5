"""`PageBoard`: a board without an interface for programs, read from its result pages. Off unless the user turns it on.

The same reader serves pages that a person saved (`uptake import --format page`), so that a board which refuses
programs can still be followed by hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar
from urllib.parse import parse_qsl, urlsplit

from scrapy import Selector
from scrapy.http import Response

from crawlers.boards.markup import first_of
from crawlers.boards.places import country_named
from crawlers.boards.queries import Query, queries, told_apart, worse
from crawlers.boards.searched import SearchBoard, wall_of
from crawlers.counts import Count
from crawlers.keywords import Keywords
from crawlers.outcomes import outcome_of
from crawlers.source import Allowance, Saved
from storage.model import Bound, ParseError, Reason, Topic
from storage.vocabulary import JOB_POSTINGS, NEW_JOB_POSTINGS

REQUESTS_A_DAY = 100
WEEK = "7 days"
_QUOTES = str.maketrans("“”„«»", '"""""')


class PageBoard(SearchBoard):
    """A board whose result pages are read, one request at a time. The first wall ends the run."""

    enabled_by_default = False
    one_at_a_time = True
    with_total = False
    delay = 30.0
    operators_documented: ClassVar[bool] = True  # else a count that needs them is an estimate
    # Parameters of a result page's address:
    query_names: ClassVar[tuple[str, ...]] = ("q",)  # the search
    place_name: ClassVar[str] = "l"
    age_names: ClassVar[tuple[str, ...]] = ()  # the postings' greatest age
    week: ClassVar[tuple[str, ...]] = ("7",)  # what that is for the last seven days
    any_age: ClassVar[tuple[str, ...]] = ("any",)  # or none
    filters: ClassVar[tuple[str, ...]] = ()  # what narrows a search in a way that no metric has

    # What a board's module writes

    @classmethod
    def read_page(cls, page: str, url: str = "") -> Count:
        """How many postings a result page says there are. Pure.

        Zero only where the page says that there are none. Raises `ParseError` where it does not say, and for
        pages that are something else. ``url`` may be empty (a saved page).
        """
        raise NotImplementedError

    @classmethod
    def titles_on(cls, page: str) -> list[str]:
        """Titles of the postings on a result page, as far as they can be found."""
        return []

    @classmethod
    def address_on(cls, page: str) -> str:
        """The address of the search that a page's own data or its form holds; empty if they do not say."""
        return ""

    @classmethod
    def country_of(cls, url: str) -> str:
        """The country label of a result page's address, empty if it does not say."""
        return country_named(parameters(url).get(cls.place_name, ""))

    # Searching

    @classmethod
    def allowance(cls, options: Mapping[str, object]) -> Allowance:
        return Allowance(REQUESTS_A_DAY, "day", f"{REQUESTS_A_DAY} requests a day, which is our own limit", spread=True)

    @classmethod
    def queries(cls, keywords: Keywords) -> tuple[Query, ...]:
        found = queries(keywords, cls.syntax)
        plain = cls.operators_documented or (len(keywords.any) == 1 and not keywords.excluded)
        return found if plain else tuple(replace(query, bound=Bound.ESTIMATE) for query in found)

    @classmethod
    def count(cls, response: Response) -> Count:
        return cls.read_page(_text(response), response.url)

    @classmethod
    def titles(cls, response: Response) -> list[str]:
        return cls.titles_on(_text(response))

    def refusal(self, response: Response) -> tuple[Reason, str] | None:
        """A wall is one whatever its status: Cloudflare's comes with 403 or 503, AWS's with 202 or 405. A throttled request stays one."""
        refused = outcome_of(response)
        found = "" if refused is not None and refused[0] is Reason.THROTTLED else wall_of(response)
        return (Reason.BLOCKED, f"{found}{f' ({refused[1]})' if refused else ''}") if found else refused

    # Saved pages

    @classmethod
    def searched_for(cls, url: str) -> str:
        """The search that an address of a result page holds, empty if none."""
        found = parameters(url)
        return first_of(found.get(name) for name in cls.query_names)

    @classmethod
    def read_saved(cls, page: str, url: str) -> list[Saved]:
        """The count of a saved result page, with what its address, its own data and its links say of the search."""
        count = cls.read_page(page, url)
        addresses = [address for address in (url, cls.address_on(page), *_links(page)) if address]
        country = first_of(map(cls.country_of, addresses))
        own: dict[str, str] = {}  # the first one that says a thing is right
        for address in reversed(addresses):
            if cls.searched_for(address):
                own |= parameters(address)
        age = cls._age_of(own)
        within = [("within", age)] if age not in {"", WEEK} else []
        return [
            Saved(
                metric=NEW_JOB_POSTINGS.name if age else JOB_POSTINGS.name,
                count=count,
                name=first_of(map(cls.searched_for, addresses)),
                labels=(("board", cls.name), *([("country", country)] if country else []), *within),
                narrowed=", ".join(f"{name}={own[name]}" for name in cls._narrowing(own, country)),
            )
        ]

    @classmethod
    def _age_of(cls, own: Mapping[str, str]) -> str:
        """The postings' greatest age in a search, `WEEK` or as the board writes another one; empty for any age."""
        ages = [age for name in cls.age_names if (age := own.get(name, "")) and age not in cls.any_age]
        return "" if not ages else WEEK if all(age in cls.week for age in ages) else ages[0]

    @classmethod
    def _narrowing(cls, own: Mapping[str, str], country: str) -> list[str]:
        place = own.get(cls.place_name, "")
        elsewhere = bool(place) and (not country or country_named(place) != country)
        return [name for name in cls.filters if own.get(name)] + [cls.place_name] * elsewhere

    @classmethod
    def is_saved_of(cls, topic: Topic, name: str) -> Bound | None:
        keywords = cls.keywords_of(topic)
        return search_is(keywords, cls.queries(keywords), name) if keywords is not None and name else None


def search_is(keywords: Keywords, wanted: Sequence[Query], search: str) -> Bound | None:
    """The best that a search's count can be for an expression that takes these searches; None if it is another search.

    People search without quotes and for one of several alternatives: that is an estimate, or a lower bound.
    """
    said = _plain(search)
    for query in wanted:
        if said == _plain(query.text):
            return query.bound if len(wanted) == 1 else worse(query.bound, Bound.AT_LEAST)
    for term in keywords.any:
        if said.replace('"', "") == _plain(term):
            loose = keywords.excluded or not told_apart(term, keywords.case) or (" " in term and '"' not in said)
            return Bound.ESTIMATE if loose else Bound.AT_LEAST if len(keywords.any) > 1 else Bound.EXACT
    return None


def _plain(search: str) -> str:
    return " ".join(search.translate(_QUOTES).casefold().split())


def parameters(url: str) -> dict[str, str]:
    """The parameters of an address; of several with one name the first."""
    return {name: value.strip() for name, value in reversed(parse_qsl(urlsplit(url).query))}


def _links(page: str) -> list[str]:
    """The addresses that a page gives as its own."""
    root = Selector(text=page)
    return [*root.css('link[rel="canonical"]::attr(href)').getall(), *root.css('meta[property="og:url"]::attr(content)').getall()]


def _text(response: Response) -> str:
    """A page's text. Raises `ParseError` for an empty body and for what is no text."""
    if not response.body.strip():
        raise ParseError("the body is empty where a page was expected")
    text = getattr(response, "text", None)
    return text if isinstance(text, str) else response.body.decode("utf-8", "replace")


__all__ = ["PageBoard", "parameters", "search_is"]
