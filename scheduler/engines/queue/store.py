"""What planners and workers say to the queue's PostgreSQL besides procrastinate's own words: small transactions that bear repetition."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from procrastinate import App, exceptions
from psycopg.rows import dict_row

from scheduler.engines.queue import names
from scheduler.engines.queue.patient import Patient

if TYPE_CHECKING:
    from psycopg import AsyncConnection

T = TypeVar("T")
KEPT_FAILURES = 1000
FORGET = "1 hour"  # a worker that was not heard of so long is no longer listed
SILENT = "30 seconds"  # or so long, where one of its name came after it on its machine: a container that was started again

_CALLED = """
INSERT INTO uptake_calls AS c VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET called = EXCLUDED.called
WHERE c.called = %s RETURNING 1
"""
_PENDING = """
SELECT task_name, args->>'source' AS source, status::text AS status,
       CASE WHEN scheduled_at > now() THEN extract(epoch FROM scheduled_at - now())::float ELSE 0 END AS wait
FROM procrastinate_jobs WHERE status IN ('todo', 'doing') AND task_name IN ('visit', 'call')
"""
_STALLED = """
SELECT job.id, job.queueing_lock FROM procrastinate_jobs job LEFT JOIN procrastinate_workers w ON w.id = job.worker_id
WHERE job.status = 'doing' AND {condition} ORDER BY job.id FOR UPDATE OF job SKIP LOCKED
"""
_DEAD = "(job.worker_id IS NULL OR w.last_heartbeat < now() - make_interval(secs => %s))"
_ORPHANED = "job.worker_id = ANY(%s) AND NOT job.id = ANY(%s)"
_BACK = """
UPDATE procrastinate_jobs SET status = 'todo', attempts = attempts + 1, scheduled_at = NULL, worker_id = NULL WHERE id = %s
AND NOT EXISTS (SELECT 1 FROM procrastinate_jobs o WHERE o.queueing_lock = %s AND o.status = 'todo')
"""
_SIGN = """
INSERT INTO uptake_workers (id, name, host, pid, version, migration, config, plans, queues, concurrency, numbers)
VALUES (%(id)s, %(name)s, %(host)s, %(pid)s, %(version)s, %(migration)s, %(config)s, %(plans)s, %(queues)s, %(concurrency)s,
        %(numbers)s)
