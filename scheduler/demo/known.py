"""What the program itself wrote down of its year: digests with their claims, ends of planned figures, events, figures.

The verdict reads this and nothing else; what was planted is not looked at here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from storage import digests, frames, ledger
from storage.digests import Kept
from storage.ledger import End
from storage.lookups import find
from storage.model import Event, Series, State
from trends.claim import State as Standing


@dataclass(frozen=True, slots=True)
class Said:
    """A claim as one digest has it: ``numbers`` by name, ``series`` names what it rests on."""

    time: int  # the digest's present, epoch seconds
    kind: str
    topics: tuple[str, ...]
    metric: str
    series: str
    says: str
    numbers: Mapping[str, Any]
    sentence: str


@dataclass(frozen=True)
class Known:
    """One journal."""

    connection: Connection
    kept: Sequence[Kept]
    ends: Sequence[End]
    events: Sequence[Event]

    @classmethod
    def read(cls, connection: Connection) -> Known:
        rows = frames.events(connection)
        events = [Event(**{str(k): v for k, v in row.items()}) for row in rows.to_dict("records")]
        return cls(connection, digests.listed(connection), ledger.ends(connection), events)

    def claims(self) -> Iterator[Said]:
        """All that was claimed as a fact, digest by digest, oldest first."""
        for kept in self.kept:
            for claim in kept.claims:
                if claim["state"] == Standing.CLAIMED:
                    series = next(iter(claim["series"]), "")
                    yield Said(
                        kept.present,
                        claim["kind"],
                        tuple(claim["topics"]),
                        claim["metric"],
                        series,
                        claim["says"],
                        claim["numbers"],
                        claim["sentence"],
                    )

    def ended(self, source: str, since: int, until: int) -> list[End]:
        """How the figures of a source ended whose nominal time lies in a stretch."""
        return [end for end in self.ends if end.source == source and since <= end.slot.time < until]

    def noted(self, ends: Sequence[End]) -> int | None:
        """When the first of some ends was noted."""
        times = {row[0]: row[1] for row in self.connection.exec_driver_sql("SELECT id, time FROM runs")}
        return min((int(times[end.run]) for end in ends), default=None)

    def values(self, series: Series, since: int, until: int) -> dict[int, float]:
        """A series' believed values by their time."""
        number = find(self.connection, series)
        if number is None:
            return {}
        rows = frames.point_rows(self.connection, number, since, until - 1, None)
        return {int(r[1]): float(r[2]) for r in rows if r[4] == State.GOOD and r[2] is not None}

    def figures(self) -> int:
        """Believed figures in all, concluded ones among them: what a receiver of series is to have."""
        return int(self.connection.exec_driver_sql("SELECT count(*) FROM points WHERE state = 0").scalar() or 0)

    def captures(self) -> int:
        """Raw responses that are kept."""
        return int(self.connection.exec_driver_sql("SELECT count(*) FROM evidence WHERE kind = 'capture'").scalar() or 0)


__all__ = ["Known", "Said"]
