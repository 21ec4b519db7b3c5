"""Companies' own boards: three kinds of answers, places, the panel and its versions, boards that go, hosts that fall out."""

from __future__ import annotations

import hashlib
import html
import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.engine import hosts
from crawlers.spiders.jobs.company_boards import CompanyBoards
from crawlers.spiders.jobs.company_panel import BOARDS, OWN, PANEL, chosen_by, companies, starter_panel, version_of
from crawlers.spiders.jobs.company_payloads import read_ashby, read_greenhouse, read_lever, without
from storage.model import Bound, ParseError, Topic, UsageError
from storage.periods import DAY, read_time
from tests.fakes.boards import NOW, TODAY, TOPICS, Asked, Board, Case, Counts, Raw
from tests.fakes.postings import FEW, Made, captured, figures, made
from tests.harness import Harness

OWN_LIST = ["greenhouse:acme", "lever:globex", "ashby:Initech", "lever_eu:umbrella"]
PLACES = ("San Francisco, CA", "Berlin, Germany", "Remote")  # by turns
# What `companies.csv` was at each version: when it changes, PANEL is raised and its digest is added here.
PANELS = {1: "99eb1148f24c9e08"}


def greenhouse(posting: Made) -> dict[str, Any]:
    return {
        "id": posting.number,
        "internal_job_id": 1,
        "title": posting.title,
        "company_name": posting.company,
        "location": {"name": PLACES[posting.place]},
        "offices": [],
        "departments": [{"name": "TensorFlow and PyTorch department"}],
        "updated_at": posting.iso("-05:00"),
        "first_published": posting.iso(),
        "content": html.escape(f"{posting.html}<p>{' '.join(posting.tags)}</p>"),
    }


def lever(posting: Made) -> dict[str, Any]:
    return {
        "id": f"0000-{posting.number}",
        "text": posting.title,
        "categories": {"location": PLACES[posting.place], "allLocations": [PLACES[posting.place]], "team": "PyTorch"},
        "country": None,
        "createdAt": posting.posted * 1000 + 482,
        "description": posting.html,
        "descriptionPlain": "Some text about us.",
        "lists": [{"text": "What you know", "content": f"{posting.html}<li>{' '.join(posting.tags)}</li>"}],
        "additional": "",
        "additionalPlain": "",
    }


def ashby(posting: Made) -> dict[str, Any]:
    return {
        "id": f"a-{posting.number}",
        "title": posting.title,
        "department": "PyTorch",
        "location": PLACES[posting.place],
        "secondaryLocations": [],
        "publishedAt": posting.iso(".482+00:00"),
        "isListed": True,
        "address": {"postalAddress": {}},
        "descriptionHtml": f"{posting.html}<p>{' '.join(posting.tags)}</p>",
    }


def answer(asked: Asked, counts: Counts) -> tuple[int, Any]:
    """Each company has the postings whose numbers leave its place in the list as the rest."""
    slugs = ["acme", "globex", "Initech", "umbrella"]
    slug = next((s for s in slugs if s in asked.path.split("/")), None)
    if slug is None:
        return 404, {"ok": False, "error": "Document not found"}
    mine = [p for p in made(counts) if p.number % len(slugs) == slugs.index(slug)]
    if asked.path == "/v1/boards/acme/jobs" and asked.query == {"content": "true"}:
        return 200, {"jobs": [greenhouse(p) for p in mine], "meta": {"total": len(mine)}}
    if asked.path in {"/v0/postings/globex", "/v0/postings/umbrella"} and asked.query == {"mode": "json"}:
        return 200, [lever(p) for p in mine]
    assert asked.path == "/posting-api/job-board/Initech"
    unlisted = {**ashby(made(FEW)[0]), "id": "unlisted", "isListed": False}
    return 200, {"jobs": [*(ashby(p) for p in mine), unlisted], "apiVersion": "1"}


CASE = Case(
    CompanyBoards,
    answer,
    counts=FEW,
    options={"companies": OWN_LIST, "panel": False},
    breaks=(
        {"error": "unavailable"},
        Raw(b"<html>Jobs at Acme</html>"),
        {"jobs": [{"id": 1}]},
        [{"id": "1"}],
        {"jobs": [], "meta": {"total": 3}},
        "jobs",
    ),
)


