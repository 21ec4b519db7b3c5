"""What the files of Papers With Code's archive say, with numbers in place of names: links, dates, frameworks.

Of papers only those with code are kept, and of those a few bytes each, so that memory does not grow with the abstracts.
"""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path

from storage.model import UsageError
from storage.records import batches

_NONE = {"", "none", "other", "unknown"}
_MANY = 1000  # frameworks: a column with more holds something else
_DAY = re.compile(r"(\d{4})-(0[1-9]|1[0-2])(?:-|\Z)", re.ASCII)


@lru_cache(maxsize=4096)
def _month_of_text(text: str) -> int | None:
    found = _DAY.match(text)
    return int(found[1]) * 12 + int(found[2]) - 1 if found else None


def _month(value: object) -> int | None:
    """A date's month, counted from the year nought; None where it is no date."""
    if isinstance(value, str):
        return _month_of_text(value.strip()[:10])
    if isinstance(value, date):  # a datetime is one
        return value.year * 12 + value.month - 1
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**13:  # milliseconds, as pandas writes them
        when = datetime.fromtimestamp(value / 1000, UTC)
        return when.year * 12 + when.month - 1
    return None


def _paper(url: object) -> str:
    return url.strip().rstrip("/").rpartition("/paper/")[2] if isinstance(url, str) else ""


def _repository(url: object) -> str:
    if not isinstance(url, str):
        return ""
    return url.strip().lower().rpartition("://")[2].removeprefix("www.").rstrip("/").removesuffix(".git")


@dataclass(slots=True)
class Links:
    """What the links say, with numbers in place of names; of papers only those with code are kept."""

    papers: dict[str, int] = field(default_factory=dict)
    repositories: dict[str, int] = field(default_factory=dict)
    frameworks: dict[str, int] = field(default_factory=dict)  # the archive's word -> bit
    paper_bits: list[int] = field(default_factory=list)
    repository_bits: list[int] = field(default_factory=list)
    link_papers: array[int] = field(default_factory=lambda: array("I"))
    link_repositories: array[int] = field(default_factory=lambda: array("I"))
    published: dict[int, int] = field(default_factory=dict)  # paper -> month
    born: dict[int, int] = field(default_factory=dict)  # repository -> month
    dated: bool = False  # the links have a column for that
    known: set[int] = field(default_factory=set)  # papers that the papers' file has, with a date or not
    nameless: int = 0

    def take_links(self, path: Path, born: str | None) -> None:
        self.dated |= born is not None
        for batch in batches(path, ["paper_url", "repo_url", "framework", born or "-"]):
            for paper_url, repo_url, framework, made in batch:
                paper, repository = _paper(paper_url), _repository(repo_url)
                if not paper or not repository:
                    self.nameless += 1
                    continue
                self._link(paper, repository, self._bit(path, framework), _month(made))

    def _link(self, paper: str, repository: str, bit: int, made: int | None) -> None:
        p = self.papers.setdefault(paper, len(self.papers))
        r = self.repositories.setdefault(repository, len(self.repositories))
        if p == len(self.paper_bits):
            self.paper_bits.append(0)
        if r == len(self.repository_bits):
            self.repository_bits.append(0)
        self.paper_bits[p] |= bit
        self.repository_bits[r] |= bit
        self.link_papers.append(p)
        self.link_repositories.append(r)
        if made is not None:
            self.born[r] = min(made, self.born.get(r, made))

    def _bit(self, path: Path, framework: object) -> int:
        word = framework.strip().lower() if isinstance(framework, str) else ""
        if word in _NONE:
            return 0
        if len(self.frameworks) > _MANY:
            raise UsageError(
                f"{path}: its column framework holds more than {_MANY:,} different words; that is no links-between-paper-and-code"
            )
        return 1 << self.frameworks.setdefault(word, len(self.frameworks))

    def take_papers(self, path: Path) -> None:
        for batch in batches(path, ["paper_url", "date"]):
            for url, when in batch:
                paper = self.papers.get(_paper(url))
                if paper is None:
                    continue
                self.known.add(paper)
                month = _month(when)
                if month is not None:
                    self.published[paper] = min(month, self.published.get(paper, month))

    def first_papers(self) -> dict[int, int]:
        """The month of each repository's first paper."""
        months: dict[int, int] = {}
        for paper, repository in zip(self.link_papers, self.link_repositories, strict=True):
            month = self.published.get(paper)
            if month is not None and month <= months.get(repository, month):
                months[repository] = month
        return months


__all__ = ["Links"]
