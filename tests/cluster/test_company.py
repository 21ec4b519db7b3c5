"""Workers that are not alike, and what is told of it: other configurations, other versions, nobody who takes what waits."""

from __future__ import annotations

import json
import re
import signal
from typing import Any

from tests.cluster.conftest import SOURCES, Cluster, Reference
from tests.faults.machine import PATIENCE, until


def listed(cluster: Cluster) -> Any:
    return json.loads(cluster.run("workers", "--json"))


def test_who_does_what_and_what_waits(cluster: Cluster) -> None:
    assert "Nobody is at work" in cluster.run("workers")
    cluster.plan()
    for shop in cluster.shops.values():
        shop.doors.clear()
    planner = cluster.planner("--port", "0")
    planner.says("its time has come")
    said = cluster.run("workers")
    assert re.search(r"visit of shop: 1 job, the oldest for \d s; no worker is at work that takes it", said), said
    cluster.worker("--name", "hard-working", "--queues", "shop")
    cluster.shops["shop"].came()
    until(lambda: "visit shop for" in cluster.run("workers"), "what it does")
    found = listed(cluster)
    by_name = {w["name"]: w for w in found["workers"]}
    assert by_name["hard-working"]["doing"][0]["what"] == "shop"
    assert by_name["hard-working"]["takes"] == ["visit.1:shop"]
    assert [(w["what"], w["waiting"], w["taken"]) for w in found["waiting"]] == [("visit of diary", 1, False)]
    assert re.search(r"1 of 2 processes at work make the plan; 1 job waits, .*; being done: visit shop", cluster.run("status"))
    assert json.loads(cluster.run("status", "--json"))["daemon"]["running"] is True
    until(lambda: planner.asked("/metrics")[1].count('uptake_queue_waiting{kind="visit"} 1.0'), "the metric")
    assert 'uptake_workers{state="alive"} 2.0' in planner.asked("/metrics")[1]
    for shop in cluster.shops.values():
        shop.heal()
    cluster.stop_all()


def test_another_configuration_is_told_and_what_a_worker_does_not_know_is_left_to_others(cluster: Cluster) -> None:
    planner = cluster.planner()
    planner.says("its time has come")
    shop = cluster.shops["shop"]
    cluster.configure({"shop": {"base_url": shop.url}}, ("t0",), engine="procrastinate", queue=cluster.url, dead_after=3.0)
    other = cluster.worker("--name", "other")
    other.visited("shop")
    until(lambda: "configuration is not the planner's" in cluster.run("workers"), "told")
    assert cluster.jobs("todo") == ["diary"]
    planner.says("the worker other on .*: its configuration is not the planner's")
    assert planner.health == "degraded"
    assert 'uptake_worker_differs{worker="other"} 1.0' in other.asked("/metrics")[1]
    cluster.plan()
    other.send(signal.SIGHUP)
    other.visited("diary")
    planner.says("over: the worker other on .*: its configuration is not")
    cluster.stop_all()


def test_jobs_of_another_version_are_left_to_those_who_understand_them(cluster: Cluster) -> None:
    sql = "INSERT INTO procrastinate_jobs (queue_name, task_name, args, queueing_lock) VALUES ('visit.2:shop', 'visit', '{\"x\": 1}', 'v2')"
    cluster.rows(sql + " RETURNING id")
    cluster.planner()
    cluster.worker()
    cluster.visited()
    said = cluster.run("workers")
    assert "visit of shop (jobs of another version of Uptake, 2): 1 job" in said
    assert "no worker is at work that takes it" in said
    cluster.stop_all()
    assert cluster.rows("SELECT status::text FROM procrastinate_jobs WHERE queueing_lock = 'v2'") == [("todo",)]


def test_one_process_alone_and_many_do_not_mix(cluster: Cluster) -> None:
    worker = cluster.worker()
    worker.says("http://")
    assert "there can be one daemon" in cluster.run("run", "--engine", "embedded", code=1)
    worker.stop()
    alone = cluster.start("run", "--engine", "embedded")
    alone.ready()
    assert "the engine procrastinate cannot join it" in cluster.run("worker", code=1)
    alone.stop()


def test_heavy_work_is_spread_and_told(cluster: Cluster, undisturbed: Reference) -> None:
    cluster.plan(dead_after=PATIENCE)  # or a worker that is slow, on a busy machine, counts as dead, and its piece is done again
    cluster.planner()
    cluster.worker()
    cluster.worker()
    cluster.visited()
    cluster.idle()
    asked = len(cluster.pages)
    said = cluster.run("reparse", "--spread", code=1)  # 1: the page that is gone is still missing
    assert "0 new figures, 0 revised" in said
    assert len(cluster.pages) == asked, "reading again asks nobody"
    said = cluster.run("backfill", "diary", "--spread")
    assert re.search(r"The Shop's Diary: .*[1-9]\d* new figures", said), said
    assert len([p for p in cluster.pages[asked:] if p.startswith("/diary")]) == 4, cluster.logs()
    cluster.idle()
    assert cluster.rows("SELECT count(*) FROM uptake_results") == [(3,)]
    cluster.stop_all()
    assert cluster.account.lost(undisturbed(*SOURCES)) == []


def test_what_is_spread_goes_on_without_who_asked_for_it(cluster: Cluster) -> None:
    cluster.planner()
    waiting = cluster.start("backfill", "diary", "--spread")
    until(lambda: cluster.rows("SELECT 1 FROM procrastinate_jobs WHERE task_name = 'backfill'"), "a piece")
    waiting.send(signal.SIGINT)
    assert waiting.wait() == 1
    assert "1 piece of work for the workers; Ctrl-C ends only the waiting" in waiting.log
    assert "no worker is at work that takes heavy work of diary; it waits until one is" in waiting.log
    assert "1 piece of 1 left; the workers go on" in waiting.log
    assert cluster.worker("--until-empty").wait() == 0
    assert cluster.rows("SELECT failed FROM uptake_results") == [("",)]
    cluster.stop_all()


def test_pages_of_another_machine_are_not_read_as_if_they_were_empty(cluster: Cluster) -> None:
    cluster.planner()
    cluster.worker()
    cluster.visited()
    cluster.idle()
    (cluster.store / "captures").rename(cluster.store / "elsewhere")
    assert "raw responses are not on this machine" in cluster.run("reparse", "shop", "--spread", code=1)
    (cluster.store / "elsewhere").rename(cluster.store / "captures")
    assert "raw responses are not on this machine" in cluster.run("workers")
    cluster.stop_all()


def test_a_topic_that_is_added_is_visited_after_the_configuration_is_read_again(cluster: Cluster) -> None:
    cluster.plan(topics=("t0",))
    planner, worker = cluster.planner(), cluster.worker()
    cluster.visited()
    cluster.idle()
    cluster.plan(topics=("t0", "t1"))
    worker.send(signal.SIGHUP)
    worker.says("read again")
    planner.send(signal.SIGHUP)
    cluster.visited(times=2)
    cluster.idle()
    cluster.stop_all()
    assert {key[0] for key in cluster.account.values} >= {'shop.widgets{topic="t1"}', 'diary.sold{topic="t1"}'}
