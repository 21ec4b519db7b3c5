"""What Hacker News' answers say: pure functions from payloads of the Algolia search to counts, threads and postings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from statistics import median_low
from typing import Any

from crawlers.keywords import Keywords, plain
from crawlers.payload import as_text, listing, number
from storage.model import Bound, Cadence, ParseError
from storage.periods import DAY, epoch, following

RELEVANT, BY_DATE = "/api/v1/search", "/api/v1/search_by_date"
REACH = 1000  # hits that Algolia gives out for one query, however many there are (algolia/hn-search issues 125, 230)
MOST_SEARCHES = 64  # for one harvest: 30 threads' worth, a server that ignores the slices must not be asked for ever
DUD = 10  # comments: a hiring thread with fewer was posted anew (December 2011: 4)
CROWD = 50  # comments that make another account's thread the month's (July 2011)

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_TITLE = re.compile(r"\s*(?:ask hn:?\s*)?who(?:\s+is|['’]s)\s+hiring\s*\?*\s*\(\s*([a-z]{3,9})\.?,?\s+(\d{4})\b[^)]*\)", re.IGNORECASE)


def count(payload: Any) -> tuple[float, Bound]:
    """How many hits a search has. Exact only where the answer says so; Algolia estimates big result sets."""
    return number(payload, "nbHits"), Bound.EXACT if exhaustive(payload) else Bound.ESTIMATE


def exhaustive(payload: Any) -> bool | None:
    """Whether the number of hits was counted to the end; None where the answer does not say."""
    nested = payload.get("exhaustive")
    said = [payload.get("exhaustiveNbHits"), nested.get("nbHits") if isinstance(nested, dict) else None]
    said = [s for s in said if isinstance(s, bool)]
    return all(said) if said else None


@dataclass(frozen=True, slots=True)
class Thread:
    """A "Who is hiring?" story. ``month`` is the start of the month that its title names."""

    id: str
    month: int
    official: bool
    comments: int | None = None

    @property
    def dud(self) -> bool:
        return self.comments is not None and self.comments < (DUD if self.official else CROWD)


def thread(hit: Mapping[str, Any]) -> Thread | None:
    """The hiring thread that a story is; None for "Who wants to be hired", "Freelancer", "right now" and the like."""
    match = _TITLE.match(hit.get("title") or "")
    if not match or match[1][:3].lower() not in _MONTHS or not 2000 <= int(match[2]) < 2200:
        return None
    month = epoch(datetime(int(match[2]), _MONTHS.index(match[1][:3].lower()) + 1, 1, tzinfo=UTC))
    comments = hit.get("num_comments")
    official = str(hit.get("author") or "").strip("_") == "whoishiring"  # April 2015: _whoishiring
    return Thread(_identity(hit), month, official, comments if isinstance(comments, int) else None)


def best(threads: Iterable[Thread], month: int) -> Thread | None:
    """A month's thread: of several the one most talked about, and of an account that is not the usual one only a big one."""
    found = [t for t in threads if t.month == month and (t.official or (t.comments or 0) >= CROWD)]
    return max(found, key=lambda t: (t.comments or 0, t.official, -int(t.id)), default=None)


@dataclass(frozen=True, slots=True)
class Posting:
    """A live top-level comment of a hiring thread."""

    id: str
    text: str


def posting(item: Mapping[str, Any], thread_id: str | None = None) -> Posting | None:
    """The posting that a comment is; None for a reply, and for one that is deleted, dead or empty.

    Reads a hit of the Algolia search (``objectID``, ``parent_id``, ``story_id``, ``comment_text``) and an item of
    the official API (``id``, ``parent``, ``deleted``, ``dead``, ``text``).
    """
    parent = item.get("parent_id", item.get("parent"))
    top = item.get("story_id", thread_id) if thread_id is None else thread_id
    if parent is None or str(parent) != str(top) or item.get("deleted") or item.get("dead"):
        return None
    markup = item.get("comment_text", item.get("text"))
    text = as_text(markup) if isinstance(markup, str) else ""
    return Posting(_identity(item), text) if text else None


