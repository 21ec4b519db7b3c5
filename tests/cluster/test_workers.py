"""Planners and workers over one journal: what one process would have done is done once, whoever is killed or stopped meanwhile."""

from __future__ import annotations

import json
import signal

import pytest

from storage.periods import DAY
from tests.cluster.conftest import SOURCES, Cluster, Reference
from tests.faults.machine import until


def test_two_planners_and_three_workers_do_what_one_process_does(cluster: Cluster, undisturbed: Reference) -> None:
    planners = [cluster.planner(), cluster.planner()]
    workers = [cluster.worker("--name", f"w{n}") for n in range(3)]
    cluster.visited()
    for member in (*planners, *workers):
        member.says("http://")
    cluster.jump(DAY)
    cluster.visited(times=2)
    cluster.idle()
    assert len(cluster.lines("its time has come")) == 2 * len(SOURCES), "a visit was called for twice"
    assert len(cluster.pages) == len(set(cluster.pages)) + 4, "of the levels, the pages of the second day are the same four"
    cluster.stop_all()
    assert cluster.rows("SELECT * FROM uptake_workers") == []
    assert cluster.rows("SELECT * FROM procrastinate_workers") == []
    assert cluster.account.same_as(undisturbed(*SOURCES, later=(DAY,))) == 0


@pytest.mark.parametrize("step", [("plan", 1, "after"), ("capture", 2, "torn"), ("commit", 1, "before"), ("finish", 1, "after")], ids=str)
def test_what_a_killed_worker_was_doing_is_done_by_another(cluster: Cluster, undisturbed: Reference, step: tuple[str, int, str]) -> None:
    first = cluster.worker("--name", "first", kill=step)
    first.says("http://")
    cluster.planner()
    assert first.wait() == -signal.SIGKILL, "the step was never taken"
    cluster.worker("--name", "second")
    until(lambda: cluster.lines("of a worker that died are given to others"), "work taken back")
    cluster.idle()
    cluster.stop_all()
    answered = [page for page in cluster.pages if "gone" not in page]
    assert len(answered) - len(set(answered)) <= 3 * len(SOURCES), "what had been answered was asked again"
    assert cluster.account.same_as(undisturbed(*SOURCES)) == 0


def test_a_worker_that_is_stopped_gives_back_what_it_was_doing(cluster: Cluster, undisturbed: Reference) -> None:
    for shop in cluster.shops.values():
        shop.doors.clear()
    cluster.planner()
    first = cluster.worker()
    for shop in cluster.shops.values():
        shop.came()
    assert cluster.jobs() == sorted(SOURCES)
    assert first.stop() < 10
    assert cluster.jobs("todo") == sorted(SOURCES), cluster.logs() + repr(cluster.rows("SELECT * FROM procrastinate_jobs"))
    assert cluster.jobs() == []
    for shop in cluster.shops.values():
        shop.heal()
    cluster.worker()
    cluster.visited()
    cluster.idle()
    cluster.stop_all()
    assert cluster.account.same_as(undisturbed(*SOURCES)) == 0


def test_a_worker_with_nothing_to_do_stops_at_once(cluster: Cluster) -> None:
    worker = cluster.worker()
    until(lambda: cluster.rows("SELECT cardinality(numbers) FROM uptake_workers") == [(2,)], "at work")
    assert worker.stop() < 3
    assert cluster.rows("SELECT * FROM procrastinate_workers") == []


def test_a_server_that_is_restarted_costs_nothing(cluster: Cluster, undisturbed: Reference) -> None:
    for shop in cluster.shops.values():
        shop.doors.clear()
    planner, worker = cluster.planner(), cluster.worker()
    for shop in cluster.shops.values():
        shop.came()
    cluster.server.stop(signal.SIGQUIT)
    try:
        for member in (planner, worker):
            member.says("does not answer")
        assert planner.health == "red"
        for shop in cluster.shops.values():
            shop.heal()
        cluster.visited()  # what is at work needs the queue no more
    finally:
        cluster.server.start()
    for member in (planner, worker):
        member.says("over: the queue")
    cluster.idle()
    cluster.jump(DAY)
    cluster.visited(times=2)
    cluster.idle()
    assert len(cluster.lines("its time has come")) == 2 * len(SOURCES), cluster.logs()
    cluster.stop_all()
    assert cluster.account.same_as(undisturbed(*SOURCES, later=(DAY,))) == 0


def test_a_worker_until_the_queue_is_empty_and_the_planner_with_its_own_worker(cluster: Cluster, undisturbed: Reference) -> None:
    planner = cluster.planner()
    planner.says("its time has come")
    assert cluster.worker("--until-empty", "--queues", "diary").wait() == 0
    assert cluster.jobs("todo") == ["shop"], "it took what it was not to take"
    planner.stop()
    both = cluster._member("run")
    both.visited("shop")
    said = json.loads(both.asked()[1])
    assert said["status"] == "green"
    assert sorted(said["next"]) == sorted(SOURCES)
    assert [w["alive"] for w in said["workers"]] == [True]
    cluster.idle()
    cluster.stop_all()
    assert cluster.account.same_as(undisturbed(*SOURCES)) == 0


def test_what_fails_is_tried_again_as_one_process_would(cluster: Cluster, undisturbed: Reference) -> None:
    for shop in cluster.shops.values():
        shop.break_after(2, "resets")
    cluster.planner()
    worker = cluster.worker()
    cluster.visited()
    cluster.idle()
    waits = cluster.rows("SELECT args->>'tries', round(extract(epoch FROM scheduled_at - now()) / 60) FROM procrastinate_jobs")
    assert [(tries, 14 <= minutes <= 15) for tries, minutes in waits] == [("1", True)] * 2
    worker.stop()
    for shop in cluster.shops.values():
        shop.heal()
    cluster.jump(16 * 60)
    cluster.rows("UPDATE procrastinate_jobs SET scheduled_at = now()")
    before = len(cluster.pages)
    cluster.worker()
    cluster.visited(times=2)
    cluster.idle()
    asked = cluster.pages[before:]
    assert len(asked) == len(set(asked))
    assert cluster.jobs("todo", "call") == []
    cluster.stop_all()
    assert cluster.account.same_as(undisturbed(*SOURCES)) == 0


def test_a_worker_that_slept_through_its_death_does_no_harm(cluster: Cluster, undisturbed: Reference) -> None:
    for shop in cluster.shops.values():
        shop.doors.clear()
    planner, first = cluster.planner(), cluster.worker()
    for shop in cluster.shops.values():
        shop.came()
    first.send(signal.SIGSTOP)
    planner.says("of a worker that died are given to others")
    second = cluster.worker()
    until(lambda: cluster.jobs() == sorted(SOURCES), "the other one has taken them")
    first.send(signal.SIGCONT)
    for shop in cluster.shops.values():
        shop.heal()
    first.visited(*SOURCES)
    second.visited(*SOURCES)
    cluster.idle()
    cluster.stop_all()
    assert cluster.account.same_as(undisturbed(*SOURCES)) == 0
