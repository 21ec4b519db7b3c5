"""Findings as events: what is to be kept in the journal and drawn on charts.

The same finding gives the same event from week to week, so that noting it again changes nothing: its words are of the
kind of finding alone, its figures stand in the claims.
"""

from __future__ import annotations

from storage.model import Event
from trends.claim import Claims

KIND = "quality"
_WORDS = {
    "step": "the counter changed: all topics moved at once",
    "common_movement": "all topics moved together for a while",
    "reset": "the counter began anew",
    "splice": "imported figures end, measured ones begin",
}


def events_of(found: Claims) -> list[Event]:
    """Changes of counters as events, in time order; of those that all topics share the event has no topic.

    Movements that are too new to be told from the topics' own are not among them: what they were is seen later.
    """
    seen = {
        Event(finding.end, KIND, f"{finding.series}: {_WORDS[finding.kind]}", topic)
        for basket in found.baskets
        for finding in basket.findings
        if finding.kind in _WORDS and (finding.kind != "common_movement" or finding.time == finding.end)
        for topic in finding.topics or ("",)
    }
    return sorted(seen, key=lambda event: (event.time, event.topic, event.text))
