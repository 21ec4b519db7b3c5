"""Himalayas, a board for remote jobs all over the world. https://himalayas.app/docs/remote-jobs-api

``q`` of its search is free text; an answer holds 20 jobs. That it knows phrases or exclusions is not said, and OR has
been reported by one user only, so that each alternative is a search of its own. It has no parameter for the age of
postings. The total of the board is that of its list of all jobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from scrapy.http import Response

from crawlers.boards.queries import Query, Syntax
from crawlers.boards.searched import Ask, SearchBoard, counted, titles_of
from crawlers.counts import Count
from crawlers.payload import read_json
from crawlers.source import Terms


class Himalayas(SearchBoard):
    name = "himalayas"
    title = "Himalayas"
    about = "Open remote postings that mention a topic, all over the world."
    terms = Terms(
        "https://himalayas.app/docs/remote-jobs-api",
        "2026-11-20",
        "A free public interface without key, renewed once a day. Who shows its jobs links back to Himalayas and names it as their source."
        " Requests are limited, by how much is not published.",
    )
    endpoints: ClassVar = {"base_url": "https://himalayas.app"}
    schedule = "52 4 * * *"
    delay = 2.0
    with_new = False
    syntax = Syntax(phrase="{}", joined=False)

    def ask(self, query: Query | None, country: str, days: int | None) -> Ask:
        if query is None:
            return Ask("/jobs/api", {"limit": 1})
        return Ask("/jobs/api/search", {"q": query.text})

    @classmethod
    def count(cls, response: Response) -> Count:
        return read_count(response.body)

    @classmethod
    def titles(cls, response: Response) -> Sequence[str]:
        return titles_of(read_json(response.body), "jobs", title=["title"])


def read_count(body: bytes) -> Count:
    return counted(read_json(body), "totalCount", rows=["jobs"])
