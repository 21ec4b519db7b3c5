"""The daemon's pulse: how late the loop is, whether the clock was set or the machine slept, and word to systemd's watchdog."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

JUMP = 5.0  # seconds by which wall clock and steady clock may part between two beats


@dataclass(frozen=True, slots=True)
class Beat:
    """One beat: how late the loop was, and by how much the wall clock went another way than the steady one (seconds)."""

    lag: float
    jump: float

    @property
    def jumped(self) -> bool:
        """Whether the clock was set, or the machine slept: the steady clock stands still then."""
        return abs(self.jump) > JUMP


async def heartbeat(
    told: Callable[[Beat], None],
    *,
    every: float = 1.0,
    steady: Callable[[], float] = time.monotonic,
    wall: Callable[[], float] = time.time,
) -> None:
    """Beat until cancelled. The clocks are given for tests."""
    before, then = steady(), wall()
    while True:
        await asyncio.sleep(every)
        now, present = steady(), wall()
        told(Beat(lag=max(0.0, now - before - every), jump=(present - then) - (now - before)))
        before, then = now, present


__all__ = ["Beat", "heartbeat"]
