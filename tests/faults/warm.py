"""Forks a child for each command line of `uptake` (`tests.fakes.forking`).

Orders are ``{"argv", "log", "clock", …}``. A child may be told to kill itself (``kill``: step, how-manieth time, when), may have
no network (``alone``), waits for a busy journal for so many seconds (``busy``), and sees the time that its clock's file says.
"""

from __future__ import annotations

import ctypes
import importlib
import mmap
import os
import socket
import ssl
import struct
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.fakes.forking import serve
from tests.faults.places import HOST

_real_time, _real_lookup = time.time, socket.getaddrinfo
_clock: mmap.mmap | None = None
NO_NAMES: list[Path] = []  # while this file exists, nothing can be looked up
CLONE_NEWNET = 0x40000000


def now() -> float:
    """The time with the offset that the test has written into the clock's file."""
    return _real_time() + (struct.unpack("d", _clock[:8])[0] if _clock is not None else 0.0)


def lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
    if host in {HOST, HOST.encode()}:
        if NO_NAMES and NO_NAMES[0].exists():
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        host = "127.0.0.1"
    return _real_lookup(host, *args, **kwargs)


time.time = now  # before anything is imported that would keep the other one
socket.getaddrinfo = lookup


def install_sources() -> None:
    """Make the suite's sources known as a third party's package does: by entry points."""
    folder = Path(tempfile.mkdtemp(prefix="uptake-toys-"))
    info = folder / "toys-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toys\nVersion: 1\n", encoding="utf-8")
    from tests.faults.spiders import ALL

    lines = "".join(f"{cls.name} = tests.faults.spiders:{cls.__name__}\n" for cls in ALL)
    (info / "entry_points.txt").write_text(f"[uptake.sources]\n{lines}", encoding="utf-8")
    sys.path.insert(0, str(folder))


def prepare() -> None:
    """Import what a daemon needs, and let its libraries read our clock."""
    from datetime import datetime, tzinfo
    from functools import partial

    for name in ("alembic.command", "uvicorn.protocols.http.h11_impl", "scheduler.cli.main", "scheduler.daemon", "scheduler.once"):
        importlib.import_module(name)
    import apscheduler.executors.base
    import apscheduler.schedulers.base

    import scheduler.config
    from crawlers.catalog import sources
    from crawlers.job import Manners

    class Now(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.fromtimestamp(time.time(), tz)

    apscheduler.executors.base.datetime = Now
    apscheduler.schedulers.base.datetime = Now
    setattr(scheduler.config, "Manners", partial(Manners, backoff=0.01))  # noqa: B010  # no key for it, and seconds each
    ssl.SSLContext.set_default_verify_paths = lambda *_: None  # type: ignore[method-assign]  # nothing here speaks TLS
    install_sources()
    sources()


def child(order: dict[str, Any]) -> int:
    import scheduler.engines.work
    import scheduler.once

    global _clock  # noqa: PLW0603  # a process has one clock
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir(order["cwd"])
    with Path(order["clock"]).open("rb") as file:
        _clock = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)
    os.environ.update(order.get("env", {}))
    time.tzset()
    if order.get("no_names"):
        NO_NAMES.append(Path(order["no_names"]))
    if order.get("alone") and ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "no network of its own could be made")
    for module in (scheduler.engines.work, scheduler.once):  # programs of their own, by the real clock; they have their own tests
        setattr(module, "duties", lambda *_: [])  # noqa: B010
    setattr(scheduler.engines.work, "own_duties", lambda *_: [])  # noqa: B010
    if order.get("busy"):
        from storage.journal import Journal

        Journal.open.__func__.__kwdefaults__["busy"] = order["busy"]  # type: ignore[attr-defined]  # half a minute else
    if order.get("kill"):
        from tests.fakes.killing import kill_at

        kill_at(*order["kill"])
    from scheduler.cli.main import run

    return run(order["argv"])


if __name__ == "__main__":
    prepare()
    serve(child)
