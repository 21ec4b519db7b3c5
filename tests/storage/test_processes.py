"""Several real processes on one journal, and processes that are killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from storage import database
from storage.journal import FILE, Journal
from tests.databases import url_of
from tests.storage.journals import known, make, star

pytestmark = pytest.mark.usefixtures("either_database")

ROOT = Path(__file__).parents[2]
HEAD = """
import sys, time
from pathlib import Path
from storage.journal import Journal
from storage.model import Event, Observation, Remember, Series
folder, url = Path(sys.argv[1]), sys.argv[2] or None

def say(word):
    print(word, flush=True)
"""
HOLDS_THE_LOCK = """
with Journal.open(folder, url, writable=True) as journal, journal.write() as tx:
    tx.put([Observation(Series("github.stars", "other"), 0, 1.0)])
    say("holding")
    sys.stdin.readline()
say("done")
"""
WRITES_FOR_EVER = """
with Journal.open(folder, url, writable=True) as journal:
    while True:
        with journal.write(run="r") as tx:
            n = tx.seq
            tx.put([Observation(Series("github.stars", f"t{i}"), n * 86400, float(n)) for i in range(50)])
            tx.put([Observation(Series("github.forks", "t"), 0, float(n))])
            tx.remember("github", Remember("n", n))
            tx.note(Event(n, "note", str(n)))
        say(n)
"""
OPENS = """
sys.stdin.readline()
with Journal.open(folder, url, writable=True) as journal, journal.write() as tx:
    tx.put([Observation(Series("github.stars", sys.argv[3]), 0, 1.0)])
"""


@contextmanager
def process(program: str, folder: Path, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HEAD + textwrap.dedent(program), str(folder), url_of(folder) or "", *map(str, arguments)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as started:
        try:
            yield started
        finally:
            if started.poll() is None:
                started.kill()


def line(started: subprocess.Popen[str]) -> str:
    assert started.stdout is not None
    return started.stdout.readline().strip()


def tell(started: subprocess.Popen[str]) -> None:
    assert started.stdin is not None
    started.stdin.write("\n")
    started.stdin.flush()


def test_a_second_writer_is_refused_with_a_sentence_when_the_first_takes_too_long(tmp_path: Path) -> None:
    with process(HOLDS_THE_LOCK, make(tmp_path)) as first, Journal.open(tmp_path, writable=True, busy=0.1) as journal:
        assert line(first) == "holding"
        with (
            pytest.raises(database.JournalBusy, match=r"another process has been writing to .* for over 0\.1 s; try again"),
            journal.write() as tx,
        ):
            tx.put([star(0, 1.0)])
        tell(first)
        assert line(first) == "done"
        with journal.write() as tx:
            tx.put([star(0, 1.0)])
        assert len(known(journal)) == 2


def test_a_second_writer_waits_its_turn(tmp_path: Path) -> None:
    with process(HOLDS_THE_LOCK, make(tmp_path)) as first, process(OPENS, tmp_path, "second") as second:
        assert line(first) == "holding"
        tell(second)
        time.sleep(0.2)
        assert second.poll() is None
        tell(first)
        assert second.wait(20) == 0
    with Journal.open(tmp_path) as journal:
        assert set(known(journal)) == {('github.stars{topic="other"}', 0), ('github.stars{topic="second"}', 0)}
        assert journal.head() == 2


def test_readers_are_not_blocked_by_a_writer_and_see_one_moment(tmp_path: Path) -> None:
    with Journal.open(make(tmp_path), writable=True) as journal, journal.write() as tx:
        tx.put([star(0, 1.0)])
    with process(HOLDS_THE_LOCK, tmp_path) as first, Journal.open(tmp_path, busy=0.0) as reader:
        assert line(first) == "holding"
        with reader.read() as connection:
            tell(first)
            assert line(first) == "done"  # the writer is not blocked by the reader either
            count = "SELECT (SELECT count(*) FROM points) + (SELECT max(seq) FROM commits)"
            assert connection.exec_driver_sql(count).scalar() == 2
        with reader.read() as connection:
            assert connection.exec_driver_sql(count).scalar() == 4


def test_processes_that_begin_at_once_make_one_journal(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    with process(OPENS, folder, 1) as a, process(OPENS, folder, 2) as b, process(OPENS, folder, 3) as c:
        for each in (a, b, c):
            tell(each)
        assert [each.wait(60) for each in (a, b, c)] == [0, 0, 0]
    with Journal.open(folder) as journal:
        assert len(known(journal)) == 3
        assert journal.head() == 3
    assert url_of(folder) or [p.name for p in folder.iterdir()] == [FILE]


def test_kill_9_loses_nothing_that_was_committed_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    make(tmp_path)
    dice = random.Random(9)
    for _ in range(10):
        with process(WRITES_FOR_EVER, tmp_path) as writer:
            said = line(writer)
            time.sleep(dice.uniform(0, 0.08))
            os.kill(writer.pid, signal.SIGKILL)
            writer.wait()
            assert writer.stdout is not None
            said = (writer.stdout.read().split() or [said])[-1]
        with Journal.open(tmp_path) as journal, journal.read() as connection:
            journal.verify()
            head = connection.exec_driver_sql("SELECT max(seq) FROM commits").scalar_one()
            assert head >= int(said)
            counts = {
                "commits": head,
                "events": head,
                "state": head,
                "points": head * 50 + 1,
                "revisions": head - 1,
            }
            for table, count in counts.items():
                assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() == count, table
