from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from parsel import Selector, SelectorList

from storage.model import Basket, Bound, Capture, Observation, Series, Topic
from storage.periods import read_time
from tests.trends.conftest import World
from trends import report
from trends.marks import events_of
from trends.panel import Evidence
from trends.report import ReportData

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


NOW = "2026-11-20"


@pytest.fixture
def boards(world: World) -> World:
    for metric, part in (("jobs.new_postings", 10), ("jobs.postings", 1)):
        world.board("reed", "gb", {"a": 40 / part, "b": 20 / part}, metric=metric)
        world.board("linkedin", "us", {"a": 1000 / part, "b": 250 / part}, metric=metric)
        world.board("indeed", "us", {"a": 400 / part, "b": 500 / part, "c": 100 / part}, metric=metric)
        world.board("adzuna", "us", {"a": 9000 / part, "b": 100 / part}, end="2026-10-01", metric=metric)
    world.put("jobs.postings", "a", {"2020-01-26": 4126}, "board=monster;country=us;origin=imported", source="monster", citation="Hale")
    world.daily("github.stars", "a", "2026-11-01", [float(i) for i in range(20)])
    world.daily("github.stars", "b", "2026-11-01", [float(i) for i in range(20)])
    return world


def html(world: World, now: str = NOW, *, until: str = "") -> Selector:
    return Selector(report.render(world.report(now, until=read_time(until) if until else None)))


def words(found: Selector | SelectorList[Selector]) -> str:
    return " ".join(" ".join(found.xpath(".//text()").getall()).split())


def cells(row: Selector) -> list[str]:
    return [words(cell) for cell in row.css("th, td")]


def test_a_metric_at_many_places_is_one_section_with_an_overview_and_one_card_open(boards: World) -> None:
    page = html(boards)
    assert [words(h) for h in page.css(".blocks h3")] == ["Job postings 5 places", "New job postings 4 places", "GitHub stars"]
    many = page.css("section.many")[0]
    cards = many.css("details.place")
    assert [words(card.css("summary")[0]) for card in cards] == [
        "LinkedIn, US", "Indeed, US", "Reed, GB", "Adzuna, US not fresh", "Single figures from the past 1"
    ]  # fmt: skip
    assert [card.attrib.get("open") is not None for card in cards] == [True, False, False, False, False]
    order = [node.root.tag if node.root.tag == "table" else node.attrib["id"] for node in many.css("table.leads, details.place")]
    assert order[0] == "table"


def test_the_overview_has_every_place_with_its_figures_lead_shares_and_date(boards: World) -> None:
    table = html(boards).css("section.many table.leads")[0]
    assert cells(table.css("thead tr")[0]) == ["Where", "Leads", "A", "B", "C", "Date"]
    rows = table.css("tbody tr")
    assert [cells(row) for row in rows] == [
        ["LinkedIn, US", "A 4.00:1", "1,000", "250", "—", "2026-11-20"],
        ["Indeed, US", "B 1.25:1", "400", "500", "100", "2026-11-20"],
        ["Reed, GB", "A 2.00:1", "40", "20", "—", "2026-11-20"],
        ["Adzuna, US 2026-10-01, not fresh", "A 90.00:1", "9,000", "100", "—", "2026-10-01"],
        ["Monster, US 2020-01-26, not fresh", "—", "4,126", "—", "—", "2020-01-26"],
    ]
    assert [row.attrib.get("class") for row in rows] == [None, None, None, "old", "old"]
    bars = [row.css(".bar i").xpath("@style").getall() for row in rows]
    assert bars == [
        ["width:80.00%", "width:20.00%"],
        ["width:50.00%", "width:40.00%", "width:10.00%"],
        ["width:66.67%", "width:33.33%"],
        [],
        [],
    ]


def test_bounds_and_the_dates_of_stale_figures_stand_in_the_overview(boards: World) -> None:
    boards.put("jobs.postings", "b", {NOW: 60}, "board=reed;country=gb", source="reed", bound=Bound.AT_LEAST)
    boards.board("reed", "gb", {"c": 33}, end="2026-10-05")
    row = html(boards).css("section.many table.leads")[0].css("tbody tr")[2]
    assert cells(row) == ["Reed, GB", "B ≈ 1.50:1", "40", "≥ 60", "33 2026-10-05", "2026-11-20"]


