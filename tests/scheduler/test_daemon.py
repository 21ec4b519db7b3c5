"""`uptake run` as a user starts it: a process that measures, tells how it does, takes a new configuration, and stops when asked."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from scheduler.demo.servers.github import FakeGitHub
from scheduler.sole import running
from storage.periods import read_time
from tests.fakes.influx_servers import TOKEN, front, influx
from tests.fakes.influx_servers import running as running_servers
from tests.scheduler.conftest import only, uptake

PROGRAM = [sys.executable, "-c", "from scheduler.cli import main; main()"]
CONFIG = """\
[crawl]
delay = 0
timeout = 2

[http]
port = {port}

[daemon]
disk_free = 0
report = ""

[sources.github]
base_url = "{github}"

[baskets.toys]
title = "Toys"
topics = ["alpha"]

[topics.alpha]
title = "Alpha"
github = "made-up/alpha"
"""


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    with FakeGitHub(int(time.time())) as made:
        made.add("made-up/alpha", 300)
        yield made


def configure(folder: Path, github: FakeGitHub, extra: str = "", port: int = 0) -> None:
    (folder / "uptake.toml").write_text(CONFIG.format(github=github.url, port=port) + extra + only("github"), encoding="utf-8")


class Running:
    """A daemon's process, its lines as they come, and its own web."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process, self._out = process, process.stdout
        self.lines: list[str] = []
        self.url = self.said(r"at work: (http://[^/]+)")

    def said(self, pattern: str) -> str:
        """Wait for a line; gives its first group."""
        for line in self.lines:
            if found := re.search(pattern, line):
                return found[1] if found.groups() else found[0]
        for line in self._out:
            self.lines.append(line.rstrip())
            if found := re.search(pattern, line):
                return found[1] if found.groups() else found[0]
        raise AssertionError(f"it ended without saying {pattern!r}: {self.lines}")

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, headers=headers), timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def health(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.get("/healthz")[1])
        return found

    def until(self, true: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + 20
        while not true():
            assert time.monotonic() < end, f"{what}: {self.lines}"
            time.sleep(0.02)


@contextmanager
def daemon(folder: Path, **environment: str) -> Iterator[Running]:
    with subprocess.Popen(
        [*PROGRAM, "run"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "UPTAKE_CONFIG": str(folder / "uptake.toml"), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield Running(process)
        finally:
            process.kill()
            _drain(process.stdout)


def _drain(pipe: IO[str] | None) -> None:
    if pipe is not None:
        pipe.read()


def test_it_measures_what_is_due_tells_how_it_does_and_stops_when_asked(tmp_path: Path, github: FakeGitHub) -> None:
    configure(tmp_path, github)
    with daemon(tmp_path) as d:
        assert "now" in d.said(r"now +github")
        d.said(r"github: \d+ of \d+ measured")
        health = d.health()
        assert health["status"] == "green"
        assert list(health["next"]) == ["github"]
        status, text = d.get("/metrics")
        assert status == 200
        figures = dict(re.findall(r"^(\w+(?:\{[^}]*\})?) ([\d.e+]+)$", text, re.MULTILINE))
        assert float(figures['uptake_slots_total{outcome="measured",source="github"}']) >= 6
        assert float(figures['uptake_requests_total{source="github"}']) == len(github.log)
        assert float(figures['uptake_received_bytes_total{source="github"}']) > 100
        assert 0 < float(figures['uptake_budget_left{source="github"}']) < 60
        assert float(figures['uptake_allowance_remaining{source="github"}']) <= 60
        assert float(figures["uptake_health"]) == 2
        assert float(figures['uptake_last_success_timestamp_seconds{source="github"}']) > time.time() - 60
        assert (running(tmp_path / "data") or {}).get("pid") == d.process.pid
        d.process.send_signal(signal.SIGTERM)
        d.said(r"Stopped after")
        assert d.process.wait(10) == 0
    assert running(tmp_path / "data") is None


def test_what_was_measured_is_not_measured_again_after_a_restart(tmp_path: Path, github: FakeGitHub) -> None:
    configure(tmp_path, github)
    for _ in range(2):
        with daemon(tmp_path) as d:
            if not github.log:
                d.said(r"github: \d+ of \d+ measured")
            d.process.send_signal(signal.SIGINT)
            assert d.process.wait(10) == 0
            asked = len(github.log)
    assert len(github.log) == asked


def test_a_second_daemon_refuses_and_names_the_first(tmp_path: Path, github: FakeGitHub) -> None:
    configure(tmp_path, github)
    with daemon(tmp_path) as d:
        second = uptake("--config", tmp_path / "uptake.toml", "run")
        assert second.code == 1
        assert f"process {d.process.pid}" in second.err
        beside = uptake("--config", tmp_path / "uptake.toml", "status", "--json")
        assert beside.code == 0, "reading commands work beside it"
        assert beside.json["daemon"]["process"] == d.process.pid


def test_a_new_configuration_is_taken_and_a_bad_one_refused(tmp_path: Path, github: FakeGitHub) -> None:
    configure(tmp_path, github)
    github.add("made-up/beta", 9)
    with daemon(tmp_path) as d:
        d.said(r"github: \d+ of \d+ measured")
        (tmp_path / "uptake.toml").write_text("[crawl]\ndelay = 'slow'\n", encoding="utf-8")
        d.process.send_signal(signal.SIGHUP)
        d.said(r"refused, the former one stays: .*\[crawl\] delay")
        configure(tmp_path, github, '\n[influxdb]\nurl = "http://127.0.0.1:1"\nbucket = "other"\n')
        d.process.send_signal(signal.SIGHUP)
        d.said(r"\[influxdb\] can only be changed by a restart")
        assert d.health()["status"] == "degraded"
        assert "configuration" in d.health()["reasons"][0]
        configure(tmp_path, github, '\n[topics.beta]\ngithub = "made-up/beta"\n[baskets.more]\ntopics = ["beta"]\n')
        d.process.send_signal(signal.SIGHUP)
        d.said(r"configuration was read again")
        d.until(lambda: d.health()["status"] == "green", "the trouble is over")
        d.process.send_signal(signal.SIGTERM)
        assert d.process.wait(10) == 0


def test_what_is_to_be_tried_again_soon_is_so_with_a_new_configuration_too(tmp_path: Path, github: FakeGitHub) -> None:
    github.fail(status=503, body=b"{}", times=999, when=lambda a: a.path != "/robots.txt")
    configure(tmp_path, github)
    with daemon(tmp_path) as d:
        d.said(r"github: 0 of \d+ measured")
        soon = d.health()["next"]["github"]
        d.process.send_signal(signal.SIGHUP)
        d.said(r"configuration was read again")
        assert d.health()["next"]["github"] == soon
    assert read_time(soon) < time.time() + 20 * 60, "not only when the schedule calls"


def test_a_port_that_is_taken_is_told_in_a_sentence(tmp_path: Path, github: FakeGitHub) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        configure(tmp_path, github, port=other.getsockname()[1])
        done = subprocess.run(
            [*PROGRAM, "--config", str(tmp_path / "uptake.toml"), "run"], capture_output=True, text=True, check=False, timeout=60
        )
    assert done.returncode == 2
    assert "choose another [http] host or port" in done.stderr
    assert "Traceback" not in done.stderr


def test_where_others_can_reach_it_a_token_is_needed(tmp_path: Path, github: FakeGitHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UPTAKE_HTTP_TOKEN", raising=False)
    configure(tmp_path, github)
    text = (tmp_path / "uptake.toml").read_text(encoding="utf-8")
    (tmp_path / "uptake.toml").write_text(text.replace("[http]", '[http]\nhost = "0.0.0.0"'), encoding="utf-8")
    refused = uptake("--config", tmp_path / "uptake.toml", "run")
    assert refused.code == 2
    assert "UPTAKE_HTTP_TOKEN" in refused.err
    with daemon(tmp_path, UPTAKE_HTTP_TOKEN="opens-sesame") as d:
        d.url = d.url.replace("0.0.0.0", "127.0.0.1")
        assert d.get("/metrics")[0] == 401
        assert d.get("/metrics", Authorization="Bearer wrong")[0] == 401
        assert d.get("/metrics", Authorization="Bearer opens-sesame")[0] == 200
        assert json.loads(d.get("/healthz")[1]) == {"status": "green"}, "a probe sees no more than that"
        assert "reasons" in json.loads(d.get("/healthz", Authorization="Bearer opens-sesame")[1])


def test_a_full_disk_stops_the_fetching_and_turns_health_red(tmp_path: Path, github: FakeGitHub) -> None:
    configure(tmp_path, github)
    text = (tmp_path / "uptake.toml").read_text(encoding="utf-8")
    (tmp_path / "uptake.toml").write_text(text.replace("disk_free = 0", "disk_free = 1000000000"), encoding="utf-8")
    with daemon(tmp_path) as d:
        d.until(lambda: d.get("/healthz")[0] == 503, "health turns red")
        assert "nothing new is fetched" in d.health()["reasons"][0]
        assert github.log == []


def test_a_source_that_is_blind_is_told_once(tmp_path: Path, github: FakeGitHub) -> None:
    github.fail(status=404, body=b"{}", times=999, when=lambda a: a.path != "/robots.txt")
    configure(tmp_path, github)
    config = tmp_path / "uptake.toml"
    config.write_text(config.read_text(encoding="utf-8").replace("disk_free = 0", "disk_free = 0\nblind_after = 1"), encoding="utf-8")
    with daemon(tmp_path) as d:
        d.until(lambda: d.health()["status"] == "degraded", "it is blind")
        d.said(r"GitHub: nothing could be measured in the last 1 collections")
        d.until(lambda: "TROUBLE" in uptake("--config", config, "status").out, "`uptake status` says so too")
        d.process.send_signal(signal.SIGTERM)
        assert d.process.wait(10) == 0
    with daemon(tmp_path) as d:
        assert d.health()["status"] == "degraded", "it still is"
        d.process.send_signal(signal.SIGTERM)
        d.said("Stopped")
        assert not any("WARNING" in line and "nothing could be measured" in line for line in d.lines), "but it was told"


def test_all_that_is_due_can_be_done_once(tmp_path: Path, github: FakeGitHub) -> None:
    configure(tmp_path, github)
    command = [*PROGRAM, "--config", str(tmp_path / "uptake.toml"), "run", "--once"]
    first = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert first.returncode == 0, first.stderr
    assert "measured" in first.stderr
    asked = len(github.log)
    again = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert again.returncode == 0
    assert "nothing is due" in again.stderr
    assert len(github.log) == asked


def test_without_room_nothing_is_fetched_by_a_timer_either(tmp_path: Path, github: FakeGitHub) -> None:
    configure(tmp_path, github)
    config = tmp_path / "uptake.toml"
    config.write_text(config.read_text(encoding="utf-8").replace("disk_free = 0", "disk_free = 1000000000"), encoding="utf-8")
    done = uptake("--config", config, "run", "--once")
    assert done.code == 1
    assert "nothing new is fetched until there is room" in done.err
    assert github.log == []


def test_series_reach_the_server_by_themselves_and_one_that_falls_silent_holds_nothing_up(tmp_path: Path, github: FakeGitHub) -> None:
    one = influx(tmp_path / "server")
    door = front(one, tmp_path / "front")
    with running_servers(one, door):
        one.database("mine")
        configure(tmp_path, github, f'\n[influxdb]\nurl = "{door.url}"\nbucket = "mine"\n')
        with daemon(tmp_path, UPTAKE_INFLUXDB_TOKEN=TOKEN) as d:
            d.said(r"github: \d+ of \d+ measured")
            d.until(lambda: bool(one.query("SELECT stars FROM github WHERE topic = 'alpha'", "mine")), "the stars are there")
            d.until(lambda: "uptake_sink_lag_changes" in d.get("/metrics")[1], "the lag is told")
            assert one._process is not None
            os.kill(one._process.pid, signal.SIGSTOP)  # it takes connections, and never answers
            github.add("made-up/beta", 9)
            beta = '[topics.beta]\ngithub = "made-up/beta"\n[baskets.more]\ntopics = ["beta"]\n'
            configure(tmp_path, github, f'\n[influxdb]\nurl = "{door.url}"\nbucket = "mine"\n{beta}')
            d.process.send_signal(signal.SIGHUP)
            d.said(r"configuration was read again")
            d.process.send_signal(signal.SIGTERM)
            d.said(r"Stopped after")
            assert d.process.wait(10) == 0
            os.kill(one._process.pid, signal.SIGCONT)
