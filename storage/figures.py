"""Figures that people bring: CSV in the form that the export writes, each figure with its citation.

One rule decides what an imported figure is: a row whose labels do not name an ``origin`` gets the origin that the
caller names, and that is *imported* unless somebody restores Uptake's own export and says *measured*. So a
stranger's numbers never join a measured series by accident, and an export can still be read back whole.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from storage.journal import Changes, Transaction
from storage.model import IMPORTED_ORIGIN, MEASURED_ORIGIN, Bound, Observation, Series, State, UsageError, read_labels
from storage.periods import iso, read_time
from storage.vocabulary import SHARED

COLUMNS = ("time", "source", "metric", "topic", "labels", "value", "bound", "observed_at", "citation")
BOUNDS = {"": Bound.EXACT, "exact": Bound.EXACT, "at_least": Bound.AT_LEAST, "estimate": Bound.ESTIMATE}
SUSPECT = "suspect"  # before the bound of a value that is held back, in exports that were asked to show those
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\Z", re.ASCII)
_UNREADABLE = re.compile("[\udc80-\udcff]")  # bytes that are not UTF-8, as Python carries them
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that cannot be read, and why. The header is line 1."""

    line: int
    message: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}"


@dataclass(frozen=True, slots=True)
class Figures:
    """What a file holds: the rows that can be read, and the lines that cannot. ``notes`` say what was left out on purpose."""

    rows: list[Observation]
    problems: list[Problem]
    notes: tuple[str, ...] = ()


def read_csv(source: str | Path, *, origin: str = IMPORTED_ORIGIN) -> Figures:
    """Read figures from the text of a CSV file, or from the file at a path.

    ``origin`` (*imported* or *measured*) is for rows whose labels do not name one. An imported figure needs a
    citation; an empty source becomes *imported*, an empty bound *exact*. A line that says the same as an
    earlier one is left out. Nothing is raised for bad content: see `Figures.problems`. A path that cannot be
    read raises `UsageError`.
    """
    if origin not in {IMPORTED_ORIGIN, MEASURED_ORIGIN}:
        raise UsageError(f"the origin {origin!r} is unknown: write {IMPORTED_ORIGIN} or {MEASURED_ORIGIN}")
    text = _text_of(source) if isinstance(source, Path) else source
    if "\x00" in text[:1000]:
        return Figures([], [Problem(1, "this is not UTF-8 text (UTF-16 perhaps): save the file as CSV in UTF-8")])
    lines = _lines(text.removeprefix("\ufeff"))
    header = next(lines, (1, [], ""))
    refused = header[2] or _refuse_header(header[1])
    if refused:
        return Figures([], [Problem(header[0], refused)])
    reader = _Reader(tuple(header[1]), origin)
    for line, cells, trouble in lines:
        if trouble:
            reader.problems.append(Problem(line, trouble))
        else:
            reader.take(line, cells)
    return Figures(reader.rows, reader.problems)


def starting_history() -> Figures:
    """The figures that come with Uptake: machine-learning frameworks, 2011 to 2026, each with its citation."""
    return read_csv(files("storage").joinpath("data", "starting_history.csv").read_text(encoding="utf-8"))


def import_figures(tx: Transaction, figures: Figures, *, partial: bool = False) -> Changes:
    """Write what was read. With lines that could not be, only if ``partial``; else raises `UsageError` that lists them."""
    if figures.problems and not partial:
        shown = [str(problem) for problem in figures.problems[:_SHOWN]]
        more = len(figures.problems) - len(shown)
        if more:
            shown.append(f"and {more} more")
        raise UsageError("nothing was imported:\n" + "\n".join(shown) + "\nmend these lines, or import the rest with --partial")
    return import_rows(tx, figures.rows)


def import_rows(tx: Transaction, rows: Iterable[Observation]) -> Changes:
    """Write figures, with the shared definitions of their metrics. Writing the same again changes nothing."""
    rows = list(rows)
    names = {o.series.metric for o in rows}
    tx.define(metric for metric in SHARED if metric.name in names)
    return tx.put(rows)


