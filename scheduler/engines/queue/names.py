"""What queues, tasks and locks are called. A queue bears the version of its jobs' arguments: other programs leave them alone."""

from __future__ import annotations

from collections.abc import Iterable

ARGUMENTS = 1
PLAN, DUTY, VISIT, HEAVY = "plan", "duty", "visit", "heavy"
CALL = "call"  # of a task that turns into a visit when its time has come


def queue(kind: str, source: str = "") -> str:
    """The queue of a kind of work; visits and heavy work have one for each source, so that nobody takes what he does not know."""
    return f"{kind}.{ARGUMENTS}" + (f":{source}" if source else "")


def parts(name: str) -> tuple[str, str, str]:
    """Kind, version of the arguments, source of a queue's name."""
    head, _, source = name.partition(":")
    kind, _, version = head.partition(".")
    return kind, version, source


def queues(wanted: Iterable[str], sources: Iterable[str]) -> list[str]:
    """The queues for words that a person gives: ``visits``, ``heavy``, or the names of sources; none: all of both."""
    known, words = list(sources), list(wanted) or ["visits", "heavy"]
    found = [queue(VISIT, name) for name in known if "visits" in words or name in words]
    return found + [queue(HEAVY, name) for name in known if "heavy" in words]


__all__ = ["ARGUMENTS", "CALL", "DUTY", "HEAVY", "PLAN", "VISIT", "parts", "queue", "queues"]
