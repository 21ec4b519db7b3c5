"""What the rules for claims get wrong, on simulated sources of which the truth is known.

python -m benchmarks.study [--runs 200] [--seed 1] [--check]     writes the table in docs/method.md

A basket has ten topics with weekly counts of five years: a level and a trend of each topic's own, a season of its own,
autocorrelated noise (AR(1), 0.6), counting noise, gaps, and in some runs steps of the source that all topics share.
The whole chain is run as on real figures (`trends.claims`), and what it claims is held against what was put in.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from storage.model import Basket, Cadence, Kind, Metric, Series, Topic
from storage.periods import WEEK, read_time
from trends.claim import Claim, State
from trends.claims import claims
from trends.panel import Floats, Group, Line, Panel, Points
from trends.studied import study

DOC = Path(__file__).parent.parent / "docs" / "method.md"
BEGIN, END = "<!-- generated: study -->", "<!-- end of generated -->"
TOPICS, WEEKS, RHO = 10, 260, 0.6
_START = read_time("2021-11-22")
_PER_YEAR = 365.25 / 7
_CLAIMED = (State.CLAIMED,)


@dataclass(frozen=True, slots=True)
class World:
    """How baskets of one kind are drawn. ``level`` is the range of log counts, ``trend`` that of log units a year."""

    name: str
    level: tuple[float, float] = (5.0, 11.0)
    trend: tuple[float, float] = (0.0, 0.0)
    noise: float = 0.15
    season: float = 0.15
    gaps: float = 0.0
    steps: int = 0
    kind: Kind = Kind.FLOW


@dataclass(slots=True)
class Tally:
    """What was claimed of one world, over all runs."""

    topics: int = 0
    false_topics: int = 0
    baskets: int = 0
    false_baskets: int = 0
    steps: int = 0
    steps_found: int = 0
    steps_false: int = 0
    sizes: list[float] = field(default_factory=list)
    covered: list[bool] = field(default_factory=list)
    found: list[bool] = field(default_factory=list)


NULLS = (
    World("nothing but noise and season"),
    World("with a tenth of the weeks missing", gaps=0.1),
    World("with two steps of the source", steps=2),
    World("small counts (1 to 12 a week)", level=(0.0, 2.5)),
    World("stronger noise and season", noise=0.3, season=0.3),
    World("levels instead of flows", kind=Kind.LEVEL),
)
TRENDS = (World("trends of −40 to +70 % a year", trend=(-0.5, 0.5)), World("the same with two steps", trend=(-0.5, 0.5), steps=2))


def noise(rng: np.random.Generator, rows: int, width: int, rho: float = RHO) -> Floats:
    """Rows of AR(1) noise of unit variance."""
    shocks = rng.standard_normal((rows, width))
    out = shocks.copy()
    for t in range(1, width):
        out[:, t] = rho * out[:, t - 1] + np.sqrt(1 - rho**2) * shocks[:, t]
    return out


def drawn(rng: np.random.Generator, world: World, logs: Floats) -> tuple[Floats, list[tuple[int, float]]]:
    """Counts around true logs, and the steps that were put in as (week, log size)."""
    rows, width = logs.shape
    years = np.arange(width) / _PER_YEAR
    season = world.season * rng.random((rows, 1)) * np.cos(2 * np.pi * (years + rng.random((rows, 1))))
    logs = logs + season + world.noise * noise(rng, rows, width)
    steps: list[tuple[int, float]] = []
    for part in np.array_split(np.arange(20, width - 20), world.steps) if world.steps else ():
        size = float(rng.choice([-1, 1]) * rng.uniform(np.log(1.6), np.log(3)))
        at = int(rng.choice(part[5:-5]))
        logs = logs + size * (np.arange(width) >= at)
        steps.append((at, size))
    counts = rng.poisson(np.exp(logs)).astype("float64")
    counts[rng.random(counts.shape) < world.gaps] = np.nan
    return counts, steps


def panel_of(counts: Floats, kind: Kind) -> Panel:
    """A panel of one group, as it would be read from the journal."""
    metric = Metric("jobs.postings", kind, "postings", Cadence.WEEK, "Postings", "")
    times = _START + WEEK * np.arange(counts.shape[1], dtype="int64")
    lines = []
    for i, row in enumerate(counts):
        known = np.isfinite(row)
        zeros = np.zeros(int(known.sum()), dtype="int64")
        points = Points(times[known], row[known], zeros, zeros, zeros.astype("bool"))
        lines.append(Line(Series(metric.name, f"t{i}", (), source="simulated"), metric, points, Points.empty()))
    events = pd.DataFrame({c: [] for c in ("time", "kind", "topic", "text", "url", "source")})
    group = Group(metric, (), tuple(lines))
    return Panel(int(times[-1]) + WEEK + 3600, None, None, group.topics, (group,), (), {}, events)


def claimed(panel: Panel) -> list[Claim]:
    topics = {t: Topic(t, t.upper()) for t in panel.topics}
    [basket] = claims(panel, [Basket("b", "Basket", panel.topics)], topics).baskets
    return [claim for claim in basket.claims if claim.state in _CLAIMED]


def levels(rng: np.random.Generator, world: World) -> tuple[Floats, Floats]:
    """True logs without noise, and true growth in log units a year. Null trends are none at all."""
    base, rate = rng.uniform(*world.level, (TOPICS, 1)), rng.uniform(*world.trend, (TOPICS, 1))
    years = (np.arange(WEEKS) - WEEKS) / _PER_YEAR
    return np.asarray(base + rate * years), rate[:, 0]


def null(world: World, runs: int, rng: np.random.Generator) -> Tally:
    """Any claim is false: topics do not grow, do not pass one another, their ratios do not move."""
    tally = Tally()
    for _ in range(runs):
        logs, _rates = levels(rng, world)
        counts, steps = drawn(rng, world, logs)
        panel = panel_of(counts, world.kind)
        told = claimed(panel)
        tally.topics += TOPICS
        tally.false_topics += len({topic for claim in told for topic in claim.topics})
        tally.baskets += 1
        tally.false_baskets += bool(told)
        _count_steps(tally, panel, steps)
    return tally


def _count_steps(tally: Tally, panel: Panel, steps: Sequence[tuple[int, float]]) -> None:
    [studied] = study(panel)
    found = {int((studied.grid.starts[s.at] - _START) // WEEK): s.size for s in studied.quality.steps}
    tally.steps += len(steps)
    for at, size in steps:
        if at in found:
            tally.steps_found += 1
            tally.sizes.append(abs(found[at] - size))
    tally.steps_false += len(set(found) - {at for at, _ in steps})


def grown(world: World, runs: int, rng: np.random.Generator) -> Tally:
    """Whether intervals of growth hold the truth, how many true trends are found, and claims of the wrong direction."""
    tally = Tally()
    for _ in range(runs):
        logs, rates = levels(rng, world)
        counts, steps = drawn(rng, world, logs)
        panel = panel_of(counts, world.kind)
        [studied] = study(panel)
        line = studied.growth[104]
        for i, topic in enumerate(studied.grid.topics):
            rate = float(rates[int(topic[1:])])
            tally.covered.append(bool(line.low[i] <= rate <= line.high[i]))
        for claim in claimed(panel):
            if claim.kind in {"growth", "fading"}:
                rate = float(rates[int(claim.topics[0][1:])])
                tally.false_topics += (rate > 0) != (claim.kind == "growth")
                tally.found.append(True)
        tally.topics += TOPICS
        _count_steps(tally, panel, steps)
    return tally


def overtaken(runs: int, rng: np.random.Generator) -> Tally:
    """One topic passes another at a known week of the last year and a half; the announced date is held against it."""
    tally = Tally()
    world = World("")
    for _ in range(runs):
        logs = np.repeat(np.linspace(5, 11, TOPICS)[:, None], WEEKS, axis=1)
        at, rate = float(rng.uniform(WEEKS - 70, WEEKS - 45)), float(rng.uniform(0.25, 0.7))
        logs[1] = logs[0] + rate * (np.arange(WEEKS) - at) / _PER_YEAR
        counts, _ = drawn(rng, world, logs)
        told = [c for c in claimed(panel_of(counts, world.kind)) if c.kind == "overtake"]
        mine = [c for c in told if set(c.topics) == {"t0", "t1"}]
        tally.baskets += 1
        tally.false_baskets += len(told) > len(mine) or any(c.topics[0] != "t1" for c in mine)
        tally.found.append(bool(mine))
        for claim in mine:
            low, high = (_week(claim.numbers[end]) for end in ("low", "high"))
            tally.covered.append(low <= at <= high)
            tally.sizes.append(high - low)
    return tally


def _week(text: object) -> float:
    return (read_time(str(text)) - _START) / WEEK if text else -np.inf


def coming(runs: int, rng: np.random.Generator) -> Tally:
    """One topic will pass another in some months: whether the announced weeks hold the truth."""
    tally = Tally()
    for _ in range(runs):
        logs = np.repeat(np.linspace(5, 11, TOPICS)[:, None], WEEKS, axis=1)
        ahead, rate = float(rng.uniform(15, 60)), float(rng.uniform(0.3, 0.8))
        logs[1] = logs[0] + rate * (np.arange(WEEKS) - (WEEKS - 1) - ahead) / _PER_YEAR
        counts, _ = drawn(rng, World(""), logs)
        told = [c for c in claimed(panel_of(counts, Kind.FLOW)) if c.kind == "on_course"]
        mine = [c for c in told if c.topics == ("t1", "t0")]
        tally.baskets += 1
        tally.false_baskets += len(told) > len(mine)
        tally.found.append(bool(mine))
        tally.covered += [float(c.numbers["low"] or 0) <= ahead <= float(c.numbers["high"] or 0) for c in mine]
    return tally


def _part(count: float, whole: float) -> str:
    return f"{100 * count / whole:.1f} %" if whole else "—"


def _mean(values: Iterable[bool]) -> str:
    listed = list(values)
    return _part(sum(listed), len(listed))


def study_all(runs: int, seed: int) -> tuple[str, list[str]]:
    """The tables, and what is not as it must be."""
    rng = np.random.default_rng(seed)
    failures: list[str] = []
    lines = [
        f"{runs} baskets of {TOPICS} topics a row, {WEEKS} weeks, autocorrelation {RHO}; written by `python -m benchmarks.study`.",
        "",
        "| nothing happens | false claims, of topics | of baskets | steps found | steps seen that were none |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for world in NULLS:
        t = null(world, runs, rng)
        found = _part(t.steps_found, t.steps)
        lines.append(
            f"| {world.name} | {_part(t.false_topics, t.topics)} | {_part(t.false_baskets, t.baskets)} | {found} | {t.steps_false} |"
        )
        margin = 2 * np.sqrt(0.05 * 0.95 / t.baskets)
        if t.false_topics > 0.05 * t.topics or t.false_baskets > (0.05 + margin) * t.baskets:
            failures.append(f"{world.name}: too many false claims")
        if t.steps_found < 0.95 * t.steps:
            failures.append(f"{world.name}: steps missed")
        print(lines[-1], flush=True)
    lines += [
        "",
        "| something happens | interval holds the truth | told | told wrongly | steps found |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for world in TRENDS:
        t = grown(world, max(1, runs // 2), rng)
        told = _part(len(t.found), t.topics)
        lines.append(f"| {world.name} | {_mean(t.covered)} | {told} | {t.false_topics} | {_part(t.steps_found, t.steps)} |")
        print(lines[-1], flush=True)
    for name, made in (("one topic overtakes another", overtaken), ("one topic is on course to", coming)):
        t = made(runs, rng)
        lines.append(f"| {name} | {_mean(t.covered)} | {_mean(t.found)} | {t.false_baskets} | |")
        if sum(t.covered) < 0.9 * len(t.covered):
            failures.append(f"{name}: outside the interval too often")
        print(lines[-1], flush=True)
    return "\n".join(lines), failures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a rule is broken")
    options = parser.parse_args()
    text, failures = study_all(options.runs, options.seed)
    if not options.check:
        before, _, rest = DOC.read_text(encoding="utf-8").partition(BEGIN)
        after = rest.partition(END)[2]
        DOC.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")
    if failures:
        raise SystemExit("; ".join(failures))


if __name__ == "__main__":
    main()
