"""The whole way: a replica of the proceedings with planted papers, the real engine, and counts that come out as planted."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crawlers.engine import CrawlService
from crawlers.keep import files_of
from crawlers.papers import text
from crawlers.papers.editions import Edition
from crawlers.papers.library import Library
from crawlers.papers.shelf import FOLDER
from crawlers.papers.text import State
from crawlers.spiders.papers.conferences import Conferences
from crawlers.warc import records
from scheduler import jobs
from scheduler.demo.servers.proceedings import FakeProceedings, Paper, encrypted, pdf
from scheduler.trace import trace
from storage.journal import Journal
from storage.model import Bound, Series, Topic, UsageError
from storage.periods import DAY, read_time
from tests.databases import Databases
from tests.fakes import frail_worker
from tests.fakes.kept import kept
from tests.harness import Harness

NOW = read_time("2026-11-20T06:00:00Z")
YEAR = read_time("2026")
NAMES = {"pytorch": ["pytorch", "torchvision"], "tensorflow": ["tensorflow"], "jax": ["jax"], "flax": ["flax"], "sklearn": ["scikit-learn"]}
TOPICS = [Topic(key, key, {"papers": names}) for key, names in NAMES.items()]
GROUPS = {"meta": {"meta", "mail"}, "google": {"google"}}  # by which employers of the replica a group is recognised


@pytest.fixture
def site() -> Iterator[FakeProceedings]:
    with FakeProceedings() as service:
        yield service


def harness(folder: Path, site: FakeProceedings, topics: list[Topic] = TOPICS, **options: object) -> Harness:
    chosen = {"editions": ["CVPR 2026"], **options}
    return Harness(folder, Conferences, base_url=site.url, endpoints=site.endpoints, topics=topics, options=chosen)


def planted(count: int, ident: str, seed: int = 1) -> list[Paper]:
    """Papers whose flags are drawn: topics in the text, in the references alone, employers, words across a line's end."""
    chance = random.Random(seed)
    found = []
    for n in range(count):
        body = frozenset(t for t in NAMES if chance.random() < 0.3)
        references = frozenset(t for t in NAMES if t not in body and chance.random() < 0.15)
        employer = chance.choice(["", "", "meta", "google", "mail"])
        # every tenth has the title of the one before it
        title = f"On Subject {n - (n % 10 == 9)}"
        found.append(Paper(ident.format(n + 1), title, body, references, employer, chance.random() < 0.4))
    return found


def name(topic: str, rule: str, venue: str = "CVPR", **labels: str) -> str:
    return str(Series("papers.mentioning", topic, tuple({**labels, "rule": rule, "venue": venue}.items())))


def number(papers: list[Paper], test: Callable[[Paper], bool]) -> int:
    return sum(map(test, papers))


def expected(papers: list[Paper], venue: str = "CVPR") -> dict[str, int]:
    """Every figure of an edition from the flags alone."""
    found = {f'papers.total{{venue="{venue}"}}': len(papers), f'papers.read{{venue="{venue}"}}': len(papers)}
    for topic in NAMES:
        found[name(topic, "inclusive", venue)] = sum(topic in p.says for p in papers)
        found[name(topic, "inclusive-without-references", venue)] = sum(topic in p.body for p in papers)
        found[name(topic, "exclusive", venue)] = sum(p.says == {topic} for p in papers)
        for other in set(NAMES) - {topic}:
            found[name(topic, "inclusive", venue, **{"with": other})] = sum({topic, other} <= p.says for p in papers)
        for group, employers in GROUPS.items():
            here = [p for p in papers if p.employer in employers]
            found[name(topic, "inclusive", venue, affiliation=group)] = sum(topic in p.says for p in here)
    for topic, other in (("pytorch", "tensorflow"), ("tensorflow", "pytorch")):
        for rule, without, exclusive in (
            ("he-2019", {"meta", "mail", "google"}, True),
            ("he-2019-addresses", {"meta", "mail", "google"}, True),
            ("he-2019-09-04-google-kept", {"meta", "mail"}, True),
            ("he-2019-06-24", {"meta", "mail", "google"}, False),
            ("he-2020-07-28", set(), True),
        ):
            rest = [p for p in papers if p.employer not in without]
            found[name(topic, rule, venue)] = sum(topic in p.says and not (exclusive and other in p.says) for p in rest)
    return found


