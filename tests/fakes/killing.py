"""A process that kills itself at a step of a slot's, a paper's or a mail's life."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

from crawlers import recorder, warc_writer
from crawlers.papers import library, source, text
from scheduler import catchup, rereading
from storage import ledger
from storage.journal import Transaction

STEPS: dict[str, tuple[Any, str]] = {
    "plan": (ledger, "open_run"),
    "capture": (warc_writer.CaptureWriter, "append"),
    "fsync": (warc_writer.CaptureWriter, "sync"),
    "commit": (recorder.Recorder, "_commit"),
    "put": (Transaction, "put"),
    "miss": (ledger, "end_slots"),
    "close": (recorder.Recorder, "_close"),
    "finish": (ledger, "finish_run"),
    "listing": (library.Library, "note_listing"),
    "extract": (text.Reader, "read_now"),
    "keep": (library.Library, "keep"),
    "count": (source, "tally"),
    "sheet": (source.PaperSource, "_keep"),
    "passed": (catchup, "note_downtime"),
    "again": (rereading, "_plan_again"),
    "remember": (Transaction, "remember"),
}


def kill_at(place: str, n: int, when: str) -> None:
    """``place`` is a step, ``n`` the how-manieth time it is taken, ``when`` before, torn, during or after it; or it falls asleep there."""
    owner, name = STEPS[place]
    inner: Callable[..., Any] = getattr(owner, name)
    taken = 0

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal taken
        taken += 1
        this = taken == n  # another thread may take the step meanwhile
        if this and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        if this and when == "asleep":  # until SIGCONT; sent to this thread, which else would take some steps more
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
        if this and when == "torn":  # half a record reaches the disk
            writer = args[0]
            file = writer._open()
            start = file.tell()
            inner(*args, **kwargs)
            file.flush()
            os.truncate(file.name, (start + file.tell()) // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        if this and when == "during":
            threading.Timer(0.005, os.kill, (os.getpid(), signal.SIGKILL)).start()
        result = inner(*args, **kwargs)
        if this and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, wrapped)
