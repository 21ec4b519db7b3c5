"""Makes a server's copy right: asks the feed to send again what a comparison found, what is parked, or everything."""

from __future__ import annotations

from collections.abc import Iterable

from storage import feed, parking, repairs
from storage.feed import START
from storage.influx.address import Machine
from storage.influx.verifying import Difference
from storage.lookups import ALWAYS
from storage.repairs import Repair
from storage.transaction import Transaction


def heal(tx: Transaction, name: str, differences: Iterable[Difference], machine: Machine) -> int:
    """Ask for what differs. Gives how many series."""
    found = [one.repair(machine) for one in differences]
    repairs.request(tx, name, found)
    return len(found)


def retry_parked(tx: Transaction, name: str) -> int:
    """Ask for the points that were refused. Gives how many."""
    points = [p for p in parking.parked(tx.connection, name, 2**31) if p.line]
    repairs.request(tx, name, [Repair(p.series_id, p.time, p.time) for p in points])
    return len(points)


def send_all(tx: Transaction, name: str) -> None:
    """Ask for everything, from the beginning; points that are parked among it."""
    feed.set_back(tx, name, START)
    parking.clear_parked(tx, name)


def send_series(tx: Transaction, name: str, ids: Iterable[int], *, wipe: bool = False) -> None:
    repairs.request(tx, name, [Repair(i, -ALWAYS, ALWAYS, wipe=wipe) for i in ids])
