"""A topic's titles, and what Wikimedia's answers about page views say: pure functions, and the addresses that are asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from crawlers.payload import listing, number, read_json, text
from storage.model import ParseError, Topic, UsageError
from storage.periods import day, epoch, moment

_LANGUAGE = re.compile(r"([a-z][a-z-]{1,14}):(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Title:
    """An article as the API wants it: its language, and its title with underscores and a capital first letter."""

    wiki: str
    name: str

    @property
    def project(self) -> str:
        return f"{self.wiki}.wikipedia"


def titles_of(topic: Topic) -> tuple[Title, ...]:
    """A topic's articles: ``"PyTorch"`` in English, ``"de:PyTorch"`` in German, or a list. Raises `UsageError`."""
    value = topic.names.get("wikipedia")
    said = [value] if isinstance(value, str) else value
    place = f"topics.{topic.key}.wikipedia"
    if not isinstance(said, list | tuple) or not said:
        raise UsageError(f'{place} is {value!r}; write an article\'s title like "PyTorch" or "de:PyTorch", or a list of titles')
    return tuple(dict.fromkeys(_title(one, place) for one in said))


def _title(value: object, place: str) -> Title:
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{place} holds {value!r}; write an article's title in quotes")
    if "://" in value:
        raise UsageError(f'{place} holds the address {value!r}; write the article\'s title alone, like "PyTorch" or "de:PyTorch"')
    match = _LANGUAGE.match(value.strip())
    wiki, name = (match[1], match[2]) if match else ("en", value)
    name = "_".join(name.replace("_", " ").split())
    if not name or re.search(r"[#<>\[\]{}|]", name):
        raise UsageError(f"{place} holds {value!r}; a title has none of # < > [ ] {{ }} | in it")
    return Title(wiki, name[0].upper() + name[1:])


def parse_views(body: bytes, project: str, article: str | None = None) -> dict[int, float]:
    """Views by day. Raises `ParseError` where the answer is of something else or holds a day twice."""
    found: dict[int, float] = {}
    for item in listing(read_json(body), "items"):
        said = (text(item, "project"), None if article is None else text(item, "article"))
        if said != (project, article):
            raise ParseError(f"the answer is of {said[1] or 'all articles'} in {said[0]}, not of {article or 'all articles'} in {project}")
        if text(item, "granularity") != "daily":
            raise ParseError(f"granularity is {item['granularity']!r}, not 'daily'")
        time = _day_of(text(item, "timestamp"))
        if time in found:
            raise ParseError(f"the answer gives {day(time)} twice")
        found[time] = number(item, "views")
    if not found:
        raise ParseError("the answer has no day in it")
    return found


def _day_of(stamp: str) -> int:
    """The day of ``2026111900``."""
    try:
        return epoch(datetime.strptime(stamp, "%Y%m%d00").replace(tzinfo=UTC))
    except ValueError as error:
        raise ParseError(f"timestamp is {stamp!r} where a day was expected") from error


def summed(by_title: Sequence[Mapping[int, float]], whole: Iterable[int]) -> dict[int, float]:
    """Views of several titles together by day, from the first day that one of them has.

    ``whole``: days that the language's total has. A title that lacks a day has a zero there if the day is whole and some
    title of the topic has that day or a later one; a day of which that cannot be said is left out.
    """
    first, last = min(map(min, by_title)), max(map(max, by_title))
    proven = {d for d in whole if first <= d <= last}
    days = sorted(proven.union(*by_title))
    return {d: sum(views.get(d, 0.0) for views in by_title) for d in days if d in proven or all(d in views for views in by_title)}


def path_of(project: str, first: int, last: int, article: str | None = None) -> str:
    """All views of a language, or those of one article, from a day to a day (both included)."""
    what = f"aggregate/{project}/all-access/user" if article is None else f"per-article/{project}/all-access/user/{quote(article, safe='')}"
    return f"/metrics/pageviews/{what}/daily/{moment(first):%Y%m%d}00/{moment(last):%Y%m%d}00"
