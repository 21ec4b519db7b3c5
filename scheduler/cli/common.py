"""What commands share: the config, the journal, ways of printing."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from storage.model import UsageError
from storage.periods import read_time

if TYPE_CHECKING:
    from scheduler.config import Config
    from scheduler.setups import Setup
    from storage.journal import Journal

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
AsOf = Annotated[str | None, typer.Option("--as-of", metavar="TIME", help="What the journal knew at that time; also ends there.")]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="What is known today, with the present moved to that time.")]


def now() -> int:
    """The present, in epoch seconds. The one place where commands read the clock."""
    return int(time.time())


def config() -> Config:
    from scheduler.config import load, locate

    return load(locate())


@contextmanager
def reading(settings: Config, *, own: str = "") -> Iterator[Journal]:
    """The journal, for reading. Without one: a sentence on how to get one.

    With ``[store] read = "influxdb"`` it is a copy of what the server holds, unless the command needs the journal's ``own``
    (what only the journal knows, in words): then that is refused.
    """
    from storage.journal import Journal, exists

    if settings.read_server:
        if own:
            raise UsageError(
                f'{own} is known to the journal only, and [store] read = "influxdb" reads the server; run it where it is measured'
            )
        with _copy_of_server(settings) as journal:
            yield journal
        return
    nothing = UsageError(
        f"nothing is measured yet in {shown_store(settings)}; start with `uptake quickstart`, or `uptake import --starting-history`"
    )
    if not exists(settings.store, settings.store_url):
        raise nothing
    with Journal.open(settings.store, settings.store_url) as journal:
        if settings.store_url is not None and journal.empty():
            raise nothing
        yield journal


def shown_store(settings: Config) -> str:
    """Where figures are kept, for people."""
    if settings.store_url is None:
        return str(settings.store)
    from storage.postgres import shown

    return shown(settings.store_url)


@contextmanager
def _copy_of_server(settings: Config) -> Iterator[Journal]:
    """A journal in a temporary folder, of the config's topics as the server has them."""
    import tempfile
    from pathlib import Path

    from crawlers.catalog import sources
    from storage.influx.answers import Refused
    from storage.influx.replica import fill
    from storage.influx.wire import Wire
    from storage.journal import Journal
    from storage.model import UptakeError
    from storage.vocabulary import SHARED

    assert settings.influxdb is not None  # the config is refused without it
    definitions = {"": SHARED} | {name: cls.metrics() for name, cls in sources().items()}
    definitions |= {name: s.source.metrics(s.options) for name, s in settings.sources.items()}
    with tempfile.TemporaryDirectory(prefix="uptake-") as folder:
        wire = Wire(settings.influxdb)
        try:
            count = fill(Path(folder), wire, definitions, settings.topics)
        except Refused as refusal:
            raise UptakeError(refusal.trouble.words) from refusal
        finally:
            wire.close()
        if not count:
            raise UsageError(f"there are no figures of these topics in {settings.influxdb.bucket!r} at {settings.influxdb.url}")
        typer.echo(
            f"Read from {settings.influxdb.url}: values and bounds. Why figures are missing, where each was read and what was believed"
            " before is known only where it is measured; nothing here rests on it.",
            err=True,
        )
        with Journal.open(Path(folder)) as journal:
            yield journal


@contextmanager
def writing(settings: Config, *, lean: bool = False, sends: bool = True) -> Iterator[Journal]:
    """The journal, for writing; topics that were renamed in the config take their series along.

    What was written goes on to the server of ``[influxdb]``, and raw responses to where they are kept; if that is away, it
    waits, and that is told.
    ``lean``: for a process that runs for years, with little memory. ``sends`` False: it sends by itself.
    """
    from storage.database import CACHE, LEAN_CACHE
    from storage.journal import Journal

    if settings.read_server:
        raise UsageError('[store] read = "influxdb" is for machines that only read; remove it where figures are measured')
    with Journal.open(settings.store, settings.store_url, writable=True, cache=LEAN_CACHE if lean else CACHE) as journal:
        renamed = [(old, topic.key) for topic in settings.topics.values() for old in topic.formerly]
        if renamed:
            with journal.write() as tx:
                for old, key in renamed:
                    tx.rename_topic(old, key)
        yield journal
        if settings.elsewhere is not None and sends:
            from crawlers.uploads import bring_all
            from scheduler.troubles import undelivered

            for trouble in undelivered(settings.keep, bring_all(settings.keep, settings.store / "locks")):
                typer.echo(trouble.text, err=True)
        if settings.influxdb is not None and sends:
            from scheduler.influx_sending import send

            standing = send(journal, settings, now())
            if standing is not None and not standing.done:
                typer.echo("\n".join(standing.words()), err=True)


