"""A store that is measured without a network, and a process that keeps at it, makes backups or tidies up, and may kill itself.

As a program it reads JSON lines: ``{"do": "measure" | "backup" | "vacuum" …, "folder", "target", "now", "kill": [place, n, when] | null}``,
forks a child for each, and answers with its wait status. ``measure`` never ends by itself and says each day that it has done.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import resource
import shutil
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from scrapy.http import Request, TextResponse

from crawlers import reduced
from crawlers.keep import Keep
from crawlers.object_address import Address
from crawlers.object_store import ObjectStore
from crawlers.uploads import bring_all
from crawlers.warc_writer import CaptureWriter
from scheduler import aging, backup, backup_files, housekeeping, reducing
from scheduler.config import Config, read
from storage import database, ledger, upkeep
from storage.journal import FILE, Journal
from storage.model import Observation, Remember, Series, Slot
from tests.fakes.s3 import BUCKET
from tests.fakes.toy import WIDGETS

DAY = 86400
START = 1_700_006_400  # a midnight
SERIES = Series("toy.widgets", "a", source="toy")

STEPS: Mapping[str, tuple[Any, str]] = {
    "copy the journal": (database, "copy"),
    "verify": (database, "verify"),
    "carry": (backup_files, "carry"),
    "copy a file": (backup_files, "_copy"),
    "link": (Path, "hardlink_to"),
    "rename": (Path, "replace"),
    "look through": (backup, "absent"),
    "remove": (Path, "unlink"),
    "reduce": (reducing, "rewrite"),
    "settle": (reduced, "settle"),
    "remember": (aging, "_remember"),
    "forget": (aging, "superseded"),
    "sweep": (housekeeping, "sweep"),
    "free": (upkeep, "_pragma"),
    "log": (upkeep, "_empty_log"),
    "append": (CaptureWriter, "append"),
    "name": (Path, "rename"),
    "close": (CaptureWriter, "close"),
    "put": (ObjectStore, "put"),
    "compare": (ObjectStore, "holds"),
    "take away": (ObjectStore, "remove"),
}


def measure(
    folder: Path, first: int, count: int, *, tell: Callable[[int], None] = lambda _: None, size: int = 300, keep: Keep | None = None
) -> None:
    """So many days of a source, a run each, with a response, what it remembers, and no network."""
    dice = random.Random(first)
    with Journal.open(folder, writable=True) as journal:
        for n in range(first, first + count):
            time = START + n * DAY
            with journal.write(now=time) as tx:
                tx.define([WIDGETS], "toy")
                run = ledger.open_run(tx, "toy", ledger.COLLECT, [Slot(SERIES, time)], now=time, parser=1)
            writer = CaptureWriter(keep or folder / "captures", run.id, time)
            url = f"http://toys.example.org/{n}"
            body = json.dumps({"count": n + 100, "more": dice.randbytes(size).hex()}).encode()
            capture = writer.append(Request(url), TextResponse(url, body=body), f"print-{n}", time)
            writer.sync()
            with journal.write(now=time, run=run.id) as tx:
                tx.put([Observation(SERIES, time, n + 100.0, observed_at=time, captures=(capture,))])
                tx.remember("toy", Remember("pace", {"day": n, "more": "x" * min(size, 300)}))
                ledger.finish_run(tx, run, "finished", 1)
            writer.close()
            tell(n)


def settings(folder: Path, **store: int) -> Config:
    return read({"store": {"path": str(folder), **store}}, folder / "uptake.toml", {})


def elsewhere(folder: Path, endpoint: str, room: int = 10**9) -> Keep:
    """A store of objects, with a folder of this machine's own for what waits."""
    return Keep(folder / "captures", Address(f"s3://{BUCKET}/kept", endpoint), room)


def forget_here(keep: Keep) -> None:
    """As on a machine that never asked anything."""
    for folder in (keep.folder, keep.copies):
        shutil.rmtree(folder, ignore_errors=True)


def make_backup(folder: Path, target: Path, now: int, *, link: bool = True) -> backup.Backup:
    config = folder / "uptake.toml"
    config.write_text('[crawl]\ncontact = "mailto:me@example.org"\n', encoding="utf-8")
    return backup.backup(folder, config, target, now=now, version="test", link=link, progress=lambda *_: None)


def tidy(folder: Path, now: int, **options: Any) -> housekeeping.Kept:
    store = {key: options.pop(key) for key in ("keep_days", "keep_people_days") if key in options}
    with Journal.open(folder, writable=True) as journal:
        return housekeeping.housekeeping(journal, settings(folder, **store), now, **options)


def kill_at(place: str, n: int, when: str) -> None:
    """Have the process end by itself before or after a step is taken for the n-th time."""
    owner, name = STEPS[place]
    inner = getattr(owner, name)
    taken = 0

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal taken
        taken += 1
        if taken == n and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        if taken == n and when == "midway":  # half a file reaches the disk
            source, target = args
            target.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        result = inner(*args, **kwargs)
        if taken == n and when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    for module in (owner, aging, backup, backup_files, reducing, housekeeping, upkeep):
        if getattr(module, name, None) is inner:
            setattr(module, name, wrapped)


def obey(order: Mapping[str, Any]) -> None:
    folder = Path(order["folder"])
    if order.get("kill"):
        kill_at(*order["kill"])
    if order.get("largest"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["largest"], order["largest"]))
    if order["do"] == "backup":
        make_backup(folder, Path(order["target"]), order["now"], link=order.get("link", False))
    elif order["do"] == "measure elsewhere":
        keep = elsewhere(folder, order["endpoint"])
        measure(folder, order["first"], 3, keep=keep)
        bring_all(keep, folder / "locks")
    elif order["do"] == "reduce elsewhere":
        with Journal.open(folder, writable=True) as journal:
            aging.reduce_aged(journal, lambda _: order["keep_days"], now=order["now"], keep=elsewhere(folder, order["endpoint"]))
    elif order["do"] == "vacuum":
        tidy(folder, order["now"], keep_days=order["keep_days"], rewrite=True)
    else:
        measure(folder, order["now"], 10**9, tell=_say)


def _say(word: object) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        if "endpoint" in order:
            importlib.import_module("s3fs")  # once: it takes most of a second
        child = os.fork()
        if child == 0:
            code = 1
            try:
                obey(order)
                code = 0
            except Exception as error:
                sys.stderr.write(f"{error}\n")
            finally:
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        _say(status)


if __name__ == "__main__":
    main()

__all__ = ["FILE", "elsewhere", "kill_at", "make_backup", "measure", "settings", "tidy"]