RULES = [
    *("inclusive", "exclusive", "inclusive-without-references"),
    *("he-2019", "he-2019-addresses", "he-2019-09-04-google-kept", "he-2019-06-24", "he-2020-07-28"),
]


def test_counts_come_out_as_planted(site: FakeProceedings, tmp_path: Path) -> None:
    papers = site.add("CVPR 2026", planted(300, "P{}_CVPR_2026_paper"))
    h = harness(tmp_path, site, rules=RULES)
    report = h.collect(NOW)[-1]
    assert h.values() == {series: {YEAR: value} for series, value in expected(papers).items()}
    assert {b for times in h.bounds().values() for b in times.values()} == {Bound.EXACT}
    assert report.tally.measured == report.tally.planned == len(expected(papers))
    assert len(site.pdfs()) == 300
    assert len(site.asked()) == 301


def test_a_second_call_a_new_topic_and_a_new_rule_cost_no_request(site: FakeProceedings, tmp_path: Path) -> None:
    papers = site.add("CVPR 2026", planted(40, "P{}_CVPR_2026_paper"))
    harness(tmp_path, site, TOPICS[:2], rules=["inclusive"]).collect(NOW)
    asked = len(site.asked())
    harness(tmp_path, site, TOPICS[:2], rules=["inclusive"]).collect(NOW + DAY)
    h = harness(tmp_path, site, rules=RULES)
    h.collect(NOW + DAY)
    assert h.values() == {series: {YEAR: value} for series, value in expected(papers).items()}
    assert len(site.asked()) == asked


def test_changed_keywords_are_counted_again_without_a_request(site: FakeProceedings, tmp_path: Path) -> None:
    papers = site.add("CVPR 2026", planted(40, "P{}_CVPR_2026_paper"))
    harness(tmp_path, site).collect(NOW)
    asked = len(site.asked())
    changed = [Topic("jax", "jax", {"papers": {"any": ["jax"], "not": ["flax"]}}), *(t for t in TOPICS if t.key != "jax")]
    h = harness(tmp_path, site, changed)
    h.collect(NOW + DAY)
    assert h.values()[name("jax", "inclusive")] == {YEAR: number(papers, lambda p: "jax" in p.says and "flax" not in p.says)}
    assert h.values()[name("flax", "inclusive")] == {YEAR: number(papers, lambda p: "flax" in p.says)}
    assert len(site.asked()) == asked
    assert h.collect(NOW + 2 * DAY) == []


def test_a_changed_rule_of_ones_own_is_counted_by_without_a_request(site: FakeProceedings, tmp_path: Path) -> None:
    papers = site.add("CVPR 2026", planted(40, "P{}_CVPR_2026_paper"))
    own = tmp_path / "rules.toml"
    own.write_text("[rules.mine]\nexclusive = false\n")
    h = harness(tmp_path, site, rules=["mine"], rules_file=str(own))
    h.collect(NOW)
    asked = len(site.asked())
    assert h.values()[name("jax", "mine")] == {YEAR: number(papers, lambda p: "jax" in p.says)}
    own.write_text("[rules.mine]\nreferences = false\n")
    h.collect(NOW + DAY)
    assert h.values()[name("jax", "mine")] == {YEAR: number(papers, lambda p: "jax" in p.body)}
    assert h.collect(NOW + 2 * DAY) == []
    assert len(site.asked()) == asked


def test_other_topics_that_exclude_one_another_are_counted_again(site: FakeProceedings, tmp_path: Path) -> None:
    papers = site.add("CVPR 2026", planted(40, "P{}_CVPR_2026_paper"))
    harness(tmp_path, site, rules=["exclusive"]).collect(NOW)
    h = harness(tmp_path, site, rules=["exclusive"], compare=["jax", "flax"])
    h.collect(NOW + DAY)
    assert h.values()[name("jax", "exclusive")] == {YEAR: number(papers, lambda p: "jax" in p.says and "flax" not in p.says)}


