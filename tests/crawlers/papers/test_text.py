"""Text out of PDFs: what the worker processes survive, and what each kind of bad document is called."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from crawlers.papers import text as reading
from crawlers.papers.mentions import readable
from crawlers.papers.text import Limits, Reader, State, swollen, unpack
from crawlers.papers.worker import nameless
from scheduler.demo.servers.proceedings import Paper, bomb, encrypted, pdf

GOOD = Paper("x", "A Good Paper", frozenset({"flax"}), employer="meta").pdf()
HUNG = b"""
import os, signal, struct, sys, time
def take():
    head = sys.stdin.buffer.read(8)
    return sys.stdin.buffer.read(struct.unpack(">Q", head)[0]) if len(head) == 8 else None
take()
while (data := take()) is not None:
    if data == b"hang":
        time.sleep(60)
    if data == b"crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if data == b"quiet":
        os._exit(3)
    for part in (b'{"state": "read", "detail": ""}', data):
        sys.stdout.buffer.write(struct.pack(">Q", len(part)) + part)
    sys.stdout.buffer.flush()
"""


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with Reader(Limits(bytes=4 << 20, pages=20, seconds=20, memory=600 << 20, unpacked=64 << 20), processes=1) as found:
        yield found


def test_a_paper_gives_its_first_page_and_all_of_its_text(reader: Reader) -> None:
    found = reader.read_now(GOOD)
    front, text = unpack(found.kept)
    assert (found.state, found.pages) == (State.READ, 2)
    assert "A Good Paper" in front
    assert "A Good Paper" in text
    assert "References" in text
    assert "References" not in front
    assert "We use \ufb02ax" in text  # kept as it was read; put right when it is searched
    assert "We use flax" in readable(text)


@pytest.mark.parametrize(
    ("data", "state"),
    [
        (pdf([[]] * 3), State.SCANNED),
        (pdf([["Downloaded by a library"]] * 3), State.SCANNED),
        (encrypted(), State.ENCRYPTED),
        (pdf([["a page of a long supplement"] * 20] * 21), State.TOO_LONG),
        (GOOD[: len(GOOD) // 2], State.BROKEN),
        (b"%PDF-1.7\n" + b"\xff" * 500, State.BROKEN),
        (b"<!doctype html><html>", State.NOT_A_PDF),
        (b"", State.NOT_A_PDF),
        (b"%PDF-1.5" + b" " * (5 << 20), State.TOO_LARGE),
    ],
)
def test_a_bad_document_has_its_own_name_and_the_next_one_is_read(reader: Reader, data: bytes, state: State) -> None:
    assert reader.read_now(data).state is state
    assert reader.read_now(GOOD).state is State.READ


def test_a_bomb_costs_itself_and_no_memory_of_ours(reader: Reader) -> None:
    packed = bomb(120)
    assert len(packed) < 1 << 20
    started = time.monotonic()
    assert reader.read_now(packed).state is State.BOMB
    assert time.monotonic() - started < 60
    assert reader.read_now(GOOD).state is State.READ


def test_what_unpacks_to_little_is_no_bomb() -> None:
    packed = bomb(3)
    assert swollen(packed, 2 << 20)
    assert not swollen(packed, 4 << 20)
    assert not swollen(GOOD, 1 << 20)


def test_a_file_that_names_streams_without_end_is_looked_through_once() -> None:
    """Where each ``stream`` is looked for its end, or unpacked on, this takes hours."""
    assert not swollen(b"%PDF-1.5\n" + b"stream\n" * 2_000_000, 1 << 20)
    assert not swollen(b"%PDF-1.5\n" + b"stream\nx endstream\n" * 300_000, 1 << 20)


@pytest.fixture
def frail(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    """A reader whose processes do what their document says: crash, hang, end."""
    script = tmp_path / "worker.py"  # type: ignore[operator]
    script.write_bytes(HUNG)
    monkeypatch.setattr(reading, "WORKER", script)
    with Reader(Limits(seconds=1.0), processes=2) as found:
        yield found


def test_a_crash_is_told_and_isolated(frail: Reader) -> None:
    async def all_at_once() -> list[reading.Extraction]:
        return await asyncio.gather(*(frail.read(d) for d in [b"a", b"crash", b"b", b"quiet", b"c", b"crash", b"d"]))

    found = asyncio.run(all_at_once())
    assert [f.state for f in found] == [
        *(State.READ, State.CRASHED, State.READ, State.CRASHED, State.READ, State.CRASHED, State.READ),
    ]
    assert [f.kept for f in found if f.state is State.READ] == [b"a", b"b", b"c", b"d"]
    assert "SIGSEGV" in found[1].detail
    assert "code 3" in found[3].detail


def test_a_document_that_takes_too_long_is_killed(frail: Reader) -> None:
    started = time.monotonic()
    assert frail.read_now(b"hang").state is State.TOO_SLOW
    assert time.monotonic() - started < 30
    assert frail.read_now(b"a").state is State.READ


def test_reading_does_not_hold_up_the_loop(frail: Reader) -> None:
    async def main() -> int:
        task, ticks = asyncio.ensure_future(frail.read(b"hang")), 0
        while not task.done():
            await asyncio.sleep(0.05)
            ticks += 1
        return ticks

    assert asyncio.run(main()) > 5


def test_closing_ends_the_processes(frail: Reader) -> None:
    frail.read_now(b"a")
    running = [p._running.pid for p in frail._all if p._running is not None]
    assert len(running) == 1
    frail.close()
    with pytest.raises(ProcessLookupError):
        os.kill(running[0], signal.SIG_DFL)


def test_a_signal_to_all_processes_of_a_service_is_no_fault_of_a_document() -> None:
    with Reader(processes=1) as reader:
        reader.read_now(GOOD)
        (running,) = [p._running.pid for p in reader._all if p._running is not None]
        os.kill(running, signal.SIGTERM)
        assert reader.read_now(GOOD).state is State.READ
        assert [p._running.pid for p in reader._all if p._running is not None] == [running]


ABANDONING = """
import os, signal, sys, threading
from crawlers.papers import text
from tests.fakes import frail_worker
text.WORKER = text.Path(frail_worker.__file__)
reader = text.Reader(text.Limits(seconds=1.0), processes=1)
reading = threading.Thread(target=reader.read_now, args=(b"%PDF-" + frail_worker.HANG,))
reading.start()
while reader._all[0]._running is None:
    pass
