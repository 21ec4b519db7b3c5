"""Adzuna's search interface: postings of a country that match, by ``count``. https://developer.adzuna.com/docs/search"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from scrapy.http import Response

from crawlers.boards.queries import Query, Syntax, queries
from crawlers.boards.searched import Ask, SearchBoard, counted, titles_of
from crawlers.counts import Count
from crawlers.keywords import Keywords
from crawlers.payload import read_json
from crawlers.source import Allowance, Option, Terms
from storage.model import Bound

_COUNTRIES = ("at", "au", "be", "br", "ca", "ch", "de", "es", "fr", "gb", "in", "it", "mx", "nl", "nz", "pl", "sg", "us", "za")


class Adzuna(SearchBoard):
    name = "adzuna"
    title = "Adzuna"
    about = "Open postings that mention a topic, gathered by Adzuna from many boards of a country, and those of the last seven days."
    terms = Terms(
        "https://developer.adzuna.com/docs/terms_of_service",
        "2026-11-20",
        "Personal research is allowed; organisations, for counting vacancies too, have a trial of 14 days and then need Adzuna's consent. "
        "A key is free. 25 requests a minute, 250 a day, 1,000 a week, 2,500 a month. robots.txt closes its host to crawlers; what may be"
        " asked with a key is what these terms say (obey_robots = true stops it).",
    )
    endpoints: ClassVar = {"base_url": "https://api.adzuna.com"}
    options = (
        Option("app_id", "the id of a free key from https://developer.adzuna.com", secret=True, required=True),
        Option("app_key", "a free key from https://developer.adzuna.com", secret=True, required=True),
    )
    by_key = True
    schedule = "47 3,9,15,21 * * *"
    delay = 2.5
    countries: ClassVar = {c: c for c in _COUNTRIES}
    default_countries = ("us",)
    syntax = Syntax(phrase="{}", without=" {}")  # phrases and exclusions are parameters of their own

    @classmethod
    def allowance(cls, options: Mapping[str, object]) -> Allowance:
        words = "250 requests a day, 1,000 a week, 2,500 a month"
        return Allowance(250, "day", words, also=((1000, "week"), (2500, "month")), spread=True)

    def credentials(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        return {}, {"app_id": str(self.option("app_id")), "app_key": str(self.option("app_key"))}

    @classmethod
    def queries(cls, keywords: Keywords) -> tuple[Query, ...]:
        """One search for words (``what_or``), else one for each alternative. Exclusions of several words cannot be said, so they go."""
        words = tuple(t for t in keywords.excluded if " " not in t)
        together = all(term.isalnum() for term in keywords.any)
        syntax = replace(cls.syntax, either=" OR ", group="") if together else cls.syntax
        found = queries(Keywords(keywords.any, words, keywords.case), syntax)
        return found if words == keywords.excluded else tuple(replace(query, bound=Bound.ESTIMATE) for query in found)

    def ask(self, query: Query | None, country: str, days: int | None) -> Ask:
        params: dict[str, object] = {"results_per_page": 5 if query else 1, "max_days_old": days}
        if query is not None:
            what = {"what_or": " ".join(query.any)} if len(query.any) > 1 else {"what_phrase": query.any[0]}
            params |= {**what, "what_exclude": " ".join(query.excluded) or None}
        return Ask(f"/v1/api/jobs/{country}/search/1", params)

    @classmethod
    def count(cls, response: Response) -> Count:
        return read_count(response.body)

    @classmethod
    def titles(cls, response: Response) -> Sequence[str]:
        return titles_of(read_json(response.body), "results", title=["title"])


def read_count(body: bytes) -> Count:
    return counted(read_json(body), "count", rows=["results"])
