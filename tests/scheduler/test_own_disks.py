"""One journal on PostgreSQL, and raw responses on each machine's own disk: what one has not seen it does not call reduced."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path

import pytest

from scheduler import folder_marks
from scheduler.aging import reduced_runs
from scheduler.demo.servers.github import FakeGitHub
from scheduler.folder_marks import GONE
from scheduler.retention import reduce_old
from storage.journal import Journal
from tests.databases import Databases
from tests.fakes.keeper import DAY, measure, tidy
from tests.scheduler.conftest import uptake
from tests.scheduler.keeping import day
from tests.scheduler.test_daemon import configure, daemon

Machines = tuple[Path, Path]


@pytest.fixture
def machines(tmp_path: Path, postgres_databases: Databases, on_postgres: None) -> Machines:
    """Two, of which the first measured five days, then the second five."""
    found = tmp_path / "first", tmp_path / "second"
    postgres_databases.share(*found)
    for n, folder in enumerate(found):
        folder.mkdir()
        with Journal.open(folder, writable=True) as journal:
            folder_marks.register(journal, None, day(0))
        measure(folder, 5 * n, 5)
    return found


def files(folder: Path) -> dict[str, int]:
    """How many files of responses are whole, and how many are reduced."""
    names = [p.name for p in (folder / "captures").rglob("*.gz")]
    return {"whole": sum("reduced" not in n for n in names), "reduced": sum("reduced" in n for n in names)}


def reduced(folder: Path) -> int:
    """How many collections are called reduced."""
    with Journal.open(folder) as journal, journal.read() as connection:
        return len(reduced_runs(connection, "toy"))


def states(folder: Path) -> list[int]:
    """The days of which it is known what the source remembered then."""
    with Journal.open(folder) as journal, journal.read() as connection:
        return [json.loads(text)["day"] for text in connection.exec_driver_sql("SELECT value FROM state ORDER BY seq").scalars()]


def marks(folder: Path) -> set[str]:
    with Journal.open(folder) as journal, journal.read() as connection:
        return set(connection.exec_driver_sql("SELECT key FROM meta").scalars())


def test_each_machine_reduces_its_own_and_says_how_many_lie_elsewhere(machines: Machines) -> None:
    first, second = machines
    done = tidy(first, day(12), keep_days=5)
    assert (done.aged.files, done.elsewhere, done.troubles) == (5, 5, [])
    assert (files(first), files(second)) == ({"whole": 0, "reduced": 5}, {"whole": 5, "reduced": 0})
    assert reduced(second) == 0, "the second has not looked at its own"
    assert len(states(first)) == 10, "what the second may read again is remembered"
    done = tidy(second, day(12), keep_days=5)
    assert (done.aged.files, done.elsewhere, done.troubles) == (2, 5, [])
    assert files(second) == {"whole": 3, "reduced": 2}
    assert reduced(first) == 7
    assert states(second) == [6, 7, 8, 9]
    assert [tidy(folder, day(12), keep_days=5).aged.files for folder in machines] == [0, 0]


@pytest.mark.parametrize("here", [True, False])
def test_a_planner_without_files_leaves_all_to_those_who_have_them(
    machines: Machines, tmp_path: Path, here: bool, postgres_databases: Databases
) -> None:
    planner = tmp_path / "planner"
    postgres_databases.share(machines[0], planner)
    done = tidy(planner, day(30), keep_days=5, here=here)
    assert (done.aged.files, done.people.files, done.elsewhere, done.troubles) == (0, 0, 10, [])
    assert reduced(planner) == 0
    assert [tidy(folder, day(30), keep_days=5, here=True).aged.files for folder in machines] == [5, 5]
    assert reduced(planner) == 10
    assert [files(folder) for folder in machines] == [{"whole": 0, "reduced": 5}] * 2


def test_only_what_is_on_this_disk_is_done_here_and_the_rest_once_for_all(machines: Machines) -> None:
    first, second = machines
    (first / "captures" / "lost.part").write_bytes(b"half")
    os.utime(first / "captures" / "lost.part", (0, 0))
    done = tidy(first, day(30), keep_days=5, here=True)
    assert (done.swept.files, done.notes, done.journal.before) == (1, 0, 0)
    assert len(states(first)) == 10, "what sources remembered is everybody's"
    assert tidy(second, day(30), keep_days=5).notes == 9
    assert states(first) == [9]


def test_a_machine_that_is_gone_is_not_waited_for_and_begins_anew_when_it_comes_back(machines: Machines) -> None:
    first, second = machines
    later = day(12) + GONE
    tidy(first, later, keep_days=5)
    assert reduced(first) == 10, "nothing was heard of the second for a month"
    assert len([key for key in marks(first) if key.startswith("aged.")]) == 1
    assert tidy(second, later, keep_days=5).aged.files == 5


def test_marks_of_a_single_machine_are_not_taken_for_those_of_several(machines: Machines) -> None:
    first, second = machines
    with Journal.open(first, writable=True) as journal, journal.write() as tx:
        tx.connection.exec_driver_sql("INSERT INTO meta (key, value) VALUES ('aged.toy', '{\"seq\": 1000000, \"left\": []}')")
    assert [tidy(folder, day(30), keep_days=5).aged.files for folder in machines] == [5, 5]
    assert "aged.toy" not in marks(first)
    assert reduced(second) == 10


def test_what_may_name_people_is_looked_for_by_each_machine(machines: Machines) -> None:
    for folder in machines:
        with Journal.open(folder, writable=True) as journal:
            reduce_old(journal, days=3, now=day(30))
    assert len([key for key in marks(machines[0]) if key.startswith("people_looked_for@")]) == 2


def test_a_folder_has_one_name_whoever_asks(machines: Machines) -> None:
    first, second = machines
    with Journal.open(first) as one, Journal.open(first) as again, Journal.open(second) as other:
        names = [folder_marks.place_of(journal, None) for journal in (one, again, other)]
    assert names[0] == names[1] != names[2]


def test_a_process_of_a_cluster_does_it_by_itself_and_so_does_the_command(
    tmp_path: Path, postgres_databases: Databases, on_postgres: None
) -> None:
    first, second = tmp_path / "first" / "data", tmp_path / "second" / "data"
    postgres_databases.share(first, second)
    for n, folder in enumerate((first, second)):
        folder.mkdir(parents=True)
        measure(folder, 3 * n, 3)
    with FakeGitHub(int(time.time())) as github:
        github.add("made-up/alpha", 300)
        for folder in (first, second):
            configure(folder.parent, github, f'[store]\nurl = "{postgres_databases.url(first)}"\n')
            file = folder.parent / "uptake.toml"
            file.write_text(file.read_text().replace("[daemon]\n", '[daemon]\nengine = "procrastinate"\n'))
        (first / "locks").mkdir(exist_ok=True)
        (first / "locks" / "tidied-up").write_text(str(int(time.time()) - 3 * DAY))
        with daemon(first.parent) as ran:
            ran.said(r"tidying up this machine's disk: .* freed")
            ran.process.send_signal(signal.SIGTERM)
            ran.said(r"Stopped after")
        assert "Traceback" not in "\n".join(ran.lines)
    assert (files(first)["reduced"], files(second)["reduced"]) == (3, 0)
    ran_here = uptake("--config", second.parent / "uptake.toml", "vacuum", "--quick", "--here")
    assert ran_here.code == 0, ran_here.err
    assert "3 old raw responses reduced to the lines with the numbers" in ran_here.out
    assert re.search(r"\d files? of raw responses that figures rest on (is|are) not in this machine's folder", ran_here.out), ran_here.out
    assert files(second)["reduced"] == 3
    postgres_databases.server.execute("DROP SCHEMA uptake_work CASCADE", database=postgres_databases.url(first).rpartition("/")[2])
