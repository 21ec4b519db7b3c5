"""What comes back from a server is what was sent: the same values and bounds from both readers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage import feed, frames
from storage.exports import line_writer
from storage.figures import import_rows, starting_history
from storage.influx import Address, Kind, Machine, batches
from storage.influx.answers import Refused, Remedy, of_status, retry_after
from storage.influx.replica import fill as replicate
from storage.influx.verifying import Difference
from storage.influx.wire import Wire
from storage.journal import Journal
from storage.lookups import find, read_from
from storage.model import Bound, Event, Observation, Series, State
from storage.periods import DAY
from storage.vocabulary import JOB_POSTINGS, SHARED
from tests.fakes.influx_gate import Fault, gate
from tests.fakes.influx_servers import TOKEN, Influx, Server
from tests.storage.journals import JOBS, STARS, fresh, star
from tests.storage.sinks import START, differences, drained, fill

Bucket = Callable[..., Address]


def good_points(journal: Journal) -> dict[str, pd.DataFrame]:
    """Series name to its good points: time, value, bound."""
    with journal.read() as connection:
        table = frames.catalogue(connection)
        found = {}
        for name, series_id in zip(table["name"], table["id"], strict=True):
            points = frames.points(connection, [int(series_id)])
            good = points[points["state"] == State.GOOD]
            if len(good):
                found[name] = good[["time", "value", "bound"]].reset_index(drop=True)
        return found


def copied(address: Address, folder: Path, topics: list[str] | None = None) -> Journal:
    wire = Wire(address)
    try:
        replicate(folder, wire, {"": SHARED, "linkedin": [JOB_POSTINGS], "indeed": [JOB_POSTINGS]}, topics)
    finally:
        wire.close()
    return Journal.open(folder)


def test_both_readers_give_the_same_values_and_bounds(bucket: Bucket, tmp_path: Path) -> None:
    target = bucket()
    with fresh() as journal:
        fill(journal, 3_000)
        with journal.write() as tx:
            import_rows(tx, starting_history().rows)
            odd = [0.1 + 0.2, 1e17, 5e-324, 1.7976931348623157e308, -3.0, 0.0, 2.0**53 + 2]
            tx.put([Observation(JOBS, day * DAY - 5 * DAY, value, Bound(day % 3)) for day, value in enumerate(odd)])
            tx.put([star(START, 3.0, state=State.SUSPECT), Observation(Series("jobs.postings", "back\\"), START, 1.0)])
        drained(journal, target)
        assert differences(journal, target) == []
        with copied(target, tmp_path) as copy:
            here, there = good_points(journal), good_points(copy)
            assert here.keys() == there.keys()
            for name, points in here.items():
                pd.testing.assert_frame_equal(points, there[name])


def test_only_the_wanted_topics_and_the_denominators_are_read(bucket: Bucket, tmp_path: Path) -> None:
    target = bucket()
    with fresh() as journal:
        with journal.write() as tx:
            tx.put(Observation(s, START, 1.0) for s in (STARS, JOBS, Series("jobs.total"), Series("github.stars", "jax")))
            tx.note(Event(START, "release", "2.0", "pytorch", source="github"))
            tx.note(Event(START, "release", "0.9", "jax"))
        drained(journal, target)
        with copied(target, tmp_path, ["pytorch"]) as copy:
            assert good_points(copy).keys() == {str(STARS), str(JOBS), "jobs.total"}
            with copy.read() as connection:
                assert frames.events(connection)["text"].tolist() == ["2.0"]
                assert frames.events(connection)["source"].tolist() == ["github"]


def test_a_copy_knows_what_it_is_and_who_counts_what(bucket: Bucket, tmp_path: Path) -> None:
    target = bucket()
    with fresh() as journal:
        with journal.write() as tx:
            tx.put([Observation(JOBS, START, 1.0)])
        drained(journal, target)
        with journal.read() as connection:
            assert read_from(connection) == ""
        with copied(target, tmp_path) as copy, copy.read() as connection:
            assert read_from(connection) == target.url
            table = frames.catalogue(connection)
            assert table["source"].tolist() == ["linkedin"]
            assert frames.definitions(connection).of(table["series"][0]) == JOB_POSTINGS


def test_what_another_program_writes_into_the_bucket_is_named_and_left_alone(influxdb: tuple[Influx, Server], bucket: Bucket) -> None:
    target = bucket()
    with fresh() as journal:
        with journal.write() as tx:
            tx.put([star(START, 1.0)])
        influxdb[0].write(target.bucket, f"github,topic=x,Host=h stars=1 {START}000000000\ngithub,topic=other stars=2 {START}000000000")
        drained(journal, target)
        assert differences(journal, target) == [Series("github.stars", "other")]


def test_differences_are_counted_by_series_and_month_and_healed(influxdb: tuple[Influx, Server], bucket: Bucket) -> None:
    from storage.influx.healing import heal

    target = bucket()
    with fresh() as journal:
        with journal.write() as tx:
            tx.put([Observation(STARS, START + day * DAY, float(day)) for day in range(60)])
        drained(journal, target)
        server = influxdb[0]
        server.query(f"DELETE FROM github WHERE time = {START + 3 * DAY}s", target.bucket)
        server.write(
            target.bucket, f"github,topic=pytorch stars=7 {START + 40 * DAY}000000000\ngithub,topic=pytorch stars=1 {START + 5}000000000"
        )
        [found] = differences(journal, target)
        assert isinstance(found, Difference)
        assert [m.to_dict() for m in found.months] == [
            {"month": "2019-01", "here": 31, "there": 31, "missing": 1, "extra": 1, "different": 0},
            {"month": "2019-02", "here": 28, "there": 28, "missing": 0, "extra": 0, "different": 1},
        ]
        with journal.write() as tx:
            heal(tx, target.feed, [found], Machine(kind=target.kind, major=1))
        drained(journal, target)
        assert differences(journal, target) == []


def test_a_limit_of_files_is_explained_with_the_remedy(bucket: Bucket, tmp_path: Path) -> None:
    target = bucket()
    with gate(target.url) as door:
        said = '{"error":"Query would exceed file limit of 432 parquet files. Please specify a smaller time range"}'
        door.faults = [Fault(status=500, path="/query", body=said, times=9)]
        with pytest.raises(Refused, match="--query-file-limit 20000"):
            copied(Address(door.url, "o", target.bucket, TOKEN), tmp_path)


# Lines


labels = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters=";"), min_size=1, max_size=8).filter(
    lambda t: t == t.strip()
)
numbers = st.one_of(st.integers(-(2**60), 2**60).map(float), st.floats(allow_nan=False, allow_infinity=False))
points = st.dictionaries(
    st.integers(-(2**33), 2**33), st.tuples(numbers, st.sampled_from([Bound.EXACT, Bound.EXACT, Bound.AT_LEAST])), max_size=6
)


@settings(max_examples=35)
@given(labels, points, points, st.integers(1, 7))
def test_the_lines_that_are_sent_are_those_of_the_export(
    topic: str, first: dict[int, tuple[float, Bound]], second: dict[int, tuple[float, Bound]], limit: int
) -> None:
    series, machine = Series("github.stars", topic, (("site", topic),)), Machine(Kind.INFLUXDB, "2.7", 2)
    for short in (1, 50):  # as runs, and point by point
        with fresh() as journal, pytest.MonkeyPatch.context() as patch:
            patch.setattr(batches, "SHORT", short)
            with journal.write() as tx:
                standing = feed.begin(tx, "here")
                tx.put(Observation(series, t, v, b) for t, (v, b) in first.items())
            with journal.write() as tx:
                tx.put(Observation(STARS, t, v, b) for t, (v, b) in second.items())
            place, lines, keys = feed.START, [], []
            with journal.read() as connection:
                ids = {s: find(connection, s) for s in (series, STARS)}
                while (batch := batches.next_changes(connection, batches.Writers(), standing, place, limit, machine, 0)).changes:
                    place, lines, keys = batch.place, [*lines, *batch.lines], [*keys, *batch.keys()]
            wanted = [(s, t, *pair) for s, found in ((series, first), (STARS, second)) for t, pair in sorted(found.items())]
            times = [int(line.rpartition(" ")[2]) for line in lines]
            assert times == [t * 1_000_000_000 for _, t, _, _ in wanted]
            assert [same(line) for line in lines] == [same(line_writer(s)(t, v, b, 0)) for s, t, v, b in wanted]
            assert keys == [(ids[s], t) for s, t, _, _ in wanted]


def same(line: str) -> tuple[str, int]:
    """A line but for how its time is written: 0 s are ``0`` or ``0000000000`` ns."""
    text, _, time = line.rpartition(" ")
    return text, int(time)


# Answers


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("120", 120.0),
        ("1.5", 1.5),
        ("", None),
        ("soon", None),
        ("Sat, 21 Nov 2026 12:00:30 GMT", 30.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
    ],
)
def test_retry_after_is_read_in_both_its_forms(text: str, found: float | None) -> None:
    assert retry_after(text, 1_795_262_400) == found


@pytest.mark.parametrize(
    ("status", "body", "remedy"),
    [
        (400, '{"error":"partial write: points beyond retention policy dropped=3"}', Remedy.GO_ON),
        (422, '{"message":"failure writing points to database: partial write: points beyond retention policy dropped=3"}', Remedy.GO_ON),
        (400, '{"error":"unable to parse \'x\': missing fields"}', Remedy.SPLIT),
        (404, '{"error":"database not found: \\"x\\""}', Remedy.CONFIGURE),
        (413, "", Remedy.SHRINK),
        (502, "<html>", Remedy.WAIT),
        (301, "", Remedy.CONFIGURE),
        (507, "", Remedy.WAIT),
    ],
)  # fmt: skip
def test_answers_of_servers_have_their_remedies(status: int, body: str, remedy: Remedy) -> None:
    assert of_status(Address("http://127.0.0.1:1"), status, body, {}, 0).remedy is remedy
