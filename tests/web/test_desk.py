"""Processes that make pages: asked once for many, not more at once than fit, replaced when they hang, sent home when idle."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from scheduler.web import desk as desks
from scheduler.web.desk import Desk
from scheduler.web.problems import Problem
from scheduler.web.question import Question, Setting, answer
from scheduler.web.shelf import Shelf

NOBODY = Setting(Path("nowhere"), "uptake.toml", {}, {}, ())

# A clerk that answers with what it was asked and how often, and does as it is told.
CLERK = """
import os, pickle, sys, time
from scheduler.web.question import HEAD, answer, read_question
incoming, outgoing = sys.stdin.buffer, sys.stdout.buffer
size, _ = HEAD.unpack(incoming.read(HEAD.size))
pickle.loads(incoming.read(size))
count = 0
while (question := read_question(incoming)) is not None:
    count += 1
    time.sleep(question.args.get("sleep", 0))
    if question.name == "die":
        os._exit(3)
    told = answer(f"{question.name} {count} {os.getpid()}", "text/plain", memory=question.args.get("memory", 1))
    outgoing.write(told.pack())
    outgoing.flush()
"""


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    start = asyncio.create_subprocess_exec

    async def instead(_program: str, *words: str, **options: Any) -> asyncio.subprocess.Process:
        return await start(sys.executable, "-c", f"import sys; sys.path.insert(0, {words[-1]!r})\n{CLERK}", **options)

    monkeypatch.setattr(desks.asyncio, "create_subprocess_exec", instead)


@asynccontextmanager
async def opened(**limits: Any) -> AsyncIterator[Callable[..., Any]]:
    desk = Desk(lambda: NOBODY, **limits)

    async def ask(name: str = "page", key: object = None, **args: Any) -> list[str]:
        found = await desk.ask(Question(name, args, 0), (name, key, str(args)) if key is None else key)
        return found.body.decode().split()

    ask.desk = desk  # type: ignore[attr-defined]
    try:
        yield ask
    finally:
        await desk.close()
        assert desk.processes == []


async def test_the_same_question_of_many_is_answered_once() -> None:
    async with opened() as ask:
        told = await asyncio.gather(*(ask("page", sleep=0.2) for _ in range(50)))
        assert len({tuple(t) for t in told}) == 1
        assert (await ask("page"))[1] == "2"


async def test_no_more_work_at_once_than_there_are_clerks() -> None:
    async with opened(clerks=2) as ask:
        told = await asyncio.gather(*(ask(f"p{n}", sleep=0.05) for n in range(8)))
        assert len({t[2] for t in told}) == 2


async def test_who_comes_when_too_many_wait_is_told_to_come_again() -> None:
    async with opened(clerks=1, waiting=3) as ask:
        waiting = [asyncio.ensure_future(ask(f"p{n}", sleep=0.2)) for n in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Problem) as problem:
            await ask("one more")
        assert problem.value.status == 503
        assert problem.value.headers["Retry-After"]
        assert len(await asyncio.gather(*waiting)) == 3
        assert (await ask("later"))[0] == "later"


async def test_a_clerk_that_takes_too_long_is_replaced() -> None:
    async with opened(seconds=3.0) as ask:
        first = await ask("quick")
        with pytest.raises(Problem, match="given up"):
            await ask("slow", sleep=60)
        assert (await ask("after"))[2] != first[2]


async def test_a_clerk_that_dies_at_work_is_told_of_and_replaced() -> None:
    async with opened() as ask:
        with pytest.raises(Problem) as problem:
            await ask("die")
        assert problem.value.status == 500
        assert (await ask("after"))[0] == "after"


async def test_clerks_that_died_in_their_sleep_fail_nobody() -> None:
    async with opened(clerks=2) as ask:
        await asyncio.gather(*(ask(f"p{n}", sleep=0.1) for n in range(2)))
        for pid in ask.desk.processes:  # type: ignore[attr-defined]
            os.kill(pid, 9)
        assert (await ask("after"))[0] == "after"


async def test_a_clerk_that_has_grown_is_replaced() -> None:
    async with opened() as ask:
        first = await ask("large", memory=desks.LARGE + 1)
        assert (await ask("after"))[2] != first[2]


async def test_a_clerk_goes_home_when_nobody_asks() -> None:
    async with opened(idle=0.1) as ask:
        await ask()
        for _ in range(100):
            if not ask.desk.processes:  # type: ignore[attr-defined]
                break
            await asyncio.sleep(0.05)
        assert ask.desk.processes == []  # type: ignore[attr-defined]
        assert (await ask("again"))[0] == "again"


async def test_a_new_configuration_is_told_to_new_clerks() -> None:
    async with opened() as ask:
        first = await ask()
        ask.desk.renew()  # type: ignore[attr-defined]
        assert (await ask("after"))[2] != first[2]


async def test_one_that_does_not_wait_does_not_stop_the_others() -> None:
    async with opened() as ask:
        leaving, staying = asyncio.ensure_future(ask("page", sleep=0.3)), asyncio.ensure_future(ask("page", sleep=0.3))
        await asyncio.sleep(0.1)
        leaving.cancel()
        assert (await staying)[0] == "page"


def test_what_is_kept_fits_its_room_and_the_newest_stay() -> None:
    shelf = Shelf(room=1000, largest=400)
    for n in range(20):
        shelf.put(n, answer("x" * 90, "image/png"))
    assert shelf.bytes <= 1000
    assert shelf.get(19) is not None
    assert shelf.get(0) is None
    shelf.put("large", answer("x" * 500, "image/png"))
    assert shelf.get("large") is None
    shelf.put("problem", answer("x", "image/png", 404))
    assert shelf.get("problem") is None
