"""What is wrong with figures, before anything is said of topics: each finding is a record with what shows it.

`Quality` holds what the rest needs of one grid: its log counts without the source's own steps, and the findings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from storage.model import Bound, Cadence, Kind
from storage.periods import iso
from trends import readings, wording
from trends.claim import Finding, Number
from trends.grid import Grid
from trends.movement import Common, Step, common, spliced, steps
from trends.panel import Floats, Group, Panel, Points
from trends.robust import SCALE, median, previous
from trends.slopes import Flags

FAR = 8.0  # scatters that make an outlier
STUCK = 8  # equal values in a row, where the row and its neighbours used to move
RESET = np.log(2.0)  # a counter that loses more than half at once has begun anew
MANY = 20  # that a level must have had for its loss to be the counter's
CAPPED = 4  # newest values at one upper bound
GAP = 3  # steps without a value that are told
_SIDE = 2  # neighbours on either side that a single value is held against
_QUIET = 0.02  # log units that even a still row may move


@dataclass(frozen=True, slots=True, eq=False)
class Quality:
    """``rows`` are log counts without steps; ``common`` are movements that are too new to be told from the topics'."""

    grid: Grid
    rows: Floats
    steps: tuple[Step, ...]
    common: tuple[Common, ...]
    findings: tuple[Finding, ...]

    def steps_within(self, columns: int) -> tuple[Step, ...]:
        """Steps inside the last columns, which a line through them runs across."""
        return tuple(step for step in self.steps if step.at > self.rows.shape[1] - columns)


def quality(grid: Grid) -> Quality:
    """All that can be found in one grid."""
    found = steps(grid.logs)
    rows = spliced(grid.logs, found) if found else grid.logs
    spans = (1, 4) if grid.cadence is Cadence.WEEK else (1,)
    moved = [c for span in spans if grid.cadence is not Cadence.YEAR and (c := common(rows, span, found)) is not None]
    records = [*_steps(grid, found), *_common(grid, moved), *_cells(grid, rows), *_gaps(grid)]
    return Quality(grid, rows, found, tuple(moved), tuple(records))


def of_group(panel: Panel, group: Group, grid: Grid, finals: Mapping[str, Points]) -> list[Finding]:
    """What a group's own points show beside its grid: what is stale, not over yet, or joined of two origins."""
    found = []
    joined = {line.imported for line in group.lines} == {True, False}
    for topic in grid.topics:
        points, done = group.reading(topic), finals[topic]
        last = int(done.times[-1])
        if readings.stale(group.metric, done, panel.present):
            text = f"no figure since {wording.date(last)}, more than two of its periods ago"
            found.append(Finding("stale", grid.key, (topic,), last, panel.present, text))
        elif len(points) > len(done):
            text = f"{len(points) - len(done)} newest not over or not settled: used in nothing"
            numbers = {"points": len(points) - len(done)}
            found.append(Finding("partial", grid.key, (topic,), int(points.times[len(done)]), panel.present, text, numbers))
        seam = group.splice(topic) if joined else None
        if seam is not None and grid.starts[0] < seam <= panel.present:
            text = f"imported figures up to {wording.date(seam)}, measured ones from then on"
            found.append(Finding("splice", grid.key, (topic,), seam, seam, text))
    return found


def _steps(grid: Grid, found: Iterable[Step]) -> Iterable[Finding]:
    for step in found:
        words = "a passing movement" if step.passing else "a change of the counter"
        size = wording.percent(100 * float(np.expm1(step.size)), signed=True)
        text = f"{step.topics} topics together {size} at once: {words}, taken out of what is compared"
        numbers = {"percent": 100 * float(np.expm1(step.size)), "scatters": step.mads, "topics": step.topics}
        start = int(grid.starts[step.at])
        yield Finding("common_movement" if step.passing else "step", grid.key, (), start, start, text, numbers)


def _common(grid: Grid, found: Iterable[Common]) -> Iterable[Finding]:
    for moved in found:
        size = wording.percent(100 * float(np.expm1(moved.size)), signed=True)
        text = f"{moved.moved} of {moved.topics} moved one way, median {size}: that may be the counter"
        numbers = {"percent": 100 * float(np.expm1(moved.size)), "scatters": moved.mads, "moved": moved.moved, "topics": moved.topics}
        start, end = int(grid.starts[moved.at - moved.span]), int(grid.starts[moved.at])
        yield Finding("common_movement", grid.key, (), start, end, text, numbers)


def _cells(grid: Grid, rows: Floats) -> Iterable[Finding]:
    """Findings about single values and stretches of single rows."""
    alone = outliers(rows)
    for row, column in np.argwhere(alone):
        text = f"{wording.full(float(grid.values[row, column]))} stands alone, far from the values beside it"
        yield _at(grid, "outlier", int(row), int(column), text)
    if grid.metric.kind is Kind.LEVEL:
        for row, column in np.argwhere(_resets(np.where(alone, np.nan, rows))):
            text = f"fell to {wording.full(float(grid.values[row, column]))} at once: begun anew or counted otherwise"
            yield _at(grid, "reset", int(row), int(column), text)
    yield from _stuck(grid)
    yield from _saturated(grid)


def _at(grid: Grid, kind: str, row: int, column: int, text: str) -> Finding:
    time = int(grid.starts[column])
    return Finding(kind, grid.key, (grid.topics[row],), time, time, text, {"value": float(grid.values[row, column])})


