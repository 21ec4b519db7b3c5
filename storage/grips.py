"""A grip: what somebody has in hand who holds locks, and may lose where other machines can take them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from sqlalchemy import Connection

from storage import leases


class Grip(Protocol):
    """What is asked before each request and inside each transaction."""

    @property
    def life(self) -> float:
        """Seconds that a lock lasts unrenewed; infinite where it goes with the process."""

    def left(self) -> float:
        """Seconds for which requests may be made; none any more at 0 or below, and never again."""

    def alive(self) -> bool:
        """Whether requests may be made now."""

    def guard(self, connection: Connection) -> None:
        """Inside a transaction that writes: see to it that it is not committed over a successor's. Raises `LeaseLost`."""

    def number(self, name: str) -> int:
        """A number that no other holder of this lock had or will have, on any machine; 1 where there are no other machines."""


class Firm:
    """Locks on files of one machine: the system takes them from a process that ends, and from no other."""

    life = math.inf

    def left(self) -> float:
        return math.inf

    def alive(self) -> bool:
        return True

    def guard(self, connection: Connection) -> None:
        """Nobody else can be at it."""

    def number(self, name: str) -> int:  # noqa: ARG002  # files know nothing of names here
        return 1


class Leased:
    """Leases (names to tokens) as their holder sees them.

    He reckons by a clock of his own from the moment before the statement was sent that took or renewed them, so that the server
    has seen it later than he thinks: he stops after half of the life, a successor waits a whole one. Once dead it stays dead.
    """

    def __init__(self, tokens: Mapping[str, int], life: float, asked_at: float, clock: Callable[[], float]) -> None:
        self.tokens = dict(tokens)
        self.life = life
        self._clock = clock
        self._until = asked_at + life / 2
        self.taken_over = False  # somebody else has one of them, or it was deleted
        self.dead = False  # somebody was told so: it must never live again

    def left(self) -> float:
        if not self.dead:
            left = 0.0 if self.taken_over else self._until - self._clock()
            if left > 0:
                return left
            self.dead = True
        return 0.0

    def alive(self) -> bool:
        return self.left() > 0

    def renewed(self, asked_at: float) -> None:
        self._until = max(self._until, asked_at + self.life / 2)

    def guard(self, connection: Connection) -> None:
        if connection.dialect.name == "postgresql":  # a journal in a file is written by one machine
            leases.check(connection, self.tokens, self.life)

    def number(self, name: str) -> int:
        return self.tokens[name]


def elapsed() -> float:
    """Seconds on a clock that nobody sets, and that goes on while the machine sleeps, where the system has one."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


FIRM = Firm()

__all__ = ["FIRM", "Firm", "Grip", "Leased", "elapsed"]
