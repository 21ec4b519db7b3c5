"""What is not a topic's own: what is blind and since when, the index or why there is none, and sources that follow one another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import permutations

import numpy as np

from storage.model import Cadence
from storage.periods import iso
from trends import wording
from trends.claim import Claim, ClaimKind, Composite, Number, State, identity
from trends.findings import Blind
from trends.index import Source, composite
from trends.lags import Follow, follows, monthly
from trends.panel import Floats
from trends.scene import Scene
from trends.signals import SIGNALS, TITLES, speaks, stock
from trends.studied import Studied

_YEAR = 52
_COMPARED = 6  # groups between which agreement is looked for
Agreement = tuple[Studied, Studied, Follow, tuple[str, ...]]


def _blind(scene: Scene) -> Iterable[Blind]:
    """Groups of which no topic of the basket has a fresh figure, and in the others the topics that fell silent."""
    studied = {g.grid.key: g for g in scene.groups}
    wanted = set(scene.basket.topics)
    for group in scene.panel.groups:
        mine = [t for t in group.topics if t in wanted]
        if not mine or not speaks(group.metric):
            continue
        known = studied.get(group.key)
        last = {t: known.last[t] for t in mine if t in known.last} if known is not None else {}
        fresh = set(known.fresh) & set(mine) if known is not None else set()
        ends = [int(line.points.times[-1]) for line in group.odd() if line.series.topic in wanted and len(line.points)]
        if not fresh and (last or ends):
            yield Blind(group.metric, group.labels, group.sources, (), max(last.values(), default=0) or max(ends))
        for topic, time in last.items() if fresh else ():
            if topic not in fresh:
                yield Blind(group.metric, group.labels, group.sources, (scene.title(topic),), time)


def index_of(scene: Scene) -> Composite:
    """The basket's composite index over all groups with fresh figures."""
    topics = list(scene.basket.topics)
    sources = []
    for studied in scene.groups:
        mine = set(scene.mine(studied))
        if not studied.signal or not mine or studied.grid.cadence is Cadence.YEAR:
            continue
        level, growth = np.full(len(topics), np.nan), np.full(len(topics), np.nan)
        for i, topic in enumerate(topics):
            if topic in mine:
                row = studied.grid.place[topic]
                level[i] = _last(studied.quality.rows[row])
                growth[i] = studied.growth[_YEAR].slope[row]
        sources.append(Source(studied.grid.key, studied.signal, level, growth))
    return composite(topics, {t: scene.title(t) for t in topics}, sources)


def _last(row: Floats) -> float:
    known = row[np.isfinite(row)]
    return float(known[-1]) if len(known) else float("nan")


def index_claims(scene: Scene, index: Composite) -> Iterable[Claim]:
    """Who leads the index with the interval of the rank, or that it is withheld."""
    basket = scene.basket.key
    if not any(scene.mine(studied, fresh=False) for studied in scene.groups):
        return
    if index.withheld:
        sentence = f"Index withheld: {index.withheld}."
        numbers = {"groups": len(index.signals), "of": len(SIGNALS)}
        key = identity(ClaimKind.WITHHELD, basket, (), "trend.index")
        says = f"withheld: {', '.join(index.signals) or 'nothing'}"
        yield Claim(key, ClaimKind.WITHHELD, basket, (), "trend.index", State.WITHHELD, sentence, (index.withheld,), numbers, (), 8.0, says)
        return
    ranked = [rank for rank in index.ranks if rank.rank is not None and rank.level is not None]
    for rank in ranked[:1]:
        sure = rank.rank_high == 1
        over = wording.listed([TITLES[s] for s in index.signals])
        told = (
            f"{scene.title(rank.topic)} leads the index over {over} (rank {rank.rank}, 90 % interval {rank.rank_low} to {rank.rank_high})."
        )
        numbers_ = {"level": rank.level, "rank_low": rank.rank_low, "rank_high": rank.rank_high}
        key = identity(ClaimKind.LEADER, basket, (), "trend.index")
        state = State.CLAIMED if sure else State.DESCRIBED
        says = f"{rank.topic} leads" + ("" if sure else ", not for sure")
        yield Claim(key, ClaimKind.LEADER, basket, (rank.topic,), "trend.index", state, told, (), numbers_, (), 33.0, says)


