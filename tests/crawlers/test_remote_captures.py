"""Responses in a store of objects: written here first, brought there when a run is over, read from there by range.

Two folders stand for two machines that share one journal and one bucket.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from scrapy.http import Request, TextResponse

from crawlers import uploads
from crawlers.capture_names import number_of
from crawlers.captures import Tape
from crawlers.keep import FIRST, Keep, files_of
from crawlers.locks import alone
from crawlers.object_store import StoreAwayError
from crawlers.recorder import Recorder
from crawlers.uploads import LONGEST, Uploads, bring_all, pause, waiting
from crawlers.warc import CaptureAwayError, CaptureDamagedError, load
from crawlers.warc_writer import CaptureWriter
from scheduler.trace import trace
from storage.journal import Journal
from storage.model import Capture, Series, Topic, UptakeError
from tests.fakes.keeper import elsewhere, forget_here
from tests.fakes.s3 import S3
from tests.fakes.scripted import Answer, Scripted
from tests.fakes.toy import Toy
from tests.harness import FAST, Harness

pytest.importorskip("s3fs", reason="the extra `cluster` is not installed: s3fs is missing")

NOW = 1_795_000_000  # 2026-11-18
DAY = 86400
TODAY = NOW - NOW % DAY


@pytest.fixture
def keep(s3: S3, tmp_path: Path) -> Keep:
    return elsewhere(tmp_path, s3.url)


def other_machine(keep: Keep) -> Keep:
    return Keep(keep.folder.parent / "another machine" / "captures", keep.address, keep.room)


def locks(keep: Keep) -> Path:
    return keep.folder.parent / "locks"


def bring(keep: Keep) -> None:
    assert bring_all(keep, locks(keep)).trouble == ""
    assert waiting(keep).files == 0


def answers(*keys: str) -> dict[str, list[Answer]]:
    return {f"/widgets/{k}": [Answer.of({"count": 10, "hidden": 5}, headers={"ETag": f'"{k}"'}), Answer(304)] for k in keys}


def harness(folder: Path, keep: Keep, server: Scripted, *keys: str) -> Harness:
    made = Harness(folder, Toy, base_url=server.url, topics=[Topic(k, k, {"toy": k}) for k in keys], manners=FAST)
    made.keep = keep
    return made


def die_before_anything_is_written(h: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answers are kept, and nothing is known of them."""

    def dies(*_: object) -> None:
        raise UptakeError("the power is gone")

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "_commit", dies)
        with pytest.raises(UptakeError, match="the power is gone"):
            h.collect(NOW)


def series(key: str) -> str:
    return f'toy.widgets{{topic="{key}"}}'


def stored(s3: S3) -> list[str]:
    return sorted(key.removeprefix("kept/") for key in s3.objects)


def traced(folder: Path, keep: Keep, key: str) -> dict[str, object]:
    with Journal.open(folder) as journal, journal.read() as connection:
        (page,) = trace(connection, keep, Series.parse(series(key)), whole=True).document["pages"]
        return dict(page)


def written(keep: Keep, run: str, count: int, size: int, *, number: int = 1) -> list[Capture]:
    """A run's file with so many responses of so many bytes that cannot be compressed."""
    dice, writer = random.Random(run), CaptureWriter(keep, run, NOW, first=number)
    found = []
    for n in range(count):
        url = f"http://toys.example.org/{run}/{n}"
        found.append(writer.append(Request(url), TextResponse(url, body=dice.randbytes(size)), f"print-{n}", NOW))
    writer.close()
    return found


def test_a_figure_leads_to_its_page_when_nothing_of_it_is_on_this_disk(s3: S3, keep: Keep, tmp_path: Path) -> None:
    with Scripted(answers("a", "b")) as server:
        h = harness(tmp_path, keep, server, "a", "b")
        h.collect(NOW)
        assert not s3.log or not s3.asked("PUT"), "what was asked is safe here before anybody is asked to take it"
        bring(keep)
        (name,) = stored(s3)
        assert name.startswith("toy/2026-11/toy-1.1-")
        assert s3.objects[f"kept/{name}"] == (keep.copies / name).read_bytes(), "a copy stays"
        forget_here(keep)
        page = traced(tmp_path, keep, "a")
        assert (page["file"], json.loads(str(page["body"]))) == (name, {"count": 10, "hidden": 5})
        assert not keep.folder.exists()

        h.collect(NOW + DAY)
        assert [a.headers.get("If-None-Match") for a in server.log if a.path == "/widgets/a"] == [None, '"a"'], "the page is known"
        assert h.values()[series("a")] == {TODAY: 10.0, TODAY + DAY: 10.0}
        bring(keep)
        forget_here(keep)
        assert traced(tmp_path, keep, "a")["file"] == name, "the unchanged page is that of the first day"


