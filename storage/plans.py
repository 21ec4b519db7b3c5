"""Plans of runs as they are stored: compressed JSON, written once."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable

from storage.model import Series, Slot


def pack(slots: Iterable[Slot]) -> bytes:
    """A plan as compressed JSON, one ``[metric, version, topic, labels, time]`` a slot."""
    rows = [[s.series.metric, s.series.version, s.series.topic, s.series.labels, s.time] for s in slots]
    return zlib.compress(json.dumps(rows, separators=(",", ":")).encode(), 6)


def unpack(plan: bytes, source: str) -> tuple[Slot, ...]:
    return tuple(
        Slot(Series(metric, topic, tuple((k, v) for k, v in labels), version, source=source), time)
        for metric, version, topic, labels, time in json.loads(zlib.decompress(plan))
    )


def size(plan: bytes) -> int:
    """The number of slots of a plan."""
    return len(json.loads(zlib.decompress(plan)))


__all__ = ["pack", "size", "unpack"]
