"""Points on their way into the journal, and what is to be done with each of a series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from operator import itemgetter

from storage.model import Capture, Series, State
from storage.periods import iso

# What a value was read from: captures, a citation, or the id of a row of evidence.
Evidence = tuple[Capture, ...] | str | int

# One point to be written: time, value, bound, state, observed_at, evidence.
Row = tuple[int, float | None, int, int, int | None, Evidence | None]

Stored = tuple[float | None, int, int]  # value, bound, state

_VALUE = itemgetter(1)  # of a `Row`


def parted(latest: Mapping[int, Row], stored: Mapping[int, Stored]) -> tuple[list[Row], list[Row]]:
    """Rows of one series, by their times, that are not stored yet, and those that are stored otherwise."""
    if not stored:
        return list(latest.values()), []
    added = [row for time, row in latest.items() if time not in stored]
    changed = [row for time, row in latest.items() if stored.get(time, row[1:4]) != row[1:4]]
    if changed:  # 2**53 + 1 is kept as the float that it is nearest to
        changed = [row for row in changed if row[1] is None or stored[row[0]] != (float(row[1]), *row[2:4])]
    return added, changed


def exact(rows: Sequence[Row]) -> list[Row]:
    """Rows for PostgreSQL, with the values that SQLite would keep: a float each, and minus nought is nought."""
    return [(row[0], None if row[1] is None else row[1] + 0.0, *row[2:]) for row in rows]


def refuse_no_numbers(series: Series, rows: Sequence[Row]) -> None:
    """Not a number, infinite or empty: SQLite would keep them as nothing at all."""
    try:
        if isfinite(sum(map(_VALUE, rows))):  # None raises, and is looked at below
            return
    except TypeError:
        pass
    for time, value, _, state, _, _ in rows:
        if (state != State.RETRACTED) if value is None else not isfinite(value):
            raise ValueError(f"{series} at {iso(time)}: {value} is not a number that can be kept")
