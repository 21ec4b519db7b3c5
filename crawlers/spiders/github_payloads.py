"""What GitHub's answers say: pure functions from bodies and headers to values, for `crawlers.spiders.github`.

Shapes as of November 2026: REST version 2026-03-10 and GraphQL (https://docs.github.com/rest, /graphql).
Everything that is not as promised is a `ParseError`; a number is never guessed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from crawlers.payload import field, listing, mapping, number, read_json, text, timestamp
from storage.model import ParseError, Reason
from storage.periods import DAY, WEEK, day, iso

PER_PAGE = 30  # weeks on a page of star history, the most that is served
LAST_PAGE = 100  # of star history
_SUNDAY = 3 * DAY  # 1970-01-04
_PASSING_TYPES = {"SILENCE", "RESOURCE_LIMITS_EXCEEDED", "INTERNAL", "SERVICE_UNAVAILABLE", "TIMEOUT"}
_PASSING = re.compile(r"resource limits|time(d )?\s?out|something went wrong|internal error|service unavailable", re.IGNORECASE)


def _flag(payload: Any, key: str) -> float:
    value = field(payload, key)
    if not isinstance(value, bool):
        raise ParseError(f"{key} is {value!r} where true or false was expected")
    return float(value)


# One row a metric: how it is read from REST's and from GraphQL's repository. REST's open_issues_count holds
# pull requests too, its watchers_count is an old name for the stars.
_REST: Mapping[str, Callable[[Any], float]] = {
    "github.stars": lambda p: number(p, "stargazers_count"),
    "github.forks": lambda p: number(p, "forks_count"),
    "github.open_issues": lambda p: number(p, "open_issues_count"),
    "github.watchers": lambda p: number(p, "subscribers_count"),
    "github.pushed_at": lambda p: float(timestamp(p, "pushed_at")),
    "github.archived": lambda p: _flag(p, "archived"),
}
_GRAPHQL: Mapping[str, Callable[[Any], float]] = {
    "github.stars": lambda p: number(p, "stargazerCount"),
    "github.forks": lambda p: number(p, "forkCount"),
    "github.open_issues": lambda p: number(p, "issues", "totalCount") + number(p, "pullRequests", "totalCount"),
    "github.watchers": lambda p: number(p, "watchers", "totalCount"),
    "github.pushed_at": lambda p: float(timestamp(p, "pushedAt")),
    "github.archived": lambda p: _flag(p, "isArchived"),
}
COUNTED = frozenset(_REST)

# `stargazers{totalCount}` is forbidden since July 2026, the scalar stargazerCount is not.
_FIELDS = (
    "id databaseId nameWithOwner stargazerCount forkCount isArchived pushedAt watchers{totalCount}"
    " issues(states:OPEN){totalCount} pullRequests(states:OPEN){totalCount}"
    " releases(first:10,orderBy:{field:CREATED_AT,direction:DESC}){nodes{tagName publishedAt isDraft isPrerelease url}}"
)


@dataclass(frozen=True, slots=True)
class Release:
    time: int
    tag: str
    url: str
    early: bool = False  # GitHub calls it a pre-release


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository as an answer has it. ``broken``: for each metric that could not be read, what was there."""

    name: str  # owner/name as it is now; empty where the answer does not say
    id: int | None  # stays when the repository is renamed
    node: str  # the same for GraphQL
    counts: Mapping[str, float]
    broken: Mapping[str, str]
    releases: tuple[Release, ...] = ()


def read_repository(body: bytes) -> Repository:
    """``GET /repos/{owner}/{name}``."""
    payload = mapping(read_json(body))
    if not any(isinstance(payload.get(key), str | int) for key in ("full_name", "id", "stargazers_count")):
        raise ParseError("the answer is not a repository")
    return _repository(payload, _REST, ("full_name", "id", "node_id"))


def read_node(payload: Any) -> Repository:
    """A repository in the data of a GraphQL answer (`query`)."""
    node = mapping(payload)
    listed = node.get("releases")
    nodes = listed.get("nodes") if isinstance(listed, dict) else None
    return _repository(node, _GRAPHQL, ("nameWithOwner", "databaseId", "id"), tuple(_releases(nodes or ())))


