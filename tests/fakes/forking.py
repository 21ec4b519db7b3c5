"""Processes without their start-up time: one that has imported everything forks a child for each order.

`serve` is that process's side, `Zygote` the test's. Orders are JSON lines on standard input: one of the module's own starts a child
and gives its process id; ``{"reap": pid}`` waits for it and gives its exit code, below zero for a signal.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

REACTOR = "twisted.internet.reactor"
ROOT = Path(__file__).parents[2]


def serve(child: Callable[[dict[str, Any]], int]) -> None:
    """Until standard input ends. ``child`` is called in a process of its own for each order, and gives its exit code.

    What it prints goes to standard error. What a child had to import that came to its end, the next ones find imported.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    learned = Path(tempfile.mkdtemp(prefix="uptake-learned-"))
    known = set(sys.modules) | {REACTOR, "__mp_main__"}
    for line in sys.stdin:
        order = json.loads(line)
        if "reap" in order:
            answer = os.waitstatus_to_exitcode(os.waitpid(order["reap"], 0)[1])
            _learn(learned / str(order["reap"]))
            known |= set(sys.modules)
        else:
            answer = os.fork()
            if answer == 0:
                _live(child, order, learned, known)
        answers.write(f"{answer}\n")
        answers.flush()


def _live(child: Callable[[dict[str, Any]], int], order: dict[str, Any], learned: Path, known: set[str]) -> None:
    code = 70
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        code = child(order)
        if more := set(sys.modules) - known:
            (learned / str(os.getpid())).write_text("\n".join(sorted(more)), encoding="ascii")
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _learn(path: Path) -> None:
    if path.exists():
        for name in path.read_text(encoding="ascii").split():
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
        path.unlink()
        assert REACTOR not in sys.modules, "a child could not choose its reactor any more"


class Zygote:
    """Starts the process of a module that calls `serve`. Used as a context manager."""

    def __init__(self, module: str, environment: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def order(self, **fields: Any) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(fields) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def run(self, **fields: Any) -> int:
        """Start a child and wait for its end; gives its exit code, below zero for a signal."""
        return self.order(reap=self.order(**fields))
