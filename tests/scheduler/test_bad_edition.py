"""All that goes wrong with papers, in one edition among good ones: each is told and counted, and takes no mention away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest

from crawlers.catalog import sources
from crawlers.papers import text
from scheduler.cli.main import run
from scheduler.demo.servers.proceedings import FakeProceedings, Paper, bomb, encrypted, pdf
from storage import frames, ledger
from storage.journal import Journal
from storage.model import Bound, Series
from storage.periods import read_time
from tests.fakes import frail_worker

YEAR = read_time("2026")
CONFIG = """\
[crawl]
delay = 0

[sources.conferences]
enabled = true
editions = ["CVPR 2026", "CVPR 2018", "WACV 2026", "NeurIPS 2025"]
rules = ["inclusive", "exclusive", "inclusive-without-references"]
enough = 75
max_seconds = 15
max_memory = 600
{endpoints}

[baskets.frameworks]
topics = ["pytorch", "jax"]

[topics.pytorch]
papers = ["pytorch"]

[topics.jax]
papers = ["jax"]
"""
SENTENCE = (
    "42 of 51 read, 9 unreadable: 2 without a PDF, 1 unpack to more than a paper can be, 1 crashed the reader, 1 encrypted,"
    " 1 scanned, 1 too large, 1 with too many pages, 1 took the reader too long"
)


@dataclass(frozen=True)
class Came:
    """What a collection of four editions came to: one with bad papers, one that lost a page, two that are not there."""

    folder: Path
    site: FakeProceedings
    good: list[Paper]
    bad: dict[str, Paper]
    code: int
    said: str


def uptake(*words: str) -> tuple[int, str]:
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(list(words))
    return code, out.getvalue()


def papers() -> tuple[list[Paper], dict[str, Paper]]:
    good = [
        Paper(f"G{n}_CVPR_2026_paper", f"Title {n}", frozenset({"pytorch"} if n % 2 else ()), frozenset({"jax"} if n % 5 == 0 else ()))
        for n in range(40)
    ]
    good += [Paper(f"twin{n}_CVPR_2026_paper", "One Title", frozenset({"jax"})) for n in range(2)]
    says = Paper("x", body=frozenset({"pytorch", "jax"})).pdf()  # what could not be read might well mention them
    bad = {
        "scanned": Paper("scanned_CVPR_2026_paper", raw=pdf([[]] * 8)),
        "encrypted": Paper("encrypted_CVPR_2026_paper", raw=encrypted()),
        "bomb": Paper("bomb_CVPR_2026_paper", raw=bomb()),
        "too_long": Paper("supplement_CVPR_2026_paper", raw=pdf([["a page of a supplement that says PyTorch"]] * 500)),
        "crashed": Paper("crash_CVPR_2026_paper", raw=says + frail_worker.CRASH),
        "too_slow": Paper("hang_CVPR_2026_paper", raw=says + frail_worker.HANG),
        "too_large": Paper("large_CVPR_2026_paper", raw=says + b" " * (33 << 20)),
        "absent": Paper("gone_CVPR_2026_paper", body=frozenset({"jax"})),
        "absent too": Paper("unlinked_CVPR_2026_paper", linked=False),
    }
    return good, {state: Paper(p.id, f"Bad: {state}", p.body, raw=p.raw, linked=p.linked) for state, p in bad.items()}


@pytest.fixture(scope="module")
def came(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Came]:
    folder = tmp_path_factory.mktemp("bad")
    good, bad = papers()
    mixed = list(good)
    for n, paper in enumerate(bad.values()):
        mixed.insert(4 * n + 1, paper)
    days = [Paper(f"D{n}_CVPR_2018_paper", f"Day {n}", frozenset({"jax"}), day=f"2018-06-{19 + n % 3}") for n in range(9)]
    with pytest.MonkeyPatch.context() as patch, FakeProceedings() as site:
        patch.setattr(text, "WORKER", Path(frail_worker.__file__))
        site.add("CVPR 2026", mixed)
        site.add("CVPR 2018", days, old=True)
        site.add("WACV 2026", [], appeared=False)
        site.fail(lambda a: a.query.get("day") == "2018-06-20", status=404, times=99)  # a page of the listing is lost
        site.fail(lambda a: "gone_" in a.path, status=404, times=99)
        endpoints = "\n".join(f'{k} = "{v}"' for k, v in site.endpoints.items())
        off = "".join(f"\n[sources.{name}]\nenabled = false\n" for name in sources() if name != "conferences")
        (folder / "uptake.toml").write_text(CONFIG.format(endpoints=endpoints) + off)
        patch.setenv("UPTAKE_CONFIG", str(folder / "uptake.toml"))
        code, said = uptake("collect", "conferences")
        yield Came(folder, site, good, bad, code, said)


def figures(came: Came) -> dict[str, dict[int, tuple[float, Bound]]]:
    found: dict[str, dict[int, tuple[float, Bound]]] = {}
    with Journal.open(came.folder / "data") as journal, journal.read() as connection:
        known = frames.catalogue(connection)
        for name, series_id in zip(known["name"], known["id"], strict=True):
            rows = frames.points(connection, [series_id])
            found[name] = {t: (v, Bound(b)) for t, v, b in zip(rows["time"], rows["value"], rows["bound"], strict=True)}
    return found


def mentioning(topic: str, rule: str, *more: tuple[str, str]) -> str:
    return str(Series("papers.mentioning", topic, (*more, ("rule", rule), ("venue", "CVPR"))))


def test_every_bad_paper_is_a_counted_state(came: Came) -> None:
    assert came.code == 1  # editions that are not there are listed
    code, out = uptake("papers", "--json")
    assert code == 0
    edition = next(d for d in json.loads(out) if d["edition"] == "CVPR 2026")
    assert edition["words"] == SENTENCE
    told = {p["title"]: p["state"] for p in edition["unreadable"]}
    assert told == {p.title: state.partition(" ")[0] for state, p in came.bad.items()}
    assert SENTENCE in uptake("papers")[1]
    found = figures(came)
    assert found['papers.total{venue="CVPR"}'] == {YEAR: (51, Bound.EXACT)}
    assert found['papers.read{venue="CVPR"}'] == {YEAR: (42, Bound.EXACT)}
    unreadable = {name: points for name, points in found.items() if name.startswith("papers.unreadable")}
    assert sum(points[YEAR][0] for points in unreadable.values()) == 9
    assert unreadable['papers.unreadable{state="absent",venue="CVPR"}'] == {YEAR: (2, Bound.EXACT)}


def test_all_others_are_counted_right_and_as_lower_bounds(came: Came) -> None:
    found = figures(came)
    for topic, other in (("pytorch", "jax"), ("jax", "pytorch")):
        both = sum({topic, other} <= p.says for p in came.good)
        wanted = {
            mentioning(topic, "inclusive"): sum(topic in p.says for p in came.good),
            mentioning(topic, "exclusive"): sum(p.says == {topic} for p in came.good),
            mentioning(topic, "inclusive-without-references"): sum(topic in p.body for p in came.good),
            mentioning(topic, "inclusive", ("with", other)): both,
        }
        assert {name: found[name] for name in wanted} == {name: {YEAR: (float(n), Bound.AT_LEAST)} for name, n in wanted.items()}


def test_editions_without_their_whole_listing_have_an_end_and_no_number(came: Came) -> None:
    with Journal.open(came.folder / "data") as journal, journal.read() as connection:
        ends = ledger.ends(connection, "conferences")
        assert ledger.unfinished(connection) == []
    found: dict[tuple[str, int], set[str]] = {}
    for end in ends:
        found.setdefault((dict(end.slot.series.labels)["venue"], end.slot.time), set()).add(end.label)
    assert found == {
        ("CVPR", YEAR): {"measured"},
        ("CVPR", read_time("2018")): {"missing(not_found)"},
        ("WACV", YEAR): {"missing(not_found)"},
        ("NeurIPS", read_time("2025")): {"missing(not_found)"},
    }
    said = {end.detail for end in ends if end.slot.time == read_time("2018")}
    assert said == {"a page of the listing of CVPR 2018 is not there (/CVPR2018.py?day=2018-06-20): status 404"}
    assert {time for points in figures(came).values() for time in points} == {YEAR}
    assert not came.site.asked("CVPR_2018_paper.pdf")


def test_what_is_known_to_be_bad_is_not_asked_for_again(came: Came) -> None:
    before = len(came.site.pdfs())
    uptake("collect", "conferences")
    assert len(came.site.pdfs()) == before
    asked = [a.path for a in came.site.pdfs()]
    assert len(asked) == len(set(asked)) == 50  # each once; one has no address
