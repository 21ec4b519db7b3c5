"""Compares what the journal knows with what a server has, value by value, and counts the differences by series and month."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from storage import frames
from storage.influx.address import Machine
from storage.influx.reading import Read, exported, read
from storage.influx.wire import Wire
from storage.model import Series, State
from storage.repairs import Repair

_GOOD = f"SELECT time, value, bound FROM points WHERE series_id = ? AND state = {+State.GOOD} ORDER BY time"


@dataclass(frozen=True, slots=True)
class Month:
    """A month (``2026-11``) of a series in which journal and server differ; counts of points."""

    month: str
    here: int
    there: int
    missing: int  # at the server
    extra: int  # only at the server
    different: int  # in value or bound

    def to_dict(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in ("month", "here", "there", "missing", "extra", "different")}


@dataclass(frozen=True, slots=True)
class Difference:
    """A series of the journal that stands otherwise at the server."""

    series_id: int
    series: Series
    months: tuple[Month, ...]
    since: int
    until: int

    @property
    def missing(self) -> int:
        return sum(m.missing for m in self.months)

    @property
    def extra(self) -> int:
        return sum(m.extra for m in self.months)

    @property
    def different(self) -> int:
        return sum(m.different for m in self.months)

    def repair(self, machine: Machine) -> Repair:
        """What makes the server's copy right: what is too much, or cannot be overwritten, is removed first."""
        if machine.victoria:
            return Repair(self.series_id, wipe=bool(self.extra or self.different))
        return Repair(self.series_id, self.since, self.until, wipe=bool(self.extra))


def compare(connection: Connection, wire: Wire, machine: Machine) -> Iterator[Difference | Series]:
    """Differences, and series that only the server has. Memory is that of one series at a time (VictoriaMetrics: its answer)."""
    table = frames.catalogue(connection, derived=True)
    known: dict[Series, int] = {s: int(i) for s, i in zip(table["series"], table["id"], strict=True)}
    left = dict(known)
    there = exported(wire, machine, known) if machine.victoria else read(wire, only={s.family for s in known})
    for one in there:
        series_id = left.pop(one.series, None)
        if series_id is None:
            yield one.series
        elif (found := _difference(connection, series_id, one, machine)) is not None:
            yield found
    nothing = np.array([], dtype="int64")
    for series, series_id in left.items():
        empty = Read(series, nothing, nothing.astype("float64"), nothing)
        if (found := _difference(connection, series_id, empty, machine)) is not None:
            yield found


def _difference(connection: Connection, series_id: int, there: Read, machine: Machine) -> Difference | None:
    rows = connection.exec_driver_sql(_GOOD, (series_id,)).cursor.fetchall()
    times = np.array([row[0] for row in rows], dtype="int64")
    values = np.array([row[1] for row in rows], dtype="float64")
    bounds = np.array([row[2] for row in rows], dtype="int64")
    unique, first, counts = np.unique(there.times, return_index=True, return_counts=True)
    common, mine, theirs = np.intersect1d(times, unique, assume_unique=True, return_indices=True)
    theirs = first[theirs]
    # VictoriaMetrics keeps values as decimals, about fifteen digits of them.
    same = np.isclose(values[mine], there.values[theirs], rtol=1e-12, atol=0) if machine.victoria else values[mine] == there.values[theirs]
    wrong = common[~(same & (bounds[mine] == there.bounds[theirs]))]
    missing = np.setdiff1d(times, unique, assume_unique=True)
    extra = np.concatenate([np.setdiff1d(unique, times, assume_unique=True), np.repeat(unique, counts - 1)])
    odd = np.concatenate([wrong, missing, extra])
    if not len(odd):
        return None
    months = sorted({*_months(odd).tolist()})
    parts = [_months(part) for part in (times, there.times, missing, extra, wrong)]
    counted = tuple(Month(str(month), *(int((part == month).sum()) for part in parts)) for month in months)
    return Difference(series_id, there.series, counted, int(odd.min()), int(odd.max()))


def _months(times: npt.NDArray[np.int64]) -> npt.NDArray[np.str_]:
    return times.astype("datetime64[s]").astype("datetime64[M]").astype(str)
