"""A store whose journal is on a PostgreSQL server: every command does there what it does with a file."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler import previews
from scheduler.cli import common
from scheduler.config import load, read
from scheduler.config_store import credentials
from scheduler.demo.servers.github import FakeGitHub
from scheduler.web.answers import Clerkship
from scheduler.web.desk import Desk
from scheduler.web.opening import setting_of
from scheduler.web.problems import Problem
from scheduler.web.question import Answer, Question
from storage import moving
from storage.journal import FILE, Journal
from storage.keeper import Keeper
from storage.model import UsageError
from tests.databases import Databases
from tests.fakes.influx_servers import free_port
from tests.fakes.postgres import Postgres, running
from tests.scheduler import test_daemon
from tests.scheduler.conftest import CONFIG, NOW, World, making, uptake
from tests.scheduler.test_daemon import configure, daemon

SECRET = "geheim"
STORE = '[store]\nurl = "{}"\n'


@pytest.fixture
def url(postgres_databases: Databases, tmp_path: Path) -> Iterator[str]:
    yield postgres_databases.url(tmp_path).replace("postgresql://", "postgresql+psycopg://")
    postgres_databases.release(tmp_path)


def on_server(world: World, url: str) -> None:
    (world.folder / "data" / FILE).unlink(missing_ok=True)
    world.configure(STORE.format(url) + CONFIG)


@pytest.fixture(scope="module")
def collected(postgres_databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, str]]:
    """All was measured once with the journal on a server; for tests that only read it."""
    folder = tmp_path_factory.mktemp("collected")
    url = postgres_databases.url(folder)
    with making(folder) as world:
        on_server(world, url)
        assert uptake("collect").code == 0
        yield world, url
    postgres_databases.release(folder)


@pytest.fixture
def here(collected: tuple[World, str], monkeypatch: pytest.MonkeyPatch) -> Path:
    world, _ = collected
    monkeypatch.setattr(time, "time", lambda: NOW + 60)
    monkeypatch.setenv("UPTAKE_CONFIG", str(world.folder / "uptake.toml"))
    monkeypatch.chdir(world.folder)
    return world.folder


# The configuration


def config(tmp_path: Path, store: str, **environment: str) -> str | None:
    return read({"store": json.loads(store)}, tmp_path / "uptake.toml", environment).store_url


def test_the_address_comes_from_the_environment_else_from_a_file_else_from_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "address").write_text(f"postgresql://ann:{SECRET}@file.example.org/uptake\n")
    both = '{"url": "postgresql://ann@config.example.org/uptake", "url_file": "address"}'
    environment = f"postgresql://ann:{SECRET}@environment.example.org/uptake"
    assert config(tmp_path, "{}") is None
    assert config(tmp_path, '{"url": "postgres://ann@config.example.org/uptake"}') == "postgresql+psycopg://ann@config.example.org/uptake"
    assert config(tmp_path, both) == f"postgresql+psycopg://ann:{SECRET}@file.example.org/uptake"
    assert config(tmp_path, both, UPTAKE_STORE_URL=environment) == f"postgresql+psycopg://ann:{SECRET}@environment.example.org/uptake"


@pytest.mark.parametrize("text", [f"postgresql://ann:{SECRET}@h/x", f"postgresql://ann@h/x?password={SECRET}"])
def test_a_password_in_the_configuration_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"^\[store\] url holds a password.*PGPASSWORD.*PGPASSFILE.*UPTAKE_STORE_URL.*url_file") as told:
        config(tmp_path, json.dumps({"url": text}))
    assert SECRET not in str(told.value)


@pytest.mark.parametrize("text", ["", "data", "sqlite:///data", f"mysql://ann:{SECRET}@h/x"])
def test_what_is_no_address_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"^\[store\] url is no address of a PostgreSQL database"):
        config(tmp_path, json.dumps({"url": text}))
    with pytest.raises(UsageError, match=r"^UPTAKE_STORE_URL or \[store\] url_file is no address") as told:
        config(tmp_path, "{}", UPTAKE_STORE_URL=text or "x")
    assert SECRET not in str(told.value)


def test_a_configuration_that_is_shown_holds_no_password(tmp_path: Path) -> None:
    environment = {"UPTAKE_STORE_URL": f"postgresql://ann:{SECRET}@h/x"}
    settings = read({}, tmp_path / "uptake.toml", environment)
    assert SECRET not in f"{settings!r}{setting_of(settings)!r}{settings.snapshot}{common.shown_store(settings)}"
    assert setting_of(settings).store_url == settings.store_url


# Commands


def test_the_same_is_measured_with_either_journal(world: World, here: Path) -> None:
    world_here = uptake("--config", here / "uptake.toml", "export")
    assert uptake("--config", world.folder / "uptake.toml", "collect").code == 0
    free = [",".join(line.split(",")[:7]) for line in world_here.out.splitlines()]  # the addresses of the fakes differ
    assert free == [",".join(line.split(",")[:7]) for line in uptake("export").out.splitlines()]
    assert len(free) > 10


def test_commands_read_the_journal_on_the_server_and_no_file_is_made(here: Path) -> None:
    assert uptake("collect").code == 0
    for words in (["trends"], ["report"], ["compare", "alpha", "beta"], ["digest"], ["plan"], ["vacuum"], ["vacuum", "--quick"]):
        assert uptake(*words).code in {0, 1}, words
    status = uptake("status", "--json").json
    assert status["bytes"]["journal"] > 100_000
    assert status["figures"] > 5
    name = uptake("export").rows()[0]
    series = f'{name["metric"]}{{topic="{name["topic"]}"}}' if name["topic"] else name["metric"]
    assert "alpha" in uptake("status").out or status["figures"]
    assert uptake("trace", 'github.stars{topic="alpha"}').code == 0, series
    assert uptake("note", "Alpha 3.0", "--topic", "alpha").code == 0
    assert uptake("reparse", "github").code == 0
    assert not (here / "data" / FILE).exists()


def test_check_reads_the_whole_journal_and_names_it_without_a_password(here: Path, collected: tuple[World, str]) -> None:
    ran = uptake("check")
    name = collected[1].partition("://")[2]
    assert f"{name}: intact" in ran.out
    assert not (here / "data" / FILE).exists(), "what the names match is kept on the server"
    with Journal.open(here / "data", collected[1]) as journal, journal.read() as connection:
        assert previews.seen_of(connection, "alpha")


def test_a_server_without_a_journal_says_how_to_begin(world: World, url: str) -> None:
    on_server(world, url)
    for words in (["status"], ["trends"], ["backup", str(world.folder / "copy")]):
        ran = uptake(*words)
        assert (ran.code, "nothing is measured yet in uptake@127.0.0.1" in ran.err) == (2, True), ran.err


@pytest.mark.parametrize("words", [["status"], ["collect"], ["run", "--once"], ["trends"], ["migrate", "--to", "elsewhere"]])
def test_a_server_that_is_away_is_one_sentence(world: World, words: list[str]) -> None:
    on_server(world, f"postgresql://uptake@127.0.0.1:{free_port()}/uptake")
    ran = uptake(*words)
    assert ran.code == 1
    assert "cannot be reached" in ran.err
    assert len(ran.err.strip().splitlines()) == 1
    assert world.asked() == 0


def test_pages_say_that_the_server_is_away_and_show_again_when_it_is_back(collected: tuple[World, str], here: Path) -> None:
    settings = load(here / "uptake.toml", {})
    question = Question("page.home", {}, NOW)
    with Clerkship(setting_of(settings)) as clerk:
        assert clerk.answer(question).status == 200
    away = load(here / "uptake.toml", {"UPTAKE_STORE_URL": f"postgresql://uptake@127.0.0.1:{free_port()}/uptake"})
    with Clerkship(setting_of(away)) as clerk, pytest.raises(Problem, match="cannot be reached") as told:
        clerk.answer(question)
    assert told.value.status == 503


def test_pages_are_made_where_the_password_is_in_the_environment(
    collected: tuple[World, str], postgres: Postgres, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By processes that are given no other secret."""
    postgres.guard("of_pages", SECRET)
    monkeypatch.setenv("UPTAKE_GITHUB_TOKEN", "not-for-them")
    settings = load(here / "uptake.toml", {"UPTAKE_STORE_URL": collected[1].replace("uptake@", "of_pages@")})

    async def ask() -> Answer:
        desk = Desk(lambda: setting_of(settings))
        try:
            return await desk.ask(Question("page.home", {}, NOW), "home")
        finally:
            await desk.close()

    assert b"does not let" in asyncio.run(ask()).body
    monkeypatch.setenv("PGPASSWORD", SECRET)
    assert asyncio.run(ask()).status == 200
    assert credentials({"PGPASSWORD": "a", "PGPASSFILE": "b", "UPTAKE_GITHUB_TOKEN": "c", "PATH": "d"}) == {
        "PGPASSWORD": "a",
        "PGPASSFILE": "b",
    }


