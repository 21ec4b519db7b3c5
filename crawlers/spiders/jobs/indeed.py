"""Indeed's result pages. They come in three ages, all of which this reads:

- since 2021 ``window._initialData`` holds ``searchTitleBarModel.totalNumResults`` and ``totalJobCount``; where nothing matched,
  ``noSearchResultModel`` says so. The same total stands in ``window.mosaic.providerData["MosaicProviderRichSearchDaemon"]``.
- 2022 to 2025 the number is also seen on the page (``jobsearch-JobCountAndSortPane-jobCount``, "14,000+ jobs").
- before that, only there: ``#searchCountPages`` and ``#searchCount``, "Page 1 of 1,234 jobs".

The page's title is never read: its number is rounded (25 where there are 29). ``tierSummaries`` of the job cards is not
either: nothing says that it is the total, and it may be empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar
from urllib.parse import urlencode, urlsplit

from scrapy import Selector

from crawlers.boards.markup import assigned, first_of, judged, stated_or_shown, texts
from crawlers.boards.pages import PageBoard, parameters
from crawlers.boards.places import country_named
from crawlers.boards.queries import Query, Syntax
from crawlers.boards.searched import Ask
from crawlers.counts import Count, read_count
from crawlers.payload import number
from crawlers.source import Terms
from crawlers.urls import join
from storage.model import Bound, ParseError

_CODES = "ae ar at au be br ca ch cl co cz de dk es fi fr gr hk hu id ie il in it jp kr lu ma mx nl no nz pe ph pk pl pt ro sa se sg"
_HOSTS = {code: code for code in f"{_CODES} th tr tw ua vn za".split()} | {"us": "www", "gb": "uk", "my": "malaysia"}
_LABELS = {host: code for code, host in _HOSTS.items()}
_SEEN = (
    ".jobsearch-JobCountAndSortPane-jobCount > span:first-child, span.jobsearch-JobCountAndSortPane-jobCount",
    ".jobsearch-JobCountAndSortPane-jobCount",
    '#searchCountPages, [data-testid="searchCountPages"]',
    '#searchCount, [data-testid="searchCount"]',
)
_NOTHING = (
    ".jobsearch-NoResult-messageContainer, .jobsearch-NoResult, #jobsearch-NoResult, .bad_query, .no_results,"
    ' [data-testid="noResultsMessage"], [data-testid="empty-serp-result"]'
)
_CARDS = "[data-jk], .job_seen_beacon, .jobsearch-SerpJobCard"
_WORDS = re.compile(r"\w+")


class Indeed(PageBoard):
    name = "indeed"
    title = "Indeed"
    about = "Open postings that mention a topic on Indeed's result pages, by country, and those of the last seven days."
    terms = Terms(
        "https://www.indeed.com/legal",
        "2026-11-20",
        "Its operator forbids automated access to its site without consent in writing. robots.txt leaves result pages open; "
        "programs are met by Cloudflare's challenge all the same.",
    )
    endpoints: ClassVar = {"base_url": "https://www.indeed.com"}
    schedule = "23 1,7,13,19 * * *"
    countries: ClassVar = _HOSTS
    default_countries = ("us",)
    syntax = Syntax(either=" or ", without=" -{}")  # https://www.indeed.com/advanced_search writes searches so
    age_names = ("fromage",)
    any_age = ("any", "0")
    filters = ("jt", "explvl", "sc", "rbc", "jcid", "salaryType", "salary", "remotejob", "attr", "sr", "iafilter", "taxo1", "jlid")

    def ask(self, query: Query | None, country: str, days: int | None) -> Ask:
        """A country is a host; behind a moved endpoint there is one host, and ``co`` tells the country."""
        params = {"q": query.text if query else "", "fromage": days}
        base = self.endpoint()
        if base != self.endpoints["base_url"]:
            return Ask("/jobs", {**params, "co": _LABELS[country].upper()})
        return Ask(join(base.replace("//www.", f"//{country}."), "/jobs"), params)

    @classmethod
    def country_of(cls, url: str) -> str:
        host, _, domain = (urlsplit(url).hostname or "").partition(".")
        if domain == "indeed.com":
            return _LABELS.get(host, "")
        given = parameters(url).get("co", "").lower()
        return given if given in cls.countries else country_named(parameters(url).get("l", ""))

    @classmethod
    def read_page(cls, page: str, url: str = "") -> Count:
        root, data = Selector(text=page), _data(page)
        nothing = bool(data.get("noSearchResultModel")) or bool(texts(root, _NOTHING))
        total = _total(data, _rich_search(page))
        if data.get("queryReplaceModel"):
            raise ParseError("Indeed may have replaced the search by another one")
        typed, asked = _typed(root), _asked(data)
        if typed and asked and _WORDS.findall(typed.casefold()) != _WORDS.findall(asked.casefold()):
            raise ParseError(f"the page's data is of the search {asked!r}, its search box holds {typed!r}")
        return judged(stated_or_shown(total, texts(root, *_SEEN)), nothing=nothing, cards=_cards(root, page))

    @classmethod
    def titles_on(cls, page: str) -> list[str]:
        rows = next((cards for cards in _job_cards(page) if cards), [])
        named = [str(row.get("displayTitle") or row.get("title")) for row in rows if isinstance(row, dict)]
        return named or texts(Selector(text=page), ".jobTitle, .jobsearch-SerpJobCard .title")

    @classmethod
    def address_on(cls, page: str) -> str:
        data, rich = _data(page), _rich_search(page)
        base = data.get("baseUrl") if isinstance(data.get("baseUrl"), str) else ""
        said = data.get("queryString")
        if isinstance(said, str) and said:
            return f"{base}/jobs?{said}"
        root = Selector(text=page)
        form = {
            "q": first_of((str(rich.get("keyword") or ""), _typed(root))),
            "l": first_of((str(rich.get("location") or ""), *root.css('input[name="l"]::attr(value)').getall())),
            "fromage": str(rich.get("jobAge") or ""),
        }
        return f"{base}/jobs?{urlencode({k: v for k, v in form.items() if v})}" if form["q"] else ""


def _data(page: str) -> Mapping[str, Any]:
    """The page's own data, if it is of a result page."""
    found = [data for data in assigned(page, "window._initialData") if isinstance(data, dict)]
    return next((data for data in found if "searchTitleBarModel" in data or "totalJobCount" in data), {})


