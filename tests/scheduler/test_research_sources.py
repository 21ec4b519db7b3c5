"""Papers, code and search interest among the sources: each is listed with its terms and its cost, on or off."""

from __future__ import annotations

from pathlib import Path

import pytest

from crawlers.catalog import sources
from tests.scheduler.conftest import uptake

CONFIG = """\
[crawl]
contact = "mailto:me@example.org"

[sources.conferences]
enabled = true
papers_per_day = 700

[sources.google_trends]
enabled = true
geos = ["", "US"]

[baskets.frameworks]
topics = ["pytorch", "jax"]

[topics.pytorch]
papers = ["pytorch"]
pypi = "torch"
huggingface = "pytorch"
wikipedia = "PyTorch"
search = "PyTorch"

[topics.jax]
papers = ["jax"]
pypi = "jax"
huggingface = "jax"
wikipedia = "JAX (software)"
search = "JAX"

[custom.crates]
url = "https://registry.invalid/{name}"
json = "count"
names = { pytorch = "tch" }
"""
COSTS = {  # source -> topics that are named there, requests a day
    "paperswithcode": (2, 0.2),  # two months of each and of all, a month
    "conferences": (2, 700),
    "arxiv": (2, 0.1),
    "openalex": (2, 0.2),
    "huggingface": (2, 3),
    "pypi": (2, 1),
    "wikipedia": (2, 3),
    "google_trends": (2, 0.7),  # five requests a week
    "custom.crates": (1, 1),
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "uptake.toml").write_text(CONFIG)
    monkeypatch.setenv("UPTAKE_CONFIG", str(tmp_path / "uptake.toml"))
    monkeypatch.setenv("COLUMNS", "200")


def test_each_is_listed_with_what_it_counts_its_terms_and_its_cost() -> None:
    documents = {d["name"]: d for d in uptake("sources", "--json").json}
    blocks = {b.partition(":")[0]: b for b in uptake("sources").out.split("\n\n")}
    for name in COSTS:
        assert documents[name]["enabled"], documents[name]["why_off"]
        assert documents[name]["counts"]
        assert documents[name]["requests_per_topic_and_day"] > 0
        assert documents[name]["terms"]["gist"]
        assert "requests a day: about " in blocks[name]
        assert uptake("sources", name).code == 0
    assert "surveys, Papers With Code's archive, saved Google Trends" in uptake("sources").out


def test_the_plan_tells_what_each_costs_and_calls_no_cost_nothing() -> None:
    rows = {r["source"]: r for r in uptake("plan", "--json").json}
    assert {name: (rows[name]["topics"], rows[name]["requests_per_day"]) for name in COSTS} == COSTS
    ran = uptake("plan")
    assert ran.code == 0
    told = {line.split()[0]: line.split()[2] for line in ran.out.splitlines() if line.split()[:1]}
    assert {name: told[name] for name in COSTS} == {n: "<1" if c < 1 else f"{c:,}" for n, (_, c) in COSTS.items()}
    assert "surveys" in ran.out
    assert set(sources()) <= set(rows)
