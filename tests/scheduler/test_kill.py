"""``kill -9`` at any step of a collection, then collect again: the journal of an undisturbed run, and nothing asked twice."""

from __future__ import annotations

import io
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler.demo.servers.github import FakeGitHub
from storage import exports, ledger
from storage.journal import Journal
from tests.databases import url_of
from tests.fakes.forking import Zygote
from tests.harness import empty_store

NOW = 1_795_162_620  # 2026-11-20 08:17 UTC
TOPICS = ["made-up/alpha", "made-up/beta", "made-up/gone", "made-up/delta"]
AT_ONCE = 3  # requests under way at a kill: two that are being sent, one whose answer is being written down


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    with Zygote("tests.fakes.zygote") as made:
        yield made


def run(zygote: Zygote, folder: Path, url: str, kill: tuple[str, int, str] | None = None) -> int:
    return zygote.run(folder=str(folder), store=url_of(folder), url=url, now=NOW, topics=TOPICS, kill=kill)


def world() -> FakeGitHub:
    github = FakeGitHub(NOW)
    for name in TOPICS:
        github.add(name, days=30)
    github.delete(github.repos[github.names["made-up/gone"]])
    return github


def journal_of(folder: Path) -> tuple[str, list[tuple[str, str, str]], list[tuple[object, ...]]]:
    """All series with their points as CSV, how every slot ended, and the events."""
    out = io.StringIO()
    with Journal.open(folder) as journal, journal.read() as connection:
        exports.write_csv(connection, out)
        ends = sorted((str(e.slot.series), str(e.outcome), e.reason) for e in ledger.ends(connection))
        events = sorted(tuple(r) for r in connection.exec_driver_sql("SELECT time, kind, topic, text FROM events"))
        journal.verify()
        assert ledger.unfinished(connection) == []
        without = "SELECT count(*) FROM points WHERE evidence_id IS NULL"
        assert connection.exec_driver_sql(without).scalar() == 0
    url_free = "\n".join(sorted(line.rpartition(",")[0] for line in out.getvalue().splitlines()))  # the server's port differs
    return url_free, ends, events


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return Path(shutil.copytree(empty_store(), tmp_path, dirs_exist_ok=True))


@pytest.fixture(scope="module")
def undisturbed(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> tuple[object, Counter[str]]:
    folder = tmp_path_factory.mktemp("undisturbed")
    with world() as github:
        assert run(zygote, folder, github.url) == 0
        asked = Counter(a.path for a in github.log)
    return journal_of(folder), asked


STEPS = [
    *(("plan", 1, when) for when in ("before", "after")),
    *(("capture", n, when) for n in (1, 2, 5, 9, 13) for when in ("before", "torn", "after")),
    *(("fsync", n, "after") for n in (1, 2)),
    *(("commit", 1, when) for when in ("before", "after")),
    *(("put", n, when) for n in (1, 4, 8) for when in ("before", "after")),
    ("miss", 1, "after"),
    *(("close", 1, when) for when in ("before", "after")),
    *(("finish", 1, when) for when in ("before", "after")),
]


@pytest.mark.parametrize("step", STEPS, ids=lambda s: "-".join(map(str, s)))
def test_a_killed_collection_goes_on_where_it_was_cut_off(
    zygote: Zygote, undisturbed: tuple[object, Counter[str]], store: Path, step: tuple[str, int, str]
) -> None:
    journal, asked = undisturbed
    with world() as github:
        assert run(zygote, store, github.url, step) == -signal.SIGKILL, "the step was never taken"
        assert run(zygote, store, github.url) == 0
        assert journal_of(store) == journal
        again = Counter(a.path for a in github.log) - asked
        again.pop("/robots.txt", None)
        assert sum(again.values()) <= AT_ONCE, f"asked again: {dict(again)}"


@pytest.mark.usefixtures("on_postgres")
@pytest.mark.parametrize("step", STEPS[::6], ids=lambda s: "-".join(map(str, s)))
def test_a_killed_collection_goes_on_where_it_was_cut_off_with_the_journal_on_a_server(
    zygote: Zygote, undisturbed: tuple[object, Counter[str]], store: Path, step: tuple[str, int, str]
) -> None:
    test_a_killed_collection_goes_on_where_it_was_cut_off(zygote, undisturbed, store, step)


def test_a_second_kill_while_recovering_is_survived_too(zygote: Zygote, undisturbed: tuple[object, Counter[str]], store: Path) -> None:
    journal, asked = undisturbed
    with world() as github:
        for step in (("capture", 3, "torn"), ("capture", 2, "torn"), ("commit", 1, "after")):
            assert run(zygote, store, github.url, step) == -signal.SIGKILL
        assert run(zygote, store, github.url) == 0
        assert journal_of(store) == journal
        again = Counter(a.path for a in github.log) - asked
        again.pop("/robots.txt", None)
        assert sum(again.values()) <= 3 * AT_ONCE
