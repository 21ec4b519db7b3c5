"""What the JSON files of Stack Overflow's survey say: answers with their shares, pairs, and which answer is a topic's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.model import Bound, Topic, UsageError

EXPECTED = (
    "expected is a year's report.json (2017, 2018), technology.json (since 2019) or results.csv"
    " of https://github.com/StackExchange/Survey, packages/archive"
)
_ALL = "All Respondents"
_POPULAR = re.compile(r"most popular\b(?!.*\bby\b)", re.IGNORECASE)
_YEAR = re.compile(r"\b(20[12]\d)\b")
_ASIDE = re.compile(r"\s*\(([^()]*)\)\s*\Z")


@dataclass(frozen=True, slots=True)
class Answer:
    question: str
    name: str
    percent: float  # of all who answered the question


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers, each as (question, name), and the share who gave both; ``wanted``: who use the other and want the topic."""

    topic: tuple[str, str]
    other: tuple[str, str]
    percent: float
    wanted: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What a file holds. ``with_shares``: the answers' own shares are published there."""

    answers: Sequence[Answer]
    pairs: Sequence[Pair] = ()
    notes: tuple[str, ...] = ()
    year: int | None = None
    with_shares: bool = True


class Names:
    """Which answers topics mean."""

    def __init__(self, answers: Iterable[Answer]) -> None:
        self._whole: dict[str, list[Answer]] = {}
        self._part: dict[str, list[Answer]] = {}
        for answer in answers:
            for spelling in _spellings(answer.name):
                self._whole.setdefault(spelling, []).append(answer)
                self._whole.setdefault(f"{answer.question.casefold()}: {spelling}", []).append(answer)
            for part in answer.name.split("/") if "/" in answer.name else []:
                self._part.setdefault(part.strip().casefold(), []).append(answer)

    def of(self, topic: Topic) -> tuple[list[Answer], Bound]:
        """A topic's answers: one, or several where it cannot be told which is meant, or none. A joint answer is an estimate."""
        said = topic.names.get("surveys") or [topic.title, topic.key]
        names = [str(n).strip().casefold() for n in (said if isinstance(said, list | tuple) else [said])]
        for known, bound in ((self._whole, Bound.EXACT), (self._part, Bound.ESTIMATE)):
            for name in names:
                if name in known:
                    return known[name], bound
        return [], Bound.EXACT


def _spellings(name: str) -> set[str]:
    """An answer's name, without what it adds in brackets, and that: "Amazon Web Services (AWS)"."""
    aside = _ASIDE.search(name)
    found = {name} if aside is None else {name, name[: aside.start()], aside[1]}
    return {" ".join(n.split()).casefold() for n in found if n.strip()}


def read_answers(path: Path, payload: Any) -> Found:
    """Read either shape of JSON. Raises `UsageError` saying what was expected."""
    if isinstance(payload, dict) and ("Sections" in payload or "SubSections" in payload):
        title = _YEAR.search(str(payload.get("Name", "")))
        found = Found(list(_popular(path, payload)), year=int(title[1]) if title else None)
    elif isinstance(payload, dict) and payload and all(isinstance(q, dict) and "datasets" in q for q in payload.values()):
        found = Found(list(_bars(path, payload)), list(_wanted(path, payload)))
    else:
        keys = ", ".join(map(str, [*payload][:6])) if isinstance(payload, dict) else type(payload).__name__
        raise UsageError(f"{path} holds something else ({keys}); {EXPECTED}")
    if not found.answers:
        raise UsageError(f"{path} has no shares of all respondents; {EXPECTED}")
    return found


def _popular(path: Path, payload: Mapping[str, Any]) -> Iterator[Answer]:
    """Shares of graphs under "Most popular …", of all respondents."""
    for section in payload.get("Sections", [payload]):
        for sub in section.get("SubSections") or []:
            for collection in sub.get("GraphCollections") or []:
                question = str(collection.get("Title", ""))
                if not (_POPULAR.match(str(sub.get("Title", ""))) or _POPULAR.match(question)):
                    continue
                for graph in collection.get("Graphs") or []:
                    if graph.get("Title") in {_ALL, question} and "Format" not in graph and isinstance(graph.get("Data"), dict):
                        for name, value in graph["Data"].items():
                            yield Answer(question, str(name), _percent(path, question, name, value, 100))


def _bars(path: Path, payload: Mapping[str, Any]) -> Iterator[Answer]:
    for question, data in _datasets(payload):
        if data.get("plot_type") != "bar" or data.get("plot_metadata"):  # what is drawn of salaries has a label of its own
            continue
        for row in data.get("data") or []:
            if not isinstance(row, dict) or not isinstance(row.get("response"), str):
                raise UsageError(f"{path}: {question}: an answer is {str(row)[:60]!r}, without a response; {EXPECTED}")
            yield Answer(question, row["response"].strip(), _percent(path, question, row["response"], row.get("percent"), 1))


def _datasets(payload: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The datasets of all respondents, with the question's name."""
    for question in payload.values():
        for data in question["datasets"].values():
            if isinstance(data, dict) and data.get("name") == _ALL:
                yield str(question.get("qname", "")), data


def _wanted(path: Path, payload: Mapping[str, Any]) -> Iterator[Pair]:
    for question, data in _datasets(payload):
        if data.get("plot_type") not in {"chord", "sankey"}:
            continue
        total = data.get("total_respondents")
        for start, end, people in _flows(path, question, data):
            if start == end or people == 0:  # 0: fewer than the survey shows
                continue
            if not isinstance(total, int) or not 0 < people <= total:
                raise UsageError(f"{path}: {question}: {people!r} of {total!r} respondents go from {start} to {end}; {EXPECTED}")
            yield Pair((question, end), (question, start), 100 * people / total, wanted=True)


def _flows(path: Path, question: str, data: Mapping[str, Any]) -> Iterator[tuple[str, str, int]]:
    """Who works with the first and wants the second: a list of pairs (2021), a matrix (2022 to 2024), places of labels (2025)."""
    rows = data.get("data") or []
    try:
        labels = [str(label).strip() for label in data.get("plot_metadata", {}).get("labels", [])]
        for place, row in enumerate(rows):
            if isinstance(row, list):
                if not len(row) == len(rows) == len(labels):
                    raise ValueError("not as many rows and columns as labels")  # noqa: TRY301
                yield from ((labels[place], label, _people(n)) for label, n in zip(labels, row, strict=True))
            elif "from" in row:
                yield str(row["from"]).strip(), str(row["to"]).strip(), _people(row["frequency"])
            else:
                yield labels[row["source"]], labels[row["target"]], _people(row["value"])
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{path}: {question}: the pairs cannot be read ({error}); {EXPECTED}") from error


def _people(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is no number of respondents")
    return value


def _percent(path: Path, question: str, name: object, value: object, whole: int) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= whole:
        raise UsageError(f"{path}: {question}: {name} has {value!r}, which is no share of {whole}; {EXPECTED}")
    return round(value * 100 / whole, 6)


__all__ = ["EXPECTED", "Answer", "Found", "Names", "Pair", "read_answers"]
