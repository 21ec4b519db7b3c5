"""From a panel to what is said: `claims` is the one structured result that all texts are made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from storage.model import Basket, Topic
from trends import claims_growth, claims_races, claims_ratio, claims_source
from trends.claim import BasketClaims, Claim, ClaimKind, Claims, Composite, Coverage, Finding, Rank, State, identity
from trends.grid import WINDOWS
from trends.growth import percent
from trends.panel import Panel
from trends.quality import Estimate, disagreements
from trends.scene import Draft, Scene, settled
from trends.studied import Studied, coverage_of, study

__all__ = [
    "BasketClaims",
    "Claim",
    "ClaimKind",
    "Claims",
    "Composite",
    "Coverage",
    "Finding",
    "Rank",
    "State",
    "claims",
    "claims_of",
    "identity",
]


def claims(panel: Panel, baskets: Sequence[Basket], topics: Mapping[str, Topic]) -> Claims:
    """What a panel (with its present and as-of) lets one say of some baskets.

    Load the panel with the topics of all baskets that are configured, also to speak of one: what moves a whole source
    is seen in all of its topics.
    """
    return claims_of(panel, study(panel), baskets, topics)


def claims_of(panel: Panel, groups: Sequence[Studied], baskets: Sequence[Basket], topics: Mapping[str, Topic]) -> Claims:
    """The same from groups that are studied already."""
    opposed, agreed = _opposed(groups), claims_source.agreements(groups)
    scenes = [Scene(panel, basket, topics, tuple(groups), opposed) for basket in baskets]
    drafts = [
        [*claims_growth.drafts(scene), *ratios, *races]
        for scene, ratios, races in zip(scenes, claims_ratio.drafts(scenes), claims_races.drafts(scenes), strict=True)
    ]
    done = tuple(_basket(scene, of, agreed) for scene, of in zip(scenes, drafts, strict=True))
    return Claims(panel.present, panel.as_of, panel.until, done)


def _opposed(groups: Sequence[Studied]) -> dict[str, tuple[Finding, ...]]:
    """Disagreements between groups that count the same thing at different places, by metric."""
    estimates: dict[str, list[Estimate]] = defaultdict(list)
    for studied in groups:
        grown = studied.growth[max(WINDOWS)]
        sure = np.isfinite(grown.p) & ((np.nan_to_num(grown.low) > 0) | (np.nan_to_num(grown.high) < 0))
        rates, lows, highs = (percent(x).tolist() for x in (grown.slope, grown.low, grown.high))
        last = int(studied.grid.starts[-1])
        for row in np.flatnonzero(sure).tolist():
            topic = studied.grid.topics[row]
            if topic in studied.fresh_set:
                estimates[studied.grid.metric.name].append(Estimate(studied.grid.key, topic, rates[row], lows[row], highs[row], last))
    return {metric: tuple(disagreements(of)) for metric, of in estimates.items() if len({e.series for e in of}) > 1}


def _basket(scene: Scene, drafts: Sequence[Draft], agreed: Sequence[claims_source.Agreement]) -> BasketClaims:
    index = claims_source.index_of(scene)
    made = [*settled(drafts), *claims_source.index_claims(scene, index), *claims_source.agreement_claims(scene, agreed)]
    made.sort(key=lambda claim: (-claim.weight, claim.id))
    mine = [g for g in scene.groups if scene.mine(g, fresh=False)]
    findings = [f for g in mine for f in g.findings if not f.topics or set(f.topics) & set(scene.basket.topics)]
    findings += [f for of in scene.opposed.values() for f in of if set(f.topics) & set(scene.basket.topics)]
    return BasketClaims(
        scene.basket.key,
        scene.basket.title,
        tuple(claim for claim in made if claim.state != State.WITHHELD),
        tuple(claim for claim in made if claim.state == State.WITHHELD),
        tuple(claims_source.blind_claims(scene)),
        tuple(coverage_of(scene.panel, g, scene.mine(g, fresh=False)) for g in mine),
        index,
        tuple(sorted(findings, key=lambda f: (-f.end, f.kind, f.series, f.topics))),
    )
