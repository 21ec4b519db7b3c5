"""``kill -9`` in the middle of an edition, then `uptake collect conferences` again: the counts of an undisturbed run."""

from __future__ import annotations

import random
import shutil
import signal
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawlers.catalog import sources
from crawlers.papers.shelf import FOLDER
from crawlers.spiders.papers.conferences import ON_THE_WAY
from scheduler.demo.servers.proceedings import FakeProceedings, Paper, encrypted, pdf
from storage import frames, ledger
from storage.journal import Journal
from storage.model import Series
from tests.fakes.forking import Zygote
from tests.harness import empty_store

PAPERS = 24
CONFIG = """\
[crawl]
delay = 0

[sources.conferences]
enabled = true
editions = ["CVPR 2018"]
rules = ["inclusive", "exclusive", "he-2019"]
enough = 80
{endpoints}

[baskets.frameworks]
topics = ["pytorch", "tensorflow", "jax"]

[topics.pytorch]
papers = ["pytorch"]

[topics.tensorflow]
papers = ["tensorflow"]

[topics.jax]
papers = ["jax"]
"""


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote("tests.fakes.zygote") as made:
        yield made


@pytest.fixture(scope="module")
def site() -> Iterator[FakeProceedings]:
    """An edition that is listed on three days, with papers that cannot be read among the others."""
    chance = random.Random(4)
    papers = []
    for n in range(PAPERS):
        body = frozenset(t for t in ("pytorch", "tensorflow", "jax") if chance.random() < 0.4)
        papers.append(Paper(f"P{n}_CVPR_2018_paper", f"Title {n}", body, employer=chance.choice(["", "google", "meta"])))
    papers += [Paper("L_CVPR_2018_paper", "Locked", raw=encrypted()), Paper("S_CVPR_2018_paper", "Scanned", raw=pdf([[]] * 3))]
    for n, paper in enumerate(papers):
        paper.day = f"2018-06-{19 + n % 3}"
    with FakeProceedings() as service:
        service.add("CVPR 2018", papers, old=True)
        yield service


def uptake(zygote: Zygote, site: FakeProceedings, folder: Path, kill: tuple[str, int, str] | None = None) -> int:
    if not (folder / "uptake.toml").exists():
        shutil.copytree(empty_store(), folder / "data", dirs_exist_ok=True)
        off = "".join(f"\n[sources.{name}]\nenabled = false\n" for name in sources() if name != "conferences")
        endpoints = "\n".join(f'{key} = "{url}"' for key, url in site.endpoints.items())
        (folder / "uptake.toml").write_text(CONFIG.format(endpoints=endpoints) + off)
    words = ["collect", "conferences", "--config", str(folder / "uptake.toml")]
    return zygote.run(words=words, kill=kill)


def came_of(folder: Path) -> dict[str, Any]:
    """Every value with its bound, how every slot ended, and each paper's state and text."""
    with Journal.open(folder / "data") as journal, journal.read() as connection:
        known = frames.catalogue(connection)
        points = {}
        for name, series_id in zip(known["name"], known["id"], strict=True):
            rows = frames.points(connection, [series_id])
            points[name] = list(zip(rows["time"], rows["value"], rows["bound"], rows["state"], strict=True))
        ends = sorted((str(e.slot.series), e.label) for e in ledger.ends(connection, "conferences"))
        assert ledger.unfinished(connection) == []
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        assert connection.exec_driver_sql("SELECT count(*) FROM points WHERE evidence_id IS NULL").scalar() == 0
    (library,) = (folder / "data" / FOLDER).glob("*.sqlite3")
    texts = sqlite3.connect(library)
    try:
        papers = texts.execute("SELECT id, state, sha256, pages, kept, listed, tries FROM library_papers ORDER BY id").fetchall()
        assert texts.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        texts.close()
    return {"points": points, "ends": ends, "papers": papers}


@pytest.fixture(scope="module")
def undisturbed(zygote: Zygote, site: FakeProceedings, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert uptake(zygote, site, folder) == 0
    assert {a.path: 1 for a in site.pdfs()} == Counter(a.path for a in site.pdfs())
    assert len(site.pdfs()) == PAPERS + 2
    site.log.clear()
    came = came_of(folder)
    planted = site.editions["CVPR 2018"].papers[:PAPERS]
    found = {name: rows[0][1] for name, rows in came["points"].items()}
    for topic in ("pytorch", "tensorflow", "jax"):
        series = Series("papers.mentioning", topic, (("rule", "inclusive"), ("venue", "CVPR")))
        assert found[str(series)] == sum(topic in p.says for p in planted)
    return came


# an edition's life in order: two of three days of its listing, all of it, papers fetched and read, counted, written down
STEPS = [
    *(("capture", n, when) for n in (2, 3) for when in ("before", "torn", "after")),
    *(("listing", 1, when) for when in ("before", "after")),
    *(("capture", n, "torn") for n in (6, 20)),
    *(("extract", n, when) for n in (1, 11) for when in ("before", "during", "after")),
    *(("keep", n, when) for n in (1, PAPERS, PAPERS + 2) for when in ("before", "after")),
    *(("count", 1, when) for when in ("before", "during", "after")),
    ("sheet", 1, "after"),
    *(("commit", 1, when) for when in ("before", "after")),
    *(("close", 1, when) for when in ("before", "after")),
]


def again(site: FakeProceedings) -> dict[str, int]:
    """What was asked more than once: pages and papers."""
    asked = Counter(f"{a.path}?{a.query.get('day', '')}" for a in site.asked())
    site.log.clear()
    assert len(asked) == 4 + PAPERS + 2  # an index, three days, and each paper
    return {path: n - 1 for path, n in asked.items() if n > 1}


@pytest.mark.parametrize("step", STEPS, ids=lambda s: "-".join(map(str, s)))
def test_an_edition_goes_on_where_it_was_killed(
    zygote: Zygote, site: FakeProceedings, undisturbed: dict[str, Any], tmp_path: Path, step: tuple[str, int, str]
) -> None:
    assert uptake(zygote, site, tmp_path, step) == -signal.SIGKILL, "the step was never taken"
    assert uptake(zygote, site, tmp_path) == 0
    assert came_of(tmp_path) == undisturbed
    twice = again(site)
    assert sum(twice.values()) <= ON_THE_WAY + 1, f"asked again: {twice}"


def test_an_edition_survives_one_kill_after_the_other(
    zygote: Zygote, site: FakeProceedings, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    steps = [("capture", 2, "torn"), ("listing", 1, "after"), ("keep", 5, "after"), ("extract", 4, "before"), ("count", 1, "after")]
    for step in steps:
        assert uptake(zygote, site, tmp_path, step) == -signal.SIGKILL
    assert uptake(zygote, site, tmp_path) == 0
    assert came_of(tmp_path) == undisturbed
    twice = again(site)
    assert sum(twice.values()) <= len(steps) * (ON_THE_WAY + 1), f"asked again: {twice}"
