"""Clerks: processes that draw and write pages, so that the daemon's loop stays free and its memory small.

They are started when they are needed and sent home when nobody asks; one that takes too long, dies, or has grown is
replaced. The same question asked by many is answered once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path

from scheduler.config_store import credentials
from scheduler.web.problems import Problem
from scheduler.web.question import HEAD, Answer, Question, Setting, read_answer

CLERKS = 2
WAITING = 64  # questions that may wait; more are told to come again
SECONDS = 60.0  # for one answer
IDLE = 600.0  # seconds without a question after which a clerk goes home
LARGE = 600_000_000  # bytes that a clerk may hold between two answers
LARGEST = 64 * 1024 * 1024  # bytes of one answer
_PASSED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "SYSTEMROOT", "FONTCONFIG_PATH")
ROOT = Path(__file__).parents[2]


class _Clerk:
    """One process and its pipes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.home: asyncio.TimerHandle | None = None
        self.rested = False

    @classmethod
    async def start(cls, setting: Setting) -> _Clerk:
        environment = {name: os.environ[name] for name in _PASSED if name in os.environ}  # no token: it reads strangers' pages
        if setting.keep is not None and setting.keep.address is not None:
            environment |= setting.keep.address.credentials(os.environ)  # where these pages are
        if setting.store_url is not None:
            environment |= credentials(os.environ)  # where the figures are
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "import sys; sys.path.insert(0, sys.argv[1]); from scheduler.web.clerk import main; main()",
            str(ROOT),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
        )
        made = cls(process)
        told = pickle.dumps(setting)
        made._write(HEAD.pack(len(told), 0) + told)
        return made

    def _write(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)

    async def ask(self, question: Question) -> Answer:
        """Raises `OSError` or `EOFError` where the process ended."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._write(question.pack())
        await self.process.stdin.drain()
        start = await self.process.stdout.readexactly(HEAD.size)
        head, body = HEAD.unpack(start)
        if head > 65536 or body > LARGEST:
            raise EOFError(f"an answer of {head} and {body} bytes")
        return read_answer(await self.process.stdout.readexactly(head), await self.process.stdout.readexactly(body))

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    def end(self) -> None:
        if self.home is not None:
            self.home.cancel()
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()  # it holds nothing that could be lost


class Desk:
    """Where questions are asked. ``setting`` gives what clerks are told at their start; `renew` after it has changed."""

    def __init__(
        self, setting: Callable[[], Setting], *, clerks: int = CLERKS, waiting: int = WAITING, seconds: float = SECONDS, idle: float = IDLE
    ) -> None:
        self._setting, self._seconds, self._idle, self._most = setting, seconds, idle, waiting
        self._free = asyncio.Semaphore(clerks)
        self._resting: list[_Clerk] = []
        self._all: set[_Clerk] = set()
        self._asked: dict[object, asyncio.Task[Answer]] = {}
        self._edition = 0

    async def ask(self, question: Question, key: object) -> Answer:
        """The answer to a question; whoever asks the same (by its key) meanwhile gets the same. Raises `Problem`."""
        task = self._asked.get(key)
        if task is None:
            if len(self._asked) >= self._most:
                raise Problem(503, "too many questions at once; try again in a moment", Retry_After="5")
            task = asyncio.ensure_future(self._answered(question))
            self._asked[key] = task
            task.add_done_callback(lambda done: (self._asked.pop(key, None), done.cancelled() or done.exception()))
        return await asyncio.shield(task)

    async def _answered(self, question: Question) -> Answer:
        async with self._free:
            while True:
                clerk = await self._clerk()
                try:
                    found = await asyncio.wait_for(clerk.ask(question), self._seconds)
                except TimeoutError as error:
                    self._dismiss(clerk)
                    raise Problem(503, f"this took over {self._seconds:.0f} s and was given up; ask for less", Retry_After="60") from error
                except (OSError, EOFError) as error:
                    self._dismiss(clerk)
                    if not clerk.rested:  # one that died in its sleep is no reason to fail
                        raise Problem(500, "the process that makes pages ended; the log says why") from error
                except BaseException:
                    self._dismiss(clerk)
                    raise
                else:
                    self._rest(clerk, found)
                    return found

    async def _clerk(self) -> _Clerk:
        while self._resting:
            clerk = self._resting.pop()
            if clerk.home is not None:
                clerk.home.cancel()
            if clerk.alive:
                return clerk
            self._dismiss(clerk)
        edition, clerk = self._edition, await _Clerk.start(self._setting())
        self._all.add(clerk)
        return clerk if edition == self._edition else await self._clerk()

    def _rest(self, clerk: _Clerk, found: Answer) -> None:
        if found.memory > LARGE or clerk not in self._all:
            self._dismiss(clerk)
            return
        clerk.rested = True
        self._resting.append(clerk)
        clerk.home = asyncio.get_running_loop().call_later(self._idle, self._go_home, clerk)

    def _go_home(self, clerk: _Clerk) -> None:
        if clerk in self._resting:
            self._resting.remove(clerk)
            self._dismiss(clerk)

    def _dismiss(self, clerk: _Clerk) -> None:
        self._all.discard(clerk)
        clerk.end()

    @property
    def processes(self) -> list[int]:
        """The processes that are there now."""
        return [clerk.process.pid for clerk in self._all if clerk.alive]

    def renew(self) -> None:
        """After the configuration changed: those at rest go, those at work go when they are done."""
        self._edition += 1
        for clerk in self._resting:
            clerk.end()
        self._resting.clear()
        self._all.clear()

    async def close(self) -> None:
        ended = list(self._all)
        for task in self._asked.values():
            task.cancel()
        for clerk in ended:
            clerk.end()
        for clerk in ended:
            await clerk.process.wait()
        self._all.clear()
        self._resting.clear()


__all__ = ["Desk"]
