"""The engine with a tiny source against a scripted server: every fault ends in its outcome, no number is invented."""

from __future__ import annotations

import email.utils
import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from scrapy import Request
from scrapy.http import Response

from crawlers.source import Output
from crawlers.warc import CaptureDamagedError, load, records, scan
from crawlers.warc_writer import CaptureWriter
from storage.journal import Journal
from storage.model import Bound, Reason, Remember, Slot, State, Topic, UptakeError
from storage.transaction import Transaction
from tests.fakes.scripted import Answer, Scripted
from tests.fakes.toy import Toy, parse_count
from tests.harness import FAST, Harness

NOW = 1_795_000_000  # 2026-11-18
DAY = 86400
TODAY = NOW - NOW % DAY


def topics(*keys: str) -> list[Topic]:
    return [Topic(k, k, {"toy": k}) for k in keys]


def count(n: float, **kwargs: object) -> Answer:
    return Answer.of({"count": n}, **kwargs)


def series(key: str) -> str:
    return f'toy.widgets{{topic="{key}"}}'


def harness(folder: Path, server: Scripted, *keys: str, **manners: object) -> Harness:
    return Harness(folder, Toy, base_url=server.url, topics=topics(*keys), manners=replace(FAST, **manners))  # type: ignore[arg-type]


def test_what_the_server_says_is_what_is_stored_and_a_second_call_asks_nothing(tmp_path: Path) -> None:
    with Scripted({"/widgets/a": [count(3)], "/widgets/b": [count(40)]}) as server:
        h = harness(tmp_path, server, "a", "b")
        h.collect(NOW)
        assert h.values() == {series("a"): {TODAY: 3.0}, series("b"): {TODAY: 40.0}}
        asked, head = len(server.log), h.head()
        assert h.collect(NOW + 60) == []
        assert (len(server.log), h.head()) == (asked, head)


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        ([Answer(403, b"no")], "missing(blocked)"),
        ([Answer(999, b"no")], "missing(blocked)"),
        ([Answer(404, b"no")], "missing(not_found)"),
        ([Answer(429, b"slow", {"Retry-After": "3600"})], "missing(throttled)"),
        ([Answer(500, b"oops")], "missing(unreachable)"),
        ([Answer(200, b"<html>Welcome</html>")], "missing(parse_error)"),
        ([Answer(200, b"")], "missing(parse_error)"),
        ([Answer(200, b'{"count": 12')], "missing(parse_error)"),
        ([Answer(200, b'{"count": null}')], "missing(parse_error)"),
        ([Answer(200, b'{"count": "12"}')], "missing(parse_error)"),
        ([Answer(200, b'{"count": -1}')], "missing(parse_error)"),
        ([Answer(200, b'{"total": 12}')], "missing(parse_error)"),
        ([Answer(200, b'{"count": \xff}')], "missing(parse_error)"),
        ([Answer(200, b'{"count": 1', cut=400)], "missing(truncated)"),
        ([Answer(200, b"x" * 5000)], "missing(too_large)"),
        ([Answer(wait=3)], "missing(unreachable)"),
        ([Answer(reset=True)], "missing(unreachable)"),
    ],
    ids=lambda v: v if isinstance(v, str) else f"{v[0].status}-{v[0].body[:14]!r}",
)
def test_trouble_ends_as_its_outcome_and_never_as_a_number(tmp_path: Path, script: list[Answer], outcome: str) -> None:
    with Scripted({"/widgets/a": script}) as server:
        h = harness(tmp_path, server, "a", max_size=4000, timeout=0.5 if script[0].wait else 10)
        h.collect(NOW)
        assert h.outcomes() == {series("a"): outcome}
        assert h.values() == {}


def test_a_parse_error_names_the_kept_response(tmp_path: Path) -> None:
    with Scripted({"/widgets/a": [Answer(200, b"<html>Welcome</html>")]}) as server:
        h = harness(tmp_path, server, "a")
        h.collect(NOW)
        detail = h.ends()[0].detail
        file, _, offset = detail.rpartition(" ")[2].rpartition("@")
        assert load(tmp_path / "captures", file, int(offset)).body == b"<html>Welcome</html>"


