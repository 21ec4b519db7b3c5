"""The daemon's watch over itself: troubles, health and metrics, and word to the operator when a trouble begins."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from crawlers.engine import CrawlService
from crawlers.uploads import Waiting
from scheduler.allowance import budget
from scheduler.catchup import DAEMON
from scheduler.config import Config
from scheduler.heartbeat import Beat
from scheduler.metrics import Metrics
from scheduler.setups import Setup
from scheduler.troubles import KEY, Trouble, Troubles, blind, disk, told, undelivered
from scheduler.visits import Visit
from storage.journal import Journal
from storage.model import Remember, UptakeError
from storage.periods import HOUR, iso

if TYPE_CHECKING:
    from storage.influx.standing import Standing

logger = logging.getLogger(__name__)

SINK_LATE = HOUR  # seconds that figures may wait for a server before it is a trouble
Tell = Callable[[Sequence[Trouble]], None]


class Watch:
    """Gathers what goes wrong from visits, duties and looks around; tells each trouble once."""

    def __init__(
        self, settings: Config, journal: Journal, service: CrawlService, clock: Callable[[], int], tell: Tell = lambda _troubles: None
    ) -> None:
        self._settings, self._journal, self._service, self._clock, self._tell = settings, journal, service, clock, tell
        self.metrics = Metrics()
        self.metrics.started.set(clock())
        with journal.read() as connection:
            self.troubles = Troubles({key: since for key, (since, _) in told(connection).items()})
        self._lag = 0.0

    async def begin(self, setups: Sequence[Setup], settings: Config | None = None) -> None:
        """Look at what the journal tells of each source."""
        self._settings = settings or self._settings
        with self._journal.read() as connection:
            found = [t for setup in setups for t in blind(connection, setup, self._settings.daemon.blind_after)]
        self._update("blind", found)
        self.look_around()

    def may_fetch(self) -> bool:
        """Whether there is room for what would come."""
        self._update("disk", self._disk())
        return "disk:full" not in self.troubles.now

    def visited(self, setup: Setup, visit: Visit) -> None:
        self.metrics.visited(setup.name, visit.reports)
        self.well(setup.name)
        if any(r.tally.measured or r.tally.suspect for r in visit.reports):
            self.metrics.success.labels(setup.name).set(visit.time)
        with self._journal.read() as connection:
            self._update(f"blind:{setup.name}", blind(connection, setup, self._settings.daemon.blind_after))

    def failed(self, what: str, error: Exception) -> None:
        """A visit or a duty that failed as a whole: where the store refuses, nothing can be kept."""
        self.metrics.errors.labels(what).inc()
        foreseen = isinstance(error, UptakeError)
        if not foreseen:
            logger.error("%s failed", what, exc_info=error)
        elif f"failed:{what}" in self.troubles.now:  # when it begins, it is told below
            logger.warning("%s: %s", what, error)
        grave = foreseen and what != "configuration"
        self._update(f"failed:{what}", [Trouble(f"failed:{what}", f"{what}: {error}", grave=grave)])

    def well(self, what: str) -> None:
        self._update(f"failed:{what}", [])

    def look_around(self) -> None:
        self._update("disk", self._disk())

    def sent(self, standing: Standing | None) -> None:
        """How the sending to ``[influxdb]`` stands."""
        if standing is None:
            return
        self.metrics.sink_lag.labels("influxdb").set(standing.lag.points)
        self.metrics.sink_age.labels("influxdb").set(standing.lag.seconds)
        behind = bool(standing.lag.points) and standing.lag.seconds > SINK_LATE
        found = [Trouble("sink", " ".join(standing.words()))] if behind or standing.parked else []
        self._update("sink", found)

    def brought(self, left: Waiting) -> None:
        """How the bringing of raw responses to where they are kept stands."""
        self.metrics.undelivered.set(left.files)
        self.metrics.undelivered_bytes.set(left.bytes)
        self.metrics.undelivered_age.set(0 if left.since is None else max(0, self._clock() - left.since))
        if left.lasting or not left.trouble:  # one that fails once is tried again before anybody is told
            self._update("responses", undelivered(self._settings.keep, left))

    def beat(self, beat: Beat) -> None:
        self.metrics.lag.observe(beat.lag)
        self._lag = max(beat.lag, self._lag * 0.95)
        if beat.jumped:
            self.metrics.jumps.inc()

    def _disk(self) -> list[Trouble]:
        least, keep = self._settings.daemon.disk_free * 1_000_000, self._settings.keep
        found = disk(self._settings.store, least)
        if found and keep.address is not None and keep.copies.exists():
            replace(keep, room=0).tidy()  # what can be had again makes room first
            found = disk(self._settings.store, least)
        return found

    def _update(self, kind: str, found: Sequence[Trouble]) -> None:
        before = self.troubles.now
        began, over = self.troubles.update(kind, found, self._clock())
        for trouble in began:
            logger.warning("%s", trouble.text)
        for key in over:
            logger.info("over: %s", before[key].text if key in before else key)
        self._changed(began, over)

    def _changed(self, began: Sequence[Trouble], over: Sequence[str]) -> None:
        if began:
            self._tell(began)
        if began or over:
            self._remember()

    def _remember(self) -> None:
        """Keep what was told, so that a restart does not tell it again. On the writer thread, when it comes to it."""
        lasting = {
            key: [since, self.troubles.now[key].text if key in self.troubles.now else ""] for key, since in self.troubles.since.items()
        }

        def write() -> None:
            try:
                with self._journal.write(now=self._clock()) as tx:
                    tx.remember(DAEMON, Remember(KEY, lasting))
            except UptakeError as error:
                logger.warning("the troubles could not be noted: %s", error)

        self._service.later(write)

    # What is told on request

    def health(self, next_visits: Mapping[str, int]) -> dict[str, object]:
        return {
            "status": self.troubles.status,
            "reasons": self.troubles.reasons,
            "since": {key: iso(when) for key, when in self.troubles.since.items() if key in self.troubles.now},
            "next": {name: iso(when) for name, when in sorted(next_visits.items(), key=lambda item: item[1])},
            "loop_lag_seconds": round(self._lag, 4),
        }

    def scrape(self, next_visits: Mapping[str, int]) -> bytes:
        m, now = self.metrics, self._clock()
        m.healthy(self.troubles.status, self.troubles.now)
        m.journal.set(self._journal.size())
        m.disk.set(shutil.disk_usage(self._settings.store).free)
        m.next.clear()
        for name, when in next_visits.items():
            m.next.labels(name).set(when)
        with self._journal.read() as connection:
            for setup in self._settings.enabled():
                left = budget(connection, setup, now)
                if left is not None:
                    m.budget.labels(setup.name).set(max(0, left))
        return m.text()


__all__ = ["Tell", "Watch"]
