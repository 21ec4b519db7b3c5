"""The same operations give the same journal on both databases, and a journal can be carried from one to the other."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage import feed, ledger, moving, parking, rollup, sendings
from storage.journal import FILE, Journal
from storage.ledger import COLLECT
from storage.model import (
    Bound,
    Cadence,
    Event,
    Kind,
    Metric,
    Observation,
    Outcome,
    Reason,
    Remember,
    Series,
    Slot,
    State,
    UptakeError,
    UsageError,
)
from tests.databases import Databases
from tests.storage.journals import JOBS, SERIES, STARS, capture, make
from tests.storage.test_journal import OBSERVATIONS, SETTLES

ROOT = Path(__file__).parents[2]
TEXTS = st.sampled_from(["", "a", "Ä", "Z", "a b", "%s ? %", "a\0b", "\\N", "\t", "'\"", "💡", "x" * 9_000])
EVENTS = st.builds(Event, st.integers(0, 3), st.sampled_from(["note", "release"]), TEXTS, st.sampled_from(["", "pytorch"]), TEXTS, TEXTS)
VALUES = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([-0.0, 5e-324, 2.0**53 + 1, 1.7976931348623157e308])
MANY = st.tuples(st.sampled_from(SERIES), st.lists(st.tuples(st.integers(-(2**40), 2**40), VALUES), max_size=5))
STATES = st.builds(Remember, st.sampled_from(["etag", "größe"]), st.none() | TEXTS | st.integers(-(2**70), 2**70))
OPERATIONS = st.one_of(
    st.lists(OBSERVATIONS, max_size=6),
    SETTLES,
    EVENTS,
    MANY,
    STATES,
    st.tuples(st.just("citation"), TEXTS),
    st.tuples(st.just("captures"), st.integers(1, 3)),
    st.sampled_from(["run", "rollup", "feed", "rename", "fails", "sending"]),
)


def do(journal: Journal, operation: object, now: int) -> None:
    with journal.write(now=now) as tx:
        match operation:
            case [Series(), int(), State()]:
                tx.settle(*operation)
            case [Series() as series, list(rows)]:
                tx.put_rows(series, [(time, value, 0, 0, None, None) for time, value in rows])
            case ["citation", str(text)]:
                tx.put([Observation(STARS, now, 1.0, citation=text)])
            case ["captures", int(count)]:
                tx.put([Observation(JOBS, now, 1.0, captures=tuple(capture(i) for i in range(count)))])
            case list():
                tx.put(operation)
            case Event():
                tx.note(operation)
            case Remember():
                tx.remember("github", operation)
            case "run":
                slots = [Slot(series, now) for series in SERIES]
                run = ledger.open_run(tx, "github", COLLECT, slots, now=now, parser=1, config=f"{{{now}}}")
                ledger.end_slots(tx, run, [slots[0].missing(Reason.BLOCKED, "a wall\0")])
                ledger.finish_run(tx, run, "done", 3)
            case "rollup":
                rollup.refresh(tx)
            case "feed":
                standing = feed.begin(tx, "here")
                found = feed.changes(tx.connection, standing.place, 2)
                if found:
                    last = found[-1]
                    parked = [parking.Parked(last[0], last[1], "a line\0", "refused")]
                    feed.acknowledge(tx, standing, feed.Place(last[5], last[0], last[1]), now=now, event_id=2, parked=parked)
                else:
                    feed.set_back(tx, "here")
            case "rename":
                tx.rename_topic("pytorch", "torch")
            case "sending":
                sendings.plan(tx, "digest", str(now), "mail", {"reader@example.org": ((1, 2), "id")}, now=now)
            case "fails":
                tx.put([Observation(Series("github.forks", "lost"), 0, 1.0, citation="nowhere")])
                tx.define([Metric("github.forks", Kind.LEVEL, "", Cadence.DAY, "Forks", "Counted.")])
                raise ZeroDivisionError


def told(journal: Journal, operation: object, now: int) -> bool:
    try:
        do(journal, operation, now)
    except ZeroDivisionError:
        return False
    return True


@settings(max_examples=25)
@given(st.lists(OPERATIONS, max_size=8))
def test_the_same_operations_give_the_same_journal_on_both(postgres_databases: Databases, operations: list[object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = make(Path(folder))
        with Journal(place, writable=True) as one, Journal(place, postgres_databases.url(place), writable=True) as other:
            for now, operation in enumerate(operations):
                assert told(one, operation, now) == told(other, operation, now)
            assert [each for each in moving.compare(one, other) if not each.equal] == []
        postgres_databases.release(place)


@given(st.lists(VALUES, min_size=1, max_size=20, unique=True))
@settings(max_examples=20)
def test_values_come_back_bit_for_bit_from_both(postgres_databases: Databases, values: list[float]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = make(Path(folder))
        for url in (None, postgres_databases.url(place)):
            with Journal(place, url, writable=True) as journal:
                with journal.write() as tx:
                    tx.put_rows(STARS, [(at, value, 0, 0, None, None) for at, value in enumerate(values)])
                with journal.read() as connection:
                    found = connection.exec_driver_sql("SELECT value FROM points ORDER BY time").scalars().all()
            assert [v.hex() for v in found] == [(v + 0.0).hex() for v in values]  # minus nought is nought, on both
            assert not any(math.copysign(1, v) < 0 for v in found if v == 0)
        postgres_databases.release(place)


def filled(folder: Path, url: str | None = None) -> Path:
    with Journal(make(folder), url, writable=True) as journal:
        operations: list[object] = [
            [Observation(STARS, day * 86_400, float(day), citation="a book") for day in range(50)],
            (STARS, 0, State.RETRACTED),
            Event(1, "note", "a\0b", "pytorch"),
            Remember("n", {"a": [1, None, "x"]}),
            *("run", "rollup", "feed", "sending"),
            ("captures", 3),
            [Observation(STARS, 86_400, 7.0, Bound.AT_LEAST)],
        ]
        for now, operation in enumerate(operations):
            do(journal, operation, now)
        with journal.write() as tx:
            tx.define([Metric("github.stars", Kind.LEVEL, "", Cadence.DAY, "Stars", "Counted.", compared=False)])
            run = ledger.open_run(tx, "github", COLLECT, [Slot(STARS, 0)], now=99, parser=1)
            ledger.hold(tx, run, Slot(STARS, 0), f"doubtful {Outcome.SUSPECT}")
    return folder


def test_a_journal_goes_to_the_server_and_back_and_is_the_same(tmp_path: Path, postgres_databases: Databases) -> None:
    url = postgres_databases.url(tmp_path)
    (tmp_path / "back").mkdir()
    said: list[tuple[str, int, int]] = []
    with Journal(filled(tmp_path)) as first, Journal.open(tmp_path, url, writable=True) as second:
        found = moving.move(first, second, lambda *step: said.append(step))
        assert {each.here.table for each in found if each.here.rows} > {
            "points",
            "revisions",
            "runs",
            "weekly",
            "parked",
            "sendings",
            "meta",
        }
        assert all(each.equal for each in found)
        assert ("copying points", 51, 51) in said
        with Journal.open(tmp_path / "back", writable=True) as third:
            moving.move(second, third)
            assert all(each.equal for each in moving.compare(first, third))
        for journal in (first, second):
            with Journal(journal.folder, journal.url, writable=True) as again:
                told(again, Event(5, "note", "later"), 500)  # ids go on where they were
        different = [each.here.table for each in moving.compare(first, second) if not each.equal]
        assert different == []
        with second.read() as connection:
            assert feed.find(connection, "here") is not None
    postgres_databases.release(tmp_path)


def test_a_place_that_holds_something_is_refused_and_left_alone(tmp_path: Path, postgres_databases: Databases) -> None:
    url = postgres_databases.url(tmp_path)
    with Journal(filled(tmp_path)) as first, Journal(tmp_path, url, writable=True) as second:
        told(second, Event(1, "note", "mine"), 1)
        with pytest.raises(UsageError, match=r"holds figures already \(commits, events\); a journal is moved into an empty place only"):
            moving.move(first, second)
        assert second.head() == 1
    postgres_databases.release(tmp_path)


def test_what_is_written_to_the_source_meanwhile_makes_the_move_fail_and_leaves_nothing(
    tmp_path: Path, postgres_databases: Databases
) -> None:
    url = postgres_databases.url(tmp_path)
    with Journal(filled(tmp_path), writable=True) as first, Journal(tmp_path, url, writable=True) as second:

        def meddle(what: str, _done: int, _of: int) -> None:
            if what == "comparing points":
                told(first, Event(1, "note", "meanwhile"), 1)

        with pytest.raises(UptakeError, match=r"was written to meanwhile; nothing was kept in uptake@127\.0\.0\.1"):
            moving.move(first, second, meddle)
        assert second.head() == 0
        assert all(each.equal for each in moving.move(first, second))
    postgres_databases.release(tmp_path)


def test_what_comes_back_different_is_not_kept(tmp_path: Path, postgres_databases: Databases) -> None:
    url = postgres_databases.url(tmp_path)
    spoil = "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.text = 'other'; RETURN NEW; END $$"
    name = url.rpartition("/")[2]
    postgres_databases.server.execute(
        spoil, "CREATE TRIGGER spoil BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION spoil()", database=name
    )
    try:
        with Journal(filled(tmp_path)) as first, Journal(tmp_path, url, writable=True) as second:
            with pytest.raises(UptakeError, match="gave back of events is not what was written; nothing was kept there"):
                moving.move(first, second)
            assert second.head() == 0
    finally:
        postgres_databases.server.execute("DROP FUNCTION spoil CASCADE", database=name)
        postgres_databases.release(tmp_path)


MOVES = """
import os, signal, sys
from pathlib import Path
from storage import moving
from storage.journal import Journal

