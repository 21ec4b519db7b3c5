"""Claims about single topics: what grows or fades for sure, what stocks of people's deeds gained, what moved all at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np

from storage.model import Bound, Cadence, Kind
from storage.periods import WEEK, iso
from trends import gate, poisson, readings, share, wording
from trends.claim import Claim, ClaimKind, Number, State, identity
from trends.grid import WINDOWS
from trends.growth import percent
from trends.panel import Floats
from trends.robust import previous
from trends.scene import Draft, Scene, coarse, gated, number, span, what
from trends.signals import stock
from trends.studied import Studied

YEAR = 52 * WEEK
NAMED = 2  # topics of a stock that are told
LOST = 5  # fewer that a stock may lose without its being told
_LONG = max(WINDOWS)
_MONTHLY = 4  # weeks
_HALF_YEAR = 26


def drafts(scene: Scene) -> list[Draft]:
    """All drafts about single topics of a basket."""
    found: list[Draft] = []
    for studied in scene.groups:
        topics = scene.mine(studied)
        if not topics or studied.grid.cadence is Cadence.YEAR:
            continue
        if stock(studied.grid.metric):
            found += [*_gains(scene, studied, topics), *_losses(scene, studied, topics)]
        else:
            found += _growing(scene, studied, topics)
            found += _moved(scene, studied, topics)
    return found


def _growing(scene: Scene, studied: Studied, topics: Sequence[str]) -> Iterable[Draft]:
    """One test a topic, over two years."""
    grown, place = studied.growth[_LONG], studied.grid.place
    for topic in topics:
        p, slope = float(grown.p[place[topic]]), float(grown.slope[place[topic]])
        if np.isfinite(p) and np.isfinite(slope):
            yield Draft(partial(_grew, scene, studied, topic), p, slope)


def _grew(scene: Scene, studied: Studied, topic: str) -> Claim:
    grown, grid = studied.growth[_LONG], studied.grid
    row = grid.place[topic]
    slope = float(grown.slope[row])
    rate, low, high = (float(percent(x[row])) for x in (grown.slope, grown.low, grown.high))
    over = "the last year against the year before" if grown.few[row] else "over two years"
    told = f"{wording.percent(rate, signed=True)} a year {span(low, high)}, {over}"
    part = _share(scene, studied, topic)
    if part["share_percent"] is not None:
        told += f"; {wording.percent(part['share_percent'])} of the basket"
    claim = Claim(
        identity(ClaimKind.GROWTH, scene.basket.key, (topic,), grid.metric.name, grid.key),
        ClaimKind.FADING if slope < 0 else ClaimKind.GROWTH,
        scene.basket.key,
        (topic,),
        grid.metric.name,
        State.CLAIMED,
        f"{scene.title(topic)}, {what(grid.metric, grid.labels)}: {told}.",
        (),
        {"percent": rate, "low": number(low), "high": number(high), "p": float(grown.p[row]), "n": int(grown.n[row]), "weeks": _LONG}
        | {"autocorrelation": number(grown.rho[row]), "small_counts": str(bool(grown.few[row])).lower()}
        | part,
        (grid.key,),
        50 + 10 * min(2.0, abs(slope)),
        "falling" if slope < 0 else "rising",
    )
    opposed = scene.opposed.get(grid.metric.name, ())
    return gated(claim, gate.reasons(studied, (topic,), _LONG, absolute=True, opposed=opposed))


def _share(scene: Scene, studied: Studied, topic: str) -> dict[str, float | None]:
    """The topic's newest share of the basket's fresh topics with its interval; None of percentages, and where one is missing."""
    grid, mine = studied.grid, scene.mine(studied)
    found: tuple[float, ...] = (float("nan"),) * 3
    if len(mine) > 1 and grid.metric.kind not in {Kind.SHARE, Kind.INDEX}:
        parts = share.of_basket(grid.values[[grid.place[t] for t in mine], -grid.window(_HALF_YEAR) :], newest=1)
        found = tuple(float(x[mine.index(topic), -1]) for x in (parts.percent, parts.low, parts.high))
    return {name: number(x) for name, x in zip(("share_percent", "share_low", "share_high"), found, strict=True)}


def _moved(scene: Scene, studied: Studied, topics: Sequence[str]) -> Iterable[Draft]:
    """What the newest change of the biggest topic is not: its own, where all moved together."""
    grid = studied.grid
    for moved in studied.quality.common[-1:]:
        before = previous(grid.values, moved.span + 3)[:, moved.at] if moved.span == 1 else grid.values[:, moved.at - moved.span]
        rows = [r for t in topics if np.isfinite(grid.values[(r := grid.place[t]), moved.at]) and np.isfinite(before[r]) and before[r] > 0]
        if not rows:
            continue
        row = max(rows, key=lambda r: grid.values[r, moved.at])
        topic, change = grid.topics[row], 100 * (grid.values[row, moved.at] / before[row] - 1)
        middle = 100 * float(np.expm1(moved.size))
        way = "rose" if moved.size > 0 else "fell"
        all_of = f"all {moved.topics}" if moved.moved == moved.topics else f"{moved.moved} of {moved.topics}"
        since = wording.date(int(grid.starts[moved.at - moved.span]))
        sentence = (
            f"“{scene.title(topic)} {what(grid.metric, grid.labels)} {wording.percent(change, signed=True)}” since {since}:"
            f" not claimed, {all_of} {way} together, median {wording.percent(middle, signed=True)}. That is the counter, not the topic."
        )
        numbers = {"percent": change, "median_percent": middle, "moved": moved.moved, "topics": moved.topics, "scatters": moved.mads}
        yield Draft(
            Claim(
                identity(ClaimKind.COMMON_MOVEMENT, scene.basket.key, (), grid.metric.name, grid.key),
                ClaimKind.COMMON_MOVEMENT,
                scene.basket.key,
                (topic,),
                grid.metric.name,
                State.WITHHELD,
                sentence,
                (f"{all_of} {way} together",),
                numbers | {"since": iso(int(grid.starts[moved.at - moved.span])), "until": iso(int(grid.starts[moved.at]))},
                (grid.key,),
                25.0,
                f"{way} together in the period from {wording.date(int(grid.starts[moved.at]))}",
            )
        )


def _gains(scene: Scene, studied: Studied, topics: Sequence[str]) -> Iterable[Draft]:
    """What stocks gained in a year, beside the year before: the two that gained most, and who became slower for sure."""
    gains = {t: g for t in topics if (g := _gained(studied, t)) is not None and g[0] > 0}
    if not gains or studied.group is None:
        return
    grid = studied.grid
    first, *others = sorted(gains, key=lambda t: -gains[t][0])[:NAMED]
    parts = [f"{scene.title(t)} {wording.change(gains[t][0])}" for t in (first, *others)]
    told = f"{what(grid.metric, grid.labels)}, 12 months: {', '.join(parts)}"
    numbers: dict[str, Number] = {}
    for topic in (first, *others):
        numbers |= {f"{topic}_12_months": gains[topic][0], f"{topic}_before": gains[topic][1], f"{topic}_now": gains[topic][2]}
    says = f"{first} first"
    old = [gains[t][1] for t in (first, *others)]
    if others:
        now = gains[first][0] / gains[others[0]][0]
        before = old[0] / old[1] if old[0] is not None and old[1] is not None and old[1] > 0 else None
        told += f": {now:.2f} to 1" + (f" ({before:.2f} before)" if before is not None else "")
        numbers |= {"ratio": now, "ratio_before": before}
        says += f", {coarse(now)}"
    known = [o for o in old if o is not None]
    if len(known) == len(old):
        slower = [gains[t][0] < o for t, o in zip((first, *others), known, strict=True)]
        pace = {(True, True): "both slower", (False, False): "both no slower", (True,): "slower", (False,): "no slower"}.get(tuple(slower))
        names = pace or f"{scene.title(first if slower[0] else others[0])} slower, {scene.title(others[0] if slower[0] else first)} not"
        told += f". {names[:1].upper()}{names[1:]} than the year before ({'; '.join(wording.full(round(o)) for o in known)})"
        says += f", {names}"
    key = identity(ClaimKind.GROWTH, scene.basket.key, (), grid.metric.name, grid.key)
    whose = (first, *others)
    of = (scene.basket.key, whose, grid.metric.name)
    yield Draft(Claim(key, ClaimKind.GROWTH, *of, State.DESCRIBED, told + ".", (), numbers, (grid.key,), 40.0, says))
    for topic in whose:
        if (draft := _slower(scene, studied, topic)) is not None:
            yield draft


def _gained(studied: Studied, topic: str) -> tuple[float, float | None, float] | None:
    """A stock's gain of the last year, that of the year before (None where unknown), and its last value."""
    if studied.group is None:
        return None
    metric, points = studied.grid.metric, studied.group.reading(topic)
    last = int(points.times[-1])
    reach = 45 * 86400.0
    year, two = (readings.nearest(points.times[:-1], last - n * YEAR, reach) for n in (1, 2))
    if year is None or metric.kind is not Kind.LEVEL:
        return None
    before = None if two is None or two == year else float(points.values[year] - points.values[two])
    return float(points.values[-1] - points.values[year]), before, float(points.values[-1])


