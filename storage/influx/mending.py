"""Repairs a series at the server: removes what it has there where that is asked for, and sends it as the journal knows it."""

from __future__ import annotations

from storage import parking, repairs
from storage.feed import Feed
from storage.influx import removing
from storage.influx.address import Machine
from storage.influx.batches import Writers, next_of_repair
from storage.influx.bookmark import AT_RISK
from storage.influx.posting import Sizes, post
from storage.influx.wire import Wire
from storage.journal import Journal
from storage.model import Series
from storage.parking import Parked
from storage.repairs import Repair


class Mender:
    """Does repairs, a part at each call."""

    def __init__(self, journal: Journal, wire: Wire) -> None:
        self._journal, self._wire, self._writers = journal, wire, Writers()

    def mend(self, repair: Repair, standing: Feed, machine: Machine, sizes: Sizes, now: int) -> int:
        """Remove, or send a part again. Gives how many points were sent. Raises `Refused`."""
        if repair.wipe:
            self._wipe(repair, standing, machine, now)
            return 0
        with self._journal.read() as connection:
            batch = next_of_repair(connection, self._writers, standing, repair, sizes.now, machine, now)
        posted = post(batch, self._wire.write, sizes)
        with self._journal.write() as tx:
            repairs.sent(tx, standing.name, repair, batch.last_time, now)
            repairs.forget_done(tx, standing.name, now - 2 * AT_RISK)
            parking.unpark(tx, standing.name, batch.keys())
            parking.park(tx, standing.name, [*batch.parked, *posted.parked], now)
        return len(batch.lines) - len(posted.parked) - posted.dropped

    def _wipe(self, repair: Repair, standing: Feed, machine: Machine, now: int) -> None:
        """Remove, and ask for what was removed along with it."""
        with self._journal.read() as connection:
            series = self._writers.series(connection, repair.series_id)
            removed = [Series.parse(name) for name in repair.formerly] or [series]
            labels = {one.family: removing.labels_in(connection, one.family) for one in removed}
            along = {i for one in removed for i in removing.taken_along(connection, machine, one)} - {repair.series_id}
        if removing.can_remove(machine):
            for one in removed:
                removing.remove(self._wire, machine, one, labels[one.family], repair.since, repair.until)
        with self._journal.write() as tx:
            if not removing.can_remove(machine):
                error = f"{machine} cannot remove single figures: what was withdrawn or renamed here still stands there as {removed[0]}"
                parking.park(tx, standing.name, [Parked(repair.series_id, repair.since, "", error)], now)
            repairs.wiped(tx, standing.name, repair.series_id)
            repairs.request(tx, standing.name, [Repair(i, repair.since, repair.until) for i in along])
