"""Responses of one source that several workers read again at once: what comes of it is what one alone would have made of it."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from scheduler.engines.queue.spread import Outcome, piece_options, reparse_pieces
from storage.periods import DAY
from tests.cluster.conftest import Cluster
from tests.cluster.hall import SOURCE, Hall
from tests.faults.machine import until

DAYS = 6
Spreading = Callable[[], Outcome]


@pytest.fixture(params=[False, True], ids=["files", "leases"])
def hall(request: pytest.FixtureRequest, cluster: Cluster) -> Hall:
    return Hall(cluster, leases=request.param, days=DAYS)


@pytest.fixture
def begin(hall: Hall) -> Iterator[Callable[[], Spreading]]:
    """Spread the work without waiting; gives what waits for its end."""
    threads: list[threading.Thread] = []

    def go() -> Spreading:
        came: list[Outcome] = []
        threads.append(threading.Thread(target=lambda: came.append(hall.spread()), daemon=True))
        threads[-1].start()

        def wait() -> Outcome:
            threads[-1].join(60)
            assert came, f"it never came to its end\n{hall.cluster.logs()}"
            return came[0]

        return wait

    yield go
    for thread in threads:
        thread.join(1)


def test_what_several_workers_read_again_at_once_is_what_one_alone_would_have_read(hall: Hall) -> None:
    before, asked = hall.known, len(hall.cluster.pages)
    alone = hall.by_one_alone()
    assert alone.account.values != before.account.values
    assert {state for *_, state in alone.points} == {0, 2}, "some figure was withdrawn"
    assert "missing(parse_error)" in alone.account.ends.values()
    for _ in range(2):
        hall.cluster.worker()
    came = hall.spread(size=1)
    assert came.failed == []
    assert came.left == 0
    assert hall.known == alone
    assert len(hall.cluster.pages) == asked, "reading again asks nobody"
    assert set(Counter(run for run, _ in hall.rereads()).values()) == {1}
    assert (came.counts[SOURCE]["new"], came.counts[SOURCE]["revised"]) == (DAYS, DAYS)
    hall.cluster.stop_all()


@pytest.mark.parametrize(
    "step", [("again", 2, "before"), ("commit", 2, "before"), ("commit", 2, "after"), ("finish", 1, "before")], ids=str
)
def test_what_a_killed_worker_was_reading_is_read_by_another(
    hall: Hall, begin: Callable[[], Spreading], step: tuple[str, int, str]
) -> None:
    alone = hall.by_one_alone()
    first = hall.cluster.worker(kill=step)
    first.says("http://")
    spreading = begin()
    assert first.wait() == -signal.SIGKILL, "the step was never taken"
    hall.cluster.worker()
    assert spreading().failed == []
    assert hall.known == alone
    assert all(ended for _, ended in hall.rereads()), "what the dead one began is left open"
    hall.cluster.stop_all()


def test_a_worker_that_slept_in_the_middle_of_a_piece_does_no_harm_when_it_wakes(hall: Hall, begin: Callable[[], Spreading]) -> None:
    alone = hall.by_one_alone()
    first = hall.cluster.worker(kill=("again", 2, "asleep"))
    first.says("http://")
    spreading = begin()
    hall.asleep(first)
    hall.cluster.worker()
    if hall.url is None:  # files are let go of by nobody but their holder
        until(lambda: hall.cluster.lines("of a worker that died are given to others"), "work taken back")
        first.send(signal.SIGCONT)
        came = spreading()
    else:
        came = spreading()
        done = hall.rereads()
        first.send(signal.SIGCONT)
        first.says("could not confirm in time that")
        hall.cluster.idle()
        assert hall.rereads() == done, "it planned a reading over its successor's"
    assert came.failed == []
    hall.cluster.idle()
    assert hall.known == alone
    assert all(ended for _, ended in hall.rereads())
    hall.cluster.stop_all()


def test_while_one_worker_stands_still_another_reads_on_in_the_same_source(hall: Hall, begin: Callable[[], Spreading]) -> None:
    hall.configure(dead_after=60)
    first = hall.cluster.worker("--concurrency", "1", kill=("commit", 2, "asleep"))
    first.says("http://")
    spreading = begin()
    hall.asleep(first)
    hall.cluster.worker()
    until(lambda: sum(ended for _, ended in hall.rereads()) == len(hall.runs()) - 1, f"all others\n{hall.cluster.logs()}")
    first.send(signal.SIGCONT)
    assert spreading().failed == []
    if hall.url is None:  # a lease may have run out meanwhile
        assert set(Counter(run for run, _ in hall.rereads()).values()) == {1}
    hall.cluster.stop_all()


def test_a_visit_waits_for_the_run_that_is_being_read_and_never_takes_it_for_a_dead_ones(
    hall: Hall, begin: Callable[[], Spreading]
) -> None:
    hall.cluster.jump(DAY)
    alone = hall.by_one_alone(("collect", SOURCE))
    first = hall.cluster.worker(kill=("commit", 2, "asleep"))
    first.says("http://")
    spreading = begin()
    hall.asleep(first)
    begun = hall.rereads()
    assert not begun[-1][1]
    visit = hall.process("collect", SOURCE)
    visit.says("or reading its responses again; waiting until it is done")
    assert hall.rereads() == begun
    first.send(signal.SIGCONT)
    assert visit.wait() == 1  # the page that is gone is missing
    assert spreading().failed == []
    assert hall.known == alone
    assert set(Counter(run for run, _ in hall.rereads()).values()) == {1}
    hall.cluster.stop_all()


def _lock(piece: int, *, apart: bool) -> str:
    return str(piece_options("reparse", "toy", "host:toys", "b", piece, apart=apart)["lock"])


def test_pieces_that_stand_apart_share_no_lock_with_visits_nor_with_one_another() -> None:
    assert [_lock(n, apart=False) for n in (0, 1)] == ["host:toys"] * 2
    assert len({"host:toys", *(_lock(n, apart=True) for n in range(20))}) == 21
    assert [p.apart for p in reparse_pieces("toy", ["a", "b"], 0, apart=True, size=1)] == [True, True]