def _slower(scene: Scene, studied: Studied, topic: str) -> Draft | None:
    """Whether a stock gains at another pace than the year before, by exact Poisson reasoning on its scattering gains."""
    grid = studied.grid
    steps = round(grid.per_year)
    gains = np.diff(grid.values[[grid.place[topic]], -(2 * steps + 1) :], axis=1)
    if gains.shape[1] < 2 * steps:
        return None
    old, new = gains[:, :steps], gains[:, steps:]
    seen = [int(np.isfinite(part).sum()) for part in (old, new)]
    sums = [float(np.where(np.isfinite(part), part, 0).sum()) for part in (old, new)]
    if min(seen) < 0.8 * steps or min(sums) <= 0:
        return None
    block = max(1, round(steps / 6))
    spread: Floats = np.maximum(poisson.dispersion(np.maximum(old, 0), block), poisson.dispersion(np.maximum(new, 0), block))
    found = poisson.ratios(np.array([sums[1]]), np.array([sums[0]]), float(seen[1]), float(seen[0]), spread)
    rate, low, high = (100 * (float(x[0]) - 1) for x in (found.ratio, found.low, found.high))
    way = "slower" if rate < 0 else "faster"
    sentence = (
        f"{scene.title(topic)} gains {what(grid.metric, grid.labels)} {way} than a year ago:"
        f" {wording.percent(rate, signed=True)} {span(low, high)} between two years."
    )
    claim = Claim(
        identity(ClaimKind.ACCELERATION, scene.basket.key, (topic,), grid.metric.name, grid.key),
        ClaimKind.ACCELERATION,
        scene.basket.key,
        (topic,),
        grid.metric.name,
        State.CLAIMED,
        sentence,
        (),
        {"percent": rate, "low": number(low), "high": number(high), "p": float(found.p[0]), "now": sums[1], "before": sums[0]},
        (grid.key,),
        35.0,
        way,
    )
    why = gate.reasons(studied, (topic,), _LONG, absolute=False)
    return Draft(gated(claim, why), float(found.p[0]), float(np.log1p(rate / 100)) if rate > -100 else -np.inf)


