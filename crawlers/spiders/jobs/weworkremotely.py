"""We Work Remotely's feeds: the newest postings of each of its ten categories, RSS 2.0.

https://weworkremotely.com/remote-job-rss-feed. A feed holds some 25 postings, newest first, and does not say how many there
are, so that the numbers are lower bounds; the new ones are exact if every feed goes back far enough. The ten categories hold
more than the feed of all postings (/remote-jobs.rss, the newest hundred), and "programming" is the sum of three of them. A
title is "Company: position"; the company is not matched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import ClassVar

from lxml import etree  # type: ignore[import-untyped]  # it has no types
from scrapy.http import Response

from crawlers.boards.downloaded import DownloadBoard, Page, Posting
from crawlers.boards.rows import plain_text
from crawlers.boards.searched import Ask
from crawlers.source import Terms
from storage.model import ParseError
from storage.periods import epoch

CATEGORIES = (
    "remote-full-stack-programming-jobs",
    "remote-back-end-programming-jobs",
    "remote-front-end-programming-jobs",
    "remote-devops-sysadmin-jobs",
    "remote-design-jobs",
    "remote-product-jobs",
    "remote-management-and-finance-jobs",
    "remote-sales-and-marketing-jobs",
    "remote-customer-support-jobs",
    "all-other-remote-jobs",
)


class WeWorkRemotely(DownloadBoard):
    name = "weworkremotely"
    title = "We Work Remotely"
    about = "Postings that mention a topic among the newest 25 of each category of We Work Remotely, matched here."
    terms = Terms(
        "https://weworkremotely.com/remote-job-rss-feed",
        "2026-11-20",
        "Public feeds; We Work Remotely is to be named and linked where its postings are shown. The terms of its separate interface"
        " forbid storing postings: counts only are stored here.",
    )
    endpoints: ClassVar = {"base_url": "https://weworkremotely.com"}
    schedule = "11 5 * * *"
    delay = 5.0
    tolerance = 0.2

    @classmethod
    def parts(cls, options: Mapping[str, object]) -> Sequence[Ask]:
        return [Ask(f"/categories/{category}.rss") for category in CATEGORIES]

    @classmethod
    def page(cls, response: Response, ask: Ask) -> Page:
        return read_feed(response.body)


def read_feed(body: bytes) -> Page:
    """The postings of a feed. An empty one is whole: the newest of none are none."""
    if not body.strip():
        raise ParseError("the body is empty where a feed was expected")
    try:
        root = etree.fromstring(body.strip(), etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as error:
        raise ParseError(f"broken XML where a feed was expected: {error}") from error
    channel = root.find("channel") if root.tag == "rss" else None
    if channel is None:
        raise ParseError(f"<{root.tag}> where a feed was expected")
    postings = [posting(item) for item in channel.findall("item")]
    return Page(postings, whole=not postings)


def posting(item: etree._Element) -> Posting:
    company, colon, position = _text(item, "title").partition(": ")
    guid = _text(item, "guid") or _text(item, "link")
    if not guid or not company:
        raise ParseError("an item of the feed has no guid or no title")
    return Posting(
        id=guid,
        title=position if colon else company,
        text=f"{_text(item, 'skills')}\n{_text(item, 'category')}\n{plain_text(_text(item, 'description'))}",
        posted=_time(_text(item, "pubDate")),
    )


def _text(item: etree._Element, name: str) -> str:
    return (item.findtext(name) or "").strip()


def _time(text: str) -> int | None:
    try:
        return None if not text else epoch(parsedate_to_datetime(text))
    except ValueError as error:
        raise ParseError(f"pubDate is {text!r} where a time was expected") from error
