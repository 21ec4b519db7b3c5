"""Backups: whole at any moment, whoever writes, dies or fills the disk meanwhile; and they are stores that one can go on with."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from crawlers.warc import records
from scheduler import backup as backing
from scheduler import backup_files
from scheduler.backup_check import check
from storage import database
from storage.journal import FILE, Journal
from storage.model import UptakeError, UsageError
from tests.fakes.keeper import make_backup, measure, tidy
from tests.scheduler.conftest import World, uptake
from tests.scheduler.keeping import Keeper, day, figures, keeper_process, leftovers, small_disk, store_of, whole

QUIET = lambda *_: None  # noqa: E731


@pytest.fixture(scope="module")
def keeper() -> Iterator[Keeper]:
    with keeper_process() as started:
        yield started


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return store_of(tmp_path / "data", 5)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "backup"


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


# What is in it


def test_a_backup_holds_every_figure_with_its_response_and_is_a_store_itself(store: Path, target: Path) -> None:
    made = make_backup(store, target, day(9))
    assert (made.figures, made.carried.new, made.removed, made.lost) == (5, 5, 0, ())
    assert figures(target) == figures(store)
    assert whole(target) == 5
    assert check(target, QUIET).problems == []
    measure(target, 5, 2)  # to go on there is what restoring means
    assert whole(target) == 7


def test_a_second_backup_brings_only_what_is_new(store: Path, target: Path) -> None:
    make_backup(store, target, day(9), link=False)
    before = {p: p.stat().st_ino for p in (target / "captures").rglob("*.gz")}
    measure(store, 5, 2)
    made = make_backup(store, target, day(10), link=False)
    assert (made.carried.copied, made.carried.linked, made.carried.same) == (2, 0, 5)
    assert {p: p.stat().st_ino for p in before} == before
    assert figures(target) == figures(store)


def test_on_the_same_disk_files_are_shared_but_not_those_of_an_unfinished_run(store: Path, target: Path) -> None:
    with Journal.open(store, writable=True) as journal, journal.write() as tx:
        tx.connection.exec_driver_sql("UPDATE runs SET finished_seq = NULL WHERE id = (SELECT id FROM runs ORDER BY seq DESC LIMIT 1)")
    made = make_backup(store, target, day(9))
    assert (made.carried.linked, made.carried.copied) == (4, 1)
    linked = {
        name: (store / "captures" / name).samefile(target / "captures" / name) for name in backup_files.captures_in(store / "captures")
    }
    assert sorted(linked.values()) == [False, True, True, True, True]
    with max((store / "captures").rglob("*.gz"), key=lambda p: p.stat().st_mtime_ns).open("ab") as live:
        live.write(b"half a record")
    assert check(target, QUIET).problems == []
    assert make_backup(store, target, day(10)).carried.new == 1  # what grew is brought again


def test_what_was_reduced_since_does_not_stay_behind(store: Path, target: Path) -> None:
    make_backup(store, target, day(9), link=False)
    bodies = {r.body for p in (target / "captures").rglob("*.gz") for r in records(target / "captures", p)}
    assert tidy(store, day(9), keep_days=5).aged.files == 4
    made = make_backup(store, target, day(10), link=False)
    assert (made.carried.new, made.carried.same, made.removed) == (4, 1, 4)
    left = {r.body for p in (target / "captures").rglob("*.gz") for r in records(target / "captures", p)}
    assert len(bodies & left) == 1
    assert whole(target) == 5


def test_papers_texts_come_along_also_while_they_are_being_written(store: Path, target: Path) -> None:
    (store / "library").mkdir()
    with closing(sqlite3.connect(store / "library" / "cvpr-2025.sqlite3", isolation_level=None)) as edition:
        edition.execute("PRAGMA journal_mode=WAL")
        edition.execute("CREATE TABLE papers (id TEXT)")
        edition.execute("INSERT INTO papers VALUES ('one')")
        assert make_backup(store, target, day(9)).editions == 1
        inode = (target / "library" / "cvpr-2025.sqlite3").stat().st_ino
        make_backup(store, target, day(10))
        assert (target / "library" / "cvpr-2025.sqlite3").stat().st_ino == inode
        edition.execute("INSERT INTO papers VALUES ('two')")
        make_backup(store, target, day(11))
    with closing(sqlite3.connect(target / "library" / "cvpr-2025.sqlite3")) as copied:
        assert copied.execute("SELECT count(*) FROM papers").fetchone() == (2,)
    assert check(target, QUIET).editions == 1


def test_the_configuration_comes_along_without_a_login(store: Path, target: Path) -> None:
    text = '# ours\n[influxdb]\nurl = "http://me:hunter2@db.example.org:8086" # there\n'
    assert backing.without_passwords(text) == '# ours\n[influxdb]\nurl = "http://db.example.org:8086" # there\n'
    make_backup(store, target, day(9))
    assert (target / "uptake.toml").read_text() == '[crawl]\ncontact = "mailto:me@example.org"\n'


def test_a_copy_needs_nothing_beside_it(store: Path, target: Path) -> None:
    make_backup(store, target, day(9))
    assert {p.name for p in target.iterdir()} == {FILE, "captures", "uptake.toml", "uptake-backup.json", "uptake-backup.lock"}
    with closing(sqlite3.connect(f"{(target / FILE).as_uri()}?immutable=1", uri=True)) as copied:
        assert copied.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert json.loads((target / "uptake-backup.json").read_text())["restore"].startswith("Stop the daemon.")


# Who else is there


def test_a_backup_beside_a_process_that_writes_is_of_one_moment(keeper: Keeper, store: Path, target: Path) -> None:
    with keeper_process() as writer:
        writer.start("measure", store, now=5)
        for n in range(4):
            at = int(writer.line())
            made = make_backup(store, target, day(9 + n), link=bool(n % 2))
            assert made.figures >= at
            assert whole(target) >= made.figures
            assert check(target, QUIET).problems == []
            with Journal(target, writable=False) as journal, journal.read() as connection:
                rows = connection.exec_driver_sql("SELECT time, value FROM points ORDER BY time").all()
            assert rows == [(day(i), i + 100.0) for i in range(made.figures)]
        while int(writer.line()) <= made.figures:  # it goes on
            pass


def test_what_is_reduced_while_it_is_copied_comes_in_its_new_form(store: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner, first = backup_files.carry, itertools.count()

    def carry(source: Path, there: Path, *, link: bool) -> tuple[str, int]:
        if not next(first):
            assert tidy(store, day(9), keep_days=1).aged.files == 5
        return inner(source, there, link=link)

    monkeypatch.setattr(backup_files, "carry", carry)
    make_backup(store, target, day(9))
    assert whole(target) == 5
    assert check(target, QUIET).problems == []


def test_two_backups_into_one_folder_do_not_meet(store: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    inner = database.copy

    def copy(*arguments: object) -> Path:
        if not told:
            with pytest.raises(UptakeError, match="another process is making a backup") as error:
                make_backup(store, target, day(9))
            told.append(str(error.value))
        return inner(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(database, "copy", copy)
    make_backup(store, target, day(9))
    assert told
    assert whole(target) == 5


# Where it must not be made


def test_a_folder_with_something_else_in_it_is_refused_and_left_as_it_is(store: Path, target: Path) -> None:
    target.mkdir()
    (target / "letters.txt").write_text("to keep")
    with pytest.raises(UsageError, match="is not empty and holds no backup of Uptake; choose a new or an empty folder"):
        make_backup(store, target, day(9))
    assert files(target) == {"letters.txt": b"to keep"}


@pytest.mark.parametrize("place", [".", "captures/backup", "..", "../data"])
def test_a_backup_inside_or_around_its_store_is_refused(store: Path, place: str) -> None:
    with pytest.raises(UsageError, match="lie within one another; choose another folder"):
        make_backup(store, store / place, day(9))


def test_the_backup_of_another_store_and_one_that_was_gone_on_with_are_refused(store: Path, target: Path, tmp_path: Path) -> None:
    make_backup(store, target, day(9))
    before = files(target)
    with pytest.raises(UsageError, match="holds the backup of another store, or figures that this store does not have"):
        make_backup(store_of(tmp_path / "other", 3), target, day(9))
    assert files(target) == before
    measure(target, 5, 1)
    with pytest.raises(UsageError, match="figures that this store does not have"):
        make_backup(store, target, day(9))
    assert whole(target) == 6


def test_a_log_that_somebody_left_in_a_backup_is_not_taken_for_the_new_journals(keeper: Keeper, store: Path, target: Path) -> None:
    make_backup(store, target, day(9))
    writer = database.engine_for(target / FILE, writable=True)
    with writer.begin() as connection:
        connection.exec_driver_sql("INSERT INTO meta (key, value) VALUES ('a', 'b')")
    log = (target / f"{FILE}-wal").read_bytes()
    writer.dispose()
    (target / f"{FILE}-wal").write_bytes(log)  # as if it had been killed
    measure(store, 5, 1)
    make_backup(store, target, day(9))
    assert not (target / f"{FILE}-wal").exists()
    assert figures(target) == figures(store)


# Trouble


RENAMES = 8  # the journal's copy, three files, the configuration, the new journal, the new configuration, the note of it all
STEPS = [
    *(("copy the journal", 1, when) for when in ("before", "after")),
    ("verify", 1, "after"),
    *(("carry", n, "after") for n in (1, 4)),
    *(("copy a file", n, when) for n in (1, 2) for when in ("before", "midway", "after")),
    ("look through", 1, "after"),
    *(("rename", n, "after") for n in range(1, RENAMES + 1)),
    ("remove", 1, "after"),
]


@pytest.mark.parametrize("step", STEPS, ids=lambda s: "-".join(map(str, s)))
def test_killed_at_any_step_the_last_good_backup_is_there_or_the_new_one(
    keeper: Keeper, store: Path, target: Path, step: tuple[str, int, str]
) -> None:
    make_backup(store, target, day(9), link=False)
    old = figures(target)
    measure(store, 5, 2)
    tidy(store, day(9), keep_days=8)
    new = figures(store)
    assert keeper("backup", store, target=target, now=day(10), kill=step) == signal.SIGKILL, "the step was never taken"
    assert check(target, QUIET).problems == []
    assert whole(target) in {5, 7}
    assert _values(figures(target)) in {_values(old), _values(new)}
    assert keeper("backup", store, target=target, now=day(11)) == 0
    assert figures(target) == new
    assert check(target, QUIET).problems == []
    assert leftovers(target) == []
    assert set(backup_files.captures_in(target / "captures")) == set(backup_files.captures_in(store / "captures"))


def _values(text: str) -> str:
    """Series, times and values; where the responses lie may differ."""
    return "\n".join(",".join(line.split(",")[:6]) for line in text.splitlines())


@pytest.mark.parametrize(
    "step", [("copy the journal", 1, "before"), ("rename", 1, "before"), ("carry", 3, "after"), ("rename", 7, "after")]
)
def test_a_first_backup_that_was_killed_is_none_and_the_next_call_makes_it(
    keeper: Keeper, store: Path, target: Path, step: tuple[str, int, str]
) -> None:
    assert keeper("backup", store, target=target, now=day(9), kill=step) == signal.SIGKILL
    with pytest.raises((UptakeError, UsageError), match="no backup"):
        check(target, QUIET)
    assert keeper("backup", store, target=target, now=day(10)) == 0
    assert check(target, QUIET).problems == []
    assert leftovers(target) == []


def test_a_full_disk_leaves_the_last_good_backup(store: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with small_disk(target, 1_500_000) as disk:
        make_backup(store, disk / "b", day(9))
        before = files(disk / "b")
        measure(store, 5, 10, size=200_000)
        with pytest.raises(UptakeError, match=r"needs [\d,]+ bytes more in .*, and [\d,]+ are free there"):
            make_backup(store, disk / "b", day(20))
        monkeypatch.setattr(backing, "_refuse_small", lambda *_: None)
        with pytest.raises(UptakeError, match=r"was not finished: .*No space left on device; the last good backup there"):
            make_backup(store, disk / "b", day(20))
        assert leftovers(disk / "b") == []
        assert before.items() <= files(disk / "b").items()
        assert check(disk / "b", QUIET).problems == []
        with contextlib.suppress(OSError):
            (disk / "ballast").write_bytes(bytes(1_500_000))
        with pytest.raises(UptakeError, match=r"the disk that holds .*backup.* is full|No space left"):
            make_backup(store, disk / "b", day(20))
        assert check(disk / "b", QUIET).problems == []


@pytest.mark.parametrize("largest", [100_000, 350_000])
def test_a_journal_that_may_not_be_written_whole_leaves_the_last_good_backup(
    keeper: Keeper, store: Path, target: Path, largest: int
) -> None:
    make_backup(store, target, day(9), link=False)
    before = files(target)
    measure(store, 5, 2, size=500_000)
    assert keeper("backup", store, target=target, now=day(10), largest=largest) == 1 << 8
    assert leftovers(target) == []
    assert before.items() <= files(target).items()
    assert check(target, QUIET).problems == []
    assert keeper("backup", store, target=target, now=day(10)) == 0
    assert figures(target) == figures(store)


def test_a_target_that_cannot_be_written_is_told_and_one_that_is_there_can_be_checked(store: Path, target: Path) -> None:
    with small_disk(target, 5_000_000) as disk:
        make_backup(store, disk / "b", day(9))
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(UptakeError, match=r"was not finished: .*Read-only file system"):
            make_backup(store, disk / "b", day(9))
        with pytest.raises(UptakeError, match=r"Read-only file system"):
            make_backup(store, disk / "new", day(9))
        assert check(disk / "b", QUIET).problems == []


def test_responses_that_the_store_itself_has_lost_are_told_and_do_not_hinder(store: Path, target: Path) -> None:
    gone = min((store / "captures").rglob("*.gz"))
    gone.unlink()
    made = make_backup(store, target, day(9))
    assert [name.rpartition("/")[2] for name in made.lost] == [gone.name]
    assert (target / FILE).exists()
    (problem,) = check(target, QUIET).problems
    assert f"{gone.name} are not there" in problem


def test_a_damaged_journal_does_not_replace_a_good_backup(store: Path, target: Path) -> None:
    make_backup(store, target, day(9))
    before = files(target)
    data = bytearray((store / FILE).read_bytes())
    data[20_000:60_000] = os.urandom(40_000)
    (store / FILE).write_bytes(bytes(data))
    with pytest.raises(UptakeError, match="is damaged"):
        make_backup(store, target, day(10))
    assert files(target) == before


def test_a_check_finds_what_is_damaged_and_what_is_missing(store: Path, target: Path) -> None:
    make_backup(store, target, day(9), link=False)
    one, two, *_ = sorted((target / "captures").rglob("*.gz"))
    data = bytearray(one.read_bytes())
    data[-200:-100] = bytes(100)
    one.write_bytes(bytes(data))
    two.unlink()
    problems = check(target, QUIET).problems
    assert [p for p in problems if f"1 of 1 raw responses in toy/2023-11/{one.name} are damaged" in p]
    assert [p for p in problems if f"{two.name} are not there" in p]
    assert len(problems) == 2
    make_backup(store, target, day(9), link=False)  # and what is missing comes again
    assert two.exists()


# From the command line


def test_a_store_is_restored_by_pointing_to_its_backup_or_by_copying_it_back(world: World, tmp_path: Path) -> None:
    assert uptake("collect").code == 0
    exported = uptake("export").out
    ran = uptake("backup", tmp_path / "b")
    assert (ran.code, ran.err) == (0, "")
    assert "looked through: the journal is whole, and every response that a figure rests on is there" in ran.out
    assert "of them shared" in ran.out
    document = uptake("backup", tmp_path / "b", "--copy", "--json").json
    assert (document["figures"], document["carried"]["same"] > 0, document["lost"]) == (len(exported.splitlines()) - 1, True, [])
    assert "is whole: the journal, " in uptake("backup", tmp_path / "b", "--check").out
    config = world.folder / "uptake.toml"
    text = config.read_text()
    assert (tmp_path / "b" / "uptake.toml").read_text() == text
    config.write_text(f'[store]\npath = "{tmp_path / "b"}"\n{text}')
    assert uptake("export").out == exported
    assert "GET" in uptake("trace", 'github.stars{topic="alpha"}').out
    asked = world.asked()
    assert uptake("collect").code == 0
    assert world.asked() == asked  # everything is there already
    shutil.rmtree(world.folder / "data")
    shutil.copytree(tmp_path / "b", world.folder / "data")
    config.write_text(text)
    assert uptake("export").out == exported
    assert uptake("reparse").code == 0
    assert uptake("export").out == exported


def test_the_command_says_what_is_wrong(world: World, tmp_path: Path) -> None:
    assert uptake("backup", tmp_path / "b", "--check").err == f"uptake: {tmp_path / 'b'} holds no backup of Uptake\n"
    assert uptake("collect").code == 0
    lost = min((world.folder / "data" / "captures").rglob("*.gz"))
    lost.unlink()
    ran = uptake("backup", tmp_path / "b")
    assert ran.code == 1
    assert "missing in the store itself, so also here: " in ran.err
    ran = uptake("backup", tmp_path / "b", "--check", "--json")
    assert (ran.code, len(ran.json["problems"])) == (1, 1)
    assert uptake("backup", world.folder).code == 2
