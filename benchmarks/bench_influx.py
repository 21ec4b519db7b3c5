"""Sending to a real InfluxDB and reading back: feed and sink against a bare POST of the same lines, and against the client's own batching.

    python -m benchmarks.bench_influx [--points 1000000] [--behind 10000000]

The server is Debian's InfluxDB 1.6 behind nginx (`tests.fakes.influx_servers`); without it there are no figures.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write.point import Point
from influxdb_client.client.write_api import WriteOptions

from benchmarks import Row
from benchmarks.bench_journal import METRICS, _days_of_series, _fill, _put, _seconds
from storage import frames
from storage.exports import line_writer
from storage.influx.address import Address
from storage.influx.reading import read
from storage.influx.replica import fill as replicate
from storage.influx.sink import Sink
from storage.influx.wire import Wire
from storage.journal import Journal
from tests.fakes.influx_servers import TOKEN, Influx, front, influx, running

BATCH = 10_000
POINT = 1_000  # of the client's own batching, as its documentation has it
NEED = [Row("sending to InfluxDB", "", note="influxd or nginx is not installed (Debian: influxdb, nginx-light)")]


@contextmanager
def _server() -> Iterator[tuple[Influx, Address]]:
    with tempfile.TemporaryDirectory() as folder:
        server = influx(Path(folder) / "server")
        door = front(server, Path(folder) / "front")
        with running(server, door):
            yield server, Address(door.url, "bench", "bench", TOKEN)


def _installed() -> bool:
    return all(shutil.which(name) or shutil.which(name, path="/usr/sbin") for name in ("influxd", "nginx"))


def sending(points: int = 1_000_000, rounds: int = 3) -> list[Row]:
    """Points a second through feed and sink, by a bare POST of the prepared lines, and by the client's batches of `Point`."""
    if not _installed():
        return NEED
    observations = _days_of_series(points)
    writers = {o.series: line_writer(o.series) for o in observations}
    lines = [writers[o.series](o.time, o.value, 0, 0) for o in observations]
    bodies = ["\n".join(lines[i : i + BATCH]).encode() for i in range(0, points, BATCH)]
    some = observations[: points // 10]  # of Points, which are slow
    ours, bare, batched = [], [], []
    with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder), writable=True) as journal, _server() as (server, address):
        _put(journal, observations)
        for number in range(rounds):
            names = [server.database(f"{kind}-{number}") for kind in ("bare", "sink", "point")]
            to = [replace(address, bucket=name) for name in names]
            works: list[tuple[list[float], Callable[[], None], float]] = [
                (bare, partial(_post, to[0], bodies), 1.0),
                (ours, partial(_drain, journal, to[1]), 1.0),
                (batched, partial(_points, to[2], some), points / len(some)),
            ]
            for times, work, scale in (*works[number % 3 :], *works[: number % 3]):  # who comes first finds the server at rest
                times.append(_seconds(work) * scale)
            _same(server, names[0], names[1], points)
            for name in names:
                server.query(f'DROP DATABASE "{name}"')
    how = f"{points:,} points in requests of up to {BATCH:,}, gzipped; least of {rounds} rounds"
    rates = [f"{points / min(times):,.0f} points/s" for times in (ours, bare, batched)]
    ratio, faster = min(bare) / min(ours), min(batched) / min(ours)
    note = f"{how}; against a POST of the prepared lines"
    return [
        Row("feed and sink to InfluxDB", rates[0], rates[1], ratio, "at least 0.7", ratio >= 0.7, note),
        Row("the same", rates[0], rates[2], faster, "at least 3", faster >= 3, f"against the client's batching of {POINT:,} Point objects"),
    ]


def _post(address: Address, bodies: list[bytes]) -> None:
    with urllib3.PoolManager() as pool:
        url = f"{address.url}/api/v2/write?org={address.org}&bucket={address.bucket}&precision=ns"
        for body in bodies:
            answer = pool.request("POST", url, body=body, headers={"Authorization": f"Token {address.token}"})
            if answer.status != 204:
                raise RuntimeError(answer.data)


