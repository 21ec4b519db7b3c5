"""`uptake import --format page`: figures from pages that a person saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from scheduler.cli.common import counted, moment, now, print_json, writing
from storage.model import UsageError, read_labels
from storage.periods import iso

if TYPE_CHECKING:
    from scheduler.config import Config
    from scheduler.saved_pages import PageRead
    from storage.model import Observation


@dataclass(frozen=True, slots=True)
class PageOptions:
    """The options that only pages have."""

    source: str | None = None
    topic: str | None = None
    time: str | None = None
    labels: Sequence[str] = ()

    def __bool__(self) -> bool:
        return any((self.source, self.topic, self.time, self.labels))


def import_pages(settings: Config, files: Sequence[Path], options: PageOptions, *, as_json: bool) -> int:
    """Read saved pages into the journal and tell what each came to. Exit code 1 if some gave nothing, 2 if an option would help."""
    from scheduler import saved_pages
    from scheduler.cli.collecting import check_topics
    from scheduler.config import near
    from storage import rollup

    if options.source is None:
        raise UsageError(f"--format page needs --source: whose pages are these? One of: {', '.join(saved_pages.readers())}")
    if options.source not in settings.sources:
        raise UsageError(f"--source: there is no source {options.source!r}{near(options.source, saved_pages.readers())}")
    check_topics(settings, [options.topic] if options.topic else None)
    when = now()
    setup = settings.setup(options.source)
    labels = tuple(read_labels(";".join(options.labels)))
    wishes = saved_pages.Wishes(options.topic, moment(options.time, "--time"), labels)
    saved_pages.check_wishes(setup, wishes, when)
    pages = saved_pages.read_pages(setup, files, wishes, when)
    with writing(settings) as journal:
        fates = saved_pages.store(journal, setup, pages, now=when, keep=settings.keep)
        with journal.write() as tx:
            rollup.refresh(tx)
    report = [_entry(page, fates) for page in pages]
    if as_json:
        print_json(report)
    else:
        _tell(report)
    unclear = [page for page in pages if page.unclear]
    if unclear:
        more = f" (and {counted(len(unclear) - 1, 'more file')})" if len(unclear) > 1 else ""
        raise UsageError(f"{unclear[0].path}: {unclear[0].problem}{more}")
    return int(any(page.problem for page in pages))


def _entry(page: PageRead, fates: dict[Any, str]) -> dict[str, Any]:
    def figure(o: Observation) -> dict[str, Any]:
        plain = {"series": str(o.series), "time": iso(o.time), "value": o.value, "bound": o.bound.name.lower()}
        return {**plain, "observed_at": iso(o.observed_at), "outcome": fates[page.path, o.series, o.time]}

    return {"file": str(page.path), "figures": [figure(o) for o in page.found], "problem": page.problem}


def _tell(report: Sequence[dict[str, Any]]) -> None:
    words = {"at_least": " or more", "estimate": " (estimate)"}
    outcomes = {"known": "already there", "kept": "not taken: the figure that is there stands"}
    for entry in report:
        for f in entry["figures"]:
            fate = outcomes.get(f["outcome"], f["outcome"])
            value = f"{f['value']:,.0f}{words.get(f['bound'], '')}, seen {f['observed_at']}"
            typer.echo(f"{entry['file']}: {f['series']} on {f['time'][:10]}: {value}; {fate}")
        if entry["problem"]:
            typer.echo(f"{entry['file']}: nothing imported: {entry['problem']}", err=True)
