"""Responses that may name people: after some days nobody's name is on the disk any more, and every figure is as it was."""

from __future__ import annotations

import asyncio
import errno
import gzip
import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from warcio.archiveiterator import ArchiveIterator

from crawlers import reduced as rewriting
from crawlers.keep import files_of
from crawlers.locks import HostLocks
from crawlers.warc import Record, heading, load, records, scan
from crawlers.warc_writer import CaptureWriter
from scheduler import reducing, retention
from scheduler.config import load as load_config
from scheduler.retention import Reduced, reduce_old
from scheduler.trace import trace
from storage import exports
from storage.journal import Journal
from storage.model import Capture, Series, State, Topic, UsageError
from tests.fakes.guestbook import Guestbook
from tests.fakes.scripted import Answer, Scripted
from tests.harness import FAST, Harness
from tests.scheduler.conftest import CONFIG, World, uptake

NOW = 1_795_000_000  # 2026-11-18
DAY = 86400
TODAY = NOW - NOW % DAY
LATER = NOW + 30 * DAY + 1
GUESTS, LETTERS, WIDGETS = ('toy.guests{topic="a"}', 'toy.letters{topic="a"}', 'toy.widgets{topic="a"}')
PERSON = {"name": "Jane Roe", "mail": "jane.roe@people.invalid", "phone": "+49 170 1234567", "handle": "@janeroe", "guests": 195}
NAMES = (b"Jane", b"jane", b"people.invalid", b"1234567")


def script() -> dict[str, list[Answer]]:
    second = gzip.compress(json.dumps({"count": 195, "of": [PERSON], "text": "195 greetings from Jane Roe"}).encode())
    return {
        "/widgets/a": [Answer.of({"count": 12, "colour": "red"}, headers={"ETag": '"w1"'}), Answer(304)],
        "/till/a": [Answer.of({"open": True})],
        "/guests/a": [
            Answer(503, b"Jane Roe is at it"),
            Answer.of({"total": 195, "guests": [PERSON]}, headers={"ETag": '"g1"', "Set-Cookie": "by=Jane"}),
        ],
        "/guests/a?page=2": [Answer(200, second, {"Content-Encoding": "gzip", "Content-Type": "application/json"})],
        "/letters/a": [Answer.of({"count": 7, "from": PERSON})],
    }


def harness(folder: Path, server: Scripted) -> Harness:
    return Harness(folder, Guestbook, base_url=server.url, topics=[Topic("a", "a", {"toy": "a"})], manners=FAST)


@pytest.fixture
def server() -> Iterator[Scripted]:
    with Scripted(script()) as running:
        yield running


@pytest.fixture
def store(tmp_path: Path, server: Scripted) -> Harness:
    """A folder in which everything was measured once."""
    h = harness(tmp_path, server)
    h.collect(NOW)
    assert set(h.outcomes().values()) == {"measured"}
    return h


def reduce(h: Harness, now: int = LATER, days: int = 30) -> Reduced:
    with Journal.open(h.folder, writable=True) as journal:
        return reduce_old(journal, days=days, now=now)


def files(h: Harness) -> list[Path]:
    return sorted((h.folder / "captures").rglob("*.gz*"))


def the_file(h: Harness) -> Path:
    (path,) = files(h)
    return path


def responses(h: Harness) -> dict[str, Record]:
    """The last record of each path."""
    captures = h.folder / "captures"
    return {r.capture.url.partition("//")[2].partition("/")[2]: r for path in files(h) for r in records(captures, path)}


def named(h: Harness) -> set[str]:
    """Files in which somebody is named, in whatever way they are packed."""
    found = set()
    for path in (p for p in h.folder.rglob("*") if p.is_file()):
        data = path.read_bytes()
        if path.suffix == ".gz":
            data += b"".join(member for _, member in scan(path).records)
            data += "".join(r.text() for r in records(h.folder / "captures", path)).encode()
        found |= {path.name for name in NAMES if name in data}
    return found