# Backup and migrate


def test_a_backup_of_a_server_is_a_store_with_a_file(here: Path, tmp_path: Path, collected: tuple[World, str]) -> None:
    made = uptake("backup", tmp_path / "copy", "--json").json
    assert made["figures"] > 5
    assert uptake("backup", tmp_path / "copy").code == 0, "the second time it is known as its own"
    assert uptake("backup", "--check", tmp_path / "copy").code == 0
    with Journal.open(tmp_path / "copy") as copy, Journal.open(here, collected[1]) as journal:
        assert all(each.equal for each in moving.compare(copy, journal))
    assert "url" in json.loads((tmp_path / "copy" / "uptake-backup.json").read_text())["restore"]


def test_a_journal_moves_to_a_server_and_back_and_the_next_step_is_told(world: World, url: str) -> None:
    assert uptake("collect").code == 0
    before = uptake("export").out
    ran = uptake("migrate", "--to", url)
    assert ran.code == 0, ran.err
    assert "DIFFERENT" not in ran.out
    assert "all equal: " in ran.out
    assert f'[store]\nurl = "{url}"' in ran.out
    assert uptake("migrate", "--check", "--to", url, "--json").json["equal"]
    assert uptake("migrate", "--to", url).code == 2, "it is no longer empty"
    world.configure(STORE.format(url) + CONFIG)
    assert uptake("export").out == before
    assert uptake("note", "measured on").code == 0
    (world.folder / "data" / FILE).unlink()
    back = uptake("migrate", "--to", world.folder / "data")
    assert back.code == 0, back.err
    assert f'[store]\npath = "{world.folder / "data"}"' in back.out
    assert "take out url" in back.out
    world.configure()
    assert uptake("export").out == before


