"""Text out of PDFs, in processes apart: a document that crashes, hangs or swells costs itself and nothing else.

pdf-inspector reads (648 pages a CPU second on real papers), pypdfium2 where it fails or finds next to nothing, in
`crawlers.papers.worker`. Both hold Python's lock, so that threads would not help; and a crash must not be ours. The standard
library's process pool breaks as a whole when one of its processes dies and cannot stop a task, hence the small one here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil
from pathlib import Path
from queue import LifoQueue
from typing import IO, Any

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

WORKER = Path(__file__).with_name("worker.py")
SURROUNDINGS = {
    "RUST_BACKTRACE": "0",
    "RAYON_NUM_THREADS": "1",  # the processes share the cores already
    "GLIBC_TUNABLES": "glibc.malloc.tcache_count=2000",  # a PDF is many small objects, and seven kept by size are too few
}
SERVES = 500  # documents until a process is replaced, because memory that was taken is not given back


class State(StrEnum):
    """What became of a paper. All but the first two are ends without a text."""

    WAITING = "waiting"  # not fetched yet
    READ = "read"
    SCANNED = "scanned"  # pictures of pages
    ENCRYPTED = "encrypted"
    TOO_LONG = "too_long"  # more pages than a paper has
    TOO_LARGE = "too_large"  # more bytes than are taken
    TOO_SLOW = "too_slow"
    OUT_OF_MEMORY = "out_of_memory"
    BOMB = "bomb"  # unpacks to far more than a paper can be
    CRASHED = "crashed"
    BROKEN = "broken"  # neither reader understands it
    NOT_A_PDF = "not_a_pdf"
    ABSENT = "absent"  # the listing links what is not there, or nothing
    UNFETCHED = "unfetched"  # could not be fetched on several days


WORDS = {
    State.WAITING: "not read yet",
    State.SCANNED: "scanned",
    State.ENCRYPTED: "encrypted",
    State.TOO_LONG: "with too many pages",
    State.TOO_LARGE: "too large",
    State.TOO_SLOW: "took the reader too long",
    State.OUT_OF_MEMORY: "took the reader too much memory",
    State.BOMB: "unpack to more than a paper can be",
    State.CRASHED: "crashed the reader",
    State.BROKEN: "broken",
    State.NOT_A_PDF: "no PDF",
    State.ABSENT: "without a PDF",
    State.UNFETCHED: "could not be fetched",
}


@dataclass(frozen=True, slots=True)
class Limits:
    """For one document."""

    bytes: int = 32 << 20
    pages: int = 300
    seconds: float = 60.0
    memory: int = 1 << 30  # of address space, in bytes
    unpacked: int = 256 << 20  # of all its streams, in bytes; asked only of what broke the reader


@dataclass(frozen=True, slots=True)
class Extraction:
    """What a PDF gave. ``kept`` is compressed: see `unpack`."""

    state: State
    detail: str = ""
    pages: int = 0
    characters: int = 0
    kept: bytes = b""


def unpack(kept: bytes) -> tuple[str, str]:
    """The first page and the whole text."""
    front, _, text = zstd.decompress(kept).decode("utf-8").partition("\f")
    return front, text


def swollen(data: bytes, limit: int) -> bool:
    """Whether a PDF's streams unpack to more than ``limit`` bytes, of which no more is ever held than a piece."""
    total, at = 0, 0
    while total <= limit and (at := data.find(b"stream", at)) >= 0:
        at += len(b"stream")
        inflate, place = zlib.decompressobj(), at + (2 if data[at : at + 2] == b"\r\n" else 1)
        end = data.find(b"endstream", at)  # nothing is looked at twice, so that this takes a time linear to the file
        end = len(data) if end < 0 else end
        try:
            while place < end and not inflate.eof and total <= limit:
                piece, place = data[place : min(end, place + (1 << 16))], place + (1 << 16)
                while piece and not inflate.eof and total <= limit:
                    total += len(inflate.decompress(piece, 1 << 20))
                    piece = inflate.unconsumed_tail
        except zlib.error:  # a stream of another kind
            pass
        at = end + len(b"endstream")
    return total > limit


