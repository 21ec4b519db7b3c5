"""Recipes of published rankings, as parameters: so that their figures can be made again from the raw counts.

They are not what Uptake uses (`trends.index`): min-max makes the leader 1 and everybody else nearly 0, adding one topic
moves all others, and neither can be compared from one date to another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from storage.model import UsageError
from trends.panel import Floats

Columns = Mapping[str, Sequence[float | None]]


@dataclass(frozen=True, slots=True)
class Score:
    """One row of a ranking: ``parts`` by family (or column) add up to ``score``. Rank 1 is the highest."""

    name: str
    rank: int
    score: float
    parts: Mapping[str, float]


def z_scores(values: Floats) -> Floats:
    """How many sample standard deviations a value lies over the mean; 0 throughout where all are equal. NaN stays NaN."""
    known = values[np.isfinite(values)]
    spread = float(known.std(ddof=1)) if len(known) > 1 else 0.0
    middle = float(known.mean()) if len(known) else np.nan
    return np.asarray((values - middle) / spread if spread > 0 else np.where(np.isfinite(values), 0.0, np.nan))


def min_max(values: Floats) -> Floats:
    """Values between 0 (the smallest) and 1 (the largest); 0 throughout where all are equal. NaN stays NaN."""
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (np.nan, np.nan)
    return np.asarray((values - low) / (high - low) if high > low else np.where(np.isfinite(values), 0.0, np.nan))


def z_score_sums(
    names: Sequence[str], columns: Columns, families: Mapping[str, Sequence[str]], *, missing: float | None = None
) -> list[Score]:
    """Standardise each column, average the columns of a family, add up the families.

    With one family for repositories, one for questions and one for search results this is The Data Incubator's ranking
    of 23 deep-learning libraries of 2017-09-14, which takes a missing count for 0 (``missing=0``); by default a missing
    count is left out of its family's average, and a family without any adds nothing.
    """
    table = _table(names, columns, missing)
    scaled = {name: z_scores(column) for name, column in table.items()}
    return _ranked(names, {family: _mean([scaled[_known(c, scaled)] for c in members]) for family, members in families.items()})


def power_scores(
    names: Sequence[str], columns: Columns, weights: Mapping[str, float] | None = None, *, missing: float | None = None
) -> list[Score]:
    """Scale each column to 0..1 by its smallest and largest, take the weighted mean, times 100 (Hale 2018).

    ``weights`` are by column and are made to add up to 1; without them all columns count alike.
    """
    table = _table(names, columns, missing)
    chosen = dict.fromkeys(table, 1.0) if weights is None else {_known(c, table): w for c, w in weights.items()}
    whole = sum(chosen.values())
    if whole <= 0 or min(chosen.values()) < 0:
        raise UsageError("the weights of a score must not be negative, and not all of them 0")
    return _ranked(names, {c: 100 * w / whole * np.nan_to_num(min_max(table[c])) for c, w in chosen.items()})


def _table(names: Sequence[str], columns: Columns, missing: float | None) -> dict[str, Floats]:
    table = {}
    for name, cells in columns.items():
        if len(cells) != len(names):
            raise UsageError(f"column {name!r} has {len(cells)} figures for {len(names)} names")
        column = np.array([np.nan if cell is None else cell for cell in cells], dtype="float64")
        table[name] = column if missing is None else np.where(np.isfinite(column), column, missing)
    return table


def _known(column: str, table: Mapping[str, Floats]) -> str:
    if column not in table:
        raise UsageError(f"there is no column {column!r}; there are: {', '.join(table)}")
    return column


def _mean(columns: Sequence[Floats]) -> Floats:
    stacked = np.array(columns)
    known = np.isfinite(stacked)
    return np.asarray(np.where(known, stacked, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1))


def _ranked(names: Sequence[str], parts: Mapping[str, Floats]) -> list[Score]:
    total = sum(parts.values(), np.zeros(len(names)))
    order = sorted(range(len(names)), key=lambda i: (-total[i], names[i]))
    return [
        Score(names[i], place, float(total[i]), {name: float(part[i]) for name, part in parts.items()})
        for place, i in enumerate(order, start=1)
    ]
