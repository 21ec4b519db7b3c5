"""Remotive's public interface: the postings that it gives to programs, in one answer.

https://github.com/remotive-com/remote-jobs-api. That is a small part of its site (18 to 28 postings in 2026), 24 hours
late. Publication dates bear no time zone and are taken as UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from scrapy.http import Response

from crawlers.boards.downloaded import DownloadBoard, Page, Posting
from crawlers.boards.rows import identity, prose, when, words
from crawlers.boards.searched import Ask
from crawlers.payload import listing, number, read_json, text
from crawlers.source import Allowance, Terms
from storage.model import ParseError


class Remotive(DownloadBoard):
    name = "remotive"
    title = "Remotive"
    about = "Postings that mention a topic among the remote jobs that Remotive gives to programs (a few dozen), matched here."
    terms = Terms(
        "https://remotive.com/api-documentation",
        "2026-11-20",
        "A free interface without key: at most four requests a day, postings come 24 hours late. Remotive is to be named and linked"
        " where its postings are shown; they must not be passed on to other job boards.",
    )
    endpoints: ClassVar = {"base_url": "https://remotive.com"}
    schedule = "23 4 * * *"

    @classmethod
    def allowance(cls, options: Mapping[str, object]) -> Allowance:
        return Allowance(4, "day", "4 requests a day")

    @classmethod
    def parts(cls, options: Mapping[str, object]) -> Sequence[Ask]:
        return [Ask("/api/remote-jobs")]

    @classmethod
    def page(cls, response: Response, ask: Ask) -> Page:
        return read_page(response.body)


def read_page(body: bytes) -> Page:
    payload = read_json(body)
    rows, stated = listing(payload, "jobs"), number(payload, "job-count")
    if stated != len(rows):
        raise ParseError(f"job-count is {stated:,.0f}, but {len(rows):,} postings are listed")
    available = number(payload, "total-job-count") if "total-job-count" in payload else stated
    return Page([posting(row) for row in rows], whole=available <= stated)


def posting(row: object) -> Posting:
    return Posting(
        id=identity(row),
        title=text(row, "title"),
        text=f"{words(row, 'tags')}\n{prose(row, 'description')}",
        posted=when(row, "publication_date"),
    )
