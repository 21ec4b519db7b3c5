"""Listings of the ACL Anthology from its own data: ACL, EMNLP, NAACL.

``data/xml/2025.acl.xml`` (until 2019 ``P19.xml``) holds volumes of ``paper`` elements. Counted are the volumes of the main
conference: ``long``, ``short``, ``main``, or the first ones where they are numbered; not findings, demonstrations, student
workshops, tutorials or industry. Since 2025 authors have their ``affiliation``. https://github.com/acl-org/acl-anthology
"""

from __future__ import annotations

from lxml import etree  # type: ignore[import-untyped]  # it has no types

from crawlers.papers.editions import Ask, Edition, Listed, Page, distinct
from storage.model import ParseError

NAMED = {"long", "short", "main"}
LETTERS = {"ACL": "P", "EMNLP": "D", "NAACL": "N"}  # of the identifiers until 2019
LAST_WITH_LETTERS = 2019
NUMBERED = {"P18": {"1", "2"}, "N18": {"1", "2"}, "P17": {"1", "2"}, "P16": {"1", "2"}}  # long and short apart; else volume 1
_SAFE = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)


def collection(edition: Edition) -> str:
    if edition.year <= LAST_WITH_LETTERS:
        return f"{LETTERS[edition.venue]}{edition.year % 100:02d}"
    return f"{edition.year}.{edition.venue.lower()}"


def first(edition: Edition) -> Ask:
    return Ask(f"/data/xml/{collection(edition)}.xml", edition.of.endpoint)


def read(body: bytes, edition: Edition, ask: Ask) -> Page:  # noqa: ARG001  # the families' common form
    """The main conference's papers. Raises `ParseError`."""
    try:
        root = etree.fromstring(body, _SAFE)
    except etree.XMLSyntaxError as error:
        raise ParseError(f"the listing is not whole XML: {error}") from error
    if root.tag != "collection":
        raise ParseError(f"the listing is <{root.tag}> where <collection> was expected")
    main = NUMBERED.get(collection(edition), {"1"}) if edition.year <= LAST_WITH_LETTERS else NAMED
    papers = [
        _paper(paper, f"{collection(edition)}-{volume.get('id')}")
        for volume in root.iter("volume")
        if volume.get("id") in main
        for paper in volume.iter("paper")
        if paper.get("id") != "0"  # the front matter
    ]
    if not papers:
        raise ParseError(f"the listing has no volume {' or '.join(sorted(main))} with papers")
    return Page(distinct(papers))


def _paper(paper: etree._Element, volume: str) -> Listed:
    number, title = paper.get("id") or "", paper.find("title")
    words = "" if title is None else " ".join("".join(title.itertext()).split())
    if not number or not words:
        raise ParseError(f"the listing has a paper without number or title in {volume}")
    named = next((e.text.strip() for e in (paper.find("url"), paper.find("pdf")) if e is not None and e.text and e.text.strip()), "")
    old = f"{volume}{int(number):03d}" if volume[0].isalpha() and number.isdigit() else f"{volume}.{number}"
    identifier = named.rpartition("/")[2].removesuffix(".pdf") or old
    affiliations = {" ".join("".join(a.itertext()).split()) for author in paper.iter("author") for a in author.iter("affiliation")}
    return Listed(identifier, words, f"https://aclanthology.org/{identifier}.pdf", tuple(sorted(affiliations - {""})))
