"""The dashboards as files: made by the code, good by our own rules, in colours that everyone can tell apart."""

from __future__ import annotations

import copy
import importlib.util
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana import build, palette
from deploy.grafana.lint import lint
from tests.deploy.exposition import NAMES
from tests.deploy.grafana import FOLDER, dashboards, panels, queries
from tests.deploy.world import SPRING, known_metrics

ALL = dashboards()
NAMED = {"head-to-head", "basket", "topic", "jobs", "conferences", "blind-spots", "operations"}


def test_the_files_are_what_the_code_makes() -> None:
    stale = build.stale(build.build(build.topics_of(build.BUNDLED)), FOLDER)
    assert not stale, f"stale: {stale}; run python -m deploy.grafana.build"
    assert set(ALL) == NAMED


def test_a_changed_a_missing_and_an_abandoned_file_are_stale(tmp_path: Path) -> None:
    build.main(["--output", str(tmp_path)])
    assert build.main(["--output", str(tmp_path), "--check"]) == 0
    (tmp_path / "dashboards" / "basket.json").write_text("{}")
    (tmp_path / "dashboards" / "jobs.json").unlink()
    (tmp_path / "dashboards" / "old.json").write_text("{}")
    assert [p.name for p in build.stale(build.build(build.topics_of(build.BUNDLED)), tmp_path)] == ["basket.json", "jobs.json", "old.json"]
    assert build.main(["--output", str(tmp_path), "--check"]) == 1


def test_your_own_topics_get_the_colours(tmp_path: Path) -> None:
    config = tmp_path / "uptake.toml"
    config.write_text('[baskets.web]\ntopics = ["c++", "rust"]\n[topics."c++"]\n[topics.rust]\n')
    build.main(["--config", str(config), "--output", str(tmp_path)])
    text = (tmp_path / "dashboards" / "basket.json").read_text()
    patterns = {
        o["matcher"]["options"] for p in panels(json.loads(text)) for o in p["fieldConfig"]["overrides"] if o["matcher"]["id"] == "byRegexp"
    }
    assert patterns == {r"/^c\+\+( |$)/", "/^rust( |$)/"}


@pytest.mark.parametrize("name", ALL)
def test_a_dashboard_is_good_by_our_rules(name: str) -> None:
    assert lint(ALL[name]) == []


@pytest.mark.parametrize("name", ALL)
def test_the_sdk_reads_a_dashboard_and_writes_the_same(name: str) -> None:
    again = json.loads(json.dumps(Dashboard.from_json(ALL[name]), cls=JSONEncoder))
    assert again == ALL[name]


def _first(document: dict[str, Any]) -> dict[str, Any]:
    return next(p for p in document["panels"] if p["type"] == "timeseries")


