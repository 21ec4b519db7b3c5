"""What the page says at the top of a basket: claims, what is withheld and why, the index, and what is blind since when.

Nothing is worded here: the sentences are the claims' own. Each leads to the charts of the figures that it was read from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trends.claim import BasketClaims, Claim, ClaimKind, Composite, Rank, State
from trends.claims_text import learning
from trends.digest import group_key, series_of
from trends.digest_model import Held
from trends.signals import TITLES

_STATES = {State.CLAIMED: "Claimed", State.WATCH: "Watched", State.DESCRIBED: "Figures"}
_MEANING = {
    State.CLAIMED: "Passed its test, the floor of 10 % a year and the check of its inputs",
    State.WATCH: "Ahead, but not for long enough to be told as fact",
    State.DESCRIBED: "What is, without a test of what it means",
    State.WITHHELD: "Not claimed, for the reason given",
}


@dataclass(frozen=True, slots=True)
class Figure:
    """The name of what a claim was read from, and where it stands on the page (empty: nowhere)."""

    name: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Said:
    """One line: what kind of statement it is, its words, the colours of its topics, and its figures."""

    state: str
    word: str
    meaning: str
    text: str
    topics: tuple[str, ...]
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A topic's place in the index; ``factors`` are by signal, and multiply to level / 100."""

    rank: Rank
    factors: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Top:
    """All of it, in the order of the page. ``unranked`` are titles of topics that too few signals know of."""

    claims: tuple[Said, ...]
    withheld: tuple[Said, ...]
    blind: tuple[Said, ...]
    learning: str
    index: Composite
    signals: tuple[str, ...]
    places: tuple[Place, ...]
    unranked: tuple[str, ...]

    @property
    def beside(self) -> bool:
        """Whether there is so much to say that index and blind sources stand beside it on a wide screen."""
        return not self.places and len(self.claims) + len(self.withheld) > 2


def top(found: BasketClaims, anchors: Mapping[str, str], metrics: Mapping[str, str]) -> Top:
    """The claims of a basket. ``anchors`` are places on the page by key of a group, ``metrics`` by name of a metric."""

    def said(claim: Claim) -> Said:
        return _said(claim, anchors)

    ordered = [claim for state in _STATES for claim in found.claims if claim.state == state]
    held = [claim for claim in found.withheld if not _of_index(claim)]  # that stands beside the index itself
    ranked = sorted((r for r in found.index.ranks if r.rank is not None), key=lambda r: (r.rank or 0, r.title))
    return Top(
        tuple(map(said, ordered)),
        tuple(map(said, held)),
        tuple(_blind(claim, metrics) for claim in found.blind),
        learning(found),
        found.index,
        tuple(TITLES[signal] for signal in found.index.signals),
        tuple(Place(rank, _factors(rank, found.index.signals)) for rank in ranked),
        tuple(rank.title for rank in found.index.ranks if rank.rank is None),
    )


def _of_index(claim: Claim) -> bool:
    return claim.kind == ClaimKind.WITHHELD and claim.metric == "trend.index"


def _said(claim: Claim, anchors: Mapping[str, str]) -> Said:
    state = State(claim.state)
    text = Held(claim.sentence, claim.reasons).text if state is State.WITHHELD else claim.sentence
    keys = dict.fromkeys(group_key(name) for name in series_of(claim))
    figures = tuple(Figure(key, anchors.get(key, "")) for key in keys)
    return Said(str(state), _STATES.get(state, "Withheld"), _MEANING[state], text, claim.topics, figures)


def _blind(claim: Claim, metrics: Mapping[str, str]) -> Said:
    text = str(claim.numbers.get("short", claim.sentence))
    figure = Figure(claim.metric, metrics.get(claim.metric, ""))
    return Said("blind", "Blind", "No fresh figures", text, (), (figure,))


def _factors(rank: Rank, signals: Sequence[str]) -> tuple[float | None, ...]:
    return tuple(float(np.exp(rank.parts[signal])) if signal in rank.parts else None for signal in signals)
