"""The command line in-process, against fakes of the three sources, with a clock that stands still unless it is moved."""

from __future__ import annotations

import csv
import io
import json
import logging
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from crawlers.catalog import sources
from scheduler.cli.main import run
from scheduler.demo.servers.github import FakeGitHub
from scheduler.demo.servers.hacker_news import FakeHackerNews
from scheduler.demo.servers.stackexchange import FakeStackExchange
from storage.periods import DAY, read_time
from tests.harness import empty_store

NOW = read_time("2026-11-20T08:17:00Z")
TODAY = read_time("2026-11-20")
YESTERDAY = TODAY - DAY

CONFIG = """\
# What we follow.
[crawl]
delay = 0

[sources.github]
base_url = "{github}"

[sources.hacker_news]
base_url = "{hacker_news}"

[sources.stackoverflow]
base_url = "{stackoverflow}"

[baskets.toys]   # of the workshop
title = "Toys"
topics = ["alpha", "beta"]

[topics.alpha]
title = "Alpha"
github = "made-up/alpha"
stackoverflow = "alpha"
jobs = ['"alpha"']

[topics.beta]
title = "Beta"
github = "made-up/beta"   # moved in 2024
"""


def only(*names: str) -> str:
    """Config sections that turn off every source but these."""
    return "".join(f"\n[sources.{name}]\nenabled = false\n" for name in sources() if name not in names)


@dataclass(frozen=True)
class Ran:
    """What a command line came to."""

    code: int
    bytes: bytes
    err: str

    @property
    def out(self) -> str:
        return self.bytes.decode()

    @property
    def json(self) -> Any:
        """The one document on standard output."""
        return json.loads(self.out)

    def rows(self) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(self.out)))


def uptake(*arguments: str | Path) -> Ran:
    """Run a command line; whatever happens, nobody is shown a traceback."""
    out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = run([str(a) for a in arguments])
    out.flush()
    ran = Ran(code, out.buffer.getvalue(), err.getvalue())  # type: ignore[attr-defined]  # a BytesIO
    assert b"Traceback" not in ran.bytes + ran.err.encode()
    return ran


@dataclass
class Clock:
    now: int = NOW

    def time(self) -> int:
        return self.now


@dataclass
class World:
    """A folder with a config, the three services that it points to, and the time."""

    folder: Path
    clock: Clock
    github: FakeGitHub
    hacker_news: FakeHackerNews
    stackoverflow: FakeStackExchange
    urls: dict[str, str] = field(default_factory=dict)

    def configure(self, text: str = CONFIG) -> None:
        """Write a config; sources that it does not mention are off, but for the three services."""
        mentioned = re.findall(r"^\[sources\.(\w+)\]", text, re.MULTILINE)
        head, baskets, rest = text.format(**self.urls).partition("[baskets")
        (self.folder / "uptake.toml").write_text(f"{head}{only(*self.urls, *mentioned)}\n{baskets}{rest}", encoding="utf-8")

    def asked(self) -> int:
        return len(self.github.log) + len(self.hacker_news.log) + len(self.stackoverflow.log)

    def values(self, metric: str, *more: str) -> dict[tuple[str, str], float]:
        """Topic and day to value, from the CSV export."""
        return {(r["topic"], r["time"][:10]): float(r["value"]) for r in uptake("export", "--metric", metric, *more).rows()}


def fill(world: World) -> None:
    """Two repositories; yesterday's stories and questions; a month's hiring thread of which two of three name alpha."""
    world.github.add("made-up/alpha", 300, forks=17, releases=[("v2.0", NOW - 3 * DAY, False)])
    world.github.add("made-up/beta", 12, issues=0, pulls=9, archived=True)
    for title in ("Alpha 2.0", "Why we like alpha", "Nothing of it"):
        world.hacker_news.story(title, YESTERDAY + 3600)
    thread = world.hacker_news.thread(read_time("2026-11-01"))
    for text in ("Acme | Alpha, Python", "Initech | alpha", "Hooli | Go"):
        world.hacker_news.comment(thread, text)
    for tags in (("alpha",), ("alpha", "python"), ("python",)):
        world.stackoverflow.ask(YESTERDAY + 60, *tags)


@contextmanager
def making(folder: Path) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        clock = Clock()
        patch.setattr(time, "time", clock.time)
        patch.setenv("UPTAKE_CONFIG", str(folder / "uptake.toml"))
        for name in ("UPTAKE_GITHUB_TOKEN", "UPTAKE_STACKOVERFLOW_KEY"):
            patch.delenv(name, raising=False)
        patch.chdir(folder)
        root = logging.getLogger()
        patch.setattr(root, "handlers", list(root.handlers))
        stack.callback(root.setLevel, root.level)
        github, hacker_news = stack.enter_context(FakeGitHub(NOW)), stack.enter_context(FakeHackerNews())
        stackoverflow = stack.enter_context(FakeStackExchange())
        world = World(folder, clock, github, hacker_news, stackoverflow)
        world.urls = {"github": github.url, "hacker_news": hacker_news.url, "stackoverflow": stackoverflow.url}
        world.configure()
        shutil.copytree(empty_store(), folder / "data", dirs_exist_ok=True)
        fill(world)
        yield world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A world of its own, for a test that changes it; nothing is measured yet."""
    with making(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which everything was collected once, for tests that only read it."""
    with making(tmp_path_factory.mktemp("measured")) as made:
        assert uptake("collect").code == 0
        yield made.folder


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the bundled config and the starting history, for tests that only read it."""
    with making(tmp_path_factory.mktemp("history")) as made:
        (made.folder / "uptake.toml").unlink()
        assert uptake("init", made.folder).code == 0
        assert uptake("import", "--starting-history").code == 0
        yield made.folder


@pytest.fixture
def look_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Make a folder the one that commands read, at the time of the fakes."""

    def here(folder: Path) -> None:
        monkeypatch.setattr(time, "time", lambda: NOW + 60)
        monkeypatch.setenv("UPTAKE_CONFIG", str(folder / "uptake.toml"))
        monkeypatch.setattr(logging.getLogger(), "handlers", list(logging.getLogger().handlers))

    return here
