"""How soon the command line answers: ``uptake --help`` against Python's own start.

python -m benchmarks.bench_cli [--rounds 10]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from benchmarks import Row

ROOT = Path(__file__).parent.parent
LIMIT = 0.5  # seconds
HEAVY = ("alembic", "altair", "jinja2", "numpy", "pandas", "pyarrow", "pydantic", "scipy", "scrapy", "sqlalchemy", "twisted")
HELP = "from scheduler.cli import main; main(['--help'])"
LOADED = f"""
import sys
from scheduler.cli import main
try:
    main(["--help"])
except SystemExit:
    print("loaded:", *(name for name in {HEAVY!r} if name in sys.modules))
"""


def starting(rounds: int = 10) -> list[Row]:
    """The least of several interleaved starts, and which heavy packages ``--help`` brings in."""
    ours, bare = [], []
    for _ in range(rounds):
        ours.append(_seconds(HELP))
        bare.append(_seconds("pass"))
    loaded = _python(LOADED).stdout.rpartition("loaded:")[2].split()
    return [
        Row(
            "`uptake --help`",
            f"{min(ours):.3f} s",
            f"{min(bare):.3f} s",
            min(bare) / min(ours),
            f"under {LIMIT} s",
            min(ours) < LIMIT,
            f"the least of {rounds} starts; against `python -c pass`",
        ),
        Row(
            "… heavy packages that it imports",
            ", ".join(loaded) or "none",
            target="none",
            met=not loaded,
            note=f"looked for: {', '.join(HEAVY)}",
        ),
    ]


def _seconds(code: str) -> float:
    started = time.perf_counter()
    _python(code)
    return time.perf_counter() - started


def _python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    for row in starting(parser.parse_args().rounds):
        print(row)


if __name__ == "__main__":
    main()
