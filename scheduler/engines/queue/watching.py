"""The watch of a process among others: it tells its own troubles, and of those that all share only what nobody told yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from prometheus_client import Gauge

from crawlers.engine import CrawlService
from scheduler.catchup import DAEMON
from scheduler.config import Config
from scheduler.engines.queue.names import parts
from scheduler.engines.queue.roster import Roster
from scheduler.troubles import KEY, Trouble, blind, told
from scheduler.watching import Tell, Watch
from storage.journal import Journal
from storage.model import Remember

SHARED = ("blind", "cluster", "sink")  # kinds of troubles that every planner sees alike
LASTING = 120  # seconds that the queue may be away before a planner tells the operator: a restart takes fewer
UNTAKEN = 60  # seconds that work may wait though no living worker takes it


class Gauges:
    """The queue's figures, beside the daemon's."""

    def __init__(self, watch: Watch) -> None:
        r = watch.metrics.registry
        self.waiting = Gauge("uptake_queue_waiting", "Jobs that could be done now.", ["kind"], registry=r)
        self.oldest = Gauge("uptake_queue_oldest_seconds", "For how long the oldest of them could have been done.", ["kind"], registry=r)
        self.workers = Gauge("uptake_workers", "Processes at work on the queue.", ["state"], registry=r)
        self.differs = Gauge("uptake_worker_differs", "1: its configuration or version is not the planner's.", ["worker"], registry=r)
        self.away = Gauge("uptake_queue_away", "1 while the queue's PostgreSQL does not answer.", registry=r)

    def set(self, roster: Roster) -> None:
        kinds: dict[str, tuple[int, float]] = dict.fromkeys(("visit", "heavy", "duty", "plan"), (0, 0.0))
        for w in roster.waiting:
            kind = parts(w.queue)[0]
            count, oldest = kinds.get(kind, (0, 0.0))
            kinds[kind] = (count + w.waiting, max(oldest, w.oldest))
        for kind, (count, oldest) in kinds.items():
            self.waiting.labels(kind).set(count)
            self.oldest.labels(kind).set(oldest)
        self.workers.labels("alive").set(len(roster.living))
        self.workers.labels("dead").set(len(roster.workers) - len(roster.living))
        self.differs.clear()
        for worker in roster.living:
            self.differs.labels(worker.name).set(int(bool(worker.differs)))


class SharedWatch(Watch):
    """Of a planner or a worker."""

    def __init__(
        self, settings: Config, journal: Journal, service: CrawlService, clock: Callable[[], int], tell: Tell = lambda _troubles: None
    ) -> None:
        super().__init__(settings, journal, service, clock, tell)
        self.troubles.since.clear()  # what was told is looked up when something is told
        self.gauges = Gauges(self)
        self.roster = Roster()
        self.plans = False
        self._told_away = False
        self._looked_at = -1  # the journal's head when it was looked for blind sources

    def _changed(self, began: Sequence[Trouble], over: Sequence[str]) -> None:  # noqa: ARG002
        own = [t for t in began if t.key.partition(":")[0] not in SHARED and t.key != "queue"]
        if own:
            self._tell(own)

    def queue(self, said: str | None) -> None:
        """Whether the queue's PostgreSQL answers: why not, in words."""
        self.gauges.away.set(said is not None)
        self._update("queue", [Trouble("queue", f"{said}; what is at work goes on, nothing new is begun", grave=True)] if said else [])

    def seen(self, roster: Roster) -> None:
        """Who is at work, and what waits."""
        self.roster = roster
        self.gauges.set(roster)
        self._update("cluster", list(_troubles(roster)))

    def look_around(self) -> None:
        super().look_around()
        away = self.troubles.now.get("queue")
        lasts = away is not None and self._clock() - self.troubles.since["queue"] >= LASTING
        if away is not None and lasts and self.plans and not self._told_away:
            self._tell([away])
        self._told_away = lasts
        if (head := self._journal.head()) == self._looked_at:
            return
        self._looked_at = head
        with self._journal.read() as connection:
            found = [t for setup in self._settings.enabled() for t in blind(connection, setup, self._settings.daemon.blind_after)]
        self._update("blind", found)

    def tell_shared(self) -> None:
        """Tell what all share and nobody told yet. For the one planner whose turn it is."""
        present = {key: t for key, t in self.troubles.now.items() if key.partition(":")[0] in SHARED}
        with self._journal.read() as connection:
            known = {key: said for key, said in told(connection).items() if key.partition(":")[0] in SHARED}
        began = [t for key, t in present.items() if key not in known]
        if not began and present.keys() == known.keys():
            return
        now = self._clock()
        lasting: dict[str, Any] = {key: [known[key][0] if key in known else now, t.text] for key, t in present.items()}
        if began:
            self._tell(began)

        def write() -> None:
            with self._journal.write(now=now) as tx:
                tx.remember(DAEMON, Remember(KEY, lasting))

        self._service.later(write)

    def health(self, next_visits: Any) -> dict[str, object]:
        workers = [
            {"name": w.name, "host": w.host, "alive": not w.dead, "doing": [f"{d.task} {d.what}" for d in w.doing]}
            for w in self.roster.workers
        ]
        return super().health(next_visits) | {"workers": workers, "waiting": sum(w.waiting for w in self.roster.waiting)}


def _troubles(roster: Roster) -> Iterable[Trouble]:
    for w in roster.workers:
        if w.dead:
            yield Trouble(
                f"cluster:dead:{w.name}",
                f"the worker {w.name} on {w.host} gave no sign of life for {w.silent:.0f} s; what it was doing is given to others",
            )
        elif w.differs:
            yield Trouble(f"cluster:differs:{w.name}", f"the worker {w.name} on {w.host}: {w.differs}")
    for q in roster.waiting:
        if q.waiting and not q.taken and q.oldest > UNTAKEN:
            said = f"{q.words}: has waited for over a minute, and no worker is at work that takes it"
            text = f"{said}; start one, or give the workers this configuration and SIGHUP"
            yield Trouble(f"cluster:idle:{q.queue}", text)


__all__ = ["SharedWatch"]