@pytest.mark.parametrize(
    "first",
    [Answer(502), Answer(503), Answer(500), Answer(reset=True), Answer(429, headers={"Retry-After": "0"}), Answer(200, b'{"c', cut=50)],
    ids=lambda a: f"{a.status}{'-reset' if a.reset else ''}{'-cut' if a.cut else ''}",
)
def test_what_may_pass_is_tried_again(tmp_path: Path, first: Answer) -> None:
    with Scripted({"/widgets/a": [first, count(7)]}) as server:
        h = harness(tmp_path, server, "a")
        h.collect(NOW)
        assert h.values() == {series("a"): {TODAY: 7.0}}
        assert server.paths() == ["/widgets/a"] * 2


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_waited_for_in_both_its_forms(tmp_path: Path, form: str) -> None:
    until = int(time.time()) + 3
    header = "1" if form == "seconds" else email.utils.formatdate(until, usegmt=True)
    with Scripted({"/widgets/a": [Answer(429, headers={"Retry-After": header}), count(7)], "/widgets/b": [count(8)]}) as server:
        h = harness(tmp_path, server, "a", "b")
        h.collect(NOW)
        times = [a.at for a in server.log if a.path == "/widgets/a"]
        assert times[1] >= (times[0] + 0.9 if form == "seconds" else until - 0.1)
        assert h.values() == {series("a"): {TODAY: 7.0}, series("b"): {TODAY: 8.0}}


def test_a_wall_stops_the_source_for_the_run(tmp_path: Path) -> None:
    keys = [f"t{i}" for i in range(12)]
    with Scripted({f"/widgets/{k}": [Answer(403)] for k in keys}) as server:
        h = harness(tmp_path, server, *keys, concurrency=1)
        h.collect(NOW)
        assert set(h.outcomes().values()) == {"missing(blocked)"}
        assert len(server.paths()) <= 2  # one that hit the wall, and at most one that was on its way


def test_a_dead_host_is_given_up_soon(tmp_path: Path) -> None:
    h = Harness(tmp_path, Toy, base_url="http://127.0.0.1:9", topics=topics(*"abcdefgh"), manners=replace(FAST, backoff=0.2))
    started = time.monotonic()
    h.collect(NOW)
    assert set(h.outcomes().values()) == {"missing(unreachable)"}
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("robots", "outcome"),
    [
        (Answer(200, b"User-agent: *\nDisallow: /widgets/"), "missing(robots)"),
        (Answer(200, b"User-agent: uptake\nDisallow: /\n\nUser-agent: *\nAllow: /"), "missing(robots)"),
        (Answer(429), "missing(robots)"),
        (Answer(503), "missing(robots)"),
        (Answer(reset=True), "missing(robots)"),
        (Answer(wait=3), "missing(robots)"),
        (Answer(404), "measured"),
        (Answer(200, b"User-agent: *\nDisallow: /private/"), "measured"),
    ],
    ids=["refuses", "refuses-us", "429", "503", "reset", "silent", "none", "allows"],
)
def test_robots_txt_is_obeyed_and_a_host_without_a_readable_one_is_closed(tmp_path: Path, robots: Answer, outcome: str) -> None:
    with Scripted({"/robots.txt": [robots], "/widgets/a": [count(1)]}) as server:
        h = harness(tmp_path, server, "a", timeout=0.5 if robots.wait else 10)
        h.collect(NOW)
        assert h.outcomes() == {series("a"): outcome}
        assert server.paths() == (["/widgets/a"] if outcome == "measured" else [])


def test_robots_txt_may_be_left_aside_by_who_is_allowed_to(tmp_path: Path) -> None:
    with Scripted({"/robots.txt": [Answer(200, b"User-agent: *\nDisallow: /")], "/widgets/a": [count(1)]}) as server:
        h = harness(tmp_path, server, "a", obey_robots=False)
        h.collect(NOW)
        assert h.outcomes() == {series("a"): "measured"}


