"""What tests of sinks share: figures to send, a clock that is moved by hand, and the comparison of journal and server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from storage.influx import Address, probe, verifying
from storage.influx.posting import Sizes
from storage.influx.sink import Pace, Sink
from storage.influx.verifying import Difference
from storage.influx.wire import Wire
from storage.journal import Journal
from storage.model import Bound, Observation, Series
from storage.periods import DAY, HOUR

START = 1_546_300_800  # 2019-01-01
QUICK = Pace(poll=0.05, first=0.02, longest=0.1, save=0.0)


class Clock:
    """Epoch seconds, moved by hand."""

    def __init__(self, now: float = 1_763_700_000) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def fill(journal: Journal, points: int, days: int = 1_000, metric: str = "github.stars") -> None:
    """Daily figures of as many topics as it takes, with some bounds and fractions among them."""
    for first in range(0, points, days):
        series = Series(metric, f"topic {first // days}", (("site", f"a, b={first % 7}"),), source="github")
        count = min(days, points - first)
        with journal.write() as tx:
            tx.put(
                Observation(series, START + day * DAY, first + day + (day % 5) / 4, Bound.AT_LEAST if day % 11 == 0 else Bound.EXACT)
                for day in range(count)
            )


@contextmanager
def sending(journal: Journal, address: Address, clock: Clock | None = None, **sizes: int) -> Iterator[Sink]:
    kept = Pace(longest=6 * HOUR) if clock else QUICK
    sink = Sink(journal, address, **({"clock": clock, "ticks": clock} if clock else {}), pace=kept, sizes=Sizes(**sizes) if sizes else None)  # type: ignore[arg-type]
    try:
        yield sink
    finally:
        sink.close()


def drained(journal: Journal, address: Address, patience: float = 20.0, **sizes: int) -> Sink:
    """Send everything; the sink as it then is."""
    with sending(journal, address, **sizes) as sink:
        standing = sink.drain(patience=patience)
        assert standing.done, standing
        return sink


def differences(journal: Journal, address: Address) -> list[Difference | Series]:
    """How the server differs from the journal, value by value; nothing may."""
    wire = Wire(address)
    try:
        with journal.read() as connection:
            return list(verifying.compare(connection, wire, probe.look(wire)))
    finally:
        wire.close()
