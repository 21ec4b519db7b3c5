"""A worker that sleeps for longer than its lease lasts, just before it plans: when it wakes it plans nothing over its successor."""

from __future__ import annotations

import signal
from collections import Counter

from scheduler.catchup import PASSED
from storage import ledger
from storage.journal import Journal
from storage.periods import DAY
from tests.cluster.conftest import Cluster
from tests.cluster.hall import SOURCE, Hall
from tests.faults.machine import DONE, until


def test_what_passed_unmeasured_is_told_by_the_successor_alone(cluster: Cluster) -> None:
    hall = Hall(cluster, leases=True, days=2)
    cluster.jump(3 * DAY)
    first = cluster.worker(kill=("passed", 1, "asleep"))
    first.says("http://")
    cluster.planner()
    hall.asleep(first)
    cluster.worker().says(DONE.format(SOURCE))
    done = runs(hall)
    assert Counter(run.finished_as for run in done)[PASSED] == 1
    first.send(signal.SIGCONT)
    until(lambda: "labels is still its own" in str(cluster.rows("SELECT said FROM uptake_failures")), f"refused\n{cluster.logs()}")
    cluster.idle()
    assert [run.id for run in runs(hall)] == [run.id for run in done], "it planned what was told already"
    assert hall.known.account.ends
    cluster.stop_all()


def runs(hall: Hall) -> list[ledger.Run]:
    with Journal.open(hall.cluster.store, hall.url) as journal, journal.read() as connection:
        return ledger.runs(connection, SOURCE)
