"""France Travail, the French employment service: "Offres d'emploi" v2. https://francetravail.io/data/api/offres-emploi

The total stands in the header ``Content-Range: offres 0-4/3285`` of a 206 (or 200); a search that finds nothing is a
204 with ``*/0``. Keywords that commas part must all be there; whether the words of one keyword must stand together,
and whether any can be excluded, could not be established. The key is exchanged for an access token, which lasts some
25 minutes. Ten requests a second are allowed (measured by others in September 2026), and no daily limit is known.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from scrapy.http import Response

from crawlers.boards.queries import Query, Syntax
from crawlers.boards.searched import Ask, SearchBoard, titles_of
from crawlers.counts import Count
from crawlers.payload import listing, read_json
from crawlers.source import Option, Terms
from crawlers.tokens import Login
from storage.model import ParseError

_RANGE = re.compile(r"(?:[a-z]+\s+)?(?:(\d{1,9})-(\d{1,9})|\*)/(\d{1,12})", re.IGNORECASE)


class FranceTravail(SearchBoard):
    name = "france_travail"
    title = "France Travail"
    about = "Open postings that mention a topic at the French employment service and its partners, and those of the last seven days."
    terms = Terms(
        "https://francetravail.io/data/api/offres-emploi",
        "2026-11-20",
        "An official interface; registering an application is free. Its licence is about showing postings (unchanged, free of charge, up to"
        " date, with their source); here they are only counted.",
    )
    endpoints: ClassVar = {
        "base_url": "https://api.francetravail.io",
        "token_url": "https://entreprise.francetravail.fr/connexion/oauth2/access_token?realm=%2Fpartenaire",
    }
    options = (
        Option("client_id", "the identifier of an application that is registered at https://francetravail.io", secret=True, required=True),
        Option(
            "client_secret", "the secret key of an application that is registered at https://francetravail.io", secret=True, required=True
        ),
    )
    schedule = "41 5 * * *"
    remedy = (
        "check UPTAKE_FRANCE_TRAVAIL_CLIENT_ID and UPTAKE_FRANCE_TRAVAIL_CLIENT_SECRET,"
        ' and that the application has the API "Offres d\'emploi" at https://francetravail.io'
    )
    countries: ClassVar = {"fr": ""}
    syntax = Syntax(phrase="{}", joined=False)

    def login(self) -> Login:
        form = {
            "grant_type": "client_credentials",
            "client_id": str(self.option("client_id")),
            "client_secret": str(self.option("client_secret")),
            "scope": "api_offresdemploiv2 o2dsoffre",
        }
        return Login(self.endpoint("token_url"), form, self.remedy)

    def ask(self, query: Query | None, country: str, days: int | None) -> Ask:
        words = query.text.replace(",", " ") if query else None
        params = {"motsCles": words, "publieeDepuis": days, "range": "0-4" if query else "0-0"}
        return Ask("/partenaire/offresdemploi/v2/offres/search", params, headers={"Accept": "application/json"})

    @classmethod
    def count(cls, response: Response) -> Count:
        said = (response.headers.get(b"Content-Range") or b"").decode("latin-1")
        return read_count(response.status, said, response.body)

    @classmethod
    def titles(cls, response: Response) -> Sequence[str]:
        return titles_of(read_json(response.body), "resultats", title=["intitule"]) if response.body.strip() else ()


def read_count(status: int, content_range: str, body: bytes) -> Count:
    """The total of a ``Content-Range``, where it agrees with status and body."""
    found = _RANGE.fullmatch(content_range.strip())
    if found is None:
        raise ParseError(f"Content-Range is {content_range[:60]!r} where a range and a total were expected")
    first, last, total = found[1], found[2], int(found[3])
    empty = status == 204 or (not body.strip() and total == 0)
    rows = [] if empty else listing(read_json(body), "resultats")
    if (total == 0) != (first is None) or (total == 0 and rows) or (status == 204 and total):
        raise ParseError(
            f"status {status} with Content-Range {content_range[:60]!r} and {len(rows)} postings: these contradict one another"
        )
    if first is not None and not int(first) <= int(last) < total:
        raise ParseError(f"Content-Range {content_range[:60]!r} is no range of its total")
    return Count(float(total))
