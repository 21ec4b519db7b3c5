"""Groups of series, studied: their grid, what is wrong with it, and how fast its topics grow. Done once for all baskets.

Quality is of the source and so of all topics at once, whichever basket they are in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from storage.model import Cadence
from trends.claim import Coverage, Finding
from trends.grid import WINDOWS, Grid, finals, grid_of
from trends.growth import FEW, Growth, growth, of_few
from trends.panel import Group, Panel, Points, summable
from trends.quality import Quality, of_group, quality
from trends.robust import median
from trends.signals import signal_of, speaks
from trends.slopes import FULL

_COLUMNS = ("n", "slope", "low", "high", "p", "rho", "scatter", "level", "few")
_YEAR = 365.25 * 86400


@dataclass(frozen=True, eq=False)
class Studied:
    """One group. ``fresh`` are the topics whose newest figure is not stale, ``last`` is that figure's time for each topic;
    ``growth`` is by window in weeks; ``copied`` says that it was read from a server, which keeps no reasons of gaps.
    """

    grid: Grid
    quality: Quality
    growth: dict[int, Growth]
    fresh: tuple[str, ...]
    findings: tuple[Finding, ...]
    last: Mapping[str, int]
    group: Group | None = None
    copied: bool = False

    @cached_property
    def fresh_set(self) -> frozenset[str]:
        return frozenset(self.fresh)

    @cached_property
    def by_topic(self) -> Mapping[str, tuple[Finding, ...]]:
        """Findings about single topics."""
        found: dict[str, list[Finding]] = {}
        for finding in self.findings:
            for topic in finding.topics:
                found.setdefault(topic, []).append(finding)
        return {topic: tuple(of) for topic, of in found.items()}

    @property
    def signal(self) -> str:
        return signal_of(self.grid.metric)


def study(panel: Panel) -> list[Studied]:
    """All groups of a panel of which anything may be claimed."""
    known = [(group, finals(panel, group)) for group in panel.groups if speaks(group.metric)]
    pairs = [(group, points, grid) for group, points in known if (grid := grid_of(panel, group, points)) is not None]
    done = study_grids([grid for *_, grid in pairs])
    return [_of_panel(panel, group, points, studied) for (group, points, _), studied in zip(pairs, done, strict=True)]


def _of_panel(panel: Panel, group: Group, points: Mapping[str, Points], studied: Studied) -> Studied:
    own = of_group(panel, group, studied.grid, points)
    old = {topic for finding in own if finding.kind == "stale" for topic in finding.topics}
    fresh = tuple(topic for topic in studied.grid.topics if topic not in old)
    last = {topic: int(points[topic].times[-1]) for topic in studied.grid.topics}
    return replace(studied, fresh=fresh, findings=(*own, *studied.findings), last=last, group=group, copied=bool(panel.read_from))


def study_grids(grids: Sequence[Grid]) -> list[Studied]:
    """Grids without their points: all topics count as fresh. Lines of all grids of a cadence are drawn together."""
    qualities = [quality(grid) for grid in grids]
    grown: list[dict[int, Growth]] = [{} for _ in grids]
    for cadence in dict.fromkeys(grid.cadence for grid in grids):
        at = [i for i, grid in enumerate(grids) if grid.cadence is cadence]
        for i, found in zip(at, _together([grids[i] for i in at], [qualities[i] for i in at], cadence), strict=True):
            grown[i] = found
    return [Studied(g, q, lines, g.topics, q.findings, _newest(g)) for g, q, lines in zip(grids, qualities, grown, strict=True)]


def _newest(grid: Grid) -> dict[str, int]:
    known = np.isfinite(grid.values)
    at = known.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    return dict(zip(grid.topics, grid.starts[at].tolist(), strict=True))


def _together(grids: Sequence[Grid], qualities: Sequence[Quality], cadence: Cadence) -> list[dict[int, Growth]]:
    width = max(grid.window(max(WINDOWS)) for grid in grids)
    rows = np.vstack([_tail(q.rows, width) for q in qualities])
    found = growth(rows, cadence, grids[0].per_year)
    values = np.vstack([_tail(grid.values, width) for grid in grids])
    flow = np.concatenate([np.full(len(grid.topics), summable(grid.metric)) for grid in grids])
    small = median(values) < FEW
    longest = found[max(WINDOWS)]
    longest.p[small & ~flow] = np.nan  # a stock of a few has no scatter of its own to be tested with
    if (small & flow).any():
        for name in _COLUMNS:
            getattr(longest, name)[small & flow] = getattr(of_few(values[small & flow], grids[0].per_year), name)
    edges = np.cumsum([0, *(len(grid.topics) for grid in grids)])
    return [{w: _slice(g, a, b) for w, g in found.items()} for a, b in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)]


def _tail(rows: np.ndarray[tuple[int, ...], np.dtype[np.float64]], width: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    tail = rows[:, -width:]
    return np.hstack([np.full((len(rows), width - tail.shape[1]), np.nan), tail]) if tail.shape[1] < width else tail


def _slice(whole: Growth, start: int, end: int) -> Growth:
    return Growth(whole.weeks, **{name: getattr(whole, name)[start:end] for name in _COLUMNS})


def coverage_of(panel: Panel, studied: Studied, topics: Sequence[str]) -> Coverage:
    """How much of the last year a group knows of some topics, and from when on their growth can be tested."""
    grid = studied.grid
    mine = grid.only(topics)
    steps = min(mine.window(52), mine.values.shape[1])
    known = np.isfinite(mine.values[:, -steps:])
    first = int(grid.starts[np.isfinite(mine.values).any(axis=0).argmax()])
    tested = np.isfinite(studied.growth[max(WINDOWS)].p[[grid.place[t] for t in mine.topics]]).any()
    fresh = any(topic in studied.fresh for topic in mine.topics)
    ready = first + int(FULL * _YEAR)
    waiting = fresh and not tested and ready > panel.present and grid.cadence is not Cadence.YEAR
    last = max(studied.last[topic] for topic in mine.topics)
    counts = (int(known.sum()), known.size)
    return Coverage(grid.key, grid.metric.name, studied.signal, grid.sources, *counts, last, fresh, ready if waiting else None)
