"""The table of faults as a page: what was done to the program, how often, and what was lost."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

SOAK = "UPTAKE_SOAK"  # set by `make soak`: more tries, and the page is written
PROPERTY = "fault"
PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"

INTRO = """\
<!-- Written by `make soak`; do not edit. -->
# Reliability: what was done to it, and what was lost

Uptake is meant to run for years on a machine that nobody watches. This page is the record of a run of the fault suite:
real `uptake run` processes, asking real servers on this machine, to each of which something was done that happens in the
course of years. After every single try, the same four things are checked:

- every figure that was planned has exactly one end: measured, recovered from history, doubtful, or missing with its reason;
- every value leads to the stored page that it was read from, and that page is whole;
- the journal is sound: SQLite's own check, no gap in its sequence, nothing recorded out of order;
- once the program went on undisturbed, it holds every value that a program to which nothing was done has, with the same number,
  wherever the value could still be had. *Lost* counts those that it does not.

"""

OUTRO = """
A figure that exists only in the present (stars now, say) cannot be had later: where nobody measured while its day passed, it ends as
missing with the reason *downtime*, is shown as such, and is no zero. Such figures are not counted as lost; what the source's history
still tells is, and is recovered.

Run it again with `make soak` (about {minutes} minutes on two cores; some faults need Linux and root, for full disks are small file
systems of their own). A short form of the same tests is part of `make test`.
"""


def full() -> bool:
    """Whether this is a full run."""
    return bool(os.environ.get(SOAK))


def tries(short: int, soak: int) -> int:
    return soak if full() else short


def merged(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row a fault, in alphabetical order: tries and losses added up."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        same = found.setdefault((row["fault"], row["outcome"]), {**row, "tries": 0, "lost": 0})
        same["tries"] += row["tries"]
        same["lost"] += row["lost"]
    return [found[key] for key in sorted(found)]


def page(rows: Iterable[Mapping[str, Any]], skipped: Iterable[str], minutes: int) -> str:
    found = merged(rows)
    lines = [f"| {r['fault']} | {r['tries']:,} | {r['outcome']} | {r['lost']} |" for r in found]
    total = f"| **all** | **{sum(r['tries'] for r in found):,}** | | **{sum(r['lost'] for r in found)}** |"
    head = ["| what was done | tries | what came of it | lost |", "|---|---:|---|---:|"]
    left_out = "".join(f"\nNot tried here: {reason}.\n" for reason in sorted(set(skipped)))
    where = f"\nPython {platform.python_version()} on {platform.system()}.\n"
    return INTRO + "\n".join([*head, *lines, total, ""]) + where + left_out + OUTRO.format(minutes=minutes)


def write(rows: Iterable[Mapping[str, Any]], skipped: Iterable[str], seconds: float) -> None:
    PAGE.write_text(page(rows, skipped, max(1, round(seconds / 60))), encoding="utf-8")
