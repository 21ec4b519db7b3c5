"""Run the benchmarks and write ``benchmarks/RESULTS.md``.

python -m benchmarks [--quick] [--days N]
                     [crawl|collect|cli|cluster|journal|reading|match|archive|papers|daemon|influx|digest|trends|responses|spread|web|postgres]…
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import (
    Row,
    bench_archive,
    bench_cli,
    bench_cluster,
    bench_crawl,
    bench_daemon,
    bench_digest,
    bench_influx,
    bench_journal,
    bench_match,
    bench_papers,
    bench_postgres,
    bench_responses,
    bench_spread,
    bench_trends,
    bench_web,
    bench_week,
)

RESULTS = Path(__file__).with_name("RESULTS.md")
LONG = {"week"}  # an hour or more: only where it is named
TARGETS = {"backfill through the journal": 0.5, "the same written again": 1.0}  # least ratios; the readings have none


def _journal(results: Iterable[bench_journal.Result]) -> list[Row]:
    rows = []
    for found in results:
        name, ratio = str(found["name"]), float(found["ratio"])
        least = TARGETS.get(name)
        target, met = ("", None) if least is None else (f"at least {least}", ratio >= least)
        rows.append(Row(name, f"{found['ours']} s", f"{found['baseline']} s", ratio, target, met, str(found["note"])))
    return rows


def benchmarks(quick: bool, days: int) -> dict[str, Callable[[], list[Row]]]:
    small = 10 if quick else 1
    rounds = 1 if quick else 5
    return {
        "crawl": lambda: bench_crawl.whole_path(2000 // small, rounds),
        "collect": lambda: bench_crawl.collecting(1000 // small),
        "cli": lambda: bench_cli.starting(3 if quick else 10),
        "cluster": lambda: [*bench_cluster.engines(), *bench_cluster.planning(bench_cluster.TOPICS // small)],
        "journal": lambda: _journal(bench_journal.backfill(1_000_000 // small, 1 if quick else 3)),
        "archive": lambda: bench_archive.importing(bench_archive.LINKS // small, bench_archive.PAPERS // small),
        "match": lambda: bench_match.matching(bench_match.POSTINGS // small, rounds=1 if quick else 3),
        "papers": lambda: [
            *bench_papers.reading(bench_papers.PAPERS // small, 1 if quick else 3),
            *bench_papers.one_pass(bench_papers.TEXTS // small),
        ],
        "daemon": lambda: [
            *bench_daemon.many_crawls(1000 // small),
            *bench_daemon.idle(seconds=30 / small),
            *bench_daemon.stopping(200 // small),
            *bench_daemon.starting(8_000_000 // small),
        ],
        "influx": lambda: [
            *bench_influx.sending(1_000_000 // small, rounds),
            *bench_influx.behind(10_000_000 // small),
            *bench_influx.reading_back(200, days // small, rounds),
        ],
        "digest": lambda: bench_digest.rendering(500 // small),
        "trends": lambda: bench_trends.summarising(bench_trends.TOPICS // small),
        "responses": lambda: [
            *bench_responses.reading(50 // small, rounds),
            *bench_responses.bringing(200_000_000 // small),
        ],
        "spread": lambda: bench_spread.reading_again(bench_spread.RUNS // small),
        "web": lambda: bench_web.serving(10_000 // small, days // small, 4 / small),
        "postgres": lambda: [
            *bench_postgres.backfill(1_000_000 // small, 1 if quick else 3),
            *bench_postgres.living(1000 // small, days // small, 1 if quick else 3),
        ],
        "week": lambda: bench_week.passing(bench_week.TOPICS // small, budget=bench_week.BUDGET // small),
        "reading": lambda: _journal(bench_journal.reading(10_000 // small, days // small, 1 if quick else 3)),
    }


def table(rows: Iterable[Row]) -> str:
    lines = ["| what | ours | baseline | ratio | target | met | how |", "| --- | --- | --- | ---: | --- | --- | --- |"]
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        met = {True: "yes", False: "**no**", None: ""}[row.met]
        lines.append(f"| {row.what} | {row.ours} | {row.baseline} | {ratio} | {row.target} | {met} | {row.note} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="only these; else all but week, which takes an hour")
    parser.add_argument("--quick", action="store_true", help="a tenth of the sizes: to see that they run, not for figures")
    parser.add_argument("--days", type=int, default=1826, help="length of each series of the reading benchmark")
    options = parser.parse_args()
    known = benchmarks(options.quick, options.days)
    if unknown := set(options.names) - set(known):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(known)}")
    begun, load = datetime.now(UTC), os.getloadavg()[0]
    rows: list[Row] = []
    for name in options.names or [n for n in known if n not in LONG]:
        print(f"{name} …", end=" ", flush=True)
        started = time.perf_counter()
        rows += known[name]()
        print(f"{time.perf_counter() - started:.0f} s", flush=True)
    machine = f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, load average {load:.2f} at the start"
    text = (
        f"# Benchmarks\n\nMeasured on {begun:%Y-%m-%d %H:%M} UTC: {machine}{', sizes divided by ten (--quick)' if options.quick else ''}."
        " Written by `make bench`; ratios are baseline / ours, both taken in the same run, so more is better and 1 is as fast.\n\n"
    )
    if options.quick or options.names:
        print(text + table(rows))  # a part does not replace the whole
    else:
        RESULTS.write_text(text + table(rows) + "\n", encoding="utf-8")
        print(table(rows))


if __name__ == "__main__":
    main()
