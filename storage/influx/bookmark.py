"""How far a sink is: what the server acknowledged, what of it is saved, and what a server that forgets may have lost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from storage import feed, parking, repairs
from storage.feed import START, Feed, Place
from storage.influx.batches import Batch
from storage.journal import Journal
from storage.parking import Parked

AT_RISK = 30  # seconds after which VictoriaMetrics has surely written to disk what it took


class Bookmark:
    """The place of one feed. ``place`` is acknowledged, and maybe not saved yet; ``saved_at`` is in epoch seconds."""

    def __init__(self, journal: Journal, name: str) -> None:
        self.place = START
        self.saved_at = float("-inf")
        self.parked = False  # whether there are points that an acknowledgement may clear
        self._journal, self._name = journal, name
        self._feed: Feed | None = None  # as it is saved

    def standing(self) -> Feed:
        """The feed as it is saved; one that is new begins here."""
        if self._feed is None:
            with self._journal.read() as connection:
                self._feed = feed.find(connection, self._name)
                self.parked = parking.count_parked(connection, self._name) > 0
            if self._feed is None:
                with self._journal.write() as tx:
                    self._feed = feed.begin(tx, self._name)
            self.place = self._feed.place
        return self._feed

    def forget(self) -> None:
        """Read again how far the feed is: somebody else moved it, or a request failed."""
        self._feed = None

    def save(
        self, now: int, batch: Batch | None = None, parked: Sequence[Parked] = (), dropped: int = 0, event_id: int = 0, *, victoria: bool
    ) -> bool:
        """Save the place, and with it what the batch could not say in lines. False if somebody else moved it meanwhile."""
        standing = self._feed
        if standing is None or (batch is None and not event_id and self.place == standing.place):
            return True
        event_id = max(event_id, standing.event_id)
        memory = self._remembered(standing, now, event_id) if victoria else standing.server
        cleared = batch.settled() if batch else ()  # looked at only where something is parked
        with self._journal.write() as tx:
            moved = feed.acknowledge(
                tx, standing, self.place, now=now, event_id=event_id, dropped=dropped, parked=parked, cleared=cleared, server=memory
            )
            if moved and batch is not None:
                repairs.request(tx, standing.name, batch.repairs.values())
        if not moved:
            self.forget()
            return False
        self.saved_at, self.parked = now, self.parked or bool(parked)
        self._feed = replace(standing, place=self.place, event_id=event_id, acknowledged_at=now, server=memory)
        return True

    def _remembered(self, standing: Feed, now: int, event_id: int) -> str:
        """What to keep of a VictoriaMetrics: a place that is `AT_RISK` seconds old, and so surely on its disk."""
        memory = json.loads(standing.server or "{}")
        if now - memory.get("at", 0) >= AT_RISK:
            here = [standing.place.seq, standing.place.series_id, standing.place.time, event_id]
            memory |= {"kept": memory.get("recent"), "recent": here, "at": now}
        return json.dumps(memory)

    def restarted(self, started: str, now: int) -> bool:
        """Note when the server was started. True if that is another time than last time: then the feed is set back."""
        standing = self.standing()
        memory = json.loads(standing.server or "{}")
        if memory.get("started", "") == started:
            return False
        kept, before = memory.get("kept"), bool(memory.get("started"))
        with self._journal.write() as tx:
            if before:
                *place, event_id = kept or [START.seq, START.series_id, START.time, 0]
                feed.set_back(tx, self._name, Place(*place), event_id=event_id)
                repairs.redo(tx, self._name)
            feed.remember(tx, self._name, json.dumps({"started": started, "kept": kept, "recent": kept, "at": now}))
        self.forget()
        return before
