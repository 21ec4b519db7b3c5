"""`PageBoard`: a board without an interface for programs, read from its result pages. Off unless the user turns it on.

The same reader serves pages that a person saved (`uptake import --format page`), so that a board which refuses
programs can still be followed by hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar
from urllib.parse import parse_qsl, urlsplit

from scrapy.http import Response

from crawlers.boards.searched import SearchBoard
from crawlers.counts import Count
from crawlers.outcomes import outcome_of
from crawlers.walls import wall
from storage.model import ParseError, Reason


class PageBoard(SearchBoard):
    """A board whose result pages are read. The first wall ends the run."""

    enabled_by_default = False
    with_total = False
    query_names: ClassVar[tuple[str, ...]] = ("q",)  # parameters of a result page's address that hold the search

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
    def count(cls, response: Response) -> Count:
        return cls.read_page(_text(response), response.url)

    @classmethod
    def titles(cls, response: Response) -> list[str]:
        return cls.titles_on(_text(response))

    @classmethod
    def searched_for(cls, url: str) -> str:
        """The search that an address of a result page holds, empty if none."""
        found = dict(parse_qsl(urlsplit(url).query))
        return next((found[name] for name in cls.query_names if found.get(name)), "")

    def refusal(self, response: Response) -> tuple[Reason, str] | None:
        refused = outcome_of(response)
        if refused is not None and refused[0] is not Reason.BLOCKED:
            return refused
        headers = {k.decode("latin-1").lower(): v[-1].decode("latin-1") for k, v in response.headers.items() if v}
        found = wall(response.url, response.body.decode("utf-8", "replace"), headers)
        if found:
            return Reason.BLOCKED, f"{found}{f' ({refused[1]})' if refused else ''}"
        return refused


def _text(response: Response) -> str:
    """A page's text. Raises `ParseError` for an empty body and for what is no text."""
    if not response.body.strip():
        raise ParseError("the body is empty where a page was expected")
    text = getattr(response, "text", None)
    return text if isinstance(text, str) else response.body.decode("utf-8", "replace")


def first_of(found: Iterable[str]) -> str:
    """The first text that is not blank, or nothing."""
    return next((t.strip() for t in found if t and t.strip()), "")


__all__ = ["PageBoard", "first_of"]