def case_of(own: list[str], **options: object) -> Case:
    return replace(CASE, options={"companies": own, "panel": False, **options})


def test_every_company_is_asked_once_and_counted_by_place(tmp_path: Path) -> None:
    with Board(CASE) as board:
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert len(board.asked()) == 4
        label = 'board="company_boards",country="{}",version="{}"'
        version = version_of(chosen_by(CASE.options))
        postings = made(FEW)
        for country, place in (("world", None), ("us", 0), ("europe", 1)):
            here = [p for p in postings if place in {None, p.place}]
            assert figures(h, "jobs.total")[label.format(country, version)] == (len(here), Bound.EXACT)
        found = figures(h, "jobs.postings")
        assert found['topic="pytorch",' + label.format("world", version)] == (15, Bound.EXACT)
        assert found['topic="tensorflow",' + label.format("world", version)] == (9, Bound.EXACT)
        assert figures(h, "jobs.new_postings")['topic="pytorch",' + label.format("world", version)] == (3, Bound.EXACT)
        parts = {c: found[f'topic="pytorch",{label.format(c, version)}'][0] for c in ("us", "europe")}
        named = [p for p in postings if "pytorch" in f"{p.title} {p.tags} {p.html.replace('pytorching', '')}".lower()]
        assert parts == {"us": sum(p.place == 0 for p in named), "europe": sum(p.place == 1 for p in named)}


def test_a_company_that_answers_404_is_told_once_and_left_out(tmp_path: Path) -> None:
    own = [*OWN_LIST, "lever:moved"]
    with Board(case_of(own)) as board:
        h = board.harness(tmp_path)
        h.collect(NOW)
        h.collect(NOW + DAY)
        assert {v for name, v in figures(h, "jobs.total").items() if "world" in name} == {(60, Bound.EXACT)}
        assert list(h.events()["text"]) == ["lever:moved has no job board there any more; it is left out of company_boards"]


def test_a_tenth_may_fail_and_more_leaves_no_number(tmp_path: Path) -> None:
    own = [*OWN_LIST, *(f"greenhouse:acme{n}" for n in range(16))]

    def many(asked: Asked, counts: Counts) -> tuple[int, Any]:
        return (200, {"jobs": []}) if "/acme" in asked.path and not asked.path.endswith("/acme/jobs") else answer(asked, counts)

    with Board(replace(case_of(own), answer=many)) as board:
        board.fail(lambda a: "acme1/" in a.path or "acme9/" in a.path, times=99, status=500)
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert {v for name, v in figures(h, "jobs.total").items() if "world" in name} == {(60, Bound.AT_LEAST)}
        board.fail(lambda a: "acme5/" in a.path, times=99, status=500)
        h.collect(NOW + DAY)
        assert {e.label for e in h.ends() if e.slot.time == TODAY + DAY} == {"missing(unreachable)"}
        assert all(e.detail.startswith("3 of 20 parts could not be read") for e in h.ends() if e.slot.time == TODAY + DAY)


def apart(folder: Path, greenhouse: Board, lever: Board, ashby: Board, own: list[str]) -> Harness:
    endpoints = {"lever_url": lever.url, "lever_eu_url": lever.url, "ashby_url": ashby.url}
    options = {"companies": own, "panel": False}
    return Harness(folder, CompanyBoards, base_url=greenhouse.url, topics=TOPICS, options=options, endpoints=endpoints)


def test_an_outage_or_a_wall_at_one_host_does_not_stop_the_others(tmp_path: Path) -> None:
    """Ashby's first: were there one stop line for all, nothing would be asked of the others any more."""
    own = [*(f"ashby:Initech{n}" for n in range(12)), *OWN_LIST]
    for n, trouble in enumerate(({"status": 500}, {"status": 403}, {"status": 429, "headers": {"Retry-After": "9999"}})):
        with Board(CASE) as one, Board(CASE) as two, Board(CASE) as three:
            three.fail(times=999, **trouble)
            h = apart(tmp_path / str(n), one, two, three, own)
            h.collect(NOW)
            assert len(one.asked()) == 1
            assert len(two.asked()) == 2
            assert len(three.asked()) < 13 * 3, "it is left alone after five failures in a row"
            if trouble["status"] != 500:
                assert len(three.asked()) <= 2, "two requests are in flight, and no third one leaves"
            assert h.values() == {}


