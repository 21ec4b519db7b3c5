"""What is called when, who asks the same hosts, what queues are called: pure."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.cli.cluster import takes
from scheduler.engines.queue import calls, names
from scheduler.engines.queue.families import families
from scheduler.engines.queue.planner import Planner
from scheduler.engines.queue.roster import roster
from scheduler.schedule import jitter, next_time
from storage.periods import DAY, read_time

if TYPE_CHECKING:
    from scheduler.engines.queue.hands import Hands

NOON = read_time("2026-11-20T12:00:00Z")
DAILY = "17 3 * * *"


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.lists(st.sampled_from("vwxyz"), max_size=3), max_size=8))
def test_sources_that_share_a_host_share_a_lock_and_others_do_not(hosts: dict[str, list[str]]) -> None:
    found = families(hosts)
    for one, asked in hosts.items():
        for other, too in hosts.items():
            if set(asked) & set(too):
                assert found[one] == found[other]
    linked = {name: set(asked) for name, asked in hosts.items()}
    for name, asked in hosts.items():  # grow each set by all that it touches
        reach = set(asked)
        while any(reach & more and not more <= reach for more in linked.values()):
            reach |= {h for more in linked.values() if reach & more for h in more}
        same = {n for n, more in linked.items() if more & reach} | {name}
        assert {n for n in hosts if found[n] == found[name]} == same


@given(st.integers(NOON, NOON + 400 * DAY), st.text(max_size=5), st.sampled_from([DAILY, "*/10 * * * *", "0 0 * * mon"]))
def test_a_call_comes_within_the_jitter_of_its_time_and_is_answered_once(now: int, seed: str, line: str) -> None:
    when = calls.upcoming(line, now, "github", seed)
    fire = next_time(line, now)
    assert when is not None
    assert fire is not None
    assert fire <= when <= fire + jitter(line, fire)
    assert when == calls.upcoming(line, now, "github", seed), "all planners reckon the same"
    assert not calls.has_called(line, now, when - 1, "github", seed)
    assert calls.has_called(line, now, when, "github", seed)
    assert not calls.has_called(line, when, when, "github", seed)


def test_a_call_that_was_answered_by_a_wrong_clock_is_answered_again() -> None:
    assert calls.has_called(DAILY, NOON + 7 * DAY, NOON, "github", "s")


def test_queues_are_named_for_their_kind_version_and_source() -> None:
    assert names.queues([], ["a", "b"]) == ["visit.1:a", "visit.1:b", "heavy.1:a", "heavy.1:b"]
    assert names.queues(["visits"], ["a"]) == ["visit.1:a"]
    assert names.queues(["b"], ["a", "b"]) == ["visit.1:b"]
    assert names.queues(["heavy", "a"], ["a", "b"]) == ["visit.1:a", "heavy.1:a", "heavy.1:b"]
    assert names.parts("visit.12:custom.x") == ("visit", "12", "custom.x")
    assert names.parts(names.queue(names.PLAN)) == ("plan", "1", "")


def _worker(name: str, **more: object) -> dict[str, object]:
    plain = {"name": name, "host": "h", "pid": 1, "version": "0", "plans": False, "concurrency": 8, "started": 0, "silent": 1.0}
    return plain | {"config": "a", "queues": [], "doing": []} | more


def test_planners_that_differ_from_one_another_are_told() -> None:
    found = roster([_worker("p", plans=True), _worker("q", plans=True, config="b"), _worker("w"), _worker("x", config="c")], [], [], 60)
    said = {w.name: w.differs.split(";")[0] for w in found.workers}
    assert said["p"] == said["q"] == "the planners have different configurations"
    assert said["x"] == "its configuration is not the planner's"
    assert "configuration" not in said["w"]


def test_a_worker_that_says_nothing_is_dead_and_takes_nothing() -> None:
    waiting = [{"queue": "visit.1:a", "task": "visit", "waiting": 1, "later": 0, "oldest": 5.0}]
    assert roster([_worker("w", queues=["visit.1:a"])], waiting, [], 60).waiting[0].taken
    dead = roster([_worker("w", queues=["visit.1:a"], silent=61.0)], waiting, [], 60)
    assert dead.workers[0].dead
    assert not dead.waiting[0].taken


@pytest.mark.parametrize(
    ("queues", "said"),
    [
        (names.queues([], ["a", "b"]), "all"),
        (names.queues([], ["a", "b", "off"]), "all"),
        (names.queues(["heavy"], ["a", "b"]), "heavy"),
        (names.queues(["heavy", "a"], ["a", "b"]), "visits of a, heavy"),
        (names.queues([], ["a", "c"]), "visits of a, c, heavy of a, c"),
        ([names.queue(names.PLAN), names.queue(names.DUTY)], "the plan"),
        ([names.queue(names.PLAN), *names.queues(["visits"], ["a", "b"])], "visits"),
    ],
)
def test_what_a_worker_takes_is_said_as_it_was_asked_for(queues: list[str], said: str) -> None:
    assert takes(queues, ["a", "b"]) == said


class Store:
    """A queue that says nothing, and in which the configuration changes while it is asked."""

    def __init__(self) -> None:
        self.meanwhile: Callable[[], None] = lambda: None
        self.answered: list[str] = []

    async def called(self) -> dict[str, int]:
        self.meanwhile()
        return {}

    async def pending(self) -> dict[str, object]:
        return {}

    async def seed(self) -> str:
        return "a seed"

    async def answer(self, call: str, *_: object, **_more: object) -> bool:
        self.answered.append(call)
        return True

    async def tidy(self) -> None:
        pass


def test_a_configuration_that_changes_while_it_is_planned_is_planned_anew() -> None:
    store, sources = Store(), {"shop": SimpleNamespace(schedule=DAILY), "diary": SimpleNamespace(schedule=DAILY)}
    work = SimpleNamespace(
        clock=lambda: NOON, asked=lambda: list(sources), late=list, duties=list, settings=SimpleNamespace(sources=sources)
    )
    planner = Planner(cast("Hands", SimpleNamespace(work=work, store=store)))

    def change() -> None:
        sources.pop("diary", None)
        planner.renew()

    store.meanwhile = change
    asyncio.run(planner.plan())
    assert store.answered == ["visit:shop"], "what is no longer there is left alone"
    assert planner.stale, "what was planned is of a configuration that no longer holds"
    store.meanwhile = lambda: None
    asyncio.run(planner.plan())
    assert not planner.stale
    assert list(asyncio.run(planner.next())) == ["shop"]
