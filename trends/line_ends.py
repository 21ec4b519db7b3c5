"""Where names stand at the ends of lines: in pixels from the top of a plot, moved apart where they would touch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np

from trends.chart_frame import HEIGHT

Key = TypeVar("Key")
STEP = 13.5  # pixels between names


def pixel(value: float, low: float, high: float, *, log: bool = False) -> float:
    """How far below the top of the plot a value stands."""
    part = np.log(value / low) / np.log(high / low) if log else (value - low) / (high - low)
    return float(HEIGHT * (1 - part))


def apart(wanted: Mapping[Key, float]) -> dict[Key, float]:
    """Pixels at least one step apart, each group of touching labels centred on where they want to be."""
    blocks: list[tuple[list[Key], float]] = []  # members from top to bottom, centre
    for key, y in sorted(wanted.items(), key=lambda item: item[1]):
        members, centre = [key], y
        while blocks:
            above, other = blocks[-1]
            if centre - other >= STEP * (len(above) + len(members)) / 2:
                break
            blocks.pop()
            centre = (other * len(above) + centre * len(members)) / (len(above) + len(members))
            members = above + members
            half = STEP * (len(members) - 1) / 2
            centre = min(max(centre, half), max(HEIGHT - half, half))
        blocks.append((members, centre))
    return {key: round(centre + STEP * (i - (len(members) - 1) / 2), 1) for members, centre in blocks for i, key in enumerate(members)}