def _repository(
    payload: Mapping[str, Any],
    readers: Mapping[str, Callable[[Any], float]],
    identity: tuple[str, str, str],
    releases: tuple[Release, ...] = (),
) -> Repository:
    counts: dict[str, float] = {}
    broken: dict[str, str] = {}
    for metric, read in readers.items():
        try:
            counts[metric] = read(payload)
        except ParseError as error:
            broken[metric] = str(error)
    said, ident, node = (payload.get(key) for key in identity)
    return Repository(
        name=said if isinstance(said, str) else "",
        id=ident if isinstance(ident, int) else None,
        node=node if isinstance(node, str) else "",
        counts=counts,
        broken=broken,
        releases=releases,
    )


def describe(body: bytes) -> str:
    """A line for a person about a REST repository: name, stars, description."""
    payload = read_json(body)
    about = field(payload, "description")
    return f"{text(payload, 'full_name')}: {number(payload, 'stargazers_count'):,.0f} stars" + (f". {about}" if about else "")


def read_releases(body: bytes) -> tuple[Release, ...]:
    """``GET /repos/{owner}/{name}/releases``: what was published, newest first as GitHub has it."""
    return tuple(_releases(listing(read_json(body))))


def _releases(rows: Sequence[Any]) -> Iterator[Release]:
    for row in rows:
        tag, published = _either(row, "tag_name", "tagName"), _either(row, "published_at", "publishedAt")
        if not tag or not published or _either(row, "draft", "isDraft"):  # a draft is not out yet
            continue
        url = _either(row, "html_url", "url")
        early = bool(_either(row, "prerelease", "isPrerelease"))
        yield Release(timestamp({"published": published}, "published"), str(tag), str(url or ""), early)


def _either(row: Any, *keys: str) -> Any:
    return next((row[key] for key in keys if key in row), None) if isinstance(row, dict) else None


def message(body: bytes) -> str:
    """What GitHub says in a body that is not the answer; empty if nothing can be read."""
    try:
        said = read_json(body).get("message")
    except (ParseError, AttributeError):
        return ""
    return said[:200] if isinstance(said, str) else ""


# GraphQL


@dataclass(frozen=True, slots=True)
class Fault:
    """One entry of a GraphQL answer's errors."""

    type: str
    message: str
    alias: str = ""  # the repository it is about; empty: the whole query

    @property
    def passing(self) -> bool:
        """Whether a smaller query may succeed: GitHub stops a query after ten seconds of its own clock."""
        return self.type in _PASSING_TYPES or bool(_PASSING.search(self.message))

    @property
    def reason(self) -> Reason:
        if self.type == "NOT_FOUND":
            return Reason.NOT_FOUND
        if self.type in {"FORBIDDEN", "INSUFFICIENT_SCOPES", "UNAUTHORIZED"}:
            return Reason.BLOCKED
        return Reason.UNREACHABLE if self.passing else Reason.PARSE_ERROR

    def __str__(self) -> str:
        return f"GitHub says {self.type or 'error'}: {self.message}"


@dataclass(frozen=True, slots=True)
class Answer:
    data: Mapping[str, Any]
    faults: tuple[Fault, ...]

    def of(self, place: int) -> tuple[Repository | None, Fault | None]:
        """One repository and what is wrong with it: at least one of the two.

        Both: a part of it is missing. GitHub may also leave a repository out without a word.
        """
        alias = f"r{place}"
        node = self.data.get(alias)
        own = [f for f in self.faults if f.alias == alias]
        general = [f for f in self.faults if not f.alias]
        if node is None:
            silent = Fault("SILENCE", "neither data nor a reason", alias)
            return None, next(iter([*own, *general]), silent)
        found = read_node(node)
        return found, next(iter([*own, *(general if found.broken else [])]), None)


def query(repositories: Sequence[tuple[str, str]]) -> str:
    """One query for (owner/name, node id) pairs, aliased r0, r1, …; by the id where there is one.

    Literals are inline: a variable a repository would not make it safer (JSON's string escapes are GraphQL's).
    """
    parts = []
    for i, (name, node) in enumerate(repositories):
        if node:
            parts.append(f"r{i}:node(id:{json.dumps(node)}){{...on Repository{{{_FIELDS}}}}}")
        else:
            owner, _, repo = name.partition("/")
            parts.append(f"r{i}:repository(owner:{json.dumps(owner)},name:{json.dumps(repo)}){{{_FIELDS}}}")
    return f"query{{{' '.join(parts)} rateLimit{{cost remaining resetAt}}}}"


