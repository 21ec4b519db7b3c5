"""The world in a process of its own, so that its servers do not take their time from the program that asks them."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

from scheduler.demo.plan import Plan
from storage.model import UptakeError


@dataclass(frozen=True, slots=True)
class Received:
    """What came in at the world's servers: requests by source, distinct figures at the receiver of series, letters."""

    requests: Mapping[str, int]
    figures: int
    letters: int


class Apart:
    """A plan's world beside this process. The other one ends with it, however it ends."""

    def __init__(self, plan: Plan, mails: Path) -> None:
        self._plan, self._mails = plan, mails

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_live, args=(theirs, self._plan, self._mails), daemon=True)
        self._process.start()
        theirs.close()
        self.addresses: dict[str, dict[str, str]] = self._answer()
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()

    def advance(self, now: int) -> None:
        """Let the time pass there; what is asked from now on is answered as of this moment."""
        self._ask(now)

    def received(self) -> Received:
        return Received(*self._ask(None))

    def _ask(self, what: int | None) -> Any:
        try:
            self._pipe.send(what)
        except OSError as error:
            raise UptakeError("the simulated world has ended before its time") from error
        return self._answer()

    def _answer(self) -> Any:
        try:
            return self._pipe.recv()
        except (EOFError, OSError) as error:
            raise UptakeError("the simulated world has ended before its time") from error


def _live(pipe: Connection, plan: Plan, mails: Path) -> None:
    """Answers times by letting them pass, and nothing by what came in; ends when nobody is there any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program; this ends with it
    from scheduler.demo.world import World

    with World(plan, mails) as world, suppress(EOFError, OSError):
        pipe.send(world.addresses)
        while True:
            now = pipe.recv()
            if now is not None:
                world.advance(now)
                pipe.send(None)
            else:
                asked = {name: len(service.asked()) for name, service in world.services.items()} | {"github": len(world.github.asked())}
                told = [(series, name) for series, name, _ in world.receiver.figures if not name.endswith("_bound")]
                figures = sum(not series.startswith("events,") for series, _ in told)
                pipe.send((asked, figures, world.mails.letters))


__all__ = ["Apart", "Received"]
