"""Companies' own job boards on Greenhouse, Lever and Ashby: a panel of companies that is read whole each day.

One request for each company. The count is of this panel, not of a country's labour market; its changes over time are what
it is for. A change of the panel is a new version of the metric, so that two panels never mix (`company_panel.version_of`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import ClassVar
from urllib.parse import unquote

from scrapy.http import Response

from crawlers.boards.downloaded import DownloadBoard, Page
from crawlers.boards.searched import WORLD, Ask
from crawlers.source import Counts, Option, Terms
from crawlers.spiders.jobs.company_panel import Company, chosen_by, starter_panel, version_of
from crawlers.spiders.jobs.company_payloads import READERS
from crawlers.spiders.jobs.locations import EUROPE, US
from storage.model import UsageError

# Board -> endpoint, what stands before and behind the company in the path, parameters
_ASKED: dict[str, tuple[str, str, str, Mapping[str, object]]] = {
    "greenhouse": ("base_url", "/v1/boards/", "/jobs", {"content": "true"}),
    "lever": ("lever_url", "/v0/postings/", "", {"mode": "json"}),
    "lever_eu": ("lever_eu_url", "/v0/postings/", "", {"mode": "json"}),
    "ashby": ("ashby_url", "/posting-api/job-board/", "", {}),
}
_BOARD_AT = {endpoint: board for board, (endpoint, *_) in _ASKED.items()}


class CompanyBoards(DownloadBoard):
    name = "company_boards"
    title = "Company boards"
    about = (
        "Open postings that mention a topic on the own job boards of some two hundred well-known technology companies of the United States"
        " and Europe (and of yours), on Greenhouse, Lever and Ashby, matched here. A company's own name in its postings is no mention."
    )
    terms = Terms(
        "https://developers.greenhouse.io/job-board.html",
        "2026-11-20",
        "Public interfaces without key, made for showing a company's postings anywhere; Lever's asks for a second between requests."
        " Also https://github.com/lever/postings-api and https://developers.ashbyhq.com/docs/public-job-posting-api.",
    )
    endpoints: ClassVar = {
        "base_url": "https://boards-api.greenhouse.io",
        "lever_url": "https://api.lever.co",
        "lever_eu_url": "https://api.eu.lever.co",
        "ashby_url": "https://api.ashbyhq.com",
    }
    options = (
        Option("companies", 'companies of your own beside the panel, like ["greenhouse:stripe", "lever:spotify"]', type=list, default=[]),
        Option("panel", "false leaves the starter panel out, so that only your own companies are read", type=bool, default=True),
    )
    schedule = "31 5 * * *"
    countries: ClassVar = {WORLD: "", US: "", EUROPE: ""}
    hosts_apart = True
    tolerance = 0.1
    parts_in_preview = 12

    @classmethod
    def rows(cls, options: Mapping[str, object]) -> tuple[Counts, ...]:
        version = version_of(chosen_by(options))
        return tuple(replace(row, metric=replace(row.metric, version=version)) for row in super().rows(options))

    @classmethod
    def check_options(cls, options: Mapping[str, object]) -> None:
        try:
            chosen = chosen_by(options)
        except UsageError as error:
            raise UsageError(f"[sources.{cls.name}] companies: {error}") from error
        if not chosen:
            raise UsageError(f"[sources.{cls.name}]: there is no company to be read; name some in companies, or leave out panel = false")

    @classmethod
    def parts(cls, options: Mapping[str, object]) -> Sequence[Ask]:
        return [_ask(company) for company in chosen_by(options)]

    @classmethod
    def page(cls, response: Response, ask: Ask) -> Page:
        company = _company(ask)
        return Page(READERS[company.board](response.body, company.key, company.title))

    def gone(self, ask: Ask) -> str:
        return f"{_company(ask).key} has no job board there any more; it is left out of company_boards"


def _ask(company: Company) -> Ask:
    endpoint, before, behind, params = _ASKED[company.board]
    return Ask(f"{before}{company.slug}{behind}", params, endpoint=endpoint)


def _company(ask: Ask) -> Company:
    """The company that a request is for."""
    board = _BOARD_AT[ask.endpoint]
    _, before, behind, _ = _ASKED[board]
    slug = ask.path.removeprefix(before).removesuffix(behind)
    return Company(board, slug, _titles().get((board, slug)) or unquote(slug))


@cache
def _titles() -> dict[tuple[str, str], str]:
    return {(company.board, company.slug): company.title for company in starter_panel()}
