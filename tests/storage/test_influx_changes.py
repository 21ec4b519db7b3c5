"""What changes in the journal changes at InfluxDB and VictoriaMetrics too: revisions, withdrawn figures, renamed topics, events."""

from __future__ import annotations

import json
import logging
import random
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from storage import feed, parking
from storage.influx import Address, Kind
from storage.influx.probe import seconds
from storage.influx.reading import events
from storage.influx.wire import Wire
from storage.journal import Journal
from storage.model import Bound, Event, Observation, Series, State
from storage.periods import DAY
from tests.fakes.influx_gate import Fault, gate
from tests.fakes.influx_servers import GOOD_FLAGS, TOKEN, Influx, Server, Victoria, running, victoria
from tests.storage.journals import JOBS, STARS, TOTAL, fresh, star
from tests.storage.sinks import START, Clock, differences, drained, fill, sending

Bucket = Callable[..., Address]
FORKS = Series("github.forks", "pytorch", source="github")  # the same measurement and tags as STARS


@pytest.fixture
def victoriametrics(tmp_path: Path) -> Iterator[Victoria]:
    server = victoria(tmp_path / "victoria", *GOOD_FLAGS)
    with running(server):
        yield server


@pytest.fixture(params=["influxdb", "victoriametrics"])
def target(request: pytest.FixtureRequest) -> Address:
    """A place at a server of each kind."""
    if request.param == "influxdb":
        return request.getfixturevalue("bucket")()  # type: ignore[no-any-return]
    return Address(request.getfixturevalue("victoriametrics").url, timeout=5.0)


def put(journal: Journal, *observations: Observation) -> None:
    with journal.write() as tx:
        tx.put(observations)


def settle(journal: Journal, series: Series, time: int, state: State) -> None:
    with journal.write() as tx:
        assert tx.settle(series, time, state)


def test_a_revision_replaces_what_was_sent_up_and_down_and_its_bound_too(target: Address) -> None:
    with fresh() as journal, sending(journal, target) as sink:
        put(journal, star(START, 5.0, Bound.AT_LEAST), star(START + DAY, 7.0), star(START + 2 * DAY, 9.0, Bound.ESTIMATE))
        assert sink.drain().done
        assert differences(journal, target) == []
        put(journal, star(START, 6.0), star(START + DAY, 3.0), star(START + 2 * DAY, 9.0, Bound.AT_LEAST))
        assert sink.drain().done
        assert differences(journal, target) == []


def test_a_withdrawn_figure_is_removed_and_its_neighbours_stay(target: Address) -> None:
    time = START + 5 * DAY
    with fresh() as journal, sending(journal, target) as sink:
        fill(journal, 20)
        put(journal, *(o for s in (STARS, FORKS, JOBS, TOTAL) for o in (Observation(s, time, 4.0), Observation(s, time + DAY, 5.0))))
        assert sink.drain().done
        settle(journal, STARS, time, State.RETRACTED)
        settle(journal, TOTAL, time, State.RETRACTED)
        assert sink.drain().done
        assert differences(journal, target) == []
        settle_back = Observation(STARS, time, 8.0)
        put(journal, settle_back)
        assert sink.drain().done
        assert differences(journal, target) == []


def test_a_doubtful_figure_waits_until_it_is_confirmed(target: Address) -> None:
    with fresh() as journal, sending(journal, target) as sink:
        put(journal, star(START, 5.0), star(START + DAY, 500.0, state=State.SUSPECT))
        assert sink.drain().sent == 1
        settle(journal, STARS, START + DAY, State.GOOD)
        assert sink.drain().sent == 2
        put(journal, star(START, 4.0, state=State.SUSPECT))
        assert sink.drain().done
        assert differences(journal, target) == []


def test_a_renamed_topic_moves_its_series(target: Address) -> None:
    with fresh() as journal, sending(journal, target) as sink:
        put(journal, *(Observation(s, START + day * DAY, 4.0) for s in (STARS, FORKS, JOBS, TOTAL) for day in range(3)))
        assert sink.drain().done
        with journal.write() as tx:
            assert tx.rename_topic("pytorch", "torch") == 3
        assert sink.drain().done
        assert differences(journal, target) == []


