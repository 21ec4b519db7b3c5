"""Reading what Medium answers: a tag's feed, its page, and the archive of a day. Pure; times are epoch seconds.

A tag page holds its data in ``window.__APOLLO_STATE__``, an archive page of the older kind in ``window["obvInit"](…)``
with ``\\xNN`` escapes. An archive has the years, months and days that have stories (``archiveIndex``); a day without any
redirects to its month. No archive page was at hand when this was written: its shape is from programs that read it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import Element
from xml.etree.ElementTree import ParseError as BrokenXml

from defusedxml.common import DefusedXmlException  # type: ignore[import-untyped]  # it comes with Scrapy and has no types
from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]
from scrapy import Selector

from crawlers.counts import Count, read_count
from crawlers.declarations import Saved
from crawlers.spiders.medium_days import Article
from crawlers.walls import wall
from storage.model import Bound, ParseError
from storage.periods import DAY, day, epoch

_POST = re.compile(r"(?:/p/|-)([0-9a-f]{6,16})/?(?:[?#].*)?\Z")
_FEED_OF = re.compile(r"/feed/tag/([^/?#\"]+)")
_TAG_OF = re.compile(r"/tag/([^/?#\"]+)")
_ARCHIVE_OF = re.compile(r"/tag/[^/]+/archive/(\d{4})(?:/(\d\d?)(?:/(\d\d?))?)?")
_STATE = re.compile(r"__APOLLO_STATE__\s*=\s*")
_INIT = re.compile(r"obvInit[\"']?\]?\s*\(\s*(?=\{)")
_ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*)\\x([0-9a-fA-F]{2})")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)  # they stand between parts of one text
_STORIES = re.compile(r"\S+(?:\s\S+){0,2}\s+stor(?:y|ies)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Feed:
    articles: tuple[Article, ...]
    built: int | None = None  # when it was made, if it says so
    whole: bool = True  # each of its items could be read


def read_feed(body: bytes) -> Feed:
    """The articles of a tag's feed, in its order. A feed without any proves nothing, and is an error like all that is no feed."""
    if not body.strip():
        raise ParseError("the body is empty where a feed was expected")
    try:
        root = fromstring(body.strip())
    except (BrokenXml, DefusedXmlException, ValueError, LookupError) as error:
        head = body.lstrip()[:200].lower()
        what = "HTML where a feed was expected" if b"<html" in head or b"<!doctype" in head else f"no feed: {error}"
        raise ParseError(what) from error
    channel = root.find("channel")
    if root.tag != "rss" or channel is None:
        raise ParseError(f"<{root.tag}> where a feed was expected")
    items = channel.findall("item")
    read = [a for item in items if (a := _article(item)) is not None]
    if not read:
        raise ParseError(f"the feed has {len(items) or 'no'} items{' that can be read' * bool(items)}, which proves nothing about the tag")
    return Feed(tuple(read), _time(channel.findtext("lastBuildDate")), len(read) == len(items))


def _article(item: Element) -> Article | None:
    guid, link, time = item.findtext("guid") or "", item.findtext("link") or "", _time(item.findtext("pubDate"))
    found = _POST.search(guid.strip()) or (None if guid.strip() else _POST.search(link.strip()))
    name = found[1] if found else guid.strip() or link.strip().partition("?")[0]
    return Article(name, time, (item.findtext("title") or "").strip()) if name and time is not None else None


def _time(text: str | None) -> int | None:
    try:
        return epoch(parsedate_to_datetime((text or "").strip()))
    except (ValueError, TypeError, OverflowError):
        return None


# The tag's page


def read_tag_total(page: str, tag: str = "", url: str = "") -> tuple[str, Count]:
    """The tag that a page is about, and how many stories bear it: exactly from its data, else as it is written ("91K stories")."""
    if not page.strip():
        raise ParseError("the page is empty")
    root = Selector(text=_COMMENT.sub("", page))
    about = tag or next((unquote(m[1]) for a in _addresses(root, url) if (m := _TAG_OF.search(urlsplit(a).path))), "")
    totals = _totals(page)
    if not about and len(totals) == 1:
        about = next(iter(totals))
    if not about:
        raise ParseError("the page does not say which tag it is about")
    if about.casefold() in totals:
        return about, Count(totals[about.casefold()])
    texts = (" ".join(t.split()) for t in root.xpath("//body//text()[not(parent::script) and not(parent::style)]").getall())
    told = {t for t in texts if _STORIES.fullmatch(t) and any(c.isdigit() for c in t)}
    if len(told) != 1:
        raise ParseError(f"the page says {'in several ways' if told else 'nowhere'} how many stories bear the tag {about}")
    return about, read_count(told.pop())


def _addresses(root: Selector, url: str) -> list[str]:
    """Where a page is from: as it was fetched, else as it says itself."""
    said = (*root.css('link[rel="canonical"]::attr(href)').getall(), *root.css('meta[property="og:url"]::attr(content)').getall())
    return [address for address in (url, *said) if address]


def _totals(page: str) -> dict[str, float]:
    """Totals by tag in a page's embedded data."""
    found = _STATE.search(page)
    if found is None:
        return {}
    try:
        state, _ = json.JSONDecoder().raw_decode(page, found.end())
    except (ValueError, RecursionError) as error:
        raise ParseError(f"the page's data cannot be read: {error}") from error
    totals: dict[str, float] = {}
    for key, entry in state.items() if isinstance(state, dict) else ():
        if not isinstance(entry, dict) or not (entry.get("__typename") == "Tag" or str(key).startswith("Tag:")):
            continue
        value = entry.get("postCount")
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            names = (str(key).removeprefix("Tag:"), entry.get("id"), entry.get("normalizedTagSlug"))
            totals |= {str(name).casefold(): float(value) for name in names if name}
    return totals


