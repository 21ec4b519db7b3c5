"""The journal on PostgreSQL against the journal in a file: backfill, a day's writing, reading, and moving it.

    python -m benchmarks.bench_postgres [--points 1000000] [--series 1000] [--days 1826]

A real server on this machine with its usual durability (fsync, synchronous commit, full page writes); the file of SQLite
has it too. The points that are read were written day by day, so that a series lies scattered on the server's disk.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from benchmarks import Row
from benchmarks.bench_journal import BATCH, METRICS, START, _days_of_series, _one_topic, _put, _refresh, _weeks
from storage import dialects, moving
from storage.journal import Journal
from storage.model import Observation, Series
from storage.periods import DAY, WEEK
from storage.transaction import _POINT, _POINT_TYPES
from tests.fakes.postgres import running

DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "shared_buffers": "256MB", "max_wal_size": "4GB"}


def seconds(work: Callable[[], object]) -> float:
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@contextmanager
def both() -> Iterator[Callable[[], tuple[Journal, Journal]]]:
    """Makes pairs of empty journals, on the server and in a file."""
    with running(**DURABLE) as server, tempfile.TemporaryDirectory() as folder:
        made: list[Journal] = []

        def pair() -> tuple[Journal, Journal]:
            name = f"bench_{len(made)}"
            here = Path(folder) / name
            made.append(Journal.open(here, server.database(name), writable=True))
            made.append(Journal.open(here, writable=True))
            return made[-2], made[-1]

        try:
            yield pair
        finally:
            for journal in made:
                journal.close()


def per_second(count: int, taken: float) -> str:
    return f"{count / taken:,.0f}/s"


def backfill(points: int = 1_000_000, rounds: int = 3) -> list[Row]:
    """A long history in batches of 10,000 through `Journal.put`; and by COPY against the driver's executemany."""
    observations = _days_of_series(points)
    rows = [(1, i, float(i), 0, 0, i + 60, None, 1) for i in range(points // 10)]
    sql = f"INSERT INTO points ({', '.join(_POINT)}) VALUES ({', '.join('?' * len(_POINT))})"
    times: list[tuple[float, float]] = []
    bulk: list[tuple[float, float]] = []
    with both() as pair:
        for _ in range(rounds):
            server, file = pair()
            times.append((seconds(partial(_put, server, observations)), seconds(partial(_put, file, observations))))
        for _ in range(rounds):
            one, other = pair()[0], pair()[0]
            bulk.append((seconds(partial(_load, one, rows)), seconds(partial(_executemany, other, sql, rows))))
    (ours, theirs), (copy, many) = (tuple(map(min, zip(*found, strict=True))) for found in (times, bulk))
    size = f"{points:,} observations in batches of {BATCH:,}"
    return [
        Row(
            "journal on PostgreSQL, backfill",
            per_second(points, ours),
            per_second(points, theirs),
            theirs / ours,
            note=f"{size}; the least of {rounds} rounds; against the journal in a file",
        ),
        Row(
            "… COPY",
            per_second(len(rows), copy),
            per_second(len(rows), many),
            many / copy,
            note=f"{len(rows):,} rows in one transaction; against executemany of psycopg 3",
        ),
    ]


def _load(journal: Journal, rows: Sequence[tuple[object, ...]]) -> None:
    with journal.write() as tx:
        dialects.load(tx.connection, "points", _POINT, rows, _POINT_TYPES)


def _executemany(journal: Journal, sql: str, rows: Sequence[tuple[object, ...]]) -> None:
    with journal.write() as tx:
        tx.connection.exec_driver_sql(sql, list(rows))


def living(series: int = 1000, days: int = 1826, rounds: int = 3) -> list[Row]:
    """A day's writing, the readings of charts, and a move, of a journal that was written day by day."""
    found = [Series(METRICS[i % len(METRICS)], f"topic-{i // len(METRICS)}") for i in range(series)]
    topic, since = f"topic-{series // len(METRICS) // 2}", START + days * DAY - 60 * WEEK
    with both() as pair:
        server, file = pair()
        filled = [seconds(partial(_fill, journal, found, days)) for journal in (server, file)]
        rolled = [seconds(partial(_refresh, journal)) for journal in (server, file)]
        daily = [
            tuple(seconds(partial(_day, journal, found, START + (days + n) * DAY)) for journal in (server, file)) for n in range(rounds)
        ]
        for journal in (server, file):
            _refresh(journal)
        if not _one_topic(server, topic).equals(_one_topic(file, topic)):
            raise RuntimeError("the two journals disagree")
        one = [tuple(seconds(partial(_one_topic, journal, topic)) for journal in (server, file)) for _ in range(rounds + 2)]
        weeks = [tuple(seconds(partial(_weeks, journal, since)) for journal in (server, file)) for _ in range(rounds)]
        count, sizes = series * (days + rounds), f"{server.size() / 1e6:,.0f} MB on the server, {file.size() / 1e6:,.0f} MB in the file"
        there, back = pair()
        moved = seconds(lambda: moving.move(file, there)), seconds(lambda: moving.move(server, back))
    size = f"{series:,} series of {days:,} days, {sizes}"
    note = f"{size}; against the journal in a file"

    def row(name: str, times: Sequence[tuple[float, ...]], more: str = "") -> Row:
        ours, theirs = (min(column) for column in zip(*times, strict=True))
        return Row(name, f"{ours:.4f} s", f"{theirs:.4f} s", theirs / ours, note=more or "the same")

    return [
        row(
            "… a day's figures of all series", daily, f"{note}; 100 figures a transaction (filled in {filled[0]:.0f} and {filled[1]:.0f} s)"
        ),
        row("… one topic to pandas", one),
        row("… last 60 weeks of all series", weeks, f"the same; rolled up in {rolled[0]:.1f} and {rolled[1]:.1f} s"),
        Row("… `uptake migrate` of it, there", f"{moved[0]:.1f} s, {per_second(count, moved[0])}", note="copied, read back, and compared"),
        Row("… and back", f"{moved[1]:.1f} s, {per_second(count, moved[1])}", note="the same"),
    ]


def _fill(journal: Journal, found: Sequence[Series], days: int) -> None:
    with journal.write() as tx:
        ids = [tx.series_id(series) for series in found]
        for day in range(days):
            at = START + day * DAY
            rows = [(i, at, float((i + day) % 997), 0, 0, at + 60, None, tx.seq) for i in ids]
            dialects.load(tx.connection, "points", _POINT, rows, _POINT_TYPES)


def _day(journal: Journal, found: Sequence[Series], day: int) -> None:
    for start in range(0, len(found), 100):
        with journal.write() as tx:
            tx.put([Observation(series, day, float(n), observed_at=day + 60) for n, series in enumerate(found[start : start + 100])])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--series", type=int, default=1000)
    parser.add_argument("--days", type=int, default=1826)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    for row in [*backfill(options.points, options.rounds), *living(options.series, options.days, options.rounds)]:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        print(f"{row.what:<40} {row.ours:>20} {row.baseline:>16} {ratio:>6}  {row.note}", flush=True)


if __name__ == "__main__":
    main()
