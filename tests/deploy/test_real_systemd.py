"""The units under a real systemd, set up by the README's own commands. Runs only where a Debian was prepared (see `container`)."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator

import pytest

from crawlers.catalog import sources
from tests.deploy.container import SOURCES, UNITS, Container, booted, wait_for, why_not

if why_not():
    pytest.skip(why_not(), allow_module_level=True)

CONFIG = "/etc/uptake/uptake.toml"
TOKEN = "Bearer of-the-shop"
COUNTER = """
[custom.widgets]
url = "http://127.0.0.1:8099/widgets/{name}"
json = "count"
unit = "widgets"
names = { pytorch = "red", jax = "blue" }
headers_env = { Authorization = "UPTAKE_CUSTOM_TOKEN" }
"""
DRAWING = """
import vl_convert
points = [{"x": i, "y": i * i % 7} for i in range(50)]
encoding = {"x": {"field": "x", "type": "quantitative"}, "y": {"field": "y", "type": "quantitative"}}
drawn = vl_convert.vegalite_to_png({"data": {"values": points}, "mark": "line", "encoding": encoding})
assert drawn.startswith(bytes([0x89]) + b"PNG")
print("PNG of", len(drawn), "bytes")
"""
SLOW = """
import signal, time
from scheduler.systemd import Notifier
manager = Notifier()
def end(*_):
    manager.stopping(within=4)
    time.sleep(4)
    print("ended by itself")
    raise SystemExit
signal.signal(signal.SIGTERM, end)
manager.ready("slow")
signal.pause()
"""
QUICKER = """\
[Service]
WatchdogSec=5
TimeoutAbortSec=5
RestartSec=1
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    with booted(tmp_path_factory.mktemp("systemd") / "console.log") as container:
        container.follow("configure")
        assert '\npath = "/var/lib/uptake"\n' in container.read(CONFIG)
        container.follow("units")
        container.follow("secrets", stdin="ghp_of_nobody\n")
        container.write("/etc/uptake/secrets/CUSTOM_TOKEN", TOKEN + "\n")
        off = "".join(f"\n[sources.{name}]\nenabled = false\n" for name in sources() if name != "custom")
        container.write(CONFIG, container.read(CONFIG).replace("delay = 1.0", "delay = 0.0") + COUNTER + off)
        container.run("systemd-run", "--quiet", "--unit=shop", "python3", f"{SOURCES}/tests/deploy/shop.py")
        container.run("touch", "/run/before")
        container.follow("start")
        yield container


@pytest.fixture
def service(machine: Container) -> Container:
    """The service at work, as the README leaves it, its first figures measured."""
    machine.run("rm", "-rf", "/etc/systemd/system/uptake.service.d")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "reset-failed")
    machine.run("systemctl", "start", "uptake")
    wait_for(lambda: len(asked(machine)) >= 2 and len(values(machine)) >= 2, "nothing was measured")
    return machine


def asked(machine: Container) -> list[tuple[str, str]]:
    """What the shop was asked for, without robots.txt: path and token."""
    lines = [json.loads(line) for line in machine.read("/run/asked.log").splitlines()]
    return [(path, token) for path, token in lines if path != "/robots.txt"]


def values(machine: Container) -> list[str]:
    return [line for line in machine.run("uptake", "export", "--source", "custom.widgets").splitlines() if "widgets" in line]


def test_start_returns_when_the_daemon_is_ready(service: Container) -> None:
    service.run("systemctl", "stop", "uptake")
    began = time.monotonic()
    service.run("systemctl", "start", "uptake")
    took = time.monotonic() - began
    ask = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:8321/healthz').read().decode())"
    assert json.loads(service.run("python3", "-c", ask))["status"] == "green"
    assert service.property("uptake", "ActiveState") == "active"
    assert re.match(r"green; next: custom\.widgets at \d\d:\d\d UTC", service.property("uptake", "StatusText"))
    assert service.property("uptake", "NRestarts") == "0"
    print(f"ready after {took:.1f} s")


