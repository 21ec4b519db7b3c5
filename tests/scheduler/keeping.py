"""What the tests of backups and of tidying up share: a store, processes, and what must hold of a store."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from crawlers.keep import Keep
from crawlers.warc import load
from storage import database, exports, ledger
from storage.journal import FILE, Journal
from tests.fakes.keeper import DAY, START, measure
from tests.harness import empty_store

ROOT = Path(__file__).parents[2]


def store_of(folder: Path, days: int) -> Path:
    """A store in which a source was measured for some days."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(empty_store(), folder, dirs_exist_ok=True)
    measure(folder, 0, days)
    return folder


def day(n: int) -> int:
    return START + n * DAY


class Keeper:
    """A process that does what it is told, each time in a child that may be killed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def __call__(self, do: str, folder: Path, **order: Any) -> int:
        self.start(do, folder, **order)
        return int(self.line())

    def start(self, do: str, folder: Path, **order: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, "folder": str(folder), **order}, default=str) + "\n")
        self.process.stdin.flush()

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()


@contextmanager
def keeper_process() -> Iterator[Keeper]:
    command = [sys.executable, "-m", "tests.fakes.keeper"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
    ) as process:
        try:
            yield Keeper(process)
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # its child, too


def figures(folder: Path) -> str:
    """All series of a store as CSV, and how every planned figure ended."""
    out = io.StringIO()
    with Journal(folder, writable=False) as journal, journal.read() as connection:
        exports.write_csv(connection, out)
        ends = sorted((str(e.slot.series), e.slot.time, e.label) for e in ledger.ends(connection))
    return f"{out.getvalue()}{ends}"


def whole(folder: Path, keep: Keep | None = None) -> int:
    """Every response that a figure rests on can be read and is what was read then; how many they are. The journal is sound."""
    database.verify(folder / FILE)
    with Journal(folder, writable=False) as journal, journal.read() as connection:
        rows = connection.exec_driver_sql("SELECT file, \"offset\", sha256 FROM evidence WHERE kind = 'capture'").all()
        bare = connection.exec_driver_sql("SELECT count(*) FROM points WHERE evidence_id IS NULL").scalar()
    assert bare == 0
    for file, offset, digest in rows:
        assert load(keep or folder / "captures", file, offset).capture.sha256 == digest
    return len(rows)


def leftovers(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob("*") if p.name.endswith(".part") or p.name == "journal.new")


@contextmanager
def small_disk(place: Path, size: int, *, options: str = "") -> Iterator[Path]:
    """A file system of so many bytes; a skip where this user may not mount one."""
    place.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}{options}", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("this user may not mount a small file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
