"""PostgreSQL goes away in the middle of an edition: a plain sentence, no end that is not one, and the next visit goes on."""

from __future__ import annotations

import asyncio
import logging
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from crawlers.engine import CrawlService
from crawlers.papers import library, source
from crawlers.papers.editions import Edition
from crawlers.papers.library import Library, Standing
from crawlers.papers.shelf import place_of
from crawlers.papers.text import State
from crawlers.spiders.papers.conferences import ON_THE_WAY, Conferences
from scheduler import jobs
from scheduler.demo.servers.proceedings import FakeProceedings, Paper
from scheduler.demo.servers.service import Raw
from scheduler.setups import Setup
from storage import frames, ledger
from storage.journal import Journal
from storage.model import Topic, UptakeError
from storage.periods import HOUR, read_time
from tests.fakes.postgres import Postgres, running
from tests.harness import FAST

NOW = read_time("2026-11-20T06:00:00Z")
LEASE = 30.0  # seconds
EDITION = Edition("CVPR", 2026)
TOPICS = {key: Topic(key, key, {"papers": [key]}) for key in ("pytorch", "jax")}
PAPERS = 12


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with running() as made:
        Journal.open(Path("/nowhere"), made.database("empty")).close()
        yield made


@pytest.fixture
def url(server: Postgres) -> Iterator[str]:
    yield server.database("edition", template="empty")
    server.drop("edition")


@pytest.fixture(scope="module")
def site() -> Iterator[FakeProceedings]:
    chance = random.Random(11)
    papers = [Paper(f"P{n}_CVPR_2026_paper", f"Title {n}", frozenset(t for t in TOPICS if chance.random() < 0.5)) for n in range(PAPERS)]
    with FakeProceedings() as service:
        service.add(str(EDITION), papers)
        yield service


def visit(folder: Path, url: str, site: FakeProceedings, now: int = NOW) -> None:
    """What a worker does when the source's time has come."""
    setup = Setup(Conferences, TOPICS, endpoints=site.endpoints, options={"editions": [str(EDITION)]}, config="{}")

    async def main() -> None:
        with Journal.open(folder, url, writable=True) as journal:
            service = CrawlService(journal, FAST, clock=lambda: now, lease=LEASE)
            try:
                await jobs.collect(service, setup, now=now)
            finally:
                service.shutdown()

    asyncio.run(main())


def figures(url: str) -> dict[str, Any]:
    with Journal.open(Path("/nowhere"), url) as journal, journal.read() as connection:
        known = frames.catalogue(connection)
        points = frames.points(connection, list(known["id"]))
        names = dict(zip(known["id"], known["name"], strict=True))
        values = {names[i]: (v, b) for i, v, b in zip(points["series_id"], points["value"], points["bound"], strict=True)}
        ends = {str(e.slot.series): e.label for e in ledger.ends(connection)}
        return {"values": values, "ends": ends, "unfinished": len(ledger.unfinished(connection))}


def standing(url: str) -> Standing:
    with Journal.open(Path("/nowhere"), url) as journal, Library(place_of(journal), EDITION, writable=False) as kept:
        return kept.standing()


@pytest.fixture(scope="module")
def undisturbed(server: Postgres, site: FakeProceedings, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    visit(tmp_path_factory.mktemp("undisturbed"), server.database("undisturbed", template="empty"), site)
    site.log.clear()
    found = figures(server.url("undisturbed"))
    assert set(found["ends"].values()) == {"measured"}
    return found


def crashes_at(monkeypatch: pytest.MonkeyPatch, server: Postgres, owner: Any, name: str, n: int) -> None:
    """The server crashes just before something is asked of it for the n-th time, and stays away."""
    inner: Callable[..., Any] = getattr(owner, name)
    times = 0

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal times
        times += 1
        if times == n:
            server.stop(signal.SIGQUIT)
        return inner(*args, **kwargs)

    monkeypatch.setattr(owner, name, wrapped)


def comes_back(server: Postgres) -> None:
    """The server is there again, and what the crawl that was cut off still held has run out."""
    server.start()
    server.execute("UPDATE leases SET until = 0", database="edition")


STEPS = [
    *((source, "editions_in", 1), (library, "prepare", 1)),
    *((Library, name, 1) for name in ("note_listing", "waiting", "standing", "captures")),
    *((Library, "keep", n) for n in (1, 5, PAPERS)),
    (source, "tally", 1),
    (source.PaperSource, "_keep", 1),
]


@pytest.mark.parametrize(("owner", "name", "n"), STEPS, ids=[f"{name}-{n}" for _, name, n in STEPS])
def test_an_edition_goes_on_when_the_server_is_back(
    server: Postgres,
    url: str,
    site: FakeProceedings,
    undisturbed: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    owner: Any,
    name: str,
    n: int,
) -> None:
    with monkeypatch.context() as patch, caplog.at_level(logging.INFO):
        crashes_at(patch, server, owner, name, n)
        try:
            with pytest.raises(UptakeError, match=r"cannot be reached|could not confirm in time") as told:
                visit(tmp_path, url, site)
        finally:
            comes_back(server)
    assert "Traceback" not in str(told.value)
    assert [r.getMessage() for r in caplog.records if r.exc_info] == [], "an error that nobody foresaw"
    before = figures(url)
    assert (before["values"], set(before["ends"].values()), before["unfinished"]) == ({}, {"open"}, 1), "no slot has an end yet"
    asked = Counter(a.path for a in site.pdfs())
    kept = standing(url).states[State.READ] if asked else 0
    assert len(asked) - kept <= ON_THE_WAY, "what was read is kept"

    visit(tmp_path, url, site, NOW + HOUR)
    assert figures(url) == undisturbed
    again = Counter(a.path for a in site.pdfs())
    site.log.clear()
    assert sum(again.values()) == PAPERS + len(asked) - kept, "asked again is only what was not kept"


def test_a_failure_that_cannot_be_noted_is_no_outcome_of_its_paper(
    server: Postgres, url: str, site: FakeProceedings, undisturbed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    well, bad = site.respond, f"{site.editions[str(EDITION)].papers[3].id}.pdf"
    with monkeypatch.context() as patch:
        patch.setattr(site, "respond", lambda asked: (500, Raw(b"")) if asked.path.endswith(bad) else well(asked))
        crashes_at(patch, server, Library, "miss", 1)
        try:
            with pytest.raises(UptakeError, match=r"cannot be reached|could not confirm in time"):
                visit(tmp_path, url, site)
        finally:
            comes_back(server)
    assert set(figures(url)["ends"].values()) == {"open"}
    visit(tmp_path, url, site, NOW + HOUR)  # its answer is read again, and noted
    assert standing(url).states == {State.READ: PAPERS - 1, State.WAITING: 1}
    visit(tmp_path, url, site, NOW + 2 * HOUR)
    site.log.clear()
    assert figures(url) == undisturbed