def _rich_search(page: str) -> Mapping[str, Any]:
    for provider in assigned(page, 'window.mosaic.providerData["MosaicProviderRichSearchDaemon"]'):
        model = provider.get("richSearchComponentModel") if isinstance(provider, dict) else None
        if isinstance(model, dict):
            return model
    return {}


def _total(data: Mapping[str, Any], rich: Mapping[str, Any]) -> Count | None:
    """The total that a page's data states. Where it is no more than the rounded text beside it, it is rounded too."""
    bar = data.get("searchTitleBarModel")
    model = bar if isinstance(bar, dict) else {}
    for holder, key in ((model, "totalNumResults"), (data, "totalJobCount"), (rich, "totalJobCount")):
        value = holder.get(key)
        if value is None:
            continue
        stated = read_count(value) if isinstance(value, str) else Count(number(holder, key))
        for rounded in (model.get("totalNumResultsFormatted"), model.get("estimatedNumResultsFormatted")):
            said = _count_in(str(rounded or ""))
            if said is not None and said.value == stated.value and said.bound is not Bound.EXACT:
                return said
        return stated
    return None


def _count_in(text: str) -> Count | None:
    try:
        return read_count(text)
    except ParseError:
        return None


def _typed(root: Selector) -> str:
    return first_of(root.css('input[name="q"]::attr(value)').getall())


def _asked(data: Mapping[str, Any]) -> str:
    said = data.get("queryString")
    return parameters(f"?{said}").get("q", "") if isinstance(said, str) else ""


def _job_cards(page: str) -> Iterator[list[Any]]:
    for provider in assigned(page, 'window.mosaic.providerData["mosaic-provider-jobcards"]'):
        try:
            rows = provider["metaData"]["mosaicProviderJobCardsModel"]["results"]
        except (KeyError, TypeError):
            continue
        if isinstance(rows, list):
            yield rows


def _cards(root: Selector, page: str) -> int:
    return max(len(root.css(_CARDS)), *(len(rows) for rows in _job_cards(page)), 0)