def read_answer(body: bytes) -> Answer:
    """A GraphQL answer: errors come with HTTP 200, beside data or instead of it."""
    payload = mapping(read_json(body))
    data = payload.get("data")
    faults = payload.get("errors")
    if not isinstance(data, dict) and not faults:
        raise ParseError(f"the answer has neither data nor errors: {message(body) or 'nothing'}")
    return Answer(data if isinstance(data, dict) else {}, tuple(_fault(f) for f in faults) if isinstance(faults, list) else ())


def _fault(row: Any) -> Fault:
    if not isinstance(row, dict):
        return Fault("", str(row)[:200])
    path = row.get("path")
    extensions = row.get("extensions")
    kind = row.get("type") or (extensions.get("code") if isinstance(extensions, dict) else "") or ""
    alias = path[0] if isinstance(path, list) and path and isinstance(path[0], str) else ""
    return Fault(str(kind), str(row.get("message", ""))[:200], alias if re.fullmatch(r"r\d+", alias) else "")


# Star history


@dataclass(frozen=True, slots=True)
class Week:
    """Net new stars of a week: those given on its seven days, Sunday first, and still standing when asked."""

    start: int
    days: tuple[int, ...]


def read_history(body: bytes) -> tuple[Week, ...]:
    """``GET /repos/{owner}/{name}/stargazers/history``, newest week first."""
    weeks = []
    for place, row in enumerate(listing(read_json(body))):
        start, total = _whole(row, place, "week"), _whole(row, place, "total")
        days = tuple(_whole(row, place, "days", i) for i in range(len(listing(row, "days"))))
        if len(days) != 7:
            raise ParseError(f"week {iso(start)} has {len(days)} days")
        if (start - _SUNDAY) % WEEK or not start < 1 << 40:
            raise ParseError(f"week {start} is not a Sunday at 00:00 UTC")
        if total != sum(days):
            raise ParseError(f"week {day(start)} has a total of {total} and days that sum up to {sum(days)}")
        weeks.append(Week(start, days))
    if len({w.start for w in weeks}) != len(weeks):
        raise ParseError("a week stands twice on one page")
    return tuple(weeks)


def _whole(row: Any, place: int, *path: str | int) -> int:
    value = field(row, *path)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ParseError(f"{'.'.join(map(str, (place, *path)))} is {value!r} where a count was expected")
    return value


def ended_days(weeks: Sequence[Week], now: int, *, before: int | None = None, since: int | None = None) -> dict[int, int]:
    """New stars by the start of the day, for days that had ended by ``now``.

    The newest week is served whole, with zeros for days to come. ``before``: leave out this week and later
    ones, which were read from an earlier page (pages shift when a new week begins).
    """
    return {
        time: count
        for week in weeks
        if before is None or week.start < before
        for time, count in ((week.start + i * DAY, n) for i, n in enumerate(week.days))
        if time + DAY <= now and (since is None or time >= since)
    }


# Headers


def links(header: str) -> dict[str, str]:
    """A Link header (RFC 8288) as relation -> URL."""
    found = {}
    for url, rest in re.findall(r"<([^>]*)>((?:\s*;\s*[^,;]+)*)", header):
        relation = re.search(r"rel=\"?([a-z]+)\"?", rest)
        if relation:
            found[relation[1]] = url
    return found


def goes_on(header: str, weeks: Sequence[Week], page: int) -> bool:
    """Whether there is a further page of star history: the Link header says so, else a full page suggests it."""
    if not weeks or page >= LAST_PAGE:
        return False
    return "next" in links(header) if header else len(weeks) >= PER_PAGE


def read_contributors(status: int, body: bytes, link: str) -> float:
    """``GET …/contributors?per_page=1``: the number of pages is the count; 204 stands for an empty repository."""
    if status == 204:
        return 0.0
    here = len(listing(read_json(body)))
    if not link:
        return float(here)
    pages = parse_qs(urlsplit(links(link).get("last", "")).query).get("page", [""])[0]
    if not pages.isdigit() or not here:
        raise ParseError(f"the Link header {link[:120]!r} names no last page")
    return float(pages)