def test_a_host_that_falls_out_costs_little_if_few_companies_are_there(tmp_path: Path) -> None:
    def many(asked: Asked, counts: Counts) -> tuple[int, Any]:
        return (200, []) if "/more" in asked.path else answer(asked, counts)

    own = ["ashby:gone", *OWN_LIST[:2], OWN_LIST[3], *(f"lever:more{n}" for n in range(8))]
    with Board(replace(CASE, answer=many)) as one, Board(replace(CASE, answer=many)) as two, Board(CASE) as three:
        three.fail(times=999, status=403)
        h = apart(tmp_path, one, two, three, own)
        h.collect(NOW)
        assert {v for name, v in figures(h, "jobs.total").items() if "world" in name} == {(45, Bound.AT_LEAST)}


def test_hosts_are_known_for_the_locks() -> None:
    assert hosts(CompanyBoards, {}) == ["api.ashbyhq.com", "api.eu.lever.co", "api.lever.co", "boards-api.greenhouse.io"]


# The panel


def test_the_panel_is_well_formed_and_its_version_stands_for_its_content() -> None:
    panel = starter_panel()
    assert 180 <= len(panel) <= 230
    assert len({c.key for c in panel}) == len({c.title for c in panel}) == len(panel)
    assert {c.board for c in panel} <= set(BOARDS)
    assert all(c.title and c.slug == c.slug.strip() for c in panel)
    digest = hashlib.sha256("\n".join(sorted(c.key for c in panel)).encode()).hexdigest()[:16]
    assert PANELS[PANEL] == digest, f"companies.csv has changed: raise PANEL and add its digest {digest} here"
    assert max(PANELS) == PANEL
    assert files("crawlers").joinpath("data/companies.csv").read_text(encoding="utf-8").startswith("# ")


def test_the_panel_costs_one_request_a_company_and_day_whatever_the_number_of_topics() -> None:
    assert CompanyBoards.requests_per_day(200, {}) == CompanyBoards.requests_per_day(1, {}) == len(starter_panel())
    assert len(CompanyBoards.parts({})) == len(starter_panel())


def test_versions_of_compositions() -> None:
    assert {m.version for m in CompanyBoards.metrics({})} == {PANEL}
    first = starter_panel()[0].key
    assert {m.version for m in CompanyBoards.metrics({"companies": [first]})} == {PANEL}, "it is in the panel already"
    more = {m.version for m in CompanyBoards.metrics({"companies": ["lever:globex"]})}
    own = {m.version for m in CompanyBoards.metrics({"companies": ["lever:globex"], "panel": False})}
    assert len(more | own | {PANEL}) == 3
    assert min(more | own) > OWN
    assert own == {version_of(companies(["lever:globex"], panel=False))} == {941942}, "it must never change: series rest on it"


@given(st.permutations(["lever:a", "ashby:b", "greenhouse:c", "lever:d"]), st.booleans())
def test_a_version_does_not_depend_on_order_or_repetition(own: list[str], panel: bool) -> None:
    assert version_of(companies([*own, own[0]], panel=panel)) == version_of(companies(sorted(own), panel=panel))


def test_another_composition_is_another_series_and_leaves_the_old_one_as_it_was(tmp_path: Path) -> None:
    with Board(CASE) as board:
        h = board.harness(tmp_path)
        h.collect(NOW)
        before = h.values()
        h.with_options(companies=OWN_LIST[:2])
        h.reparse(NOW + 3600)
        assert h.values() == before, "what was read of four companies is not read again as that of two"
        h.collect(NOW + DAY)
        assert {k: v for k, v in h.values().items() if k in before} == before
        assert len(h.values()) == 2 * len(before)


