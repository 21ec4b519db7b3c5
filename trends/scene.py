"""What makers of claims are given, and what they give: drafts, which become claims when all tests of a basket are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from storage.model import Basket, Metric, Topic
from trends import wording
from trends.claim import Claim, Finding, State
from trends.critical import adjusted
from trends.growth import discovered
from trends.panel import Floats, Labels, Panel
from trends.studied import Studied


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One basket before the groups that know anything of it. ``opposed`` are disagreements of sources, by metric."""

    panel: Panel
    basket: Basket
    topics: Mapping[str, Topic]
    groups: tuple[Studied, ...]
    opposed: Mapping[str, tuple[Finding, ...]] = field(default_factory=dict)

    def title(self, topic: str) -> str:
        return wording.one_line(self.topics[topic].title if topic in self.topics else topic)

    def mine(self, studied: Studied, *, fresh: bool = True) -> list[str]:
        """The basket's topics in a group, in the basket's order."""
        known = studied.fresh_set if fresh else studied.grid.place
        return [topic for topic in self.basket.topics if topic in known]


@dataclass(frozen=True, slots=True)
class Draft:
    """A claim that holds if its test is a discovery; ``otherwise`` is what can be said if not (None: nothing).

    Without a test (``p`` None) the claim stands as it is.
    """

    claim: Claim | Callable[[], Claim]  # made only where it is told: most tests are no discoveries
    p: float | None = None
    slope: float = 0.0
    otherwise: Claim | None = None

    def made(self) -> Claim:
        return self.claim if isinstance(self.claim, Claim) else self.claim()


def settled(drafts: Sequence[Draft]) -> list[Claim]:
    """Drafts as claims: Benjamini–Hochberg over all tests of the basket, then the floor of 10 % a year."""
    p: Floats = np.array([np.nan if d.p is None else d.p for d in drafts], dtype="float64")
    raised = adjusted(p)
    holds = discovered(raised, np.array([d.slope for d in drafts], dtype="float64"))
    done: list[Claim] = []
    for draft, one, good in zip(drafts, raised.tolist(), holds.tolist(), strict=True):
        if draft.p is None:
            done.append(draft.made())
        elif good:
            claim = draft.made()
            done.append(replace(claim, numbers={**claim.numbers, "p_adjusted": one}))
        elif draft.otherwise is not None:
            done.append(draft.otherwise)
    return done


def gated(claim: Claim, reasons: tuple[str, ...]) -> Claim:
    """The claim, withheld where there are reasons to; what it says is then that it is withheld."""
    if not reasons:
        return claim
    because = "; ".join(reasons)
    sentence = f"“{claim.sentence.removesuffix('.')}”: not claimed, because {because}."
    return replace(claim, state=State.WITHHELD, reasons=reasons, sentence=sentence, says=f"withheld: {claim.says}", weight=claim.weight / 4)


def what(metric: Metric, labels: Labels) -> str:
    """A group's title inside a sentence."""
    return wording.title_of(metric, labels)


def span(low: float, high: float) -> str:
    """An interval in percent a year: ``[50 to 92]``; an end that nothing bounds is an ellipsis."""
    ends = [f"{end:,.0f}".replace("-", wording.MINUS) if np.isfinite(end) and abs(end) < 1e5 else "…" for end in (low, high)]
    return f"[{ends[0]} to {ends[1]}]"


def number(value: float) -> float | None:
    """What JSON can hold: None for what is not finite."""
    return float(value) if np.isfinite(value) else None


_STEPS = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 10.0)


def coarse(ratio: float) -> str:
    """A ratio in steps that a week's noise seldom crosses: ``about 4 to 1``."""
    if not np.isfinite(ratio) or ratio <= 0:
        return "no ratio"
    size = max(ratio, 1 / ratio)
    power = 10.0 ** np.floor(np.log10(size))
    nearest = min((step * power for step in _STEPS), key=lambda step: abs(np.log(step / size)))
    return f"about {nearest:g} to 1" if ratio >= 1 else f"about 1 to {nearest:g}"
