"""The listing of the European Computer Vision Association: one page holds all editions of ECCV.

``dt.ptitle`` and the ``dd``s behind it; an edition's links lie under ``papers/eccv_2024/``. https://www.ecva.net/papers.php
"""

from __future__ import annotations

from lxml import html  # type: ignore[import-untyped]  # it has no types

from crawlers.papers.editions import Ask, Edition, Listed, Page, distinct, nothing, whole
from storage.model import ParseError


def first(edition: Edition) -> Ask:
    return Ask("/papers.php", edition.of.endpoint)


def read(body: bytes, edition: Edition, ask: Ask) -> Page:  # noqa: ARG001  # the families' common form
    """The edition's papers among all. Raises `ParseError`."""
    mark, papers = f"eccv_{edition.year}/", []
    for heading in html.fromstring(whole(body)).xpath('//dt[contains(concat(" ", @class, " "), " ptitle ")]'):
        page = next((h for h in heading.xpath(".//a/@href") if mark in h.lower()), None)
        if page is not None:
            papers.append(_paper(heading, page))
    if not papers:
        raise nothing(body, edition, sign=b"ptitle", leftover=mark.encode())
    return Page(distinct(papers))


def _paper(heading: html.HtmlElement, page: str) -> Listed:
    title, pdf = heading.text_content().strip(), ""
    for element in heading.itersiblings():
        if element.tag == "dt":
            break
        links = [a.get("href", "") for a in element.iter("a") if a.text_content().strip().lower() == "pdf"]
        pdf = pdf or next((h for h in links if h), "")
    if not title:
        raise ParseError(f"the listing has a paper without a title ({page})")
    return Listed((pdf or page).rpartition("/")[2].partition(".")[0], title, pdf)
