"""A clock that is set, a machine that sleeps, and the two days a year on which the local clock jumps: schedules are UTC."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from pathlib import Path

import pytest

from scheduler.heartbeat import Beat, heartbeat
from storage import ledger
from storage.journal import Journal
from storage.periods import DAY, HOUR, read_time
from tests.fakes.forking import Zygote
from tests.faults import table
from tests.faults.conftest import Note, Reference
from tests.faults.levels import only_levels_passed
from tests.faults.machine import Machine, Process, machine
from tests.faults.street import Street

SOURCES = ("shop", "diary")


def jump(here: Machine, daemon: Process, seconds: int) -> None:
    """Set the clock, and wait until the daemon has seen it."""
    before = daemon.log.count("the clock went")
    here.jump(seconds)
    daemon.says("the clock went", times=before + 1)


def test_the_clock_is_set_back_an_hour(either: Machine, street: Street, undisturbed: Reference, note: Note) -> None:
    start = read_time("2026-11-20T03:40:00Z")  # a quarter of an hour after the daily visit at 03:17 and its jitter
    either.jump(start - either.now)
    either.configure({name: {"base_url": street.url} for name in SOURCES})
    daemon = either.daemon()
    daemon.visited(*SOURCES)
    asked = len(street.arrived)
    jump(either, daemon, -HOUR)
    status, said = daemon.asked()
    assert status == 200
    assert all(when.startswith("2026-11-20T03:") for when in json.loads(said)["next"].values()), "their time comes again"
    jump(either, daemon, HOUR)
    daemon.visited(*SOURCES, times=2)
    assert street.arrived[asked:].count("/widgets/t0") == 0, "what has its figure is not asked again"
    jump(either, daemon, DAY)
    daemon.visited(*SOURCES, times=3)
    daemon.stop()
    whole = undisturbed(*SOURCES, later=(DAY,), start=start)
    note("clock set back an hour", "each time exists once; nothing was measured twice", lost=either.finish().same_as(whole))


def test_the_clock_is_set_forward_a_week_and_back(either: Machine, street: Street, undisturbed: Reference, note: Note) -> None:
    """As it was wrong by a week: what lies between could not be measured at its time, and can when it comes."""
    either.configure({name: {"base_url": street.url} for name in SOURCES})
    daemon = either.daemon()
    daemon.visited(*SOURCES)
    jump(either, daemon, 7 * DAY)
    daemon.visited(*SOURCES, times=2)
    daemon.stop()
    account = either.finish()
    days = tuple(n * DAY for n in range(1, 8))
    lost = only_levels_passed(account.lost(undisturbed(*SOURCES, later=days)), account.ends)
    outcome = "what the history tells was recovered, the rest is missing (downtime)"
    note("clock set forward a week", outcome, lost=lost)
    either.jump(-6 * DAY)
    account = either.finish()
    for n in range(1, 7):
        key = next(k for k in account.ends if k[0] == 'shop.widgets{topic="t0"}' and k[1] == either.now // DAY * DAY)
        assert account.ends[key] == "measured", f"{n} days on"
        if n < 6:
            either.jump(DAY)
            account = either.finish()
    note(
        "clock set back again after a week", "measured day by day as the days came", lost=account.same_as(undisturbed(*SOURCES, later=days))
    )


SWITCHES = {
    "Europe/Berlin, spring": ("Europe/Berlin", "2026-03-27T08:17:00Z"),
    "America/New_York, autumn": ("America/New_York", "2026-10-30T08:17:00Z"),
    "Europe/Berlin, autumn": ("Europe/Berlin", "2026-10-23T08:17:00Z"),
    "America/New_York, spring": ("America/New_York", "2026-03-06T08:17:00Z"),
}


@pytest.mark.parametrize("place", SWITCHES if table.full() else list(SWITCHES)[:2])
def test_daylight_saving(zygote: Zygote, tmp_path: Path, street: Street, undisturbed: Reference, note: Note, place: str) -> None:
    zone, begin = SWITCHES[place]
    with machine(zygote, tmp_path, start=read_time(begin)) as here:
        here.configure({"shop": {"base_url": street.url}})
        daemon = here.daemon(env={"TZ": zone})
        daemon.visited("shop")
        for n in range(2, 6):
            upcoming = json.loads(daemon.asked()[1])["next"]["shop"]
            assert re.search(r"T03:(1[7-9]|2[0-2])", upcoming), f"in UTC, whatever the local clock says: {upcoming}"
            jump(here, daemon, DAY)
            daemon.visited("shop", times=n)
        daemon.stop()
        account = here.finish()
        with Journal.open(here.store) as journal, journal.read() as connection:
            days = [run.time // DAY for run in ledger.runs(connection, "shop") if run.slots]
        assert days == list(range(days[0], days[0] + 5)), "once a day"
        whole = undisturbed("shop", later=tuple(n * DAY for n in range(1, 5)), start=read_time(begin))
    note("a change to or from daylight saving", "measured once a day, at the same time in UTC", lost=account.same_as(whole))


def test_a_laptop_sleeps(either: Machine, street: Street, undisturbed: Reference, note: Note) -> None:
    """Stopped in the middle of its requests; the clock goes on. Then again, over the night, with nothing to do."""
    either.configure({name: {"base_url": street.url} for name in SOURCES})
    street.doors.clear()
    daemon = either.daemon()
    daemon.says("What is measured next")
    street.came()
    daemon.send(signal.SIGSTOP)
    either.jump(8 * HOUR)
    street.heal()
    daemon.send(signal.SIGCONT)
    daemon.says(r"the clock went \+288\d\d s")
    daemon.visited(*SOURCES)
    daemon.send(signal.SIGSTOP)
    either.jump(16 * HOUR)
    daemon.send(signal.SIGCONT)
    daemon.says(r"the clock went \+576\d\d s")
    daemon.visited(*SOURCES, times=2)
    daemon.stop()
    whole = undisturbed(*SOURCES, later=(DAY,))
    note("a laptop that sleeps", "went on at once when it woke", lost=either.finish().same_as(whole))


async def test_the_pulse_sees_that_the_machine_slept() -> None:
    """While a machine sleeps, its steady clock stands still and the wall clock does not."""
    steady, wall = iter([0.0, 1.0, 2.0, 3.5]), iter([100.0, 101.0, 28_902.0, 25_303.5])
    beats: list[Beat] = []
    seen = asyncio.Event()

    def told(beat: Beat) -> None:
        beats.append(beat)
        if len(beats) == 3:
            seen.set()
            raise asyncio.CancelledError

    pulse = asyncio.ensure_future(heartbeat(told, every=0, steady=lambda: next(steady), wall=lambda: next(wall)))
    await seen.wait()
    await asyncio.gather(pulse, return_exceptions=True)
    assert [(b.jumped, b.jump) for b in beats] == [(False, 0.0), (True, 28_800.0), (True, -3_600.0)]
    assert beats[2].lag == 1.5
