"""The units as files: known to systemd, closed down, in step with the daemon and with one another."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from scheduler.config_sections import Daemon
from tests.deploy.container import UNITS

NAMES = ("uptake.service", "uptake-once.service", "uptake-once.timer")
PROGRAM = "/opt/uptake/bin/uptake"
HIGHEST = 20  # tenths on systemd's scale of exposure, 100 is unprotected

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed here")


def text(name: str) -> str:
    return (UNITS / name).read_text(encoding="utf-8")


def settings(name: str) -> dict[str, list[str]]:
    """All keys of a unit's service section with their values, in order."""
    found: dict[str, list[str]] = {}
    for line in text(name).partition("[Service]")[2].partition("[Install]")[0].splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def seconds(span: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(min|h|)", span).groups()  # type: ignore[union-attr]
    return int(number) * {"": 1, "min": 60, "h": 3600}[unit]


@pytest.fixture
def at_home(tmp_path: Path) -> Path:
    """The units with a program that is there: systemd-analyze looks for it."""
    for name in NAMES:
        (tmp_path / name).write_text(text(name).replace(PROGRAM, sys.executable), encoding="utf-8")
    return tmp_path


def analyze(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *map(str, words)], capture_output=True, text=True, timeout=60, check=False)


@needs_systemd
@pytest.mark.parametrize("name", ["uptake.service", "uptake-once.timer"])
def test_systemd_knows_every_word_of_the_units(at_home: Path, name: str) -> None:
    done = analyze("verify", "--man=no", "--recursive-errors=yes", at_home / name)
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
def test_an_unknown_word_would_be_found(at_home: Path) -> None:
    (at_home / "uptake.service").write_text(
        text("uptake.service").replace("WatchdogSec", "WatchdogSeconds").replace(PROGRAM, sys.executable)
    )
    assert analyze("verify", "--man=no", "--recursive-errors=yes", at_home / "uptake.service").returncode != 0


@needs_systemd
@pytest.mark.parametrize("name", ["uptake.service", "uptake-once.service"])
def test_the_services_are_closed_down(name: str) -> None:
    done = analyze("security", "--offline=true", f"--threshold={HIGHEST}", UNITS / name)
    assert done.returncode == 0, done.stdout[-2000:]
    score = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    assert score is not None
    assert float(score[1]) * 10 <= HIGHEST
    readme = re.search(r"`systemd-analyze security uptake` gives ([\d.]+) ", text("README.md"))
    assert readme is not None
    assert abs(float(score[1]) - float(readme[1])) < 0.35, "README.md tells another figure"  # versions of systemd weigh differently


def test_both_services_have_the_same_user_secrets_and_sandbox() -> None:
    daemon, once = settings("uptake.service"), settings("uptake-once.service")
    of_a_daemon = {"ExecReload", "Restart", "RestartSec", "RestartPreventExitStatus", "WatchdogSec"}
    assert set(daemon) - set(once) == of_a_daemon
    assert set(once) <= set(daemon)
    differing = {key for key in once if once[key] != daemon[key]}
    assert differing == {"Type", "ExecStart", "TimeoutStartSec"}


def test_systemd_waits_longer_for_the_end_than_the_daemon_takes() -> None:
    unit = settings("uptake.service")
    assert seconds(unit["TimeoutStopSec"][0]) >= Daemon().stop_within + 5
    assert seconds(unit["WatchdogSec"][0]) >= 30, "a loop that is held up for ten seconds is no hang"


def test_the_readme_names_the_settings_as_they_are() -> None:
    unit = settings("uptake.service")
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", text("README.md"), re.MULTILINE)
    assert [key for key, _ in rows] == ["MemoryMax", "WatchdogSec", "TimeoutStartSec"]
    assert all(unit[key] == [value] for key, value in rows)


@pytest.mark.parametrize("name", ["uptake", "try-in-container.sh"])
def test_the_scripts_can_be_called(name: str) -> None:
    assert (UNITS / name).stat().st_mode & stat.S_IXUSR
    assert subprocess.run(["sh", "-n", UNITS / name], check=False).returncode == 0


def test_the_command_works_as_the_service_does() -> None:
    """``/usr/local/bin/uptake`` has the unit's user, folders, secrets and variables, else it could not read its data."""
    command = text("uptake")
    given = dict(re.findall(r"-p (\w+)=(\S+)", command))
    unit = {key: values[-1].replace("%S", "/var/lib").replace("%C", "/var/cache") for key, values in settings("uptake.service").items()}
    assert set(given) >= {"DynamicUser", "User", "StateDirectory", "LoadCredential", "UMask"}
    assert given == {key: unit[key] for key in given}
    variables = " ".join(settings("uptake.service")["Environment"]).replace("%S", "/var/lib").replace("%C", "/var/cache").split()
    assert set(re.findall(r"-E (\S+)", command)) == set(variables) - {"PYTHONFAULTHANDLER=1"}