FORMS = [  # edition, ids, whether in the form of earlier years
    ("CVPR 2018", "P{}_CVPR_2018_paper", True),
    ("ICCV 2025", "P{}_ICCV_2025_paper", False),
    ("NeurIPS 2025", "a{:031x}", False),
    ("NeurIPS 2023", "b{:031x}", True),
    ("NeurIPS 2019", "c{:031x}", True),
    ("ICLR 2026", "d{:031x}", False),
    ("ICML 2025", "p{}25a", False),
    ("ICML 2026", "p{}26a", False),
    ("ACL 2025", "2025.acl-long.{}", False),
    ("EMNLP 2018", "D18-1{:03d}", True),
    ("ECCV 2024", "{:05d}", False),
]


def test_every_family_is_read_in_its_old_and_new_form(site: FakeProceedings, tmp_path: Path) -> None:
    wanted: dict[str, dict[int, int]] = {}
    for seed, (edition, ident, old) in enumerate(FORMS):
        papers = site.add(edition, planted(12, ident, seed), old=old)
        for n, paper in enumerate(papers):
            paper.day = f"2018-06-{19 + n % 3}"
            paper.volume = "1" if edition == "EMNLP 2018" else "long"
        venue, year = edition.split()
        for series, value in expected(papers, venue).items():
            wanted.setdefault(series, {})[read_time(year)] = value
    h = harness(tmp_path, site, editions=[edition for edition, _, _ in FORMS], rules=RULES)
    h.collect(NOW)
    assert h.values() == wanted
    assert len(site.asked()) == len(site.pdfs()) + len(FORMS) + 3 + 1  # three days, and the list of volumes


def test_affiliations_that_only_the_listing_names_are_recognised(site: FakeProceedings, tmp_path: Path) -> None:
    paper = Paper("2025.acl-long.1", body=frozenset({"pytorch"}), employer="google")
    paper.raw = pdf([["A Paper", "no word of where they work"] + ["as usual, a line of text that says little"] * 20 + ["We use PyTorch."]])
    site.add("ACL 2025", [paper])
    h = harness(tmp_path, site, TOPICS[:1], editions=["ACL 2025"])
    h.collect(NOW)
    assert h.values()[name("pytorch", "inclusive", "ACL", affiliation="google")] == {read_time("2025"): 1}


def test_papers_beside_the_main_conference_do_not_count(site: FakeProceedings, tmp_path: Path) -> None:
    site.add("ACL 2025", [Paper("2025.acl-long.1"), Paper("2025.acl-short.1", volume="short"), Paper("2025.acl-demo.1", volume="demo")])
    h = harness(tmp_path, site, editions=["ACL 2025"])
    h.collect(NOW)
    assert h.values()['papers.total{venue="ACL"}'] == {read_time("2025"): 2}


# Over several days


def test_an_edition_is_read_over_several_days_and_counted_when_it_is_whole(site: FakeProceedings, tmp_path: Path) -> None:
    papers = site.add("CVPR 2026", planted(25, "P{}_CVPR_2026_paper"))
    for day in range(3):
        h = harness(tmp_path, site, rules=RULES, papers_per_day=10)
        h.collect(NOW + day * DAY)
        if day < 2:
            assert not h.values()
            assert set(h.outcomes().values()) == {"missing(budget)"}
            read = len({a.path for a in site.pdfs()})
            assert read == 10 * (day + 1)
            assert not harness(tmp_path, site, rules=RULES, papers_per_day=10).collect(NOW + day * DAY + 60)[0].tally.measured
            assert len(site.pdfs()) == read
            assert all(f"{read} of 25 read; {25 - read} still to be read" in e.detail for e in h.ends())
    assert h.values() == {series: {YEAR: value} for series, value in expected(papers).items()}
    assert len(site.pdfs()) == len({a.path for a in site.pdfs()}) == 25


