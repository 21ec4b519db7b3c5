"""LinkedIn's result pages as visitors without an account see them, and as members do.

Visitors get ``span.results-context-header__job-count`` since 2019 ("195", "1,000+", "Plus de 9 000"); the ``new-jobs`` beside
it counts those of the last day and is not read. Where nothing matched, ``section.no-results`` stands instead. Members'
pages, which can only be saved by hand, say "1,234 results" under the heading. Pages of 2015 to 2018 hold
``decoratedJobPostingsModule`` with ``paging.total``. A title is not read: nothing proves that its number is exact.

Some empty searches are answered with postings that have nothing to do with them: a heading that does not name the search is
*parse_error*. Every page hides a form for signing in, which means nothing. The fragments of ``/jobs-guest`` have no count.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, ClassVar
from urllib.parse import urlencode

from scrapy import Selector

from crawlers.boards.markup import first_of, judged, texts
from crawlers.boards.pages import PageBoard, parameters
from crawlers.boards.places import COUNTRIES, country_named
from crawlers.boards.queries import Query, Syntax
from crawlers.boards.searched import Ask
from crawlers.counts import Count, read_count
from crawlers.payload import number
from crawlers.source import Terms
from storage.model import ParseError

_PLACES = "us 103644278 gb 101165590 de 101282230 fr 105015875 in 102713980 ca 101174742 au 101452733 nl 102890719 es 105646813"
_PLACES += " it 103350119 br 106057199 world 92000000"
_GEO = dict(zip(_PLACES.split()[1::2], _PLACES.split()[::2], strict=True))  # LinkedIn's own numbers of places, as far as they are known
_COUNTS = (
    ".results-context-header__job-count",
    ".jobs-search-results-list__subtitle > span:first-child",
    ".jobs-search-results-list__subtitle",
    "small.jobs-search-results-list__text",
    ".jobs-search-results-list__title-heading small",
)
_NOTHING = (
    "section.no-results, .no-results__main-title-keywords, .jobs-search-no-results, .jobs-search-no-results-banner,"
    " .jobs-search-two-pane__no-results-banner"
)
_CARDS = ".base-search-card, .job-search-card, .result-card, [data-occludable-job-id], .job-card-container"
_FORM = 'form[action*="/jobs/search"]'
_OLD = re.compile(r"<code[^>]*\bid=[\"']decoratedJobPostingsModule[\"'][^>]*>\s*<!--\s*")
_OPERATORS = {"or", "and", "not"}


class LinkedIn(PageBoard):
    name = "linkedin"
    title = "LinkedIn"
    about = "Open postings that mention a topic on LinkedIn's result pages for visitors, by country, and those of the last seven days."
    terms = Terms(
        "https://www.linkedin.com/legal/user-agreement",
        "2026-11-20",
        "Its operator forbids automated access and copying (section 8.2), and robots.txt closes the whole site to programs that "
        "it has not admitted, so that nothing is asked unless obey_robots is turned off too.",
    )
    endpoints: ClassVar = {"base_url": "https://www.linkedin.com"}
    schedule = "31 2,8,14,20 * * *"
    countries: ClassVar = {code: names[0].title() for code, names in COUNTRIES.items()}
    default_countries = ("us",)
    syntax = Syntax(either=" OR ", without=" NOT {}")  # https://www.linkedin.com/help/linkedin/answer/a524335
    query_names = ("keywords",)
    place_name = "location"
    age_names = ("f_TPR",)
    week = ("r604800",)
    any_age = ("a",)
    filters = ("f_E", "f_JT", "f_WT", "f_C", "f_I", "f_F", "f_T", "f_SB2", "f_SB", "f_PP", "f_AL", "f_EA", "f_WRA", "f_JC", "f_L")

    def ask(self, query: Query | None, country: str, days: int | None) -> Ask:
        params = {"keywords": query.text if query else "", "location": country, "f_TPR": f"r{days * 86400}" if days else None}
        return Ask("/jobs/search", params)

    @classmethod
    def country_of(cls, url: str) -> str:
        given = parameters(url)
        return _GEO.get(given.get("geoId", "")) or country_named(given.get("location", ""))

    @classmethod
    def _narrowing(cls, own: Any, country: str) -> list[str]:
        """A place may be written in any language; its number is right then."""
        found = super()._narrowing(own, country)
        return [name for name in found if name != "location" or own.get("geoId", "") not in _GEO]

    @classmethod
    def read_page(cls, page: str, url: str = "") -> Count:
        root = Selector(text=page)
        counts = [read_count(text) for text in texts(root, *_COUNTS)] or list(_of_old_pages(page))
        count = judged(counts, nothing=bool(root.css(_NOTHING)), cards=len(root.css(_CARDS)))
        heading, search = first_of(texts(root, ".results-context-header__query-search")), first_of(_typed(root))
        if count.value and heading and _strange(heading, search):
            raise ParseError(f"the search is for {search!r} and the page is headed {heading!r}: these postings are others")
        return count

    @classmethod
    def titles_on(cls, page: str) -> list[str]:
        return texts(Selector(text=page), ".base-search-card__title, .result-card__title, .job-card-list__title")

    @classmethod
    def address_on(cls, page: str) -> str:
        """The search form, with the filters that are set beside it."""
        root = Selector(text=page)
        found = {"keywords": first_of(_typed(root))}
        for name in ("location", "geoId"):
            found[name] = first_of(root.css(f'{_FORM} input[name="{name}"]::attr(value)').getall())
        for box in root.css('input[form="jserp-filters"][checked]'):
            found.setdefault(box.attrib.get("name", ""), box.attrib.get("value", ""))
        given = {name: value for name, value in found.items() if name and value}
        return f"/jobs/search?{urlencode(given)}" if found["keywords"] else ""


def _typed(root: Selector) -> list[str]:
    return root.css(f'{_FORM} input[name="keywords"]::attr(value)').getall()


def _strange(heading: str, search: str) -> bool:
    """Whether a heading names nothing of a search."""
    words = {word for word in re.findall(r"\w{2,}", search.casefold()) if word not in _OPERATORS}
    said = re.sub(r"\W", "", heading.casefold())  # "Full Stack" for "fullstack"
    return bool(words) and not any(word in said for word in words)


def _of_old_pages(page: str) -> Iterator[Count]:
    for match in _OLD.finditer(page):
        try:
            data = json.JSONDecoder().raw_decode(page, match.end())[0]
        except (json.JSONDecodeError, RecursionError):
            continue
        yield Count(number(data, "paging", "total"))