def figures(h: Harness) -> str:
    """All that the journal knows of values, but for the places of the responses."""
    with Journal.open(h.folder) as journal, journal.read() as connection:
        out = StringIO()
        exports.write_csv(connection, out)
        tables = {
            t: sorted(connection.exec_driver_sql(f"SELECT * FROM {t}").all(), key=repr)
            for t in ("points", "revisions", "slot_ends", "commits")
        }
        evidence = connection.exec_driver_sql(
            "SELECT id, kind, run, url, status, fingerprint, fetched_at, sha256, text FROM evidence ORDER BY id"
        ).all()
        return f"{out.getvalue()}{tables}{evidence}"


def traced(h: Harness, series: str, **options: Any) -> dict[str, Any]:
    with Journal.open(h.folder) as journal, journal.read() as connection:
        return dict(trace(connection, h.folder / "captures", Series.parse(series), **options).document)


def traced_text(h: Harness, series: str) -> str:
    with Journal.open(h.folder) as journal, journal.read() as connection:
        return trace(connection, h.folder / "captures", Series.parse(series)).text()


def places(h: Harness) -> list[tuple[str, int]]:
    with Journal.open(h.folder) as journal, journal.read() as connection:
        return [(f, o) for f, o in connection.exec_driver_sql("SELECT file, \"offset\" FROM evidence WHERE kind = 'capture' ORDER BY id")]


# What is done, and what is not


@pytest.mark.usefixtures("either_database")
def test_after_the_days_nobody_is_named_on_the_disk_and_all_figures_are_as_they_were(
    store: Harness, caplog: pytest.LogCaptureFixture
) -> None:
    before, size = figures(store), the_file(store).stat().st_size
    assert named(store) == {"toy-1.1.warc.gz"}
    with caplog.at_level(logging.INFO, "scheduler.retention"):
        done = reduce(store)
    assert "4 old responses that may name people were reduced" in caplog.text
    assert named(store) == set()
    assert the_file(store).name == "toy-1.1.reduced.warc.gz"
    assert done == Reduced(1, 4, size, the_file(store).stat().st_size)
    assert figures(store) == before
    with Journal.open(store.folder) as journal:
        journal.verify()


def test_before_the_days_are_over_nothing_changes(store: Harness) -> None:
    before = the_file(store).read_bytes()
    assert reduce(store, NOW + 30 * DAY) == Reduced()
    assert the_file(store).read_bytes() == before
    assert reduce(store, NOW + 30 * DAY + 1).files == 1


def test_a_reduced_record_keeps_its_head_its_digest_and_the_lines_with_the_numbers(store: Harness) -> None:
    before = responses(store)
    reduce(store)
    after = responses(store)
    assert {path: r.text() for path, r in after.items() if r.reduced} == {
        "guests/a": '"total": 195,\n"…": 195',
        "guests/a?page=2": '"count": 195,\n"…": 195\n"…": "195 …"',
        "letters/a": '"count": 7,',
    }
    for path, record in after.items():
        was = before[path].capture
        now = record.capture
        assert (now.run, now.url, now.method, now.status, now.fingerprint) == (was.run, was.url, was.method, was.status, was.fingerprint)
        assert (now.fetched_at, now.content_type, now.sha256) == (was.fetched_at, was.content_type, was.sha256)
        assert record.reduced == ("" if path in {"widgets/a", "till/a", "robots.txt"} else "2026-12-18")
        assert {k for k, _ in record.headers} <= ({"Content-Type"} if record.reduced else {k for k, _ in before[path].headers})


def test_what_names_nobody_is_the_same_byte_for_byte(store: Harness) -> None:
    def others() -> list[bytes]:
        path = the_file(store)
        data, found = path.read_bytes(), [*scan(path).records, (path.stat().st_size, b"")]
        pairs = pairwise(found)
        return [data[start:end] for (start, member), (end, _) in pairs if not heading(member, "Uptake-People")]

    before = others()
    reduce(store)
    *copied, directory = others()
    letters = [member for member in before if b"jane.roe@people.invalid" in gzip.decompress(member)]
    assert heading(gzip.decompress(directory), "WARC-Type") == "metadata"
    assert [heading(gzip.decompress(m), "WARC-Type") for m in letters] == ["request"]
    assert copied == [member for member in before if member not in letters]


