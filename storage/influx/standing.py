"""How a sink stands: how far it is behind, what troubles it, in values and in plain words."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from storage import feed, parking
from storage.feed import Lag
from storage.periods import DAY, HOUR, iso


@dataclass(frozen=True, slots=True)
class Standing:
    """``server`` is what answers there, empty while nobody has. Times are epoch seconds."""

    feed: str
    server: str
    lag: Lag
    parked: int
    dropped: int
    trouble: str
    trouble_since: int | None
    acknowledged_at: int | None
    warnings: tuple[str, ...] = ()
    sent: int = 0  # points that were acknowledged to this process
    next_try: int | None = None

    @property
    def done(self) -> bool:
        """Whether the server has everything that it takes."""
        return not self.trouble and not self.lag.points and not self.lag.repairs

    def to_dict(self) -> dict[str, object]:
        return {
            "to": self.feed,
            "server": self.server,
            "lag": {
                "sequences": self.lag.sequences,
                "seconds": self.lag.seconds,
                "figures": self.lag.points,
                "series_to_send_again": self.lag.repairs,
            },
            "parked": self.parked,
            "dropped": self.dropped,
            "trouble": self.trouble or None,
            "trouble_since": iso(self.trouble_since) or None,
            "acknowledged_at": iso(self.acknowledged_at) or None,
            "next_try": iso(self.next_try) or None,
            "warnings": list(self.warnings),
            "sent": self.sent,
        }

    def words(self) -> list[str]:
        """Sentences for a person: how far behind, why, what else."""
        many = "more than " if self.lag.points >= feed.MANY else ""
        waiting = f"{many}{self.lag.points:,} figure{'' if self.lag.points == 1 else 's'}"
        found = []
        if self.trouble:
            since = f" (since {iso(self.trouble_since)})" if self.trouble_since is not None else ""
            found.append(f"InfluxDB: {self.trouble}{since}. Nothing is lost: {waiting} wait here and go when it is mended.")
        elif self.lag.points:
            found.append(f"InfluxDB: {waiting} wait to be sent, the first for {span(self.lag.seconds)}.")
        else:
            last = f", last told {iso(self.acknowledged_at)}" if self.acknowledged_at is not None else ""
            found.append(f"InfluxDB: has every figure{last}.")
        if self.lag.repairs:
            found.append(f"{self.lag.repairs:,} series are to be sent again.")
        if self.parked:
            found.append(f"{self.parked:,} figures are refused by the server and kept here; see `uptake influx check`.")
        if self.dropped:
            found.append(f"{self.dropped:,} figures are older than the server keeps; see `uptake influx check`.")
        return found


def standing_of(connection: Connection, name: str, now: int) -> Standing | None:
    """How a feed stands by what the journal knows of it; None for one that never began."""
    known = feed.find(connection, name)
    if known is None:
        return None
    return Standing(
        name,
        "",
        feed.lag(connection, known, now),
        parking.count_parked(connection, name),
        known.dropped,
        known.trouble,
        known.trouble_since,
        known.acknowledged_at,
    )


def span(seconds: int) -> str:
    """A duration in words, to one unit."""
    for size, name in ((DAY, "day"), (HOUR, "hour"), (60, "minute")):
        if seconds >= size:
            n = seconds // size
            return f"{n:,} {name}{'' if n == 1 else 's'}"
    return f"{seconds} s"