@pytest.mark.parametrize("seed", range(3))
def test_any_sequence_of_changes_with_a_server_that_comes_and_goes_ends_equal(target: Address, seed: int) -> None:
    dice = random.Random(seed)
    series = [STARS, FORKS, JOBS, TOTAL, Series("github.stars", "a, b=c\\"), Series("jobs.postings", 'q"uote')]
    with fresh() as journal, sending(journal, target, now=5, most=5) as sink:
        for _ in range(25):
            some = [
                Observation(
                    dice.choice(series),
                    START + dice.randrange(6) * DAY,
                    dice.choice([0.0, 1.5, 2.0, 1e17, 3.0, 0.1]),
                    dice.choice(list(Bound)),
                    state=dice.choice([State.GOOD, State.GOOD, State.SUSPECT]),
                )
                for _ in range(dice.randrange(8))
            ]
            put(journal, *some)
            for o in dice.sample(some, min(2, len(some))):
                with journal.write() as tx:
                    tx.settle(o.series, o.time, dice.choice([State.GOOD, State.RETRACTED]))
            for _ in range(dice.randrange(3)):
                sink.step()
        assert sink.drain().done
        assert differences(journal, target) == []


def test_what_is_sent_twice_is_there_once(target: Address) -> None:
    with fresh() as journal:
        fill(journal, 500)
        drained(journal, target)
        with journal.write() as tx:
            feed.set_back(tx, target.feed)
        drained(journal, target)
        assert differences(journal, target) == []


def test_events_are_there_for_annotations_two_of_one_second_too(target: Address) -> None:
    with fresh() as journal:
        with journal.write() as tx:
            for text in ('PyTorch 2.0\n"stable"', "C:\\"):
                tx.note(Event(START, "release", text, "pytorch", "https://example.org/?a=1,2", "github"))
            tx.note(Event(START + DAY, "note", "for all", source="user"))
        sink = drained(journal, target)
        machine = sink._machine
        assert machine is not None
        wire = Wire(target)
        try:
            if machine.victoria:
                wire.ask("GET", "/internal/force_flush")
                body = wire.expect("GET", "/api/v1/export", {"match[]": "events_happened"}).body
                assert len(body.splitlines()) == 3
                return
            assert events(wire) == [
                Event(START, "release", 'PyTorch 2.0 "stable"', "pytorch", "https://example.org/?a=1,2", "github"),
                Event(START, "release", "C:\\", "pytorch", "https://example.org/?a=1,2", "github"),
                Event(START + DAY, "note", "for all", source="user"),
            ]
            assert [event.text for event in events(wire, ["jax"])] == ["for all"]
        finally:
            wire.close()


# InfluxDB 2 and 3: what is asked of them, by a gate that says that it is one


def as_version(version: str) -> list[Fault]:
    return [Fault(status=204, path="/ping", headers={"X-Influxdb-Version": version}, times=10**6)]


def test_an_influxdb_2_is_asked_to_remove_and_what_its_predicate_takes_along_is_sent_again(bucket: Bucket) -> None:
    target = bucket()
    with fresh() as journal, gate(target.url) as door, sending(journal, Address(door.url, "workshop", target.bucket, TOKEN)) as sink:
        door.faults = [*as_version("v2.7.12"), Fault(status=204, path="/api/v2/delete", times=10)]
        put(journal, *(Observation(s, START, 4.0) for s in (TOTAL, JOBS, STARS)))
        assert sink.drain().done
        settle(journal, TOTAL, START, State.RETRACTED)
        before = sink.status().sent
        assert sink.drain().done
        [body] = [json.loads(body) for path, body in door.bodies if path == "/api/v2/delete"]
        assert body == {
            "start": "2019-01-01T00:00:00Z",
            "stop": "2019-01-01T00:00:00.001Z",
            "predicate": '_measurement="jobs" AND board="linkedin"',
        }
        assert sink.status().sent - before == 1  # the postings of the same board, which the predicate meets too