def test_warcio_reads_the_new_file(store: Harness) -> None:
    reduce(store)
    with the_file(store).open("rb") as file:
        found = [
            (r.rec_type, r.rec_headers.get_header("Uptake-People"), r.content_stream().read())
            for r in ArchiveIterator(file, check_digests="raise")
        ]
    assert sorted(kind for kind, _, _ in found) == ["metadata", "request", *["response"] * 7, "warcinfo"]
    assert [body for _, people, body in found if people].count(b"") == 1  # a wall that nothing refers to: only its head


def test_every_row_of_evidence_leads_to_its_record(store: Harness) -> None:
    captures = store.folder / "captures"
    old = places(store)
    urls = [load(captures, *place).capture.url for place in old]
    asked = [load(captures, *place).request_body for place in old]
    reduce(store)
    assert [load(captures, *place).capture.url for place in places(store)] == urls
    assert [load(captures, *place).capture.url for place in old] == urls  # by its former place too
    assert b'{"for": "a"}' in asked
    assert [load(captures, *place).request_body for place in places(store)] == [b"" if b"jane" in body else body for body in asked]


def test_trace_says_that_the_page_was_reduced_and_shows_what_is_kept(store: Harness) -> None:
    shown = traced(store, LETTERS)["pages"][0]["excerpt"]
    assert any("Jane Roe" in line for line in shown)
    reduce(store)
    text = traced_text(store, LETTERS)
    (page,) = traced(store, LETTERS)["pages"]
    assert f"reduced on 2026-12-18, because the page may name people: kept are the checksum of what was read, {page['sha256']}," in text
    assert '"count": 7,' in text
    assert "differs" not in text
    assert (page["reduced"]["on"], page["body"], page["request_body"]) == ("2026-12-18", '"count": 7,', "")
    assert traced(store, LETTERS, whole=True)["pages"][0]["excerpt"] == [' "count": 7,']
    assert len([line for line in traced_text(store, GUESTS).splitlines() if "reduced on" in line]) == 2
    assert traced(store, WIDGETS)["pages"][0]["reduced"] is None
    assert "reduced on" not in traced_text(store, WIDGETS)


def test_a_digest_that_is_not_the_one_of_the_journal_is_told_in_a_reduced_page_too(store: Harness) -> None:
    reduce(store)
    with Journal.open(store.folder, writable=True) as journal, journal.write() as tx:
        tx.connection.exec_driver_sql("UPDATE evidence SET sha256 = 'another'")
    assert "its checksum differs" in traced_text(store, LETTERS)


