"""A small process that has imported everything, and forks a child for each pass of sending, which may be told to kill itself.

Commands are JSON lines on standard input: ``{"folder", "now", "by_hand", "kill": [place, n, when] | null}``; the answer
is the child's wait status. Places are steps of one message's life.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path

from scheduler.config import load
from scheduler.sending import Sender, send_due
from storage import digests, sendings
from storage.journal import Journal
from tests.fakes import zygote
from trends import charts
from trends.mail_server import Post

zygote.STEPS |= {
    "keep": (digests, "keep"),
    "plan": (sendings, "plan"),
    "connect": (Post, "_connected"),
    "prepare": (Post, "_prepare"),
    "begin": (sendings, "begin"),
    "leave": (Post, "_leave"),
    "end": (sendings, "end"),
    "noted": (Sender, "_note"),
    "quit": (Post, "__exit__"),
}


def send(folder: Path, now: int, *, by_hand: bool) -> None:
    with Journal.open(folder / "data", writable=True) as journal:
        send_due(journal, load(folder / "uptake.toml", {}), now=now, environment={}, by_hand=by_hand)


def main() -> None:
    for name in ("alembic.command", "trends.claims", "trends.digest_charts", "trends.report", "css_inline", "jinja2"):
        importlib.import_module(name)
    charts.png = lambda *_args, **_options: b"\x89PNG\r\n\x1a\n"  # type: ignore[assignment]  # drawing takes seconds
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                if order["kill"]:
                    zygote.kill_at(*order["kill"])
                send(Path(order["folder"]), order["now"], by_hand=order["by_hand"])
                code = 0
            finally:
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{status}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
