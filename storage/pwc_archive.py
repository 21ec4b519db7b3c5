"""Papers With Code's frozen archive (July 2025): papers and repositories per framework and month, and their shares.

Two of its files are read, whole or in parts, in any order, as JSON, JSON.gz or Parquet:

- *links-between-paper-and-code*: a row a repository of a paper: ``paper_url``, ``repo_url``, ``framework`` ("pytorch",
  "tf", "none", …);
- *papers-with-abstracts*: a row a paper: ``paper_url``, ``date`` of publication.

https://huggingface.co/pwc-archive, CC BY-SA 4.0. How it is counted: a paper is one `paper_url`, a repository one
address without regard to case. A paper with repositories in two frameworks counts once for each, and once in all; so
shares of frameworks may add up to more than 100. A share is the framework's papers among those with any code at all,
"none" included. Papers without a date are in no month. A repository of several papers belongs to the first one's month.
Where the links bear a date of the repository (no file of the archive does, but one that was joined may), repositories
and their shares are counted by that month too, under the label ``by="repository"``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from storage.figures import Figures
from storage.model import IMPORTED_ORIGIN, Metric, Observation, Series, Topic, UsageError
from storage.periods import epoch
from storage.pwc_links import Links
from storage.records import columns_of
from storage.vocabulary import PWC_PAPERS, PWC_PAPERS_TOTAL, PWC_REPOSITORIES, PWC_REPOSITORIES_TOTAL, PWC_SHARE

SOURCE = "paperswithcode"
CITATION = "Papers With Code archive of July 2025, CC BY-SA 4.0, https://huggingface.co/pwc-archive"
ALIASES: Mapping[str, tuple[str, ...]] = {  # the archive's word for a framework -> how its topic may be called
    "tf": ("tensorflow",),
    "torch": ("lua torch", "torch7"),
    "paddle": ("paddlepaddle",),
    "caffe2": ("caffe 2",),
}
REPOSITORY_DATES = ("repo_created", "repo_created_at", "repository_created", "repository_created_at", "repo_date")
_SHOWN = 8
_EXPECTED = (
    "expected are links-between-paper-and-code (columns paper_url, repo_url, framework) and papers-with-abstracts"
    " (columns paper_url, date) of https://huggingface.co/pwc-archive, as JSON, JSON.gz or Parquet"
)


def read_archive(paths: Sequence[Path], topics: Iterable[Topic]) -> Figures:
    """Count the archive's files for these topics. All rows are of the origin *imported* and cite the archive.

    A topic is found by its ``paperswithcode`` name or names, else by its key or title, else by its ``papers`` keywords.
    A month without any paper with code has no figure at all; one without a paper of the framework has a zero. What was
    left out is told in ``notes``. Raises `UsageError` for files that are something else, damaged, or not enough.
    """
    links, papers = _sorted_out(paths)
    archive = Links()
    for path, born in links:
        archive.take_links(path, born)
    for path in papers:
        archive.take_papers(path)
    if papers and archive.papers and not archive.published:
        raise UsageError("no paper of the links is in the papers' file, or none has a date: do the files belong together?")
    found = _Counted(archive, list(topics))
    rows = list(found.rows())
    if not rows:
        raise UsageError(f"{', '.join(map(str, paths))}: there is nothing to count; {_EXPECTED}")
    return Figures(rows, [], tuple(found.notes()))


def _sorted_out(paths: Sequence[Path]) -> tuple[list[tuple[Path, str | None]], list[Path]]:
    """The files with links, each with its column of repositories' dates, and those with papers."""
    links: list[tuple[Path, str | None]] = []
    papers: list[Path] = []
    for path in paths:
        columns = columns_of(path)
        if {"paper_url", "repo_url", "framework"} <= set(columns):
            links.append((path, next((c for c in REPOSITORY_DATES if c in columns), None)))
        elif {"paper_url", "date"} <= set(columns) and "repo_url" not in columns:
            papers.append(path)
        else:
            raise UsageError(f"{path} has the columns {', '.join(columns[:12]) or 'of an empty file'}; {_EXPECTED}")
    if not links:
        raise UsageError(f"name the file of links between papers and code too; {_EXPECTED}")
    if not papers and not any(born for _, born in links):
        raise UsageError(f"name the file of papers too: the links bear no dates; {_EXPECTED}")
    return links, papers


def _time(month: int) -> int:
    return epoch(datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC))


Tally = dict[int, Counter[int]]  # month -> how many papers (repositories) have exactly these frameworks' bits