def test_only_the_needed_part_of_a_large_file_is_read(s3: S3, keep: Keep) -> None:
    captures = written(keep, "toy-1", 60, 50_000)
    bring(keep)
    forget_here(keep)
    assert len(s3.objects[f"kept/{captures[0].file}"]) > 3_000_000
    s3.log.clear()
    record = load(keep, captures[40].file, captures[40].offset)
    assert record.capture == captures[40]
    assert [(a.method, a.sent) for a in s3.log] == [("GET", FIRST)]
    load(keep, captures[40].file, captures[40].offset)
    assert len(s3.log) == 1, "it was read a moment ago"
    (large,) = written(keep, "toy-2", 1, 700_000)
    bring(keep)
    forget_here(keep)
    s3.log.clear()
    assert len(load(keep, large.file, large.offset).body) == 700_000
    assert [a.sent for a in s3.log][:-1] == [FIRST, 2 * FIRST, 4 * FIRST]
    assert not [a for a in s3.log if "range" not in a.headers]


def test_what_waits_is_read_from_here_and_a_response_that_is_nowhere_says_where_it_was_sought(s3: S3, keep: Keep) -> None:
    (capture,) = written(keep, "toy-1", 1, 100)
    assert load(keep, capture.file, capture.offset).capture == capture
    assert s3.log == []
    with pytest.raises(CaptureDamagedError, match="is not at s3://responses/kept: it is gone, or still waits on the machine that asked"):
        load(other_machine(keep), capture.file, capture.offset)
    bring(keep)
    assert load(other_machine(keep), capture.file, capture.offset).capture == capture
    s3.fail(lambda a: a.method == "GET", status=403, code="AccessDenied", times=9)
    with pytest.raises(CaptureAwayError, match=r"cannot be read now: s3://responses/kept: it refuses \(AccessDenied\)"):
        load(Keep(other_machine(keep).folder, keep.address), capture.file, capture.offset + 1)
    assert load(keep, capture.file, capture.offset).capture == capture, "the copy here is read whatever the store does"


def test_a_file_that_is_being_written_is_never_brought(s3: S3, keep: Keep) -> None:
    writer = CaptureWriter(keep, "toy-1", NOW)
    url = "http://toys.example.org/1"
    writer.append(Request(url), TextResponse(url, body=b"1"), "print", NOW)
    writer.sync()
    assert bring_all(keep, locks(keep)).files == 1
    assert s3.log == []
    writer.append(Request(url), TextResponse(url, body=b"2"), "print", NOW)
    writer.close()
    bring(keep)
    assert s3.objects[f"kept/{files_of(keep, 'toy-1', NOW)[0]}"] == next(keep.copies.rglob("*.gz")).read_bytes()


def test_two_machines_never_write_the_same_file_and_their_answers_come_in_order(s3: S3, keep: Keep) -> None:
    there = other_machine(keep)
    ours, theirs = written(keep, "toy-1", 1, 100)[0], written(there, "toy-1", 1, 100)[0]
    assert ours.file != theirs.file
    later = written(keep, "toy-1", 1, 100, number=2)[0]
    bring(keep)
    bring(there)
    s3.log.clear()
    assert files_of(there, "toy-1", NOW) == [*sorted([ours.file, theirs.file]), later.file]
    assert [a.query["prefix"] for a in s3.log] == ["kept/toy/2026-11/toy-1."], "one request, and for nothing else"
    assert files_of(there, "toy-1") == files_of(there, "toy-1", NOW)


