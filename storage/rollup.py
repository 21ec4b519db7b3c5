"""Weekly aggregates of every series, kept up to a sequence and exact as of any other.

The stored rollup is valid as of a mark. Asked for as of another sequence, only weeks that changed between the
two are computed again from the points: one mechanism serves a fresh reading and a past one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from sqlalchemy import Connection, select

from storage import schema
from storage.journal import Transaction
from storage.lookups import head
from storage.model import Bound, Cadence, State
from storage.periods import floor
from storage.transaction import ROLLUP_MARK

WEEK_SECONDS = 604800
MONDAY = floor(0, Cadence.WEEK)
COLUMNS = ["series_id", "week", "last", "last_time", "last_bound", "total", "total_bound", "n"]

# Weeks are stored as blocks of records: to fetch 600,000 rows of eight columns takes Python two seconds, the same
# as 30,000 blocks a tenth of one. A block of 32 weeks fills a third of a page.
BLOCK_WEEKS = 32
RECORD = np.dtype(
    [
        ("week", "<i8"),
        ("last", "<f8"),
        ("last_time", "<i8"),
        ("total", "<f8"),
        ("n", "<i4"),
        ("last_bound", "<i1"),
        ("total_bound", "<i1"),
    ]
)
_BLOCK_SECONDS = BLOCK_WEEKS * WEEK_SECONDS


def mark(connection: Connection) -> int:
    """The sequence as of which the stored rollup is valid."""
    return int(connection.scalar(select(schema.meta.c.value).where(schema.meta.c.key == ROLLUP_MARK)) or 0)


def refresh(tx: Transaction, *, chunk: int = 500) -> int:
    """Bring the stored rollup up to the newest sequence. Returns how many weeks of series were computed."""
    connection = tx.connection
    start, end = mark(connection), head(connection)
    if start == end:
        return 0
    changed = _changed_weeks(connection, start, None, None)
    ids = sorted(changed)
    for i in range(0, len(ids), chunk):
        part = {s: changed[s] for s in ids[i : i + chunk]}
        since = min(map(min, part.values()))
        stored = _stored(connection, set(part), since - (since - MONDAY) % _BLOCK_SECONDS)
        _store(connection, part, _merged(stored, part, _compute(connection, part, None)))
    tx.rolled_up(end)
    return sum(map(len, changed.values()))


def read(connection: Connection, ids: Iterable[int] | None = None, *, since: int | None = None, as_of: int | None = None) -> pd.DataFrame:
    """Weekly aggregates, one row a series and week in that order, as of a sequence (default: the newest).

    Columns: ``series_id``, ``week`` (Monday, epoch seconds), ``last`` with ``last_time`` and ``last_bound``,
    ``total`` with ``total_bound`` (*at_least* if any part is, else *estimate* if any is), ``n`` values.
    """
    newest = head(connection)
    at = newest if as_of is None else min(as_of, newest)
    wanted = None if ids is None else set(ids)
    start = None if since is None else floor(since, Cadence.WEEK)
    stored = _stored(connection, wanted, start)
    changed = _changed_weeks(connection, min(at, mark(connection)), wanted, start)
    return _merged(stored, changed, _compute(connection, changed, None if at == newest else at))


def _merged(stored: pd.DataFrame, changed: dict[int, set[int]], fresh: pd.DataFrame) -> pd.DataFrame:
    """The stored rows with those of changed weeks replaced (or gone, where nothing is left of them)."""
    if not changed:
        return stored
    pairs = pd.MultiIndex.from_tuples([(s, w) for s, weeks in changed.items() for w in weeks])
    kept = stored[~pd.MultiIndex.from_frame(stored[["series_id", "week"]]).isin(pairs)]
    return pd.concat([kept, fresh], ignore_index=True).sort_values(["series_id", "week"], ignore_index=True)


def _store(connection: Connection, changed: dict[int, set[int]], frame: pd.DataFrame) -> None:
    """Write the blocks that hold changed weeks; the frame has all weeks of these blocks."""
    touched = {(s, (w - MONDAY) // _BLOCK_SECONDS) for s, weeks in changed.items() for w in weeks}
    records = np.zeros(len(frame), RECORD)
    for name in RECORD.names or ():
        records[name] = frame[name].to_numpy()
    ids, blocks = frame["series_id"].to_numpy(), (frame["week"].to_numpy() - MONDAY) // _BLOCK_SECONDS
    edges = np.flatnonzero((np.diff(ids) != 0) | (np.diff(blocks) != 0)) + 1
    starts, ends = [0, *edges.tolist()], [*edges.tolist(), len(frame)]
    rows = [(int(ids[a]), int(blocks[a]), records[a:b].tobytes()) for a, b in zip(starts, ends, strict=True) if b > a]
    connection.exec_driver_sql("DELETE FROM weekly WHERE series_id = ? AND block = ?", sorted(touched))
    if written := [row for row in rows if row[:2] in touched]:
        connection.exec_driver_sql("INSERT INTO weekly (series_id, block, weeks) VALUES (?, ?, ?)", written)


def _stored(connection: Connection, wanted: set[int] | None, since: int | None) -> pd.DataFrame:
    """Stored weeks from a Monday on."""
    block = -(2**62) if since is None else (since - MONDAY) // _BLOCK_SECONDS
    sql = "SELECT series_id, weeks FROM weekly WHERE block >= ?"
    if wanted is None:
        rows = connection.exec_driver_sql(f"{sql} ORDER BY series_id, block", (block,)).all()
    else:
        sql += " AND series_id = ? ORDER BY block"
        rows = [row for i in sorted(wanted) for row in connection.exec_driver_sql(sql, (block, i))]
    ids, blocks = zip(*rows, strict=True) if rows else ((), ())
    records = np.frombuffer(b"".join(blocks), RECORD)
    owners = np.repeat(np.array(ids, dtype="int64"), np.array([len(b) // RECORD.itemsize for b in blocks], dtype="int64"))
    if since is not None:
        recent = records["week"] >= since
        records, owners = records[recent], owners[recent]
    return _frame({"series_id": owners, **{name: records[name] for name in RECORD.names or ()}})


def _frame(columns: Mapping[str, np.ndarray[tuple[int], np.dtype[np.generic]]]) -> pd.DataFrame:
    return pd.DataFrame({c: columns[c].astype("float64" if c in {"last", "total"} else "int64") for c in COLUMNS})


def _changed_weeks(connection: Connection, seq: int, wanted: set[int] | None, since: int | None) -> dict[int, set[int]]:
    """Weeks per series with a point written after a sequence (whatever was true before, its present row is later)."""
    if seq == head(connection):
        return {}
    sql = (
        f"SELECT DISTINCT series_id, time - ((time - {MONDAY}) % {WEEK_SECONDS} + {WEEK_SECONDS}) % {WEEK_SECONDS}"
        " FROM points WHERE time >= ?"
    )
    start = -(2**62) if since is None else since
    found: dict[int, set[int]] = {}
    if wanted is None:
        rows = connection.exec_driver_sql(f"{sql} AND seq > ?", (start, seq)).all()
    else:  # by the primary key: few series are asked for, and much may have changed
        rows = [row for i in sorted(wanted) for row in connection.exec_driver_sql(f"{sql} AND series_id = ? AND +seq > ?", (start, i, seq))]
    for series_id, week in rows:
        found.setdefault(series_id, set()).add(week)
    return found


_NOW = "SELECT time, value, bound FROM points WHERE series_id = ? AND time >= ? AND time < ? AND state = ?"
_THEN = (
    "SELECT time, value, bound FROM points WHERE series_id = ? AND time >= ? AND time < ? AND state = ? AND seq <= ?"
    " UNION ALL SELECT time, value, bound FROM revisions"
    " WHERE series_id = ? AND time >= ? AND time < ? AND state = ? AND seq <= ? AND seq_to > ?"
)


def _compute(connection: Connection, weeks: dict[int, set[int]], as_of: int | None) -> pd.DataFrame:
    good = int(State.GOOD)
    parts = []
    for series_id, wanted in weeks.items():
        low, high = min(wanted), max(wanted) + WEEK_SECONDS
        if as_of is None:
            rows = connection.exec_driver_sql(_NOW, (series_id, low, high, good)).all()
        else:
            rows = connection.exec_driver_sql(_THEN, (series_id, low, high, good, as_of, series_id, low, high, good, as_of, as_of)).all()
        if rows:
            times, values, bounds = zip(*rows, strict=True)  # an array of rows at once takes ten times as long
            parts.append((np.full(len(times), series_id), np.array(times), np.array(values, dtype="float64"), np.array(bounds)))
    if not parts:
        return _frame({c: np.array([]) for c in COLUMNS})
    columns = (np.concatenate(column) for column in zip(*parts, strict=True))
    frame = aggregate(pd.DataFrame(dict(zip(["series_id", "time", "value", "bound"], columns, strict=True))))
    wanted_pairs = pd.MultiIndex.from_tuples([(s, w) for s, ws in weeks.items() for w in ws])
    return frame[pd.MultiIndex.from_frame(frame[["series_id", "week"]]).isin(wanted_pairs)].reset_index(drop=True)


def aggregate(points: pd.DataFrame) -> pd.DataFrame:
    """Aggregate points (series_id, time, value, bound) to weeks; the columns of `read`."""
    frame = points.sort_values(["series_id", "time"], kind="stable")
    ids = frame["series_id"].to_numpy().astype("int64")
    times = frame["time"].to_numpy().astype("int64")
    week = times - (times - MONDAY) % WEEK_SECONDS
    values, bounds = frame["value"].to_numpy(), frame["bound"].to_numpy().astype("int64")
    first = np.flatnonzero(np.r_[True, (ids[1:] != ids[:-1]) | (week[1:] != week[:-1])])
    last = np.r_[first[1:], len(ids)] - 1
    at_least = np.maximum.reduceat(bounds == Bound.AT_LEAST, first)
    worst = np.where(at_least, int(Bound.AT_LEAST), np.maximum.reduceat(bounds, first))
    return pd.DataFrame(
        {
            "series_id": ids[first],
            "week": week[first],
            "last": values[last],
            "last_time": times[last],
            "last_bound": bounds[last],
            "total": np.add.reduceat(values, first),
            "total_bound": worst,
            "n": last - first + 1,
        }
    )