def postings(items: Sequence[Mapping[str, Any]]) -> list[Posting]:
    """The live postings among the comments of one thread, in either shape, each once.

    Official items do not name their thread: it is the smallest parent, because what is answered is older.
    """
    parents = [int(p) for i in items if (p := i.get("parent_id", i.get("parent"))) is not None]
    named = next((str(i["story_id"]) for i in items if i.get("story_id")), None)
    top = named or (str(min(parents)) if parents else None)
    return list({p.id: p for i in items if (p := posting(i, top)) is not None}.values())


def _identity(hit: Mapping[str, Any]) -> str:
    found = hit.get("objectID", hit.get("id"))
    if not str(found).isdigit():
        raise ParseError(f"a hit's objectID is {found!r} where a number was expected")
    return str(found)


@dataclass(frozen=True, slots=True)
class Search:
    """One query, within a stretch of time where it has more hits than can be reached."""

    path: str
    params: tuple[tuple[str, str], ...]
    since: int | None = None
    until: int | None = None
    page: int = 0
    seen: int = 0  # hits on earlier pages

    def query(self) -> dict[str, object]:
        filters = [f"created_at_i>={self.since}"] * (self.since is not None) + [f"created_at_i<{self.until}"] * (self.until is not None)
        return {
            **dict(self.params),
            "numericFilters": ",".join(filters) or None,
            "hitsPerPage": REACH,
            "page": self.page or None,
        }


@dataclass(frozen=True, slots=True)
class Harvest:
    """All hits of some searches, gathered page by page, and slice by slice where there are too many for one query."""

    pending: tuple[Search, ...]
    hits: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # by objectID, without what is not needed
    short: bool = False  # fewer came than were promised
    exhaustive: bool | None = True  # None: an answer did not say
    searches: int = 0

    def take(self, payload: Any) -> Harvest:
        """The harvest with the answer to its first pending search in it."""
        search, *rest = self.pending
        total, listed = int(number(payload, "nbHits")), listing(payload, "hits")
        if total and not listed and not search.page:
            raise ParseError(f"nbHits is {total}, but no hit is listed")
        done = replace(self, hits={**self.hits, **{_identity(h): _slim(h) for h in listed}}, searches=self.searches + 1)
        seen = search.seen + len(listed)
        if total > REACH and not search.page and self.searches < MOST_SEARCHES:
            halves = _halves(search, listed)
            if halves:
                return replace(done, pending=(*halves, *rest))
        said = exhaustive(payload)
        done = replace(done, exhaustive=said if self.exhaustive is True else said if said is False else self.exhaustive)
        pages = payload.get("nbPages")
        if listed and seen < total and isinstance(pages, int) and search.page + 1 < pages:
            return replace(done, pending=(replace(search, page=search.page + 1, seen=seen), *rest))
        return replace(done, pending=tuple(rest), short=self.short or seen < total)


def _halves(search: Search, listed: Sequence[Mapping[str, Any]]) -> tuple[Search, Search] | None:
    """The search in two stretches of time, parted at the median of the hits that it gave; None within one second."""
    low = search.since if search.since is not None else -1
    times = [t for h in listed if isinstance(t := h.get("created_at_i"), int) and low <= t and (search.until is None or t < search.until)]
    if not times or min(times) == max(times):
        return None
    middle = max(median_low(times), min(times) + 1)
    return replace(search, until=middle), replace(search, since=middle)


_NEEDED = ("objectID", "author", "title", "url", "story_text", "num_comments", "parent_id", "story_id", "comment_text", "deleted", "dead")


def _slim(hit: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: hit[key] for key in _NEEDED if key in hit}


def thread_search(month: int, *params: tuple[str, str]) -> Search:
    """The month decides, by the title; the thread is posted on its first working day."""
    return Search(BY_DATE, params, month - 2 * DAY, following(month, Cadence.MONTH))


def story_text(hit: Mapping[str, Any]) -> str:
    return "\n".join(as_text(str(hit[key])) for key in ("title", "url", "story_text") if hit.get(key))


def excerpt(text: str, keywords: Keywords, before: int = 40, after: int = 60) -> str:
    """The head of a posting and the words around the match, by which a person sees what was meant."""
    words = plain(text)
    start, end = keywords.find(text) or (0, 0)
    around = words[max(0, start - before) : end + after]
    return around if start <= before else f"{words[:40]} … {around}"
