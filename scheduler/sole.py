"""One daemon per journal: the second refuses to start and names the first."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crawlers.locks import alone
from storage.model import UptakeError
from storage.periods import iso


@contextmanager
def sole(folder: Path, now: int, *, among: bool = False) -> Iterator[None]:
    """Be the only daemon of a store's folder. Raises `UptakeError` where another one is at work.

    ``among``: be one of several that share a plan; only a daemon that wants to be alone is then another one.
    The lock goes with the process, however it ends; the note beside it only says who holds it.
    """
    note = folder / "locks" / "daemon.json"
    with alone(folder / "locks", "daemon", shared=among) as mine:
        if not mine:
            whose = "the engine procrastinate cannot join it" if among else "there can be one daemon for each journal"
            raise UptakeError(f"{_who(note)} is already at work on {folder}; {whose}. Stop that one first")
        try:
            note.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": now}), encoding="utf-8")
        except OSError as error:  # a full disk names no file
            raise UptakeError(f"cannot write {note}: {error.strerror or error}") from error
        try:
            yield
        finally:
            if not among or (_note(note).get("pid"), _note(note).get("host")) == (os.getpid(), socket.gethostname()):
                note.unlink(missing_ok=True)


def running(folder: Path) -> dict[str, object] | None:
    """Who the daemon of a folder is (pid, host, since), None if none runs."""
    if not (folder / "locks").is_dir():
        return None
    with alone(folder / "locks", "daemon") as free:
        return None if free else _note(folder / "locks" / "daemon.json")


def _note(file: Path) -> dict[str, object]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _who(file: Path) -> str:
    said = _note(file)
    since = said.get("since")
    if not said or not isinstance(since, int):
        return "another `uptake run`"
    return f"`uptake run` (process {said.get('pid')} on {said.get('host')}, since {iso(since)})"


__all__ = ["running", "sole"]
