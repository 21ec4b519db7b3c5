"""Machines without a common disk: the journal and the queue on PostgreSQL, responses in an object store, leases in between."""

from __future__ import annotations

import re
import signal
from collections import Counter
from typing import Any

import pytest

from crawlers.spiders.papers.conferences import ON_THE_WAY
from scheduler.demo.servers.proceedings import FakeProceedings, Paper
from scheduler.demo.servers.service import Asked
from storage.periods import DAY, HOUR, read_time
from tests.cluster.conftest import DEAD_AFTER, SOURCES, Machines, Reference
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


def test_one_process_alone_and_many_do_not_mix_though_their_machines_are_several(machines: Machines) -> None:
    worker = machines.worker("--name", "first")
    worker.says("http://")
    machines.planner().says("http://")
    alone = machines.alone()
    assert alone.wait() == 1
    assert re.search(r"`uptake worker` first, process \d+ on .* and `uptake run`, process .* are already at work", alone.log), alone.log
    machines.stop_all()
    alone = machines.alone()
    alone.ready()
    late = machines.worker("--name", "late")
    assert late.wait() == 1
    assert re.search(r"`uptake run` \(process \d+ on .*\) is already at work on this journal; the engine", late.log), late.log
    alone.send(signal.SIGKILL)
    assert alone.wait() == -signal.SIGKILL
    successor = machines.worker("--name", "successor")
    successor.says("http://")
    machines.stop_all()
    assert "Traceback" not in machines.logs()


def test_an_edition_goes_on_after_postgresql_crashed_in_the_middle_of_it(machines: Machines) -> None:
    with FakeProceedings() as site:
        site.add("CVPR 2026", [Paper(f"P{n}_CVPR_2026_paper", f"Title {n}", frozenset({"jax"})) for n in range(12)])
        machines.configure(
            {"conferences": {"enabled": True, "editions": ["CVPR 2026"], **site.endpoints}},
            ("jax", "flax"),
            engine="procrastinate",
            queue=machines.url,
            dead_after=DEAD_AFTER,
            lease=10,
        )
        machines.store_elsewhere()
        file = machines.folder / "uptake.toml"
        file.write_text(re.sub(r'shop = ("\w+")', r"papers = [\1]", file.read_text()))
        answer = site.respond

        def crash(asked: Asked) -> tuple[int, Any]:
            """It crashes while a paper is on its way."""
            if len(site.pdfs()) >= 5 and not crashed:
                crashed.append(asked.path)
                machines.server.stop(signal.SIGQUIT)
            return answer(asked)

        crashed: list[str] = []
        site.respond = crash  # type: ignore[method-assign]
        for member in (machines.planner(), machines.worker()):
            member.says("http://")
        until(lambda: crashed, f"papers\n{machines.logs()}")
        machines.members[1].says("WARNING conferences: .*|WARNING .*conferences could not be")
        machines.server.start()
        assert len(site.pdfs()) < 12
        until(lambda: machines.rows("SELECT 1 FROM procrastinate_jobs WHERE task_name = 'call'"), f"another try\n{machines.logs()}")
        machines.jump(HOUR)
        machines.rows("UPDATE procrastinate_jobs SET scheduled_at = now() WHERE task_name = 'call' RETURNING 1")
        machines.visited_at("conferences")
        machines.idle()
        machines.stop_all()
        asked = Counter(a.path for a in site.pdfs())
        assert len(asked) == 12
        assert sum(asked.values()) <= 12 + ON_THE_WAY
    values = machines.account.values
    assert values['papers.mentioning{topic="jax",rule="inclusive",venue="CVPR"}', read_time("2026")] == (12.0, 0)
