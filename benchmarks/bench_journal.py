"""The journal against plain SQLite: writing a long history, writing it again, and the two readings that charts need.

    python -m benchmarks.bench_journal [--points 1000000] [--series 10000]

Each function returns rows ``{name, ours, baseline, ratio, note}``: times in seconds, the least of several
interleaved rounds; ``ratio`` is baseline / ours, so more is better and 1 is as fast as the baseline.
"""

from __future__ import annotations

import argparse
import gc
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd

from storage import frames, rollup
from storage.journal import FILE, Changes, Journal
from storage.model import Observation, Series
from storage.periods import DAY, WEEK

Result = dict[str, str | float]

BATCH = 10_000
START = 1_546_300_800  # 2019-01-01
METRICS = ("github.stars", "github.new_stars", "pypi.downloads_30d", "jobs.postings", "articles.published")
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=OFF", "cache_size=-65536", "temp_store=MEMORY")
INSERT = "INSERT INTO points (series_id, time, value, bound, state, observed_at, evidence_id, seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


def _row(name: str, ours: float, baseline: float, note: str) -> Result:
    return {"name": name, "ours": round(ours, 4), "baseline": round(baseline, 4), "ratio": round(baseline / ours, 2), "note": note}


def _seconds(work: Callable[[], object]) -> float:
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _days_of_series(points: int, days: int = 1826) -> list[Observation]:
    found: list[Observation] = []
    for number in range(-(-points // days)):
        series = Series("github.stars", f"topic-{number}", source="github")
        found += [
            Observation(series, START + day * DAY, float(number * day % 9973), observed_at=START + day * DAY + 60) for day in range(days)
        ]
    return found[:points]


def backfill(points: int = 1_000_000, rounds: int = 3) -> list[Result]:
    """Write a history in batches of 10,000 through `Journal.put`, and the same tuples by ``executemany``; then write it again."""
    observations = _days_of_series(points)
    ids = {series: number for number, series in enumerate(dict.fromkeys(o.series for o in observations), 1)}
    tuples = [(ids[o.series], o.time, o.value, 0, 0, o.observed_at, None, 1 + i // BATCH) for i, o in enumerate(observations)]
    ours, again, bare = [], [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder), writable=True) as journal:
            ours.append(_seconds(lambda: _put(journal, observations)))
            head = journal.head()
            again.append(_seconds(lambda: _put(journal, observations)))
            if journal.head() != head:
                raise RuntimeError("writing the same again changed the journal")
        with tempfile.TemporaryDirectory() as folder:
            bare.append(_seconds_bare(Path(folder), tuples))
    size = f"{points:,} observations in batches of {BATCH:,}"
    return [
        _row("backfill through the journal", min(ours), min(bare), f"{size}, against sqlite3.executemany into the same table"),
        _row("the same written again", min(again), min(ours), f"{size}; nothing changed, no sequence was taken; against the first writing"),
    ]


def _put(journal: Journal, observations: Sequence[Observation]) -> Changes:
    changes = Changes()
    for i in range(0, len(observations), BATCH):
        with journal.write() as tx:
            changes += tx.put(observations[i : i + BATCH])
    return changes


def _seconds_bare(folder: Path, tuples: Sequence[tuple[object, ...]]) -> float:
    Journal.open(folder, writable=True).close()

    def write() -> None:
        for i in range(0, len(tuples), BATCH):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(INSERT, tuples[i : i + BATCH])
            connection.execute("COMMIT")

    with closing(sqlite3.connect(folder / FILE, isolation_level=None)) as connection:
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        return _seconds(write)


def reading(series: int = 10_000, days: int = 1826, rounds: int = 3) -> list[Result]:
    """Read one topic's series, and the last 60 weeks of all series, from a journal of daily values."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / FILE
        filling = _seconds(lambda: _fill(Path(folder), series, days))
        with Journal.open(Path(folder), writable=True) as journal:
            rolling = _seconds(lambda: _refresh(journal))
            topic, since = f"topic-{series // len(METRICS) // 2}", START + days * DAY - 60 * WEEK
            pairs = [
                (_seconds(lambda: _one_topic(journal, topic)), _seconds(lambda: _one_topic_naive(file, topic)))
                for _ in range(rounds + 2)  # of milliseconds
            ]
            weeks = [(_seconds(lambda: _weeks(journal, since)), _seconds(lambda: _weeks_naive(file, since))) for _ in range(rounds)]
            ours, naive = _weeks(journal, since), _weeks_naive(file, since)
            if len(ours) != len(naive) or not np.allclose(ours["total"].to_numpy(), naive["total"].to_numpy()):
                raise RuntimeError("the rollup and the naive aggregation disagree")
        megabytes = file.stat().st_size / 1e6
    size = f"{series:,} series of {days:,} days, {megabytes:,.0f} MB (filled in {filling:.0f} s, rolled up in {rolling:.0f} s)"
    one, every = ([min(column) for column in zip(*times, strict=True)] for times in (pairs, weeks))
    return [
        _row("one topic to pandas", one[0], one[1], f"{len(METRICS)} series of {size}; against SQL and pandas groupby"),
        _row("last 60 weeks of all series", every[0], every[1], f"{len(ours):,} weeks of {size}; against SQL GROUP BY"),
    ]


def _fill(folder: Path, series: int, days: int) -> None:
    """Write series and points directly: how fast the journal writes is measured elsewhere."""
    Journal.open(folder, writable=True).close()
    times = [START + day * DAY for day in range(days)]
    with closing(sqlite3.connect(folder / FILE, isolation_level=None)) as connection:
        for pragma in (*PRAGMAS, "synchronous=OFF"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO commits (seq, recorded_at, run) VALUES (1, 0, '')")
        for i in range(series):
            metric, topic = METRICS[i % len(METRICS)], f"topic-{i // len(METRICS)}"
            connection.execute(
                "INSERT INTO series (id, metric, version, origin, topic, labels, source, seq) VALUES (?, ?, 1, 'measured', ?, '{}', '', 1)",
                (i + 1, metric, topic),
            )
            connection.executemany(INSERT, [(i + 1, t, float((i + k) % 997), 0, 0, t + 60, None, 1) for k, t in enumerate(times)])
        connection.execute("COMMIT")


def _refresh(journal: Journal) -> None:
    with journal.write() as tx:
        rollup.refresh(tx)


def _one_topic(journal: Journal, topic: str) -> pd.DataFrame:
    with journal.read() as connection:
        ids = [int(i) for i in frames.catalogue(connection, topics=[topic])["id"]]
        return frames.points(connection, ids)


def _one_topic_naive(file: Path, topic: str) -> dict[object, pd.DataFrame]:
    with closing(sqlite3.connect(file)) as connection:
        sql = "SELECT s.metric, p.* FROM points p JOIN series s ON s.id = p.series_id WHERE s.topic = ?"
        frame = pd.read_sql_query(sql, connection, params=(topic,))
        return dict(iter(frame.groupby("metric")))


def _weeks(journal: Journal, since: int) -> pd.DataFrame:
    with journal.read() as connection:
        return frames.weekly(connection, since=since)


def _weeks_naive(file: Path, since: int) -> pd.DataFrame:
    monday = since - (since - rollup.MONDAY) % WEEK
    week = f"time - (time - {rollup.MONDAY}) % {WEEK}"
    with closing(sqlite3.connect(file)) as connection:
        sql = (
            f"SELECT series_id, {week} AS week, value AS last, MAX(time) AS last_time, SUM(value) AS total, COUNT(*) AS n"
            " FROM points WHERE time >= ? AND state = 0 GROUP BY series_id, week ORDER BY series_id, week"
        )
        return pd.read_sql_query(sql, connection, params=(monday,))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=1826)
    options = parser.parse_args()
    for row in [*backfill(options.points), *reading(options.series, options.days)]:
        print(f"{row['name']:<30} {row['ours']:>9.4f} s {row['baseline']:>9.4f} s {row['ratio']:>7.2f}  {row['note']}")


if __name__ == "__main__":
    main()
