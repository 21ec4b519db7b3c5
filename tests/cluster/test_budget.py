"""An allowance holds over all workers together, also where one is killed in the middle: shown from the servers' own logs."""

from __future__ import annotations

import shutil
import signal
from typing import Any

import pytest

from storage.periods import HOUR
from tests.cluster.conftest import Cluster, Machines
from tests.faults.machine import until

BUDGET = 9
TOPICS = tuple(f"t{n}" for n in range(12))
LOOK = 2 * HOUR


def spent(cluster: Cluster) -> dict[str, int]:
    """What each source asked for in all, robots.txt left out."""
    return {name: sum(a.path != "/robots.txt" for a in shop.log) for name, shop in cluster.shops.items()}


def plan(cluster: Cluster, topics: tuple[str, ...] = TOPICS) -> None:
    sources: dict[str, dict[str, Any]] = {
        name: {"base_url": shop.url, "budget": BUDGET, "schedule": "0 */2 * * *"} for name, shop in cluster.shops.items()
    }
    cluster.configure(sources, topics, engine="procrastinate", queue=cluster.url, dead_after=3.0, lease=10)
    if hasattr(cluster, "store_elsewhere"):
        cluster.store_elsewhere()
    for home in cluster.folder.glob("machine-*"):
        shutil.copy(cluster.folder / "uptake.toml", home)


@pytest.mark.parametrize("where", ["cluster", "machines"])
@pytest.mark.parametrize("step", [("capture", 3, "before"), ("capture", 4, "after"), ("commit", 1, "after")], ids=str)
def test_no_more_is_asked_in_a_day_than_the_budget_lets(where: str, step: tuple[str, int, str], request: pytest.FixtureRequest) -> None:
    cluster: Cluster = request.getfixturevalue(where)
    plan(cluster)
    first = cluster.worker("--name", "first", kill=step)
    first.says("http://")
    cluster.planner()
    assert first.wait() == -signal.SIGKILL, "the step was never taken"
    for n in range(2):
        cluster.worker("--name", f"w{n}")
    until(lambda: cluster.lines("of a worker that died are given to others"), "work taken back")
    for name in cluster.shops:
        cluster.visited_at(name)
    cluster.idle()
    for _ in range(4):
        cluster.jump(LOOK)
        cluster.rows("UPDATE procrastinate_jobs SET scheduled_at = now() WHERE task_name = 'call' RETURNING 1")
        cluster.idle()
    cluster.stop_all()
    found = spent(cluster)
    assert max(found.values()) <= BUDGET, found
    assert min(found.values()) >= BUDGET - 3, f"the allowance was not used: {found}"
    assert "Traceback" not in cluster.logs()


def test_what_one_visit_leaves_of_the_budget_is_the_next_ones_whoever_makes_it(machines: Machines) -> None:
    cluster: Cluster = machines
    plan(cluster, TOPICS[:3])
    workers = [cluster.worker("--name", f"w{n}") for n in range(3)]
    planner = cluster.planner()
    for name in cluster.shops:
        cluster.visited_at(name)
    cluster.idle()
    before = spent(cluster)
    assert max(before.values()) == 3, "one for each topic"
    shop = cluster.shops["shop"]
    for turn, count in enumerate((6, 9, 12)):
        if turn == 1:
            shop.doors.clear()
        plan(cluster, TOPICS[:count])
        for member in (*workers, planner):
            if not member.ended:
                member.send(signal.SIGHUP)
                member.says("read again", times=turn + 1)
        cluster.jump(LOOK)
        if turn == 1:
            seen = len(shop.log)
            until(lambda: at_work(cluster) and len(shop.arrived) > seen, f"somebody asks\n{cluster.logs()}")  # noqa: B023
            (name,) = at_work(cluster)
            victim = workers[int(name.removeprefix("w"))]
            victim.send(signal.SIGKILL)
            assert victim.wait() == -signal.SIGKILL
            shop.doors.set()
            until(lambda: cluster.lines("of a worker that died are given to others"), "work taken back")
        for name in cluster.shops:
            cluster.visited_at(name, turn + 2)
        cluster.idle()
        assert spent(cluster).keys() == before.keys()
        assert max(spent(cluster).values()) <= BUDGET, spent(cluster)
    cluster.stop_all()
    assert spent(cluster)["diary"] == BUDGET, "nobody was killed while asking there"
    assert "Traceback" not in cluster.logs()


def at_work(cluster: Cluster) -> set[str]:
    """The names of those who visit the shop."""
    rows = cluster.rows(
        "SELECT w.name FROM uptake_workers w JOIN procrastinate_jobs j ON j.worker_id = ANY(w.numbers)"
        " WHERE j.status = 'doing' AND j.args->>'source' = 'shop'"
    )
    return {name for (name,) in rows}
