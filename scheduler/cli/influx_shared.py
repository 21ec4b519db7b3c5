"""What the commands about the server share: its address, a connection, the feed's standing, the comparison."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from scheduler.cli.common import now, shown_store
from storage.model import Series, UptakeError, UsageError

if TYPE_CHECKING:
    from scheduler.config import Config
    from storage.influx.address import Address, Machine
    from storage.influx.standing import Standing
    from storage.influx.verifying import Difference
    from storage.influx.wire import Wire
    from storage.journal import Journal


def address_of(settings: Config) -> Address:
    if settings.influxdb is None:
        raise UsageError(f'{settings.path} has no [influxdb] section; add one with url = "http://127.0.0.1:8086", and see docs/influxdb.md')
    return settings.influxdb


@contextmanager
def the_journal(settings: Config) -> Iterator[Journal]:
    """The journal, for sending from it."""
    from storage.journal import Journal, exists

    if settings.read_server or not exists(settings.store, settings.store_url):
        where = shown_store(settings)
        raise UsageError(f"nothing is measured in {where}, so there is nothing to compare or send; run this where it is measured")
    with Journal.open(settings.store, settings.store_url, writable=True) as journal:
        yield journal


def send_waiting(journal: Journal, settings: Config, patience: float = 0.0) -> Standing:
    from scheduler.influx_sending import send

    standing = send(journal, settings, now(), patience=patience)
    assert standing is not None  # there is an address
    return standing


@contextmanager
def connected(address: Address) -> Iterator[tuple[Wire, Machine]]:
    """A connection to the server and what it is. Refusals are told as sentences."""
    from storage.influx import probe
    from storage.influx.answers import Refused
    from storage.influx.wire import Wire

    wire = Wire(address)
    try:
        yield wire, probe.look(wire)
    except Refused as refusal:
        raise UptakeError(refusal.trouble.words) from refusal
    finally:
        wire.close()


def keeps(wire: Wire, machine: Machine) -> int | None:
    from storage.influx import setting_up
    from storage.influx.answers import Refused

    try:
        return setting_up.retention(wire, machine)
    except Refused:  # a token that may only write is enough for everything else
        return None


def warned(address: Address, machine: Machine) -> list[str]:
    from storage.influx.probe import peculiarities, warnings

    return [*warnings(address, machine), *peculiarities(machine)]


def standing_at(settings: Config, address: Address) -> tuple[Standing | None, list[dict[str, Any]]]:
    """How the feed stands by the journal, and the points that are refused."""
    from storage import feed, parking
    from storage.influx.standing import standing_of
    from storage.journal import Journal, exists
    from storage.periods import iso

    if not exists(settings.store, settings.store_url):
        return None, []
    with Journal.open(settings.store, settings.store_url) as journal, journal.read() as connection:
        parked = parking.parked(connection, address.feed, 1_000)
        names = feed.Names().of(connection, [p.series_id for p in parked])
        told = [{"series": str(names[p.series_id]), "time": iso(p.time), "error": p.error, "line": p.line} for p in parked]
        return standing_of(connection, address.feed, now()), told


def compare(journal: Journal, wire: Wire, machine: Machine) -> tuple[list[Difference], list[Series], int]:
    from storage.influx.verifying import Difference, compare

    differences, unknown = [], []
    with journal.read() as connection:
        for found in compare(connection, wire, machine):
            if isinstance(found, Difference):
                differences.append(found)
            else:
                unknown.append(found)
        series = connection.exec_driver_sql("SELECT count(*) FROM series").scalar_one()
    return differences, unknown, int(series)
