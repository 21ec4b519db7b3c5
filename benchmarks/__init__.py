"""Benchmarks: what the program costs, beside what it is built on. ``python -m benchmarks`` runs all of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. ``ratio`` is how many times as fast as the baseline (or what ``note`` says)."""

    what: str
    ours: str
    baseline: str = ""
    ratio: float | None = None
    target: str = ""
    met: bool | None = None
    note: str = ""


__all__ = ["Row"]
