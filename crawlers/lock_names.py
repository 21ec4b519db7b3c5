"""What locks are called, and how a source's lock can be held by several.

A source's lock can also be held *among* others who hold it likewise: by those who read its kept responses again. Whoever wants
it alone waits until they are done, and lets no further one begin. Files can be locked so. Leases are rows with one holder each:
who holds the lock among others has one of the source's places, which he takes while he has the lock itself for a moment; who
holds it alone has taken each place once, so that one who still had it, and was frozen, say, can write nothing any more.

A run's responses are read again by one at a time. The lock of that is one of a source's parts, into which its runs fall by
chance: a lock of its own for each run would leave a file, or a row, behind for each.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence

PLACES = 32  # how many can hold one source's lease among others
PARTS = 64
SOURCE, RESPONSES = "source-", "responses of "


def of_source(source: str) -> str:
    """The lock of a source, the one kind that may be held among others."""
    return SOURCE + source


def of_responses(source: str, run: str) -> str:
    """The lock of whoever reads a run's kept responses again, beside others who read those of other runs."""
    return f"{RESPONSES}{source} (part {zlib.crc32(run.encode()) % PARTS})"


def places(lock: str) -> list[str]:
    """The leases of those who hold a source's lock among others."""
    return [f"{lock} (reader {number})" for number in range(PLACES)]


def plain(names: Iterable[str]) -> str:
    """Names of locks for people."""
    return ", ".join(dict.fromkeys(name.removeprefix(SOURCE).split(" (")[0] for name in names))


def waiting(who: str, names: Sequence[str]) -> str:
    """What is said of somebody who is waited for because of these locks."""
    reads = all(name.startswith(RESPONSES) for name in names)
    does = "reading" if reads else "asking"
    also = ", or reading its responses again" if any(name.startswith(SOURCE) for name in names) else ""
    return f"{who} is {does} {plain(names)}{also}; waiting until it is done"


__all__ = ["PLACES", "SOURCE", "of_responses", "of_source", "places", "plain", "waiting"]
