"""Listings of the Computer Vision Foundation's open access: CVPR, ICCV, WACV.

``/CVPR2026?day=all`` since 2021; before that an index names a page for each day (``CVPR2018.py?day=2018-06-19``), and
until 2017 the index is the list. A paper is ``dt.ptitle`` and the ``dd``s behind it, of which one links ``[pdf]``.
https://openaccess.thecvf.com/menu
"""

from __future__ import annotations

from lxml import html  # type: ignore[import-untyped]  # it has no types

from crawlers.papers.editions import Ask, Edition, Listed, Page, distinct, nothing, whole
from storage.model import ParseError

ALL_ON_ONE_PAGE = 2021  # the first year with day=all


def first(edition: Edition) -> Ask:
    name = f"/{edition.venue}{edition.year}"
    return Ask(f"{name}?day=all" if edition.year >= ALL_ON_ONE_PAGE else name, edition.of.endpoint)


def read(body: bytes, edition: Edition, ask: Ask) -> Page:
    """Papers of a page, or the pages of the days. Raises `ParseError`."""
    page = html.fromstring(whole(body))
    papers = [_paper(heading) for heading in page.xpath('//dt[contains(concat(" ", @class, " "), " ptitle ")]')]
    if papers:
        return Page(distinct(papers))
    if "day=" not in ask.path:
        days = dict.fromkeys(h for h in page.xpath("//a/@href") if "day=" in h and f"{edition.venue}{edition.year}" in h)
        every = [h for h in days if h.endswith("day=all")]
        if days:
            return Page(more=tuple(Ask("/" + h.lstrip("/"), ask.endpoint) for h in every[:1] or days))
    raise nothing(body, edition, sign=b"open access", leftover=b"_paper.")


def _paper(heading: html.HtmlElement) -> Listed:
    title, links = heading.text_content().strip(), []
    for element in heading.itersiblings():
        if element.tag == "dt":
            break
        links += [a.get("href") for a in element.iter("a") if a.text_content().strip().lower() == "pdf" and a.get("href")]
    page = heading.xpath(".//a/@href")
    if not title or not (links or page):
        raise ParseError(f"the listing has a paper without title or link ({title[:80]!r})")
    pdf = links[0] if links else ""
    return Listed((pdf or page[0]).rpartition("/")[2].removesuffix(".pdf").removesuffix(".html"), title, pdf)