def _tally(months: Mapping[int, int], bits: Sequence[int]) -> Tally:
    found: Tally = defaultdict(Counter)
    for one, month in months.items():
        found[month][bits[one]] += 1
    return dict(sorted(found.items()))


class _Counted:
    """Figures for topics out of an archive that was read."""

    def __init__(self, archive: Links, topics: Sequence[Topic]) -> None:
        self._archive = archive
        self._papers = _tally(archive.published, archive.paper_bits)
        self._by_paper = _tally(archive.first_papers(), archive.repository_bits)
        self._by_repository = _tally(archive.born, archive.repository_bits)
        words = {topic.key: _words(topic, archive.frameworks) for topic in topics}
        self._wanted = {key: sum(1 << archive.frameworks[w] for w in found) for key, found in words.items() if found}
        self._lost = [key for key, found in words.items() if not found]
        self._named = set(chain.from_iterable(words.values()))

    def rows(self) -> Iterator[Observation]:
        by_paper, by_repository = (("by", "paper"),), (("by", "repository"),)
        yield from self._flow(self._papers, PWC_PAPERS, PWC_PAPERS_TOTAL, ())
        yield from self._flow(self._by_paper, PWC_REPOSITORIES, PWC_REPOSITORIES_TOTAL, by_paper)
        yield from self._flow(self._by_repository, PWC_REPOSITORIES, PWC_REPOSITORIES_TOTAL, by_repository)
        yield from self._each(self._papers, PWC_SHARE, by_paper, lambda part, whole: 100 * part / whole)
        yield from self._each(self._by_repository, PWC_SHARE, by_repository, lambda part, whole: 100 * part / whole)

    def _flow(self, tally: Tally, metric: Metric, total: Metric, labels: tuple[tuple[str, str], ...]) -> Iterator[Observation]:
        series = Series(total.name, "", labels, origin=IMPORTED_ORIGIN, source=SOURCE)
        yield from (Observation(series, _time(month), float(bits.total()), citation=CITATION) for month, bits in tally.items())
        yield from self._each(tally, metric, labels, lambda part, _: float(part))

    def _each(
        self, tally: Tally, metric: Metric, labels: tuple[tuple[str, str], ...], value: Callable[[int, int], float]
    ) -> Iterator[Observation]:
        for key, wanted in self._wanted.items():
            series = Series(metric.name, key, labels, origin=IMPORTED_ORIGIN, source=SOURCE)
            for month, bits in tally.items():
                part = sum(n for has, n in bits.items() if has & wanted)
                yield Observation(series, _time(month), value(part, bits.total()), citation=CITATION)

    def notes(self) -> Iterator[str]:
        a = self._archive
        if a.nameless:
            yield f"{a.nameless:,} links name no paper or no repository and were left out"
        if a.known and len(a.known) < len(a.papers):
            yield f"{len(a.papers) - len(a.known):,} of {len(a.papers):,} papers with code are not in the papers' file and are in no month"
        if dateless := len(a.known) - len(a.published):
            yield f"{dateless:,} papers with code have no date and are in no month"
        if not a.dated:
            yield "the links bear no dates of repositories: repositories are counted by the month of their first paper only"
        elif late := len(a.repositories) - len(a.born):
            yield f"{late:,} of {len(a.repositories):,} repositories have no date and are in no month of label by=repository"
        if not a.known:
            yield "no papers' file was named: only repositories are counted, by their own dates"
        if self._lost:
            yield f"the archive has no framework for {_listed(self._lost)}; a topic's word there is its key paperswithcode"
        often = Counter({w: sum(1 for bits in a.paper_bits if bits >> n & 1) for w, n in a.frameworks.items() if w not in self._named})
        if often:
            yield f"no topic is called {_listed([f'{word} ({papers:,} papers)' for word, papers in often.most_common()])}"


def _words(topic: Topic, known: Mapping[str, int]) -> list[str]:
    """The archive's words that mean a topic, of those that it knows."""
    given = topic.names.get(SOURCE)
    for names in [given] if given else [[topic.key, topic.title], topic.names.get("papers")]:
        wanted = {n.strip().casefold() for n in _texts(names)}
        found = [word for word in known if wanted & {word, *ALIASES.get(word, ())}]
        if found:
            return found
    return []


def _texts(names: Any) -> list[str]:
    if isinstance(names, dict):
        names = names.get("any", [])
    listed = names if isinstance(names, list | tuple) else [names]
    return [n.strip('"') for n in listed if isinstance(n, str)]


def _listed(words: Sequence[str]) -> str:
    more = len(words) - _SHOWN
    return ", ".join(words[:_SHOWN]) + (f" and {more:,} more" if more > 0 else "")


__all__ = ["CITATION", "read_archive"]
