"""Figures from pages that a person saved: which topic and which series they are of, and how they come into the journal.

Nothing here is asked of a host. Each page is kept as a raw response like any other, under a run of the kind *import*
without a plan, so that `uptake trace` leads to it; its figures have the origin *imported*. Of several pages for
one slot the one that was saved last stands, in whatever order they come, so that importing again changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from scrapy.http import HtmlResponse, Request
from sqlalchemy import Connection

from crawlers.boards.queries import worse
from crawlers.keep import Keep
from crawlers.source import Counts, Saved, SourceSpider
from crawlers.walls import wall
from crawlers.warc_writer import CaptureWriter
from scheduler.saved_files import SavedFile, read_file
from scheduler.setups import Setup
from storage import ledger
from storage.journal import Journal
from storage.lookups import SELECT_SERIES, series_key
from storage.model import IMPORTED_ORIGIN, Bound, Kind, Observation, ParseError, Series, State, Topic, UptakeError, UsageError
from storage.periods import complete, iso, nominal

KIND = "import"  # of a run
NARROWED, UNKNOWN = "narrowed", "unknown"  # a label, and the country of a search in a place that is none of the board's countries
METHOD = "SAVED"  # of a capture: nobody asked for it


class UnclearError(UptakeError):
    """What a page is of does not follow from it: an option must say it."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user said of the pages."""

    topic: str | None = None
    time: int | None = None
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class PageRead:
    """What one file came to: its figures, or why there are none. ``unclear``: an option would help."""

    path: Path
    page: SavedFile | None = None
    found: tuple[Observation, ...] = ()
    problem: str = ""
    unclear: bool = False

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.body).hexdigest()

    @property
    def body(self) -> bytes:
        return self.page.page.encode("utf-8", "replace") if self.page is not None else b""


def readers() -> list[str]:
    """Names of the sources whose saved pages can be read."""
    from crawlers.catalog import sources

    return [name for name, cls in sources().items() if _reads(cls)]


def _reads(cls: type[SourceSpider]) -> bool:
    return cls.read_saved.__func__ is not SourceSpider.read_saved.__func__  # type: ignore[attr-defined]  # a bound class method


def check_wishes(setup: Setup, wishes: Wishes, now: int) -> None:
    """Raise `UsageError` for what cannot be."""
    cls = setup.source
    if not _reads(cls):
        raise UsageError(f"--source: pages of {cls.title} cannot be read; there are: {', '.join(readers())}")
    if wishes.time is not None and wishes.time > now:
        raise UsageError("--time is in the future")
    Series("a.b", "", wishes.labels)  # raises for a bad name or value
    known = getattr(cls, "countries", None)
    country = dict(wishes.labels).get("country")
    if known and country is not None and country not in known:
        raise UsageError(f"--label: {cls.title} has no country {country!r}; there are: {', '.join(known)}")


def read_pages(setup: Setup, paths: Iterable[Path], wishes: Wishes, now: int) -> list[PageRead]:
    """Read all files. Trouble with one of them is told in its `PageRead` and concerns no other."""
    return [_read(setup, path, wishes, now) for path in paths]


def _read(setup: Setup, path: Path, wishes: Wishes, now: int) -> PageRead:
    try:
        page = read_file(path)
        blocked = wall(page.url, page.page)
        if blocked:
            raise ParseError(f"this is {blocked}, not the page behind it")
        seen = _seen(path, page, wishes, now)
        return PageRead(
            path, page, tuple(_observation(setup, saved, wishes, seen) for saved in setup.source.read_saved(page.page, page.url))
        )
    except UnclearError as error:
        return PageRead(path, problem=str(error), unclear=True)
    except OSError as error:
        return PageRead(path, problem=f"it cannot be read: {error.strerror}")
    except UptakeError as error:
        return PageRead(path, problem=str(error))