@dataclass(slots=True)
class _Process:
    """One reading process, started when it is needed."""

    limits: Limits
    served: int = 0
    closed: bool = False
    _running: subprocess.Popen[bytes] | None = field(default=None)
    _errors: IO[bytes] | None = None

    def read(self, data: bytes) -> Extraction:
        """Blocks. A process that served others before is not yet proof against a document that it failed at: a fresh one decides."""
        fresh = self._running is None
        found = self._try(data)
        if found.state in {State.CRASHED, State.OUT_OF_MEMORY} and not fresh and not self.closed:
            found = self._try(data)
        if found.state in {State.CRASHED, State.OUT_OF_MEMORY, State.TOO_SLOW} and swollen(data, self.limits.unpacked):
            return Extraction(State.BOMB, f"its streams unpack to more than {self.limits.unpacked >> 20} MB")
        return found

    def _try(self, data: bytes) -> Extraction:
        until = time.monotonic() + self.limits.seconds
        try:
            running = self._running or self._start()
            assert running.stdin is not None
            running.stdin.write(struct.pack(">Q", len(data)) + data)
            running.stdin.flush()
            head, text = json.loads(self._take(running, until)), self._take(running, until)
        except TimeoutError:
            self.stop()
            return Extraction(State.TOO_SLOW, f"not done after {self.limits.seconds:g} s")
        except (EOFError, OSError):
            return self._post_mortem()
        except ValueError:  # a library wrote into the answers
            self.stop()
            return Extraction(State.CRASHED, "what the reader answered could not be understood")
        self.served += 1
        if head["state"] == State.OUT_OF_MEMORY or self.served >= SERVES:
            self.stop()
        return Extraction(State(head["state"]), head["detail"], head.get("pages", 0), head.get("characters", 0), text)

    def _start(self) -> subprocess.Popen[bytes]:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # it is open as long as the process is
        self._running = subprocess.Popen(  # noqa: S603  # our own file
            [sys.executable, "-P", str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={k: v for k, v in os.environ.items() if not k.startswith("UPTAKE_")} | SURROUNDINGS,  # strangers' files are read there
            start_new_session=True,  # Ctrl-C in a terminal is for us to handle
        )
        self.served = 0
        seconds = ceil(self.limits.seconds) + 1  # after ours: for when nobody is there any more to end it
        said = json.dumps({"pages": self.limits.pages, "memory": self.limits.memory, "seconds": seconds}).encode()
        assert self._running.stdin is not None
        self._running.stdin.write(struct.pack(">Q", len(said)) + said)
        return self._running

    def _take(self, running: subprocess.Popen[bytes], until: float) -> bytes:
        (length,) = struct.unpack(">Q", self._exactly(running, 8, until))
        return self._exactly(running, length, until)

    def _exactly(self, running: subprocess.Popen[bytes], count: int, until: float) -> bytes:
        assert running.stdout is not None
        descriptor, found = running.stdout.fileno(), bytearray()
        while len(found) < count:
            ready, _, _ = select.select([descriptor], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise TimeoutError
            piece = os.read(descriptor, min(1 << 20, count - len(found)))
            if not piece:
                raise EOFError
            found += piece
        return bytes(found)

    def _post_mortem(self) -> Extraction:
        code = self._running.wait() if self._running is not None else 0
        said = b""
        if self._errors is not None:
            self._errors.seek(max(0, self._errors.seek(0, 2) - 4000))
            said = self._errors.read()
        self.stop()
        if code == -signal.SIGALRM:
            return Extraction(State.TOO_SLOW, f"not done after {self.limits.seconds:g} s")
        if b"memory allocation of" in said or b"MemoryError" in said:
            return Extraction(State.OUT_OF_MEMORY, f"more than {self.limits.memory >> 20} MB")
        why = f"by {signal.Signals(-code).name}" if code < 0 else f"with code {code}"
        return Extraction(State.CRASHED, f"the reader ended {why}")

    def stop(self) -> None:
        if self._running is not None:
            self._running.kill()
            self._running.wait()
            for pipe in (self._running.stdin, self._running.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):  # what was still to be written to it
                        pipe.close()
            self._running = None
        if self._errors is not None:
            self._errors.close()
            self._errors = None


class Reader:
    """Reads PDFs in a few processes, off the event loop. To be closed."""

    def __init__(self, limits: Limits | None = None, processes: int | None = None) -> None:
        self.limits = limits or Limits()
        count = processes or min(4, len(os.sched_getaffinity(0)))
        self._idle: LifoQueue[_Process] = LifoQueue()  # the one that was used last is running already
        self._all = [_Process(self.limits) for _ in range(count)]
        for process in self._all:
            self._idle.put(process)
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="pdf")  # each waits for a process

    async def read(self, data: bytes) -> Extraction:
        """What a PDF gives. Never raises for what is in it."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.read_now, data)

    def read_now(self, data: bytes) -> Extraction:
        """As `read`, and waits for it."""
        if len(data) > self.limits.bytes:
            return Extraction(State.TOO_LARGE, f"{len(data):,} bytes")
        process = self._idle.get()
        try:
            return process.read(data)
        finally:
            self._idle.put(process)

    def close(self) -> None:
        """Stop the processes, also in the middle of a document."""
        for process in self._all:
            process.closed = True  # what is being read there is not begun again
            process.stop()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


__all__ = ["WORDS", "Extraction", "Limits", "Reader", "State", "swollen", "unpack"]
