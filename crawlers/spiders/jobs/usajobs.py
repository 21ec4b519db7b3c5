"""USAJOBS, the jobs of the United States' federal government. https://developer.usajobs.gov/api-reference/get-api-search

``Keyword`` finds announcements that hold all of its words or synonyms of them; that it knows phrases, alternatives
or exclusions is not said there, so that each alternative is a search of its own, without quotes. The key goes with
the e-mail address that it was asked for with, which has to be the User-Agent
(https://developer.usajobs.gov/guides/authentication). A limit of requests is not published.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from scrapy.http import Response

from crawlers.boards.queries import Query, Syntax
from crawlers.boards.searched import Ask, SearchBoard, counted, titles_of
from crawlers.counts import Count
from crawlers.payload import mapping, read_json
from crawlers.source import Option, Terms
from storage.model import Bound

_ROWS = ("SearchResult", "SearchResultItems")


class USAJobs(SearchBoard):
    name = "usajobs"
    title = "USAJOBS"
    about = "Open announcements of the US federal government that mention a topic, and those of the last seven days."
    terms = Terms(
        "https://developer.usajobs.gov/guides/authentication",
        "2026-11-20",
        "An official interface. A key is free; it is asked for by e-mail address, and every request has to bear that address.",
    )
    endpoints: ClassVar = {"base_url": "https://data.usajobs.gov"}
    options = (
        Option("key", "a free key from https://developer.usajobs.gov/apirequest", secret=True, required=True),
        Option("email", "the e-mail address that the key was asked for with", secret=True, required=True),
    )
    schedule = "21 5 * * *"
    remedy = "check UPTAKE_USAJOBS_KEY, and that UPTAKE_USAJOBS_EMAIL is the address that the key was asked for with"
    countries: ClassVar = {"us": ""}
    syntax = Syntax(phrase="{}", joined=False, literal=False)

    def credentials(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        return {"Authorization-Key": str(self.option("key")), "User-Agent": str(self.option("email"))}, {}

    def ask(self, query: Query | None, country: str, days: int | None) -> Ask:
        return Ask("/api/Search", {"Keyword": query.text if query else None, "DatePosted": days, "ResultsPerPage": 5 if query else 1})

    @classmethod
    def count(cls, response: Response) -> Count:
        return read_count(response.body)

    @classmethod
    def titles(cls, response: Response) -> Sequence[str]:
        return titles_of(read_json(response.body), *_ROWS, title=["MatchedObjectDescriptor", "PositionTitle"])


def read_count(body: bytes) -> Count:
    """``SearchResultCountAll``. Without it the page's own ``SearchResultCount`` is a lower bound, unless it is zero."""
    payload = read_json(body)
    if "SearchResultCountAll" in mapping(payload, "SearchResult"):
        return counted(payload, "SearchResult", "SearchResultCountAll", rows=_ROWS)
    page = counted(payload, "SearchResult", "SearchResultCount", rows=_ROWS)
    return replace(page, bound=Bound.AT_LEAST) if page.value else page
