"""Arbeitnow's job board interface: all its postings, mostly in Germany and remote, page by page.

https://www.arbeitnow.com/blog/job-board-api. The last page is the one whose ``links.next`` is null; an answer without
``links`` does not say whether there is more. ``created_at`` is the time at which Arbeitnow took a posting up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from scrapy.http import Response

from crawlers.boards.downloaded import DownloadBoard, Page, Posting
from crawlers.boards.rows import identity, prose, words
from crawlers.boards.searched import Ask
from crawlers.payload import listing, number, read_json, text
from crawlers.source import Terms
from crawlers.urls import path_of
from storage.model import ParseError


class Arbeitnow(DownloadBoard):
    name = "arbeitnow"
    title = "Arbeitnow"
    about = "Open postings that mention a topic on a board for jobs in Germany and remote ones, downloaded whole and matched here."
    terms = Terms(
        "https://www.arbeitnow.com/blog/job-board-api",
        "2026-11-20",
        "A free interface without key for programs; it asks for moderate use and a link back.",
    )
    endpoints: ClassVar = {"base_url": "https://www.arbeitnow.com"}
    schedule = "9 4 * * *"
    pages_per_part = 10.0

    @classmethod
    def parts(cls, options: Mapping[str, object]) -> Sequence[Ask]:
        return [Ask("/api/job-board-api")]

    @classmethod
    def page(cls, response: Response, ask: Ask) -> Page:
        return read_page(response.body)


def read_page(body: bytes) -> Page:
    payload = read_json(body)
    postings = [posting(row) for row in listing(payload, "data")]
    links = payload.get("links")
    if not isinstance(links, dict) or "next" not in links:
        return Page(postings, whole=not postings)
    following = links["next"]
    if following is None or not postings:
        return Page(postings)
    if not isinstance(following, str):
        raise ParseError(f"links.next is {following!r} where an address was expected")
    return Page(postings, Ask(path_of(following)))


def posting(row: object) -> Posting:
    return Posting(
        id=identity(row, "slug"),
        title=text(row, "title"),
        text=f"{words(row, 'tags')}\n{prose(row, 'description')}",
        posted=int(number(row, "created_at")),
    )
