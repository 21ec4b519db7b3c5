"""What a real `uptake run` tells a service manager, read from a real datagram socket, in the words of sd_notify(3)."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from crawlers.catalog import sources
from scheduler.systemd import Notifier
from tests.deploy.container import HERE

WITHIN = 6.0  # seconds of the watchdog
LONG = 7.0  # seconds that the stop may take

CONFIG = f"""\
[store]
path = "data"

[http]
port = 0

[daemon]
stop_within = {LONG}

[baskets.toys]
topics = ["alpha"]

[topics.alpha]
github = "made-up/alpha"
"""
OFF = "".join(f"\n[sources.{name}]\nenabled = false\n" for name in sources())

Fields = dict[str, str]


@dataclass
class Manager:
    """A service manager's end of the socket, and the daemon."""

    socket: socket.socket
    process: subprocess.Popen[str]
    config: Path
    heard: list[tuple[float, Fields]] = field(default_factory=list)

    def until(self, wanted: Callable[[Fields], bool], within: float = 60) -> Fields:
        """Read messages until one is as wanted. Gives that one."""
        end = time.monotonic() + within
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                message = self.socket.recv(4096).decode()
            except TimeoutError:
                break
            fields = dict(line.split("=", 1) for line in message.split("\n"))
            self.heard.append((time.monotonic(), fields))
            if wanted(fields):
                return fields
        raise AssertionError(f"it was not told; what was: {[fields for _, fields in self.heard[-20:]]}")


@contextmanager
def managed(folder: Path, address: str, **more: str) -> Iterator[Manager]:
    config = folder / "uptake.toml"
    config.write_text(CONFIG + OFF, encoding="utf-8")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0" + address[1:] if address.startswith("@") else address)
        environment = {**os.environ, "NOTIFY_SOCKET": address, "UPTAKE_CONFIG": str(config), **more}
        command = [sys.executable, "-c", "from scheduler.cli import main; main()", "run"]
        with subprocess.Popen(command, cwd=HERE, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            try:
                yield Manager(listening, process, config)
            finally:
                process.kill()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    with managed(tmp_path, str(tmp_path / "notify"), WATCHDOG_USEC=str(int(WITHIN * 1e6))) as made:
        yield made


def ready(fields: Fields) -> bool:
    return fields.get("READY") == "1"


def test_ready_watchdog_reload_and_stop_are_told(manager: Manager) -> None:
    told = manager.until(ready)
    assert told["STATUS"] == "green; no source is on"

    manager.heard.clear()
    for _ in range(4):
        manager.until(lambda f: f == {"WATCHDOG": "1"})
    beats = [when for when, fields in manager.heard if "WATCHDOG" in fields]
    assert (beats[-1] - beats[0]) / (len(beats) - 1) < WITHIN / 2, "less than two beats within the watchdog's time"

    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    manager.process.send_signal(signal.SIGHUP)
    reloading = manager.until(lambda f: "RELOADING" in f)
    assert reloading["RELOADING"] == "1"
    assert before <= int(reloading["MONOTONIC_USEC"]) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    assert manager.until(ready)["STATUS"].startswith("green; ")

    manager.config.write_text(CONFIG + OFF + "\n[stroe]\n", encoding="utf-8")
    manager.process.send_signal(signal.SIGHUP)
    manager.until(lambda f: "RELOADING" in f)
    assert manager.until(ready)["STATUS"].startswith("degraded; ")

    manager.process.send_signal(signal.SIGTERM)
    stopping = manager.until(lambda f: "STOPPING" in f)
    assert stopping["STOPPING"] == "1"
    assert int(stopping["EXTEND_TIMEOUT_USEC"]) > LONG * 1e6
    assert manager.process.wait(20) == 0


def test_a_socket_without_a_file_is_found_and_no_watchdog_hears_nothing(tmp_path: Path) -> None:
    with managed(tmp_path, f"@uptake-test-{os.getpid()}", WATCHDOG_USEC=str(int(WITHIN * 1e6)), WATCHDOG_PID="1") as manager:
        manager.until(ready)
        manager.process.send_signal(signal.SIGTERM)
        manager.until(lambda f: "STOPPING" in f)
        assert manager.process.wait(20) == 0
        assert not any("WATCHDOG" in fields for _, fields in manager.heard), "the watchdog is that of another process"


def test_without_a_manager_nothing_is_told_and_nothing_fails(tmp_path: Path) -> None:
    for address in ("", str(tmp_path / "nobody"), "@nobody-listens-here", "vsock:2:1234", "/" + "x" * 300):
        Notifier({"NOTIFY_SOCKET": address} if address else {}).ready("green")


@pytest.mark.parametrize(
    ("environment", "beat"),
    [({}, 1.0), ({"WATCHDOG_USEC": "60000000"}, 1.0), ({"WATCHDOG_USEC": "900000"}, 0.3), ({"WATCHDOG_USEC": "0"}, 1.0)],
)
def test_the_pulse_is_quick_enough_for_the_watchdog(environment: dict[str, str], beat: float) -> None:
    assert Notifier(environment).beat == pytest.approx(beat)


def test_a_status_cannot_say_more_than_a_status(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")}).tell(STATUS="one\nSTOPPING=1")
        listening.settimeout(5)
        assert listening.recv(4096) == b"STATUS=one STOPPING=1"