@pytest.mark.usefixtures("on_postgres")
def test_workers_without_a_common_disk_share_an_edition(site: FakeProceedings, tmp_path: Path, postgres_databases: Databases) -> None:
    papers = site.add("CVPR 2026", planted(25, "P{}_CVPR_2026_paper"))
    here, there = tmp_path / "here", tmp_path / "there"
    postgres_databases.share(here, there)
    for day, folder in enumerate((here, there, here)):
        h = harness(folder, site, rules=RULES, papers_per_day=10)
        h.collect(NOW + day * DAY)
        assert len(site.pdfs()) == len({a.path for a in site.pdfs()}) == min(25, 10 * (day + 1)), "no paper is fetched twice"
    assert h.values() == {series: {YEAR: value} for series, value in expected(papers).items()}
    assert not (here / FOLDER).exists()
    assert not (there / FOLDER).exists()


def test_captures_hold_no_pdf_but_its_checksum(site: FakeProceedings, tmp_path: Path) -> None:
    site.add("CVPR 2026", [Paper("P1_CVPR_2026_paper", body=frozenset({"jax"}), employer="meta")])
    h = harness(tmp_path, site)
    h.collect(NOW)
    captures = tmp_path / "captures"
    found = [r for file in files_of(captures, "conferences-1") for r in records(captures, captures / file)]
    papers = [r for r in found if r.capture.url.endswith(".pdf")]
    assert [(r.body, r.reduced) for r in papers] == [(b"", "2026-11-20")]
    with Library(tmp_path / FOLDER, Edition("CVPR", 2026), writable=False) as library:
        (text,) = library.texts()
    assert papers[0].capture.sha256 == text.sha256
    assert "@fb.com" in text.front
    assert "JAX" in text.text
    assert "anna" not in kept(tmp_path) + text.front + text.text  # whose address it is was not kept


def test_a_figure_leads_to_the_listing_and_to_its_papers(site: FakeProceedings, tmp_path: Path) -> None:
    site.add("CVPR 2026", [Paper(f"P{n}_CVPR_2026_paper", f"Title {n}", frozenset({"jax"} if n % 3 else ())) for n in range(9)])
    h = harness(tmp_path, site, TOPICS[:3])
    h.collect(NOW)
    with Journal.open(tmp_path) as journal, journal.read() as connection:
        found = trace(connection, tmp_path / "captures", Series.parse(name("jax", "inclusive")), whole=True).document
    listing, sheet = found["pages"]
    assert "/CVPR2026?day=all" in listing["url"]
    assert "Title 8" in listing["body"]
    rows = [line.split("\t") for line in sheet["body"].splitlines() if "_paper\t" in line]
    assert [r[2] for r in rows if "inclusive: jax" in r[3]] == [f"Title {n}" for n in range(9) if n % 3]
    assert found["value"] == 6


def test_reading_again_changes_what_changed_and_asks_nobody(site: FakeProceedings, tmp_path: Path) -> None:
    papers = site.add("CVPR 2026", planted(20, "P{}_CVPR_2026_paper"))
    harness(tmp_path, site, rules=["inclusive"]).collect(NOW)
    asked = len(site.asked())
    changed = [Topic("jax", "jax", {"papers": ["jax", "flax"]}), *(t for t in TOPICS if t.key != "jax")]
    h = harness(tmp_path, site, changed, rules=["inclusive"])
    h.reparse(NOW + DAY)
    assert h.values()[name("jax", "inclusive")] == {YEAR: number(papers, lambda p: bool({"jax", "flax"} & p.says))}
    assert h.values()[name("flax", "inclusive")] == {YEAR: number(papers, lambda p: "flax" in p.says)}
    assert len(site.asked()) == asked


