"""Stored digests as letters, files and webhook documents."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crawlers.settings import program_version
from scheduler.config import Config
from trends.digest_html import Chart, Entry, feed, fragment, mail, page
from trends.digest_model import Digest
from trends.digest_text import Colophon, markdown, plain
from trends.mail import MOST_HTML, Letter, bare
from trends.report import write

if TYPE_CHECKING:
    from scheduler.config_mail import Mailing

FEED = 26  # entries: half a year of weeks


@dataclass(frozen=True, slots=True)
class Issue:
    """What one reader gets: digests with their charts, and the knowledge that they rest on."""

    digests: tuple[Digest, ...]
    charts: tuple[tuple[Chart, ...], ...]
    sequence: int


def letter(issue: Issue, settings: Config, *, test: bool = False) -> Letter:
    """The mail of an issue."""
    mailing = settings.mail
    assert mailing is not None, "who sends mail has a [mail] section"
    named = " and ".join(d.title for d in issue.digests)
    leave = mailing.unsubscribe_url or _mailto(mailing)
    colophon = Colophon(program_version(), issue.sequence, leave, named, settings.digest.link)
    subject = issue.digests[0].subject + (f" (and {', '.join(d.title for d in issue.digests[1:])})" if len(issue.digests) > 1 else "")
    pictures = tuple(p for charts in issue.charts for chart in charts for p in (chart.light, chart.dark))
    html = _fitting(issue, colophon)
    unique = tuple({p.name: p for p in pictures if f"cid:{p.name}" in html}.values())
    return Letter(f"[test] {subject}" if test else subject, plain(issue.digests, colophon), html, unique)


def _fitting(issue: Issue, colophon: Colophon) -> str:
    """HTML that mail programs show whole: of many baskets the last ones have only their biggest news; the text has it all."""
    html = mail(issue.digests, issue.charts, colophon)
    for full in range(len(issue.digests) - 1, -1, -1):
        if len(html.encode()) <= MOST_HTML:
            break
        rest = [d.brief("The rest is in the text of this mail, and in the summary:") for d in issue.digests[full:]]
        html = mail([*issue.digests[:full], *rest], [*issue.charts[:full], *([()] * len(rest))], colophon)
    return html


def _mailto(mailing: Mailing) -> str:
    return mailing.unsubscribe or f"mailto:{bare(mailing.sender)}?subject=unsubscribe"


def document(issue: Issue, settings: Config) -> dict[str, Any]:
    """The JSON of an issue, for `--json` and the webhook; ``text`` is what a chat program shows."""
    colophon = Colophon(program_version(), issue.sequence, page=settings.digest.link)
    return {
        "text": plain(issue.digests, colophon),
        "program": f"uptake {program_version()}",
        "sequence": issue.sequence,
        "digests": [digest.to_dict() for digest in issue.digests],
    }


def files(issue: Issue, settings: Config) -> dict[str, str]:
    """Suffix → content of the files that an issue is written to."""
    colophon = Colophon(program_version(), issue.sequence, page=settings.digest.link)
    return {
        ".html": page(issue.digests, issue.charts, colophon),
        ".txt": plain(issue.digests, colophon),
        ".md": markdown(issue.digests, colophon),
        ".json": json.dumps(document(issue, settings), ensure_ascii=False, indent=2) + "\n",
    }


def write_files(folder: Path, name: str, contents: Mapping[str, str]) -> list[Path]:
    paths = [folder / f"{name}{suffix}" for suffix in contents]
    for path, content in zip(paths, contents.values(), strict=True):
        write(path, content)
    return paths


def write_feed(folder: Path, entries: Sequence[tuple[Digest, int, int]], settings: Config) -> Path:
    """The Atom feed of stored digests: (digest, its present, the sequence that it rests on)."""
    path = folder / "feed.atom"
    rows = [
        Entry(digest, fragment(digest, Colophon(program_version(), sequence, page=settings.digest.link)), updated)
        for digest, updated, sequence in sorted(entries, key=lambda e: e[1])[-FEED:]
    ]
    write(path, feed(rows, title="Uptake: which technologies are being picked up", version=program_version(), link=settings.digest.link))
    return path
