"""Listings of the Proceedings of Machine Learning Research: ICML, AISTATS.

A volume is ``/v267/``: ``div.paper`` with ``p.title`` and ``p.links``, of which one is "Download PDF". Which volume an edition
is stands on the first page; those that were known on 2026-11-20 are here. https://proceedings.mlr.press
"""

from __future__ import annotations

import re
from typing import Any

from lxml import html  # type: ignore[import-untyped]  # it has no types

from crawlers.papers.editions import Ask, Edition, Listed, NotThereYetError, Page, distinct, nothing, whole
from storage.model import ParseError

KNOWN = {
    **{f"ICML {year}": v for year, v in zip(range(2017, 2026), (70, 80, 97, 119, 139, 162, 202, 235, 267), strict=True)},
    "AISTATS 2026": 300,
}
_LONG = {"ICML": "international conference on machine learning", "AISTATS": "artificial intelligence and statistics"}
_VOLUME = re.compile(r"/?v(\d+)/?(?:index\.html)?\Z")


def first(edition: Edition) -> Ask:
    volume = KNOWN.get(str(edition))
    return Ask(f"/v{volume}/" if volume else "/", edition.of.endpoint)


def read(body: bytes, edition: Edition, ask: Ask) -> Page:
    """Papers of a volume, or which volume it is. Raises `ParseError`."""
    page = html.fromstring(whole(body))
    if ask.path == "/":
        return Page(more=(Ask(f"/v{_volume(page, edition)}/", ask.endpoint),))
    papers = [_paper(item) for item in page.xpath('//div[contains(concat(" ", @class, " "), " paper ")]')]
    if not papers:
        raise nothing(body, edition, sign=b"machine learning research", leftover=b"download pdf")
    return Page(distinct(papers))


def _volume(page: Any, edition: Edition) -> str:
    """The volume that the list of all volumes names for an edition."""
    volumes = 0
    for link in page.iter("a"):
        match = _VOLUME.search(link.get("href") or "")
        if not match:
            continue
        volumes += 1
        around = link.getparent() if link.getparent() is not None and link.getparent().tag in {"li", "p", "td", "tr"} else link
        words = " ".join(around.text_content().split())
        named = re.search(rf"\b{edition.venue}\b", words) or _LONG[edition.venue] in words.lower()
        if named and str(edition.year) in words and "workshop" not in words.lower():
            return match[1]
    if not volumes:
        raise ParseError("the list of volumes names none: its form has changed")
    raise NotThereYetError(f"no volume of the proceedings is {edition} yet")


def _paper(item: Any) -> Listed:
    title = " ".join("".join(p.text_content() for p in item.xpath('.//p[contains(@class, "title")]')).split())
    links = item.xpath('.//p[contains(@class, "links")]//a')
    pdf = next((a.get("href") for a in links if a.text_content().strip().lower() in {"download pdf", "pdf"}), "")
    page = next((a.get("href") for a in links if a.text_content().strip().lower() == "abs"), "")
    if not title or not (pdf or page):
        raise ParseError(f"the listing has a paper without title or link ({title[:80]!r})")
    return Listed((pdf or page).rpartition("/")[2].rpartition(".")[0], title, pdf)