@pytest.mark.parametrize(
    "value",
    [
        "stripe",
        "greenhouse:",
        ":stripe",
        "workday:stripe",
        "https://jobs.lever.co/spotify",
        "lever:a/b",
        "lever:a?b",
        7,
        None,
        "lever:a\tb",
    ],
)
def test_a_company_that_cannot_be_read_is_a_clear_error(value: object) -> None:
    with pytest.raises(UsageError, match=r"\[sources\.company_boards\] companies: .* names no board") as error:
        CompanyBoards.check_options({"companies": [value]})
    assert '"lever:spotify"' in str(error.value)


def test_options_that_leave_nothing_to_read_are_an_error() -> None:
    with pytest.raises(UsageError, match="no company to be read"):
        CompanyBoards.check_options({"companies": [], "panel": False})
    CompanyBoards.check_options({"companies": ["ashby:The Browser Company"], "panel": False})
    assert CompanyBoards.parts({"companies": ["ashby:The Browser Company"], "panel": False})[0].path.endswith("/The%20Browser%20Company")
    CompanyBoards.check_options({})


# The payloads


def test_a_companys_own_name_is_no_mention(tmp_path: Path) -> None:
    posting = {
        **greenhouse(made(FEW)[0]),
        "company_name": "Grafana Labs",
        "title": "Engineer at Grafana Labs",
        "content": "Grafana, Prometheus",
    }
    (found,) = read_greenhouse(json.dumps({"jobs": [posting]}).encode(), "greenhouse:g", "g")
    assert "grafana" not in f"{found.title} {found.text}".lower()
    assert "Prometheus" in found.text
    assert without("Elasticsearch at Elastic's", ["Elastic"]) == "Elasticsearch at  's"
    assert without("C++ and .NET", ["C++"]) == "  and .NET"
    assert without("all of it", [""]) == "all of it"
    with Board(case_of(["lever:globex"])) as board:
        said = {p.topic: p.text for p in board.harness(tmp_path, (Topic("globex", "Globex", {"jobs": "globex"}),)).preview()}
        assert said == {"globex": "0 postings of 15"}


def test_departments_and_teams_are_no_mention() -> None:
    postings = made({**FEW, "pytorch": 0, "tensorflow": 0})[:1]
    for read, row in ((read_greenhouse, greenhouse), (read_ashby, ashby)):
        (found,) = read(json.dumps({"jobs": [row(p) for p in postings]}).encode(), "x:y", "y")
        assert "PyTorch" not in found.text


@pytest.mark.parametrize(
    ("fields", "labels"),
    [
        ({"location": {"name": "London"}, "offices": [{"name": "HQ", "location": "New York, NY"}]}, {"europe"}),
        ({"location": {"name": "Hybrid"}, "offices": [{"name": "Austin, US", "location": "Austin, TX, United States"}]}, {"us"}),
        ({"location": {"name": "In-Office"}, "offices": [{"name": "Lisbon", "location": None}]}, {"europe"}),
        ({"location": None, "offices": None}, set()),
    ],
)
def test_places_of_greenhouse(fields: dict[str, Any], labels: set[str]) -> None:
    (found,) = read_greenhouse(json.dumps({"jobs": [{**greenhouse(made(FEW)[0]), **fields}]}).encode(), "greenhouse:a", "a")
    assert found.countries == {"world", *labels}


@pytest.mark.parametrize(
    ("fields", "labels"),
    [
        ({"categories": {"location": "London", "allLocations": ["London", "New York, NY"]}, "country": "GB"}, {"europe", "us"}),
        ({"categories": {"location": "Remote"}, "country": "US"}, {"us"}),
        ({"categories": {"location": "Remote"}, "country": "DE"}, {"europe"}),
        ({"categories": {"location": "Remote"}, "country": "CA"}, set()),
        ({"categories": {}, "country": None}, set()),
    ],
)
def test_places_of_lever(fields: dict[str, Any], labels: set[str]) -> None:
    (found,) = read_lever(json.dumps([{**lever(made(FEW)[0]), **fields}]).encode(), "lever:a", "a")
    assert found.countries == {"world", *labels}