def test_secrets_are_read_and_stay_with_root_and_the_service(service: Container) -> None:
    assert sorted(set(asked(service))) == [("/widgets/blue", TOKEN), ("/widgets/red", TOKEN)]
    assert service.run("stat", "--format=%a %U", "/etc/uptake/secrets/GITHUB_TOKEN") == "600 root\n"
    assert "environment UPTAKE_GITHUB_TOKEN, or token_file" in (told := service.run("uptake", "sources", "github"))
    assert "(set)" in told
    environment = service.read(f"/proc/{service.property('uptake', 'MainPID')}/environ")
    kept = service.run("sh", "-c", "grep -rlaE 'of-the-shop|of_nobody' /var/lib/private /var/cache/private /var/log /run/log || true")
    assert "of-the-shop" not in environment + service.log("uptake")
    assert kept == ""


def test_the_service_writes_only_below_its_own_folders(service: Container) -> None:
    process = service.property("uptake", "MainPID")
    for folder in ("/etc", "/etc/uptake", "/usr/bin", "/opt/uptake", "/var/lib", "/srv", "/home"):
        said = service.run("nsenter", f"--target={process}", "--mount", "touch", f"{folder}/written", check=False)
        assert re.search("Read-only file system|Permission denied", said), f"{folder} can be written to: {said!r}"
    users = service.run("sh", "-c", f"awk '/^Uid/ {{print $2}}' /proc/{process}/status").strip()
    assert 61184 <= int(users) <= 65519, "the user is none of systemd's dynamic ones"
    written = service.run("find", "/", "-xdev", "-newer", "/run/before", "-user", users, "-not", "-path", "/proc/*")
    assert [p for p in written.splitlines() if not re.match(r"/var/(lib|cache)/private/uptake(/|$)", p)] == []
    assert "/var/lib/private/uptake/journal.sqlite3" in written
    assert service.run("stat", "--format=%a", "/var/lib/private/uptake", "/var/lib/private/uptake/journal.sqlite3") == "700\n600\n"


def test_a_reload_takes_a_good_configuration_and_refuses_a_bad_one(service: Container) -> None:
    good, process = service.read(CONFIG), service.property("uptake", "MainPID")
    try:
        service.write(CONFIG, good + "\n[topics.pytorch]\n")
        service.follow("reload")
        wait_for(lambda: "degraded" in service.property("uptake", "StatusText"), "nobody told of the mistake")
        assert "the new configuration is refused, the former one stays" in service.log("uptake")
    finally:
        service.write(CONFIG, good)
    service.follow("reload")
    wait_for(lambda: "green" in service.property("uptake", "StatusText"), "the good configuration was not taken")
    assert "The configuration was read again." in service.log("uptake")
    assert (service.property("uptake", "ActiveState"), service.property("uptake", "MainPID")) == ("active", process)


def test_after_a_hang_the_watchdog_starts_it_again(service: Container) -> None:
    service.write("/etc/systemd/system/uptake.service.d/quicker.conf", QUICKER)
    service.run("systemctl", "daemon-reload")
    service.run("systemctl", "restart", "uptake")
    before = values(service)
    process = service.property("uptake", "MainPID")
    time.sleep(7)
    assert service.property("uptake", "MainPID") == process, "a healthy daemon was taken for a hung one"
    service.signal("STOP", process)
    took = wait_for(
        lambda: service.property("uptake", "NRestarts") == "1" and service.property("uptake", "ActiveState") == "active", "not restarted"
    )
    assert service.property("uptake", "MainPID") != process
    assert "Watchdog timeout (limit 5s)!" in service.run("journalctl", "--no-pager", "--output=cat", "_PID=1")
    assert "Fatal Python error: Aborted" in service.log("uptake"), "the log does not tell where it hung"
    assert values(service) == before
    print(f"at work again {took:.1f} s after the hang began, with WatchdogSec=5 and RestartSec=1")