def _text_of(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", errors="surrogateescape")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error


def _lines(text: str) -> Iterator[tuple[int, list[str], str]]:
    """Rows with the line on which each begins, and what is wrong with it as CSV. Empty lines are left out."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, [], f"this is not CSV ({error}): a quotation mark may be missing"
            continue
        if cells:
            yield line, cells, ""


def _refuse_header(header: Sequence[str]) -> str:
    form = f"the first line must be {','.join(COLUMNS)}"
    if not header:
        return f"the file is empty: {form}"
    missing, extra = [c for c in COLUMNS if c not in header], [c for c in header if c not in COLUMNS]
    if missing:
        hint = "; the values must be separated by commas" if len(header) == 1 and re.search(r"[;\t]", header[0]) else ""
        return f"missing {_plural('column', missing)}{hint}: {form}"
    if extra:
        return f"unknown {_plural('column', extra)}: {form} and nothing else, because what Uptake does not know it would lose"
    if len(header) != len(COLUMNS):
        return f"a column is named twice: {form}"
    return ""


def _plural(word: str, names: Sequence[str]) -> str:
    return f"{word}{'s' if len(names) > 1 else ''} {', '.join(repr(n) for n in names)}"


class _Reader:
    """Reads rows one by one and remembers what earlier lines said."""

    def __init__(self, header: tuple[str, ...], origin: str) -> None:
        self.rows: list[Observation] = []
        self.problems: list[Problem] = []
        self._header = header
        self._origin = origin
        self._series: dict[tuple[str, str, str, str], Series] = {}  # one object a series: the journal writes those fastest
        self._sources: dict[Series, tuple[int, str]] = {}
        self._said: dict[tuple[Series, int], tuple[int, Observation]] = {}

    def take(self, line: int, cells: Sequence[str]) -> None:
        try:
            row = self._read(line, cells)
        except UsageError as error:
            self.problems.append(Problem(line, str(error)))
        else:
            self.rows += [] if row is None else [row]

    def _read(self, line: int, cells: Sequence[str]) -> Observation | None:
        if len(cells) != len(COLUMNS):
            raise UsageError(f"{len(cells)} values where the header names {len(COLUMNS)} columns")
        if any(map(_UNREADABLE.search, cells)):
            raise UsageError("this is not UTF-8 text: save the file as CSV in UTF-8")
        row = dict(zip(self._header, (c.strip() for c in cells), strict=True))
        series = self._series_of(row)
        if series.origin == IMPORTED_ORIGIN and not row["citation"]:
            raise UsageError("an imported figure needs a citation: say where it was published")
        value = _value(row["value"])
        if value < 0 and series.origin == IMPORTED_ORIGIN:  # measured net counts (stars less unstars) may be
            raise UsageError(f"the value {row['value']} is negative: what is counted cannot be")
        state, bound = _bound(row["bound"])
        observed_at = read_time(row["observed_at"]) if row["observed_at"] else None
        observation = Observation(series, read_time(row["time"]), value, bound, observed_at, citation=row["citation"], state=state)
        return observation if self._is_new(line, observation) else None

    def _series_of(self, row: dict[str, str]) -> Series:
        key = (row["metric"], row["topic"], row["labels"], row["source"])
        if key not in self._series:
            self._series[key] = _series(*key, origin=self._origin)
        return self._series[key]

    def _is_new(self, line: int, row: Observation) -> bool:
        series = row.series
        source_line, source = self._sources.setdefault(series, (line, series.source))
        if source != series.source:
            raise UsageError(
                f"{series} comes from {source!r} on line {source_line} and from {series.source!r} here: tell them apart by a label"
            )
        before_line, before = self._said.setdefault((series, row.time), (line, row))
        if before is row:
            return True
        if (before.value, before.bound, before.state) != (row.value, row.bound, row.state):
            raise UsageError(f"line {before_line} already gives {series} at {iso(row.time)}, with another value or bound")
        return False


def _series(metric: str, topic: str, labels: str, source: str, *, origin: str) -> Series:
    if not metric:
        raise UsageError("the metric is empty: name it as family.name, such as github.stars")
    pairs = read_labels(labels)
    names = [key for key, _ in pairs]
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise UsageError(f"label {twice[0]!r} is given twice")
    if "topic" in names:
        raise UsageError("the topic has a column of its own: it must not be a label")
    named = dict(pairs).get("origin", origin)
    if named not in {IMPORTED_ORIGIN, MEASURED_ORIGIN}:
        raise UsageError(f"the origin {named!r} is unknown: write origin={IMPORTED_ORIGIN}, or leave it out")
    rest = [(key, value) for key, value in pairs if key != "origin"]
    if named == IMPORTED_ORIGIN:
        source = source or "imported"
    series = Series.of(metric, topic, [*rest, ("origin", named)], source)
    if series.version < 1:
        raise UsageError(f"the version {series.version} of {metric} is not 1 or more")
    return series


def _value(text: str) -> float:
    value = float(text) if _NUMBER.match(text) else float("nan")
    if not abs(value) < float("inf"):  # also where it is not a number
        raise UsageError(f"the value {text!r} is not a number; write digits with a decimal point, without separators")
    return value + 0.0  # minus nought is nought


def _bound(text: str) -> tuple[State, Bound]:
    word = text.removeprefix(SUSPECT).lstrip()
    if word not in BOUNDS:
        raise UsageError(f"the bound {text!r} is unknown: write exact, at_least or estimate")
    return State.SUSPECT if text.startswith(SUSPECT) else State.GOOD, BOUNDS[word]
