"""Postings of made-up companies, for local servers in the shape of boards that are downloaded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.model import Bound
from storage.periods import DAY
from tests.fakes.boards import TODAY, TOPICS, Counts
from tests.harness import Harness

CAPTURES = Path(os.environ.get("UPTAKE_CAPTURES", Path(__file__).parents[2].parent / "shared" / "captures"))
FEW: Counts = {"pytorch": 15, "tensorflow": 9, "": 60, "new:pytorch": 3, "new:tensorflow": 2}
COMPANIES = ("Acme", "Globex", "Initech", "Umbrella Weather", "PyTorch Plumbing GmbH")


@dataclass(frozen=True)
class Made:
    """One posting. ``tags`` and ``html`` may name the topic; the company's name never counts."""

    number: int
    title: str
    html: str
    posted: int
    tags: tuple[str, ...] = ()
    company: str = "Acme"
    place: int = 0

    def iso(self, zone: str = "+00:00") -> str:
        return datetime.fromtimestamp(self.posted, UTC).strftime("%Y-%m-%dT%H:%M:%S") + zone


def made(counts: Counts) -> list[Made]:
    """A board's postings for such counts, newest first.

    New ones stand in the seven days before `TODAY`, and as many in the seven days before a week and a day later, so that
    the counts of new postings are the same on both days.
    """
    found: list[Made] = []
    for topic in (t.key for t in TOPICS):
        total, new = counts[topic], min(counts.get(f"new:{topic}", 0), counts[topic] // 2)
        days = [-1] * new + [4] * new + [-30] * (total - 2 * new)
        found += [_made(len(found) + n, topic, TODAY + d * DAY - 60 * n, n % (new or 1)) for n, d in enumerate(days)]
    found += [_made(len(found) + n, "", TODAY - 40 * DAY - 60 * n, n) for n in range(counts[""] - len(found))]
    return sorted(found, key=lambda p: -p.posted)


def _made(number: int, topic: str, posted: int, place: int) -> Made:
    """The topic stands by turns in the title, among the tags, and in the text, there escaped and in capitals."""
    name = {"pytorch": "PyTorch", "tensorflow": "TensorFlow"}.get(topic, "")
    stands = number % 3 if name else -1
    more = f"&nbsp;{name.upper()}" if stands == 2 else ""
    return Made(
        number=1000 + number,
        title=f"Engineer, {name}" if stands == 0 else "Engineer (m/f/d)",
        html=f"<p>You know R&amp;D, <b>pytorching</b></p><ul><li>and{more}</li></ul><p>AT&amp;T</p>",
        posted=posted,
        tags=("python", name.lower()) if stands == 1 else ("python",),
        company=COMPANIES[number % len(COMPANIES)],
        place=place % 3,
    )


def figures(h: Harness, metric: str, at: int = TODAY) -> dict[str, tuple[float, Bound]]:
    """Values and bounds of one time by series, without the metric's name."""
    values, bounds = h.values(metric), h.bounds(metric)
    return {name.partition("{")[2].rstrip("}"): (v[at], bounds[name][at]) for name, v in values.items() if at in v}


def captured(pattern: str) -> Iterator[bytes]:
    """The bodies of the real responses at a pattern."""
    found = sorted(CAPTURES.glob(pattern))
    if not found:
        pytest.skip(f"no captures at {CAPTURES / pattern}")
    return (path.read_bytes() for path in found)
