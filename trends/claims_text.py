"""Claims for a terminal: one a line, the biggest news first."""

from __future__ import annotations

from collections.abc import Sequence

from trends import wording
from trends.claim import BasketClaims, Claim, Claims

_HEADS = {"claimed": "Claimed", "watch": "Watched, not confirmed", "described": "Figures, without a test"}


def text_of(found: Claims) -> str:
    """All baskets."""
    head = f"As of {wording.date(found.present)}"
    if found.as_of is not None:
        head += f", as it was known after change {found.as_of}"
    return "\n\n".join([head + ".", *map(_basket, found.baskets)]) + "\n"


def _basket(basket: BasketClaims) -> str:
    title = wording.one_line(basket.title)
    parts = [f"{title}\n{'=' * len(title)}"]
    for state, name in _HEADS.items():
        parts += _section(name, [claim for claim in basket.claims if claim.state == state])
    parts += _section("Not claimed, and why", basket.withheld)
    parts += _section("Blind", basket.blind)
    if not basket.all():
        parts.append("Nothing can be said yet.")
    return "\n\n".join([*parts, *filter(None, [learning(basket)])])


def learning(basket: BasketClaims) -> str:
    """How many series are too young for a test, and until when; empty where none is."""
    ready = [cover.learning_until for cover in basket.coverage if cover.learning_until is not None]
    if not ready:
        return ""
    until = f"{wording.date(min(ready))}" + (f" to {wording.date(max(ready))}" if len(set(ready)) > 1 else "")
    return f"Learning: {len(ready)} of {len(basket.coverage)} series are too young for a test of growth, until {until}."


def _section(name: str, claims: Sequence[Claim]) -> list[str]:
    return ["\n".join([name, *(f"  {claim.sentence}" for claim in claims)])] if claims else []