def test_requests_to_one_host_keep_the_delay_and_say_who_asks(tmp_path: Path) -> None:
    keys = [f"t{i}" for i in range(5)]
    with Scripted({f"/widgets/{k}": [count(5)] for k in keys}) as server:
        h = harness(tmp_path, server, *keys, delay=0.2)
        h.collect(NOW)
        times = [a.at for a in server.log]
        assert times[-1] - times[0] >= 0.7 * 0.2 * (len(times) - 1)  # a busy machine may note the first arrival late
        agent = server.log[-1].headers["User-Agent"]
        assert agent.startswith("uptake/")
        assert "mailto:test@example.org" in agent


def test_the_allowance_is_never_exceeded_and_the_next_hour_goes_on(tmp_path: Path) -> None:
    keys = [f"t{i:03}" for i in range(130)]
    with Scripted({f"/widgets/{k}": [count(5)] for k in keys}) as server:
        h = harness(tmp_path, server, *keys)
        h.collect(NOW)
        assert len(server.paths()) == 100
        assert sorted(h.outcomes().values()).count("missing(budget)") == 30
        h.collect(NOW + 1800)
        assert len(server.paths()) == 100
        h.collect(NOW + 3700)
        assert len(server.paths()) == 130
        assert set(h.outcomes().values()) == {"measured"}


def test_secrets_reach_the_server_and_nothing_that_is_kept(tmp_path: Path) -> None:
    secret = "s3cret-token-value"
    with Scripted({"/widgets/a": [Answer(404)], f"/widgets/a?key={secret}": [Answer.of({"count": 3, "you_sent": secret})]}) as server:
        h = harness(tmp_path, server, "a").with_options(token=secret)
        h.collect(NOW)
        assert h.values() == {series("a"): {TODAY: 3.0}}
        asked = server.log[-1]
        assert asked.headers["Authorization"] == f"Bearer {secret}"
    kept = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    bodies = b"".join(r.body for p in (tmp_path / "captures").rglob("*.warc.gz") for r in records(tmp_path / "captures", p))
    assert secret.encode() not in kept
    assert b"[scrubbed]" in bodies
    assert secret.encode() not in bodies


def test_an_unchanged_page_is_asked_for_by_its_etag_and_the_figure_refers_to_the_first_capture(tmp_path: Path) -> None:
    with Scripted({"/widgets/a": [count(3, headers={"ETag": '"v1"'}), Answer(304)]}) as server:
        h = harness(tmp_path, server, "a")
        h.collect(NOW)
        h.collect(NOW + DAY)
        assert server.log[-1].headers["If-None-Match"] == '"v1"'
        assert h.values() == {series("a"): {TODAY: 3.0, TODAY + DAY: 3.0}}
        with Journal.open(tmp_path) as journal, journal.read() as connection:
            assert len(connection.exec_driver_sql("SELECT DISTINCT evidence_id FROM points").all()) == 1
        assert [r.tally.changes.revised for r in h.reparse(NOW + 2 * DAY)] == [0, 0]


def test_all_topics_at_zero_at_once_are_doubted_and_one_zero_is_not(tmp_path: Path) -> None:
    keys = ("a", "b", "c")
    with Scripted({f"/widgets/{k}": [count(9), count(0), count(0 if k == "a" else 8)] for k in keys}) as server:
        h = harness(tmp_path, server, *keys)
        h.collect(NOW)
        h.collect(NOW + DAY)
        assert [str(e.outcome) for e in h.ends() if e.slot.time == TODAY + DAY] == ["suspect"] * 3
        assert all(TODAY + DAY not in v for v in h.values().values())
        h.collect(NOW + 2 * DAY)  # a was really gone; b and c were not
        assert h.values()[series("a")] == {TODAY: 9.0, TODAY + DAY: 0.0, TODAY + 2 * DAY: 0.0}
        assert h.values()[series("b")] == {TODAY: 9.0, TODAY + 2 * DAY: 8.0}


