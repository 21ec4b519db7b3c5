"""A counter that a user declares is on the command line what any source is; the recipes read what registries answer."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from crawlers.custom import CustomCounter
from scheduler import docs
from scheduler.config import read
from tests.fakes.counters import FakeCounters
from tests.scheduler.conftest import CONFIG, World, uptake

SECTIONS = """
[sources.custom]
enabled = true

[custom.installs]
title = "Installs"
url = "{site}/api/{{name}}"
json = "data.count"
unit = "installs"
budget = 100
names = {{ alpha = "one", beta = "two" }}

[custom.page]
url = "{site}/page/{{name}}"
css = "p.n b"
total_url = "{site}/page/one"
names = {{ alpha = "one" }}

[custom.closed]
url = "{site}/api/{{topic}}"
json = "n"
headers_env = {{ Authorization = "UPTAKE_CUSTOM_TEST_TOKEN" }}

"""


@pytest.fixture
def site(world: World) -> Iterator[FakeCounters]:
    with FakeCounters() as service:
        service.counts = {"one": 1234, "two": 56}
        head, baskets, rest = CONFIG.partition("[baskets")
        world.urls["site"] = service.url
        world.configure(head + SECTIONS + baskets + rest)
        yield service


def test_a_counter_is_measured_shown_and_traced(world: World, site: FakeCounters) -> None:
    ran = uptake("collect", "custom", "--json")
    assert (ran.code, [r["source"] for r in ran.json], [r["measured"] for r in ran.json]) == (0, ["custom.installs", "custom.page"], [2, 2])
    assert world.values("custom.installs") == {("alpha", "2026-11-20"): 1234, ("beta", "2026-11-20"): 56}
    assert world.values("custom.page_total") == {("", "2026-11-20"): 1234}
    assert len(site.asked()) == 4
    assert uptake("collect", "custom.installs").code == 0
    assert len(site.asked()) == 4
    trace = uptake("trace", 'custom.installs{topic="alpha"}')
    assert trace.code == 0
    assert f"{site.url}/api/one" in trace.out
    coverage = uptake("status", "--json").json["coverage"]
    assert {name: sum(sum(c.values()) for c in weeks.values()) for name, weeks in coverage.items()} == {
        "custom.installs": 2,
        "custom.page": 2,
    }
    assert uptake("reparse", "custom.installs").code == 0
    assert "Installs" in uptake("trends").out


def test_check_shows_what_was_read(site: FakeCounters) -> None:
    del site.counts["two"]
    ran = uptake("check", "custom", "--json")
    assert ran.code == 1
    assert sorted(ran.json["previews"]["custom.installs"], key=lambda p: str(p["topic"])) == [
        {"topic": "alpha", "found": True, "text": f"one: 1,234 installs, read from 1234 at json data.count, {site.url}/api/one"},
        {"topic": "beta", "found": False, "text": f"two: not_found: status 404, {site.url}/api/two"},
    ]


def test_sources_and_plan_list_counters_with_their_cost(site: FakeCounters) -> None:
    listed = {s["name"]: s for s in uptake("sources", "--json").json}
    assert {"custom", "custom.installs", "custom.page", "custom.closed"} <= set(listed)
    assert listed["custom.closed"]["why_off"] == "needs UPTAKE_CUSTOM_TEST_TOKEN in the environment"
    assert "custom.installs" in uptake("sources", "custom.installs").out
    assert "[custom.NAME]" in uptake("sources", "custom").out
    assert uptake("sources").code == 0
    plan = {row["source"]: row for row in uptake("plan", "--json").json}
    assert (plan["custom.installs"]["requests_per_day"], plan["custom.installs"]["allowance_per_day"]) == (2, 100)
    assert plan["custom.page"]["requests_per_day"] == 2
    assert plan["custom"]["requests_per_day"] == 0
    assert uptake("plan").code == 0


def test_a_counter_that_is_off_says_why(site: FakeCounters) -> None:
    ran = uptake("collect", "custom.closed")
    assert (ran.code, "custom.closed is off: needs UPTAKE_CUSTOM_TEST_TOKEN" in ran.err) == (2, True)
    assert uptake("collect", "custom.nothing").code == 2
    assert site.asked() == []


def test_custom_without_counters_asks_nothing(world: World) -> None:
    world.configure(CONFIG.replace("[baskets", "[sources.custom]\n\n[baskets"))
    assert uptake("collect", "custom").code == 0
    assert uptake("sources", "custom").code == 0


ANSWERS = {
    "followers": ('<h1>Group</h1><span class="follower-count">1,234</span>', 1234),
    "package-downloads": ('{"downloads": 1234, "start": "2026-11-19", "end": "2026-11-19", "package": "x"}', 1234),
    "weekly-downloads": ('{"downloads": 8638, "start": "2026-11-09", "end": "2026-11-15", "package": "x"}', 8638),
    "listed-downloads": ('{"data": [{"date": "2026-11-18", "downloads": 12}, {"date": "2026-11-19", "downloads": 30}]}', 42),
    "image-pulls": ('{"name": "x", "pull_count": 987654321, "star_count": 0}', 987654321),
    "image-stars": ('{"name": "x", "pull_count": 987654321, "star_count": 0}', 0),
    "crate-recent": ('{"crate": {"id": "x", "downloads": 9000, "recent_downloads": 800}}', 800),
    "crate-downloads": ('{"crate": {"id": "x", "downloads": 9000, "recent_downloads": 800}}', 9000),
    "channel-downloads": ('{"name": "x", "files": [{"ndownloads": 5}, {"ndownloads": 6}]}', 11),
    "results": (json.dumps({"hits": {"total.value": 77}}), 77),
    "used-by": ("<p>Used by\n 12,345 projects</p>", 12345),
    "adopters": ("<table id=adopters><tr><th>Who<tr><td>A<tr><td>B</table>", 2),
}


def recipes() -> dict[str, type[CustomCounter]]:
    """The counters of the documentation, by name."""
    text = (docs.ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    found: dict[str, type[CustomCounter]] = {}
    for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL):
        raw = tomllib.loads(block)
        if topics := raw.get("topics"):
            raw["baskets"] = {"all": {"topics": [*topics]}}
        for name, setting in read(raw, Path("uptake.toml"), {}).sources.items():
            if issubclass(setting.source, CustomCounter):
                found[name.removeprefix("custom.")] = setting.source
    return found


def test_recipes_read_what_registries_answer() -> None:
    found = recipes()
    assert set(found) == set(ANSWERS)
    for name, cls in found.items():
        body, expected = ANSWERS[name]
        assert (name, cls.counter.read(body.encode(), body).count.value) == (name, expected)


def test_recipes_name_no_host() -> None:
    assert {cls.counter.url.origin.endswith("-HOST.example") for cls in recipes().values()} == {True}