def test_two_journals_that_differ_are_told_apart(world: World, url: str) -> None:
    assert uptake("collect").code == 0
    assert uptake("migrate", "--to", url, "--json").json["equal"]
    assert uptake("note", "later").code == 0
    ran = uptake("migrate", "--to", url, "--check")
    assert ran.code == 1
    assert "different: commits, events" in ran.out


def test_a_move_is_refused_where_it_makes_no_sense(world: World, url: str, tmp_path: Path) -> None:
    assert uptake("collect").code == 0
    for to, words in [
        (str(world.folder / "data"), "is where the journal is already"),
        (str(world.folder / "data" / FILE), "is where the journal is already"),
        (f"postgresql://ann:{SECRET}@h/x", "--to holds a password"),
        ("mysql://h/x", "--to is no address"),
    ]:
        ran = uptake("migrate", "--to", to)
        assert (ran.code, words in ran.err, SECRET in ran.err) == (2, True, False), ran.err
    ran = uptake("migrate", "--check", "--to", tmp_path / "empty")
    assert (ran.code, "there is no journal in" in ran.err) == (2, True)
    assert not (tmp_path / "empty").exists()
    world.configure(STORE.format(url) + CONFIG)
    assert "is the journal itself" in uptake("migrate", "--to", url).err or "nothing is measured" in uptake("migrate", "--to", url).err


