"""What Grafana does not refuse and a reader would suffer from: our own rules for dashboards. Pure.

Every panel has a title, a description, a unit and a data source that is a variable; every query is raw, bounded in time
and free of database, bucket and retention policy; no line runs over missing data; no word of the program's inside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

LONGEST_GAP = 800 * 86_400_000  # milliseconds; conferences that are held every other year
_INSIDE = re.compile(r"\b(slots?|vintages?|captures?|sinks?)\b", re.IGNORECASE)
_SOURCES = {"influxdb": "${influx}", "prometheus": "${prometheus}"}


def lint(dashboard: Mapping[str, Any]) -> list[str]:
    """All findings, as sentences that begin with where; none for a good dashboard."""
    return [*_whole(dashboard), *(finding for panel in _panels(dashboard) for finding in _panel(panel))]


def _panels(dashboard: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel.get("panels") or []
        else:
            yield panel


def _whole(dashboard: Mapping[str, Any]) -> Iterator[str]:
    for key in ("uid", "title", "description", "tags", "time"):
        if not dashboard.get(key):
            yield f"the dashboard has no {key}"
    if dashboard.get("timezone") != "utc":
        yield "the dashboard is not in UTC, in which figures are filed"
    ids = [panel.get("id") for panel in dashboard["panels"]]
    if None in ids or len(set(ids)) != len(ids):
        yield "two panels have one id, or a panel has none"
    defined = {variable["name"] for variable in dashboard["templating"]["list"]}
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query" and not variable.get("description"):
            yield f"the variable {variable['name']} has no description"
    for name in sorted(_used(dashboard) - defined):
        yield f"the variable {name} is used and not defined"
    for annotation in dashboard["annotations"].get("list", []):
        yield from _source(f"the annotation {annotation['name']}", annotation)


def _used(dashboard: Mapping[str, Any]) -> set[str]:
    """Names of variables in queries, titles and descriptions; Grafana's own begin with two underscores."""
    texts = [t.get("query") or t.get("expr") or "" for p in _panels(dashboard) for t in p.get("targets", [])]
    texts += [v["query"]["query"] for v in dashboard["templating"]["list"] if v["type"] == "query"]
    texts += [p.get(key) or "" for p in _panels(dashboard) for key in ("title", "description")]
    found = {name for text in texts for pair in re.findall(r"\$\{(\w+)[^}]*\}|\$(\w+)", text) for name in pair if name}
    return {name for name in found if not name.startswith("__") and name != "timeFilter"}


def _panel(panel: Mapping[str, Any]) -> Iterator[str]:
    where = f"the panel {panel.get('title') or panel.get('id')!r}"
    for key in ("title", "description"):
        if not panel.get(key):
            yield f"{where} has no {key}"
        elif found := _INSIDE.search(panel[key]):
            yield f"{where} says {found[0]!r} in its {key}, which is a word of the program's inside"
    if panel["type"] == "text":
        return
    defaults = panel["fieldConfig"]["defaults"]
    if not defaults.get("unit"):
        yield f"{where} has no unit"
    if not re.search(r"\buptake [a-z]+", panel.get("description") or "") and panel["targets"][0]["datasource"]["type"] == "influxdb":
        yield f"{where} does not say by which command a figure leads back to its page"
    yield from _source(where, panel)
    for target in panel["targets"]:
        yield from _query(f"{where}, query {target['refId']},", target)
    gaps = [
        defaults.get("custom") or {},
        *({p["id"].removeprefix("custom."): p["value"]} for o in panel["fieldConfig"]["overrides"] for p in o["properties"]),
    ]
    for custom in gaps:
        yield from _gaps(where, custom)
    if panel["type"] == "timeseries" and panel["targets"][0]["datasource"]["type"] == "influxdb" and not gaps[0].get("insertNulls"):
        yield f"{where} never breaks its lines, however far apart two figures are"


def _gaps(where: str, custom: Mapping[str, Any]) -> Iterator[str]:
    for key in ("spanNulls", "insertNulls"):
        value = custom.get(key, False)
        if value is True or (value is not False and not 0 < value <= LONGEST_GAP):
            yield f"{where} draws lines over missing figures ({key} is {value})"


def _source(where: str, holder: Mapping[str, Any]) -> Iterator[str]:
    source = holder.get("datasource") or {}
    if _SOURCES.get(source.get("type", "")) != source.get("uid"):
        yield f"{where} names a data source of its own instead of the variable"


def _query(where: str, target: Mapping[str, Any]) -> Iterator[str]:
    yield from _source(where, target)
    text = target.get("query") or target.get("expr") or ""
    if target["datasource"]["type"] == "prometheus":
        if not re.search(r"\buptake_\w+", text):
            yield f"{where} asks for no metric of the daemon"
        return
    if not target.get("rawQuery"):
        yield f"{where} is not a raw query"
    if "$timeFilter" not in text:
        yield f"{where} is not bounded in time"
    if re.search(r'"\."|\.\."|"autogen"', text):
        yield f"{where} names a bucket or retention policy"
    if found := re.search(r"\$(?!timeFilter\b)\w+|\$\{\w+\}", text):
        yield f"{where} leaves it to Grafana how {found[0]} is escaped"
    if " time(" in text and "fill(none)" not in text:
        yield f"{where} fills gaps"