ON CONFLICT (id) DO UPDATE SET config = EXCLUDED.config, queues = EXCLUDED.queues, numbers = EXCLUDED.numbers, seen = now()
"""
_SUCCEED = f"""
DELETE FROM uptake_workers WHERE name = %(name)s AND host = %(host)s AND id <> %(id)s AND seen < now() - interval '{SILENT}'
"""


@dataclass(frozen=True, slots=True)
class Pending:
    """Where a source stands in the queue. ``waits``: seconds until its next job may begin, None where none waits."""

    at_work: bool = False
    visit_waits: bool = False
    waits: float | None = None


class Store:
    """The queue as planners and workers use it."""

    def __init__(self, app: App, connector: Patient) -> None:
        self._app, self._connector = app, connector

    async def _do(self, work: Callable[[AsyncConnection[Any]], Awaitable[T]]) -> T:
        """One transaction, done again where the server fell silent."""

        async def once() -> T:
            async with self._connector.pool.connection() as connection, connection.transaction():
                return await work(connection)

        return await self._connector.patiently(once)

    async def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        async def ask(connection: AsyncConnection[Any]) -> list[dict[str, Any]]:
            cursor = connection.cursor(row_factory=dict_row)
            await cursor.execute(query.encode(), values or None)
            return await cursor.fetchall() if cursor.description else []

        return await self._do(ask)

    # What is called

    async def called(self) -> dict[str, int]:
        """When each call was answered last (epoch seconds), by its name."""
        return {row["name"]: row["called"] for row in await self.rows("SELECT name, called FROM uptake_calls")}

    async def seed(self) -> str:
        return str((await self.rows("SELECT value FROM uptake_meta WHERE key = 'seed'"))[0]["value"])

    async def answer(self, call: str, now: int, before: int | None, task: str | None = None, **job: Any) -> bool:
        """Note that a call was answered, and put its job into the queue, both or neither.

        False: another planner was quicker. ``before``: when it was answered last. ``job``: options of the job.
        """

        async def work(connection: AsyncConnection[Any]) -> bool:
            cursor = await connection.execute(_CALLED, (call, now, before))
            if await cursor.fetchone() is None:
                return False
            if task is not None:
                await self._defer(connection, task, **job)
            return True

        return await self._do(work)

    async def defer(self, task: str, **job: Any) -> bool:
        """Put one job into the queue. False where the same one waits already."""
        return await self._do(lambda connection: self._defer(connection, task, **job))

    async def come_again(self, source: str, seconds: float, *, further: bool, since: int, tries: int) -> None:
        """Call for a visit in a while. It holds no lock while it waits, which would keep its whole family waiting.

        A visit that was called for before this one is forgotten, as only the last one knows what is left to do.
        """

        async def work(connection: AsyncConnection[Any]) -> None:
            lock = f"{names.CALL}:{source}"
            await connection.execute("DELETE FROM procrastinate_jobs WHERE queueing_lock = %s AND status = 'todo'", (lock,))
            (present,) = await (await connection.execute("SELECT extract(epoch FROM now())::float")).fetchone() or (0.0,)
            when = datetime.fromtimestamp(present + max(0.0, seconds), UTC)  # by the server's clock, not by each worker's
            options: dict[str, Any] = {"queue": names.queue(names.VISIT, source), "queueing_lock": lock, "schedule_at": when}
            await self._defer(connection, names.CALL, **options, source=source, further=further, since=since, tries=tries)

        await self._do(work)

    async def _defer(
        self,
        connection: AsyncConnection[Any],
        task: str,
        *,
        queue: str,
        lock: str | None = None,
        queueing_lock: str | None = None,
        priority: int = 0,
        schedule_at: datetime | None = None,
        **arguments: Any,
    ) -> bool:
        try:
            async with connection.transaction():
                job = self._app.configure_task(
                    task,
                    allow_unknown=True,  # who only puts it there need not know how it is done
                    queue=queue,
                    lock=lock,
                    queueing_lock=queueing_lock,
                    priority=priority,
                    schedule_at=schedule_at,
                    connection=connection,
                )
                await job.defer_async(**arguments)
        except exceptions.AlreadyEnqueued:
            return False
        return True

    async def pending(self) -> dict[str, Pending]:
        """Where each source stands that has a visit waiting, at work, or called for."""
        found: dict[str, Pending] = {}
        for row in await self.rows(_PENDING):
            before, doing = found.get(row["source"], Pending()), row["status"] == "doing"
            waits = before.waits if doing else min(row["wait"], before.waits if before.waits is not None else row["wait"])
            visit = before.visit_waits or (row["task_name"] == names.VISIT and not doing)
            found[row["source"]] = Pending(before.at_work or doing, visit, waits)
        return found

    # Who is at work

    async def sign(self, facts: Mapping[str, Any]) -> None:
        """Say that this process lives, and who it is; what procrastinate counts as alive with it."""

        async def work(connection: AsyncConnection[Any]) -> None:
            await connection.execute(_SIGN, facts)
            await connection.execute(_SUCCEED.encode(), facts)  # a frozen one that wakes up is listed again with its next sign
            await connection.execute("UPDATE procrastinate_workers SET last_heartbeat = now() WHERE id = ANY(%s)", (facts["numbers"],))

        await self._do(work)

    async def sign_off(self, own: str) -> None:
        await self.rows("DELETE FROM uptake_workers WHERE id = %s", own)

    async def take_back(self, dead_after: float) -> int:
        """Give jobs of dead workers back to the queue. Any number of processes may do it at once. Gives their number."""
        return await self._back(_DEAD, dead_after)

    async def take_back_own(self, numbers: Sequence[int], running: Iterable[int]) -> int:
        """Give back jobs that this process took, and of which it never heard because the server's answer was lost."""
        return await self._back(_ORPHANED, list(numbers), list(running))

    async def _back(self, condition: str, *values: object) -> int:
        async def work(connection: AsyncConnection[Any]) -> int:
            cursor = await connection.execute(_STALLED.format(condition=condition).encode(), values)
            jobs = await cursor.fetchall()
            for number, lock in jobs:
                done = await connection.execute(_BACK, (number, lock))
                if done.rowcount == 0:  # the same one waits already
                    await connection.execute("DELETE FROM procrastinate_jobs WHERE id = %s", (number,))
            return len(jobs)

        return await self._do(work)

    async def doing(self, numbers: Sequence[int]) -> set[int]:
        """Jobs that are said to be at work at procrastinate's workers of these numbers."""
        sql = "SELECT id FROM procrastinate_jobs WHERE status = 'doing' AND worker_id = ANY(%s)"
        return {row["id"] for row in await self.rows(sql, list(numbers))}

    async def waiting(self, queues: Sequence[str]) -> int:
        """Jobs of these queues that could be done now or are being done."""
        sql = (
            "SELECT count(*) AS n FROM procrastinate_jobs WHERE queue_name = ANY(%s)"
            " AND (status = 'doing' OR status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now()))"
        )
        return int((await self.rows(sql, list(queues)))[0]["n"])

    # Work that is spread

    async def came_to(self, batch: str, piece: int, source: str, counts: Mapping[str, int], failed: str = "") -> None:
        """Keep what a piece came to; one that is done again counts once."""
        sql = "INSERT INTO uptake_results (batch, piece, source, counts, failed) VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
        await self.rows(sql, batch, piece, source, json.dumps(counts), failed)

    async def results(self, batch: str) -> list[dict[str, Any]]:
        return await self.rows("SELECT piece, source, counts, failed FROM uptake_results WHERE batch = %s ORDER BY piece", batch)

    async def left(self, batch: str) -> int:
        """Pieces that wait or are at work."""
        sql = "SELECT count(*) AS n FROM procrastinate_jobs WHERE args->>'batch' = %s AND status IN ('todo', 'doing')"
        return int((await self.rows(sql, batch))[0]["n"])

    async def failed(self, worker: str, what: str, said: str) -> None:
        await self.rows("INSERT INTO uptake_failures (worker, what, said) VALUES (%s, %s, %s)", worker, what, said[:1000])

    async def tidy(self) -> None:
        """Forget workers that were not heard of for an hour, and old failures."""
        await self.rows(f"DELETE FROM uptake_workers WHERE seen < now() - interval '{FORGET}'")
        await self.rows(f"DELETE FROM uptake_failures WHERE id <= (SELECT max(id) FROM uptake_failures) - {KEPT_FAILURES}")
        await self.rows("DELETE FROM uptake_results WHERE at < now() - interval '7 days'")
        await self.rows("DELETE FROM procrastinate_jobs WHERE status NOT IN ('todo', 'doing')")


__all__ = ["Pending", "Store"]
