"""The trust gate: why a claim is not made. A withheld claim is shown with its reasons, never decorated (design, section 7)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from trends import wording
from trends.claim import Finding
from trends.studied import Studied

COVERED = 0.8  # of the steps of a window that must have a figure
MOSTLY = 0.5  # of the figures that may be lower bounds or estimates
_SPOIL = {"stuck": "its newest figures do not move", "saturated": "the source tells no more than a lower bound"}
_SPOIL |= {"reset": "its counter has begun anew"}


def reasons(studied: Studied, topics: Sequence[str], weeks: int, *, absolute: bool, opposed: Iterable[Finding] = ()) -> tuple[str, ...]:
    """Why nothing is claimed of some topics over a window; empty where it may be.

    ``absolute`` claims suffer from what moves the whole source (steps, common movement), ratios do not. ``opposed`` are
    disagreements with other sources of the same thing.
    """
    grid = studied.grid
    steps = min(grid.window(weeks), grid.values.shape[1])
    rows = [grid.place[topic] for topic in topics]
    found = [*_coverage(studied, topics, grid.window(weeks)), *_bounds(studied, rows, steps)]
    if absolute:
        found += _source(studied, steps)
    start = int(grid.starts[-steps])
    for finding in (f for topic in topics for f in studied.by_topic.get(topic, ())):
        if finding.kind in _SPOIL and finding.end >= start:
            found.append(f"{_SPOIL[finding.kind]} ({finding.text})")
    found += [f"two sources disagree: {f.text}" for f in opposed if set(f.topics) & set(topics)]
    return tuple(dict.fromkeys(found))


def _coverage(studied: Studied, topics: Sequence[str], steps: int) -> list[str]:
    """Of the window, or of what has passed of it since a topic's beginning."""
    grid = studied.grid
    for topic in topics:
        known = np.isfinite(grid.values[grid.place[topic], -steps:])
        since = known[known.argmax() :]
        part = float(since.mean()) if known.any() else 0.0
        if part < COVERED:
            return [f"only {wording.percent(100 * part)} of its {grid.cadence}s have a figure"]
        if studied.copied and part < 1:
            lost = f"{int((~since).sum())} of {len(since)} {grid.cadence}s"
            return [f"read from a server, which does not keep why {lost} have no figure"]
    return []


def _bounds(studied: Studied, rows: Sequence[int], steps: int) -> list[str]:
    bounds = studied.grid.bounds[rows, -steps:]
    known = bounds >= 0
    loose = (bounds > 0).sum() / known.sum() if known.any() else 0.0
    return [f"{wording.percent(100 * float(loose))} of its figures are bounds or estimates"] if loose > MOSTLY else []


def _source(studied: Studied, steps: int) -> list[str]:
    found = []
    for step in studied.quality.steps_within(steps):
        if not step.passing:
            when = wording.date(int(studied.grid.starts[step.at]))
            size = wording.percent(100 * float(np.expm1(step.size)), signed=True)
            found.append(f"the counter changed on {when} (all topics {size} at once)")
    for moved in studied.quality.common[:1]:
        size = wording.percent(100 * float(np.expm1(moved.size)), signed=True)
        found.append(f"{moved.moved} of {moved.topics} moved together, median {size}: that is the counter, not the topic")
    return found
