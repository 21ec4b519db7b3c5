"""Damage to the file of responses that an unfinished run rests on: what is whole is used, the rest is asked again."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import Note, Reference
from tests.faults.machine import Machine
from tests.faults.street import Street


def cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size - 20)


def overwrite(file: Path) -> None:
    """A disk that lost its last block: zeros where the end was."""
    size = file.stat().st_size
    with file.open("r+b") as handle:
        handle.seek(size - 100)
        handle.write(bytes(100))


def append(file: Path) -> None:
    with file.open("ab") as handle:
        handle.write(b"\x1f\x8b\x08\x00 not a record at all" * 3)


def flip(file: Path) -> None:
    """A single bit in the middle."""
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0x10
    file.write_bytes(data)


def empty(file: Path) -> None:
    file.write_bytes(b"")


@pytest.mark.parametrize("damage", [cut, overwrite, append, flip, empty])
def test_damaged_responses(either: Machine, street: Street, undisturbed: Reference, note: Note, damage: Callable[[Path], None]) -> None:
    either.configure({"shop": {"base_url": street.url}})
    assert either.daemon(kill=("capture", 4, "after")).wait() == -signal.SIGKILL
    (file,) = (either.store / "captures").rglob("*.warc.gz")
    damage(file)
    account = either.finish()
    note(
        "a damaged tail of the stored responses", "what was whole was used, the rest asked again", lost=account.same_as(undisturbed("shop"))
    )