def _drain(journal: Journal, address: Address, each: Callable[[], None] = lambda: None) -> None:
    with closing(Sink(journal, address)) as sink:
        while sink.step() == 0:
            each()
        standing = sink.status()
        if not standing.done:
            raise RuntimeError(standing)


def _points(address: Address, observations: list) -> None:  # type: ignore[type-arg]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = WriteOptions(batch_size=POINT, flush_interval=1_000)
        with InfluxDBClient(address.url, address.token, org=address.org) as client, client.write_api(write_options=options) as api:
            for o in observations:
                point = Point(o.series.family).tag("topic", o.series.topic).field("stars", o.value).time(o.time * 1_000_000_000)
                api.write(address.bucket, address.org, point)


def _same(server: Influx, one: str, other: str, points: int) -> None:
    counts = [server.query("SELECT count(stars) FROM github", name)[0]["values"][0][1] for name in (one, other)]
    if counts != [points, points]:
        raise RuntimeError(f"not all of {points} points are there: {counts}")


def behind(points: int = 10_000_000) -> list[Row]:
    """How much memory it takes to send a history of many points that the server has never seen."""
    if not _installed():
        return NEED
    days = 2_000
    with tempfile.TemporaryDirectory() as folder, _server() as (server, address):
        _fill(Path(folder), points // days, days)
        server.database("bench")
        process, peaks = psutil.Process(), []
        with Journal.open(Path(folder), writable=True) as journal:
            with closing(Sink(journal, address)) as sink:
                for _ in range(3):
                    sink.step()
                start = process.memory_info().rss
            seconds = _seconds(lambda: _drain(journal, address, lambda: peaks.append(process.memory_info().rss)))
    more = (max(peaks) - start) / 1e6
    note = f"resident memory beyond that of the first batches while {points:,} points wait and are sent in {seconds:.0f} s"
    return [Row("memory while far behind", f"{more:.0f} MB", target="at most 100 MB", met=more <= 100, note=note)]


def reading_back(topics: int = 200, days: int = 1826, rounds: int = 3) -> list[Row]:
    """One topic and a basket of ten from the server, as frames' arrays and as a copy that every command reads; against the journal."""
    if not _installed():
        return NEED
    with tempfile.TemporaryDirectory() as folder, _server() as (server, address):
        _fill(Path(folder), topics * len(METRICS), days)
        server.database("bench")
        with Journal.open(Path(folder), writable=True) as journal:
            _drain(journal, address)
            rows = []
            for name, wanted in (("one topic", ["topic-7"]), ("a basket of ten", [f"topic-{i}" for i in range(10)])):
                times = [
                    (_seconds(lambda w=wanted: _arrays(address, w)), _seconds(lambda w=wanted: _frames(journal, w)), _copy(address, wanted))
                    for _ in range(rounds)
                ]
                arrays, ours, copied = (min(column) for column in zip(*times, strict=True))
                note = f"{len(wanted) * len(METRICS)} series of {days:,} days among {topics * len(METRICS):,}; against the journal's frames"
                rows.append(Row(f"{name} read back", f"{arrays:.3f} s", f"{ours:.3f} s", ours / arrays, note=note))
                rows.append(Row(f"{name} as a copy for all commands", f"{copied:.3f} s", note='with [store] read = "influxdb"'))
    return rows


def _arrays(address: Address, topics: list[str]) -> None:
    wire = Wire(address)
    try:
        found = sum(len(one.times) for one in read(wire, topics))
    finally:
        wire.close()
    if not found:
        raise RuntimeError("nothing was read")


def _frames(journal: Journal, topics: list[str]) -> None:
    with journal.read() as connection:
        frames.points(connection, [int(i) for i in frames.catalogue(connection, topics=topics)["id"]])


def _copy(address: Address, topics: list[str]) -> float:
    wire = Wire(address)
    try:
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            replicate(Path(folder), wire, {}, topics)
            return time.perf_counter() - start
    finally:
        wire.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--behind", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    for row in [*sending(options.points, options.rounds), *reading_back(), *behind(options.behind)]:
        print(f"{row.what:<34} {row.ours:>20} {row.baseline:>20} {'' if row.ratio is None else f'{row.ratio:.2f}':>6}  {row.note}")


if __name__ == "__main__":
    main()
