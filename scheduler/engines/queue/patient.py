"""procrastinate's connection to PostgreSQL, which waits when the server is away, where procrastinate's own worker would end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

import psycopg
from procrastinate import PsycopgConnector, exceptions
from procrastinate.connector import BaseConnector, Notify
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager

from scheduler.engines.queue.opening import connecting, words

logger = logging.getLogger(__name__)
T = TypeVar("T")
FIRST, LONGEST = 0.25, 15.0  # seconds between two tries
POOL_WAIT = 5.0  # seconds for a connection of the pool
_FINISH: Any = """
SELECT procrastinate_finish_job_v1(id, %(status)s, %(delete)s) FROM
(SELECT id FROM procrastinate_jobs WHERE id = %(number)s AND status = 'doing' AND worker_id = %(worker)s FOR UPDATE) mine
"""
_TELL: Any = """
SELECT pg_notify('procrastinate_queue_v1#' || queue_name, json_build_object('type', 'job_inserted', 'job_id', id)::text) FROM
(SELECT id, queue_name FROM procrastinate_jobs WHERE lock = %(lock)s AND status = 'todo' ORDER BY priority DESC, id LIMIT 1) next
"""


class Patient(PsycopgConnector):
    """``told`` hears why the server does not answer, and None when it does again. After `give_up` errors are raised at once."""

    def __init__(self, address: str, name: str, told: Callable[[str | None], None]) -> None:
        arguments = connecting(address, name)
        conninfo = arguments.pop("conninfo")
        super().__init__(conninfo=conninfo, kwargs=arguments, min_size=1, max_size=6, timeout=POOL_WAIT, reconnect_timeout=0.5)
        self._address, self._told = address, told
        self._away = False
        self._ended = asyncio.Event()

    def give_up(self) -> None:
        self._ended.set()

    async def patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do something until the server has answered. What it did before it fell silent may be done twice."""
        wait = FIRST
        while True:
            try:
                found = await work()
            except (exceptions.ConnectorException, psycopg.Error) as error:
                if self._ended.is_set() or not is_away(error):
                    raise
                self._tell(str(words(error, self._address)))
                try:
                    await asyncio.wait_for(self._ended.wait(), wait)
                except TimeoutError:
                    wait = min(LONGEST, wait * 2)
            else:
                self._tell(None)
                return found

    def _tell(self, said: str | None) -> None:
        if self._away != (said is not None):
            self._away = said is not None
            self._told(said)

    async def execute_query_async(self, query: Any, **arguments: Any) -> None:
        await self.patiently(lambda: super(Patient, self).execute_query_async(query, **arguments))

    async def execute_query_one_async(self, query: Any, **arguments: Any) -> dict[str, Any]:
        return await self.patiently(lambda: super(Patient, self).execute_query_one_async(query, **arguments))

    async def execute_query_all_async(self, query: Any, **arguments: Any) -> list[dict[str, Any]]:
        return await self.patiently(lambda: super(Patient, self).execute_query_all_async(query, **arguments))

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        listened = list(channels)
        await self.patiently(lambda: super(Patient, self).listen_notify(on_notification, listened))


class Fenced(JobManager):
    """Ends only jobs that are still their worker's. procrastinate would end one too that was taken back and waits for another.

    Who waits for the lock of a job that ended is told at once; by itself procrastinate tells only of new jobs.
    """

    def __init__(self, connector: BaseConnector) -> None:
        super().__init__(connector)
        self.ending: set[int] = set()  # jobs that are done, of which the server may not know yet

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        number = job.id or 0
        self.ending.add(number)
        try:
            facts = {"number": number, "worker": job.worker_id, "status": status.value, "delete": delete_job}
            await self.connector.execute_query_all_async(_FINISH, **facts)
        finally:
            self.ending.discard(number)
        if job.lock is not None:
            await self.connector.execute_query_all_async(_TELL, lock=job.lock)


def is_away(error: BaseException) -> bool:
    """Whether an error says that the server cannot be reached, or was just being stopped."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError):
            return not isinstance(cause, psycopg.errors.QueryCanceled)
        cause = cause.__cause__
    return False


__all__ = ["Fenced", "Patient", "is_away"]
