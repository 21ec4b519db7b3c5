"""Monster's result pages (United States).

Pages of 2018 to 2021 state ``h2.figure``, "(1,234 Jobs Found)"; where nothing matched, ``h1.pivot`` says so. The present page
arrives as a skeleton without a count, which a program cannot fill (and DataDome guards what would): it is *parse_error*. A
page that was saved from a browser may hold a line that states the count of jobs above the list; no such page was at hand,
and only ``[data-testid="svx-job-count"]``, which another program reads, is taken for it.

Its operators are documented for the search of candidates (https://hiring.monster.com, "Boolean best practices"), not for that of
jobs: a count that needs them is an estimate. How the age of postings is written changed from ``tm=7`` to ``recency=last week``.
"""

from __future__ import annotations

import re
from typing import ClassVar
from urllib.parse import urlencode

from scrapy import Selector

from crawlers.boards.markup import first_of, judged, texts
from crawlers.boards.pages import PageBoard
from crawlers.boards.queries import Query, Syntax
from crawlers.boards.searched import Ask
from crawlers.counts import Count, read_count
from crawlers.source import Terms

_SEEN = ("h2.figure", '[data-testid="svx-job-count"], [data-test-id="svx-job-count"]')
_BRACKETED = re.compile(r"^\(\s*(.*?)\s*\)$", re.DOTALL)
_NOTHING = re.compile(r"(?:did(?: not|n[’']t)|could(?: not|n[’']t)) find any jobs", re.IGNORECASE)
_CARDS = "#SearchResults section.card-content, #ResultsContainer section.card-content, [data-testid='svx-job-card-component-0']"


class Monster(PageBoard):
    name = "monster"
    title = "Monster"
    about = "Open postings in the United States that mention a topic on Monster's result pages, and those of the last seven days."
    terms = Terms(
        "https://www.monster.com/inside/terms-of-use",
        "2026-11-20",
        "Its operator forbids robots and other automated access; result pages come without a count, behind DataDome. "
        "Pages that were saved from a browser are what is left.",
    )
    endpoints: ClassVar = {"base_url": "https://www.monster.com"}
    schedule = "53 1,7,13,19 * * *"
    countries: ClassVar = {"us": "us"}
    syntax = Syntax(either=" OR ", without=" NOT {}")
    operators_documented = False
    place_name = "where"
    age_names = ("recency", "tm")
    any_age = ("any", "anytime", "-1")
    week = ("7", "last week", "last+week")
    filters = ("et", "jobtype", "cn", "cat")

    def ask(self, query: Query | None, country: str, days: int | None) -> Ask:
        return Ask("/jobs/search", {"q": query.text if query else "", "recency": "last week" if days else None})

    @classmethod
    def read_page(cls, page: str, url: str = "") -> Count:
        root = Selector(text=page)
        seen = [read_count(_BRACKETED.sub(r"\1", text)) for text in texts(root, *_SEEN)]
        nothing = any(_NOTHING.search(text) for text in texts(root, "h1"))
        return judged(seen, nothing=nothing, cards=len(root.css(_CARDS)))

    @classmethod
    def titles_on(cls, page: str) -> list[str]:
        return texts(Selector(text=page), '.card-content h2.title, [data-testid="jobTitle"]')

    @classmethod
    def address_on(cls, page: str) -> str:
        root = Selector(text=page)
        given = {name: first_of(root.css(f'input[name="{name}"]::attr(value)').getall()) for name in ("q", "where")}
        return f"/jobs/search?{urlencode({k: v for k, v in given.items() if v})}" if given["q"] else ""
