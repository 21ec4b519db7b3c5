"""``kill -9`` at every step that the daemon takes for a figure, and while it catches up; then it goes on."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from storage.periods import DAY
from tests.fakes.forking import Zygote
from tests.faults import table
from tests.faults.conftest import Note, Reference
from tests.faults.levels import only_levels_passed
from tests.faults.machine import machine
from tests.faults.street import Street

SOURCES = ("shop", "diary")
AT_ONCE = 3  # requests of a source under way at a kill: two that are being sent, one whose answer is being written down
Step = tuple[str, int, str]

FIRST_DAY: list[Step] = [
    *(("passed", 1, when) for when in ("before", "after")),
    *(("plan", n, when) for n in (1, 2) for when in ("before", "after")),
    *(("capture", n, when) for n in (1, 4, 9) for when in ("before", "torn", "after")),
    *(("fsync", n, "after") for n in (1, 2)),
    *(("commit", n, when) for n in (1, 2) for when in ("before", "after")),
    *(("put", n, when) for n in (1, 3) for when in ("before", "after")),
    ("miss", 1, "after"),
    *(("close", n, when) for n in (1, 2) for when in ("before", "after")),
    *(("finish", n, when) for n in (1, 2) for when in ("before", "after")),
]
AFTER_DAYS: list[Step] = [
    *(("passed", n, when) for n in (1, 2) for when in ("before", "after")),
    *(("plan", n, when) for n in (1, 3, 5) for when in ("before", "after")),
    *(("capture", n, when) for n in (2, 8, 11) for when in ("torn", "after")),
    *(("put", 4, when) for when in ("before", "after")),
    *(("finish", n, when) for n in (3, 5) for when in ("before", "after")),
    *(("remember", 1, when) for when in ("before", "after")),
]


def cases(steps: list[Step]) -> list[tuple[Step, bool]]:
    """All steps in both modes; in the short form every third, the modes by turns."""
    if table.full():
        return [(step, reactor) for step in steps for reactor in (False, True)]
    return [(step, bool(n % 2)) for n, step in enumerate(steps[::3])]


def named(case: tuple[Step, bool]) -> str:
    return f"{'-'.join(map(str, case[0]))}-{'reactor' if case[1] else 'asyncio'}"


@pytest.mark.parametrize("case", cases(FIRST_DAY), ids=named)
def test_a_daemon_that_is_killed_goes_on_where_it_was(
    zygote: Zygote, tmp_path: Path, street: Street, undisturbed: Reference, note: Note, case: tuple[Step, bool]
) -> None:
    step, reactor = case
    with machine(zygote, tmp_path, reactor=reactor) as here:
        here.configure({name: {"base_url": street.url} for name in SOURCES})
        assert here.daemon(kill=step).wait() == -signal.SIGKILL, "the step was never taken"
        account = here.finish()
        paths = [a.path + str(a.query) for a in street.log if a.path != "/robots.txt"]
        assert len(paths) - len(set(paths)) <= AT_ONCE * len(SOURCES), "what had been answered was asked again"
    note(
        "kill -9 at a step of measuring",
        "went on from there; nothing that was kept was asked again",
        lost=account.same_as(undisturbed(*SOURCES)),
    )


@pytest.mark.parametrize("case", cases(AFTER_DAYS), ids=named)
def test_a_daemon_that_is_killed_while_it_catches_up_catches_up(
    zygote: Zygote, tmp_path: Path, street: Street, undisturbed: Reference, note: Note, case: tuple[Step, bool]
) -> None:
    step, reactor = case
    with machine(zygote, tmp_path, reactor=reactor) as here:
        here.configure({name: {"base_url": street.url} for name in SOURCES})
        here.finish()
        here.jump(4 * DAY)
        assert here.daemon(kill=step).wait() == -signal.SIGKILL, "the step was never taken"
        account = here.finish()
    whole = undisturbed(*SOURCES, later=(DAY, 2 * DAY, 3 * DAY, 4 * DAY))
    lost = only_levels_passed(account.lost(whole), account.ends)
    note("kill -9 while catching up after four days", "caught up; what exists only in the present is missing (downtime)", lost=lost)
