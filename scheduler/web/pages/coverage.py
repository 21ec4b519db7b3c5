"""What was measured, what is missing and why: a calendar by source, and the troubles in words."""

from __future__ import annotations

from dataclasses import dataclass

from scheduler.coverage_calendar import Cover, cover
from scheduler.web.look import Look
from scheduler.web.pages.render import page as rendered
from scheduler.web.question import Answer
from scheduler.words import WORDS
from storage.periods import day, moment
from trends import wording

MEANINGS = {
    Cover.FULL: ("●", "every figure"),
    Cover.LATE: ("◐", "every figure, some read later"),
    Cover.DOUBTFUL: ("?", "some held as doubtful"),
    Cover.MOST: ("▲", "most, four fifths or more"),
    Cover.PART: ("▽", "fewer"),
    Cover.NONE: ("×", "none"),
    Cover.OPEN: ("…", "being measured"),
    Cover.NOTHING: ("", "none was due"),
}


@dataclass(frozen=True, slots=True)
class Cell:
    day: str
    kind: str
    mark: str
    words: str


def page(look: Look) -> Answer:
    from scheduler.status import status

    found = status(look.connection, look.setting.store, now=look.present, weeks=look.args["weeks"], as_of=look.sequence)
    calendar = found.calendar
    rows = [
        (
            look.setting.titles.get(source, wording.name_of(source)),
            [_cell(start, n) for start, n in zip(calendar.cells, counts, strict=True)],
        )
        for source, counts in calendar.sources.items()
    ]
    there = {cell.kind for _, cells in rows for cell in cells}
    return rendered(
        look,
        "coverage.html.j2",
        title="What was measured",
        rows=rows,
        months=_months(calendar.cells),
        unit=str(calendar.cell),
        legend=[(str(c), *MEANINGS[c]) for c in MEANINGS if str(c) in there],
        troubles=_by_source([_trouble(look, t) for t in found.troubles]),
        weeks=found.weeks,
        table=_table(look, found.coverage, found.weeks),
        status=found,
    )


def _cell(start: int, counts) -> Cell:  # type: ignore[no-untyped-def]  # a Counter of outcomes
    kind = cover(counts)
    mark, meaning = MEANINGS[kind]
    told = ", ".join(f"{n} {WORDS.get(outcome, outcome)}" for outcome, n in sorted(counts.items()) if n)
    return Cell(day(start), str(kind), mark, f"{day(start)}: {meaning}" + (f" ({told})" if told else ""))


def _months(cells: tuple[int, ...]) -> list[tuple[str, int]]:
    """The months above the cells, with how many cells each has."""
    found: list[tuple[str, int]] = []
    for start in cells:
        name = moment(start).strftime("%Y-%m")
        found = [*found[:-1], (name, found[-1][1] + 1)] if found and found[-1][0] == name else [*found, (name, 1)]
    return found


def _by_source(troubles: list[dict[str, object]]) -> list[tuple[object, list[dict[str, object]]]]:
    """Troubles of each source together, the most frequent first."""
    names = dict.fromkeys(t["source"] for t in troubles)
    return [(name, sorted((t for t in troubles if t["source"] == name), key=lambda t: -int(str(t["slots"])))) for name in names]


def _trouble(look: Look, trouble: dict[str, object]) -> dict[str, object]:
    reason = str(trouble["outcome"]).removeprefix("missing(").removesuffix(")")
    source = str(trouble["source"])
    return {**trouble, "source": look.setting.titles.get(source, source), "words": WORDS.get(reason, reason)}


def _table(look: Look, coverage, weeks: list[int]) -> list[tuple[str, list[tuple[int, int, str]]]]:  # type: ignore[no-untyped-def]
    """Per source and week: how many of how many, and what became of the rest in words."""
    rows = []
    for source, by_week in coverage.items():
        cells = []
        for week in weeks:
            counts = by_week.get(week, {})
            good = sum(n for label, n in counts.items() if label in {"measured", "recovered"})
            rest = ", ".join(
                f"{n} × {WORDS.get(word, word)}"
                for label, n in sorted(counts.items())
                if label not in {"measured", "recovered"}
                for word in [label.removeprefix("missing(").removesuffix(")")]
            )
            cells.append((good, sum(counts.values()), rest))
        rows.append((look.setting.titles.get(source, wording.name_of(source)), cells))
    return rows


__all__ = ["page"]
