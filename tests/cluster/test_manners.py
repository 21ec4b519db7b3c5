"""However many workers there are, and whoever of them is killed: one host is never asked by two at once, as its own log shows."""

from __future__ import annotations

import os
import random
import signal
import time
from http.server import BaseHTTPRequestHandler
from itertools import count
from typing import Any

import pytest

from scheduler.demo.servers.service import Asked
from storage.periods import DAY
from tests.cluster.conftest import SOURCES, Cluster, Reference
from tests.faults.levels import only_levels_passed
from tests.faults.machine import until
from tests.faults.street import Street

DAYS = {"cluster": 4, "machines": 2}  # on several machines a dead worker's leases have to run out
SOAK = float(os.environ.get("UPTAKE_CHAOS", "0"))  # seconds for which it goes on


class Watched(Street):
    """Takes its time, and notes who asked from when to when."""

    def __init__(self) -> None:
        super().__init__()
        self.visitors: list[tuple[float, float, str]] = []

    def respond(self, asked: Asked) -> tuple[int, Any]:
        time.sleep(0.2)
        return super().respond(asked)

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        began, who = time.monotonic(), request.headers["User-Agent"]
        try:
            super().handle(request)
        finally:
            self.visitors.append((began, time.monotonic(), who))


def together(visitors: list[tuple[float, float, str]]) -> list[tuple[str, str]]:
    """Who was there at the same time as somebody else."""
    found, last = [], ("", 0.0)
    for began, ended, who in sorted(visitors):
        if who != last[0] and began < last[1]:
            found.append((last[0], who))
        last = (who, max(ended, last[1]))
    return found


def test_two_that_ask_at_once_are_seen() -> None:
    assert together([(0, 2, "a"), (1, 3, "a"), (3.5, 4, "b")]) == []
    assert together([(0, 2, "a"), (0.5, 0.6, "a"), (1, 3, "b")]) == [("a", "b")]


@pytest.mark.parametrize("where", ["cluster", "machines"])
def test_no_host_is_asked_by_two_workers_at_once(where: str, request: pytest.FixtureRequest, undisturbed: Reference) -> None:
    cluster: Cluster = request.getfixturevalue(where)
    dice = random.Random(9)
    days, end = DAYS[where], time.monotonic() + SOAK
    with Watched() as street:
        cluster.shops = dict.fromkeys(SOURCES, street)  # both sources ask one host
        numbers = count()

        def hire() -> Any:
            """A worker that says who it is to those that it asks."""
            name = f"worker-{next(numbers)}"
            cluster.plan(crawl={"contact": f"mailto:{name}@example.org"})
            worker = cluster.worker("--name", name)
            worker.says("http://")
            return worker

        workers, killed = [hire() for _ in range(3)], 0
        day = 0
        while day < days or time.monotonic() < end:
            enough = len(street.visitors) + dice.randrange(1, 4)
            if day:
                cluster.jump(DAY)
            else:
                cluster.planner()
            until(lambda enough=enough: len(street.visitors) >= enough, f"somebody comes\n{cluster.logs()}")
            doing = [w["name"] for w in _doing(cluster)]
            victim = next((n for n, w in enumerate(workers) if f"worker-{n}" in doing and not w.ended), None)
            if victim is not None:
                workers[victim].send(signal.SIGKILL)
                killed += 1
                workers.append(hire())
                assert workers[victim].wait() == -signal.SIGKILL
            until(lambda: cluster.jobs("todo") == cluster.jobs("doing") == [], f"the day's work\n{cluster.logs()}", within=60)
            day += 1
        cluster.stop_all()
        assert killed >= day - 1, "nobody was at work when it was looked for a victim"
        assert len({who for *_, who in street.visitors}) > 2, "the work went to several"
        assert together(street.visitors) == []
        cluster.shops = {}
    account = cluster.account
    whole = undisturbed(*SOURCES, later=tuple(DAY * n for n in range(1, day)))
    assert only_levels_passed(account.lost(whole), account.ends) == 0


def _doing(cluster: Cluster) -> list[dict[str, Any]]:
    rows = cluster.rows(
        "SELECT w.name FROM uptake_workers w JOIN procrastinate_jobs j ON j.worker_id = ANY(w.numbers) WHERE j.status = 'doing'"
    )
    return [{"name": name} for (name,) in rows]