def test_a_run_that_died_on_another_machine_is_gone_on_with_from_its_answers(
    s3: S3, keep: Keep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Scripted(answers("a", "b")) as server:
        h = harness(tmp_path, keep, server, "a", "b")
        die_before_anything_is_written(h, monkeypatch)
        bring(keep)
        asked = server.paths()
        h.keep = other_machine(keep)
        h.collect(NOW + 60)
        assert server.paths() == asked, "nobody is asked twice"
        assert h.values() == {series(k): {TODAY: 10.0} for k in "ab"}
        bring(h.keep)
        assert len(stored(s3)) == 1, "nothing new was answered"


def test_who_goes_on_with_a_run_writes_behind_what_others_wrote(s3: S3, keep: Keep) -> None:
    first = written(keep, "toy-1", 1, 100)[0]
    bring(keep)
    there = other_machine(keep)
    tape = Tape(there, "toy-1", NOW, clock=lambda: NOW)
    url = "http://toys.example.org/more"
    more = tape.writer.append(Request(url), TextResponse(url, body=b"more"), "print-more", NOW)
    tape.writer.close()
    assert (number_of(first.file), number_of(more.file)) == (1, 2)
    bring(there)
    assert files_of(keep, "toy-1", NOW) == [first.file, more.file]
    record = Tape(keep, "toy-2", NOW, clock=lambda: NOW, replay_of="toy-1", replay_time=NOW).replay("print-more")
    assert record is not None
    assert record.capture == more


def test_a_run_is_read_again_by_a_machine_that_has_nothing_of_it(
    s3: S3, keep: Keep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Scripted(answers("a", "b")) as server:
        h = harness(tmp_path, keep, server, "a", "b")
        h.collect(NOW)
        bring(keep)
        asked, before = server.paths(), h.head()
        h.keep = other_machine(keep)
        monkeypatch.setattr("tests.fakes.toy.parse_count", lambda body: float(json.loads(body)["count"] + json.loads(body)["hidden"]))
        s3.fail(status=503, times=2)
        with pytest.raises(StoreAwayError, match="it asks to wait"):
            h.reparse(NOW + 90)
        assert h.values() == {series(k): {TODAY: 10.0} for k in "ab"}, "what cannot be read now is not missing"
        h.reparse(NOW + 100)
        assert h.values() == {series(k): {TODAY: 15.0} for k in "ab"}
        assert h.values(as_of=before) == {series(k): {TODAY: 10.0} for k in "ab"}
        assert server.paths() == asked


def test_a_page_of_another_day_that_cannot_be_read_now_stops_the_reading_and_is_not_missing(
    s3: S3, keep: Keep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Scripted(answers("a")) as server:
        h = harness(tmp_path, keep, server, "a")
        h.collect(NOW)
        h.collect(NOW + DAY)
        bring(keep)
        h.keep = other_machine(keep)
        monkeypatch.setattr("tests.fakes.toy.parse_count", lambda body: float(json.loads(body)["count"] + json.loads(body)["hidden"]))
        fault = s3.fail(lambda a: a.method == "GET" and "toy-1." in a.key, status=403, code="AccessDenied", times=10**6)
        with pytest.raises(StoreAwayError, match="AccessDenied"):
            h.reparse(NOW + DAY + 100)
        assert h.values()[series("a")] == {TODAY: 10.0, TODAY + DAY: 10.0}
        fault.times = 0
        h.reparse(NOW + DAY + 200)
        assert h.values()[series("a")] == {TODAY: 15.0, TODAY + DAY: 15.0}
        assert set(h.outcomes().values()) == {"measured"}


def test_while_the_store_refuses_collecting_goes_on_and_all_gets_there_afterwards(s3: S3, keep: Keep, tmp_path: Path) -> None:
    with Scripted(answers("a")) as server:
        h = harness(tmp_path, keep, server, "a")
        fault = s3.fail(status=403, code="AccessDenied", times=10**6)
        left = []
        for day in range(3):
            h.collect(NOW + day * DAY)
            left.append(bring_all(keep, locks(keep)))
        assert [x.files for x in left] == [1, 2, 3]
        assert all("it refuses (AccessDenied)" in x.trouble for x in left)
        assert h.values()[series("a")] == {TODAY + day * DAY: 10.0 for day in range(3)}
        assert s3.objects == {}
        fault.times = 0
        bring(keep)
        assert len(stored(s3)) == 3
        forget_here(keep)
        assert traced(tmp_path, keep, "a")["status"] == 200


def test_what_cannot_be_read_now_of_a_run_whose_time_has_passed_waits_and_the_new_one_is_measured(
    s3: S3, keep: Keep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with Scripted({"/widgets/a": [Answer.of({"count": 10})]}) as server:
        h = harness(tmp_path, keep, server, "a")
        die_before_anything_is_written(h, monkeypatch)
        bring(keep)
        h.keep = other_machine(keep)
        fault = s3.fail(lambda a: a.method == "GET", status=403, code="AccessDenied", times=10**6)
        h.collect(NOW + 2 * DAY)
        assert h.values() == {series("a"): {TODAY + 2 * DAY: 10.0}}
        assert "toy-1 is gone on with when its answers can be read" in caplog.text
        fault.times = 0
        h.collect(NOW + 2 * DAY + 60)
        assert h.values() == {series("a"): {TODAY: 10.0, TODAY + 2 * DAY: 10.0}}


def test_copies_take_no_more_room_than_they_may_and_the_last_used_stay(s3: S3, keep: Keep, tmp_path: Path) -> None:
    keep = Keep(keep.folder, keep.address, room=250_000)
    captures = [written(keep, f"toy-{n}", 1, 100_000)[0] for n in range(4)]
    for n, capture in enumerate(captures):
        os.utime(keep.folder / capture.file, (NOW + n, NOW + n))
    bring(keep)
    assert sorted(p.name for p in keep.copies.rglob("*.gz")) == sorted(Path(c.file).name for c in captures[2:])
    assert [load(keep, c.file, c.offset).capture for c in captures] == captures
    none = Keep(keep.folder, keep.address)
    written(none, "toy-9", 1, 1000)
    bring(none)
    assert not list(keep.copies.rglob("*.gz"))


def test_a_file_that_never_gets_there_costs_the_others_nothing(s3: S3, keep: Keep) -> None:
    captures = [written(keep, f"toy-{n}", 1, 100)[0] for n in range(5)]
    s3.fail(lambda a: "toy-0." in a.key, status=400, code="EntityTooLarge", times=10**6)
    at_work = Uploads(keep, locks(keep))
    left = [at_work.step() for _ in range(2)]
    assert [(x.files, x.brought, x.failures, x.lasting) for x in left] == [(1, 4, 1, False), (1, 4, 2, True)]
    assert "EntityTooLarge" in left[1].trouble
    assert [load(keep, c.file, c.offset).capture for c in captures] == captures
    s3.fail(lambda a: a.method == "PUT", status=503, times=10**6)
    for n in range(5, 10):
        written(keep, f"toy-{n}", 1, 100)
    s3.log.clear()
    at_work.step()
    assert len({a.key for a in s3.log}) == uploads.ENOUGH, "a store that takes nothing is left alone for a while"


def test_pauses_grow_and_end_somewhere() -> None:
    assert [pause(n) for n in (1, 2, 3, 4)] == [15, 30, 60, 120]
    assert pause(50) == pause(9) == LONGEST


def test_the_thread_brings_what_lies_there_and_what_is_closed_and_ends_when_asked(s3: S3, keep: Keep) -> None:
    written(keep, "toy-1", 1, 100)
    at_work = Uploads(keep, locks(keep))
    at_work.start()
    try:
        until(lambda: at_work.standing().brought == 1)
        written(keep, "toy-2", 1, 100)
        at_work.wake()
        until(lambda: at_work.standing().brought == 2)
        assert at_work.standing().files == 0
    finally:
        assert at_work.stop(30)
    written(keep, "toy-3", 1, 100)
    assert len(s3.objects) == 2


def test_a_process_that_leaves_the_work_to_another_asks_nothing(s3: S3, keep: Keep) -> None:
    written(keep, "toy-1", 1, 100)
    with alone(locks(keep), "bringing-responses") as mine:
        assert mine
        left = bring_all(keep, locks(keep))
    assert (left.files, left.trouble, s3.log) == (1, "", [])


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)
