"""What Grafana does with a stored query before it sends it: variables and macros put in, for a fixed present."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import deploy.grafana
from storage.periods import DAY, read_time

FOLDER = Path(deploy.grafana.__file__).parent
PRESENT = read_time("2026-07-01")
_SPANS = {"d": DAY, "h": 3600, "m": 60}


@dataclass(frozen=True, slots=True)
class Asked:
    """One query of a panel (or of a variable or annotation), as it is stored."""

    dashboard: str
    panel: str
    ref: str
    kind: str  # influxdb or prometheus
    text: str
    instant: bool = False

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.panel} {self.ref}"


def dashboards() -> dict[str, dict[str, Any]]:
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted((FOLDER / "dashboards").glob("*.json"))}


def panels(dashboard: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """All panels, those in rows too; rows themselves not."""
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            yield from panel.get("panels", [])
        else:
            yield panel


def queries(name: str, dashboard: Mapping[str, Any]) -> Iterator[Asked]:
    for panel in panels(dashboard):
        for target in panel.get("targets", []):
            kind = target["datasource"]["type"]
            yield Asked(
                name, panel["title"], target["refId"], kind, target.get("query") or target.get("expr"), target.get("instant", False)
            )


def variables(dashboard: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [v for v in dashboard["templating"]["list"] if v["type"] == "query"]


def moment(text: str, present: int = PRESENT) -> int:
    """Epoch seconds of ``now``, ``now-7d`` or a date."""
    if not text.startswith("now"):
        return read_time(text)
    found = re.fullmatch(r"now(?:-(\d+)([dhm]))?", text)
    assert found, text
    return present - (int(found[1]) * _SPANS[found[2]] if found[1] else 0)


def expanded(text: str, chosen: Mapping[str, str | list[str]], since: int, until: int) -> str:
    """The query as it is sent: several values as a pattern, as ``${name:regex}`` gives them; no variable is left."""

    def value(match: re.Match[str]) -> str:
        name, _, form = (match[1] or match[2]).partition(":")
        found = chosen[name]
        if form == "regex":
            parts = [found] if isinstance(found, str) else found
            if parts == [".*"]:
                return ".*"
            escaped = [re.sub(r"([\\^$*+?.()|\[\]{}/])", r"\\\1", part) for part in parts]
            return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"
        assert isinstance(found, str), f"{name} has several values and is no pattern"
        return found

    text = text.replace("$timeFilter", f"time >= {since}s and time <= {until}s")
    return re.sub(r"\$\{([\w:]+)\}|(?<=['\".])\$(\w+)", value, text)
