"""Forks a child for each pass of sending (`tests.fakes.forking`), which may be told to kill itself.

Orders are ``{"folder", "now", "by_hand", "kill": [place, n, when] | null}``; places are steps of one message's life.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from scheduler.config import load
from scheduler.sending import Sender, send_due
from storage import digests, sendings
from storage.journal import Journal
from tests.fakes.forking import serve
from tests.fakes.killing import STEPS, kill_at
from trends import charts
from trends.mail_server import Post

STEPS |= {
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


def child(order: dict[str, Any]) -> int:
    if order["kill"]:
        kill_at(*order["kill"])
    folder = Path(order["folder"])
    with Journal.open(folder / "data", writable=True) as journal:
        send_due(journal, load(folder / "uptake.toml", {}), now=order["now"], environment={}, by_hand=order["by_hand"])
    return 0


if __name__ == "__main__":
    for name in ("alembic.command", "trends.claims", "trends.digest_charts", "trends.report", "css_inline", "jinja2"):
        importlib.import_module(name)
    charts.png = lambda *_args, **_options: b"\x89PNG\r\n\x1a\n"  # drawing takes seconds
    serve(child)