def test_a_kill_is_followed_by_a_restart(service: Container) -> None:
    service.write("/etc/systemd/system/uptake.service.d/quicker.conf", QUICKER)
    service.run("systemctl", "daemon-reload")
    process, restarts = service.property("uptake", "MainPID"), int(service.property("uptake", "NRestarts"))
    service.signal("KILL", process)
    wait_for(lambda: int(service.property("uptake", "NRestarts")) == restarts + 1, "not restarted")
    wait_for(lambda: service.property("uptake", "ActiveState") == "active", "not at work again")


def test_a_stop_is_clean_and_what_was_measured_is_kept(service: Container) -> None:
    before, requests = values(service), len(asked(service))
    began = time.monotonic()
    service.run("systemctl", "stop", "uptake")
    print(f"stopped after {time.monotonic() - began:.1f} s")
    assert [service.property("uptake", name) for name in ("ActiveState", "Result", "ExecMainStatus")] == ["inactive", "success", "0"]
    assert re.search(r"Stopped after \d", service.log("uptake"))
    assert values(service) == before
    service.run("systemctl", "start", "uptake")
    assert values(service) == before
    assert len(asked(service)) == requests, "what was measured already was asked for again"


def test_a_mistake_in_the_configuration_is_told_and_not_tried_for_ever(service: Container) -> None:
    service.write("/etc/systemd/system/uptake.service.d/quicker.conf", QUICKER)
    service.run("systemctl", "daemon-reload")
    good = service.read(CONFIG)
    try:
        service.write(CONFIG, good + "\n[stroe]\n")
        assert "failed" in service.run("systemctl", "restart", "uptake", check=False)
        time.sleep(3)
        assert [service.property("uptake", n) for n in ("ActiveState", "ExecMainStatus", "NRestarts")] == ["failed", "2", "0"]
        assert "stroe" in service.log("uptake")
    finally:
        service.write(CONFIG, good)


def test_the_timer_measures_and_draws_the_report_in_the_same_sandbox(service: Container) -> None:
    told = service.follow("look")
    assert "green" in told
    assert "custom.widgets" in told
    service.run("rm", "-f", "/var/lib/private/uptake/reports/report.html")
    service.follow("timer")
    assert service.property("uptake", "ActiveState") == "inactive"
    assert service.property("uptake-once.timer", "ActiveState") == "active"
    service.run("systemctl", "start", "uptake-once")
    assert service.property("uptake-once", "Result") == "success"
    report = service.read("/var/lib/private/uptake/reports/report.html")
    assert "PyTorch" in report
    assert "vegaEmbed" in report
    service.run("systemctl", "disable", "--now", "uptake-once.timer")


def test_charts_can_be_drawn_in_the_sandbox(machine: Container) -> None:
    """Not so under MemoryDenyWriteExecute=yes: V8 ends the process."""
    unit = (UNITS / "uptake-once.service").read_text(encoding="utf-8")
    drawing = unit.replace("/opt/uptake/bin/uptake run --once", "/opt/uptake/bin/python /srv/draw.py")
    assert drawing != unit
    machine.write("/srv/draw.py", DRAWING)
    machine.write("/etc/systemd/system/drawing.service", drawing)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", "drawing")
    assert int(re.findall(r"^PNG of (\d+) bytes", machine.log("drawing"), re.MULTILINE)[0]) > 1000


def test_the_units_are_those_of_this_tree(machine: Container) -> None:
    for unit in ("uptake.service", "uptake-once.service", "uptake-once.timer"):
        assert machine.read(f"/etc/systemd/system/{unit}") == (UNITS / unit).read_text(encoding="utf-8")
    assert os.geteuid() == 0


def test_systemd_waits_for_an_end_that_asks_for_more_time(machine: Container) -> None:
    """What the daemon says at its end makes a [daemon] stop_within good that is longer than the unit's TimeoutStopSec."""
    machine.write("/srv/slow.py", SLOW)
    unit = "[Service]\nType=notify\nTimeoutStopSec=1\nExecStart=/opt/uptake/bin/python /srv/slow.py\n"
    machine.write("/etc/systemd/system/slow.service", unit)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", "slow")
    machine.run("systemctl", "stop", "slow")
    assert machine.property("slow", "Result") == "success"
    assert "ended by itself" in machine.log("slow")
