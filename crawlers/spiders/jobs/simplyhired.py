"""SimplyHired's result pages (United States). No page of it was at hand: this rests on what others' programs read.

- the present page states ``[data-testid="headerSerpJobCount"]`` ("1,234 full stack developer jobs", or the number alone), and its
  ``__NEXT_DATA__`` lists ``props.pageProps.jobs``; its sister site Workopolis has ``resultCount`` beside them, which is read
  if it is here too.
- pages of 2018 to 2022 state ``.posting-total`` and ``.CategoryPath-total``.

How the present page says that nothing was found is not known: only Indeed's marks, whose company it is, and the plain sentence
of a heading count as proof, so that some true zeros end as *parse_error*. Its operators ("OR", "NOT", parentheses) were
documented for its former interface for publishers only: a count that needs them is an estimate.
"""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar
from urllib.parse import urlencode

from scrapy import Selector

from crawlers.boards.markup import first_of, judged, stated_or_shown, texts
from crawlers.boards.pages import PageBoard
from crawlers.boards.queries import Query, Syntax
from crawlers.boards.searched import Ask
from crawlers.counts import Count
from crawlers.payload import number
from crawlers.source import Terms

_SEEN = ('[data-testid="headerSerpJobCount"]', ".posting-total", ".CategoryPath-total")
_NOTHING = '[data-testid="noResultsMessage"], [data-testid="empty-serp-result"], .jobsearch-NoResult-messageContainer'
_SAID = re.compile(
    r"(?:sorry\W+)?(?:there (?:are|were) )?no (?:matching )?(?:jobs|results)(?: were)? (?:found|match)|did(?: not|n[’']t) match any jobs"
    r"|(?:could|did)(?: not|n[’']t) find any (?:jobs|results)",
    re.IGNORECASE,
)
_CARDS = '[data-testid="searchSerpJob"], .SerpJob-jobCard, .SerpJob'


class SimplyHired(PageBoard):
    name = "simplyhired"
    title = "SimplyHired"
    about = "Open postings in the United States that mention a topic on SimplyHired's result pages, and those of the last seven days."
    terms = Terms(
        "https://www.simplyhired.com/about/terms-of-service",
        "2026-11-20",
        "Its operator makes the site available to people who look for work or for staff, and forbids automated access; programs are met "
        "by Cloudflare's challenge.",
    )
    endpoints: ClassVar = {"base_url": "https://www.simplyhired.com"}
    schedule = "41 2,8,14,20 * * *"
    countries: ClassVar = {"us": "us"}
    syntax = Syntax(either=" OR ", without=" NOT {}")
    operators_documented = False
    age_names = ("t", "fdb")
    any_age = ("any", "anytime", "0")
    week = ("7", "7d")
    filters = ("jt", "mi", "s_mi", "ac", "cn", "qa", "sb_salary")

    def ask(self, query: Query | None, country: str, days: int | None) -> Ask:
        return Ask("/search", {"q": query.text if query else "", "t": days})

    @classmethod
    def read_page(cls, page: str, url: str = "") -> Count:
        root = Selector(text=page)
        search = _typed(root)
        shown = [_without(search, text) for text in texts(root, *_SEEN)]
        data = _page_props(root)
        jobs = data["jobs"] if isinstance(data.get("jobs"), list) else []
        stated = Count(number(data, "resultCount")) if "jobs" in data and data.get("resultCount") is not None else None
        nothing = bool(root.css(_NOTHING)) or any(_SAID.search(text) for text in texts(root, "h1, h2"))
        return judged(stated_or_shown(stated, shown), nothing=nothing, cards=max(len(root.css(_CARDS)), len(jobs)))

    @classmethod
    def titles_on(cls, page: str) -> list[str]:
        return texts(Selector(text=page), '[data-testid="searchSerpJobTitle"], .jobposting-title')

    @classmethod
    def address_on(cls, page: str) -> str:
        root = Selector(text=page)
        given = {"q": _typed(root), "l": first_of(root.css('input[name="l"]::attr(value)').getall())}
        return f"/search?{urlencode({k: v for k, v in given.items() if v})}" if given["q"] else ""


def _typed(root: Selector) -> str:
    return first_of(root.css('input[name="q"]::attr(value)').getall())


def _without(search: str, text: str) -> str:
    """The text that states a count without the search, which may have digits of its own ("12 web3 jobs")."""
    return re.sub(re.escape(search), "", text, flags=re.IGNORECASE) if search else text


def _page_props(root: Selector) -> dict[str, Any]:
    try:
        found = json.loads(first_of(root.css("script#__NEXT_DATA__::text").getall()))["props"]["pageProps"]
    except (json.JSONDecodeError, RecursionError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}