def test_a_wild_jump_is_held_until_the_next_slot_settles_it(tmp_path: Path) -> None:
    true = [1000 + 3 * i for i in range(12)]
    for name, after, stands in (("stays", 98_000, True), ("returns", 1040, False)):
        with Scripted({"/widgets/a": [*(count(n) for n in true), count(97_000), count(after)]}) as server:
            h = harness(tmp_path / name, server, "a")
            for i in range(13):
                h.collect(NOW + i * DAY)
            jump = TODAY + 12 * DAY
            assert jump not in h.values()[series("a")]
            assert [str(e.outcome) for e in h.ends() if e.slot.time == jump] == ["suspect"]
            h.collect(NOW + 13 * DAY)
            assert (jump in h.values()[series("a")]) is stands
            assert h.values()[series("a")][jump + DAY] == after


class Vague(Toy):
    """Says "at least" where there are more."""

    name = "vague"

    def on_count(self, response: Response, slots: Sequence[Slot]) -> Iterator[Output]:
        yield slots[0].observe(parse_count(response.body), Bound.AT_LEAST if b"more" in response.body else Bound.EXACT)


@pytest.mark.parametrize(("value", "outcome"), [(12, "measured"), (97_000, "suspect")])
def test_a_low_lower_bound_is_no_jump(tmp_path: Path, value: int, outcome: str) -> None:
    usual = [count(1000 + 3 * i) for i in range(12)]
    with Scripted({"/widgets/a": [*usual, Answer.of({"count": value, "more": True})]}) as server:
        h = Harness(tmp_path, Vague, base_url=server.url, topics=[Topic("a", "A", {"toy": "a"})])
        for i in range(13):
            h.collect(NOW + i * DAY)
        assert [str(e.outcome) for e in h.ends() if e.slot.time == TODAY + 12 * DAY] == [outcome]


def test_a_level_whose_time_has_passed_is_missing_not_misdated(tmp_path: Path) -> None:
    with Scripted({"/widgets/a": [count(3)]}) as server:
        h = harness(tmp_path, server, "a")
        h.collect(NOW, at=NOW - 3 * DAY)
        assert h.outcomes() == {series("a"): "missing(downtime)"}
        assert server.log == []


def test_a_level_measured_late_keeps_its_nominal_time_and_tells_when_it_was_seen(tmp_path: Path) -> None:
    with Scripted({"/widgets/a": [count(3)]}) as server:
        h = harness(tmp_path, server, "a")
        h.collect(TODAY + 86000)
        assert h.values() == {series("a"): {TODAY: 3.0}}
        with Journal.open(tmp_path) as journal, journal.read() as connection:
            assert connection.exec_driver_sql("SELECT observed_at FROM points").scalar() == TODAY + 86000


def test_a_torn_tail_is_cut_off_and_a_damaged_record_is_told(tmp_path: Path) -> None:
    with Scripted({f"/widgets/{k}": [count(3)] for k in "abc"}) as server:
        h = harness(tmp_path, server, *"abc")
        h.collect(NOW)
    path = next((tmp_path / "captures").rglob("*.warc.gz"))
    whole = path.read_bytes()
    offsets = [o for o, _ in scan(path).records]
    path.write_bytes(whole[: offsets[-1] + 20])
    assert scan(path).torn_at == offsets[-1]
    assert len(scan(path).records) == len(offsets) - 1
    broken = bytearray(whole)
    broken[offsets[1] + 30 : offsets[1] + 60] = b"\x00" * 30
    path.write_bytes(bytes(broken))
    found = scan(path)
    assert [o for o, _ in found.records] == [o for o in offsets if o != offsets[1]]
    assert found.damage[0][0] == offsets[1]
    with pytest.raises(CaptureDamagedError):
        load(tmp_path / "captures", str(path.relative_to(tmp_path / "captures")), offsets[1])


