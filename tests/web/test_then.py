"""The past as it was known: lists of what was configured then, and pages whose links stay there."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.parse import unquote_plus as unquote

import pytest

from scheduler.config import load
from scheduler.web.answers import Clerkship
from scheduler.web.opening import setting_of
from scheduler.web.question import Question
from storage.model import Basket, Topic
from tests.scheduler.conftest import NOW
from tests.web.site import Site
from tests.web.test_pages import STARS, Seen

THEN = "2026-11-20T08:17:01Z"  # before the last revision
BEFORE = "2026-11-19"  # nothing was known


@pytest.fixture
def renamed(web_store: Path) -> Iterator[Clerkship]:
    """The store, whose configuration has changed: alpha is alef, gimel is new, the odd basket is gone, GitHub is off."""
    setting = setting_of(load(web_store / "uptake.toml", {}))
    topics = {"alef": Topic("alef", "Alef", {"github": "made-up/alef"}, ("alpha",)), "gimel": Topic("gimel", "Gimel", {})}
    baskets = {"toys": Basket("toys", "Letters", ("alef", "gimel"))}
    sources = tuple({**s, "enabled": s["enabled"] and s["name"] != "github"} for s in setting.sources)
    with Clerkship(replace(setting, topics=topics, baskets=baskets, sources=sources)) as made:
        yield made


def asked(clerkship: Clerkship, question: str, **args: Any) -> Any:
    found = clerkship.answer(Question(question, args, NOW + 60, {"left": {"github": 7}}))
    return json.loads(gzip.decompress(found.body) if found.packed else found.body)


def test_topics_and_baskets_of_then_are_those_of_the_configuration_of_then(renamed: Clerkship) -> None:
    assert [t["key"] for t in asked(renamed, "topics")["topics"]] == ["alef", "gimel"]
    then = {t["key"]: t for t in asked(renamed, "topics", as_of=THEN)["topics"]}
    assert list(then) == ["alef", "beta", "evil"]  # under the key that its figures have now
    assert then["alef"]["title"] == "Alpha"
    assert then["alef"]["names"]["github"] == "made-up/alpha"
    assert then["alef"]["baskets"] == ["toys"]
    assert asked(renamed, "baskets")["baskets"] == [{"key": "toys", "title": "Letters", "topics": ["alef", "gimel"]}]
    assert [b["key"] for b in asked(renamed, "baskets", as_of=THEN)["baskets"]] == ["toys", "odd"]
    assert asked(renamed, "baskets", as_of=THEN)["baskets"][0]["topics"] == ["alef", "beta"]
    assert asked(renamed, "baskets", as_of=BEFORE)["baskets"][0]["title"] == "Letters"  # none was kept by then


def test_sources_of_then_have_their_newest_figure_of_then_and_no_allowance_of_today(renamed: Clerkship) -> None:
    now, then, before = (
        {s["name"]: s for s in asked(renamed, "sources", **({"as_of": at} if at else {}))["sources"]} for at in ("", THEN, BEFORE)
    )
    assert now["github"]["requests_left"] == 7
    assert then["github"]["requests_left"] is None
    assert then["github"]["newest"] == "2026-11-20T08:17:00Z"
    assert then["github"]["series"] > 5
    assert (before["github"]["newest"], before["github"]["series"]) == (None, 0)


def test_lists_say_how_far_they_know(site: Site) -> None:
    for name in ("topics", "baskets", "sources", "digests", "topics/alpha"):
        path = f"/api/v1/{name}"
        assert site.get(f"{path}?as_of={THEN}").json["sequence"] < site.get(path).json["sequence"]
        assert site.get(f"{path}?as_of={BEFORE}").json["sequence"] == 0
    assert site.get(f"/api/v1/topics/alpha?as_of={BEFORE}").json["series"] == []


def test_a_past_that_is_looked_at_stays_where_links_lead(site: Site) -> None:
    pages = ("/", "/baskets/toys", "/topics/alpha", f"/series?name={quote(STARS)}", f"/number?series={quote(STARS)}", "/coverage")
    known: set[str] = set()
    for path in (*pages, "/sources", "/conferences", "/digests", "/api"):
        answer = site.get(f"{path}{'&' if '?' in path else '?'}as_of={THEN}")
        assert answer.status == 200, (path, answer.text)
        assert "This is what was known" in answer.text
        links = [link for link in Seen(answer.text).links if link.startswith("/") and not link.startswith("/api/")]
        back = [link for link in links if "as_of=" not in link]
        assert [unquote(link) for link in back] == [unquote(path)], path  # the way back to today
        known |= {link for link in links if "as_of=" in link}
    for link in known:
        assert site.get(link).status == 200, link
    assert len(known) > 20


def test_what_a_name_matched_is_shown_without_asking_anybody(site: Site) -> None:
    text = site.get("/topics/alpha").text
    names = text[text.index("What it is called") :]
    assert "<b>GitHub</b> matched <bdi>made-up/alpha: " in names
    assert "looked at 2026-11-20 08:17 UTC" in names
    assert "Not looked at yet: Hacker News." in names
    assert "uptake check --topic alpha" in names
    assert "looked at 2026" not in site.get(f"/topics/alpha?as_of={BEFORE}").text
    evil = site.get("/topics/evil").text
    assert "looked at 2026" not in evil
