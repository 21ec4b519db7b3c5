"""No room on the disk, at each place that writes; and a folder that cannot be written to. With room, it goes on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults import table
from tests.faults.conftest import Note, Reference
from tests.faults.machine import Machine, until
from tests.faults.street import Street

SOURCES = ("shop", "diary")
RETRY = 16 * 60
Mount = Callable[[Path, int], None]


def mount(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["mount", *words], capture_output=True, text=True, check=False)


@pytest.fixture
def small() -> Iterator[Mount]:
    """Make a folder a file system of its own, of so many bytes."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("a small file system can only be made by root on Linux")
    mounted: list[Path] = []

    def make(folder: Path, size: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        done = mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
        if done.returncode:
            pytest.skip(f"a small file system could not be made here: {done.stderr.strip()}")
        mounted.append(folder)

    yield make
    for folder in reversed(mounted):
        subprocess.run(["umount", "-l", str(folder)], check=True)


def grow(folder: Path) -> None:
    assert mount("-o", "remount,size=64m", str(folder)).returncode == 0


@pytest.mark.parametrize("room", [16_384, 49_152] if not table.full() else [8_192, 16_384, 32_768, 49_152, 65_536])
def test_full_while_responses_are_kept(either: Machine, small: Mount, undisturbed: Reference, note: Note, room: int) -> None:
    captures = either.store / "captures"
    small(captures, room)
    with Street(padding=30_000) as street:
        either.configure({name: {"base_url": street.url} for name in SOURCES})
        daemon = either.daemon()
        daemon.says("cannot keep responses")
        daemon.says("nothing more was asked")
        status, said = daemon.asked()
        assert status == 503, f"red while nothing can be kept: {said}\n{daemon.log}"
        grow(captures)
        either.jump(RETRY)
        daemon.visited(*SOURCES)
        assert daemon.health == "green", daemon.asked()[1]
        daemon.stop()
        account = either.finish()
    outcome = "nothing more was asked, health red; went on by itself when there was room"
    note("disk full while a response is kept", outcome, lost=account.same_as(undisturbed(*SOURCES)))


@pytest.mark.parametrize("room", [4_096, 60_000] if not table.full() else [0, 4_096, 20_000, 40_000, 60_000, 80_000, 100_000, 120_000])
def test_full_while_figures_are_committed(either: Machine, small: Mount, undisturbed: Reference, note: Note, room: int) -> None:
    """The journal's own disk, filled to so many bytes; responses lie on another one."""
    _move_onto(either.store, small)
    elsewhere = either.folder / "captures"
    elsewhere.mkdir()
    (either.store / "captures").symlink_to(elsewhere)
    (either.store / "locks").mkdir()
    _fill(either.store, room)
    with Street() as street:
        either.configure({name: {"base_url": street.url} for name in SOURCES})
        daemon = either.daemon()
        until(lambda: daemon.ended or all(f"WARNING {name}: " in daemon.log for name in SOURCES), "a word on the disk")
        assert re.search("disk .* is full|No space left", daemon.log), daemon.log
        assert "damaged" not in daemon.log, "a full disk is no damage"
        assert "Traceback" not in daemon.log
        if daemon.ended:
            assert daemon.wait() == 1
            (either.store / "ballast").unlink()
            daemon = either.daemon()
        else:
            status, said = daemon.asked()
            assert status == 503, f"red while nothing can be kept: {said}\n{daemon.log}"
            (either.store / "ballast").unlink()
            either.jump(RETRY)
        daemon.visited(*SOURCES)
        assert daemon.health == "green", daemon.asked()[1]
        daemon.stop()
        account = either.finish()
    outcome = "nothing half written, health red or exit 1; went on when there was room"
    note("disk full while figures are committed", outcome, lost=account.same_as(undisturbed(*SOURCES)))


def test_nearly_full(here: Machine, small: Mount, street: Street, undisturbed: Reference, note: Note) -> None:
    """Below [daemon] disk_free nothing is asked, so that the journal keeps the room that it needs."""
    _move_onto(here.store, small)
    here.configure({name: {"base_url": street.url} for name in SOURCES}, disk_free=1)
    _fill(here.store, 500_000)
    daemon = here.daemon()
    daemon.ready()
    daemon.says("nothing new is fetched")
    status, said = daemon.asked()
    assert status == 503
    assert "less than the 1 of [daemon] disk_free" in said
    assert street.arrived == []
    (here.store / "ballast").unlink()
    here.jump(RETRY)
    daemon.visited(*SOURCES)
    assert daemon.health == "green", daemon.asked()[1]
    daemon.stop()
    outcome = "nothing was asked, health red; went on by itself when there was room"
    note("disk nearly full", outcome, lost=here.finish().same_as(undisturbed(*SOURCES)))


def test_full_while_the_report_is_written(here: Machine, small: Mount, street: Street, undisturbed: Reference, note: Note) -> None:
    here.configure({name: {"base_url": street.url} for name in SOURCES})
    account = here.finish()
    reports = here.store / "reports"
    small(reports, 8_000_000)
    former = reports / "report.html"
    former.write_text("the former report", encoding="utf-8")
    _fill(reports, 100_000)
    said = here.run("report", code=1)
    assert "No space left" in said
    assert "Traceback" not in said
    assert former.read_text(encoding="utf-8") == "the former report"
    (reports / "ballast").unlink()
    assert list(reports.iterdir()) == [former], "nothing unfinished is left"
    if table.full():
        here.run("report")
        assert former.stat().st_size > 100_000
    outcome = "said so, exit 1; the former report stayed whole"
    note("disk full while the report is written", outcome, lost=account.same_as(undisturbed(*SOURCES)))


def test_a_folder_that_cannot_be_written(here: Machine, small: Mount, street: Street, undisturbed: Reference, note: Note) -> None:
    _move_onto(here.store, small)
    here.configure({name: {"base_url": street.url} for name in SOURCES})
    assert mount("-o", "remount,ro", str(here.store)).returncode == 0
    for command in (["run"], ["run", "--once"], ["collect"]):
        said = here.run(*command, code=1)
        assert "Traceback" not in said
        assert "damaged" not in said
        assert str(here.store) in said, "it says which folder"
    assert street.arrived == [], "what cannot be kept is not asked"
    assert mount("-o", "remount,rw", str(here.store)).returncode == 0
    outcome = "refused to start, with the reason; nothing was asked"
    note("read-only data folder", outcome, lost=here.finish().same_as(undisturbed(*SOURCES)))


def _move_onto(store: Path, small: Mount) -> None:
    kept = store.with_name("kept")
    store.rename(kept)
    small(store, 4_000_000)
    shutil.copytree(kept, store, dirs_exist_ok=True)


def _fill(folder: Path, room: int) -> None:
    """Leave so many bytes."""
    with (folder / "ballast").open("wb") as file:
        free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
        file.write(bytes(max(0, free - room)))