def _target(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = _first(document)["targets"][0]
    return found


SPOILS: dict[str, Callable[[dict[str, Any]], object]] = {
    "has no title": lambda d: _first(d).update(title=""),
    "has no description": lambda d: _first(d).pop("description"),
    "has no unit": lambda d: _first(d)["fieldConfig"]["defaults"].pop("unit"),
    "which is a word of the program's inside": lambda d: _first(d).update(title="Sink lag"),
    "leads back to its page": lambda d: _first(d).update(description="Lines."),
    "names a data source of its own": lambda d: _target(d)["datasource"].update(uid="abc123"),
    "is not bounded in time": lambda d: _target(d).update(query='SELECT "stars" FROM "github"'),
    "names a bucket or retention policy": lambda d: _target(d).update(
        query='SELECT "stars" FROM "uptake"."autogen"."github" WHERE $timeFilter'
    ),
    "fills gaps": lambda d: _target(d).update(query=_target(d)["query"].replace("fill(none)", "fill(linear)")),
    "how $basket is escaped": lambda d: _target(d).update(query=_target(d)["query"] + " AND \"basket\" = '$basket'"),
    "is not a raw query": lambda d: _target(d).update(rawQuery=False),
    "spanNulls is True": lambda d: _first(d)["fieldConfig"]["defaults"]["custom"].update(spanNulls=True),
    "never breaks its lines": lambda d: _first(d)["fieldConfig"]["defaults"]["custom"].pop("insertNulls"),
    "is used and not defined": lambda d: d["templating"]["list"].pop(),
    "two panels have one id": lambda d: _first(d).update(id=d["panels"][-1]["id"]),
    "is not in UTC": lambda d: d.update(timezone="browser"),
    "the dashboard has no uid": lambda d: d.pop("uid"),
}


@pytest.mark.parametrize("finding", SPOILS)
def test_what_spoils_a_dashboard_is_found(finding: str) -> None:
    spoilt = copy.deepcopy(ALL["basket"])
    SPOILS[finding](spoilt)
    assert any(finding in found for found in lint(spoilt))


def test_a_link_leads_to_a_dashboard_that_is_there() -> None:
    uids = {document["uid"] for document in ALL.values()}
    linked = set(re.findall(r"/d/([\w-]+)", json.dumps(ALL)))
    assert len(uids) == len(ALL)
    assert linked
    assert linked <= uids


def test_the_metrics_in_the_queries_and_in_the_tests_world_are_declared_by_sources() -> None:
    known = known_metrics()
    assert {m.metric for m in SPRING} <= known
    asked = set()
    for name, document in ALL.items():
        for query in queries(name, document):
            if query.kind == "influxdb":
                families = {f for f in re.findall(r'FROM "(\w+)"', query.text) if f not in {"trend", "coverage"}}
                fields = {f.removesuffix("_bound") for f in re.findall(r'\("(\w+)"\)|SELECT "(\w+)"', query.text) for f in f if len(f) > 1}
                asked |= {f"{family}.{field}" for family in families for field in fields}
    assert len(asked) > 12
    assert asked <= known


def test_operations_reads_what_the_daemon_shows() -> None:
    asked = {name for q in queries("operations", ALL["operations"]) for name in re.findall(r"\buptake_\w+", q.text)}
    assert asked <= NAMES
    if importlib.util.find_spec("scheduler.metrics") is None:
        pytest.skip("the daemon's metrics are not in this tree yet: their names cannot be compared")
    metrics = importlib.import_module("scheduler.metrics").Metrics()
    shown = {f"{family.name}{suffix}" for family in metrics.registry.collect() for suffix in ("", "_total", "_bucket")}
    assert asked <= shown


# Colours. Simulated colour blindness by Machado, Oliveira and Fernandes (2009), severity 1; distance in CIELAB.
_SEEN = {
    "normal": np.eye(3),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
}
_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def _linear(colour: str) -> Any:
    c = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def _lab(colour: str, sight: str) -> Any:
    x = _XYZ @ np.clip(_SEEN[sight] @ _linear(colour), 0, 1) / np.array([0.95047, 1, 1.08883])
    f = np.where(x > 0.008856, np.cbrt(x), 7.787 * x + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def _nearest(colours: tuple[str, ...], sight: str) -> float:
    seen = [_lab(c, sight) for c in colours]
    return min(float(np.linalg.norm(a - b)) for i, a in enumerate(seen) for b in seen[:i])


@pytest.mark.parametrize("sight", _SEEN)
def test_colours_can_be_told_apart(sight: str) -> None:
    assert _nearest(palette.COLOURS[:8], sight) > 29
    assert _nearest(palette.COLOURS, sight) > 18
    assert _nearest((palette.GOOD, palette.MIDDLING, palette.BAD), sight) > 15


@pytest.mark.parametrize("background", ["#FFFFFF", "#181B1F"])  # Grafana's light and dark panels
def test_colours_stand_out_from_the_background(background: str) -> None:
    def luminance(colour: str) -> float:
        return float(_XYZ[1] @ _linear(colour))

    for colour in palette.COLOURS:
        low, high = sorted((luminance(colour), luminance(background)))
        assert (high + 0.05) / (low + 0.05) > 2.4
