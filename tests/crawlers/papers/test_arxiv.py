"""arXiv: abstracts that mention a topic, by its search and by a harvest, against a model of both interfaces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawlers.job import Job, Mode
from crawlers.keywords import Keywords, Matcher
from crawlers.spiders.papers import arxiv, arxiv_harvest, arxiv_payloads
from crawlers.spiders.papers.arxiv import Arxiv
from crawlers.spiders.papers.arxiv_harvest import Harvest
from scheduler.demo.servers.service import Asked
from storage.model import Bound, Observation, Topic, UsageError
from storage.periods import read_time
from tests.fakes.papers_arxiv import FakeArxiv
from tests.harness import Harness

NOW = read_time("2026-11-20T12:00:00Z")
AUGUST, SEPTEMBER, OCTOBER = (read_time(f"2026-{m:02d}") for m in (8, 9, 10))
TOPICS = [
    Topic("pytorch", "PyTorch", {"papers": ["PyTorch", "torch-vision"]}),
    Topic("jax", "JAX", {"papers": {"any": ["JAX"], "not": ["Jacksonville"]}}),
]
MENTIONS = 'papers.mentioning{topic="%s",rule="abstract",venue="arxiv"}'
HARVESTED = 'papers.mentioning{topic="%s",rule="abstract",venue="arxiv",way="harvest"}'
ALL = 'papers.total{venue="arxiv"}'
ALL_HARVESTED = 'papers.total{venue="arxiv",way="harvest"}'


@pytest.fixture
def site() -> Iterator[FakeArxiv]:
    with FakeArxiv() as service:
        service.submit("2026-08-02T10:00:00Z", "PyTorch of August", changed="2026-08-03")
        service.submit("2026-09-30T23:59:59Z", "PyTorch, the last of September", changed="2026-10-02")
        service.submit("2026-10-01T00:00:00Z", "PyTorch and JAX, the first of October")
        service.submit("2026-10-31T23:59:00Z", "Models in Torch-Vision.", "stat.ML", changed="2026-11-04")
        service.submit("2026-10-12T08:00:00Z", "JAX in Jacksonville", "cs.CV", changed="2026-11-19")
        service.submit("2026-10-12T08:00:00Z", "JAX again", "math.CO cs.DM", changed="2026-11-20")
        service.submit("2026-10-12T08:00:00Z", "A proof", "cs.LO math.LO")
        service.submit("2026-10-12T08:00:00Z", "PyTorch elsewhere", "hep-th")
        service.submit("2026-10-13T08:00:00Z", "PyTorch for curves", "stat.AP")
        service.submit("2026-11-01T00:00:00Z", "PyTorch of November", changed="2026-11-02")
        service.submit("2026-10-14T08:00:00Z", "PyTorch withdrawn", deleted=True)
        yield service


@pytest.fixture
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """A harvest that asks for ten days at once: fewer requests, the same papers."""
    monkeypatch.setattr(arxiv_harvest, "STEP", 10)


def harness(folder: Path, site: FakeArxiv, topics: list[Topic] = TOPICS, **options: object) -> Harness:
    return Harness(folder, Arxiv, base_url=site.url, endpoints={"oai_url": site.url}, topics=topics, options=options)


def is_about(word: str) -> Any:
    def concerns(asked: Asked) -> bool:
        return word in asked.query.get("search_query", "")

    return concerns


def is_all(asked: Asked) -> bool:
    return "abs:" not in asked.query.get("search_query", "abs:")


def test_a_month_is_counted_from_its_first_minute_to_its_last_in_the_chosen_categories(site: FakeArxiv, tmp_path: Path) -> None:
    h = harness(tmp_path, site)
    h.collect(NOW)
    assert h.values() == {
        ALL: {OCTOBER: 5},
        MENTIONS % "pytorch": {OCTOBER: 2},
        MENTIONS % "jax": {OCTOBER: 2},
    }
    assert {b for bounds in h.bounds().values() for b in bounds.values()} == {Bound.EXACT}
    assert len(site.asked()) == 3
    h.collect(NOW + 3600)
    assert len(site.asked()) == 3


def test_both_ways_come_to_the_same_where_words_and_days_are_plain(site: FakeArxiv, tmp_path: Path) -> None:
    h = harness(tmp_path, site, way="harvest")
    h.collect(read_time("2026-11-20T23:59:59Z"))
    assert h.values() == {ALL_HARVESTED: {OCTOBER: 5}, HARVESTED % "pytorch": {OCTOBER: 2}, HARVESTED % "jax": {OCTOBER: 2}}
    assert set(h.outcomes().values()) == {"measured"}
    asked = [(a.query.get("set"), a.query.get("from"), a.query.get("until")) for a in site.asked("/oai") if "set" in a.query]
    days = [f"2026-10-{d:02d}" for d in range(1, 32)] + [f"2026-11-{d:02d}" for d in range(1, 21)]
    assert asked == [(s, d, d if d != "2026-11-20" else None) for s in ("cs", "stat:stat:ML") for d in days]
    assert not site.asked("/api/query")


@pytest.mark.usefixtures("coarse")
def test_the_way_follows_the_number_of_topics(site: FakeArxiv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = [Topic(f"t{n}", f"T{n}", {"papers": [f"word{n}"]}) for n in range(51)]
    assert {dict(s.series.labels).get("way") for s in Arxiv.slots(many, NOW)} == {"harvest"}
    assert {dict(s.series.labels).get("way") for s in Arxiv.slots(many[:50], NOW)} == {None}
    assert Arxiv.requests_per_day(1000, {}) == Arxiv.requests_per_day(51, {}) < 10
    assert Arxiv.requests_per_day(50, {}) == 51 / 30
    monkeypatch.setattr(arxiv, "MANY", 1)
    h = harness(tmp_path, site)
    h.collect(NOW)
    assert set(h.values()) == {ALL_HARVESTED, HARVESTED % "pytorch", HARVESTED % "jax"}


@pytest.mark.usefixtures("coarse")
def test_pages_are_followed_and_a_record_that_is_met_twice_counts_once(site: FakeArxiv, tmp_path: Path) -> None:
    for n in range(7):
        site.submit("2026-10-20T10:00:00Z", f"PyTorch number {n}", "cs.LG stat.ML")  # in both sets
    h = harness(tmp_path, site, way="harvest")
    h.collect(NOW)
    assert h.values()[ALL_HARVESTED] == {OCTOBER: 12}
    assert h.values()[HARVESTED % "pytorch"] == {OCTOBER: 9}
    assert len([a for a in site.asked("/oai") if "resumptionToken" in a.query]) == 4


@pytest.mark.usefixtures("coarse")
def test_a_record_that_changes_during_the_harvest_is_met_on_its_new_day(tmp_path: Path) -> None:
    class Moving(FakeArxiv):
        def respond(self, asked: Asked) -> tuple[int, Any]:
            if asked.query.get("from") == "2026-10-11":
                self.papers[-1].changed = "2026-11-20"
            return super().respond(asked)

    with Moving() as moving:
        moving.submit("2026-10-01T10:00:00Z", "Nothing")
        moving.submit("2026-10-26T10:00:00Z", "PyTorch that is revised on the way")
        h = harness(tmp_path, moving, way="harvest")
        h.collect(NOW)
        assert h.values()[HARVESTED % "pytorch"] == {OCTOBER: 1}
        assert h.values()[ALL_HARVESTED] == {OCTOBER: 2}


@pytest.mark.usefixtures("coarse")
def test_an_expired_token_begins_its_day_again_once(site: FakeArxiv, tmp_path: Path) -> None:
    for n in range(4):
        site.submit("2026-10-20T10:00:00Z", f"PyTorch number {n}")
    expired = b'<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><error code="badResumptionToken">gone</error></OAI-PMH>'
    site.fail(lambda a: "resumptionToken" in a.query, body=expired)
    h = harness(tmp_path / "once", site, way="harvest")
    h.collect(NOW)
    assert h.values()[HARVESTED % "pytorch"] == {OCTOBER: 6}
    site.fail(lambda a: "resumptionToken" in a.query, body=expired, times=2)
    h = harness(tmp_path / "twice", site, way="harvest")
    h.collect(NOW)
    assert set(h.outcomes().values()) == {"missing(parse_error)"}
    assert not h.values()


@pytest.mark.usefixtures("coarse")
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"body": b"<html><body>Sorry</body></html>"}, "parse_error"),
        ({"body": b""}, "parse_error"),
        ({"keep": 0.6}, "parse_error"),
        ({"body": b'<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><error code="badArgument">no</error></OAI-PMH>'}, "parse_error"),
        ({"body": b'<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/"><ListRecords></ListRecords></OAI-PMH>'}, "parse_error"),
        ({"status": 500, "times": 9}, "unreachable"),
        ({"status": 403}, "blocked"),
        ({"status": 429}, "throttled"),
    ],
)
def test_a_harvest_that_lacks_some_days_gives_no_figure(site: FakeArxiv, tmp_path: Path, fault: dict[str, Any], reason: str) -> None:
    site.fail(lambda a: a.query.get("from") == "2026-10-11", **fault)
    h = harness(tmp_path, site, way="harvest")
    h.collect(NOW)
    assert not h.values()
    assert set(h.outcomes().values()) == {f"missing({reason})"}


@pytest.mark.usefixtures("coarse")
def test_a_harvest_without_any_paper_of_the_month_is_no_zero(site: FakeArxiv, tmp_path: Path) -> None:
    site.papers = [p for p in site.papers if p.submitted >= read_time("2026-11")]
    h = harness(tmp_path, site, way="harvest")
    h.collect(NOW)
    assert set(h.outcomes().values()) == {"missing(parse_error)"}


def test_a_zero_rests_on_the_number_of_all_papers(site: FakeArxiv, tmp_path: Path) -> None:
    topics = [TOPICS[0], Topic("none", "None", {"papers": ["nothing"]})]
    h = harness(tmp_path / "good", site, topics)
    h.collect(NOW)
    assert h.values()[MENTIONS % "none"] == {OCTOBER: 0}
    for n, fault in enumerate(({"status": 500, "times": 3}, {"body": b"<html>"})):
        site.fail(is_all, **fault)  # type: ignore[arg-type]
        h = harness(tmp_path / str(n), site, topics)
        h.collect(NOW)
        reason = "missing(unreachable)" if n == 0 else "missing(parse_error)"
        assert h.outcomes() == {ALL: reason, MENTIONS % "none": reason, MENTIONS % "pytorch": "measured"}


def test_a_topic_that_is_added_later_costs_one_request(site: FakeArxiv, tmp_path: Path) -> None:
    harness(tmp_path, site, TOPICS[:1]).collect(NOW)
    before = len(site.asked())
    h = harness(tmp_path, site)
    h.collect(NOW + 3600)
    assert h.values()[MENTIONS % "jax"] == {OCTOBER: 2}
    assert len(site.asked()) == before + 1


ERROR_FEED = (
    b'<feed xmlns="http://www.w3.org/2005/Atom" xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">'
    b"<opensearch:totalResults>1</opensearch:totalResults>"
    b"<entry><id>http://arxiv.org/api/errors#bad</id><title>Error</title><summary>bad query</summary></entry></feed>"
)


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"body": ERROR_FEED}, "missing(parse_error)"),
        ({"body": ERROR_FEED.replace(b"<entry>", b"<other>").replace(b"</entry>", b"</other>")}, "missing(parse_error)"),  # one, not shown
        ({"body": ERROR_FEED.replace(b"/api/errors", b"/abs/x").replace(b">1<", b">0<")}, "missing(parse_error)"),  # none, but shown
        ({"body": ERROR_FEED.replace(b"/api/errors", b"/abs/x").replace(b">1<", b">9<")}, "missing(parse_error)"),  # more than all
        ({"body": ERROR_FEED.replace(b"/api/errors", b"/abs/x").replace(b">1<", b"><")}, "missing(parse_error)"),
        ({"body": b"Rate exceeded."}, "missing(parse_error)"),
        ({"keep": 0.5}, "missing(parse_error)"),
        ({"status": 400, "body": ERROR_FEED}, "missing(parse_error)"),
        ({"status": 403}, "missing(blocked)"),
        ({"status": 503, "times": 9}, "missing(unreachable)"),
    ],
)
def test_a_broken_feed_costs_its_own_figure(site: FakeArxiv, tmp_path: Path, fault: dict[str, Any], outcome: str) -> None:
    site.fail(is_about("PyTorch"), **fault)
    h = harness(tmp_path, site, TOPICS[:1])
    h.collect(NOW)
    assert h.outcomes() == {ALL: "measured", MENTIONS % "pytorch": outcome}
    assert h.values() == {ALL: {OCTOBER: 5}}


def test_after_a_429_nothing_is_asked_for_ten_minutes(site: FakeArxiv, tmp_path: Path) -> None:
    site.fail(is_about("PyTorch"), status=429, body=b"Rate exceeded.", times=99)
    h = harness(tmp_path, site)
    h.collect(NOW)
    assert h.outcomes()[MENTIONS % "pytorch"] == "missing(throttled)"
    asked = len(site.asked())
    assert len(site.asked("/api/query")) <= 3
    site.faults.clear()
    h.collect(NOW + 590)
    assert len(site.asked()) == asked
    assert any("ask again 10 minutes later" in e.detail for e in h.ends())
    h.collect(NOW + 601)
    assert h.values()[MENTIONS % "pytorch"] == {OCTOBER: 2}


def test_a_topic_that_left_the_configuration_is_no_zero_of_a_harvest(site: FakeArxiv, tmp_path: Path) -> None:
    harvest = Harvest([], frozenset({"jax"}), Matcher({}), found=Counter({("", "2026-10"): 5}))
    slots = [s for s in Arxiv.slots(TOPICS, NOW, {"way": "harvest"}) if s.series.topic]
    spider = Arxiv(Job("", Mode.COLLECT, NOW, tuple(slots), {t.key: t for t in TOPICS}))
    observed = [o for o in spider._counted(slots, harvest) if isinstance(o, Observation)]
    assert [(o.series.topic, o.value) for o in observed] == [("jax", 0)]


@pytest.mark.usefixtures("coarse")
def test_a_server_that_heeds_no_set_is_filtered_here_and_months_without_papers_are_no_zero(
    site: FakeArxiv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.fakes.papers_arxiv._sets", lambda _: {"cs", "stat:stat:ML"})
    h = harness(tmp_path, site, way="harvest")
    h.backfill(NOW, since=read_time("2026-06"))
    assert h.values()[ALL_HARVESTED] == {AUGUST: 1, SEPTEMBER: 1, OCTOBER: 5}
    assert h.values()[HARVESTED % "pytorch"] == {AUGUST: 1, SEPTEMBER: 1, OCTOBER: 2}


@pytest.mark.parametrize(("at", "asks"), [("00:04:59", True), ("00:05:00", False), ("00:30:59", False), ("00:31:00", True)])
def test_nothing_is_asked_while_arxiv_is_down_for_the_night(site: FakeArxiv, tmp_path: Path, at: str, asks: bool) -> None:
    h = harness(tmp_path, site, TOPICS[:1])
    h.collect(read_time(f"2026-11-20T{at}Z"))
    assert bool(site.asked()) is asks
    assert set(h.outcomes().values()) == {"measured" if asks else "missing(unreachable)"}


@pytest.mark.usefixtures("coarse")
@pytest.mark.parametrize("way", ["search", "harvest"])
def test_there_is_one_connection_at_a_time(site: FakeArxiv, tmp_path: Path, way: str) -> None:
    topics = [Topic(f"t{n}", f"T{n}", {"papers": [f"word{n}"]}) for n in range(6)]
    site.pause = 0.05
    harness(tmp_path, site, topics, way=way).collect(NOW)
    assert len(site.asked()) >= 7
    assert site.most_at_once == 1


@pytest.mark.usefixtures("coarse")
def test_months_since_are_searched_newest_first_or_counted_from_one_harvest(site: FakeArxiv, tmp_path: Path) -> None:
    h = harness(tmp_path / "search", site)
    h.backfill(NOW, since=read_time("2026-08-20"))
    pytorch = {AUGUST: 1, SEPTEMBER: 1, OCTOBER: 2}
    assert h.values()[MENTIONS % "pytorch"] == pytorch
    assert h.values()[MENTIONS % "jax"] == {AUGUST: 0, SEPTEMBER: 0, OCTOBER: 2}
    for part in (site.asked("/api/query"), [a for a in site.asked("/api/query") if "abs:" in a.query["search_query"]]):
        months = [a.query["search_query"].partition("submittedDate:[")[2][:6] for a in part]
        assert months.index("202608") > months.index("202609") > months.index("202610")
    h = harness(tmp_path / "harvest", site, [Topic("pytorch", "PyTorch", {"papers": ["PyTorch"]})], way="harvest")
    report = h.backfill(NOW, since=read_time("2026-08-20"))[-1]
    assert h.values()[HARVESTED % "pytorch"] == pytorch | {OCTOBER: 1}
    assert h.values()[ALL_HARVESTED] == {AUGUST: 1, SEPTEMBER: 1, OCTOBER: 5}
    assert (report.tally.measured, dict(report.tally.missing)) == (2, {})


def test_other_categories_are_other_series_in_both_modes(site: FakeArxiv, tmp_path: Path) -> None:
    site.submit("2026-09-05", "No framework", "stat.AP")
    h = harness(tmp_path, site, TOPICS[:1], categories=["stat.AP", "hep-th"])
    h.collect(NOW)
    h.backfill(NOW, since=SEPTEMBER)
    name = 'papers.mentioning{topic="pytorch",categories="hep-th+stat.ap",rule="abstract",venue="arxiv"}'
    assert h.values()[name] == {OCTOBER: 2, SEPTEMBER: 0}
    assert "unanswered" not in str(h.outcomes())
    assert set(h.values()) == {name, 'papers.total{categories="hep-th+stat.ap",venue="arxiv"}'}


@pytest.mark.usefixtures("coarse")
def test_names_with_signs_are_left_to_the_harvest(site: FakeArxiv, tmp_path: Path) -> None:
    site.submit("2026-10-15T08:00:00Z", "A C++ library")
    site.submit("2026-10-15T08:00:00Z", "Vitamin C")
    topics = [Topic("cpp", "C++", {"papers": ["C++"]})]
    h = harness(tmp_path, site, topics)
    h.collect(NOW)
    assert h.outcomes()[MENTIONS % "cpp"] == "missing(not_found)"
    assert any('way = "harvest"' in e.detail for e in h.ends())
    h.collect(NOW + 3600)
    assert h.outcomes()[MENTIONS % "cpp"] == "missing(not_found)"
    h = harness(tmp_path, site, topics, way="harvest")
    h.collect(NOW)
    assert h.values()[HARVESTED % "cpp"] == {OCTOBER: 1}


def test_robots_are_obeyed_and_the_way_out_is_named(site: FakeArxiv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeArxiv, "_reply", lambda self, asked: (200, {}, b"User-agent: *\nDisallow: /api\n"))
    h = harness(tmp_path, site, TOPICS[:1])
    h.collect(NOW)
    assert set(h.outcomes().values()) == {"missing(robots)"}
    assert all("obey_robots = false under [sources.arxiv]" in e.detail for e in h.ends())
    assert not site.asked()


def test_a_preview_says_why_it_could_not_be_had(site: FakeArxiv, tmp_path: Path) -> None:
    site.fail(status=429, times=9)
    said = harness(tmp_path, site, TOPICS[:1]).preview(NOW)
    assert [(p.found, p.text.partition(":")[0]) for p in said] == [(False, "throttled")]


def test_a_preview_shows_the_search_and_titles(site: FakeArxiv, tmp_path: Path) -> None:
    said = {p.topic: (p.text, p.found) for p in harness(tmp_path, site, [*TOPICS, Topic("n", "N", {"papers": ["nix"]})]).preview(NOW)}
    text, found = said["pytorch"]
    assert text.startswith('search (abs:PyTorch OR abs:"torch vision"): 5 papers of all time; ')
    assert "a study'" in text
    assert found
    assert said["n"] == ("search abs:nix: 0 papers of all time", False)


@pytest.mark.parametrize(
    ("expression", "text", "bound"),
    [
        ("PyTorch", "abs:PyTorch", Bound.EXACT),
        (["a b c", "dee-p"], '(abs:"a b c" OR abs:"dee p")', Bound.EXACT),
        ("Go", "abs:Go", Bound.ESTIMATE),
        ({"any": ["JAX"], "not": ["jax-rs"]}, 'abs:JAX ANDNOT abs:"jax rs"', Bound.AT_LEAST),
    ],
)
def test_expressions_become_searches(expression: object, text: str, bound: Bound) -> None:
    query = arxiv_payloads.query_of(Keywords.read(expression))
    assert not isinstance(query, str)
    assert (query.text, query.bound) == (text, bound)


def test_categories_have_sets() -> None:
    categories = ["cs.*", "stat.ML", "hep-th", "astro-ph.GA", "cond-mat.*", "physics.optics"]
    assert all(map(arxiv_payloads.is_category, categories))
    assert arxiv_payloads.sets_of(categories) == [
        "cs",
        "stat:stat:ML",
        "physics:hep-th",
        "physics:astro-ph:GA",
        "physics:cond-mat",
        "physics:physics:optics",
    ]


@pytest.mark.parametrize(
    "options", [{"categories": []}, {"categories": ["cs"]}, {"categories": ["CS.LG"]}, {"categories": "cs.*"}, {"way": "both"}]
)
def test_options_that_cannot_be_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=r"\[sources.arxiv\]"):
        Arxiv.check_options(options)