def test_reading_again_with_another_parser_makes_revisions_and_the_past_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Scripted({f"/widgets/{k}": [Answer.of({"count": 10, "hidden": 5})] for k in "ab"}) as server:
        h = harness(tmp_path, server, *"ab")
        h.collect(NOW)
        before, asked = h.head(), len(server.log)

        def both(body: bytes) -> float:
            document = json.loads(body)
            return float(document["count"] + document["hidden"])

        monkeypatch.setattr("tests.fakes.toy.parse_count", both)
        reports = h.reparse(NOW + 100)
        assert [r.tally.changes.revised for r in reports] == [2]
        assert h.values() == {series(k): {TODAY: 15.0} for k in "ab"}
        assert h.values(as_of=before) == {series(k): {TODAY: 10.0} for k in "ab"}
        assert len(server.log) == asked
        head = h.head()
        assert [r.tally.changes.revised for r in h.reparse(NOW + 200)] == [0]
        assert h.values() == {series(k): {TODAY: 15.0} for k in "ab"}
        assert h.head() > head  # the reading itself is on record


def test_a_page_that_turns_out_to_be_a_wall_is_withdrawn_by_reading_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Scripted({f"/widgets/{k}": [Answer.of({"count": 10, "wall": k == "b"})] for k in "ab"}) as server:
        h = harness(tmp_path, server, *"ab")
        h.collect(NOW)
        before = h.head()

        def stricter(self: Toy, response: object) -> tuple[Reason, str] | None:
            return (Reason.BLOCKED, "a wall") if b'"wall": true' in response.body else None  # type: ignore[attr-defined]

        monkeypatch.setattr(Toy, "refusal", stricter)
        h.reparse(NOW + 100)
        assert h.values() == {series("a"): {TODAY: 10.0}}
        assert h.outcomes() == {series("a"): "measured", series("b"): "missing(blocked)"}
        assert h.values(as_of=before)[series("b")] == {TODAY: 10.0}


REACTOR = """
import asyncio, sys
from pathlib import Path
from crawlers.engine import CrawlService, run_async
from scheduler import jobs
from scheduler.setups import Setup
from storage.journal import Journal
from tests.crawlers.test_engine import NOW, topics
from tests.fakes.toy import Toy
from tests.harness import FAST

async def main():
    with Journal.open(Path(sys.argv[1]), writable=True) as journal:
        service = CrawlService(journal, FAST, reactor=True, clock=lambda: NOW)
        setup = Setup(Toy, {t.key: t for t in topics(*"abcd")}, endpoints={"base_url": sys.argv[2]})
        try:
            for day in range(3):
                await jobs.collect(service, setup, now=NOW + day * 86400)
        finally:
            service.shutdown()

run_async(main, reactor=True)
from twisted.internet import reactor
assert type(reactor).__name__ == "AsyncioSelectorReactor", reactor
"""


def test_the_asyncio_reactor_gives_the_same_journal(tmp_path: Path) -> None:
    script = {
        "/widgets/a": [count(3)],
        "/widgets/b": [Answer(502), count(40)],
        "/widgets/c": [Answer(404)],
        "/widgets/d": [Answer(200, b"<p>")],
    }
    with Scripted(dict(script)) as server:
        root = Path(__file__).parents[2]
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", REACTOR, str(tmp_path / "r"), server.url],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    with Scripted(dict(script)) as server:
        h = harness(tmp_path / "l", server, *"abcd")
        for day in range(3):
            h.collect(NOW + day * DAY)
    other = harness(tmp_path / "r", server, *"abcd")
    assert other.values() == h.values() != {}
    assert other.outcomes() == h.outcomes()


