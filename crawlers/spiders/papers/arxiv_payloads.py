"""arXiv's two interfaces: how a topic is asked for, and what the answers say. Pure functions.

The query interface (https://info.arxiv.org/help/api/user-manual.html) answers with an Atom feed whose
``opensearch:totalResults`` is the count; errors are feeds too, with one entry. OAI-PMH
(https://info.arxiv.org/help/oa/index.html) gives records of up to some thousand a page, with a token for the next one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree  # type: ignore[import-untyped]  # it has no types

from crawlers.boards.queries import Query, Syntax, queries
from crawlers.keywords import Keywords
from storage.model import ParseError
from storage.periods import DAY, day

SYNTAX = Syntax(word="abs:{}", phrase='abs:"{}"', either=" OR ", without=" ANDNOT {}")
_CATEGORY = re.compile(r"[a-z]+(-[a-z]+)*\.([A-Za-z]{2}|[a-z]+(-[a-z]+)*|\*)")
_UNDIVIDED = ("gr-qc", "hep-ex", "hep-lat", "hep-ph", "hep-th", "math-ph", "nucl-ex", "nucl-th", "quant-ph")
_PHYSICS = (*_UNDIVIDED, "astro-ph", "cond-mat", "nlin", "physics")  # archives of that group in OAI-PMH
_SEARCHED = re.compile(r"[\w\s-]+")
ATOM = "{http://www.w3.org/2005/Atom}"
OPENSEARCH = "{http://a9.com/-/spec/opensearch/1.1/}"
OAI = "{http://www.openarchives.org/OAI/2.0/}"
ARXIV = "{http://arxiv.org/OAI/arXiv/}"


def is_category(text: object) -> bool:
    """Whether something is written like a category or a whole archive: ``stat.ML``, ``cs.*``, ``hep-th``."""
    return isinstance(text, str) and (text in _UNDIVIDED or _CATEGORY.fullmatch(text) is not None)


def query_of(keywords: Keywords) -> Query | str:
    """The search of abstracts that an expression is, or what of it this search cannot read.

    A hyphen parts words (unquoted it would exclude what follows), so that a hyphenated name is searched as a phrase.
    """
    signs = [text for text in (*keywords.any, *keywords.excluded) if not _SEARCHED.fullmatch(text)]
    if signs:
        return f'arXiv\'s search knows no signs as in {signs[0]}; with way = "harvest" abstracts are matched here'
    plain = Keywords(tuple(map(_apart, keywords.any)), tuple(map(_apart, keywords.excluded)), keywords.case)
    return queries(plain, SYNTAX)[0]


def _apart(text: str) -> str:
    return " ".join(re.sub(r"[-_]", " ", text).split())


def search(query: Query | None, categories: Sequence[str], start: int, end: int) -> str:
    """The search for papers first submitted from ``start`` to before ``end`` (epoch seconds, UTC) in any of the categories."""
    among = " OR ".join(f"cat:{c}" for c in categories)
    dates = f"submittedDate:[{_minute(start)} TO {_minute(end - 60)}]"
    return f"{f'({query.text}) AND ' if query else ''}({among}) AND {dates}"


def _minute(time: int) -> str:
    return day(time).replace("-", "") + f"{time % DAY // 3600:02d}{time % 3600 // 60:02d}"


def feed_count(body: bytes) -> float:
    """How many papers a feed says there are. Raises `ParseError` for an error's feed, and where count and entries do not agree."""
    entries, count = _feed(body)
    if (count == 0) != (not entries):
        raise ParseError(f"the feed says {count} papers and shows {len(entries)}")
    return float(count)


def feed_titles(body: bytes) -> list[str]:
    return [" ".join((entry.findtext(f"{ATOM}title") or "").split()) for entry in _feed(body)[0]]