def _seen(path: Path, page: SavedFile, wishes: Wishes, now: int) -> int:
    """When a page was seen: as the user says, as the file says, as the file system says."""
    known = wishes.time if wishes.time is not None else page.time
    seen = int(path.stat().st_mtime) if known is None else known
    if seen > now:
        raise UnclearError(f"it is dated {iso(seen)}, which is in the future; say when it was saved with --time")
    return seen


def _observation(setup: Setup, saved: Saved, wishes: Wishes, seen: int) -> Observation:
    topic, best = _topic(setup, saved.name, wishes.topic)
    metric = _rows(setup, saved.metric)[0].metric
    labels = _labels(setup, saved, dict(wishes.labels))
    series = Series(metric.name, topic, labels, metric.version, IMPORTED_ORIGIN, setup.name)
    time = nominal(metric, seen) if saved.time is None else saved.time
    bound = worse(saved.count.bound, best)
    if metric.kind is Kind.FLOW and not complete(metric, time, seen):
        bound = worse(bound, Bound.AT_LEAST)
    return Observation(series, time, float(saved.count.value), bound, seen)


def _rows(setup: Setup, metric: str) -> list[Counts]:
    """What is declared of a metric: as the options have it, or as it is where they leave it out."""
    chosen = [row for row in setup.source.rows(setup.options) if row.metric.name == metric]
    return chosen or [row for row in setup.source.counts if row.metric.name == metric]


def _topic(setup: Setup, name: str, wished: str | None) -> tuple[str, Bound]:
    """The topic that a page is of, and the best that its count can be."""
    fits = {key: best for key, topic in setup.topics.items() if (best := _fits(setup.source, topic, name)) is not None}
    if wished is not None:
        if fits and wished not in fits:
            raise ParseError(f"its search {name!r} is that of the topic {' and '.join(fits)}, not of {wished}")
        return wished, fits.get(wished, Bound.EXACT)  # whoever names it answers for the search
    if len(fits) == 1:
        return next(iter(fits.items()))
    if not name:
        raise UnclearError("it does not say what was searched for; name the topic with --topic")
    if fits:
        raise UnclearError(f"its search {name!r} is that of several topics, {' and '.join(fits)}; name one with --topic")
    raise UnclearError(f"its search {name!r} is that of no topic in the configuration; name one with --topic")


def _fits(source: type[SourceSpider], topic: Topic, name: str) -> Bound | None:
    return source.is_saved_of(topic, name) if name else None


