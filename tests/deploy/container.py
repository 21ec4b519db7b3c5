"""A systemd that is booted in a container (systemd-nspawn) from a folder that ``deploy/systemd/try-in-container.sh`` prepared.

The root is laid under a layer in memory, so that each boot finds it as it was prepared, and there is no network but loopback.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parents[2]
UNITS = HERE / "deploy" / "systemd"
SOURCES = "/src/uptake"


def why_not() -> str:
    """Why no container can be booted here; empty where it can."""
    if "UPTAKE_SYSTEMD_ROOT" not in os.environ:
        return "no Debian to boot is named by UPTAKE_SYSTEMD_ROOT; deploy/systemd/try-in-container.sh makes one (minutes) and runs this"
    if os.geteuid() != 0:
        return "booting a container needs root"
    missing = [tool for tool in ("systemd-nspawn", "nsenter") if shutil.which(tool) is None]
    return f"{' and '.join(missing)} is not installed here" if missing else ""


def block(name: str) -> str:
    """Commands of the README that are marked with a name."""
    found = re.search(rf"<!-- tried: {name} -->\n```sh\n(.*?)```", (UNITS / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None, f"README.md has no commands called {name}"
    return found[1]


def wait_for(what: Callable[[], object], why: str, *, within: float = 60) -> float:
    """Wait until something is true. Gives the seconds that it took."""
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < within, f"waited {within:.0f} s in vain: {why}"
        time.sleep(0.05)
    return time.monotonic() - began


class Container:
    """A booted container; commands run in it as root."""

    def __init__(self, leader: int) -> None:
        self.leader = leader

    def run(self, *words: str, stdin: str | None = None, check: bool = True) -> str:
        """Run a command. Gives what it wrote, errors too."""
        into = ["nsenter", "--target", str(self.leader), "--mount", "--uts", "--ipc", "--net", "--pid", "env", f"--chdir={SOURCES}"]
        path = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
        standard = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
        done = subprocess.run(
            [*into, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=path, check=False, timeout=180, **standard
        )
        assert done.returncode == 0 or not check, f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}"
        return str(done.stdout)

    def follow(self, name: str, stdin: str | None = None) -> str:
        """Do what the README says under a name. There is no sudo, and no need of it."""
        return self.run("sh", "-euc", 'sudo() { "$@"; }\n' + block(name), stdin=stdin)

    def write(self, path: str, text: str) -> None:
        self.run("sh", "-euc", 'mkdir -p "$(dirname "$0")"; cat >"$0"', path, stdin=text)

    def read(self, path: str) -> str:
        return self.run("sh", "-c", f"cat {path} 2>/dev/null || true")

    def property(self, unit: str, name: str) -> str:
        return self.run("systemctl", "show", "--property", name, "--value", unit).strip()

    def signal(self, name: str, process: str) -> None:
        self.run("sh", "-c", 'kill -s "$0" "$1"', name, process)

    def log(self, unit: str) -> str:
        return self.run("journalctl", "--no-pager", "--output=cat", f"--unit={unit}")


@contextmanager
def booted(log: Path) -> Iterator[Container]:
    """Boot, wait until all is started, and switch off at the end. ``log``: where the console goes."""
    command = ["systemd-nspawn", "--quiet", "--directory", os.environ["UPTAKE_SYSTEMD_ROOT"], "--boot", "--register=no", "--keep-unit"]
    command += ["--private-network", "--volatile=overlay", "--console=pipe", f"--bind-ro={HERE}:{SOURCES}"]
    with log.open("wb") as out, subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT) as machine:
        children = Path(f"/proc/{machine.pid}/task/{machine.pid}/children")

        def up() -> bool:
            assert machine.poll() is None, f"the container did not boot:\n{log.read_text(errors='replace')[-2000:]}"
            leader = children.read_text().split()
            if not leader:
                return False
            state = Container(int(leader[0])).run("systemctl", "is-system-running", check=False)
            return state.strip() in {"running", "degraded"}

        try:
            wait_for(up, "systemd is not up", within=120)
            yield Container(int(children.read_text().split()[0]))
        finally:
            machine.terminate()
            try:
                machine.wait(30)
            except subprocess.TimeoutExpired:
                machine.kill()
