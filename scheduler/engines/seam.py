"""What a daemon wants of an engine: that visits and duties happen when their time has come."""

from __future__ import annotations

from typing import Protocol


class Engine(Protocol):
    """Does what the plan says, in this process or by others. Built with a `scheduler.engines.work.Work`."""

    async def start(self) -> None:
        """Begin. Does not wait for what is due."""

    def next_visits(self) -> dict[str, int]:
        """When each source is looked at next (epoch seconds)."""

    async def renew(self) -> None:
        """The configuration is another one."""

    def jumped(self, *, forward: bool) -> None:
        """The clock was set."""

    def pause(self) -> None:
        """Begin nothing more. What is at work goes on."""

    async def stop(self, within: float) -> None:
        """End, after what was at work has ended. ``within``: seconds that it may take."""


__all__ = ["Engine"]