def tell_terms(setups: Iterable[Setup]) -> None:
    """Say, on standard error, what the operators of sources think of it that are on though they are off by default."""
    for setup in setups:
        cls = setup.source
        if not cls.enabled_by_default:
            typer.echo(
                f"{cls.name} is on, though off by default: {cls.terms.gist} (Terms read {cls.terms.checked}: {cls.terms.url})", err=True
            )


def moment(text: str | None, option: str) -> int | None:
    """An option's time in epoch seconds."""
    if text is None:
        return None
    try:
        return read_time(text)
    except UsageError as error:
        raise UsageError(f"{option}: {error}") from error


def until_end(text: str | None, option: str = "--until") -> int | None:
    """A time that ends something: a bare date, month or year means its end."""
    if text is None:
        return None
    from storage.model import Cadence
    from storage.periods import following

    start = moment(text, option)
    assert start is not None
    cadence = {4: Cadence.YEAR, 7: Cadence.MONTH, 10: Cadence.DAY}.get(len(text.strip()))
    return start if cadence is None else following(start, cadence) - 1


def sequence_at(journal: Journal, as_of: str | None) -> int | None:
    """The sequence that --as-of means; a bare date means its end."""
    when = until_end(as_of, "--as-of")
    if when is not None:
        from storage.lookups import read_from

        with journal.read() as connection:
            if read_from(connection):
                raise UsageError("--as-of: a server does not keep what was believed before; only the journal does, where it is measured")
    return None if when is None else journal.sequence_at(when)


def print_json(document: Any) -> None:
    """One JSON document on standard output. What JSON cannot hold (NaN) becomes null."""
    typer.echo(json.dumps(_plain(document), ensure_ascii=False, indent=2, default=str))


def _plain(value: Any) -> Any:
    if isinstance(value, float) and (value != value or value in {float("inf"), float("-inf")}):  # noqa: PLR0124  # NaN
        return None
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value


def table(rows: list[list[str]], header: list[str], *, right: frozenset[int] = frozenset()) -> str:
    """A plain table that also reads well in a file: columns padded, figures to the right."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]

    def line(row: list[str]) -> str:
        return "  ".join(
            cell.rjust(w) if i in right else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()

    return "\n".join([line(header), line(["-" * w for w in widths]), *map(line, rows)])


def counted(things: int | Sized, noun: str) -> str:
    """A number of things in words: ``1 figure``, ``2,656 figures``."""
    n = things if isinstance(things, int) else len(things)
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def size(count: float) -> str:
    """Bytes in words."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


class Progress:
    """Slots done per source: a bar on a terminal, a line now and then elsewhere, nothing when quiet."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._bar: Any = None
        self._tasks: dict[str, Any] = {}
        self._told: dict[str, tuple[float, int]] = {}  # when, and how many were done then

    def __enter__(self) -> Progress:
        if not self._quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(
                TextColumn("{task.description:>16}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=Console(stderr=True)
            )
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, source: str, done: int, planned: int) -> None:
        if self._bar is not None:
            if source not in self._tasks:
                self._tasks[source] = self._bar.add_task(source, total=planned)
            self._bar.update(self._tasks[source], completed=done, total=planned)
            return
        now = time.monotonic()
        when, before = self._told.setdefault(source, (now, 0))
        if not self._quiet and now - when > 5 and done != before:
            self._told[source] = now, done
            typer.echo(f"{source}: {done:,} of {planned:,}", err=True)