def test_folded_cards_hold_all_their_figures_charts_and_sources(boards: World) -> None:
    page = html(boards)
    drawn = json.loads(page.css("script#data::text").get() or "")["charts"]
    for card in page.css("details.place")[:4]:
        chart = card.css("[data-chart]").attrib["data-chart"]
        titles = drawn[chart]["spec"]["params"][0]["value"]
        assert titles == ["A", "B", "C"]
        assert drawn[chart]["spec"]["datasets"]["figures"].count("\n") >= 21
        assert len(card.css(".modes input")) == 3
        assert "Where the figures are from" in words(card)
    folded = page.css("details.place")[1]
    assert [cells(row)[:2] for row in folded.css("tbody tr")] == [["B", "500"], ["A", "400"], ["C", "100"]]
    assert "Hale" in words(page.css("details.place")[4])
    assert "4,126" in words(page.css("details.place")[4])


def test_the_contents_lead_to_every_card_in_one_click(boards: World) -> None:
    page = html(boards)
    contents = page.css("nav.toc")
    assert len(contents) == 1
    named = ["What can be said", "Job postings", "New job postings", "GitHub stars", "Blind here"]
    assert [words(a) for a in contents.css("a.what")] == named
    assert [words(a) for a in contents.css("li")[1].xpath("./ul/li/a")] == ["LinkedIn, US", "Indeed, US", "Reed, GB", "Adzuna, US"]
    ids = page.css("[id]").xpath("@id").getall()
    assert len(ids) == len(set(ids))
    links = {href.removeprefix("#") for href in page.css("a[href^='#']").xpath("@href").getall()}
    assert links <= set(ids)
    assert {card.attrib["id"] for card in page.css("details.place, section.card[id]")} <= links
    assert "basket-all-jobs-postings-linkedin-us" in links


def test_two_places_of_a_metric_stay_two_cards(world: World) -> None:
    world.board("reed", "gb", {"a": 40, "b": 20})
    world.board("linkedin", "us", {"a": 1000, "b": 250})
    page = html(world)
    assert page.css("table.leads, details.place").getall() == []
    assert [words(h) for h in page.css(".blocks h3")] == ["Job postings, LinkedIn, US", "Job postings, Reed, GB"]


def test_baskets_with_the_same_metric_have_places_of_their_own(boards: World) -> None:
    with boards.journal.read() as connection:
        baskets = [
            Basket("one", "One", ("a", "b")),
            Basket("two", "Two", ("a", "c")),
            Basket("2", "Odd", ("a",)),
            Basket("ü", "Odd", ("b",)),
        ]
        data = report.build(connection, baskets, boards.topics, now=read_time(NOW))
    ids = Selector(report.render(data)).css("[id]").xpath("@id").getall()
    assert len(ids) == len(set(ids))
    assert {"basket-one-jobs-postings", "basket-two-jobs-postings"} <= set(ids)


def test_old_series_of_many_places_are_folded_as_one(boards: World) -> None:
    page = html(boards, "2030-01-01")
    fold = page.css("details.fold")
    shown = page.css("section.many")
    assert len(shown) == 2
    assert len(fold.css("section.many")) + len(page.css(".blocks > section.many")) == 2
    assert page.css("table.leads tbody tr:not(.old)").getall() == []


# What can be said, at the top of each basket


@pytest.fixture
def racing(world: World) -> World:
    """Two years of weekly figures: a doubles, b stands, c goes with the counter; jobs fell silent."""
    weeks = pd.date_range("2024-06-03", "2026-06-01", freq="7D")
    for key, rate in (("a", 0.012), ("b", 0.0), ("c", 0.0005)):
        noise = [((i * 7919) % 13 - 6) / 200 for i in range(len(weeks))]
        counts = {str(w.date()): float(round(1000 * math.exp(rate * i + e))) for i, (w, e) in enumerate(zip(weeks, noise, strict=True))}
        world.put("pypi.downloads_30d", key, counts, source="pypi")
    world.put("jobs.postings", "a", {"2020-01-26": 4126, "2020-02-26": 4200}, "board=linkedin;country=us", source="linkedin")
    return world


def test_claims_stand_before_the_figures_with_their_intervals_and_lead_to_the_charts(racing: World) -> None:
    page = html(racing, "2026-06-08")
    said = page.css(".basket .claims li.s-claimed")
    assert len(said) >= 1
    assert any(re.search(r"A.*PyPI downloads.*a year \[\d+ to \d+\]", words(line)) for line in said)
    for line in said:
        (target,) = line.css("a.fig").xpath("@href").getall()
        assert words(line.css("a.fig")) == "pypi.downloads_30d"
        assert page.css(target).css("[data-chart]")
    order = page.css(".basket > *").xpath("@class").getall()
    assert order.index("blocks") > next(i for i, name in enumerate(order) if "claims" in name)


