"""Adding a job board touches one module: a made-up one is dropped into the package, and everything else follows."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import crawlers.spiders.jobs as package
from crawlers import catalog
from scheduler import docs
from scheduler.demo.servers.service import Asked, Service
from tests.scheduler.conftest import CONFIG, World, uptake

MODULE = """
from typing import ClassVar

from crawlers.boards.searched import Ask, SearchBoard
from crawlers.counts import Count
from crawlers.payload import number, read_json
from crawlers.source import Terms


class Acme(SearchBoard):
    name = "acme_jobs"
    title = "Acme Jobs"
    about = "Postings on the made-up board of Acme."
    terms = Terms("http://acme.example.org/terms", "2026-11-20", "Programs are welcome.")
    endpoints: ClassVar = {"base_url": "http://acme.example.org"}
    countries: ClassVar = {"us": "US", "de": "DE"}
    default_countries = ("us",)

    def ask(self, query, country, days):
        return Ask("/search", {"q": query.text if query else None, "in": country, "days": days})

    @classmethod
    def count(cls, response):
        return Count(number(read_json(response.body), "hits"))
"""


class AcmeServer(Service):
    """Has as many postings as the query has letters, a tenth of them new, and a thousand in all."""

    def respond(self, asked: Asked) -> tuple[int, Any]:
        hits = len(asked.query.get("q", "x" * 1000)) * (10 if asked.query["in"] == "US" else 1)
        return 200, {"hits": hits // 10 if "days" in asked.query else hits}


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "acme_jobs.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path / "modules")])
    catalog.sources.cache_clear()
    yield
    sys.modules.pop("crawlers.spiders.jobs.acme_jobs", None)
    monkeypatch.undo()
    catalog.sources.cache_clear()


def test_a_made_up_board_is_one_module(acme: None, world: World) -> None:
    with AcmeServer() as server:
        world.configure(
            CONFIG.replace("[baskets", f'[sources.acme_jobs]\nbase_url = "{server.url}"\ncountries = ["us", "de"]\n\n[baskets', 1)
        )
        described = uptake("sources", "acme_jobs", "--json").json
        assert described["terms"]["gist"] == "Programs are welcome."
        assert {r["source"]: r["requests_per_day"] for r in uptake("plan", "--json").json}["acme_jobs"] == 4 + 2
        assert "| `acme_jobs` | `jobs.postings`, `jobs.new_postings`, `jobs.total` |" in docs.source_table()
        assert "### Acme Jobs (`acme_jobs`)" in docs.source_pages()
        ran = uptake("check", "acme_jobs")
        assert "alpha: search alpha: 50 postings" in ran.out
        assert uptake("collect", "acme_jobs").code == 0
        rows = uptake("export", "--metric", "jobs.postings").rows()
        assert {(r["topic"], r["labels"], r["value"]) for r in rows if "acme" in r["labels"]} == {
            ("alpha", "board=acme_jobs;country=us", "50"),
            ("alpha", "board=acme_jobs;country=de", "5"),
        }
        assert {r["value"] for r in uptake("export", "--metric", "jobs.total").rows()} == {"10000", "1000"}
        traced = uptake("trace", 'jobs.new_postings{topic="alpha",board="acme_jobs",country="us"}')
        assert '"hits": 5' in traced.out


def test_wrong_countries_are_refused_with_those_there_are(acme: None, world: World) -> None:
    world.configure(CONFIG.replace("[baskets", '[sources.acme_jobs]\ncountries = ["fr"]\n\n[baskets', 1))
    ran = uptake("sources")
    assert ran.code == 2
    assert "[sources.acme_jobs] countries: write a list of some of us, de, not ['fr']" in ran.err
