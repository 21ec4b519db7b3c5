"""Arbeitnow's job board interface: all its postings, mostly in Germany and remote, page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from scrapy.http import Response

from crawlers.boards.downloaded import DownloadBoard, Page, Posting
from crawlers.boards.searched import Ask
from crawlers.payload import as_text, listing, number, read_json, text
from crawlers.source import Terms
from crawlers.urls import path_of


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
        payload = read_json(response.body)
        rows = listing(payload, "data")
        links = payload.get("links")
        following = links.get("next") if isinstance(links, dict) else None
        return Page([posting(row) for row in rows], Ask(path_of(following)) if rows and isinstance(following, str) else None)


def posting(row: object) -> Posting:
    return Posting(
        id=text(row, "slug"),
        title=text(row, "title"),
        text=f"{' '.join(map(str, listing(row, 'tags')))}\n{as_text(text(row, 'description'))}",
        posted=int(number(row, "created_at")),
    )
