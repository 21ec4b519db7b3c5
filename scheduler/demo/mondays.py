"""The digest of each Monday, and what is sent, made by the real program in a warm process of its own, while collecting goes on.

A digest knows of the journal what was there when its Monday came, whatever has been written since. Every Monday's digest is
made and kept; twice a year it is also drawn, mailed and written as pages, because drawing takes seconds and making does not.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

from storage.model import UptakeError

WITH_MAIL = 26  # every so many weeks
SENT = 4  # every so many weeks the series are concluded and sent


@dataclass(frozen=True, slots=True)
class Task:
    """One Monday: its time, the sequence that is known, and what is done beside the digest."""

    time: int
    sequence: int
    mail: bool
    send: bool


@dataclass(frozen=True, slots=True)
class Digested:
    """What a Monday came to: (basket, subject, sentences that are told) of each digest; figures sent, figures that wait, troubles."""

    time: int
    digests: tuple[tuple[str, str, tuple[str, ...]], ...]
    mailed: int = 0
    sent: int | None = None  # None: nothing was to be sent
    waiting: int = 0
    troubles: tuple[str, ...] = ()


class Mondays:
    """Takes Mondays and gives what they came to, in order. The other process ends with this one."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self.pending: deque[int] = deque()

    def __enter__(self) -> Self:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, self._config), daemon=True)
        self._process.start()
        theirs.close()
        return self

    def __exit__(self, *_: object) -> None:
        if self.pending:  # stopped in the middle: whoever waits for an answer is to get none
            self._process.kill()
        self._pipe.close()
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()

    def begin(self, task: Task) -> None:
        self._pipe.send(task)
        self.pending.append(task.time)

    def ready(self) -> bool:
        """Whether one is done."""
        return bool(self.pending) and self._pipe.poll()

    def next(self) -> Digested:
        """The oldest one that is pending; waits for it. Raises `UptakeError` with what went wrong there."""
        try:
            found = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise UptakeError("the process that makes the digests has ended before its time") from error
        self.pending.popleft()
        if isinstance(found, str):
            raise UptakeError(f"a digest could not be made: {found}")
        assert isinstance(found, Digested)
        return found


def _work(pipe: Connection, config: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program; this ends with it
    import logging

    from scheduler.config import load
    from storage.journal import Journal

    logging.disable(logging.WARNING)  # what goes wrong comes back as a trouble
    settings = load(config, {})
    with suppress(EOFError, OSError), Journal.open(settings.store, writable=True) as journal:
        while True:
            task = pipe.recv()
            try:
                pipe.send(digest(journal, settings, task))
            except UptakeError as error:
                pipe.send(str(error))


def digest(journal: Any, settings: Any, task: Task) -> Digested:
    """One Monday's work."""
    from crawlers.locks import alone_on
    from scheduler.digest_periods import latest
    from scheduler.influx_sending import send
    from scheduler.sending import LOCK, Sender, send_due

    nobody = replace(settings, digest=replace(settings.digest, readers=dict.fromkeys(settings.digest.baskets, ())))
    period = latest(settings.digest.schedule, settings.digest.timezone, task.time)
    if period is None:
        return Digested(task.time, ())
    with alone_on(journal, LOCK):
        sender = Sender(journal, settings if task.mail else nobody, task.time, {}, sequence=task.sequence)
        made = sender.plan_digests(period, period.time)
    done = Digested(task.time, tuple((k.basket, str(k.document["subject"]), _told(k.document)) for k in made))
    if task.mail:
        sent = send_due(journal, settings, now=task.time, environment={}, sequence=task.sequence)
        done = replace(done, mailed=sum(s.state == "sent" for s in sent.sendings), troubles=sent.troubles)
    if task.send and (standing := send(journal, settings, task.time)) is not None:
        trouble = (standing.trouble,) if standing.trouble else ()
        waiting = standing.lag.points if standing.trouble else 0
        done = replace(done, sent=standing.sent, waiting=waiting, troubles=(*done.troubles, *trouble))
    return done


def _told(document: Mapping[str, Any]) -> tuple[str, ...]:
    """The sentences of a digest that speak of claims."""
    return tuple(str(line["text"]) for line in document["lines"] if line["claims"])


__all__ = ["Digested", "Mondays", "Task", "digest"]
