"""The first minutes, and what goes wrong in them: no network, an impatient user, a folder that cannot be used."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest

from crawlers.catalog import sources
from crawlers.source import Option
from scheduler import config as configuration
from scheduler.demo.servers.github import Asked, FakeGitHub
from storage.journal import FILE
from tests.fakes.scripted import Answer, Scripted
from tests.fakes.toy import Toy
from tests.scheduler.conftest import CONFIG, World, only, uptake

ROOT = Path(__file__).parents[2]
CLOSED = "http://127.0.0.1:9"  # the discard port: nobody listens


def bundled(**urls: str) -> str:
    """The config that `uptake init` writes, with endpoints moved and no delay; sources that are not named are off."""
    text = (files("scheduler") / "data" / "uptake.toml").read_text(encoding="utf-8").replace("delay = 1.0", "delay = 0")
    return text + "".join(f'\n[sources.{name}]\nbase_url = "{url}"\n' for name, url in urls.items()) + only(*urls)


def test_without_a_network_there_is_a_report_and_one_plain_line_a_source(world: World) -> None:
    folder = world.folder / "new"
    folder.mkdir()
    (folder / "uptake.toml").write_text(bundled(github=CLOSED, hacker_news=CLOSED, stackoverflow=CLOSED), encoding="utf-8")
    ran = uptake("quickstart", folder)
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    report = folder / "data" / "reports" / "report.html"
    assert lines.index(f"report: {report}") < next(i for i, line in enumerate(lines) if line.startswith("Now the first collection"))
    assert "PyTorch" in report.read_text(encoding="utf-8")
    for source in ("GitHub", "Hacker News", "Stack Overflow"):
        told = [line for line in lines if line.startswith(f"{source}: 0 of ")]
        assert len(told) == 1
        assert "could not be reached" in lines[lines.index(told[0]) + 1]
    assert sum("could not be reached" in line for line in lines) == 3
    steps = [line for line in lines[lines.index("Next:") + 1 :] if not line.startswith("      ")]
    assert [step.split()[:2] for step in steps] == [["uptake", "add"], ["export", "UPTAKE_GITHUB_TOKEN=…"], ["uptake", "run"]]
    assert "No figures" not in uptake("trends", "--until", "2026-04-06").out.splitlines()[0]


def test_with_a_network_the_report_is_there_before_the_first_request_and_figures_after_the_last(world: World) -> None:
    report = world.folder / "data" / "reports" / "report.html"
    there: list[bool] = []
    world.github.before_reply = lambda _: there.append(report.exists())
    ran = uptake("quickstart", world.folder)
    assert ran.code == 0
    assert there
    assert all(there)
    assert "GitHub: 16 of 16 measured" in ran.out
    assert ran.out.count(f"report: {report}\n") == 2
    assert world.values("github.stars")["alpha", "2026-11-20"] == world.github.repos[1000].stars
    asked, config, exported = world.asked(), (world.folder / "uptake.toml").read_bytes(), uptake("export").out
    ran = uptake("quickstart", world.folder)
    assert ran.code == 0
    assert "nothing was asked" in ran.out
    assert (world.asked(), (world.folder / "uptake.toml").read_bytes(), uptake("export").out) == (asked, config, exported)


def test_quickstart_writes_the_config_where_there_is_none(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr("scheduler.cli.collecting.collect", lambda **_: done.append("collected") or 0)
    monkeypatch.setattr("scheduler.cli.showing.write_report", lambda _: done.append("reported"))
    ran = uptake("quickstart", world.folder / "new")
    assert ran.code == 0
    assert ran.out.startswith(f"wrote {world.folder}/new/uptake.toml\n")
    assert done == ["reported", "collected", "reported"]
    assert uptake("trace", 'github.stars{topic="pytorch",origin="imported"}').code == 0


# Ctrl-C


def command(*arguments: str, config: Path) -> subprocess.Popen[str]:
    environment = {k: v for k, v in os.environ.items() if k != "UPTAKE_GITHUB_TOKEN"} | {"UPTAKE_CONFIG": str(config)}
    line = [sys.executable, "-c", "from scheduler.cli import main; main()", *arguments]
    return subprocess.Popen(line, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_until(happened: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
def test_a_stop_is_quick_and_the_next_call_goes_on_without_asking_again(tmp_path: Path, name: signal.Signals) -> None:
    config = tmp_path / "uptake.toml"
    topics = [f"t{i}" for i in range(10)]

    def slow(_: Asked) -> None:
        time.sleep(0.1)

    with FakeGitHub(int(time.time())) as github:
        for topic in topics:
            github.add(f"made-up/{topic}", 5)
        config.write_text(
            f'[crawl]\ndelay = 0\n[sources.github]\nbase_url = "{github.url}"\n[baskets.b]\ntopics = {topics}\n'
            + "".join(f'[topics.{t}]\ngithub = "made-up/{t}"\n' for t in topics),
            encoding="utf-8",
        )
        github.before_reply = slow
        first = command("collect", "github", config=config)
        wait_until(lambda: len(github.log) >= 6)
        first.send_signal(name)
        out, err = first.communicate(timeout=8)
        assert first.returncode == 1
        assert err == "uptake: stopped; what was captured is kept, and the same command goes on from there\n"
        assert "Traceback" not in out
        github.before_reply = lambda _: None
        assert len(github.log) < 30
        second = command("collect", "github", config=config)
        out, err = second.communicate(timeout=20)
        assert (second.returncode, err) == (0, "")
        asked = Counter(a.path for a in github.asked())
        assert set(asked) >= {f"/repos/made-up/{t}" for t in topics}
        assert sum(n - 1 for n in asked.values()) <= 3, "what was captured was asked again"
        stars = {t: str(github.repos[github.names[f"made-up/{t}"]].stars) for t in topics}
    exported = command("export", "--metric", "github.stars", config=config).communicate(timeout=20)[0]
    assert {line.split(",")[3]: line.split(",")[5] for line in exported.splitlines()[1:]} == stars


# Folders that cannot be used


@pytest.mark.parametrize("arguments", [["collect"], ["import", "--starting-history"], ["check"], ["quickstart", "."], ["export"]])
@pytest.mark.parametrize("store", ["file", "/proc/uptake", "/dev/null/data"])
def test_a_store_that_cannot_be_used_is_one_sentence(world: World, store: str, arguments: list[str]) -> None:
    (world.folder / "file").write_text("not a folder", encoding="utf-8")
    world.configure(CONFIG + f'\n[store]\npath = "{store}"\n')
    ran = uptake(*arguments)
    assert ran.code in {1, 2}
    assert store in ran.err
    assert ran.err.startswith("uptake: ")
    assert ran.err.count("\n") == 1
    assert world.asked() == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_read_only_is_one_sentence(world: World) -> None:
    world.configure(CONFIG + '\n[store]\npath = "locked/data"\n')
    (world.folder / "locked").mkdir(mode=0o500)
    ran = uptake("collect")
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert uptake("init", world.folder / "locked").code == 1


@pytest.mark.parametrize("arguments", [["collect"], ["status"], ["export"], ["trends"], ["report"], ["import", "--starting-history"]])
def test_a_journal_of_garbage_is_one_sentence_and_is_left_as_it_is(world: World, arguments: list[str]) -> None:
    journal = world.folder / "data" / FILE
    journal.write_bytes(b"not a database, " * 1000)
    ran = uptake(*arguments)
    assert ran.code in {1, 2}
    assert str(journal) in ran.err
    assert ran.err.count("\n") == 1
    assert journal.read_bytes() == b"not a database, " * 1000
    assert world.asked() == 0


# Sources that stay off


class Guarded(Toy):
    name = "guarded"
    title = "The Guarded Shop"
    options = (Option("token", "ask at the counter", secret=True, required=True),)


class Shy(Toy):
    name = "shy"
    title = "The Shy Shop"
    needs_contact = True


def test_a_source_that_lacks_its_key_or_a_contact_stays_off_and_says_how(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {**sources(), "guarded": Guarded, "shy": Shy}
    monkeypatch.setattr(configuration, "sources", lambda: known)
    with Scripted({"/widgets/a?key=let-me-in": [Answer.of({"count": 3})]}) as shop:
        text = CONFIG + f'toy = "a"\n[sources.guarded]\nbase_url = "{shop.url}"\n[sources.shy]\nbase_url = "{shop.url}"\n'
        world.configure(text)
        listed = uptake("sources").out
        assert "guarded: off, needs UPTAKE_GUARDED_TOKEN: ask at the counter" in listed
        assert 'shy: off, its operator wants to know whom to write to; set contact = "mailto:you@example.org" under [crawl]' in listed
        ran = uptake("collect", "guarded")
        assert (ran.code, ran.err) == (2, "uptake: guarded is off: needs UPTAKE_GUARDED_TOKEN: ask at the counter\n")
        assert uptake("collect").code == 0
        assert shop.log == []
        monkeypatch.setenv("UPTAKE_GUARDED_TOKEN", "let-me-in")
        world.configure(text.replace("[crawl]", '[crawl]\ncontact = "mailto:me@example.org"'))
        assert not re.search("^(guarded|shy): off", uptake("sources").out, re.MULTILINE)
        assert uptake("collect", "guarded").code == 0
        assert [a.headers.get("Authorization") for a in shop.log if a.path != "/robots.txt"] == ["Bearer let-me-in"]
        assert world.values("toy.widgets") == {("beta", "2026-11-20"): 3}
