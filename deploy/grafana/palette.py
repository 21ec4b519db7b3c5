"""Colours that hold on Grafana's dark and light background and for the colour-blind, one per topic on every dashboard.

Found by search: contrast to both backgrounds is 2.4 at least, and in normal sight, deuteranopia and protanopia the
nearest two of the first eight are 29 apart (CIELAB), of all twelve 18. Grafana's own colour-blind palette is behind a
feature toggle (grafana/grafana#121783), and its continuous ones are for values, not for names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

COLOURS = (
    *("#0072B2", "#D55E00", "#009E73", "#6303FE", "#01B8C6", "#716DFF"),
    *("#A82328", "#09656C", "#57BB64", "#2DAFFF", "#2352BA", "#FB8900"),
)
FIRST, SECOND = COLOURS[0], COLOURS[1]
GOOD, MIDDLING, BAD, NEUTRAL = "#009E73", "#FB8900", "#D55E00", "#7A838C"


def of_topics(topics: Sequence[str]) -> list[tuple[str, list[DynamicConfigValue]]]:
    """Per topic the pattern of its lines' names (the topic, perhaps with more behind it) and their colour."""
    return [
        (f"/^{re.escape(topic)}( |$)/", [DynamicConfigValue("color", {"mode": "fixed", "fixedColor": COLOURS[i % len(COLOURS)]})])
        for i, topic in enumerate(topics)
    ]
