"""Listings of the proceedings software that NeurIPS and ICLR share.

``/paper_files/paper/2025``: ``li`` with ``a[title="paper title"]``; the track stands in ``data-track`` (2025), in the class
(2022 to 2024), or nowhere (before). Counted is the main conference, as in the starting history; the PDF's address follows
from the page's: ``/hash/…-Abstract-Conference.html`` is ``/file/…-Paper-Conference.pdf``. https://papers.nips.cc
"""

from __future__ import annotations

from lxml import html  # type: ignore[import-untyped]  # it has no types

from crawlers.papers.editions import Ask, Edition, Listed, Page, distinct, nothing, whole
from storage.model import ParseError

MAIN = "conference"


def first(edition: Edition) -> Ask:
    return Ask(f"/paper_files/paper/{edition.year}", edition.of.endpoint)


def read(body: bytes, edition: Edition, ask: Ask) -> Page:  # noqa: ARG001  # the families' common form
    """The main conference's papers. Raises `ParseError`."""
    found = []
    for item in html.fromstring(whole(body)).iter("li"):
        links = item.xpath('.//a[@title="paper title"]')
        if links and _track(item, links[0].get("href", "")) == MAIN:
            found.append(_paper(links[0]))
    if not found:
        raise nothing(body, edition, sign=b"proceedings", leftover=b"-abstract")
    return Page(distinct(found))


def _track(item: html.HtmlElement, href: str) -> str:
    """The track in lower case; a paper of a year without tracks belongs to the conference."""
    named = item.get("data-track") or item.get("class") or ""
    if not named.strip() or named.strip().lower() == "none":
        named = href.rpartition("-Abstract")[2].removesuffix(".html").strip("-") or MAIN
    return MAIN if MAIN in named.lower().split() else named.lower()


def _paper(link: html.HtmlElement) -> Listed:
    href, title = link.get("href", ""), link.text_content().strip()
    head, sign, tail = href.partition("/hash/")
    digest, abstract, rest = tail.partition("-Abstract")
    if not (sign and abstract and title and rest.endswith(".html")):
        raise ParseError(f"the listing links {href!r}, which is not the form of a paper's page")
    return Listed(digest, title, f"{head}/file/{digest}-Paper{rest.removesuffix('.html')}.pdf")