def _labels(setup: Setup, saved: Saved, given: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The labels of a page's series: given ones, those that the page tells, and what goes without saying in the configuration."""
    rows = [dict(row.labels) for row in _rows(setup, saved.metric)]
    declared = {key for row in rows for key in row}
    if saved.narrowed and not set(given) - declared:  # it does not count all: a series of its own, named by what narrows it
        given = {"country": UNKNOWN, **given, NARROWED: saved.narrowed.replace(";", ",")}
        given |= {key: value for key, value in saved.labels if given.get(key) == UNKNOWN}
    for key, value in saved.labels:
        if given.get(key, value) != value:
            raise ParseError(f"it is about {key}={value}, not {key}={given[key]}")
    known = {**dict(saved.labels), **given}
    fitting = {tuple(sorted((row | known).items())) for row in rows if all(known.get(k, v) == v for k, v in row.items())}
    if len(fitting) == 1 and not (saved.narrowed and declared - set(known)):
        return next(iter(fitting))
    missing = sorted(declared - set(known))
    if missing:
        raise UnclearError(f"it does not say which {' and '.join(missing)} it is about; say it, as in --label {missing[0]}=…")
    return tuple(sorted(known.items()))


# Into the journal


@dataclass(frozen=True, slots=True)
class Standing:
    """The point that a slot has already."""

    value: float | None
    bound: int
    state: int
    seen: int | None
    digest: str


NEW, REVISED, KNOWN, KEPT = "new", "changed", "known", "kept"


def store(
    journal: Journal, setup: Setup, pages: Sequence[PageRead], *, now: int, keep: Keep | None = None
) -> dict[tuple[Path, Series, int], str]:
    """Keep the pages that bring something new and write their figures. What became of each figure, by file, series and time."""
    with journal.read() as connection:
        fates, wanted = _sifted(connection, pages)
    if not wanted:
        return fates
    with journal.write(now=now) as tx:
        tx.define({_rows(setup, o.series.metric)[0].metric for _, o in wanted}, setup.name)
        run = ledger.open_run(tx, setup.name, KIND, (), now=now, parser=setup.source.parser, config=setup.config)
        ledger.finish_run(tx, run, "imported")  # it has no plan: nothing of it can be left open
    writer = CaptureWriter(keep or journal.folder / "captures", run.id, now)
    try:
        kept = [_kept(writer, setup, page, [o for p, o in wanted if p is page]) for page in {id(p): p for p, _ in wanted}.values()]
    finally:
        writer.close()
    with journal.write(now=now, run=run.id) as tx:
        tx.put(o for observations in kept for o in observations)
    return fates


def _sifted(
    connection: Connection, pages: Sequence[PageRead]
) -> tuple[dict[tuple[Path, Series, int], str], list[tuple[PageRead, Observation]]]:
    """What becomes of each figure, and those that are to be written: of each slot the one that was seen last."""
    last: dict[tuple[Series, int], tuple[PageRead, Observation]] = {}
    fates: dict[tuple[Path, Series, int], str] = {}
    for page in pages:
        for o in page.found:
            before = last.get((o.series, o.time))
            fates[page.path, o.series, o.time] = KEPT
            if before is None or (o.observed_at or 0, page.digest) > (before[1].observed_at or 0, before[0].digest):
                last[o.series, o.time] = page, o
    wanted = []
    for (series, time), (page, o) in last.items():
        fate = _fate(_standing(connection, series, time), page, o)
        fates[page.path, series, time] = fate
        if fate in {NEW, REVISED}:
            wanted.append((page, o))
    return fates, wanted


def _fate(standing: Standing | None, page: PageRead, o: Observation) -> str:
    if standing is None:
        return NEW
    if (standing.value, standing.bound, standing.state) == (o.value, int(o.bound), int(o.state)):
        return KNOWN
    same = standing.digest == page.digest
    if same and standing.state == State.RETRACTED:  # a person rejected what this page says
        return KEPT
    return REVISED if standing.seen is not None and (same or (o.observed_at or 0) > standing.seen) else KEPT


def _standing(connection: Connection, series: Series, time: int) -> Standing | None:
    sql = (
        "SELECT p.value, p.bound, p.state, p.observed_at, coalesce(e.sha256, '') FROM points p LEFT JOIN evidence e ON e.id = p.evidence_id"
        " WHERE p.series_id = ? AND p.time = ?"
    )
    found = connection.exec_driver_sql(SELECT_SERIES, series_key(series)).scalar()
    row = None if found is None else connection.exec_driver_sql(sql, (found, time)).first()
    return None if row is None else Standing(*row)


def _kept(writer: CaptureWriter, setup: Setup, page: PageRead, observations: Sequence[Observation]) -> list[Observation]:
    """Write a page into the run's file. Gives its figures with the place where it lies."""
    assert page.page is not None, "it has figures"
    url = page.page.url or f"file:///{quote(page.path.name)}"
    request = Request(url, method=METHOD, meta={"people": setup.source.people})
    headers = {"Content-Type": "text/html; charset=utf-8", "Uptake-Saved-As": quote(page.path.name)}
    response = HtmlResponse(url, 200, headers=headers, body=page.body, encoding="utf-8")
    fingerprint = f"saved:{page.digest}"  # no request ever has it, so that nothing is answered with a saved page
    capture = writer.append(request, response, fingerprint, observations[0].observed_at or 0)
    return [replace(o, captures=(capture,)) for o in observations]


__all__ = ["KEPT", "KNOWN", "NEW", "REVISED", "PageRead", "UnclearError", "Wishes", "check_wishes", "read_pages", "readers", "store"]
