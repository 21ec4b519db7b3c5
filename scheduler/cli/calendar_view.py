"""The calendar of coverage on a terminal: a row a source, a mark a day, each mark of its own shape and colour."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.text import Text

from scheduler.coverage_calendar import Calendar, Cover, cover
from storage.model import Cadence
from storage.periods import moment

MARKS = {  # shape, shape where only ASCII can be written, colour, meaning
    Cover.FULL: ("█", "#", "green", "every figure"),
    Cover.LATE: ("r", "r", "cyan", "every figure, some read later"),
    Cover.DOUBTFUL: ("?", "?", "magenta", "some held as doubtful"),
    Cover.MOST: ("▆", "+", "yellow", "most, four fifths or more"),
    Cover.PART: ("▂", "-", "bright_red", "fewer"),
    Cover.NONE: ("×", "x", "bold red", "none"),
    Cover.OPEN: ("o", "o", "blue", "being measured"),
    Cover.NOTHING: ("·", ".", "dim", "none was due"),
}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_GAP = 2


def show(found: Calendar, file: TextIO | None = None) -> None:
    """Print it; in colour on a terminal that has any. Where the terminal is too narrow the oldest cells are left out."""
    out = sys.stdout if file is None else file
    wide = shutil.get_terminal_size((100, 24)).columns if out.isatty() else None
    console = Console(file=out, highlight=False, soft_wrap=True, width=wide or 500, no_color=None if out.isatty() else True)
    for line in lines(found, wide=wide, ascii_only=not _can_write(out)):
        console.print(line)


def lines(found: Calendar, *, wide: int | None = None, ascii_only: bool = False) -> list[Text]:
    """The header, a line a source, and what the marks mean that are in it. Empty where there is no source."""
    if not found.sources:
        return []
    name = max(map(len, found.sources))
    first = 0 if wide is None else max(0, len(found.cells) - max(1, wide - name - _GAP))
    cells = found.cells[first:]
    rows = {source: [cover(n) for n in counts[first:]] for source, counts in found.sources.items()}
    drawn = [Text(" " * (name + _GAP) + header(cells, found.cell), "dim")]
    for source, covers in rows.items():
        line = Text(source.ljust(name + _GAP))
        for c in covers:
            line.append(MARKS[c][ascii_only], MARKS[c][2])
        drawn.append(line)
    there = {c for covers in rows.values() for c in covers}
    legend = Text(f"a mark a {found.cell}:")
    for c, (*marks, style, words) in MARKS.items():
        if c in there:
            legend.append("  ").append(marks[ascii_only], style).append(f" {words}")
    return [*drawn, legend]


def header(cells: Sequence[int], cell: Cadence) -> str:
    """Dates above the first cell and above each first cell of a month, where there is room."""
    text = ""
    for i, start in enumerate(cells):
        date = moment(start)
        if (i == 0 or date.day <= (1 if cell is Cadence.DAY else 7)) and (not text or len(text) < i):
            word = f"{_MONTHS[date.month - 1]} {date.day}"
            text = text.ljust(i) + word if i + len(word) <= len(cells) else text
    return text


def _can_write(out: TextIO) -> bool:
    """Whether a file takes marks that are not ASCII."""
    try:
        "".join(mark for mark, *_ in MARKS.values()).encode(getattr(out, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
