"""Stack Overflow's yearly survey as figures: the share of respondents who use a technology, and pairs of them.

Three files of a year are understood (https://github.com/StackExchange/Survey, packages/archive, ODbL 1.0):

- ``2017…2020/json/report.json`` and ``technology.json``: sections with graphs of percents (67.79), of which those under
  "Most popular …" for all respondents are read, not those of what is loved, wanted or paid;
- ``2021…/json/technology.json``: a question with its datasets. Bars of all respondents give the share (0.6231 is 62.31 %).
  Pairs are of those who *work with* one and *want to work with* another (`surveys.wanted`, label ``with``): a pair
  below the survey's least number of respondents is 0 or absent there, and has no figure here;
- ``results.csv``: an answer sheet a row. It gives pairs in use (`surveys.usage`, label ``with``): of those who answered
  the questions of both, the share who work with both. Rows are counted, nothing of a person is kept.

Each share is of those who answered the question. An answer that names several ("Torch/PyTorch") is an estimate for each.
"""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

from storage.figures import Figures, Problem
from storage.model import IMPORTED_ORIGIN, Bound, Metric, Observation, Series, Topic, UsageError
from storage.periods import read_time
from storage.survey_answers import EXPECTED, Answer, Found, Names, Pair, read_answers
from storage.vocabulary import SURVEY_USAGE, SURVEY_WANTED

SOURCE = "surveys"
_CITATION = "Stack Overflow Developer Survey {year} (ODbL)"
_YEAR = re.compile(r"(?<!\d)(20[12]\d)(?!\d)")
_WORKED = re.compile(r"(?:\w*?(?:HaveWorkedWith|WorkedWith)|HaveWorked\w+)\Z")
_NOTHING = {"", "NA"}


def read_survey(path: Path, topics: Iterable[Topic], *, year: int | None = None) -> Figures:
    """A year's figures for these topics, of the origin *imported* and with the survey's citation.

    A topic is found by its ``surveys`` name or the first of several that the file has, else by its title or key;
    ``"Database: Redis"`` names the answer to one question. ``year``: else it is told by the file or its path.
    An answer that belongs to two questions is a problem of the result. Raises `UsageError` for a file that is something
    else or ends too early.
    """
    topics = list(topics)
    if path.suffix.lower() == ".csv":
        found: Found = _read_sheets(path, topics)
    else:
        found = read_answers(path, _json(path))
    year = year or found.year or _year_of(path)
    return _figures(found, topics, year)


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is no JSON, or was cut off ({error}); {EXPECTED}") from error


def _year_of(path: Path) -> int:
    for part in path.absolute().parts[:-4:-1]:  # the file, its folder, and that one's
        years = set(_YEAR.findall(part))
        if len(years) == 1:
            return int(years.pop())
    raise UsageError(f"{path}: of which year is it? Put the year into its name or its folder's, as in 2024/technology.json")


def _figures(found: Found, topics: Sequence[Topic], year: int) -> Figures:
    names = Names(found.answers)
    rows: list[Observation] = []
    problems: list[Problem] = []
    lost: list[str] = []
    time, citation = read_time(str(year)), _CITATION.format(year=year)

    def add(metric: Metric, topic: Topic, value: float, bound: Bound, *labels: tuple[str, str]) -> None:
        series = Series(metric.name, topic.key, (("survey", "stackoverflow"), *labels), origin=IMPORTED_ORIGIN, source=SOURCE)
        rows.append(Observation(series, time, value, bound, citation=citation))

    meant: dict[str, tuple[Topic, Answer, Bound]] = {}
    for topic in topics:
        answers, bound = names.of(topic)
        if len(answers) > 1:
            listed = " and ".join(f"{a.question!r} ({a.percent:g} %)" for a in answers)
            said = f'topic {topic.key}: {answers[0].name!r} answers {listed}; write surveys = "{answers[0].question}: {answers[0].name}"'
            problems.append(Problem(1, said))
        elif answers:
            meant[topic.key] = topic, answers[0], bound
        else:
            lost.append(topic.key)
    for topic, answer, bound in meant.values():
        if found.with_shares:
            add(SURVEY_USAGE, topic, answer.percent, bound)
    by_answer: dict[tuple[str, str], list[tuple[Topic, Bound]]] = {}
    for topic, answer, bound in meant.values():
        by_answer.setdefault((answer.question, answer.name), []).append((topic, bound))
    for pair in found.pairs:
        for topic, bound in by_answer.get(pair.topic, []):
            for other, doubt in by_answer.get(pair.other, []):
                if topic is not other:
                    metric = SURVEY_WANTED if pair.wanted else SURVEY_USAGE
                    add(metric, topic, pair.percent, max(bound, doubt), ("with", other.key))
    notes = [*found.notes, *([f"the survey of {year} has no answer for {', '.join(lost)}"] if lost else [])]
    return Figures(rows, problems, tuple(notes))


def _read_sheets(path: Path, topics: Sequence[Topic]) -> Found:
    """Pairs in use, counted from the respondents' answers. Two passes: the answers there are, then who gave both."""
    offered: dict[str, Counter[str]] = {}
    for sheet in _sheets(path):
        for question, given in sheet.items():
            offered.setdefault(question, Counter()).update(given)
    answers = [Answer(question, name, 0.0) for question, given in offered.items() for name in given]
    names = Names(answers)
    told = [names.of(topic)[0] for topic in topics]
    meant = list(dict.fromkeys((a[0].question, a[0].name) for a in told if len(a) == 1))
    both: Counter[tuple[tuple[str, str], tuple[str, str]]] = Counter()
    asked: Counter[tuple[str, str]] = Counter()
    for sheet in _sheets(path):
        asked.update((a, b) for a in sheet for b in sheet)
        uses = [one for one in meant if one[1] in sheet.get(one[0], ())]
        both.update(permutations(uses, 2))
    pairs = [Pair(a, b, 100 * both[a, b] / asked[a[0], b[0]], wanted=False) for a, b in permutations(meant, 2) if asked[a[0], b[0]]]
    notes = ("answer sheets give pairs; the shares themselves are in the year's technology.json, as published",)
    return Found(answers, pairs, notes, with_shares=False)


def _sheets(path: Path) -> Iterator[dict[str, frozenset[str]]]:
    """The answers of each respondent to the questions that were answered."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            wanted = [(place, name) for place, name in enumerate(header) if _WORKED.match(name)]
            if not wanted:
                raise UsageError(f"{path} has no column like LanguageHaveWorkedWith; {EXPECTED}")
            for row in reader:
                if len(row) != len(header):
                    raise UsageError(f"{path}, line {reader.line_num}: {len(row)} values for {len(header)} columns; was the file cut off?")
                given = {name: row[place] for place, name in wanted if row[place].strip() not in _NOTHING}
                yield {name: frozenset(part.strip() for part in text.split(";")) for name, text in given.items()}
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} is no CSV in UTF-8, or was cut off ({error}); {EXPECTED}") from error


__all__ = ["read_survey"]
