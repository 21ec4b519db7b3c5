"""The memory of the digest: a claim is told once, then only when what it says changes, or when it is withdrawn.

Pure functions over stored digests. Alerts are stored as digests too, so that what an alert has told is not told again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from storage.digests import Kept
from storage.model import UsageError
from storage.periods import WEEK, read_time
from trends import wording
from trends.claim import BasketClaims, Claim, ClaimKind, State

GONE = "withdrawn"  # what a claim says that was taken back
PATIENCE = 4 * WEEK  # without standing, before a claim is withdrawn: as long as an overtake has to last
SOON = 2 * WEEK  # the same for an overtake that its figures no longer show: not because a source failed over a weekend
NEWS = 52 * WEEK  # after which an overtake is history: nobody repeats it, and it still is true
QUARTER = 13 * WEEK  # between two tellings of a description, and before a claim may say again what it said before


class Standing(StrEnum):
    NEW = "new"
    CHANGED = "changed"
    WITHDRAWN = "withdrawn"
    TOLD = "told"  # before, and nothing has changed


@dataclass(frozen=True, slots=True)
class Memo:
    """What was last told of a claim, and when (epoch seconds); what was told in all, each saying with its last time.

    ``stood_at`` is when the claim was last found as a fact, told or not.
    """

    claim: Claim
    says: str
    told_at: int
    stood_at: int
    sayings: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class News:
    """A claim against the memory. Of a withdrawn one, ``claim`` is what was told, ``reasons`` why it no longer stands."""

    claim: Claim
    standing: Standing
    before: Memo | None = None
    reasons: tuple[str, ...] = ()


def remember(kept: Iterable[Kept]) -> dict[str, Memo]:
    """What was last told of each claim, from stored digests in the order in which they were made."""
    memory: dict[str, Memo] = {}
    for digest in kept:
        for entry in digest.claims:
            old, told = memory.get(entry["id"]), entry.get("told")
            stands = entry["state"] == State.CLAIMED and told != GONE
            stood = digest.present if stands else old.stood_at if old else 0
            if told:
                sayings = {**(old.sayings if old else {}), told: digest.present}
                memory[entry["id"]] = Memo(claim_of(entry), told, digest.present, stood, sayings)
            elif old is not None:
                memory[entry["id"]] = replace(old, stood_at=stood)
    return memory


def saying(claim: Claim) -> str:
    """What makes a claim news again when it changes: what it says, and how firmly."""
    return f"{claim.state}: {claim.says}"


def record(found: BasketClaims, told: Iterable[News]) -> list[dict[str, Any]]:
    """What to store of a digest: every claim that was found, and those that it tells with what they said as ``told``."""
    said = {n.claim.id: GONE if n.standing is Standing.WITHDRAWN else saying(n.claim) for n in told}
    rows = {claim.id: claim.to_dict() | {"told": said.get(claim.id, "")} for claim in found.all()}
    rows |= {n.claim.id: n.claim.to_dict() | {"told": GONE} for n in told if n.standing is Standing.WITHDRAWN}
    return list(rows.values())


def claim_of(entry: Mapping[str, Any]) -> Claim:
    """A stored claim."""
    names = {name for name in Claim.__dataclass_fields__ if name in entry}
    values: dict[str, Any] = {name: tuple(entry[name]) if isinstance(entry[name], list) else entry[name] for name in names}
    return Claim(**values)


def news(found: BasketClaims, memory: Mapping[str, Memo], present: int) -> list[News]:
    """Every claim with its standing at a present (epoch seconds), those withdrawn included, the biggest news first."""
    gone = _withdrawn(found, memory, present)
    withdrawn = {n.claim.id for n in gone}
    seen = [_standing(claim, memory.get(claim.id), present) for claim in found.all() if claim.id not in withdrawn]
    return sorted([*gone, *seen], key=lambda n: -n.claim.weight)


def _standing(claim: Claim, memo: Memo | None, present: int) -> News:
    if memo is None:
        return News(claim, Standing.NEW)
    if memo.says == GONE:  # that it is withheld now was told when it was taken back
        return News(claim, Standing.TOLD if claim.state == State.WITHHELD else Standing.NEW, memo)
    said_at = memo.sayings.get(saying(claim))
    if said_at is not None and (memo.says == saying(claim) or present - said_at < QUARTER):
        return News(claim, Standing.TOLD, memo)
    if claim.state == State.WITHHELD and memo.claim.state == State.CLAIMED:  # kept back for now: withdrawn if that lasts
        return News(claim, Standing.TOLD, memo)
    if claim.state == memo.claim.state == State.DESCRIBED and present - memo.told_at < QUARTER:
        return News(claim, Standing.TOLD, memo)
    was_held = memo.claim.state == State.WITHHELD and claim.state != State.WITHHELD
    return News(claim, Standing.NEW if was_held else Standing.CHANGED, memo)


def _withdrawn(found: BasketClaims, memory: Mapping[str, Memo], present: int) -> list[News]:
    """What was told as a fact and has not been one for a while.

    A test that fails, or a gate that closes, for a week or two says little of a claim about years. A watch or a
    description that ends is no news; nor is an overtake that has become history, or a coming one that has come.
    """
    stands = {claim.id for claim in found.claims}
    met = {(c.metric, frozenset(c.topics)) for c in found.claims if c.kind in {ClaimKind.OVERTAKE, ClaimKind.WATCH}}
    held = {claim.id: claim for claim in found.withheld}
    gone = []
    for key, memo in memory.items():
        if key in stands or memo.says == GONE or memo.claim.state != State.CLAIMED:
            continue
        claim, overtake = memo.claim, memo.claim.kind == ClaimKind.OVERTAKE
        if claim.kind == ClaimKind.ON_COURSE and (claim.metric, frozenset(claim.topics)) in met:
            continue
        if overtake and present - _announced(memo) >= NEWS:
            continue
        if present - memo.stood_at >= (SOON if overtake and key not in held else PATIENCE):
            reasons = held[key].reasons if key in held else _ended(found, memo.claim)
            gone.append(News(memo.claim, Standing.WITHDRAWN, memo, reasons))
    return gone


def _announced(memo: Memo) -> int:
    """When an overtake was sure."""
    try:
        return read_time(str(memo.claim.numbers.get("announced", "")))
    except UsageError:
        return memo.told_at


def _ended(found: BasketClaims, claim: Claim) -> tuple[str, ...]:
    blind = [c for c in found.coverage if c.metric == claim.metric and not c.fresh]
    if blind and not any(c.fresh for c in found.coverage if c.metric == claim.metric):
        return (f"no fresh figures since {wording.month(max(c.since for c in blind))}",)
    return ("the figures no longer show it",)
