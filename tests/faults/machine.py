"""A machine that Uptake runs on: a folder with a configuration, a clock that can be set, and real processes."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import struct
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from storage.periods import read_time
from tests.fakes.forking import Zygote
from tests.faults.invariant import Account, account_of
from tests.faults.spiders import ALL
from tests.faults.street import GONE
from tests.harness import empty_store
from tests.scheduler.conftest import only

START = read_time("2026-11-20T08:17:00Z")
TOPICS = ("t0", "t1", "t2", GONE)
PATIENCE = 30.0  # seconds after which a test gives up on what never comes
DONE = r"(?m)^.* INFO {}: .*(measured|asked)"  # what the log says of a visit that came to its end


def until(condition: Callable[[], Any], what: str, within: float = PATIENCE) -> Any:
    """Wait for an event that can only be looked for; gives what the condition gave."""
    give_up = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < give_up, f"never came: {what}"
        time.sleep(0.005)
    return found


class Process:
    """One `uptake` process. Its log is what it wrote on standard output and error."""

    def __init__(self, zygote: Zygote, pid: int, log: Path) -> None:
        self._zygote, self.pid, self._log = zygote, pid, log
        self._handle = os.pidfd_open(pid)
        self.code: int | None = None

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8") if self._log.exists() else ""

    @property
    def ended(self) -> bool:
        return self.code is not None or bool(select.select([self._handle], [], [], 0)[0])

    def says(self, pattern: str, *, times: int = 1) -> str:
        """Wait until the log says something (so often); gives the last match."""

        def look() -> str:
            found = list(re.finditer(pattern, self.log))
            assert len(found) >= times or not self.ended, f"ended without saying {pattern!r}:\n{self.log}"
            return found[times - 1].group() if len(found) >= times else ""

        try:
            return str(until(look, pattern))
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log}") from None

    def visited(self, *sources: str, times: int = 1) -> None:
        for name in sources:
            self.says(DONE.format(re.escape(name)), times=times)

    def ready(self) -> None:
        self.says("What is measured next|No source is on")

    def reaches(self, file: Path) -> None:
        """Wait until it has made a file."""
        until(lambda: file.exists() or self.ended, str(file))
        assert file.exists(), self.log

    def listening(self) -> None:
        """Wait until SIGTERM is caught (see proc_pid_status(5))."""

        def caught() -> bool:
            status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
            mask = int(re.search(r"SigCgt:\s*(\w+)", status).group(1), 16)  # type: ignore[union-attr]
            return bool(mask >> (signal.SIGTERM - 1) & 1) or self.ended

        until(caught, "a handler for SIGTERM")

    def send(self, what: signal.Signals) -> None:
        os.kill(self.pid, what)

    def wait(self, within: float = PATIENCE) -> int:
        """Its exit code, below zero for a signal."""
        if self.code is None:
            if not select.select([self._handle], [], [], within)[0]:
                self.send(signal.SIGKILL)
                self.code = self._zygote.order(reap=self.pid)
                raise AssertionError(f"did not end within {within:g} s\n{self.log}")
            self.code = self._zygote.order(reap=self.pid)
            os.close(self._handle)
        return self.code

    def stop(self, within: float = PATIENCE) -> float:
        """Ask it to stop and see that it does so cleanly. Gives the seconds that it took."""
        before = time.monotonic()
        self.send(signal.SIGTERM)
        assert self.wait(within) == 0, self.log
        return time.monotonic() - before

    def asked(self, path: str = "/healthz") -> tuple[int, str]:
        """Status and body of an answer of its own HTTP."""
        url = self.says(r"http://127\.0\.0\.1:\d+(?=/healthz)")
        try:
            with urllib.request.urlopen(url + path, timeout=PATIENCE) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    @property
    def health(self) -> str:
        return str(json.loads(self.asked()[1])["status"])


class Machine:
    """One store folder, its configuration and its clock; starts processes and sees to it that none is left."""

    def __init__(self, zygote: Zygote, folder: Path, *, start: int = START, reactor: bool = False) -> None:
        self.zygote, self.folder, self.reactor = zygote, folder, reactor
        self.store = folder / "data"
        folder.mkdir(exist_ok=True)
        self.no_names = folder / "no-names"
        self._processes: list[Process] = []
        self._clock = folder / "clock"
        self._clock.write_bytes(bytes(8))
        self.offset = 0.0
        self.jump(start - time.time())
        if not self.store.exists():
            shutil.copytree(empty_store(), self.store)

    @property
    def now(self) -> int:
        return int(time.time() + self.offset)

    def jump(self, seconds: float) -> None:
        """Set the clock, also of processes that run."""
        self.offset += seconds
        with self._clock.open("r+b") as file:
            file.write(struct.pack("d", self.offset))

    def configure(
        self,
        sources: Mapping[str, Mapping[str, object]],
        topics: Sequence[str] = TOPICS,
        *,
        crawl: Mapping[str, object] | None = None,
        **daemon: object,
    ) -> None:
        """Write a configuration: these sources are on, all others off."""
        sections: dict[str, Mapping[str, object]] = {
            "crawl": {"contact": "mailto:test@example.org", "delay": 0, "timeout": 5.0, "reactor": self.reactor, **(crawl or {})},
            "http": {"port": 0},
            "daemon": {"disk_free": 0, "report": "", **daemon},
            **{f"sources.{name}": options for name, options in sources.items()},
            "baskets.all": {"topics": list(topics)},
            **{f"topics.{t}": {"shop": t} for t in topics},
        }
        text = "".join(f"\n[{name}]\n{''.join(_line(*item) for item in keys.items())}" for name, keys in sections.items())
        off = "".join(f"\n[sources.{cls.name}]\nenabled = false\n" for cls in ALL if cls.name not in sources)
        (self.folder / "uptake.toml").write_text(text + only(*sources) + off, encoding="utf-8")

    def start(self, *argv: str, **options: Any) -> Process:
        """Start `uptake` with these arguments; ``options`` are the zygote's (`tests.faults.warm`)."""
        log = self.folder / f"log-{len(self._processes)}.txt"
        pid = self.zygote.order(
            argv=["--config", str(self.folder / "uptake.toml"), *argv],
            log=str(log),
            clock=str(self._clock),
            cwd=str(self.folder),
            no_names=str(self.no_names),
            **options,
        )
        self._processes.append(Process(self.zygote, pid, log))
        return self._processes[-1]

    def daemon(self, **options: Any) -> Process:
        return self.start("run", **options)

    def finish(self) -> Account:
        """Let the program go on undisturbed until nothing is due; gives what the journal then knows, and checks that it is sound."""
        process = self.start("run", "--once")
        assert process.wait() in {0, 1}, process.log  # 1: some have no figure
        assert "Traceback" not in process.log
        return account_of(self.store)

    def run(self, *argv: str, code: int = 0, **options: Any) -> str:
        """Run a command to its end; gives its log."""
        process = self.start(*argv, **options)
        assert process.wait() == code, process.log
        return process.log

    def close(self) -> None:
        for process in self._processes:
            if process.code is None:
                process.send(signal.SIGCONT)
                process.send(signal.SIGKILL)
                process.wait()


def _line(key: str, value: object) -> str:
    return f"{key} = {json.dumps(value)}\n"


@contextmanager
def machine(zygote: Zygote, folder: Path, **options: Any) -> Iterator[Machine]:
    made = Machine(zygote, folder, **options)
    try:
        yield made
    finally:
        made.close()
