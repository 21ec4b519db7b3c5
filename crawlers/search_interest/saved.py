"""CSV files that a person saved from the Trends page ("Interest over time", the arrow at its corner).

A file has a line for the category, an empty line, a heading, and a line a period::

    Category: All categories

    Week,PyTorch: (United States),JAX: (United States)
    2026-11-08,74,<1

Its words are in the reader's language, so nothing rests on them: the heading is the line before the first date, and how long
periods are is told by the dates. Seen in other people's files: English, German, French, Spanish, Italian, Polish, Russian,
Japanese, Korean, Chinese; commas, semicolons and tabs between the cells. ``<1`` ("1 未満" in Japanese) is kept as 0.5, an
estimate. A zero means too few searches, so that it is no figure. A period that was not over when the file was saved is left out.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from crawlers.boards.places import COUNTRIES
from crawlers.search_interest.metrics import SAVED, WORLD, label_of, week_of
from crawlers.search_interest.payloads import BELOW_ONE
from crawlers.search_interest.terms import SOURCE, term_of
from storage.figures import Figures, Problem, import_figures
from storage.journal import Changes, Transaction
from storage.model import IMPORTED_ORIGIN, Bound, Cadence, Observation, Series, Topic, UsageError
from storage.periods import DAY, day, following, read_time

_DATE = re.compile(r"\d{4}-\d{2}(-\d{2})?\Z", re.ASCII)
_HOUR = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}", re.ASCII)
_COLUMN = re.compile(r"(.*?)\s*:\s*\((.+)\)\s*\Z", re.DOTALL)
_BELOW = re.compile(r"<\s*1|1\s*未満")
_WORLDWIDE = """
worldwide, weltweit, dans tous les pays, todo el mundo, tutto il mondo, em todo o mundo, wereldwijd, cały świat, по всему миру,
すべての国, 전 세계, 全球
"""
_PLACES = {name: code for code, names in COUNTRIES.items() for name in names} | {n.strip(): WORLD for n in _WORLDWIDE.split(",")}


@dataclass(frozen=True, slots=True)
class Column:
    """A heading: the term, and the place that it names in words; empty where it names none."""

    term: str
    place: str = ""


def import_export(tx: Transaction, figures: Figures, *, partial: bool = False) -> Changes:
    """Write what `read_export` read, with what its metrics mean. As `storage.figures.import_figures`."""
    names = {o.series.metric for o in figures.rows}
    tx.define((metric for metric in SAVED.values() if metric.name in names), SOURCE)
    return import_figures(tx, figures, partial=partial)


def read_export(source: str | Path, topics: Mapping[str, Topic], *, saved: int, geo: str | None = None) -> Figures:
    """The figures of a saved file, or of its text.

    ``topics``: by key; a column belongs to the topic whose search term it is (`term_of`). ``saved``: when it was saved (epoch
    second). ``geo``: the place, as ``""`` or ``"US"``, where the file's own words for it are not known. Values are comparable
    within a file only, so the series have the label ``among`` with the topics that it compares. Nothing is raised for bad
    content: see `Figures.problems`. A file that cannot be read raises `UsageError`.
    """
    try:
        text = source.read_bytes().decode("utf-8-sig") if isinstance(source, Path) else source.removeprefix("\ufeff")
    except OSError as error:
        raise UsageError(f"cannot read {source}: {error.strerror}") from error
    except UnicodeDecodeError:
        return Figures([], [Problem(1, "this is not UTF-8 text: save the file from the Trends page as it is")])
    lines = _lines(text)
    first = next((n for n, (_, cells) in enumerate(lines) if _is_period(cells[0])), None)
    if first is None or first == 0 or len(lines[first - 1][1]) < 2:
        if any(_HOUR.match(cells[0]) for _, cells in lines):
            return Figures([], [Problem(1, "its periods are hours: choose a range of more than a week, such as the past five years")])
        return Figures([], [Problem(1, 'this is no CSV file of "Interest over time" from the Trends page')])
    heading_line, heading = lines[first - 1]
    try:
        columns = [_column(cell) for cell in heading[1:]]
        keys = [_topic_of(column.term, topics) for column in columns]
        label = _label(columns, geo)
        cadence = _cadence([cells[0] for _, cells in lines[first:]])
    except UsageError as error:
        return Figures([], [Problem(heading_line, str(error))])
    among = "+".join(sorted(set(keys)))
    series = [Series(SAVED[cadence].name, key, (("among", among), ("geo", label)), 1, IMPORTED_ORIGIN, SOURCE) for key in keys]
    return _figures(lines[first:], series, cadence, saved)


def _lines(text: str) -> list[tuple[int, list[str]]]:
    """Lines that are not empty, with their number and cells."""
    found = text.splitlines()
    sample = next((line for line in found if _is_period(re.split(r"[,;\t]", line)[0].strip('" '))), "")
    separator = next((s for s in "\t;," if s in sample), ",")
    rows = [(n, next(csv.reader([line], delimiter=separator), [])) for n, line in enumerate(found, 1) if line.strip()]
    return [(n, [c.strip() for c in cells]) for n, cells in rows if cells]


def _is_period(cell: str) -> bool:
    return bool(_DATE.match(cell))


def _column(cell: str) -> Column:
    match = _COLUMN.match(cell)
    return Column(match[1].strip(), match[2].strip()) if match else Column(cell)


def _topic_of(term: str, topics: Mapping[str, Topic]) -> str:
    wanted = " ".join(term.split()).casefold()
    found = [key for key, topic in topics.items() if wanted in {term_of(topic).casefold(), topic.title.casefold(), key.casefold()}]
    exact = [key for key in found if term_of(topics[key]).casefold() == wanted]
    chosen = exact or found
    if len(chosen) != 1:
        known = " and ".join(chosen)
        raise UsageError(
            f"the term {term!r} is of {known or 'no topic'}: write it as search of {'one' if known else 'the'} topic in the config"
        )
    return chosen[0]


def _label(columns: Sequence[Column], geo: str | None) -> str:
    if geo is not None:
        return label_of(geo)
    places = {_PLACES.get(column.place.casefold(), "") for column in columns}
    if len(places) != 1 or "" in places:
        said = ", ".join(sorted({column.place for column in columns if column.place})) or "no place"
        raise UsageError(f'the file says {said}: name the place, "" for the world or a code like "US"')
    return places.pop()


def _cadence(dates: Sequence[str]) -> Cadence:
    if all(len(d) == 7 for d in dates):
        return Cadence.MONTH
    steps = {b - a for a, b in pairwise(read_time(d) for d in dates)}
    for cadence, step in ((Cadence.DAY, DAY), (Cadence.WEEK, 7 * DAY)):
        if steps == {step}:
            return cadence
    if len(steps) > 1 and all(d.endswith("-01") for d in dates):
        return Cadence.MONTH
    raise UsageError("its periods are not days, weeks or months that follow one another")


def _figures(lines: Sequence[tuple[int, list[str]]], series: Sequence[Series], cadence: Cadence, saved: int) -> Figures:
    rows: list[Observation] = []
    problems: list[Problem] = []
    citation = f"Google Trends, saved by hand on {day(saved)} (https://trends.google.com/trends/)"
    for number, cells in lines:
        if not _is_period(cells[0]) or len(cells) != len(series) + 1:
            problems.append(Problem(number, f"{len(cells)} cells, or no date, where a period and {len(series)} values were expected"))
            continue
        start = read_time(cells[0])
        if following(start, cadence) > saved:
            continue
        time = week_of(start) if cadence is Cadence.WEEK else start
        for one, cell in zip(series, cells[1:], strict=True):
            if _BELOW.fullmatch(cell):
                rows.append(Observation(one, time, BELOW_ONE, Bound.ESTIMATE, saved, citation=citation))
            elif not cell.isdecimal() or int(cell) > 100:
                problems.append(Problem(number, f"{cell!r} is not a value from 0 to 100"))
            elif int(cell) > 0:
                rows.append(Observation(one, time, float(cell), Bound.EXACT, saved, citation=citation))
    return Figures(rows, problems)