def test_of_a_page_without_its_number_in_it_nothing_is_kept(tmp_path: Path, server: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fakes.toy.parse_count", lambda body: float(len(json.loads(body))) * 1000)
    h = harness(tmp_path, server)
    h.collect(NOW)
    reduce(h)
    assert {r.text() for r in responses(h).values() if r.reduced} == {""}
    assert "no line, as the number does not stand in it as it is" in traced_text(h, GUESTS)


def test_the_lines_of_former_values_are_kept_too(store: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fakes.toy.parse_count", lambda body: 195.0 if b'count": 7' in body else 12.0)
    store.reparse(NOW + DAY)
    reduce(store)
    assert responses(store)["letters/a"].text() == '"…": 195\n"count": 7,'


# Reading again, asking again


def test_reading_again_leaves_reduced_figures_as_they_are(store: Harness, server: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    reduce(store)
    values, asked = store.values(), len(server.log)
    monkeypatch.setattr("tests.fakes.toy.parse_count", lambda body: json.loads(body)["count"] + 1000.0)
    (report,) = store.reparse(LATER)
    assert (report.tally.changes.revised, report.tally.missing, len(server.log)) == (1, {}, asked)
    assert store.values() == {**values, WIDGETS: {TODAY: 1012.0}}
    assert set(store.outcomes().values()) == {"measured"}
    assert len(places(store)) == len(set(places(store))) == 5
    assert reduce(store, LATER + 1) == Reduced()


def test_only_a_page_that_is_there_is_asked_whether_it_changed(store: Harness, server: Scripted) -> None:
    reduce(store)
    server.log.clear()
    store.collect(LATER)
    sent = {a.path: a.headers.get("If-None-Match") for a in server.log}
    assert (sent["/widgets/a"], sent["/guests/a"]) == ('"w1"', None)
    assert store.values()[GUESTS] == {TODAY: 195.0, TODAY + 30 * DAY: 195.0}


def test_a_page_that_did_not_change_is_found_at_its_new_place(store: Harness, server: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answers["/guests/a"] = [Answer(304)]
    store.collect(NOW + DAY)
    assert '"g1"' in [a.headers.get("If-None-Match") for a in server.log]
    reduce(store)  # the first day's file only
    assert sorted(p.name.count("reduced") for p in files(store)) == [0, 1]
    values = store.values()
    monkeypatch.setattr("tests.fakes.toy.parse_count", lambda body: json.loads(body)["count"] + 1000.0)
    reports = store.reparse(LATER)
    assert [dict(r.tally.missing) for r in reports] == [{}, {}]
    assert store.values() == {
        **values,
        WIDGETS: {TODAY: 1012.0, TODAY + DAY: 1012.0},
        LETTERS: {TODAY: 7.0, TODAY + DAY: 1007.0},
    }


def test_a_figure_whose_unchanged_page_cannot_be_read_any_more_is_left_as_it_is(store: Harness) -> None:
    store.collect(NOW + DAY)
    break_record(store, "widgets/a", 30)
    assert b"revisit" in b"".join(member for _, member in scan(files(store)[1]).records)
    values = store.values()
    reports = store.reparse(NOW + 2 * DAY)
    assert [dict(r.tally.missing) for r in reports] == [{}, {}]
    assert any("is damaged" in said for report in reports for said in report.damage)
    assert store.values() == values


# When


@pytest.mark.usefixtures("either_database")
def test_a_file_is_looked_at_once(store: Harness, server: Scripted, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    inner = rewriting.survey

    def survey(path: Path) -> rewriting.Survey:
        looked.append(path.name)
        return inner(path)

    monkeypatch.setattr(reducing, "survey", survey)
    for day in range(1, 4):
        store.collect(NOW + day * DAY)
        reduce(store, NOW + day * DAY)
    assert looked == []
    for day in range(30, 36):
        reduce(store, NOW + day * DAY + 1)
        reduce(store, NOW + day * DAY + 2)
    assert [name.count("reduced") for name in looked] == [0] * 4
    assert len(set(looked)) == 4


def test_a_file_that_names_nobody_stays_and_is_not_looked_at_again(
    tmp_path: Path, server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CaptureWriter, "append", _without_people)
    h = harness(tmp_path, server)
    h.collect(NOW)
    before = the_file(h).read_bytes()
    assert reduce(h) == Reduced()
    assert the_file(h).read_bytes() == before
    monkeypatch.setattr(reducing, "survey", pytest.fail)
    assert reduce(h, LATER + 1) == Reduced()


_append = CaptureWriter.append


def _without_people(self: CaptureWriter, request: Any, *args: Any, but: str = "") -> Capture:
    request.meta["people"] = bool(but) and request.url.endswith(but)
    return _append(self, request, *args)


def _finish(h: Harness, run: str, *, finished: bool) -> None:
    with Journal.open(h.folder, writable=True) as journal, journal.write(run=run, now=LATER) as tx:
        tx.connection.exec_driver_sql("UPDATE runs SET finished_seq = ? WHERE id = ?", (tx.seq if finished else None, run))


def test_a_run_that_is_not_finished_keeps_its_answers_and_is_reduced_when_it_is(store: Harness) -> None:
    store.collect(NOW + 60)
    store.collect(NOW + DAY)
    _finish(store, "toy-1", finished=False)
    assert reduce(store, LATER + DAY).files == 1
    assert reduce(store, LATER + 5 * DAY) == Reduced()
    assert named(store) == {"toy-1.1.warc.gz"}
    _finish(store, "toy-1", finished=True)
    assert reduce(store, LATER + 6 * DAY).files == 1


def test_a_run_that_ends_late_is_not_missed_when_the_days_were_fewer_before(store: Harness) -> None:
    store.collect(NOW + DAY)
    _finish(store, "toy-1", finished=False)
    assert reduce(store, NOW + 4 * DAY, days=2).files == 1
    _finish(store, "toy-1", finished=True)
    assert reduce(store, NOW + 5 * DAY) == Reduced()
    assert reduce(store).files == 1


def test_a_reduced_file_is_never_taken_for_the_file_of_a_run_with_a_similar_name(tmp_path: Path) -> None:
    folder = tmp_path / "toy" / "2026-11"
    folder.mkdir(parents=True)
    for name in ("toy-1.1.reduced", "toy-1.2", "toy-1.1.1", "toy-2.1"):
        (folder / f"{name}.warc.gz").touch()
    assert reducing.files_of_runs(tmp_path, "toy", {"toy-1.1": "2026-11"}) == [("toy-1.1", "toy/2026-11/toy-1.1.1.warc.gz")]


def test_a_source_that_is_at_work_is_left_to_the_next_call(store: Harness) -> None:
    async def meanwhile() -> Reduced:
        async with HostLocks(store.folder / "locks").hold(["source-toy"]):
            return await asyncio.to_thread(reduce, store)

    assert asyncio.run(meanwhile()) == Reduced()
    assert named(store)
    assert reduce(store, LATER + 1).files == 1


def test_while_a_source_is_reduced_nobody_asks_it(store: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    async def beside() -> bool:
        try:
            async with asyncio.timeout(0.05), HostLocks(store.folder / "locks").hold(["source-toy"]):
                return True
        except TimeoutError:
            return False

    held: list[bool] = []
    inner = rewriting.rewrite

    def rewrite(*arguments: Any) -> dict[int, int]:
        held.append(asyncio.run(beside()))
        return inner(*arguments)

    monkeypatch.setattr(reducing, "rewrite", rewrite)
    reduce(store)
    assert held == [False]
    assert asyncio.run(beside())


def test_other_days_hold_from_the_next_call_on(store: Harness) -> None:
    store.collect(NOW + DAY)
    store.collect(NOW + 2 * DAY)
    reduce(store, NOW + 3 * DAY, days=30)
    assert reduce(store, NOW + 3 * DAY, days=2).files == 1
    assert reduce(store, NOW + 3 * DAY, days=30) == Reduced()
    assert reduce(store, NOW + 31 * DAY, days=30) == Reduced()
    assert reduce(store, NOW + 31 * DAY + 1, days=30).files == 1
    assert reduce(store, NOW + 40 * DAY, days=30).files == 1


def test_a_file_that_is_not_in_evidence_is_reduced_by_the_dates_of_its_own(store: Harness) -> None:
    with Journal.open(store.folder, writable=True) as journal, journal.write() as tx:
        tx.connection.exec_driver_sql("DELETE FROM evidence")
    assert reduce(store, NOW + DAY) == Reduced()
    assert reduce(store, NOW + 2 * DAY) == Reduced()
    assert reduce(store).files == 1
    assert named(store) == set()
    assert {r.text() for r in responses(store).values() if r.reduced} == {""}


# Trouble


class Died(BaseException):
    """The process ended here."""


def _dying(where: str) -> tuple[Any, str, Callable[..., Any]]:
    """What to replace so that the process ends at a step."""
    write = Journal.write

    def nothing(*_: object, **__: object) -> None:
        raise Died

    def at_commit(self: Journal, **kwargs: object) -> Any:
        def inner() -> Iterator[Any]:
            with write(self, **kwargs) as tx:  # type: ignore[arg-type]
                yield tx
                if tx.connection.exec_driver_sql("SELECT 1 FROM evidence WHERE file LIKE '%.reduced.%'").first():
                    raise Died

        return contextmanager(inner)()

    return {
        "first byte": (rewriting, "_reduced", nothing),
        "half written": (rewriting, "_directory", nothing),
        "written": (os, "fsync", nothing),
        "before it is named": (Path, "replace", nothing),
        "named": (rewriting, "settle", nothing),
        "before the journal": (Journal, "write", nothing),
        "in the journal": (Journal, "write", at_commit),
        "behind the journal": (Path, "unlink", nothing),
        "gone": (reducing, "settle", nothing),
        "before it is remembered": (retention, "_remember", nothing),
    }[where]


STEPS = (
    "first byte",
    "half written",
    "written",
    "before it is named",
    "named",
    "before the journal",
    "in the journal",
    "behind the journal",
    "gone",
    "before it is remembered",
)


def readable(h: Harness) -> None:
    """Every row of evidence leads to its page or to what is kept of it, and nothing is said against either."""
    for series in (GUESTS, LETTERS, WIDGETS):
        for page in traced(h, series)["pages"]:
            assert page["body"]
            assert "differs" not in str(page)
            assert "(the raw" not in str(page)


@pytest.mark.parametrize("again", [False, True], ids=["", "read again meanwhile"])
@pytest.mark.parametrize("step", STEPS)
def test_a_process_that_dies_leaves_one_of_the_two_and_the_next_call_does_the_rest(
    store: Harness, monkeypatch: pytest.MonkeyPatch, step: str, again: bool
) -> None:
    before = figures(store)
    with monkeypatch.context() as patch:
        patch.setattr(*_dying(step))
        with pytest.raises(Died):
            reduce(store)
    readable(store)
    assert figures(store) == before
    assert len(files_of(store.folder / "captures", "toy-1")) == 1
    assert any(p.name.endswith(".reduced.warc.gz") for p in files(store)) is (STEPS.index(step) >= STEPS.index("named"))
    if again:
        assert [r.tally.changes.revised for r in store.reparse(LATER)] == [0]
    reduce(store, LATER + 1)
    readable(store)
    assert named(store) == set()
    if not again:
        assert the_file(store).name == "toy-1.1.reduced.warc.gz"
        assert figures(store) == before
    assert not [p for p in files(store) if not p.name.endswith(".reduced.warc.gz")]
    assert {(p.parent.parent.name + "/" + p.parent.name + "/" + p.name) for p in files(store)} >= {f for f, _ in places(store)}
    assert {path for path, r in responses(store).items() if r.reduced} == {"guests/a", "guests/a?page=2", "letters/a"}
    assert reduce(store, LATER + 2) == Reduced()
    assert [r.tally.changes.revised for r in store.reparse(LATER + 3)] == [0]
    readable(store)


def test_everything_is_on_the_disk_before_the_next_step(store: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []

    def noting(owner: Any, name: str) -> None:
        inner = getattr(owner, name)

        def noted(*arguments: Any, **options: Any) -> Any:
            steps.append(name)
            return inner(*arguments, **options)

        monkeypatch.setattr(owner, name, noted)

    for owner, name in ((os, "fsync"), (Path, "replace"), (Journal, "write"), (Path, "unlink")):
        noting(owner, name)
    reduce(store)
    assert steps == ["fsync", "replace", "fsync", "write", "unlink", "fsync", "write"]


def test_an_old_file_that_was_read_again_after_its_end_is_reduced_beside_the_new_one(
    store: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(*_dying("behind the journal"))
        with pytest.raises(Died):
            reduce(store)
    monkeypatch.setattr("tests.fakes.toy.parse_count", lambda body: json.loads(body)["count"] + 1.0)
    assert [r.tally.changes.revised for r in store.reparse(LATER)] == [3]  # the old file is whole, and it is there
    reduce(store, LATER + 1)
    assert [p.name for p in files(store)] == ["toy-1.1.reduced.reduced.warc.gz", "toy-1.1.reduced.warc.gz"]
    assert named(store) == set()
    assert {f.partition(".")[2] for f, _ in places(store)} == {"1.reduced.warc.gz", "1.reduced.reduced.warc.gz"}
    values = store.values()
    monkeypatch.setattr("tests.fakes.toy.parse_count", lambda body: json.loads(body)["count"] + 2.0)
    store.reparse(LATER + 2)
    assert store.values() == {**values, WIDGETS: {TODAY: 14.0}}


def break_record(h: Harness, url: str, at: int) -> tuple[str, int]:
    """Damage the record of a path so many bytes behind its start."""
    record = next(r for path in files(h) for r in records(h.folder / "captures", path) if r.capture.url.endswith(url))
    path = h.folder / "captures" / record.capture.file
    data = bytearray(path.read_bytes())
    start = record.capture.offset + at
    data[start : start + 8] = bytes(8)
    path.write_bytes(bytes(data))
    return record.capture.file, record.capture.offset


@pytest.mark.parametrize("url", ["letters/a", "widgets/a"])
@pytest.mark.parametrize("at", [30, 430])
def test_a_damaged_record_is_left_out_with_a_warning(store: Harness, caplog: pytest.LogCaptureFixture, url: str, at: int) -> None:
    file, offset = break_record(store, url, at)
    before = figures(store)
    reduce(store)
    assert f"{file}@{offset} cannot be read" in caplog.text
    assert named(store) == set()
    assert figures(store) == before
    assert set(responses(store)) == {"robots.txt", "widgets/a", "till/a", "guests/a", "guests/a?page=2", "letters/a"} - {url}
    assert "was damaged when its file was reduced" in traced_text(store, LETTERS if url == "letters/a" else WIDGETS)
    assert "reduced on" in traced_text(store, GUESTS)
    assert reduce(store, LATER + 1) == Reduced()


def test_a_damaged_record_that_names_somebody_goes_even_if_it_is_the_only_one(
    tmp_path: Path, server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CaptureWriter, "append", lambda self, request, *args: _without_people(self, request, *args, but="/letters/a"))
    server.answers["/letters/a"] = [Answer.of({"count": 7, "from": PERSON, "more": os.urandom(1000).hex()})]
    h = harness(tmp_path, server)
    h.collect(NOW)
    break_record(h, "letters/a", 900)
    assert h.reparse(NOW + 1)[0].damage
    reduce(h)
    assert the_file(h).name == "toy-1.1.reduced.warc.gz"
    assert set(responses(h)) == {"robots.txt", "widgets/a", "till/a", "guests/a", "guests/a?page=2"}


def test_a_torn_tail_is_left_out(store: Harness, caplog: pytest.LogCaptureFixture) -> None:
    path = the_file(store)
    path.write_bytes(path.read_bytes()[:-20])
    torn = scan(path).torn_at
    reduce(store)
    assert f"@{torn} cannot be read (it does not end)" in caplog.text
    assert named(store) == set()
    assert scan(the_file(store)).torn_at is None


def test_a_full_disk_leaves_the_file_to_the_next_call(
    store: Harness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = the_file(store).read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(rewriting, "_directory", full)
        assert reduce(store) == Reduced()
    assert "could not be reduced and stays as it is: No space left" in caplog.text
    assert before in [p.read_bytes() for p in files(store)]
    readable(store)
    assert reduce(store, LATER + 1).files == 1
    assert named(store) == set()


def test_a_withdrawn_figure_is_no_obstacle(store: Harness) -> None:
    store.settle(LETTERS, TODAY, State.RETRACTED)
    reduce(store)
    assert responses(store)["letters/a"].text() == '"count": 7,'


# From the command line


@pytest.mark.parametrize(("written", "days"), [("", 30), ("[store]\nkeep_people_days = 7\n", 7)])
def test_the_days_are_the_configs(tmp_path: Path, written: str, days: int) -> None:
    path = tmp_path / "uptake.toml"
    path.write_text(written)
    assert load_config(path, {}).keep_people_days == days


@pytest.mark.parametrize(
    ("value", "said"), [("0", "write at least 1, not 0"), ("true", "write a whole number"), ("7.5", "write a whole number")]
)
def test_days_that_cannot_be_are_refused(tmp_path: Path, value: str, said: str) -> None:
    path = tmp_path / "uptake.toml"
    path.write_text(f"[store]\nkeep_people_days = {value}\n")
    with pytest.raises(UsageError, match=rf"\[store\] keep_people_days: {said}"):
        load_config(path, {})


@pytest.mark.usefixtures("either_database")
def test_collect_reduces_what_is_old(world: World) -> None:
    world.configure(f"[store]\nkeep_people_days = 7\n{CONFIG}")
    captures = world.folder / "data" / "captures"
    assert uptake("collect", "hacker_news").code == 0
    bodies = b"".join(r.body for p in captures.rglob("*.gz") for r in records(captures, p))
    assert b"Acme | Alpha" in bodies
    before = uptake("export").out
    world.clock.now += 7 * DAY
    assert uptake("collect", "stackoverflow").err == ""
    assert [p for p in captures.rglob("*.gz") if "reduced" in p.name] == []
    world.clock.now += 1
    assert uptake("collect", "stackoverflow").err == ""
    kept = b"".join(r.body for p in captures.rglob("hacker_news-*.gz") for r in records(captures, p))
    assert kept
    assert b"Acme" not in kept
    assert uptake("export", "--source", "hacker_news").out == "\n".join(
        [before.splitlines()[0], *(line for line in before.splitlines() if ",hacker_news," in line), ""]
    )
