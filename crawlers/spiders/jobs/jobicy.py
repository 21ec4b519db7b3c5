"""Jobicy's interface: the newest postings of about the last seven days, a hundred at most, in one answer.

https://github.com/Jobicy/remote-jobs-api (version 2, count 1 to 100). Fewer than a hundred are all that it has; with a
hundred there may be more. ``jobCount``, where it is given, repeats the number of postings in the answer. In autumn 2026
others report a cursor for further pages (``nextCursor``), which could not be established: one that is given says that there
is more, and is not followed.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import ClassVar

from scrapy.http import Response

from crawlers.boards.downloaded import DownloadBoard, Page, Posting
from crawlers.boards.rows import identity, prose, when, words
from crawlers.boards.searched import Ask
from crawlers.payload import listing, number, read_json, text
from crawlers.source import Allowance, Terms
from storage.model import ParseError

MOST = 100


class Jobicy(DownloadBoard):
    name = "jobicy"
    title = "Jobicy"
    about = "Postings that mention a topic among the newest hundred remote jobs on Jobicy, about those of a week, matched here."
    terms = Terms(
        "https://jobicy.com/jobs-rss-feed",
        "2026-11-20",
        "A free interface without key: not more than once an hour, postings come six hours late. Jobicy is to be named and linked where"
        " its postings are shown; they must not be passed on to other job boards.",
    )
    endpoints: ClassVar = {"base_url": "https://jobicy.com"}
    schedule = "53 4 * * *"

    @classmethod
    def allowance(cls, options: Mapping[str, object]) -> Allowance:
        return Allowance(1, "hour", "one request an hour")

    @classmethod
    def parts(cls, options: Mapping[str, object]) -> Sequence[Ask]:
        return [Ask("/api/v2/remote-jobs", {"count": MOST})]

    @classmethod
    def page(cls, response: Response, ask: Ask) -> Page:
        return read_page(response.body)


def read_page(body: bytes) -> Page:
    payload = read_json(body)
    rows = listing(payload, "jobs")
    stated = number(payload, "jobCount") if payload.get("jobCount") is not None else len(rows)
    if stated < len(rows):
        raise ParseError(f"jobCount is {stated:,.0f}, but {len(rows):,} postings are listed")
    whole = len(rows) < MOST and stated == len(rows) and not payload.get("nextCursor")
    return Page([posting(row) for row in rows], whole=whole, lasting=False)


def posting(row: object) -> Posting:
    return Posting(
        id=identity(row),
        title=html.unescape(text(row, "jobTitle")),
        text=f"{html.unescape(words(row, 'jobIndustry'))}\n{prose(row, 'jobDescription')}",
        posted=when(row, "pubDate"),
    )
