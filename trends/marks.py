"""Findings as events: what is to be kept in the journal and drawn on charts.

The same finding gives the same event from week to week, so that noting it again changes nothing: its words are of the
kind of finding alone, its figures stand in the claims.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pandas as pd

from storage.model import Event
from trends.claim import Finding
from trends.panel import Panel

KIND = "quality"
_WORDS = {
    "step": "the counter changed: all topics moved at once",
    "common_movement": "all topics moved together for a while",
    "reset": "the counter began anew",
    "splice": "imported figures end, measured ones begin",
}


def events_of(findings: Iterable[Finding]) -> list[Event]:
    """Changes of counters as events, in time order; of those that all topics share the event has no topic.

    Movements that are too new to be told from the topics' own are not among them: what they were is seen later.
    """
    seen = {
        Event(finding.end, KIND, f"{finding.series}: {_WORDS[finding.kind]}", topic)
        for finding in findings
        if finding.kind in _WORDS and (finding.kind != "common_movement" or finding.time == finding.end)
        for topic in finding.topics or ("",)
    }
    return sorted(seen, key=lambda event: (event.time, event.topic, event.text))


def marked(panel: Panel, findings: Iterable[Finding]) -> Panel:
    """A panel with the events of some findings, whether they have been noted or not."""
    found = [event for event in events_of(findings) if event.time <= panel.present]
    if not found:
        return panel
    new = pd.DataFrame([[getattr(event, name) for name in panel.events.columns] for event in found], columns=panel.events.columns)
    both = pd.concat([panel.events, new], ignore_index=True) if len(panel.events) else new
    once = both.drop_duplicates(["time", "kind", "topic", "text"]).sort_values("time", kind="stable", ignore_index=True)
    return replace(panel, events=once)


def on_chart(text: str, series: str) -> str:
    """What the chart of a group says of such an event; empty where it is another group's, and for seams, which are drawn themselves."""
    of, _, words = text.partition(f"{series}: ")
    return words if not of and words != _WORDS["splice"] else ""
