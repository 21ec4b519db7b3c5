"""Writes the dashboards and alert rules that Grafana reads: `python -m deploy.grafana.build`.

Topics have fixed colours in the order in which the config names them: the bundled config's for what is in the
repository, your own with ``--config uptake.toml --output DIR``.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana import alerts
from deploy.grafana.boards import ALL

HERE = Path(__file__).parent
BUNDLED = HERE.parents[1] / "scheduler" / "data" / "uptake.toml"
DASHBOARDS, ALERTS = "dashboards", Path("provisioning") / "alerting" / "uptake.json"


def topics_of(config: Path) -> list[str]:
    """The topics of all baskets, basket by basket, each once."""
    baskets = tomllib.loads(config.read_text(encoding="utf-8")).get("baskets", {})
    return list(dict.fromkeys(topic for basket in baskets.values() for topic in basket["topics"]))


def build(topics: Sequence[str]) -> dict[Path, str]:
    """File (relative to this folder) → its text."""
    files = {Path(DASHBOARDS) / f"{name}.json": _text(numbered(make(topics).build())) for name, make in ALL.items()}
    return files | {ALERTS: _text(alerts.provisioned())}


def numbered(dashboard: Dashboard) -> Dashboard:
    """Panels get their numbers in order, so that links to one of them lead to the same one tomorrow."""
    for i, panel in enumerate(dashboard.panels or [], 1):
        panel.id_val = i
    return dashboard


def stale(files: Mapping[Path, str], folder: Path) -> list[Path]:
    """Files that differ from what is in the folder, or that nothing makes any more."""
    there = {path.relative_to(folder) for path in (folder / DASHBOARDS).glob("*.json")}
    differ = [path for path, text in files.items() if not (folder / path).is_file() or (folder / path).read_text(encoding="utf-8") != text]
    return sorted({*differ, *(there - files.keys())})


def _text(document: Any) -> str:
    return json.dumps(document, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m deploy.grafana.build", description="Write Grafana dashboards and alert rules.")
    parser.add_argument("--config", type=Path, default=BUNDLED, help="an uptake.toml: its topics get the colours")
    parser.add_argument("--output", type=Path, default=HERE, help="the folder to write into")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a file is stale")
    chosen = parser.parse_args(arguments)
    files = build(topics_of(chosen.config))
    if chosen.check:
        found = stale(files, chosen.output)
        for path in found:
            sys.stderr.write(f"{path} is stale: run python -m deploy.grafana.build\n")
        return int(bool(found))
    for path, text in files.items():
        target = chosen.output / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
