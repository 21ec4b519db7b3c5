"""The web as a user starts it: beside the daemon, whose loop stays free, and alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from scheduler.demo.servers.github import FakeGitHub
from tests.scheduler.conftest import uptake
from tests.scheduler.test_daemon import PROGRAM, Running, configure, daemon

ROOT = Path(__file__).parents[2]
LATE = 1.0  # seconds by which the loop may be late on a machine that does other things too
HEAVY = ("pandas", "numpy", "altair", "jinja2", "vl_convert", "scipy", "pyarrow")


class Served(Running):
    """`uptake serve` at its address."""

    def said(self, _pattern: str) -> str:
        return super().said(r"what was measured: (http://[^/]+)")


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    with FakeGitHub(int(time.time())) as made:
        made.add("made-up/alpha", 300)
        yield made


def test_pages_beside_the_daemon_cost_its_loop_and_its_memory_nothing(tmp_path: Path, github: FakeGitHub) -> None:
    configure(tmp_path, github)
    with daemon(tmp_path) as d:
        d.until(lambda: "next" in d.health() and "3,597" in d.get("/topics/alpha")[1], "the first figures are shown")
        process = psutil.Process(d.process.pid)
        before = process.memory_info().rss
        paths = [
            f"{p}{'&' if '?' in p else '?'}as_of=2026-01-{n % 28 + 1:02}" for n in range(9) for p in ("/topics/alpha", "/baskets/toys")
        ]
        paths += ["/static/vega.js", "/", "/sources", "/api/v1/points?limit=1000"] * 4
        with ThreadPoolExecutor(12) as pool:
            codes = list(pool.map(lambda path: d.get(path)[0], paths))
        assert set(codes) <= {200, 503}
        assert codes.count(200) > len(codes) / 2
        assert d.health()["loop_lag_seconds"] < LATE
        assert process.memory_info().rss - before < 30e6
        maps = "".join(m.path for m in process.memory_maps())
        assert not [name for name in HEAVY if f"/{name}/" in maps]
        clerks = [c.pid for c in process.children(recursive=True)]
        assert 1 <= len(clerks) <= 2
        d.process.send_signal(signal.SIGTERM)
        assert d.process.wait(30) == 0
        d.until(lambda: not any(psutil.pid_exists(p) and psutil.Process(p).status() != "zombie" for p in clerks), "they go with the daemon")


def test_pages_know_a_new_configuration_and_their_makers_go_with_a_daemon_that_is_killed(tmp_path: Path, github: FakeGitHub) -> None:
    configure(tmp_path, github)
    file = tmp_path / "uptake.toml"
    with daemon(tmp_path) as d:
        assert d.get("/topics/beta")[0] == 404
        assert "Toys" in d.get("/")[1]
        text = (
            file.read_text(encoding="utf-8").replace('topics = ["alpha"]', 'topics = ["alpha", "beta"]').replace('"Toys"', '"Playthings"')
        )
        file.write_text(text + '\n[topics.beta]\ntitle = "Beta"\n', encoding="utf-8")
        d.process.send_signal(signal.SIGHUP)
        d.until(lambda: d.get("/topics/beta")[0] == 200, "the new topic has a page")
        assert "Playthings" in d.get("/")[1]
        clerks = psutil.Process(d.process.pid).children(recursive=True)
        assert clerks
        d.process.kill()
        _, alive = psutil.wait_procs(clerks, timeout=20)
        assert not alive


def test_serve_shows_what_is_there_and_changes_nothing(tmp_path: Path, github: FakeGitHub) -> None:
    configure(tmp_path, github)
    environment = {**os.environ, "UPTAKE_CONFIG": str(tmp_path / "uptake.toml")}
    early = uptake("--config", tmp_path / "uptake.toml", "serve")
    assert early.code == 2
    assert "nothing is measured yet" in early.err
    assert uptake("--config", tmp_path / "uptake.toml", "collect").code == 0
    files = {p: (p.stat().st_size, p.stat().st_mtime_ns) for p in (tmp_path / "data").rglob("*") if p.is_file() and "-shm" not in p.name}
    with subprocess.Popen(
        [*PROGRAM, "serve"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            served = Served(process)
            assert "Nobody measures beside this page" in served.get("/")[1]
            assert json.loads(served.get("/api/v1/summary")[1])["baskets"]
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        finally:
            process.kill()
    after = {p: (p.stat().st_size, p.stat().st_mtime_ns) for p in files if p.exists()}
    assert {p: s for p, s in after.items() if "-wal" not in p.name} == {p: s for p, s in files.items() if "-wal" not in p.name}
