from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from storage.model import Bound, Capture, Observation, Series, Topic
from storage.periods import read_time
from tests.trends.conftest import World
from trends import report
from trends.panel import Evidence

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> \"'&🔥\u202eevil"


class Page(HTMLParser):
    """What a browser would find: elements with their attributes, and the text of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text: list[str] = []
        self._in_script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self._in_script = True
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_script = self._in_script and tag != "script"

    def handle_data(self, data: str) -> None:
        if self._in_script:
            self.scripts[-1] += data
        else:
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.fixture
def full(world: World) -> World:
    world.topics["c"] = Topic("c", HOSTILE)
    for i, k in enumerate("abc"):
        world.daily("github.stars", k, "2026-01-01", [float(10 * i + j) for j in range(9)])
    world.put("github.stars", "b", {"2025-12-01": 1, "2025-12-20": 2}, "origin=imported", citation=f"{HOSTILE} https://example.org/a?b=1")
    world.put("jobs.postings", "a", {"2020-01-26": 4126}, "board=linkedin;origin=imported", source="linkedin", citation="Hale, 2020")
    world.note("2026-01-05", HOSTILE, "c")
    return world


def page_of(world: World, now: str = "2026-01-09", **options: object) -> Page:
    return Page(report.render(world.report(now, **options)))


def test_the_page_loads_nothing_from_anywhere(full: World) -> None:
    page = page_of(full)
    loading = [a for tag, a in page.elements if tag in {"script", "link", "img", "iframe", "object", "embed", "source", "video", "audio"}]
    assert [a for a in loading if a.get("src") or a.get("href") or a.get("data")] == []
    policy = next(a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "unsafe-eval" not in policy
    assert not re.search(r"https?:", policy)


def test_the_policy_names_exactly_the_scripts_of_the_page(full: World) -> None:
    page = page_of(full)
    policy = str(next(a["content"] for tag, a in page.elements if a.get("http-equiv")))
    data, *scripts = page.scripts
    hashes = [f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts]
    assert policy.partition("script-src ")[2].split() == hashes
    assert set(json.loads(data)["charts"]) == {"c0-0"}


def test_hostile_names_stay_text_everywhere(full: World) -> None:
    page = page_of(full, troubles=[(HOSTILE, HOSTILE, 2, HOSTILE)])
    assert len([tag for tag, _ in page.elements if tag == "script"]) == 3
    assert not [a for _, a in page.elements if any(name.startswith("on") for name in a)]
    assert "img" not in {tag for tag, _ in page.elements}
    assert page.words.count("alert(2)") >= 4  # it is shown, as the text that it is
    assert HOSTILE in json.loads(page.scripts[0])["charts"]["c0-0"]["spec"]["params"][0]["value"]


def test_only_web_addresses_become_links() -> None:
    assert report.link(Evidence(url="javascript:alert(1)")) == ""
    assert report.link(Evidence(text="see https://example.org/a?b=1.")) == "https://example.org/a?b=1"
    assert report.link(Evidence(text="hugovk/top-pypi-packages@5501c5c9")) == "https://github.com/hugovk/top-pypi-packages/tree/5501c5c9"
    assert report.link(Evidence(text="Hale, 2020")) == ""


def test_trouble_comes_first_and_is_grouped_by_source(full: World) -> None:
    troubles = [("GitHub", "needs a token", 12, "stars of A"), ("Medium", "refused", 1, ""), ("GitHub", "not reached", 40, "")]
    words = page_of(full, troubles=troubles).words
    assert words.index("What could not be measured") < words.index("All of them")
    assert words.index("not reached 40 ×") < words.index("needs a token 12 ×") < words.index("Medium refused")


def test_every_citation_and_page_is_reachable(full: World) -> None:
    capture = Capture("run", "file", 1, "https://api.example.org/stars?page=2", "GET", 200, "f", read_time("2026-01-09"))
    with full.journal.write() as tx:
        tx.put([Observation(Series("github.stars", "a", source="github"), read_time("2026-01-10"), 99, captures=(capture,))])
    page = page_of(full, "2026-01-10")
    links = {a.get("href") for tag, a in page.elements if tag == "a"}
    assert {"https://api.example.org/stars?page=2", "https://example.org/a?b=1"} <= links
    assert "Hale, 2020" in page.words


def test_stale_figures_are_listed_with_their_date_and_not_as_latest(world: World) -> None:
    world.put("github.stars", "a", {"2026-01-01": 10, "2026-01-02": 11})
    words = page_of(world, "2026-06-01").words
    assert "Last known, not fresh" in words
    assert "2026-01-02" in words
    assert "Latest Value" not in words


def test_an_empty_journal_gives_a_page_that_says_so(world: World) -> None:
    words = page_of(world).words
    assert "No figures yet" in words
    assert "undefined" not in words


def test_bounds_and_held_back_figures_are_said(world: World) -> None:
    world.put("github.stars", "a", {"2026-01-08": 3000, "2026-01-09": 3000}, bound=Bound.AT_LEAST)
    assert "≥ 3,000" in page_of(world).words


def test_the_same_report_gives_the_same_page(full: World) -> None:
    assert report.render(full.report("2026-01-09")) == report.render(full.report("2026-01-09"))


def test_readers_never_meet_the_workshop_words(full: World) -> None:
    words = page_of(full, troubles=[("GitHub", "not reached", 2, "")], version="0.1").words.lower()
    assert not [w for w in ("slot", "vintage", "capture", "sink") if re.search(rf"\b{w}s?\b", words)]


def test_a_coverage_frame_of_another_shape_is_refused(full: World) -> None:
    with pytest.raises(ValueError, match="coverage needs the columns source, metric"):
        full.report("2026-01-09", coverage=pd.DataFrame({"week": [1]}))


def test_the_page_stays_small(full: World) -> None:
    assert len(report.render(full.report("2026-01-09")).encode()) < 1_500_000


def test_writing_replaces_the_page_in_one_step_and_leaves_no_scraps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "reports" / "page.html"
    report.write(target, "old")
    assert target.read_text(encoding="utf-8") == "old"

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        report.write(target, "new")
    assert [p.name for p in target.parent.iterdir()] == ["page.html"]
    assert target.read_text(encoding="utf-8") == "old"