def blind_claims(scene: Scene) -> list[Claim]:
    """What has no fresh figures, one claim a metric: whole groups first, the latest to fall silent first."""
    found: dict[tuple[str, tuple[str, ...]], list[tuple[int, str, str]]] = {}
    sources: dict[tuple[str, tuple[str, ...]], str] = {}
    for blind in _blind(scene):
        of = (blind.metric.name, blind.topics)
        found.setdefault(of, []).append((blind.since, wording.label_words(blind.labels), blind.metric.title))
        sources.setdefault(of, wording.name_of(blind.sources[0]) if blind.sources else "")
    claims = []
    for (metric, topics), groups in found.items():
        since = max(time for time, *_ in groups)
        labels = list(dict.fromkeys(label for _, label, _ in sorted(groups, reverse=True) if label))
        name = groups[0][2] + (f" ({wording.listed(labels, most=2)})" if labels else "")
        whose = f"{wording.listed([wording.one_line(t) for t in topics])}: " if topics else ""
        short = f"{whose}{name} since {wording.month(since)}"
        numbers: dict[str, Number] = {
            "since": iso(since),
            "short": short,
            "what": name,
            "source": sources[metric, topics],
            "groups": len(groups),
        }
        key_ = identity(ClaimKind.BLIND, scene.basket.key, topics, metric, "")
        series = tuple(dict.fromkeys(label for _, label, _ in groups))
        weight = 5.0 + since / 1e10 + (0.5 if not topics else 0)
        told, says = f"No fresh figures: {short}.", f"since {wording.month(since)}"
        key = scene.basket.key
        claims.append(Claim(key_, ClaimKind.BLIND, key, topics, metric, State.WITHHELD, told, (), numbers, series, weight, says))
    return sorted(claims, key=lambda claim: -claim.weight)


def agreements(groups: Sequence[Studied]) -> list[Agreement]:
    """Sources of different signals of which one follows the other, in figures that the lag was not chosen by.

    Over all topics that both know: sources follow one another, not baskets. As many tests as there are pairs are allowed for.
    """
    usable = [g for g in groups if g.signal and g.grid.cadence in {Cadence.WEEK, Cadence.MONTH} and not stock(g.grid.metric)]
    usable = sorted((g for g in usable if len(g.fresh) >= 3), key=lambda g: -len(g.fresh))[:_COMPARED]
    pairs = [(a, b) for a, b in permutations(usable, 2) if a.signal != b.signal]
    done = []
    by_month = {g.grid.key: monthly(g.grid, g.fresh) for g in usable}
    for leading, following in pairs:
        topics = tuple(t for t in leading.fresh if t in following.fresh_set)
        found = follows(by_month[leading.grid.key], by_month[following.grid.key]) if len(topics) >= 3 else None
        if found is not None and found.p * len(pairs) <= 0.05:
            done.append((leading, following, found, topics))
    return done


def agreement_claims(scene: Scene, found: Sequence[Agreement]) -> Iterable[Claim]:
    """The agreements that three of a basket's topics are part of."""
    for leading, following, follow, topics in found:
        if len(set(topics) & set(scene.basket.topics)) >= 3:
            yield _agreed(scene, leading, following, follow, topics)


def _agreed(scene: Scene, leading: Studied, following: Studied, found: Follow, topics: Sequence[str]) -> Claim:
    names = [wording.title_of(g.grid.metric, g.grid.labels) for g in (following, leading)]
    lag = f"by {found.months} month{'' if found.months == 1 else 's'}" if found.months else "in the same months"
    sentence = (
        f"{names[0]} follow {names[1]} {lag}: correlation {found.correlation:.2f} in months that the lag was not chosen by,"
        f" over {len(topics)} topics."
    )
    key = identity(ClaimKind.AGREEMENT, scene.basket.key, (), following.grid.metric.name, f"{following.grid.key}<{leading.grid.key}")
    numbers = {"months": found.months, "correlation": found.correlation, "p": found.p, "topics": len(topics)}
    series = (leading.grid.key, following.grid.key)
    says = f"{following.grid.key} follows {leading.grid.key}"
    metric = following.grid.metric.name
    return Claim(
        key, ClaimKind.AGREEMENT, scene.basket.key, tuple(topics), metric, State.CLAIMED, sentence, (), numbers, series, 28.0, says
    )