def _feed(body: bytes) -> tuple[list[etree._Element], int]:
    root = read_xml(body, f"{ATOM}feed")
    entries = root.findall(f"{ATOM}entry")
    for entry in entries:
        if "/api/errors" in (entry.findtext(f"{ATOM}id") or ""):
            raise ParseError(f"arXiv did not understand the search: {' '.join((entry.findtext(f'{ATOM}summary') or '').split())}")
    said = (root.findtext(f"{OPENSEARCH}totalResults") or "").strip()
    if not re.fullmatch(r"[0-9]{1,9}", said):
        raise ParseError(f"totalResults is {said!r} where a count was expected")
    return entries, int(said)


def read_xml(body: bytes, root: str) -> etree._Element:
    """The root of a document, which must be of this name. Raises `ParseError` saying what was there instead."""
    name = etree.QName(root).localname
    if not body.strip():
        raise ParseError(f"the body is empty where <{name}> was expected")
    try:
        found = etree.fromstring(body.strip(), etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as error:
        raise ParseError(f"broken XML where <{name}> was expected: {error}") from error
    if found.tag != root:
        raise ParseError(f"<{etree.QName(found.tag).localname}> where <{name}> was expected")
    return found


# OAI-PMH


@dataclass(frozen=True, slots=True)
class Record:
    """A paper: what is matched, and what it is counted under."""

    id: str
    created: str  # first submitted, ISO date
    categories: tuple[str, ...]
    abstract: str


@dataclass(frozen=True, slots=True)
class RecordPage:
    """One page of records. ``token`` for the next page; empty: this is the last. ``expired``: the token that was sent is void."""

    records: Sequence[Record] = ()
    token: str = ""
    expired: bool = False


def sets_of(categories: Sequence[str]) -> list[str]:
    """The sets of OAI-PMH that hold all papers of these categories."""
    found: dict[str, None] = {}
    for category in categories:
        archive, _, part = category.partition(".")
        groups = ["physics", archive] if archive in _PHYSICS else [archive]
        found[":".join(groups if part in {"", "*"} else [groups[0], archive, part])] = None
    return list(found)


def among(categories: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether a paper is in one of the wanted categories, by any of its own."""
    return any(c == w or (w.endswith(".*") and c.startswith(w[:-1])) for c in categories for w in wanted)


def records(body: bytes) -> RecordPage:
    """The records of an answer to ListRecords in arXiv's own format. None for a day is an answer too (``noRecordsMatch``)."""
    root = read_xml(body, f"{OAI}OAI-PMH")
    errors = {e.get("code", ""): " ".join("".join(e.itertext()).split()) for e in root.findall(f"{OAI}error")}
    if set(errors) == {"noRecordsMatch"}:
        return RecordPage()
    if set(errors) == {"badResumptionToken"}:
        return RecordPage(expired=True)
    if errors:
        raise ParseError("arXiv's OAI-PMH says " + "; ".join(f"{code}: {said}" for code, said in errors.items()))
    listed = root.find(f"{OAI}ListRecords")
    if listed is None:
        raise ParseError("the answer has no ListRecords")
    found = [_record(r) for r in listed.findall(f"{OAI}record") if _header(r).get("status") != "deleted"]
    if not listed.findall(f"{OAI}record"):
        raise ParseError("ListRecords holds no record and no error that says why")
    return RecordPage(found, (listed.findtext(f"{OAI}resumptionToken") or "").strip())


def _header(record: etree._Element) -> etree._Element:
    header = record.find(f"{OAI}header")
    if header is None:
        raise ParseError("a record has no header")
    return header


def _record(record: etree._Element) -> Record:
    paper = record.find(f"{OAI}metadata/{ARXIV}arXiv")
    if paper is None:
        raise ParseError(f"the record {_header(record).findtext(f'{OAI}identifier')} has no metadata")
    ident, created, categories = (paper.findtext(f"{ARXIV}{name}") or "" for name in ("id", "created", "categories"))
    if not ident.strip() or not re.fullmatch(r"\d{4}-\d\d-\d\d", created.strip()) or not categories.strip():
        raise ParseError(f"the record {ident.strip() or '?'} has no id, no date or no categories")
    return Record(ident.strip(), created.strip(), tuple(categories.split()), paper.findtext(f"{ARXIV}abstract") or "")
