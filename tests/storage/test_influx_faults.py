"""What can go wrong between the journal and a server. After each, the server's series equal the journal's: nothing twice, nothing lost."""

from __future__ import annotations

import asyncio
import gzip
import random
import re
import ssl
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from storage import parking
from storage.influx import Address
from storage.influx.sink import Sink
from storage.model import Observation, Series
from storage.periods import DAY, HOUR
from tests.fakes.influx_gate import Fault, gate
from tests.fakes.influx_servers import TOKEN, Influx, Server, front, influx, running
from tests.storage.journals import STARS, fresh
from tests.storage.sinks import START, Clock, differences, drained, fill, sending

Bucket = Callable[..., Address]


def test_a_server_that_is_killed_amid_many_figures_gets_them_all(tmp_path: Path) -> None:
    server = influx(tmp_path / "server")
    door = front(server, tmp_path / "front")
    address = Address(door.url, "workshop", "mine", TOKEN, timeout=5.0)
    with fresh() as journal, running(server, door):
        server.database("mine")
        fill(journal, 100_000, days=20_000)
        with sending(journal, address) as sink:
            for round_ in range(2):
                while sink.status().sent < (round_ + 1) * 20_000:
                    assert sink.step() == 0
                server.kill()
                assert sink.step() > 0
                assert "InfluxDB at" in sink.status().trouble
                server.start()
            assert sink.drain(patience=20.0).done
        assert differences(journal, address) == []


def test_a_server_that_is_away_for_a_month_gets_everything_on_its_return(tmp_path: Path, bucket: Bucket) -> None:
    clock = Clock()
    target = bucket()
    with fresh() as journal, gate(target.url) as door, sending(journal, Address(door.url, "o", target.bucket, TOKEN), clock) as sink:
        door.faults = [Fault(status=503, times=10**9)]
        tried, end = 0, clock.now + 30 * DAY
        while clock.now < end:
            if tried % 30 == 0:
                fill(journal, 200, metric=f"github.stars_{tried}")
            wait = sink.step()
            assert 0 < wait <= 6 * HOUR
            clock.sleep(wait)
            tried += 1
        assert tried < 150
        standing = sink.status()
        assert standing.trouble_since is not None
        assert end - standing.trouble_since >= 30 * DAY - HOUR
        assert standing.lag.points == 200 * len(range(0, tried, 30))
        door.faults = []
        assert sink.drain(patience=DAY, sleep=clock.sleep).done
        assert differences(journal, target) == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (
            Fault(status=401, body='{"code":"unauthorized","message":"unauthorized access"}'),
            "does not accept the token; set UPTAKE_INFLUXDB_TOKEN",
        ),
        (Fault(status=403, body='{"code":"forbidden","message":"insufficient permissions"}'), "may not use the bucket"),
        (
            Fault(status=404, body='{"code":"not found","message":"bucket \\"mine\\" not found"}'),
            "has no bucket 'bucket-.*'; `uptake influx setup` makes it",
        ),
        (
            Fault(status=404, body='{"code":"not found","message":"organization name \\"o\\" not found"}'),
            "has no organisation 'o'; correct org",
        ),
        (Fault(status=404, body="<html>404 page not found</html>"), "is no InfluxDB that takes lines .HTTP 404.; correct url"),
        (Fault(status=503, body='{"code":"unavailable","message":"starting"}'), "is not well .HTTP 503: starting."),
        (
            Fault(status=500, body='{"code":"internal error","message":"write /data/wal: no space left on device"}'),
            "the disk of InfluxDB .* is full",
        ),
        (Fault(cut="before"), "the connection to InfluxDB at .* broke"),
        (Fault(cut="after"), "the connection to InfluxDB at .* broke"),
    ],
)
def test_a_refusal_is_told_in_plain_words_and_the_figures_go_when_it_is_mended(fault: Fault, words: str, bucket: Bucket) -> None:
    target = bucket()
    with fresh() as journal, gate(target.url) as door, sending(journal, Address(door.url, "o", target.bucket, TOKEN)) as sink:
        fill(journal, 2_000)
        fault.times = 1
        door.faults = [fault]
        assert sink.step() > 0
        standing = sink.status()
        assert re.search(words, standing.trouble), standing.trouble
        assert "wait here" in " ".join(standing.words())
        assert standing.lag.points == 2_000
        assert sink.drain(patience=10.0).done
        assert sink.status().trouble == ""
        assert differences(journal, target) == []


