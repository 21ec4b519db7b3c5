"""Machines without a common disk: the journal and the queue on PostgreSQL, responses in an object store, leases in between."""

from __future__ import annotations

import signal

import pytest

from storage.periods import DAY
from tests.cluster.conftest import SOURCES, Machines, Reference
from tests.fakes.s3 import ENVIRONMENT
from tests.faults.machine import until


def test_five_machines_do_what_one_process_does(machines: Machines, undisturbed: Reference) -> None:
    for _ in range(2):
        machines.planner()
    for n in range(3):
        machines.worker("--name", f"w{n}")
    machines.visited()
    machines.idle()
    machines.jump(DAY)
    machines.visited(times=2)
    machines.idle()
    assert len(machines.lines("its time has come")) == 2 * len(SOURCES)
    machines.stop_all()
    assert machines.waiting == []
    assert machines.account.same_as(undisturbed(*SOURCES, later=(DAY,))) == 0


@pytest.mark.parametrize("step", [("capture", 2, "after"), ("commit", 1, "after")], ids=str)
def test_what_a_machine_that_died_was_doing_is_done_by_another(
    machines: Machines, undisturbed: Reference, step: tuple[str, int, str]
) -> None:
    first = machines.worker("--name", "first", kill=step)
    first.says("http://")
    machines.planner()
    assert first.wait() == -signal.SIGKILL, "the step was never taken"
    machines.worker("--name", "second")
    until(lambda: machines.lines("of a worker that died are given to others"), "work taken back")
    until(lambda: len(machines.lines(r"INFO (shop|diary): .*(measured|asked)")) >= len(SOURCES), f"visits\n{machines.logs()}")
    machines.idle()
    machines.stop_all()
    dead = machines.folder / "machine-0"
    (dead / "uptake.toml").write_text((machines.folder / "uptake.toml").read_text())
    back = machines.start("--config", str(dead / "uptake.toml"), "worker", "--until-empty", env=ENVIRONMENT)
    assert back.wait() == 0, "the dead machine comes back, and brings what it still has"
    assert machines.account.same_as(undisturbed(*SOURCES)) == 0