def progress(what, done, of):
    if what == sys.argv[4]:
        os.kill(os.getpid(), signal.SIGKILL)

here, there = sys.argv[2] or None, sys.argv[5] or None
with Journal.open(Path(sys.argv[1]), here) as source, Journal.open(Path(sys.argv[3]), there, writable=True) as target:
    moving.move(source, target, progress)
"""


@pytest.mark.parametrize("way", ["there", "back"])
@pytest.mark.parametrize("moment", ["copying points", "comparing sendings"])
def test_a_move_that_is_killed_leaves_nothing_and_can_begin_anew(
    tmp_path: Path, postgres_databases: Databases, way: str, moment: str
) -> None:
    url, target = postgres_databases.url(tmp_path), tmp_path / "target"
    target.mkdir()
    filled(tmp_path, None if way == "there" else url)
    ends = (None, url) if way == "there" else (url, None)
    command = [sys.executable, "-c", textwrap.dedent(MOVES), str(tmp_path), ends[0] or "", str(target), moment, ends[1] or ""]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    with Journal.open(tmp_path, ends[0]) as source, Journal.open(target, ends[1], writable=True) as there:
        assert there.head() == 0
        assert all(each.equal for each in moving.move(source, there))
    postgres_databases.release(tmp_path)


def test_a_copy_on_the_side_is_one_file_and_may_be_made_while_others_write(tmp_path: Path, postgres_databases: Databases) -> None:
    url, copy = postgres_databases.url(tmp_path), tmp_path / "copy"
    copy.mkdir()
    filled(tmp_path, url)
    with Journal(tmp_path, url, writable=True) as journal:
        head = journal.head()

        def meddle(what: str, _done: int, _of: int) -> None:
            if what == "copying points":
                told(journal, Event(1, "note", f"meanwhile {journal.head()}"), 1)

        moving.save(journal, copy, meddle)
        assert journal.head() > head
    assert os.listdir(copy) == [FILE]  # noqa: PTH208  # names are what is asked
    with Journal.open(copy) as saved:
        assert saved.head() == head
        saved.verify()
    postgres_databases.release(tmp_path)
