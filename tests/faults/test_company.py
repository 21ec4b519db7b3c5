"""Others beside the daemon: a second one, commands that measure, commands that read, a reader that never ends."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing

import pytest

from storage.journal import FILE
from storage.periods import DAY
from tests.faults import table
from tests.faults.conftest import Note, Reference
from tests.faults.machine import Machine
from tests.faults.street import GONE, Street

SOURCES = ("shop", "diary")


def test_a_second_daemon_is_refused(either: Machine, street: Street, undisturbed: Reference, note: Note) -> None:
    either.configure({name: {"base_url": street.url} for name in SOURCES})
    street.doors.clear()
    first = either.daemon()
    street.came()
    for command in (["run"], ["run", "--once"]):
        said = either.run(*command, code=1)
        assert f"(process {first.pid} on " in said, said
    street.heal()
    first.visited(*SOURCES)
    first.stop()
    assert not (either.store / "locks" / "daemon.json").exists()
    outcome = "the second refused to start and named the first"
    note("two daemons", outcome, lost=either.finish().same_as(undisturbed(*SOURCES)))


def test_a_command_that_measures_waits_for_its_turn(either: Machine, street: Street, undisturbed: Reference, note: Note) -> None:
    either.configure({name: {"base_url": street.url} for name in SOURCES})
    street.doors.clear()
    daemon = either.daemon()
    street.came()
    beside = either.start("collect")
    beside.says("another process of Uptake is asking")
    street.heal()
    daemon.visited(*SOURCES)
    beside.wait()
    daemon.stop()
    paths = [p for p in street.arrived if p != "/robots.txt" and GONE not in p]
    assert len(paths) == len(set(paths)), "each page that was had was asked for once"
    outcome = "waited for the daemon's requests, and asked nothing twice"
    note("`uptake collect` beside the daemon", outcome, lost=either.finish().same_as(undisturbed(*SOURCES)))


@pytest.mark.parametrize("command", ["status", "export", "trace", "sources"])
def test_commands_that_read_work_beside_it(here: Machine, street: Street, undisturbed: Reference, note: Note, command: str) -> None:
    here.configure({name: {"base_url": street.url} for name in SOURCES})
    here.finish()
    here.jump(DAY)
    street.doors.clear()
    daemon = here.daemon()
    street.came()
    more = {"trace": ['shop.widgets{topic="t1"}']}.get(command, [])
    assert here.run(command, *more)
    street.heal()
    daemon.visited(*SOURCES)
    daemon.stop()
    lost = here.finish().same_as(undisturbed(*SOURCES, later=(DAY,)))
    note("commands that read, beside the daemon at work", "answered at once", lost=lost)


def test_a_reader_that_holds_a_long_transaction(either: Machine, street: Street, undisturbed: Reference, note: Note) -> None:
    days = table.tries(2, 8)
    either.configure({name: {"base_url": street.url} for name in SOURCES})
    either.finish()
    with closing(sqlite3.connect(either.store / FILE, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        before = reader.execute("SELECT count(*) FROM points").fetchone()
        daemon = either.daemon()
        daemon.ready()
        for n in range(1, days + 1):
            either.jump(DAY)
            daemon.visited(*SOURCES, times=n)
        assert reader.execute("SELECT count(*) FROM points").fetchone() == before, "it sees what it saw"
        assert json.loads(daemon.asked()[1])["status"] == "green"
        assert daemon.stop() < 5
    whole = undisturbed(*SOURCES, later=tuple(n * DAY for n in range(1, days + 1)))
    note("a reader that holds a long transaction", "neither waited for the other", lost=either.finish().same_as(whole))


def test_a_writer_that_holds_the_journal(here: Machine, street: Street, undisturbed: Reference, note: Note) -> None:
    """Longer than the daemon waits for it: it says so, and tries again."""
    here.configure({name: {"base_url": street.url} for name in SOURCES})
    with closing(sqlite3.connect(here.store / FILE, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        daemon = here.daemon(busy=0.2)
        daemon.says("WARNING shop: another process has been writing")
        daemon.says("WARNING diary: another process has been writing")
        writer.execute("ROLLBACK")
    here.jump(16 * 60)
    daemon.visited(*SOURCES)
    daemon.stop()
    assert not re.search("Traceback", daemon.log)
    lost = here.finish().same_as(undisturbed(*SOURCES))
    note("another writer that holds the journal for long", "said so; went on at its next try", lost=lost)