def test_what_is_blind_and_a_withheld_index_say_why_and_since_when(racing: World) -> None:
    top = html(racing, "2026-06-08").css(".basket .claims")
    assert "Withheld: one of five groups of signals is fresh (usage); it needs three." in words(top.css(".withheld"))
    assert words(top.css(".away li")) == "Job postings (LinkedIn, US) since February 2020"
    assert html(racing, "2026-06-08").css(top.css(".away a").xpath("@href").getall()[0])


def test_a_withheld_claim_is_greyed_with_its_reason(racing: World) -> None:
    for key in "abc":  # the counter itself: everybody rises by half at once
        racing.put("pypi.downloads_30d", key, {"2026-06-08": 5400 if key == "a" else 1600}, source="pypi")
    page = html(racing, "2026-06-15")
    held = words(page.css(".claims li.s-withheld"))
    assert "not claimed, because" in held
    assert "the counter changed on 2026-06-08" in held
    assert not any("A, PyPI downloads: +" in words(line) for line in page.css(".claims li.s-claimed"))


def test_a_change_of_the_counter_is_drawn_on_its_chart_once_whether_it_was_noted_or_not(racing: World) -> None:
    racing.daily("github.stars", "a", "2026-05-01", [1.0, 2.0, 3.0])
    for key in "abc":
        racing.put("pypi.downloads_30d", key, {"2026-06-08": 5400 if key == "a" else 1600}, source="pypi")

    def marks(data: ReportData) -> dict[str, list[str]]:
        sections = [section for section in data.baskets[0].sections if section.chart is not None]
        return {section.table.key: [str(event["w"]) for event in section.chart.events] for section in sections if section.chart}

    first = racing.report("2026-06-15")
    assert marks(first) == {"pypi.downloads_30d": ["the counter changed: all topics moved at once"], "github.stars": []} | {
        key: [] for key in marks(first) if key.startswith("jobs.")
    }
    with racing.journal.write() as tx:
        for event in events_of(first.baskets[0].claims.findings):
            tx.note(event)
    assert marks(racing.report("2026-06-15")) == marks(first)


def test_a_report_of_one_basket_hears_what_moves_a_source_from_all_that_are_configured(racing: World) -> None:
    alone, others = Basket("one", "One", ("a",)), Basket("all", "All", ("a", "b", "c"))
    for key in "abc":
        racing.put("pypi.downloads_30d", key, {"2026-06-08": 5400 if key == "a" else 1600}, source="pypi")
    with racing.journal.read() as connection:
        built = [report.build(connection, [alone], racing.topics, now=read_time("2026-06-15"), configured=c) for c in ([], [others])]
    deaf, hearing = (Selector(report.render(data)).css(".claims") for data in built)
    assert len(hearing) == 1
    assert "the counter changed" not in words(deaf)
    assert "the counter changed" in words(hearing.css("li.s-withheld"))


def test_the_claims_of_a_page_end_where_the_page_ends(racing: World) -> None:
    early = html(racing, "2026-06-08", until="2024-08-01")
    assert early.css(".claims li.s-claimed").getall() == []
    assert "Learning: 1 of 2 series" in words(early.css(".claims"))


def test_an_index_shows_ranks_with_intervals_and_what_each_signal_adds(racing: World) -> None:
    weeks = pd.date_range("2025-12-01", "2026-06-01", freq="7D")
    for metric, source in (("github.stars", "github"), ("wikipedia.views", "wikipedia"), ("huggingface.downloads", "huggingface")):
        for i, key in enumerate("abc"):
            racing.put(metric, key, {str(w.date()): 9000 - 3000 * i + n for n, w in enumerate(weeks)}, source=source)
    for i, key in enumerate("abc"):
        racing.put("jobs.postings", key, {str(w.date()): 900 - 300 * i for w in weeks}, "board=indeed;country=us", source="indeed")
    page = html(racing, "2026-06-08")
    rows = page.css(".claims table.ranks tbody tr")
    assert [words(row.css("th")) for row in rows] == ["A", "B", "C"]
    first = cells(rows[0])
    assert first[1] == "1"
    assert re.fullmatch(r"\d( to \d)?", first[2])
    assert all(re.fullmatch(r"×\d+\.\d\d", cell) for cell in first[5:])
    assert len(first[5:]) == len(page.css(".claims table.ranks thead th")) - 5 >= 3


def test_how_claims_are_made_stands_folded_and_is_one_click_away(racing: World) -> None:
    page = html(racing, "2026-06-08")
    assert page.css(".claims a.how").xpath("@href").get() == "#how"
    assert page.css("details#how:not([open])")
    assert "withheld" in words(page.css("#how"))