def test_a_request_that_is_too_large_is_halved_until_it_is_taken(tmp_path: Path, influxdb: tuple[Influx, Server], bucket: Bucket) -> None:
    door = front(influxdb[0], tmp_path / "small", largest="8k")
    with fresh() as journal, running(door):
        target = bucket(url=door.url)
        fill(journal, 12_000)
        with sending(journal, target) as sink:
            assert sink.step() == 0
            assert sink.sizes.now <= 5_000
            small = sink.sizes.now
            assert sink.drain().done
            assert sink.sizes.now <= small
        assert differences(journal, target) == []


def test_a_server_that_asks_to_slow_down_is_left_alone_as_long_as_it_asks(bucket: Bucket) -> None:
    target, clock = bucket(), Clock()
    with fresh() as journal, gate(target.url) as door, sending(journal, Address(door.url, "o", target.bucket, TOKEN), clock) as sink:
        fill(journal, 8_000)
        door.faults = [Fault(status=429, headers={"Retry-After": "900"}, body='{"code":"too many requests","message":"limit"}')]
        assert sink.step() == 900
        asked = len(door.asked)
        clock.sleep(800)
        assert sink.step() == 100
        assert sink.drain(patience=50, sleep=clock.sleep).lag.points == 8_000
        assert len(door.asked) == asked
        clock.sleep(100)
        assert sink.sizes.now == 5_000
        assert sink.drain().done
        assert differences(journal, target) == []


def test_a_slow_line_gets_smaller_requests_until_they_pass(bucket: Bucket) -> None:
    target = bucket()
    with fresh() as journal, gate(target.url) as door:
        door.bytes_per_second = 1_000
        slow = Address(door.url, "o", target.bucket, TOKEN, timeout=0.5)
        fill(journal, 160)
        with sending(journal, slow) as sink:
            assert sink.drain(patience=30.0).done
            assert sink.sizes.now < 160
        assert differences(journal, target) == []


def test_a_proxy_that_cuts_connections_at_random_loses_and_doubles_nothing(bucket: Bucket) -> None:
    target = bucket()
    with fresh() as journal, gate(target.url) as door:
        door.cuts = random.Random(6)
        fill(journal, 10_000)
        with sending(journal, Address(door.url, "o", target.bucket, TOKEN), now=500, most=500) as sink:
            for _ in range(400):
                if sink.step() and sink.status().done:
                    break
                sink.drain()
            assert sink.status().done
        assert len(door.answered) < len(door.writes)
        assert differences(journal, target) == []


def test_the_servers_own_words_about_a_wrong_token_and_a_missing_bucket_are_understood(bucket: Bucket) -> None:
    target = bucket()
    with fresh() as journal:
        fill(journal, 10)
        with sending(journal, Address(target.url, "o", target.bucket, "wrong")) as sink:
            assert "does not accept the token" in sink.drain().trouble
        with sending(journal, Address(target.url, "o", "nowhere", TOKEN)) as sink:
            assert "has no bucket 'nowhere'; `uptake influx setup` makes it" in sink.drain().trouble


def test_an_authority_that_is_not_known_is_told_with_the_remedy_which_helps(bucket: Bucket, tmp_path: Path) -> None:
    target, authority = bucket(), trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    with fresh() as journal, gate(target.url, context) as door:
        fill(journal, 100)
        with sending(journal, Address(door.url, "o", target.bucket, TOKEN)) as sink:
            assert (
                "signed by an authority that this machine does not know; name the authority's certificate with ca_file"
                in sink.drain().trouble
            )
        plain = Address(door.url.replace("https", "http"), "o", target.bucket, TOKEN, timeout=2.0)
        with sending(journal, plain) as sink:
            assert sink.drain().trouble
        drained(journal, Address(door.url, "o", target.bucket, TOKEN, ca_file=str(tmp_path / "authority.pem")))
        assert differences(journal, target) == []


def test_an_address_of_http_with_https_is_told(bucket: Bucket) -> None:
    target = bucket()
    with fresh() as journal, sending(journal, Address(target.url.replace("http:", "https:"), "o", target.bucket, TOKEN)) as sink:
        fill(journal, 1)
        assert "speaks no TLS; write url with http://" in sink.drain().trouble


# Points that are refused


