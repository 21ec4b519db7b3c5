"""Tidying up: what is old is reduced, what nothing can ask for goes, the disk gets its room back; figures stay, and nobody waits."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.locks import alone
from crawlers.warc import load, records
from scheduler import housekeeping
from scheduler.aging import reduced_runs, superseded
from scheduler.config import load as load_config
from scheduler.reducing import Reduced
from storage import database, ledger, lookups, upkeep
from storage.journal import FILE, Journal
from storage.model import Remember, UsageError
from tests.fakes.keeper import DAY, measure, tidy
from tests.fakes.scripted import Scripted
from tests.harness import Harness
from tests.scheduler.conftest import CONFIG, World, uptake
from tests.scheduler.keeping import Keeper, day, figures, keeper_process, leftovers, store_of, whole
from tests.scheduler.test_retention import GUESTS, LETTERS, NOW, WIDGETS, harness, named, places, script, traced, traced_text

MORE = {GUESTS: 195.0, LETTERS: 7.0, WIDGETS: 12.0}


@pytest.fixture(scope="module")
def keeper() -> Iterator[Keeper]:
    with keeper_process() as started:
        yield started


@pytest.fixture
def server() -> Iterator[Scripted]:
    with Scripted(script()) as running:
        yield running


@pytest.fixture
def guests(tmp_path: Path, server: Scripted) -> Harness:
    """A source that was measured once; some of its pages name people."""
    h = harness(tmp_path, server)
    h.collect(NOW)
    return h


def versions(folder: Path) -> list[int]:
    """The days of which it is known what the source remembered then."""
    with Journal(folder, writable=False) as journal, journal.read() as connection:
        rows = connection.exec_driver_sql("SELECT json_extract(value, '$.day') FROM state ORDER BY seq")
        return [int(d) for d in rows.scalars()]


def remembered(folder: Path, run: int) -> Any:
    with Journal(folder, writable=False) as journal, journal.read() as connection:
        found = ledger.runs(connection)[run]
        return lookups.recall(connection, "toy", found.base_seq).get("pace")


# Raw responses of age


def test_after_their_days_all_responses_are_reduced_and_every_figure_leads_to_what_is_kept(tmp_path: Path) -> None:
    store = store_of(tmp_path, 10)
    before = figures(store)
    done = tidy(store, day(12), keep_days=5)
    assert (done.aged.files, done.aged.responses, done.people) == (7, 7, Reduced())
    assert done.aged.after < done.aged.before
    assert whole(store) == 10
    assert [line.split(",")[:6] for line in figures(store).splitlines()] == [line.split(",")[:6] for line in before.splitlines()]
    texts = {p.name: r.text() for p in (store / "captures").rglob("*.gz") for r in records(store / "captures", p)}
    assert texts["toy-1.1.reduced.warc.gz"] == '"count": 100,'
    assert texts["toy-19.1.warc.gz"].startswith('{"count": 109, "more": "')
    assert tidy(store, day(12), keep_days=5).aged == Reduced()


@pytest.mark.parametrize(("now", "reduced"), [(day(5), 0), (day(5) + 1, 1), (day(6), 1), (day(6) + 1, 2)])
def test_a_run_is_whole_for_its_days_and_not_longer(tmp_path: Path, now: int, reduced: int) -> None:
    assert tidy(store_of(tmp_path, 3), now, keep_days=5).aged.files == reduced


def test_other_days_hold_from_the_next_call_on(tmp_path: Path) -> None:
    store = store_of(tmp_path, 10)
    assert [tidy(store, day(12), keep_days=days).aged.files for days in (30, 10, 30, 4, 4)] == [0, 2, 0, 6, 0]


def test_trace_says_why_a_page_is_not_whole(guests: Harness) -> None:
    tidy(guests.folder, NOW + 31 * DAY)
    tidy(guests.folder, NOW + 800 * DAY, keep_days=700)
    assert "because raw responses are kept whole for a limited time: kept are the checksum of what was read" in traced_text(guests, WIDGETS)
    assert "because the page may name people" in traced_text(guests, LETTERS)
    (page,) = traced(guests, WIDGETS)["pages"]
    assert (page["reduced"]["on"], page["body"]) == ("2029-01-26", '"count": 12,')
    assert traced(guests, LETTERS)["pages"][0]["reduced"]["on"] == "2026-12-19"


@pytest.mark.parametrize("order", ["people first", "age first", "at once"])
def test_whatever_comes_first_nobody_is_named_and_every_page_is_found_by_all_its_places(guests: Harness, order: str) -> None:
    was = places(guests)
    urls = [load(guests.folder / "captures", *place).capture.url for place in was]
    later = NOW + 31 * DAY
    steps = {"people first": [(later, {}), (later + 1, {"keep_days": 2})], "age first": [(later - 5 * DAY, {"keep_days": 2}), (later, {})]}
    seen = [*was]
    for now, options in steps.get(order, [(later, {"keep_days": 2})]):
        tidy(guests.folder, now, **options)
        seen += places(guests)
    assert named(guests) == set()
    assert whole(guests.folder) == 5
    assert {load(guests.folder / "captures", *place).capture.url for place in seen} == set(urls)
    assert [load(guests.folder / "captures", *place).capture.url for place in was] == urls
    assert {name: list(points.values()) for name, points in guests.values().items()} == {k: [v] for k, v in MORE.items()}


def test_reading_again_passes_over_what_is_no_longer_whole_and_says_so(
    guests: Harness, server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    guests.collect(NOW + 3 * DAY)
    with Journal.open(guests.folder, writable=True) as journal, journal.write() as tx:  # as if the clock had shown those days
        of_run = "SELECT max(time) FROM runs WHERE id = commits.run OR seq = commits.seq"
        tx.connection.exec_driver_sql(f"UPDATE commits SET recorded_at = ({of_run})")
    values, asked = guests.values(), len(server.log)
    tidy(guests.folder, NOW + 6 * DAY, keep_days=5)
    monkeypatch.setattr("tests.fakes.toy.parse_count", lambda body: 5000.0)
    reports = guests.reparse(NOW + 6 * DAY)
    assert [r.remark for r in reports] == [
        "1 older collection could not be read again: raw responses are kept whole for keep_days days only"
    ]
    after = guests.values()
    assert len(server.log) == asked
    for name, points in values.items():
        first, last = sorted(points)
        assert after[name][first] == points[first]
        assert after[name][last] == (12.0 if name == WIDGETS else 5000.0)  # the widgets' page had not changed since the older one


def test_a_source_keeps_its_responses_as_long_as_its_section_says(world: World) -> None:
    config = CONFIG.replace("[sources.github]\n", "[sources.github]\nkeep_days = 90\n")
    world.configure(f"[store]\nkeep_days = 10\n{config}")
    settings = load_config(world.folder / "uptake.toml", {})
    assert [settings.keep_days_of(s) for s in ("github", "stackoverflow", "custom.gone")] == [90, 10, 10]
    assert uptake("collect").code == 0
    world.clock.now += 11 * DAY
    document = uptake("vacuum", "--json").json
    assert document["aged"]["files"] == 2
    left = {p.name.split("-")[0] for p in (world.folder / "data" / "captures").rglob("*.gz") if "reduced" not in p.name}
    assert left == {"github"}
    assert "(whole" not in uptake("status").out
    assert " whole, " in uptake("status").out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[store]\nkeep_days = 0", r"\[store\] keep_days: write at least 1, not 0"),
        ("[sources.github]\nkeep_days = 0", r"\[sources.github\] keep_days: write a number of days, at least 1, not 0"),
        ("[sources.github]\nkeep_days = true", r"\[sources.github\] keep_days: write a number of days"),
    ],
)
def test_days_that_cannot_be_are_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "uptake.toml").write_text(text)
    with pytest.raises(UsageError, match=said):
        load_config(tmp_path / "uptake.toml", {})


def test_an_unfinished_run_and_a_source_at_work_are_left_alone(tmp_path: Path) -> None:
    store = store_of(tmp_path, 3)
    with Journal.open(store, writable=True) as journal, journal.write() as tx:
        tx.connection.exec_driver_sql("UPDATE runs SET finished_seq = NULL WHERE id = 'toy-1'")
    with alone(store / "locks", "source-toy"):
        assert tidy(store, day(30), keep_days=5).aged == Reduced()
    done = tidy(store, day(30), keep_days=5)
    assert (done.aged.files, versions(store)) == (2, [2])
    with Journal(store, writable=False) as journal, journal.read() as connection:
        assert reduced_runs(connection, "toy") == {"toy-3", "toy-5"}


def test_a_file_that_cannot_be_written_is_done_the_next_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_of(tmp_path, 3)
    with monkeypatch.context() as patch:
        patch.setattr("crawlers.reduced._directory", _full)
        assert tidy(store, day(30), keep_days=5).aged == Reduced()
    assert versions(store) == [0, 1, 2]  # the runs can be read again, so their states are needed
    assert leftovers(store)
    assert tidy(store, day(31), keep_days=5).aged.files == 3
    assert versions(store) == [2]
    assert whole(store) == 3


def _full(*_: object) -> None:
    raise OSError(28, os.strerror(28))


# What sources remembered


def test_states_are_kept_for_the_runs_that_can_be_read_again(tmp_path: Path) -> None:
    store = store_of(tmp_path, 10)
    before = [remembered(store, n) for n in range(10)]
    assert versions(store) == list(range(10))
    done = tidy(store, day(12), keep_days=5)  # whole are 7, 8 and 9
    assert (done.notes, versions(store)) == (6, [6, 7, 8, 9])
    assert [remembered(store, n) for n in (7, 8, 9)] == before[7:]
    assert tidy(store, day(400), keep_days=5).notes == 3
    assert versions(store) == [9]
    measure(store, 10, 1)
    assert remembered(store, 10) == {"day": 9, "more": "x" * 300}


def test_nothing_is_removed_that_an_unfinished_run_knows(tmp_path: Path) -> None:
    store = store_of(tmp_path, 4)
    with Journal.open(store, writable=True) as journal, journal.write() as tx:
        tx.connection.exec_driver_sql("UPDATE runs SET finished_seq = NULL")
    assert tidy(store, day(900), keep_days=5).notes == 0
    assert versions(store) == [0, 1, 2, 3]


def test_what_was_forgotten_goes_altogether_in_the_end(tmp_path: Path) -> None:
    store = store_of(tmp_path, 2)
    with Journal.open(store, writable=True) as journal, journal.write(now=day(2)) as tx:
        tx.remember("toy", Remember("pace", None))
    assert tidy(store, day(30), keep_days=5).notes == 3
    with Journal(store, writable=False) as journal, journal.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM state").scalar() == 0
        assert lookups.recall(connection, "toy") == {}


keys = st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 20), st.booleans()), unique_by=lambda v: v[:2]).map(sorted)


@given(keys, st.sets(st.integers(0, 22)))
def test_nobody_who_may_ask_hears_anything_else_than_before(found: list[tuple[str, int, bool]], bases: set[int]) -> None:
    def known(of: list[tuple[str, int, bool]], seq: int) -> dict[str, int]:
        last = {key: (at, empty) for key, at, empty in of if at <= seq}
        return {key: at for key, (at, empty) in last.items() if not empty}

    old = superseded(found, bases)
    for cut in range(len(old) + 1):  # also where the removal is cut off
        left = [v for v in found if v[:2] not in set(old[:cut])]
        for base in (*bases, 100):
            assert known(left, base) == known(found, base)
    assert superseded([v for v in found if v[:2] not in set(old)], bases) == []


# The disk


def test_the_journal_gives_back_what_is_free(tmp_path: Path) -> None:
    store = store_of(tmp_path, 3)
    with Journal.open(store, writable=True) as journal:
        with journal.write() as tx:
            tx.remember("other", Remember("much", "x" * 3_000_000))
        with journal.write() as tx:
            tx.connection.exec_driver_sql("DELETE FROM state WHERE source = 'other'")
    done = tidy(store, day(4))
    assert done.journal.before - done.journal.after > 3_000_000
    assert done.freed == done.journal.before - done.journal.after
    assert (store / FILE).stat().st_size == done.journal.after < 300_000
    database.verify(store / FILE)


def old_fashioned(store: Path) -> int:
    """A journal as it was made before space could be given back bit by bit, half of it free; its size."""
    with closing(sqlite3.connect(store / FILE, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("PRAGMA auto_vacuum=NONE")
        connection.execute("VACUUM")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("INSERT INTO state VALUES ('other', 'much', 1, ?)", ("x" * 2_000_000,))
        connection.execute("DELETE FROM state WHERE source = 'other'")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return (store / FILE).stat().st_size


def test_an_older_journal_is_written_anew_where_that_is_asked_for_and_only_there(tmp_path: Path) -> None:
    store = store_of(tmp_path, 3)
    size, before = old_fashioned(store), figures(store)
    assert size > 2_000_000
    assert tidy(store, day(4)).journal.after >= size
    assert tidy(store, day(4), rewrite=True).journal.after < 300_000
    assert figures(store) == before
    database.verify(store / FILE)


def test_an_older_journal_is_not_written_anew_where_the_disk_has_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_of(tmp_path, 3)
    old_fashioned(store)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("", (), {"free": 1_000_000})())
    (trouble,) = tidy(store, day(4), rewrite=True).troubles
    assert "was not written anew: that takes" in trouble
    assert "there are 1,000,000; free some and run the command again" in trouble


@pytest.mark.parametrize("old", [False, True])
def test_a_reader_with_a_long_transaction_is_waited_for_no_longer_than_allowed(tmp_path: Path, old: bool) -> None:
    store = store_of(tmp_path, 10)
    if old:
        old_fashioned(store)
    with Journal.open(store, writable=True) as journal, journal.write() as tx:
        tx.remember("other", Remember("much", "x" * 3_000_000))
    with closing(sqlite3.connect(store / FILE, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        count = reader.execute("SELECT count(*) FROM state").fetchone()
        done = tidy(store, day(30), keep_days=5, rewrite=True, wait=0.3)
        (trouble,) = done.troubles
        assert f"has been reading or writing {FILE} for over 0.3 s, so its log, {FILE}-wal, could not be emptied; that is" in trouble
        assert (done.aged.files, done.notes) == (10, 9)  # the rest is done
        assert reader.execute("SELECT count(*) FROM state").fetchone() == count
    done = tidy(store, day(30), keep_days=5)
    assert done.troubles == []
    assert done.journal.after == (store / FILE).stat().st_size  # nothing is left in the log
    assert whole(store) == 10


def test_a_writer_that_does_not_let_go_is_told_in_words(tmp_path: Path) -> None:
    store = store_of(tmp_path, 10)
    with closing(sqlite3.connect(store / FILE, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with Journal.open(store, writable=True, busy=0.2) as journal:
            done = housekeeping.housekeeping(journal, load_config(_config(store), {}), day(900), wait=0.2)
        assert len(done.troubles) >= 3  # reducing, forgetting, giving pages back, emptying the log: each is tried
        assert all("another process has been" in t for t in done.troubles)
        writer.execute("ROLLBACK")
    assert whole(store) == 10
    assert tidy(store, day(900)).aged.files == 10


def _config(store: Path) -> Path:
    path = store / "uptake.toml"
    path.write_text("")
    return path


def test_what_dead_processes_left_is_removed_and_what_is_being_written_is_not(tmp_path: Path) -> None:
    store = store_of(tmp_path, 1)
    for name, age in (
        ("captures/toy/2023-11/a.warc.gz.part", 2),
        ("reports/.x.part", 3),
        ("journal.sqlite3.before-1.part", 2),
        ("reports/new.part", 0),
    ):
        path = store / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12345")
        os.utime(path, (day(10) - age * DAY,) * 2)
    done = tidy(store, day(10))
    assert (done.swept.files, done.swept.bytes) == (3, 15)
    assert leftovers(store) == ["new.part"]


def test_one_at_a_time(tmp_path: Path) -> None:
    store = store_of(tmp_path, 3)
    with alone(store / "locks", "housekeeping"):
        done = tidy(store, day(30), keep_days=5)
    assert done.troubles == [f"another process is tidying up {store}; nothing was done here"]
    assert (done.aged, done.freed) == (Reduced(), 0)


def test_it_stops_when_asked_and_goes_on_the_next_time(tmp_path: Path) -> None:
    store = store_of(tmp_path, 6)
    asked = iter([False] * 10)
    assert tidy(store, day(30), keep_days=5, stopping=lambda: next(asked, True)).aged.files < 6
    assert whole(store) == 6
    assert tidy(store, day(30), keep_days=5).notes == 5
    assert [p.name.count("reduced") for p in (store / "captures").rglob("*.gz")] == [1] * 6
    assert whole(store) == 6


# Killed


STEPS = [
    *(("reduce", n, when) for n, when in ((1, "before"), (1, "after"), (3, "after"))),
    *(("settle", n, "after") for n in (1, 2)),
    ("remember", 1, "before"),
    ("remember", 1, "after"),
    ("forget", 1, "after"),
    ("sweep", 1, "after"),
    *(("free", n, "after") for n in (1, 2)),
    ("log", 1, "before"),
    ("log", 1, "after"),
]


@pytest.mark.parametrize("step", STEPS, ids=lambda s: "-".join(map(str, s)))
def test_killed_at_any_step_no_figure_is_lost_and_the_next_call_does_the_rest(
    keeper: Keeper, tmp_path: Path, step: tuple[str, int, str]
) -> None:
    store = store_of(tmp_path, 6)
    before = [line.split(",")[:6] for line in figures(store).splitlines()]
    assert keeper("vacuum", store, now=day(30), keep_days=5, kill=step) == signal.SIGKILL, "the step was never taken"
    assert whole(store) == 6
    assert keeper("vacuum", store, now=day(30), keep_days=5) == 0
    assert whole(store) == 6
    assert [line.split(",")[:6] for line in figures(store).splitlines()] == before
    assert [p.name.count("reduced") for p in (store / "captures").rglob("*.gz")] == [1] * 6
    assert versions(store) == [5]
    assert tidy(store, day(30), keep_days=5).to_dict() | {"journal": 0, "freed": 0} == {
        "people": {"files": 0, "responses": 0, "before": 0, "after": 0},
        "aged": {"files": 0, "responses": 0, "before": 0, "after": 0},
        "notes": 0,
        "temporary": {"files": 0, "bytes": 0},
        "elsewhere": 0,
        "journal": 0,
        "freed": 0,
        "troubles": [],
    }


@pytest.mark.parametrize("old", [False, True])
def test_killed_at_any_moment_while_space_is_given_back(keeper: Keeper, tmp_path: Path, old: bool) -> None:
    store = store_of(tmp_path, 6)
    if old:
        old_fashioned(store)
    before, dice = figures(store), random.Random(5)
    for n in range(4):
        with Journal.open(store, writable=True) as journal:
            with journal.write() as tx:
                tx.remember("other", Remember(f"much {n}", "x" * 8_000_000))
            with journal.write() as tx:
                tx.connection.exec_driver_sql("DELETE FROM state WHERE source = 'other'")
        with keeper_process() as victim:
            victim.start("vacuum", store, now=day(4), keep_days=50)
            time.sleep(dice.uniform(0.8, 1.6))  # it takes 0.8 s to be there
        assert whole(store) == 6
        assert figures(store) == before
    assert keeper("vacuum", store, now=day(4), keep_days=50) == 0
    assert (store / FILE).stat().st_size < 300_000
    assert figures(store) == before


# From the command line


def test_vacuum_says_what_it_freed(world: World) -> None:
    assert uptake("vacuum").code == 0
    assert uptake("vacuum").out == "there was nothing to free\n"
    assert uptake("collect").code == 0
    exported = [line.rpartition(",")[0] for line in uptake("export").out.splitlines()]
    world.clock.now += 31 * DAY
    stray = world.folder / "data" / "reports" / ".report.html.part"
    stray.parent.mkdir()
    stray.write_bytes(bytes(5000))
    os.utime(stray, (world.clock.now - 2 * DAY,) * 2)
    ran = uptake("vacuum")
    assert (ran.code, ran.err) == (0, "")
    assert "that may name people reduced to the lines with the numbers, " in ran.out
    assert "1 unfinished file that nobody works on removed, 5.0 kB" in ran.out
    assert ran.out.rstrip().endswith("freed")
    world.clock.now += 731 * DAY
    ran = uptake("vacuum")
    assert "old raw responses reduced to the lines with the numbers" in ran.out
    assert uptake("vacuum").code == 0
    assert [line.rpartition(",")[0] for line in uptake("export").out.splitlines()] == exported
    assert uptake("reparse").code == 0
    assert [line.rpartition(",")[0] for line in uptake("export").out.splitlines()] == exported
    assert uptake("trace", 'github.stars{topic="alpha"}').out.count("reduced on") == 1
    assert set(uptake("vacuum", "--json").json) == {"people", "aged", "notes", "temporary", "elsewhere", "journal", "freed", "troubles"}


def test_vacuum_tells_what_it_could_not_do(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert uptake("collect").code == 0
    monkeypatch.setattr(upkeep, "WAIT", 0.1)
    monkeypatch.setattr(upkeep, "_empty_log", lambda _: False)
    ran = uptake("vacuum")
    assert ran.code == 1
    assert "could not be emptied; that is done the next time" in ran.err
