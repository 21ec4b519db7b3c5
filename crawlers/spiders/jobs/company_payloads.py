"""Reading companies' boards: https://developers.greenhouse.io/job-board.html, https://github.com/lever/postings-api,
https://developers.ashbyhq.com/docs/public-job-posting-api. Each gives all postings of a company in one answer: Greenhouse says how
many there are in ``meta.total``; Lever documents ``skip`` and ``limit`` but no default, and hundreds came at once in November 2026.

The place is read first where the company writes it for people; the country of an address, an office or a code only where
that tells nothing. A company's own name says who hires, not what is used: it is taken out before its postings are matched. What it
else says of itself in them (Kafka, at Confluent) is matched as all text is; names of departments and teams are not.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from crawlers.boards.harvest import Posting
from crawlers.boards.rows import identity, plain_text, prose, when
from crawlers.boards.searched import WORLD
from crawlers.payload import listing, number, read_json, text
from crawlers.spiders.jobs.locations import labels_of, labels_of_country
from storage.model import ParseError

_GENERIC = re.compile(r"\s+(?:AI|Inc\.?|Labs|GmbH|Ltd\.?|Software)$")


def read_greenhouse(body: bytes, prefix: str, company: str) -> list[Posting]:
    """``content`` is HTML that is escaped once more. ``first_published`` is missing in older postings."""
    payload = read_json(body)
    rows = listing(payload, "jobs")
    stated = payload.get("meta")
    if isinstance(stated, dict) and number(stated, "total") != len(rows):
        raise ParseError(f"meta.total is {stated['total']}, but {len(rows):,} postings are listed")
    return [
        _posting(
            prefix,
            row,
            (company, _name(row, "company_name")),
            title=text(row, "title"),
            said=plain_text(html.unescape(_content(row))),
            posted=when(row, "first_published"),
            labels=labels_of([_name(row.get("location"), "name")]) or labels_of(_offices(row)),
        )
        for row in rows
    ]


def read_lever(body: bytes, prefix: str, company: str) -> list[Posting]:
    """``createdAt`` (milliseconds) is not in Lever's documentation; a posting may have been created before it was published."""
    return [
        _posting(
            prefix,
            row,
            (company,),
            title=text(row, "text"),
            said="\n".join([prose(row, "descriptionPlain", "description"), *_lists(row), _name(row, "additionalPlain")]),
            posted=int(number(row, "createdAt") // 1000) if row.get("createdAt") is not None else None,
            labels=labels_of(_lever_places(row)) or labels_of_country(_name(row, "country")),
        )
        for row in listing(read_json(body))
    ]


def read_ashby(body: bytes, prefix: str, company: str) -> list[Posting]:
    """Postings that are not listed (``isListed``) can be reached by their address only, and are left out."""
    return [
        _posting(
            prefix,
            row,
            (company,),
            title=text(row, "title"),
            said=prose(row, "descriptionPlain", "descriptionHtml"),
            posted=when(row, "publishedAt"),
            labels=labels_of(_name(p, "location") for p in _ashby_places(row)) or _addresses(_ashby_places(row)),
        )
        for row in listing(read_json(body), "jobs")
        if not isinstance(row, dict) or row.get("isListed") is not False
    ]


READERS: dict[str, Callable[[bytes, str, str], list[Posting]]] = {
    "greenhouse": read_greenhouse,
    "lever": read_lever,
    "lever_eu": read_lever,
    "ashby": read_ashby,
}


def _posting(
    prefix: str, row: object, names: Sequence[str], *, title: str, said: str, posted: int | None, labels: frozenset[str]
) -> Posting:
    return Posting(f"{prefix}:{identity(row)}", without(title, names), without(said, names), posted, labels | {WORLD})


def without(said: str, names: Iterable[str]) -> str:
    """A text without the name of who wrote it: "Grafana Labs" and "Grafana"."""
    known = sorted({n for name in names for n in (name, _GENERIC.sub("", name)) if n}, key=len, reverse=True)
    return re.sub(rf"(?<!\w)(?:{'|'.join(map(re.escape, known))})(?!\w)", " ", said, flags=re.IGNORECASE) if known else said


def _content(row: object) -> str:
    if not isinstance(row, dict) or "content" not in row:
        raise ParseError("the posting has no content")
    return row["content"] if isinstance(row["content"], str) else ""


def _name(value: object, key: str) -> str:
    """A text that may be missing."""
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def _objects(row: object, key: str) -> list[object]:
    found = row.get(key) if isinstance(row, dict) else None
    return found if isinstance(found, list) else []


def _offices(row: object) -> list[str]:
    return [_name(office, "location") or _name(office, "name") for office in _objects(row, "offices")]


def _lists(row: object) -> Iterator[str]:
    for entry in _objects(row, "lists"):
        yield f"{_name(entry, 'text')}\n{plain_text(_name(entry, 'content'))}"


def _lever_places(row: dict[str, object]) -> list[str]:
    categories = row.get("categories")
    return [_name(categories, "location"), *(p for p in _objects(categories, "allLocations") if isinstance(p, str))]


def _ashby_places(row: object) -> list[object]:
    return [row, *_objects(row, "secondaryLocations")]


def _addresses(places: Iterable[object]) -> frozenset[str]:
    """The labels of the addresses of a posting's own place and of secondary ones."""
    found: set[str] = set()
    for place in places:
        address = place.get("address") if isinstance(place, dict) else None
        inner = address.get("postalAddress", address) if isinstance(address, dict) else None
        near = ", ".join(_name(inner, key) for key in ("addressLocality", "addressRegion"))
        found |= labels_of_country(_name(inner, "addressCountry")) or labels_of([near])
    return frozenset(found)


__all__ = ["READERS", "read_ashby", "read_greenhouse", "read_lever", "without"]
