"""How the measuring goes: coverage per source and week, and day by day, doubtful figures, sizes, unfinished work."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Connection, select

from scheduler.coverage_calendar import Calendar, calendar, cells_until, reach
from scheduler.sizes import sizes
from storage import frames, ledger, schema
from storage.dialects import on_postgres
from storage.model import Cadence, Outcome
from storage.periods import WEEK, day, floor, iso, preceding

# Figures that were known and stood at a sequence, which is given three times.
_KNOWN = (
    "SELECT series_id, time, observed_at FROM points WHERE seq <= ? AND state < 2 UNION ALL"
    " SELECT series_id, time, observed_at FROM revisions WHERE seq <= ? AND seq_to > ? AND state < 2"
)


@dataclass(slots=True)
class Status:
    """Coverage of some weeks, newest first, and what else an operator asks."""

    weeks: list[int]
    coverage: dict[str, dict[int, Counter[str]]] = field(default_factory=dict)  # source -> week -> outcome -> slots
    troubles: list[dict[str, Any]] = field(default_factory=list)
    last_success: dict[str, int] = field(default_factory=dict)
    unfinished: list[str] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)  # bytes, see `scheduler.sizes`
    calendar: Calendar = field(default_factory=lambda: Calendar(Cadence.DAY, (), {}))
    figures: int = 0
    series: int = 0
    sequence: int = 0

    def to_dict(self) -> dict[str, Any]:
        return {
            "weeks": [day(w) for w in self.weeks],
            "coverage": {s: {day(w): dict(c) for w, c in weeks.items()} for s, weeks in self.coverage.items()},
            "troubles": self.troubles,
            "last_success": {s: iso(t) for s, t in self.last_success.items()},
            "unfinished_runs": self.unfinished,
            "bytes": self.sizes,
            "calendar": self.calendar.to_dict(),
            "figures": self.figures,
            "series": self.series,
            "sequence": self.sequence,
        }


def status(connection: Connection, folder: Path, *, now: int, weeks: int = 6, as_of: int | None = None) -> Status:
    """Gather the status. Slots of longer periods count in the week in which they were asked for."""
    week = floor(now, Cadence.WEEK)
    listed = [week]
    while len(listed) < weeks:
        listed.append(preceding(listed[-1], Cadence.WEEK))
    found = Status(listed)
    since = listed[-1]
    cover: dict[str, dict[int, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    worst: dict[tuple[str, str], list[ledger.End]] = defaultdict(list)
    cell, cells = cells_until(now, weeks)
    ends = _ends(connection, min(since, reach(cells)), now, as_of)
    cadences = frames.definitions(connection)
    found.calendar = calendar((e for e, _ in ends), lambda series: cadences.of(series).cadence, cell, cells)
    for end, asked in ends:
        if asked < since:
            continue
        label = end.label
        cover[end.source][floor(asked, Cadence.WEEK)][label] += 1
        if end.outcome in {Outcome.MISSING, Outcome.SUSPECT}:
            worst[end.source, label].append(end)
    found.coverage = {s: dict(w) for s, w in sorted(cover.items())}
    found.troubles = [
        {
            "source": s,
            "outcome": label,
            "slots": len(ends),
            "series": str(ends[-1].slot.series),
            "time": iso(ends[-1].slot.time),
            "detail": ends[-1].detail,
        }
        for (s, label), ends in sorted(worst.items())
    ]
    cut = 2**62 if as_of is None else as_of
    sql = (
        f"SELECT s.source, max(p.observed_at) FROM series s JOIN ({_KNOWN}) p ON p.series_id = s.id"
        " WHERE s.origin = 'measured' AND p.time >= ? GROUP BY s.source"
    )
    found.last_success = {str(s): int(t) for s, t in connection.exec_driver_sql(sql, (cut, cut, cut, since - 60 * WEEK)) if t is not None}
    found.unfinished = [r.id for r in ledger.unfinished(connection)]
    measured = "series_id NOT IN (SELECT id FROM series WHERE origin = 'derived')"
    sql = f"SELECT count(*), count(DISTINCT series_id) FROM ({_KNOWN}) AS known WHERE {measured}"
    found.figures, found.series = connection.exec_driver_sql(sql, (cut, cut, cut)).one()
    found.sequence = int(connection.exec_driver_sql("SELECT max(seq) FROM commits WHERE seq <= ?", (cut,)).scalar() or 0)
    found.sizes = sizes(folder)
    if on_postgres(connection):
        from storage.postgres import size_of

        found.sizes["journal"] = size_of(connection)
    return found


def _ends(connection: Connection, since: int, now: int, as_of: int | None) -> list[tuple[ledger.End, int]]:
    """Ends of slots that were planned since a time, with when that was."""
    table = schema.runs.c
    query = select(table.id, table.time, table.first_slot).where(table.time >= since, table.kind != ledger.BACKFILL)
    rows = connection.execute(query).all()  # of backfills nothing is told here, and one can reach back for years
    planned = {row.id: row.time for row in rows}
    first = min((row.first_slot for row in rows if row.first_slot is not None), default=None)
    if first is None:
        return []
    ends = ledger.ends(connection, since=first, until=now, as_of=as_of)
    return [(e, planned[e.run]) for e in ends if e.run in planned]


def coverage_frame(connection: Connection, *, as_of: int | None = None, sources: Iterable[str] | None = None) -> pd.DataFrame:
    """Slots per source, metric, topic, labels (text), week (epoch s) and outcome, with their count. ``sources``: only of these."""
    rows: Counter[tuple[str, str, str, str, int, str]] = Counter()
    for end in (e for source in ([None] if sources is None else sources) for e in ledger.ends(connection, source, as_of=as_of)):
        s = end.slot.series
        labels = ";".join(f"{k}={v}" for k, v in s.tags())
        rows[end.source, s.metric, s.topic, labels, floor(end.slot.time, Cadence.WEEK), str(end.outcome)] += 1
    columns = ["source", "metric", "topic", "labels", "week", "outcome", "count"]
    return pd.DataFrame([(*key, n) for key, n in rows.items()], columns=columns)
