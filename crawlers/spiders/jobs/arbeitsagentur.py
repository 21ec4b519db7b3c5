"""The job search of the German employment agency (Bundesagentur für Arbeit).

It is the interface that the agency's own page uses, with the key that the page uses, described by others
(https://github.com/bundesAPI/jobsuche-api): the agency promises nothing, and has changed it before. Version 6 gives
the total in ``maxErgebnisse`` beside the list ``ergebnisliste`` (issue 69 there). ``was`` is a free search; that it
knows phrases, alternatives or exclusions could not be established, so that each alternative is a search of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from scrapy.http import Response

from crawlers.boards.queries import Query, Syntax
from crawlers.boards.searched import Ask, SearchBoard, counted, titles_of
from crawlers.counts import Count
from crawlers.payload import mapping, read_json
from crawlers.source import Option, Terms

_ROWS = "ergebnisliste"
_WORK = 1  # jobs, without training (4), internships (34) and self-employment (2)


class Arbeitsagentur(SearchBoard):
    name = "arbeitsagentur"
    title = "Bundesagentur für Arbeit"
    about = (
        "Open postings (jobs, no apprenticeships) that mention a topic at the German employment agency, and those of the last seven days."
    )
    terms = Terms(
        "https://github.com/bundesAPI/jobsuche-api",
        "2026-11-20",
        "Unofficial: the interface behind the agency's own public search, with its public key. There are no published terms for programs"
        " and no promise that it stays; ask moderately.",
    )
    endpoints: ClassVar = {"base_url": "https://rest.arbeitsagentur.de"}
    options = (Option("key", "the public key that the agency's own page sends", default="jobboerse-jobsuche"),)
    schedule = "13 5 * * *"
    remedy = (
        "version 6 of the interface may be closed (403 is what 4 has said since), or its key has changed:"
        " set key to the X-API-Key that https://www.arbeitsagentur.de/jobsuche sends"
    )
    countries: ClassVar = {"de": ""}
    syntax = Syntax(phrase="{}", joined=False)

    def ask(self, query: Query | None, country: str, days: int | None) -> Ask:
        params = {
            "was": query.text if query else None,
            "veroeffentlichtseit": days,
            "angebotsart": _WORK,
            "page": 1,
            "size": 5 if query else 1,
        }
        return Ask("/jobboerse/jobsuche-service/pc/v6/jobs", params, headers={"X-API-Key": str(self.option("key"))})

    @classmethod
    def count(cls, response: Response) -> Count:
        return read_count(response.body)

    @classmethod
    def titles(cls, response: Response) -> Sequence[str]:
        return titles_of(read_json(response.body), _ROWS, title=["stellenangebotsTitel"])


def read_count(body: bytes) -> Count:
    """``maxErgebnisse``; where there is none, the list may be left out."""
    payload = read_json(body)
    return counted({_ROWS: [], **mapping(payload)}, "maxErgebnisse", rows=[_ROWS])
