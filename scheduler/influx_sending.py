"""After something was written: conclude the derived series, and send what is new to the server of ``[influxdb]``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from storage.lookups import head

if TYPE_CHECKING:
    from scheduler.config import Config
    from storage.influx.sink import Sink
    from storage.influx.standing import Standing
    from storage.journal import Changes, Journal

DERIVED_AT = "derived_seq"  # in the table meta: what the journal's head was when the derived series were written


def derive(journal: Journal, settings: Config, now: int) -> Changes:
    """Write the derived series of all baskets, unless nothing was written since. What is there already is left alone."""
    from scheduler.status import coverage_frame
    from storage.vocabulary import DERIVED
    from trends.claims import claims
    from trends.derived import coverage, indices
    from trends.derived import derive as concluded
    from trends.loading import load
    from trends.summary import summarise

    baskets = list(settings.baskets.values())
    with journal.read() as connection:
        known = connection.exec_driver_sql("SELECT value FROM meta WHERE key = ?", (DERIVED_AT,)).scalar()
        if known is not None and int(known) == head(connection):
            return _nothing()
        panel = load(connection, [t for b in baskets for t in b.topics], now=now)
        found = [
            *concluded(panel, summarise(panel, baskets, settings.topics), settings.topics),
            *indices(claims(panel, baskets, settings.topics)),
            *coverage(coverage_frame(connection)),
        ]
    with journal.write(now=now) as tx:
        tx.define(DERIVED)
        changes = tx.put(found)
        tx.mark(DERIVED_AT, str(head(tx.connection)))
    return changes


def _nothing() -> Changes:
    from storage.journal import Changes

    return Changes()


class Sending:
    """Sends to the server of ``[influxdb]`` for as long as the daemon lives. Without the section it does nothing."""

    def __init__(self, journal: Journal, settings: Config) -> None:
        self._sink: Sink | None = None
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        if settings.influxdb is not None:
            from storage.influx.sink import Sink  # the client takes most of a second to import

            self._sink = Sink(journal, settings.influxdb)

    def start(self) -> None:
        if self._sink is not None:
            self._task = asyncio.get_running_loop().create_task(self._sink.run(self._stop))

    def wake(self) -> None:
        """There may be something new."""
        if self._sink is not None:
            self._sink.wake()

    def status(self) -> Standing | None:
        return None if self._sink is None else self._sink.status()

    async def stop(self, within: float) -> bool:
        """Let what is under way end. False if a request is still waited for after so many seconds; it will be sent again."""
        self._stop.set()
        if self._task is None:
            return True
        done, _ = await asyncio.wait([self._task], timeout=within)
        return bool(done)


def send(journal: Journal, settings: Config, now: int, *, patience: float = 0.0) -> Standing | None:
    """Conclude and send everything that waits; how it stands then, or None where no server is configured."""
    if settings.influxdb is None:
        return None
    from storage.influx.sink import Sink

    derive(journal, settings, now)
    sink = Sink(journal, settings.influxdb)
    try:
        return sink.drain(patience=patience)
    finally:
        sink.close()
