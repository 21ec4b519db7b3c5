"""Reed, a board of the United Kingdom, by its interface for job seekers. https://www.reed.co.uk/developers/jobseeker

Words in ``keywords`` must all be there; that it knows phrases, alternatives or exclusions is not said, so that each
alternative is a search of its own, without quotes. It has no parameter for the age of postings. A limit of requests
is not published.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import ClassVar

from scrapy.http import Response

from crawlers.boards.queries import Query, Syntax
from crawlers.boards.searched import Ask, SearchBoard, counted, titles_of
from crawlers.counts import Count
from crawlers.payload import read_json
from crawlers.source import Option, Terms


class Reed(SearchBoard):
    name = "reed"
    title = "Reed"
    about = "Open postings that mention a topic on a large board of the United Kingdom."
    terms = Terms(
        "https://www.reed.co.uk/developers/jobseeker",
        "2026-11-20",
        "An official interface for searching its postings; a key is free. robots.txt closes /api/ to crawlers; Reed gives out keys for"
        " calling it (obey_robots = true stops it).",
    )
    endpoints: ClassVar = {"base_url": "https://www.reed.co.uk"}
    options = (Option("key", "a free key from https://www.reed.co.uk/developers/jobseeker", secret=True, required=True),)
    by_key = True
    schedule = "33 5 * * *"
    countries: ClassVar = {"gb": ""}
    with_new = False
    syntax = Syntax(phrase="{}", joined=False)

    def credentials(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """The key is the user's name of basic authentication, without a password."""
        return {"Authorization": "Basic " + base64.b64encode(f"{self.option('key')}:".encode()).decode()}, {}

    def ask(self, query: Query | None, country: str, days: int | None) -> Ask:
        return Ask("/api/1.0/search", {"keywords": query.text if query else None, "resultsToTake": 5 if query else 1})

    @classmethod
    def count(cls, response: Response) -> Count:
        return read_count(response.body)

    @classmethod
    def titles(cls, response: Response) -> Sequence[str]:
        return titles_of(read_json(response.body), "results", title=["jobTitle"])


def read_count(body: bytes) -> Count:
    return counted(read_json(body), "totalResults", rows=["results"])