@pytest.mark.parametrize(
    ("fields", "labels"),
    [
        ({"location": "London", "secondaryLocations": [{"location": "NYC", "address": {"addressCountry": "USA"}}]}, {"europe", "us"}),
        ({"location": "Remote", "address": {"postalAddress": {"addressRegion": "California", "addressCountry": "USA"}}}, {"us"}),
        ({"location": "Remote", "address": {"postalAddress": {"addressCountry": "Germany"}}}, {"europe"}),
        ({"location": "Remote", "address": {"postalAddress": {"addressCountry": "DE"}}}, {"europe"}),
        ({"location": "Remote", "address": {"postalAddress": {"addressLocality": "Austin", "addressRegion": "Texas"}}}, {"us"}),
        ({"location": "Remote", "address": {"postalAddress": {"addressCountry": "Canada"}}}, set()),
        ({"location": "LatAm", "address": {"postalAddress": {"addressCountry": "Panama"}}}, set()),
        ({"location": None, "address": None, "secondaryLocations": None}, set()),
    ],
)
def test_places_of_ashby(fields: dict[str, Any], labels: set[str]) -> None:
    (found,) = read_ashby(json.dumps({"jobs": [{**ashby(made(FEW)[0]), **fields}]}).encode(), "ashby:a", "a")
    assert found.countries == {"world", *labels}


def test_content_of_greenhouse_is_escaped_once_more() -> None:
    rows = [{**greenhouse(made(FEW)[0]), "content": content} for content in ("C&amp;#43;&amp;#43;&lt;br&gt;Rust", None, "Plain")]
    found = [read_greenhouse(json.dumps({"jobs": [row]}).encode(), "x:y", "y")[0].text for row in rows]
    assert found == ["C++\nRust", "", "Plain"]


def test_dates_may_be_missing() -> None:
    one = made(FEW)[0]
    for read, row, name in ((read_greenhouse, greenhouse, "first_published"), (read_ashby, ashby, "publishedAt")):
        assert read(json.dumps({"jobs": [row(one)]}).encode(), "x:y", "y")[0].posted == one.posted
        assert read(json.dumps({"jobs": [{**row(one), name: None}]}).encode(), "x:y", "y")[0].posted is None
    assert read_lever(json.dumps([lever(one)]).encode(), "x:y", "y")[0].posted == one.posted
    assert read_lever(json.dumps([{k: v for k, v in lever(one).items() if k != "createdAt"}]).encode(), "x:y", "y")[0].posted is None


def test_an_answer_that_holds_less_than_it_says_is_an_error() -> None:
    with pytest.raises(ParseError, match=r"meta\.total is 2"):
        read_greenhouse(json.dumps({"jobs": [greenhouse(made(FEW)[0])], "meta": {"total": 2}}).encode(), "x:y", "y")
    with pytest.raises(ParseError, match="no content"):
        read_greenhouse(json.dumps({"jobs": [{"id": 1, "title": "t"}]}).encode(), "x:y", "y")


def test_ids_of_two_companies_do_not_meet() -> None:
    body = json.dumps({"jobs": [greenhouse(made(FEW)[0])]}).encode()
    assert read_greenhouse(body, "greenhouse:a", "a")[0].id != read_greenhouse(body, "greenhouse:b", "b")[0].id


def test_real_answers() -> None:
    (greenhouse_body,) = captured("misc/greenhouse_TheGamer406.json")
    (lever_body,) = captured("misc/lever_lubobali.json")
    (ashby_body,) = captured("misc/ashby_lcarlini.json")
    found = [read_greenhouse(greenhouse_body, "x:y", "y"), read_lever(lever_body, "x:y", "y"), read_ashby(ashby_body, "x:y", "y")]
    places = [[sorted(p.countries - {"world"}) for p in postings] for postings in found]
    assert places == [[["europe"], [], ["us"]], [["europe"], ["us"], ["europe"], ["europe"]], [[], [], []]]
    assert found[0][0].posted == read_time("2026-04-17T09:58:03Z")
    assert all(len(p.text) > 1000 and "</" not in p.text for postings in found for p in postings)
