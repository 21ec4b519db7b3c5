"""The network and the servers fail in all their ways; when they are well again, what they have is had."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import pytest

from tests.faults.conftest import Note, Reference
from tests.faults.invariant import Account
from tests.faults.machine import Machine
from tests.faults.street import DRIPS, RESETS, SILENT, Street

SOURCES = ("shop", "diary")
RETRY = 16 * 60  # seconds: by then the daemon tries again by itself
IMPATIENT = {"timeout": 0.4}


def nobody_listens() -> Street:
    return Street(shut=True)


def misbehaving(mode: str) -> Callable[[], Street]:
    def made() -> Street:
        street = Street()
        street.mode = mode
        return street

    return made


FAULTS = {
    "network gone: connections are refused": nobody_listens,
    "a server that never answers": misbehaving(SILENT),
    "a server that answers byte by byte": misbehaving(DRIPS),
    "a server that resets connections": misbehaving(RESETS),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_failed_is_had_when_the_server_is_well_again(either: Machine, undisturbed: Reference, note: Note, fault: str) -> None:
    with FAULTS[fault]() as street:
        either.configure({name: {"base_url": street.url} for name in SOURCES}, crawl=IMPATIENT, blind_after=1)
        account = _fails_and_recovers(either, street)
    outcome = "missing with the reason, health degraded; measured at the next try, a quarter of an hour later"
    note(fault, outcome, lost=account.same_as(undisturbed(*SOURCES)))


def test_names_that_cannot_be_looked_up(either: Machine, undisturbed: Reference, note: Note) -> None:
    either.no_names.touch()
    with Street() as street:
        either.configure({name: {"base_url": street.named} for name in SOURCES}, crawl=IMPATIENT, blind_after=1)
        account = _fails_and_recovers(either, street)
    outcome = "missing with the reason, health degraded; measured at the next try, a quarter of an hour later"
    note("DNS gone", outcome, lost=account.same_as(undisturbed(*SOURCES)))


def _fails_and_recovers(machine: Machine, street: Street) -> Account:
    daemon = machine.daemon()
    daemon.visited(*SOURCES)
    status, said = daemon.asked()
    assert (status, json.loads(said)["status"]) == (200, "degraded"), said
    street.heal()
    machine.no_names.unlink(missing_ok=True)
    machine.jump(RETRY)
    daemon.visited(*SOURCES, times=2)
    assert daemon.health == "green", daemon.asked()[1]
    daemon.stop()
    return machine.finish()


@pytest.mark.skipif(os.geteuid() != 0, reason="taking the network away from a process needs root")
def test_a_process_without_any_network(here: Machine, street: Street, undisturbed: Reference, note: Note) -> None:
    here.configure({name: {"base_url": street.url} for name in SOURCES}, crawl=IMPATIENT)
    assert "missing (unreachable)" in here.run("run", "--once", code=1, alone=True)
    assert street.log == []
    here.jump(RETRY)
    account = here.finish()
    note(
        "no network at all, and a restart",
        "missing with the reason; measured at the next call",
        lost=account.same_as(undisturbed(*SOURCES)),
    )


def test_a_server_that_goes_away_in_the_middle(either: Machine, undisturbed: Reference, note: Note) -> None:
    with Street() as street:
        either.configure({name: {"base_url": street.url} for name in SOURCES}, crawl=IMPATIENT)
        street.break_after(4, RESETS)
        daemon = either.daemon()
        daemon.visited(*SOURCES)
        street.heal()
        either.jump(RETRY)
        daemon.says(r"(?m)^.* INFO (shop|diary): .*", times=3)
        daemon.stop()
        account = either.finish()
    note(
        "a server that goes away in the middle",
        "what had come is kept, the rest is had at the next try",
        lost=account.same_as(undisturbed(*SOURCES)),
    )