def test_a_stop_while_a_paper_is_read_waits_for_none_and_blames_none(
    site: FakeProceedings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    papers = site.add("CVPR 2026", planted(12, "P{}_CVPR_2026_paper"))
    whole = papers[4].pdf()
    papers[4].raw = whole + frail_worker.HANG
    h = harness(tmp_path, site, rules=["inclusive"], max_seconds=600)
    with monkeypatch.context() as patch:
        patch.setattr(text, "WORKER", Path(frail_worker.__file__))

        async def stopped(service: CrawlService) -> bool:
            crawl = asyncio.ensure_future(jobs.collect(service, h.setup, now=NOW))
            while len(site.pdfs()) < 8:  # noqa: ASYNC110  # the server is a thread
                await asyncio.sleep(0.02)
            clean = await service.close()
            await asyncio.wait([crawl])
            return clean

        assert h._run(NOW, stopped)
    with Library(tmp_path / FOLDER, Edition("CVPR", 2026), writable=False) as library:
        assert set(library.standing().states) == {State.READ, State.WAITING}
    papers[4].raw = whole
    h.collect(NOW)
    assert h.values()[name("jax", "inclusive")] == {YEAR: number(papers, lambda p: "jax" in p.says)}
    assert h.bounds()[name("jax", "inclusive")] == {YEAR: Bound.EXACT}


# Bad input


def test_unreadable_papers_are_told_and_make_counts_lower_bounds(site: FakeProceedings, tmp_path: Path) -> None:
    papers = planted(60, "P{}_CVPR_2026_paper")
    bad = {
        "scanned": Paper("scan_CVPR_2026_paper", raw=pdf([[]] * 8)),
        "encrypted": Paper("lock_CVPR_2026_paper", raw=encrypted()),
        "too_long": Paper("long_CVPR_2026_paper", raw=pdf([["a page"]] * 60)),
        "broken": Paper("half_CVPR_2026_paper", raw=papers[0].pdf()[:900]),
        "not_a_pdf": Paper("html_CVPR_2026_paper", raw=b"<html><body>The file has moved.</body></html>"),
        "absent": Paper("none_CVPR_2026_paper", linked=False),
    }
    site.add("CVPR 2026", [*papers, *bad.values()])
    h = harness(tmp_path, site, rules=RULES, enough=90, max_pages=50)
    h.collect(NOW)
    planned = {**expected(papers), 'papers.total{venue="CVPR"}': 66}
    assert h.values() == {
        **{series: {YEAR: value} for series, value in planned.items()},
        **{f'papers.unreadable{{state="{state}",venue="CVPR"}}': {YEAR: 1} for state in bad},
    }
    bounds = {series: times[YEAR] for series, times in h.bounds().items()}
    assert {b for series, b in bounds.items() if "mentioning" in series} == {Bound.AT_LEAST}
    assert {b for series, b in bounds.items() if "mentioning" not in series} == {Bound.EXACT}
    with Library(tmp_path / FOLDER, Edition("CVPR", 2026), writable=False) as library:
        told = str(library.standing())
    assert told == ("60 of 66 read, 6 unreadable: 1 without a PDF, 1 broken, 1 encrypted, 1 no PDF, 1 scanned, 1 with too many pages")
    asked = len(site.asked())
    h.collect(NOW + DAY)
    assert len(site.asked()) == asked  # they are not asked for again


def test_too_many_unreadable_papers_are_no_count(site: FakeProceedings, tmp_path: Path) -> None:
    site.add("CVPR 2026", [*planted(8, "P{}_CVPR_2026_paper"), *(Paper(f"S{n}_CVPR_2026_paper", raw=pdf([[]])) for n in range(2))])
    h = harness(tmp_path, site)
    h.collect(NOW)
    assert not h.values()
    assert {e.label for e in h.ends()} == {"missing(parse_error)"}
    assert all("8 of 10 read, 2 unreadable: 2 scanned: too few to count" in e.detail for e in h.ends())


def test_a_paper_that_cannot_be_fetched_is_tried_on_three_days(site: FakeProceedings, tmp_path: Path) -> None:
    papers = site.add("CVPR 2026", planted(20, "P{}_CVPR_2026_paper"))
    site.fail(lambda a: "P3_" in a.path, status=500, times=99)
    for day in range(3):
        h = harness(tmp_path, site, rules=["inclusive"])
        h.collect(NOW + day * DAY)
        if day < 2:
            assert set(h.outcomes().values()) == {"missing(unreachable)"}
            assert not h.values()
    others = [p for p in papers if p is not papers[2]]
    assert h.values()[name("jax", "inclusive")] == {YEAR: number(others, lambda p: "jax" in p.says)}
    assert h.bounds()[name("jax", "inclusive")] == {YEAR: Bound.AT_LEAST}
    assert h.values()['papers.unreadable{state="unfetched",venue="CVPR"}'] == {YEAR: 1}


def test_tries_on_one_day_count_as_one(site: FakeProceedings, tmp_path: Path) -> None:
    papers = site.add("CVPR 2026", planted(20, "P{}_CVPR_2026_paper"))
    site.fail(lambda a: "P3_" in a.path, status=500, times=99)
    for hour in range(4):
        harness(tmp_path, site, rules=["inclusive"]).collect(NOW + hour * 3600)
    with Library(tmp_path / FOLDER, Edition("CVPR", 2026), writable=False) as library:
        assert library.standing().waiting == 1
    site.faults.clear()
    h = harness(tmp_path, site, rules=["inclusive"])
    h.collect(NOW + DAY)
    assert h.values()[name("jax", "inclusive")] == {YEAR: number(papers, lambda p: "jax" in p.says)}
    assert h.bounds()[name("jax", "inclusive")] == {YEAR: Bound.EXACT}


def test_a_dead_host_uses_up_no_papers_tries(site: FakeProceedings, tmp_path: Path) -> None:
    site.add("CVPR 2026", planted(30, "P{}_CVPR_2026_paper"))
    site.fail(lambda a: a.path.endswith(".pdf"), status=503, times=999)
    for day in range(4):
        harness(tmp_path, site).collect(NOW + day * DAY)
    with Library(tmp_path / FOLDER, Edition("CVPR", 2026), writable=False) as library:
        assert library.standing().states[State.UNFETCHED] < 15
        assert library.standing().waiting > 15


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"status": 403}, "blocked"),
        ({"status": 429, "headers": {"Retry-After": "9999"}}, "throttled"),
        ({"body": b"<html><title>Just a moment...</title><script>challenge-platform cf_chl_opt</script></html>"}, "blocked"),
    ],
)
def test_a_wall_before_the_papers_stops_the_edition(site: FakeProceedings, tmp_path: Path, fault: dict[str, object], reason: str) -> None:
    papers = site.add("CVPR 2026", planted(20, "P{}_CVPR_2026_paper"))
    site.fail(lambda a: a.path.endswith(".pdf"), after=5, times=999, **fault)
    h = harness(tmp_path, site, rules=["inclusive"])
    h.collect(NOW)
    assert set(h.outcomes().values()) == {f"missing({reason})"}
    assert len(site.pdfs()) <= 7
    site.faults.clear()
    h.collect(NOW + DAY)
    assert h.values()[name("jax", "inclusive")] == {YEAR: number(papers, lambda p: "jax" in p.says)}


