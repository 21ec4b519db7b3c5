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
    from scheduler.jobs import Setup
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
def reading(settings: Config) -> Iterator[Journal]:
    """The journal, for reading. Without one: a sentence on how to get one."""
    from storage.journal import FILE, Journal

    if not (settings.store / FILE).exists():
        raise UsageError(
            f"nothing is measured yet in {settings.store}; start with `uptake quickstart`, or `uptake import --starting-history`"
        )
    with Journal.open(settings.store) as journal:
        yield journal


@contextmanager
def writing(settings: Config, *, lean: bool = False) -> Iterator[Journal]:
    """The journal, for writing; topics that were renamed in the config take their series along.

    ``lean``: for a process that runs for years, with little memory.
    """
    from storage.database import CACHE, LEAN_CACHE
    from storage.journal import Journal

    with Journal.open(settings.store, writable=True, cache=LEAN_CACHE if lean else CACHE) as journal:
        renamed = [(old, topic.key) for topic in settings.topics.values() for old in topic.formerly]
        if renamed:
            with journal.write() as tx:
                for old, key in renamed:
                    tx.rename_topic(old, key)
        yield journal


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
        self._told: dict[str, float] = {}

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
        elif not self._quiet and time.monotonic() - self._told.setdefault(source, time.monotonic()) > 5:
            self._told[source] = time.monotonic()
            typer.echo(f"{source}: {done} of {planned}", err=True)
