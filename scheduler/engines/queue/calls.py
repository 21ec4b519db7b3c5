"""When the schedules of a cluster call: the same for every planner, put off by as much as chance said once. Pure."""

from __future__ import annotations

import hashlib

from scheduler import schedule


def delay(line: str, fire: int, name: str, seed: str) -> int:
    """Seconds by which one call is put off: as `schedule.jitter` allows, the same for all who know the cluster's seed."""
    most = schedule.jitter(line, fire)
    digest = hashlib.sha256(f"{seed}:{name}:{fire}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % (most + 1)


def upcoming(line: str, called: int, name: str, seed: str) -> int | None:
    """When a schedule calls next after it was answered at ``called`` (epoch seconds); None: never again."""
    fire = schedule.next_time(line, called)
    return None if fire is None else fire + delay(line, fire, name, seed)


def has_called(line: str, called: int, now: int, name: str, seed: str) -> bool:
    """Whether a schedule called since it was answered last. However often it did, that is one visit."""
    if called > now:
        return True  # it was answered while a clock was wrong
    when = upcoming(line, called, name, seed)
    return when is not None and when <= now


__all__ = ["delay", "has_called", "upcoming"]