def test_an_edition_that_has_not_appeared_is_not_found(site: FakeProceedings, tmp_path: Path) -> None:
    site.add("CVPR 2026", [], appeared=False)
    site.add("ECCV 2024", [Paper("00001")])
    site.add("ICML 2025", [Paper("a25a")])
    missing = ["CVPR 2026", "WACV 2026", "NeurIPS 2026", "ICML 2026", "ACL 2026", "ECCV 2026"]
    h = harness(tmp_path, site, editions=missing)
    h.collect(NOW)
    assert not h.values()
    assert set(h.outcomes().values()) == {"missing(not_found)"}
    assert len({dict(e.slot.series.labels)["venue"] for e in h.ends()}) == len(missing)
    assert not site.pdfs()


@pytest.mark.parametrize("lost", [2, 15])
def test_a_listing_that_lost_papers_is_no_smaller_edition(site: FakeProceedings, tmp_path: Path, lost: int) -> None:
    papers = site.add("CVPR 2026", planted(30, "P{}_CVPR_2026_paper"))
    harness(tmp_path, site, papers_per_day=10).collect(NOW)
    site.editions["CVPR 2026"].papers = papers[:-lost]
    h = harness(tmp_path, site)
    h.collect(NOW + DAY)
    assert not h.values()
    assert set(h.outcomes().values()) == {"missing(parse_error)"}
    assert all(f"lacks {lost} of the 30" in e.detail for e in h.ends())
    site.editions["CVPR 2026"].papers = papers
    h.collect(NOW + 2 * DAY)
    assert h.values()['papers.total{venue="CVPR"}'] == {YEAR: 30}