def outliers(rows: Floats) -> Flags:
    """Values far from their neighbours before and from those after, to the same side, by how far values usually are."""
    width = rows.shape[1]
    if width < 4 * _SIDE:
        return np.zeros(rows.shape, dtype="bool")
    padded = np.hstack([np.full((len(rows), _SIDE), np.nan), rows, np.full((len(rows), _SIDE), np.nan)])
    sides = [[padded[:, start + i : start + i + width] for i in range(_SIDE)] for start in (0, _SIDE + 1)]
    before, after = (rows - _mean(side) for side in sides)
    off = np.where(np.sign(before) == np.sign(after), np.minimum(np.abs(before), np.abs(after)), 0.0)
    usual = np.maximum(SCALE * median(np.minimum(np.abs(before), np.abs(after))), _QUIET)
    return np.asarray(np.nan_to_num(off) > FAR * np.nan_to_num(usual, nan=np.inf)[:, None])


def _mean(columns: Sequence[Floats]) -> Floats:
    """The mean of what is known at each place; NaN where nothing is."""
    known = sum(np.isfinite(column).astype("float64") for column in columns)
    total = sum(np.nan_to_num(column) for column in columns)
    return np.asarray(np.where(known > 0, total / np.maximum(known, 1.0), np.nan))


def _resets(rows: Floats) -> Flags:
    """Where a level of more than a few lost over half at once, stayed there, and the others did not."""
    before = previous(rows, limit=GAP)
    changes = rows - before
    stays = np.minimum(rows, np.hstack([rows[:, 1:], rows[:, -1:]])) - before
    lost = (changes < -RESET) & (changes - np.nan_to_num(median(changes, axis=0)) < -RESET) & (stays < -RESET)
    return np.asarray(lost & (np.nan_to_num(before, nan=-np.inf) > np.log(MANY)))


def _stuck(grid: Grid) -> Iterable[Finding]:
    """Rows that have not moved of late and used to, while another row of the group moves."""
    if grid.values.shape[1] < 2 * STUCK:
        return
    tail, before = grid.values[:, -STUCK:], grid.values[:, :-STUCK]
    still = (tail == tail[:, :1]).all(axis=1) & (tail[:, 0] > 0)
    used = before - previous(before, limit=GAP)
    known = np.isfinite(used).sum(axis=1)
    moved = np.where(known > 0, (np.nan_to_num(used) != 0).sum(axis=1) / np.maximum(known, 1), 0.0) > 0.9
    if not (moved & ~still).any():
        return
    for row in np.flatnonzero(still & moved & (known >= STUCK)):
        text = f"{wording.full(float(tail[row, 0]))} for {STUCK} readings in a row, while others move"
        numbers = {"value": float(tail[row, 0]), "readings": STUCK}
        yield Finding("stuck", grid.key, (grid.topics[row],), int(grid.starts[-STUCK]), int(grid.starts[-1]), text, numbers)


def _saturated(grid: Grid) -> Iterable[Finding]:
    """Rows whose newest values all stand at one lower bound: the source tells no more than that."""
    if grid.values.shape[1] < CAPPED:
        return
    tail = grid.values[:, -CAPPED:]
    capped = (tail == tail[:, :1]).all(axis=1) & (grid.bounds[:, -CAPPED:] == Bound.AT_LEAST).all(axis=1)
    for row in np.flatnonzero(capped):
        text = f"at least {wording.full(float(tail[row, 0]))} for {CAPPED} readings: the source tells no more"
        numbers = {"value": float(tail[row, 0])}
        yield Finding("saturated", grid.key, (grid.topics[row],), int(grid.starts[-CAPPED]), int(grid.starts[-1]), text, numbers)


def _gaps(grid: Grid) -> Iterable[Finding]:
    """Stretches without a value between values. Gaps that all topics share are one finding."""
    known = np.isfinite(grid.values)
    found: dict[tuple[int, int], list[str]] = {}
    for row, topic in enumerate(grid.topics):
        at = np.flatnonzero(known[row])
        for i in np.flatnonzero(np.diff(at) > GAP):
            found.setdefault((int(at[i]), int(at[i + 1])), []).append(topic)
    for (low, high), topics in found.items():
        count = high - low - 1
        whose = () if len(topics) == len(grid.topics) else tuple(topics)
        text = f"no figure for {count} {grid.cadence}s"
        yield Finding("gap", grid.key, whose, int(grid.starts[low]), int(grid.starts[high]), text, {"missing": count})


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one group says of one topic's growth: percent a year with its interval."""

    series: str
    topic: str
    percent: float
    low: float
    high: float
    time: int


def disagreements(estimates: Iterable[Estimate]) -> list[Finding]:
    """Topics of which two sources of one thing say opposite things: intervals on different sides of zero."""
    by_topic: dict[str, list[Estimate]] = {}
    for one in estimates:
        by_topic.setdefault(one.topic, []).append(one)
    found = []
    for topic, of_topic in by_topic.items():
        up, down = [e for e in of_topic if e.low > 0], [e for e in of_topic if e.high < 0]
        if up and down:
            a, b = max(up, key=lambda e: e.low), min(down, key=lambda e: e.high)
            told = f"{a.series} {_interval(a)} against {b.series} {_interval(b)}"
            numbers: dict[str, Number] = {
                "up": a.percent,
                "down": b.percent,
                "up_series": a.series,
                "down_series": b.series,
                "at": iso(a.time),
            }
            found.append(Finding("disagreement", a.series, (topic,), min(a.time, b.time), max(a.time, b.time), told, numbers))
    return found


def _interval(one: Estimate) -> str:
    ends = f"{wording.percent(one.low, signed=True)} to {wording.percent(one.high, signed=True)}"
    return f"{wording.percent(one.percent, signed=True)} a year [{ends}]"
