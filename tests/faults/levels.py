"""What exists only in the present and passed while nobody measured: not lost, if the program tells that it is missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tests.faults.invariant import Key


def only_levels_passed(lost: Iterable[Key], ends: Mapping[Key, str]) -> int:
    """Check that values that are not there could not have been had, and are told as missing. Gives the number of others: 0."""
    told = {key for key, end in ends.items() if end == "missing(downtime)"}
    silent = [key for key in lost if key not in told]
    assert silent == [], "lost, and not told"
    still = [key for key in lost if not key[0].startswith("shop.")]
    assert still == [], "its history still tells them"
    return len(silent) + len(still)