def test_the_points_that_are_refused_are_found_parked_and_shown_and_the_rest_goes_on(bucket: Bucket) -> None:
    target = bucket()
    poison = {START + day * DAY for day in (3, 500, 501, 999)}

    def poisonous(body: bytes) -> bool:
        text = gzip.decompress(body).decode()
        return any(f" {time}000000000" in text for time in poison)

    with fresh() as journal, gate(target.url) as door:
        fill(journal, 1_000)
        bad = Fault(status=422, body='{"code":"unprocessable entity","message":"no such figure"}', times=10**6, when=poisonous)
        door.faults = [bad]
        address = Address(door.url, "o", target.bucket, TOKEN)
        with sending(journal, address) as sink:
            standing = sink.drain()
            assert standing.done
            assert standing.parked == 4
            assert "4 figures are refused by the server and kept here" in " ".join(standing.words())
            with journal.read() as connection:
                parked = parking.parked(connection, address.feed)
            assert {p.time for p in parked} == poison
            assert {p.error for p in parked} == {f"InfluxDB at {door.url} refuses it: no such figure"}
            [difference] = differences(journal, target)
            assert difference.missing == 4
            with journal.write() as tx:  # a revision is tried again
                tx.put([Observation(Series("github.stars", "topic 0", (("site", "a, b=0"),)), START + 3 * DAY, 1.0)])
            bad.times = 0
            assert sink.drain().parked == 3


def test_figures_of_a_type_that_another_program_wrote_otherwise_are_explained(influxdb: tuple[Influx, Server], bucket: Bucket) -> None:
    target = bucket()
    influxdb[0].write(target.bucket, f"github,topic=x stars=1i {START}000000000")
    with fresh() as journal, gate(target.url) as door:
        fill(journal, 3_000)
        fill(journal, 1_000, metric="pypi.downloads_30d")
        address = Address(door.url, "o", target.bucket, TOKEN)
        with sending(journal, address) as sink:
            standing = sink.drain()
            assert standing.done
            assert standing.parked == 3_000
            with journal.read() as connection:
                error = parking.parked(connection, address.feed)[0].error
        assert "the field 'stars' of 'github' holds values of the type integer" in error
        assert error.endswith("give Uptake a bucket of its own")
        assert len(door.writes) < 100
        assert {d.series.metric for d in differences(journal, target) if not isinstance(d, Series)} == {"github.stars"}


def test_a_server_that_refuses_every_figure_is_waited_for_instead_of_parking_them_all(bucket: Bucket) -> None:
    target = bucket()
    with fresh() as journal, gate(target.url) as door, sending(journal, Address(door.url, "o", target.bucket, TOKEN)) as sink:
        fill(journal, 4_000)
        door.faults = [Fault(status=400, body='{"code":"invalid","message":"read only"}', times=10**6)]
        standing = sink.drain()
        assert standing.parked == 0
        assert "every figure is refused, so it is not the figures: InfluxDB at" in standing.trouble
        assert len(door.writes) < 400
        door.faults = []
        assert sink.drain().done
        assert differences(journal, target) == []


def test_figures_older_than_the_bucket_keeps_are_counted_and_told(bucket: Bucket) -> None:
    target = bucket("30d")
    with fresh() as journal, sending(journal, target) as sink:
        fill(journal, 2_000)
        with journal.write() as tx:
            tx.put([Observation(STARS, int(sink._clock()) - DAY, 5.0)])
        standing = sink.drain()
        assert standing.done
        assert standing.dropped == 2_000
        assert "2,000 figures are older than the server keeps" in " ".join(standing.words())


# Running


def test_memory_stays_that_of_a_batch_however_far_behind(bucket: Bucket) -> None:
    peaks = []
    for points in (10_000, 60_000):
        target = bucket()
        with fresh() as journal:
            fill(journal, points, days=20_000)
            with sending(journal, target, now=1_000, most=1_000) as sink:
                sink.step()
                tracemalloc.start()
                try:
                    assert sink.drain().done
                    peaks.append(tracemalloc.get_traced_memory()[1])
                finally:
                    tracemalloc.stop()
    assert peaks[1] < peaks[0] + 2_000_000  # a fourth of what the further lines take


async def test_the_daemon_sends_what_comes_is_woken_and_stops(bucket: Bucket) -> None:
    target = bucket()
    with fresh() as journal:
        fill(journal, 3_000)
        sink, stop = Sink(journal, target), asyncio.Event()
        task = asyncio.create_task(sink.run(stop))
        await until(lambda: sink.status().done)
        fill(journal, 100, metric="github.forks")
        sink.wake()
        await until(lambda: sink.status().sent == 3_100)
        stop.set()
        await asyncio.wait_for(task, 5)
        assert differences(journal, target) == []


async def test_a_sink_that_is_cancelled_finishes_the_request_that_is_under_way(bucket: Bucket) -> None:
    target = bucket()
    with fresh() as journal:
        fill(journal, 20_000)
        sink = Sink(journal, target)
        task = asyncio.create_task(sink.run(asyncio.Event()))
        await until(lambda: sink.status().sent > 0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        drained(journal, target)
        assert differences(journal, target) == []


async def until(true: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if await asyncio.to_thread(true):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came")
