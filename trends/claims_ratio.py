"""How many of one topic there are for each of another: the largest of a basket against the next, group by group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from storage.model import Cadence, Kind, Topic
from storage.periods import iso
from trends import gate, poisson, wording
from trends.claim import Claim, ClaimKind, Number, State, identity
from trends.compare import Comparison, comparison
from trends.overtakes import RULES, Race, races
from trends.pairs import LONG, Line, largest, lines_of, row_of
from trends.panel import Floats
from trends.scene import Draft, Scene, coarse, number, span, what
from trends.signals import stock
from trends.studied import Studied

SMALL = 10  # events, below which a ratio is told with its exact interval only


@dataclass(frozen=True, slots=True, eq=False)
class _Pair:
    studied: Studied
    found: Comparison
    row: Floats
    topics: tuple[str, str]


def drafts(scenes: Sequence[Scene]) -> list[list[Draft]]:
    """Per basket one draft for each group that has two of its topics; not of stocks (their gains are told) and indices."""
    found: list[list[Draft]] = [[] for _ in scenes]
    pairs = [(i, pair) for i, scene in enumerate(scenes) for studied in scene.groups if (pair := _pair(scene, studied)) is not None]
    lines = lines_of([(pair.studied, pair.row) for _, pair in pairs])
    for (i, pair), line, one in zip(pairs, lines, _races([pair for _, pair in pairs]), strict=True):
        found[i] += _ratio(scenes[i], pair, line, one)
    return found


def _pair(scene: Scene, studied: Studied) -> _Pair | None:
    """The largest two by their newest common figures, where these are fresh and neither is zero."""
    mine = scene.mine(studied)
    if studied.group is None or len(mine) < 2 or stock(studied.grid.metric) or studied.grid.metric.kind is Kind.INDEX:
        return None
    two = largest(studied, mine)[:2]
    for a, b in (two, two[::-1]) if len(two) == 2 else ():
        found = comparison(scene.panel, studied.group, Topic(a, scene.title(a)), Topic(b, scene.title(b)))
        if found.now is None or found.now.value is None or not found.fresh:
            return None
        if found.now.value >= 1:
            return _Pair(studied, found, row_of(studied, a, b), (a, b))
    return None


def _ratio(scene: Scene, pair: _Pair, line: Line, one: Race | None) -> Iterable[Draft]:
    """How many for each now and a year ago, how that grows, and since when the first leads."""
    studied, found = pair.studied, pair.found
    assert found.now is not None
    assert found.now.value is not None
    a, b = pair.topics
    counts = f"{wording.short(found.now.a)} : {wording.short(found.now.b)}"
    told = f"{scene.title(a)} to {scene.title(b)}, {what(found.metric, found.labels)}: {found.now.value:.2f} to 1 ({counts})"
    if found.year_ago is not None and found.year_ago.value is not None:
        told += f"; {found.year_ago.value:.2f} a year ago"
    if min(found.now.a, found.now.b) < SMALL and found.metric.kind in {Kind.LEVEL, Kind.FLOW}:
        yield Draft(_few(scene, studied, found, (a, b), told))
        return
    crossed = _since(pair, one)
    since = "" if crossed is None else f" It crossed 1 in {wording.month(crossed)}."
    rate, low, high = (100 * float(np.expm1(np.clip(x, -40, 40))) for x in (line.slope, line.low, line.high))
    numbers: dict[str, Number] = {
        "ratio": found.now.value,
        "a": found.now.a,
        "b": found.now.b,
        "time": iso(found.now.time),
        "ratio_year_ago": found.year_ago.value if found.year_ago else None,
        "growth_percent": number(rate),
        "low": number(low),
        "high": number(high),
        "p": number(line.p),
        "crossed": iso(crossed) or None,
    }
    plain = Claim(
        identity(ClaimKind.RATIO, scene.basket.key, (a, b), found.metric.name, studied.grid.key),
        ClaimKind.RATIO,
        scene.basket.key,
        (a, b),
        found.metric.name,
        State.DESCRIBED,
        f"{told}.{since}",
        (),
        numbers,
        (studied.grid.key,),
        60 + 10 * min(1.0, abs(line.slope)) if np.isfinite(line.slope) else 22.0,
        coarse(found.now.value),
    )
    if gate.reasons(studied, (a, b), LONG, absolute=False) or not np.isfinite(line.p):
        yield Draft(plain)
        return
    tested = f"{told}; ratio {wording.percent(rate, signed=True)} a year {span(low, high)}.{since}"
    way = "widening" if line.slope > 0 else "narrowing"
    sure = replace(plain, state=State.CLAIMED, sentence=tested, weight=plain.weight + 5, says=f"{plain.says}, {way}")
    yield Draft(sure, line.p, line.slope, plain)


def _races(pairs: Sequence[_Pair]) -> list[Race | None]:
    """The races of those pairs of which a crossing was seen, alike ones together; None for the others."""
    found: list[Race | None] = [None] * len(pairs)
    alike: dict[tuple[Cadence, int], list[int]] = {}
    for i, pair in enumerate(pairs):
        if _crossed(pair) and pair.studied.grid.cadence in RULES:
            alike.setdefault((pair.studied.grid.cadence, len(pair.row)), []).append(i)
    for (cadence, _), at in alike.items():
        for i, one in zip(at, races(np.array([pairs[i].row for i in at]), cadence), strict=True):
            found[i] = one
    return found


def _crossed(pair: _Pair) -> bool:
    crossing = pair.found.crossing
    return crossing is not None and crossing.leader == pair.topics[0] and crossing.confirmed


def _since(pair: _Pair, one: Race | None) -> int | None:
    """When the ratio went through 1, where it did by the rule for overtakes too: a change of sign alone is noise.

    The change of sign itself is told; a later one, after the overtake was sure, is a passing dip.
    """
    crossing = pair.found.crossing
    if crossing is None or not _crossed(pair):
        return None
    time = crossing.time
    if pair.studied.grid.cadence in RULES:
        if one is None or one.leader != 1 or not one.overtakes:
            return None
        starts, last = pair.studied.grid.starts, one.overtakes[-1]
        time = time if time <= starts[last.announced] else int(starts[last.crossed])
    return time


def _few(scene: Scene, studied: Studied, found: Comparison, pair: tuple[str, str], told: str) -> Claim:
    """A ratio of few events, with its exact interval and nothing more."""
    assert found.now is not None
    exact = poisson.ratios(np.array([found.now.a]), np.array([found.now.b]))
    low, high = float(exact.low[0]), float(exact.high[0])
    top = f"{high:.1f}" if np.isfinite(high) else "…"
    numbers = {"ratio": found.now.value, "a": found.now.a, "b": found.now.b, "low": low, "high": number(high), "time": iso(found.now.time)}
    return Claim(
        identity(ClaimKind.RATIO, scene.basket.key, pair, found.metric.name, studied.grid.key),
        ClaimKind.RATIO,
        scene.basket.key,
        pair,
        found.metric.name,
        State.DESCRIBED,
        f"{told}. Few: anything from {low:.1f} to {top} fits.",
        ("few events",),
        numbers,
        (studied.grid.key,),
        15.0,
        "few",
    )
