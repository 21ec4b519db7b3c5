"""What is left of a run that another process began, here or on another machine."""

from __future__ import annotations

from sqlalchemy import Connection, select

from crawlers.capture_names import successors
from crawlers.keep import Keep, files_of
from crawlers.object_store import StoreAwayError
from storage import ledger, schema
from storage.model import Slot, State
from storage.states import states_at


def left_of(connection: Connection, run: ledger.Run, keep: Keep) -> list[Slot]:
    """The slots of a run that have no end yet, in the order of its plan.

    Those that have a value already are among them as long as the run's responses are in reach: they are read again, which
    costs nothing, and tells what belongs to them the same as before. Where responses are on the machine of another worker that
    would be asking twice, so they are left out: the value stands.
    """
    ended = ledger.ended_places(connection, run.id)
    slots = [slot for place, slot in enumerate(run.slots) if place not in ended]
    if run.kind == ledger.BACKFILL or run.rereads or _all_here(connection, run, keep):
        return slots
    states = states_at(connection, slots)
    return [slot for slot in slots if states.get(slot) not in {State.GOOD, State.SUSPECT}]


def _all_here(connection: Connection, run: ledger.Run, keep: Keep) -> bool:
    """Whether all responses of a run that the journal knows can be read from here. May wait for the network."""
    evidence = schema.evidence.c
    files = connection.scalars(select(evidence.file).where(evidence.kind == "capture", evidence.run == run.id).distinct()).all()
    if not files:
        return True
    try:
        there = set(files_of(keep, run.id, run.time))
    except StoreAwayError:
        there = set(files_of(keep.here, run.id, run.time))
    return all(not there.isdisjoint(successors(file)) for file in files)


__all__ = ["left_of"]
