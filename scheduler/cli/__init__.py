"""The command ``uptake``. Heavy imports wait until a command needs them, so that ``--help`` is quick."""

from __future__ import annotations

import sys


def main(argv: list[str] | None = None) -> None:
    """Run a command line. Exit 0 done; 1 done with failures that are listed; 2 wrong use or config."""
    from scheduler.cli.main import run

    sys.exit(run(sys.argv[1:] if argv is None else argv))


__all__ = ["main"]