def _losses(scene: Scene, studied: Studied, topics: Sequence[str]) -> Iterable[Draft]:
    """Stocks that fell since about a month ago: people take back what they gave."""
    if studied.group is None:
        return
    lost: list[tuple[float, str, float, int]] = []
    for topic in topics:
        points = studied.group.reading(topic)
        last = int(points.times[-1])
        i = readings.nearest(points.times[:-1], last - _MONTHLY * WEEK, 3 * WEEK)
        if i is None or points.bounds[-1] != Bound.EXACT or points.bounds[i] != Bound.EXACT:
            continue
        change = float(points.values[-1] - points.values[i])
        if change <= -LOST and points.values[-1] < points.values[:-1].max():
            lost.append((change, topic, float(points.values[-1]), int(points.times[i])))
    if not lost:
        return
    lost.sort()
    grid = studied.grid
    since = wording.date(min(time for *_, time in lost))
    parts = [f"{scene.title(t)} {wording.change(c)} ({wording.full(v)})" for c, t, v, _ in lost]
    numbers: dict[str, Number] = {"since": since}
    numbers |= {t: c for c, t, _, _ in lost}
    whose = tuple(t for _, t, _, _ in lost)
    key = identity(ClaimKind.FADING, scene.basket.key, (), grid.metric.name, grid.key)
    sentence = f"{what(grid.metric, grid.labels)} lost since {since}: {wording.listed(parts)}."
    says = f"lost: {', '.join(sorted(whose))}"
    of = (scene.basket.key, whose, grid.metric.name)
    yield Draft(Claim(key, ClaimKind.FADING, *of, State.DESCRIBED, sentence, (), numbers, (grid.key,), 30.0, says))
