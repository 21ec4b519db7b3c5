"""Where pages ask for claims and for digests that were made. What is not there gives nothing, and pages say what they have."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scheduler.web.look import Look
from storage.periods import DAY, iso

FAR = 6 * 366 * DAY  # how far back claims look: their longest windows, and the year before


def claims(look: Look) -> Any | None:
    """What can be said of all baskets (`trends.claims.Claims`), or None where nothing makes claims."""
    try:
        maker = importlib.import_module("trends.claims")
    except ModuleNotFoundError:
        return None
    baskets = list(look.setting.baskets.values())

    def made() -> Any:
        panel = look.panel([key for basket in baskets for key in basket.topics], since=look.present - FAR)
        return maker.claims(panel, baskets, look.setting.topics)

    return look.once("claims", made)


@dataclass(frozen=True, slots=True)
class Made:
    """A digest as it was made. ``lines``: label and text; ``withheld``: sentence and reasons."""

    number: int
    kind: str
    basket: str
    period: str
    present: int
    sequence: int
    program: str
    subject: str = ""
    lines: tuple[tuple[str, str], ...] = ()
    withheld: tuple[tuple[str, str], ...] = ()
    document: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        head = {"number": self.number, "kind": self.kind, "basket": self.basket, "period": self.period, "present": iso(self.present)}
        return head | {"sequence": self.sequence, "program": self.program, "document": dict(self.document)}


def digests(look: Look) -> list[Made]:
    """Digests that are kept, newest first; none where none can be kept."""
    try:
        keeper = importlib.import_module("storage.digests")
    except ModuleNotFoundError:
        return []
    kept = reversed(keeper.listed(look.connection))
    return [_made(k) for k in kept if look.sequence is None or keeper.noted_at(look.connection, k) <= look.sequence]


def _made(kept: Any) -> Made:
    document = kept.document
    lines = tuple((str(line.get("label") or ""), str(line.get("text") or "")) for line in document.get("lines", ()))
    withheld = tuple((str(h.get("sentence") or ""), "; ".join(map(str, h.get("reasons") or ()))) for h in document.get("withheld", ()))
    known = (kept.id, kept.kind, kept.basket, kept.period, kept.present, kept.sequence, kept.program)
    return Made(*known, str(document.get("subject") or ""), lines, withheld, document)


__all__ = ["Made", "claims", "digests"]