print(reader._all[0]._running.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_hangs_ends_by_itself_where_nobody_is_left_to_end_it() -> None:
    ran = subprocess.run([sys.executable, "-c", ABANDONING], cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False)
    assert ran.returncode == -signal.SIGKILL, ran.stderr
    left = int(ran.stdout)
    for _ in range(600):
        if not _runs(left):
            break
        time.sleep(0.05)
    assert not _runs(left)


def _runs(process: int) -> bool:
    """Whether a process is there and more than what is left of one."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_names_before_the_at_of_addresses_are_not_kept() -> None:
    said = "Anna Example, anna.example@fb.com, {bert, carla}@cs.example.edu; pip install x@1.0, user@host"
    assert nameless(said) == "Anna Example, @fb.com, @cs.example.edu; pip install x@1.0, user@host"


def test_a_text_that_only_the_thorough_reader_finds_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    from crawlers.papers import worker

    monkeypatch.setattr(worker, "_fast", lambda _: ("", "PanicException: here"))
    head, kept = worker.read(GOOD, {"pages": 20})
    assert head["state"] == "read"
    assert "We use flax" in readable(unpack(kept)[1])
    monkeypatch.setattr(worker, "_fast", lambda _: ("next to nothing", ""))
    assert worker.read(GOOD, {"pages": 20})[0]["state"] == "read"