# The archive


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive page: of a day, or of a month or year. ``day`` is None where it is not of a day."""

    tag: str
    year: int
    month: int | None
    day: int | None
    posts: Mapping[str, int | None]  # when each was first published, if it says so
    filled: Mapping[int, bool]  # days of its month, and whether they have stories
    more: bool  # there are posts that it does not list

    @property
    def start(self) -> int | None:
        """The start of its day in UTC."""
        return _date(self.year, self.month, self.day) if self.month and self.day else None


def read_archive(page: str, url: str = "") -> Archive:
    plain = _ESCAPE.sub(r"\1\\u00\2", page)
    found = _INIT.search(plain)
    if found is None:
        raise ParseError("the page has no archive's data")
    try:
        data, _ = json.JSONDecoder(strict=False).raw_decode(plain, found.end())
    except (ValueError, RecursionError) as error:
        raise ParseError(f"the archive's data cannot be read: {error}") from error
    index = _object(data, "archiveIndex")
    paths = [urlsplit(a).path for a in _addresses(Selector(text=page), url)]
    bucket, address = _object(index, "timeBucket"), next((m for p in paths if (m := _ARCHIVE_OF.search(p))), None)
    year, month, date = (_whole(bucket.get(key)) for key in ("year", "month", "day"))
    if year is None and address is not None:
        year, month, date = (int(part) if part else None for part in address.groups())
    if year is None:
        raise ParseError("the archive does not say of when it is")
    known = {key: post for key, post in _object(_object(data, "references"), "Post").items() if isinstance(post, dict)}
    stream = data.get("streamItems")
    listed = [p for item in stream if (p := _object(item, "postPreview").get("postId"))] if isinstance(stream, list) else []
    tag = _object(data, "tag").get("slug") or next((unquote(m[1]) for p in paths if (m := _TAG_OF.search(p))), "")
    return Archive(
        tag=str(tag),
        year=year,
        month=month,
        day=date,
        posts={str(key): _published(known.get(key)) for key in (listed or known)},
        filled={d: b.get("hasStories") is True for b in _list(index, "dailyBuckets") if (d := _whole(b.get("day"))) is not None},
        more=bool(_object(_object(data, "paging"), "next")),
    )


def count_of(archive: Archive, start: int, tag: str) -> Count:
    """How many stories an archive page gives for a day. Zero only if the page tells of the month's other days."""
    when = datetime.fromtimestamp(start, UTC)
    if archive.tag.casefold() != tag.casefold():
        raise ParseError(f"an archive of {archive.tag or 'some tag'} where {tag} was expected")
    if (archive.year, archive.month) != (when.year, when.month) or archive.day not in {None, when.day}:
        raise ParseError(f"an archive of {archive.year}-{archive.month or '?'}-{archive.day or '?'} where {day(start)} was expected")
    if archive.filled.get(when.day) is not True and any(archive.filled.values()) and (archive.day is None or not archive.posts):
        return Count(0)
    if archive.day is None or not archive.posts:
        raise ParseError(f"the archive gives no story of {day(start)}, and does not say that there is none")
    dated = [time for time in archive.posts.values() if time is not None]
    if sum(1 for time in dated if start - DAY <= time < start + 2 * DAY) < len(dated) / 2:
        raise ParseError(f"most stories of the archive were not published around {day(start)}")
    return Count(len(archive.posts), Bound.AT_LEAST if archive.more else Bound.EXACT)


def _published(post: object) -> int | None:
    value = post.get("firstPublishedAt") if isinstance(post, dict) else None
    return value // 1000 if isinstance(value, int) and value > 0 else None


def _object(value: Any, key: str) -> dict[str, Any]:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _list(value: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = value.get(key)
    return [x for x in found if isinstance(x, dict)] if isinstance(found, list) else []


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, int | str) and str(value).isdecimal() else None


def _date(year: int, month: int, date: int) -> int:
    try:
        return epoch(datetime(year, month, date, tzinfo=UTC))
    except ValueError as error:
        raise ParseError(f"{year}-{month}-{date} is no date") from error


# Pages that a person saved


def read_saved(page: str, url: str = "") -> list[Saved]:
    """The count on a saved tag page or on a saved archive page of a day."""
    if page.lstrip()[:500].find("<rss") >= 0:
        raise ParseError("a feed holds a tag's ten newest articles and gives no count; save the tag's page or a day of its archive")
    blocked = wall(url, page)
    if blocked:
        raise ParseError(f"this is {blocked}, not a page of Medium's")
    if _INIT.search(page):
        archive = read_archive(page, url)
        if archive.start is None:
            raise ParseError("this is the archive of a month or a year; save one of its days")
        labels = (("site", "medium"), ("tag", archive.tag), ("way", "archive"))
        return [Saved("articles.published", count_of(archive, archive.start, archive.tag), archive.tag, labels, archive.start)]
    tag, count = read_tag_total(page, url=url)
    return [Saved("medium.tag_total", count, tag, (("tag", tag),))]