def test_a_move_is_refused_while_a_daemon_measures(world: World, url: str) -> None:
    from scheduler.sole import sole

    assert uptake("collect").code == 0
    with sole(world.folder / "data", NOW):
        ran = uptake("migrate", "--to", url)
        assert (ran.code, "stop it, then migrate" in ran.err) == (1, True)
        assert uptake("migrate", "--check", "--to", url).code == 1


def test_a_move_is_refused_while_others_measure_on_other_machines(collected: tuple[World, str], here: Path, tmp_path: Path) -> None:
    from scheduler.sole import sole_on

    with Journal.open(tmp_path / "other", collected[1]) as journal, sole_on(journal, among="`uptake worker` w1", life=5.0):
        ran = uptake("migrate", "--to", tmp_path / "copy")
        assert (ran.code, "`uptake worker` w1, process" in ran.err, "on all machines, then migrate" in ran.err) == (1, True, True), ran.err
    keeper = Keeper(collected[1], holder="process 7 on a-crawler")
    grip = keeper.take(["host:example.org"])
    assert grip is not None
    ran = uptake("migrate", "--to", tmp_path / "copy")
    assert (ran.code, "process 7 on a-crawler is at work" in ran.err) == (1, True), ran.err
    assert not (tmp_path / "copy").exists()
    keeper.drop(grip)
    keeper.close()
    assert uptake("migrate", "--to", tmp_path / "copy").code == 0


# The daemon


def test_the_daemon_says_that_the_server_is_away_and_goes_on_by_itself_when_it_is_back(tmp_path: Path) -> None:
    with running() as server, FakeGitHub(int(time.time())) as github:
        github.add("made-up/alpha", 300)
        configure(tmp_path, github, f'[store]\nurl = "{server.database("uptake")}"\n')
        with daemon(tmp_path) as ran:
            ran.said(r"github: \d+ of \d+ measured")
            assert ran.get("/")[0] == 200
            server.stop(signal.SIGQUIT)
            code, said = ran.get("/")
            assert (code, "cannot be reached" in said) == (503, True), said
            assert {path: ran.get(path)[0] for path in ("/healthz", "/metrics")} == {"/healthz": 200, "/metrics": 503}
            assert ran.process.poll() is None
            server.start()
            ran.until(lambda: ran.get("/")[0] == 200, "the pages come back")
            assert ran.get("/metrics")[0] == 200
            ran.process.send_signal(signal.SIGTERM)
            ran.said(r"Stopped after")
            assert ran.process.wait(10) == 0
        assert "Traceback" not in "\n".join(ran.lines)


def test_a_planner_goes_on_looking_around_when_the_server_is_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hasty = "import scheduler.daemon; scheduler.daemon.LOOK = 0.2; from scheduler.cli import main; main()"
    monkeypatch.setattr(test_daemon, "PROGRAM", [sys.executable, "-c", hasty])
    with running() as server, FakeGitHub(int(time.time())) as github:
        github.add("made-up/alpha", 300)
        configure(tmp_path, github, f'[store]\nurl = "{server.database("uptake")}"\n')
        file = tmp_path / "uptake.toml"
        file.write_text(file.read_text().replace("[daemon]\n", '[daemon]\nengine = "procrastinate"\n'))
        with daemon(tmp_path) as ran:
            ran.said(r"github: \d+ of \d+ measured")
            server.stop(signal.SIGQUIT)
            ran.said("cannot be reached.*; it is looked around again in a minute")
            ran.lines.clear()
            ran.said("cannot be reached.*; it is looked around again in a minute")
            server.start()
            ran.until(lambda: ran.get("/healthz")[0] == 200, "health is well again")
            ran.process.send_signal(signal.SIGTERM)
            ran.said(r"Stopped after")
        assert "Traceback" not in "\n".join(ran.lines)
