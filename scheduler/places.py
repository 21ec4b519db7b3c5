"""Where a configuration keeps and gets things besides the journal, and whether these places can be used: for `uptake check`."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from scheduler.config import Config
from storage.model import UptakeError


@dataclass(frozen=True, slots=True)
class Place:
    """One place. ``kind``: what for, in a word; ``well``: whether it can be used; ``text``: in words, with its address."""

    kind: str
    well: bool
    text: str


def places(settings: Config) -> list[Place]:
    """Those that are configured: the store of raw responses, the queue. Each is asked; none where one machine does all."""
    found = []
    if settings.elsewhere is not None:
        found.append(_responses(settings))
    if settings.daemon.engine == "procrastinate":
        found.append(_queue(settings))
    return found


def _responses(settings: Config) -> Place:
    from crawlers.object_trial import trial

    address = settings.keep.address
    assert address is not None
    said = trial(address, f"uptake-check-{secrets.token_hex(6)}")
    return Place("responses", not said, said or f"{address.url}: raw responses can be written, listed, read and removed there")


def _queue(settings: Config) -> Place:
    from scheduler.engines.queue.opening import place, required
    from scheduler.engines.queue.schema import look

    try:
        required(settings.queue)
        there = look(settings.queue)
    except UptakeError as error:
        return Place("queue", well=False, text=str(error))
    return Place(
        "queue", well=True, text=f"the queue at {place(settings.queue)}: {'there' if there else 'not made yet, the first start makes it'}"
    )


__all__ = ["Place", "places"]
