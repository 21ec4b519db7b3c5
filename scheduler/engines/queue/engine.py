"""The engine of a process among others: it plans, it works, or both, and lives through a PostgreSQL that goes and comes."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from procrastinate import App
from procrastinate.worker import Worker

from crawlers.settings import program_version
from scheduler.engines.queue import names
from scheduler.engines.queue.hands import Hands
from scheduler.engines.queue.opening import AwayError, words
from scheduler.engines.queue.own_house import OwnHouse
from scheduler.engines.queue.patient import FIRST, LONGEST, Fenced, Patient
from scheduler.engines.queue.planner import Planner
from scheduler.engines.queue.roster import FAILURES, QUEUES, WORKERS, fingerprint, roster
from scheduler.engines.queue.schema import newest, prepare
from scheduler.engines.queue.store import Store
from scheduler.engines.queue.watching import SharedWatch
from scheduler.engines.work import Work
from storage.model import UptakeError

logger = logging.getLogger(__name__)
EACH_MINUTE = "* * * * *"
HEAVY_SHARE = 4  # the part of what a worker does at once that may be heavy work besides
POLL = 1.0  # seconds between two looks for work; what is new is told at once, what waited for a lock is not
PRUNE = 3600.0  # seconds after which procrastinate forgets a worker; its work is taken back long before


@dataclass(frozen=True, slots=True)
class Part:
    """What a process takes part in."""

    plans: bool = False
    works: bool = True
    takes: tuple[str, ...] = ()  # as `uptake worker --queues` has it
    concurrency: int | None = None  # instead of [daemon] concurrency
    name: str = ""
    until_empty: bool = False


class Queue:
    """Planner, worker, or both. ``over`` ends the process with an exit code."""

    def __init__(self, work: Work, over: Callable[[int], None], part: Part) -> None:
        assert isinstance(work.watch, SharedWatch)
        self._work, self._watch, self._over, self._part = work, work.watch, over, part
        self._watch.plans = part.plans
        self.name = part.name or f"{socket.gethostname()}-{os.getpid()}"
        self._id = uuid.uuid4().hex
        self._hands = Hands(work, self.name)
        self._planner = Planner(self._hands)
        self._house = OwnHouse(work, self.name)
        self._next: dict[str, int] = {}
        self._fetching: dict[asyncio.Task[None], Worker] = {}
        self._leaving: dict[asyncio.Task[None], Worker] = {}
        self._paused = asyncio.Event()
        self._wake = asyncio.Event()
        self._missed: set[int] = set()  # jobs that are said to be ours and are not at work here
        self._signed = 0.0  # when the server last took a sign of life, on the loop's clock
        self._gap, self._grace = 0.0, 0.0  # for how long it took none, and until when that is reckoned with
        self._life: asyncio.Task[None] | None = None
        self._connector: Patient | None = None
        self._manager: Fenced | None = None
        logging.getLogger("procrastinate").setLevel(logging.WARNING)
        logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # it says so at each try; we do once

    # What the daemon asks

    async def start(self) -> None:
        self._life = asyncio.get_running_loop().create_task(self._live())

    def next_visits(self) -> dict[str, int]:
        return dict(self._next)

    async def renew(self) -> None:
        self._planner.renew()
        self._leaving |= self._fetching
        for worker in self._fetching.values():
            worker.stop()  # type: ignore[no-untyped-call]  # procrastinate leaves it so
        self._fetching.clear()
        self._wake.set()

    def jumped(self, *, forward: bool) -> None:  # noqa: ARG002  # the plan is looked at each minute
        self._planner.renew()
        self._wake.set()

    def pause(self) -> None:
        self._hands.draining = True  # what was just taken goes back
        for worker in self._fetching.values():
            worker.stop()  # type: ignore[no-untyped-call]  # procrastinate leaves it so
        self._paused.set()
        self._wake.set()

    async def stop(self, within: float) -> None:
        if self._life is None:
            return
        late = {self._life}
        try:
            _, late = await asyncio.wait({self._life}, timeout=max(within, 2.0))
        finally:
            if self._connector is not None:
                self._connector.give_up()
            for task in late:
                task.cancel()
            await asyncio.wait({self._life}, timeout=1.0)

    # Its life

    @property
    def _beat(self) -> float:
        return min(10.0, self._work.settings.daemon.dead_after / 6)

    async def _live(self) -> None:
        wait = FIRST
        while not self._paused.is_set():
            try:
                await asyncio.to_thread(prepare, self._work.settings.queue)
                await self._session()
                wait = FIRST
            except asyncio.CancelledError:
                raise
            except Exception as error:
                said = error if isinstance(error, UptakeError) else words(error, self._work.settings.queue)
                if not isinstance(said, AwayError):
                    logger.warning("the queue: %s", said, exc_info=None if isinstance(error, UptakeError) else error)
                self._watch.queue(str(said))
                await self._rest(wait)
                wait = min(LONGEST, wait * 2)

    async def _rest(self, seconds: float) -> None:
        self._wake.clear()
        if not self._paused.is_set():
            try:
                await asyncio.wait_for(self._wake.wait(), seconds)
            except TimeoutError:
                return

    async def _session(self) -> None:
        """At work until told to stop. Raises where PostgreSQL says something that waiting does not mend."""
        self._connector = connector = Patient(self._work.settings.queue, f"uptake {self.name}", self._watch.queue)
        app = App(connector=connector)
        app.job_manager = self._manager = Fenced(connector)
        self._hands.store = store = Store(app, connector)
        self._hands.register(app)
        if self._part.plans:
            self._register_plan(app)
        async with app.open_async():
            self._watch.queue(None)
            try:
                await self._sign(store)
                while not self._paused.is_set():
                    if self._part.plans and self._planner.stale:
                        await self._planner.plan()
                    self._keep_fetching(app)
                    await self._look(store)
                    await self._rest(self._beat if not self._part.until_empty else 0.2)
            finally:
                await self._drain(store)
                await store.sign_off(self._id)

    def _register_plan(self, app: App) -> None:
        async def plan(**_: Any) -> None:
            try:
                await self._planner.plan()
                self._watch.tell_shared()
            except UptakeError as error:  # the journal is away, say; visits tell it as a trouble
                logger.warning("%s; it is planned again in a minute", error)
            self._wake.set()

        queue = names.queue(names.PLAN)
        task = app.task(name=names.PLAN, queue=queue, queueing_lock=names.PLAN, lock=names.PLAN, pass_context=True)
        app.periodic(cron=EACH_MINUTE)(task(self._hands.counted(plan)))

    def _queues(self) -> list[tuple[list[str], int]]:
        """What this process takes, and how much of it at once."""
        found: list[tuple[list[str], int]] = []
        if self._part.plans:
            found.append(([names.queue(names.PLAN), names.queue(names.DUTY)], 2))
        known = [name for name, s in self._work.settings.sources.items() if s.enabled]
        if self._part.works and (taken := names.queues(self._part.takes, known)):
            most = self._part.concurrency or self._work.settings.daemon.concurrency
            heavy = [name for name in taken if names.parts(name)[0] == names.HEAVY]
            visits = [name for name in taken if name not in heavy]
            if visits:
                found.append((visits, most))
            if heavy:  # beside visits little of it, so that no visit waits for room, and other workers get their share
                found.append((heavy, max(1, most // HEAVY_SHARE) if visits else most))
        return found

    def _taken(self) -> list[str]:
        return [name for queues, _ in self._queues() for name in queues]

    def _keep_fetching(self, app: App) -> None:
        """Begin to take work, also after the configuration changed or procrastinate's worker ended by itself."""
        for tasks in (self._fetching, self._leaving):
            for task in [t for t in tasks if t.done()]:
                tasks.pop(task)
                if not task.cancelled() and (error := task.exception()) is not None:
                    logger.warning("taking work from the queue ended: %s; it is begun anew", words(error, self._work.settings.queue))
        at_work = [worker.queues for worker in self._fetching.values()]
        for queues, concurrency in self._queues():
            if queues in at_work:
                continue
            worker = Worker(
                app,
                queues=queues,
                name=self.name,
                concurrency=concurrency,
                fetch_job_polling_interval=POLL,
                abort_job_polling_interval=PRUNE,
                delete_jobs="successful",
                install_signal_handlers=False,
                update_heartbeat_interval=self._beat,
                stalled_worker_timeout=PRUNE,
            )
            self._fetching[asyncio.get_running_loop().create_task(worker.run())] = worker  # type: ignore[no-untyped-call]

    def _numbers(self) -> list[int]:
        """procrastinate's numbers of this process."""
        return [w.worker_id for w in (*self._fetching.values(), *self._leaving.values()) if w.worker_id is not None]

    async def _sign(self, store: Store) -> None:
        await store.sign(
            {
                "id": self._id,
                "name": self.name,
                "host": socket.gethostname(),
                "pid": os.getpid(),
                "version": program_version(),
                "migration": newest(),
                "config": fingerprint(self._work.settings),
                "plans": self._part.plans,
                "queues": self._taken(),
                "concurrency": sum(count for _, count in self._queues()),
                "numbers": self._numbers(),
            }
        )

    async def _look(self, store: Store) -> None:
        """A sign of life; work of the dead; what comes next; whether there is anything left."""
        await self._sign(store)
        before = self._busy()
        dead_after = self._silence(asyncio.get_running_loop().time())
        if (count := await store.take_back(dead_after)) > 0:
            logger.warning("jobs of a worker that died are given to others: %d", count)
        if numbers := self._numbers():
            await self._take_back_own(store, numbers, before)
        if self._part.plans:
            self._next = await self._planner.next()
        await self._own_house()
        self._watch.seen(roster(await store.rows(WORKERS), await store.rows(QUEUES), await store.rows(FAILURES), dead_after))
        if self._part.until_empty and not self._hands.running and not await store.waiting(self._taken()):
            self._over(int(self._hands.failures > 0))

    def _silence(self, now: float) -> float:
        """Seconds without a sign after which a process counts as dead: more where nobody could give one, as the server was away."""
        limit = self._work.settings.daemon.dead_after
        if self._signed and now - self._signed > limit / 2:
            self._gap, self._grace = now - self._signed, now + limit
        self._signed = now
        return limit + (self._gap if now < self._grace else 0.0)

    async def _own_house(self) -> None:
        try:
            await self._house.look()
        except (OSError, UptakeError) as error:
            logger.warning("this machine's disk is tidied up later: %s", error)

    async def _take_back_own(self, store: Store, numbers: Sequence[int], before: set[int]) -> None:
        """A job that the server gave to us and that never arrived: seen twice, so that one that is just arriving is left alone."""
        lost = await store.doing(numbers) - before - self._busy()
        if self._missed & lost:
            await store.take_back_own(numbers, [*self._busy(), *(lost - self._missed)])
        self._missed = lost

    def _busy(self) -> set[int]:
        """Jobs that are at work here, or done without the server knowing it yet, because it was away."""
        return self._hands.running | (self._manager.ending if self._manager is not None else set())

    async def _drain(self, store: Store) -> None:
        """Wait for what was taken; whoever works on it was told to stop. We live until then."""
        await asyncio.sleep(0)  # procrastinate's worker forgets that it was told to stop before it ran
        for worker in self._fetching.values():
            worker.stop()  # type: ignore[no-untyped-call]  # procrastinate leaves it so
        tasks: set[asyncio.Task[None]] = {*self._fetching, *self._leaving}
        while tasks:
            _, tasks = await asyncio.wait(tasks, timeout=self._beat)
            if tasks:
                await self._sign(store)
        self._fetching.clear()
        self._leaving.clear()


__all__ = ["Part", "Queue"]