def test_a_listing_that_is_cut_off_or_misses_a_day_is_a_parse_error(site: FakeProceedings, tmp_path: Path) -> None:
    papers = site.add("CVPR 2018", planted(12, "P{}_CVPR_2018_paper"), old=True)
    for n, paper in enumerate(papers):
        paper.day = f"2018-06-{19 + n % 3}"
    site.fail(lambda a: a.query.get("day") == "2018-06-20", keep=0.6)
    h = harness(tmp_path, site, editions=["CVPR 2018"])
    h.collect(NOW)
    assert not h.values()
    assert "missing(parse_error)" in set(h.outcomes().values())
    site.fail(lambda a: a.query.get("day") == "2018-06-20", status=500, times=9)
    h.collect(NOW + DAY)
    assert set(h.outcomes().values()) == {"missing(unreachable)"}
    assert not site.pdfs()


def test_two_papers_of_one_title_are_two_and_one_listed_twice_is_one(site: FakeProceedings, tmp_path: Path) -> None:
    a, b = (Paper(f"{i}_CVPR_2026_paper", "The Same Title", frozenset({"jax"})) for i in "ab")
    site.add("CVPR 2026", [a, b, a])
    h = harness(tmp_path, site, TOPICS[2:3])
    h.collect(NOW)
    assert h.values()['papers.total{venue="CVPR"}'] == {YEAR: 2}
    assert h.values()[name("jax", "inclusive")] == {YEAR: 2}


def test_zero_mentions_of_all_topics_are_measured(site: FakeProceedings, tmp_path: Path) -> None:
    site.add("CVPR 2026", [Paper("a_CVPR_2026_paper")])
    h = harness(tmp_path, site, TOPICS[:2])
    h.collect(NOW)
    assert h.values()[name("pytorch", "inclusive")] == {YEAR: 0}


# What is declared


def test_without_a_choice_the_newest_edition_of_each_conference_is_read() -> None:
    told = [str(e) for e in Conferences.editions({}, NOW)]
    assert told[:5] == ["CVPR 2026", "NeurIPS 2025", "ICML 2026", "ACL 2026", "ECCV 2024"]
    assert {"ICCV 2025", "ICLR 2026", "EMNLP 2025", "NAACL 2025"} <= set(told)
    assert str(Conferences.editions({}, read_time("2027-01-02"))[1]) == "NeurIPS 2026"
    assert {s.time for s in Conferences.slots(TOPICS, NOW, {"editions": ["ACL 2019"]})} == {read_time("2019")}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"editions": ["CVPR"]}, "CVPR 2026"),
        ({"editions": ["SIGGRAPH 2026"]}, "not an edition"),
        ({"rules": ["he-1999"]}, "he-2019"),
        ({"affiliations": ["acme"]}, "google"),
        ({"rules_file": "/nowhere.toml"}, "cannot read"),
        ({"enough": 101}, "enough"),
        ({"papers_per_day": 0}, "papers_per_day"),
    ],
)
def test_wrong_options_are_refused_with_help(options: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Conferences.check_options(options)


def test_a_preview_names_titles(site: FakeProceedings, tmp_path: Path) -> None:
    site.add("CVPR 2026", [Paper("a_CVPR_2026_paper", "PyTorch in Practice"), Paper("b_CVPR_2026_paper", "Else")])
    previews = {p.topic: p.text for p in harness(tmp_path, site).preview(NOW)}
    assert previews["pytorch"] == "CVPR 2026: 2 papers are listed, 1 name it in the title; 'PyTorch in Practice'"
    assert not (tmp_path / FOLDER).exists()
