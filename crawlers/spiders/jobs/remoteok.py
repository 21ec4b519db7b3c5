"""Remote OK's interface: its newest postings, about a hundred, newest first, in one answer without paging.

https://remoteok.com/api. The first element of the list is no posting but a legal notice. Nothing in the answer says how
many postings there are in all, so that the numbers are lower bounds; the new ones are exact if the list goes back far enough.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from scrapy.http import Response

from crawlers.boards.downloaded import DownloadBoard, Page, Posting
from crawlers.boards.rows import identity, prose, when, words
from crawlers.boards.searched import Ask
from crawlers.payload import listing, read_json, text
from crawlers.source import Terms
from storage.model import ParseError


class RemoteOK(DownloadBoard):
    name = "remoteok"
    title = "Remote OK"
    about = "Postings that mention a topic among the newest hundred remote jobs on Remote OK, matched here."
    terms = Terms(
        "https://remoteok.com/api",
        "2026-11-20",
        "A free interface without key. Remote OK is to be named, with a link that is followed (not nofollow) to its posting, where its"
        " postings are shown; its logo must not be used.",
    )
    endpoints: ClassVar = {"base_url": "https://remoteok.com"}
    schedule = "37 4 * * *"
    delay = 10.0

    @classmethod
    def parts(cls, options: Mapping[str, object]) -> Sequence[Ask]:
        return [Ask("/api")]

    @classmethod
    def page(cls, response: Response, ask: Ask) -> Page:
        return read_page(response.body)


def read_page(body: bytes) -> Page:
    rows = listing(read_json(body))
    if rows and isinstance(rows[0], dict) and "legal" in rows[0] and "position" not in rows[0]:
        rows = rows[1:]
    if not rows:
        raise ParseError("the answer holds no posting")
    return Page([posting(row) for row in rows], whole=False)


def posting(row: object) -> Posting:
    return Posting(
        id=identity(row),
        title=text(row, "position"),
        text=f"{words(row, 'tags')}\n{prose(row, 'description')}",
        posted=when(row, "date"),
    )