def test_a_third_party_source_is_found_by_its_entry_point(tmp_path: Path) -> None:
    info = tmp_path / "toyshop-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toyshop\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[uptake.sources]\ntoy = tests.fakes.toy:Toy\n")
    with Scripted({"/widgets/a": [count(3)]}) as server:
        (tmp_path / "uptake.toml").write_text(
            f'[crawl]\ndelay = 0\n[sources.toy]\nbase_url = "{server.url}"\n'
            "[sources.github]\nenabled = false\n[sources.hacker_news]\nenabled = false\n[sources.stackoverflow]\nenabled = false\n"
            '[baskets.b]\ntopics = ["a"]\n[topics.a]\ntoy = "a"\n'
        )
        path = f"{tmp_path}{os.pathsep}{Path(__file__).parents[2]}"
        environment = {**os.environ, "PYTHONPATH": path, "UPTAKE_CONFIG": str(tmp_path / "uptake.toml")}
        run = [sys.executable, "-c", "from scheduler.cli import main; main()"]
        done = subprocess.run([*run, "collect"], env=environment, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
        assert done.returncode == 0, done.stderr + done.stdout
        out = subprocess.run([*run, "export"], env=environment, capture_output=True, text=True, timeout=60, check=True, cwd=tmp_path).stdout
    assert ",toy,toy.widgets,a,,3,exact," in out


def test_a_full_disk_stops_the_fetching_and_the_next_call_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [f"t{i:02}" for i in range(30)]
    with Scripted({f"/widgets/{k}": [count(5)] for k in keys}) as server:
        h = harness(tmp_path, server, *keys)
        whole = CaptureWriter.append

        def full(self: CaptureWriter, *args: object, **kwargs: object) -> object:
            if len(server.paths()) >= 10:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return whole(self, *args, **kwargs)  # type: ignore[arg-type]

        with monkeypatch.context() as patch:
            patch.setattr(CaptureWriter, "append", full)
            with pytest.raises(UptakeError, match="No space left"):
                h.collect(NOW)
        asked = len(server.paths())
        assert asked <= 10 + FAST.concurrency + 1
        assert set(h.outcomes().values()) == {"open"}  # no partial slot, no invented reason
        h.collect(NOW + 60)
        assert set(h.outcomes().values()) == {"measured"}
        assert len(server.paths()) <= len(keys) + FAST.concurrency + 2  # what was captured is not asked again


def test_a_journal_that_cannot_grow_stops_the_fetching_and_the_next_call_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [f"t{i:03}" for i in range(90)]
    with Scripted({f"/widgets/{k}": [count(5)] for k in keys}) as server:
        h = harness(tmp_path, server, *keys)
        put = Transaction.put

        def full(self: Transaction, observations: object) -> object:
            pages = self.connection.exec_driver_sql("PRAGMA page_count").scalar()
            self.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")  # SQLite's own way of a full disk
            for i in range(1000):
                self.remember("filler", Remember(f"k{i}", "x" * 4000))
            return put(self, observations)  # type: ignore[arg-type]

        with monkeypatch.context() as patch:
            patch.setattr(Transaction, "put", full)
            with pytest.raises(UptakeError, match="is full"):
                h.collect(NOW)
        assert h.values() == {}
        assert set(h.outcomes().values()) == {"open"}
        asked = len(server.paths())
        h.collect(NOW + 60)
        assert set(h.outcomes().values()) == {"measured"}
        assert len(server.paths()) - asked <= len(keys) - asked + FAST.concurrency + 2


def test_reading_again_leaves_alone_what_nothing_kept_speaks_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Scripted({"/widgets/a": [count(10)], "/widgets/b": [count(20)], "/widgets/c": [Answer(reset=True)]}) as server:
        h = harness(tmp_path, server, *"abc")
        h.collect(NOW)
        h.settle(series("b"), TODAY, State.RETRACTED)  # by hand
        before = h.outcomes()
        assert before == {series("a"): "measured", series("b"): "missing(parse_error)", series("c"): "missing(unreachable)"}
        monkeypatch.setattr("tests.fakes.toy.parse_count", lambda body: json.loads(body)["count"] + 1)
        (report,) = h.reparse(NOW + 100)
        assert report.tally.missing == {}
        assert h.values() == {series("a"): {TODAY: 11.0}}
        assert h.outcomes() == before

        async def elsewhere(self: Toy, slots: Sequence[Slot]) -> AsyncIterator[Request]:
            for slot in slots:
                yield self.fetch("/another/page", self.on_count, [slot])

        monkeypatch.setattr(Toy, "measure", elsewhere)  # a newer spider asks for pages that were never fetched
        (report,) = h.reparse(NOW + 200)
        assert (report.tally.missing, report.requests) == ({}, 0)
        assert h.values() == {series("a"): {TODAY: 11.0}}
        assert h.outcomes() == before
