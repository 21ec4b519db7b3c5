"""Which companies' boards are read: the starter panel in ``crawlers/data/companies.csv`` and the user's own.

What a company's board is called stands in its address: ``greenhouse:stripe`` is https://job-boards.greenhouse.io/stripe,
``lever:spotify`` https://jobs.lever.co/spotify, ``lever_eu:…`` https://jobs.eu.lever.co/…, ``ashby:notion``
https://jobs.ashbyhq.com/notion.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from urllib.parse import quote, unquote

from storage.model import UsageError

PANEL = 1  # raise it with each change of companies.csv
OWN = 1000  # versions above it are of other compositions
BOARDS = ("greenhouse", "lever", "lever_eu", "ashby")


@dataclass(frozen=True, slots=True, order=True)
class Company:
    board: str
    slug: str  # as in an address, percent-encoded
    title: str = ""  # what it calls itself; empty if that is not known

    @property
    def key(self) -> str:
        return f"{self.board}:{self.slug}"


@cache
def starter_panel() -> tuple[Company, ...]:
    text = files("crawlers").joinpath("data/companies.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return tuple(Company(row["board"], row["slug"], row["company"]) for row in rows)


def read_company(value: object) -> Company:
    """A company of the user's own, ``board:slug``. Raises `UsageError` that says how it is written."""
    board, colon, slug = value.strip().partition(":") if isinstance(value, str) else ("", "", "")
    slug = slug.strip()
    if not colon or board not in BOARDS or not slug or any(c in slug for c in "/?#:\\") or not slug.isprintable():
        raise UsageError(
            f"{value!r} names no board of a company; write the board ({', '.join(BOARDS)}), a colon, and the company's name in the"
            ' address of its list of jobs, like "lever:spotify" for https://jobs.lever.co/spotify'
        )
    return Company(board, quote(unquote(slug)))


def companies(own: Iterable[object], *, panel: bool) -> tuple[Company, ...]:
    """The companies to be read: the panel unless it is left out, then the user's own, each once."""
    known = {company.key: company for company in starter_panel()}
    chosen = dict(known) if panel else {}
    for value in own:
        company = read_company(value)
        chosen.setdefault(company.key, known.get(company.key, company))
    return tuple(chosen.values())


def version_of(chosen: Sequence[Company]) -> int:
    """The version of what is counted: the panel's own, or a number above 1,000 that stands for this set of companies.

    It does not depend on their order. Two sets share a number with a probability of one in a million.
    """
    keys = sorted(company.key for company in chosen)
    if keys == sorted(company.key for company in starter_panel()):
        return PANEL
    digest = hashlib.sha256("\n".join(keys).encode()).digest()
    return OWN + 1 + int.from_bytes(digest[:6], "big") % 1_000_000


def chosen_by(options: Mapping[str, object]) -> tuple[Company, ...]:
    own, panel = options.get("companies"), options.get("panel")
    return companies(own if isinstance(own, list) else [], panel=panel is not False)


__all__ = ["BOARDS", "OWN", "PANEL", "Company", "chosen_by", "companies", "read_company", "starter_panel", "version_of"]