def test_an_influxdb_3_core_cannot_remove_and_the_figure_is_listed(bucket: Bucket) -> None:
    target = bucket()
    with fresh() as journal, gate(target.url) as door, sending(journal, Address(door.url, "workshop", target.bucket, TOKEN)) as sink:
        door.faults = as_version("3.9.1")
        put(journal, star(START, 4.0), star(START + DAY, 5.0))
        assert sink.drain().done
        settle(journal, STARS, START, State.RETRACTED)
        assert sink.drain().parked == 1
        with journal.read() as connection:
            [parked] = parking.parked(connection, sink.address.feed)
        assert parked.error.startswith("InfluxDB 3.9.1 cannot remove single figures")


# VictoriaMetrics' own ways


def test_the_silent_ways_of_a_victoriametrics_are_told_at_the_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    server = victoria(tmp_path / "v")
    with fresh() as journal, running(server), sending(journal, Address(server.url)) as sink:
        fill(journal, 10)
        with caplog.at_level(logging.WARNING):
            standing = sink.drain()
        told = " ".join(standing.warnings)
        assert "keeps only 31 days and drops older figures without a word; start it with -retentionPeriod=100y" in told
        assert "keeps every copy of a figure that is sent twice; start it with -dedup.minScrapeInterval=1ms" in told
        assert all(warning in caplog.text for warning in standing.warnings)
        assert standing.dropped == 10


def test_a_figure_of_the_future_is_parked_because_victoriametrics_would_drop_it(victoriametrics: Victoria) -> None:
    clock = Clock()
    address = Address(victoriametrics.url)
    with fresh() as journal, sending(journal, address, clock) as sink:
        put(journal, star(int(clock.now) + DAY, 1.0), star(int(clock.now) + 3 * DAY, 2.0))
        standing = sink.drain()
        assert (standing.sent, standing.parked) == (1, 1)
        with journal.read() as connection:
            assert "VictoriaMetrics drops figures that lie more than two days ahead" in parking.parked(connection, address.feed)[0].error


def test_what_victoriametrics_lost_in_a_crash_is_sent_again(victoriametrics: Victoria) -> None:
    address = Address(victoriametrics.url)
    with fresh() as journal:
        fill(journal, 3_000)
        put(journal, Observation(FORKS, START, 9.0))
        with sending(journal, address) as sink:
            sink.drain()
            put(journal, Observation(FORKS, START, 4.0))  # removed and sent anew
            assert sink.drain().done
        victoriametrics.kill()
        shutil.rmtree(victoriametrics.folder / "data")  # what it had not written yet, and more
        time.sleep(1.1)  # it tells the second of its start, by which a restart is known
        victoriametrics.start()
        assert len(differences(journal, address)) == 4
        drained(journal, address)
        assert differences(journal, address) == []


def test_a_falling_figure_is_removed_because_some_releases_keep_the_highest(victoriametrics: Victoria) -> None:
    address = Address(victoriametrics.url)
    with fresh() as journal, sending(journal, address) as sink:
        put(journal, star(START, 9.0, Bound.AT_LEAST), star(START + DAY, 4.0))
        sink.drain()
        put(journal, star(START, 5.0))
        sink.drain()
        values = victoriametrics.export('{__name__="github_stars"}')
        assert [(s["values"], [t // 1000 for t in s["timestamps"]]) for s in values] == [([5, 4], [START, START + DAY])]


@pytest.mark.parametrize(
    ("text", "found"), [("1", 31 * DAY), ("100y", 36_500 * DAY), ("2w", 14 * DAY), ("36h", 129_600), ("", None), ("x", None)]
)
def test_retention_periods_of_victoriametrics_are_read(text: str, found: int | None) -> None:
    assert seconds(text) == found


def test_what_is_neither_influxdb_nor_victoriametrics_is_told(influxdb: tuple[Influx, Server]) -> None:
    with fresh() as journal, gate(influxdb[1].url) as door:
        fill(journal, 3)
        door.faults = [Fault(status=200, path=path, body="<html>", times=9) for path in ("/ping", "/metrics")]
        with sending(journal, Address(door.url, token=TOKEN)) as sink:
            assert "says neither that it is an InfluxDB nor a VictoriaMetrics; correct url" in sink.drain().trouble
        with sending(journal, Address(door.url, bucket="nowhere", token=TOKEN, kind=Kind.INFLUXDB)) as sink:
            assert "has no bucket 'nowhere'" in sink.drain().trouble
