"""A journal made of what a server holds, so that everything that reads journals can read a server.

It has values, bounds and events. It has no pages, no times of observation, no former values and no reasons of gaps:
`storage.lookups.read_from` tells those who need them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from storage.influx.reading import events, read
from storage.influx.wire import Wire
from storage.journal import Journal
from storage.lookups import READ_FROM
from storage.model import DERIVED_ORIGIN, Metric, Series

Definitions = Mapping[str, Iterable[Metric]]  # of each source its metrics; the empty name has those that sources share


def fill(folder: Path, wire: Wire, definitions: Definitions, topics: Iterable[str] | None = None) -> int:
    """Make a journal in a folder from some topics (None: all) and the denominators. Gives the number of figures. Raises `Refused`."""
    wanted = None if topics is None else list(dict.fromkeys(topics))
    metrics = {source: list(found) for source, found in definitions.items()}
    count = 0
    with Journal.open(folder, writable=True) as journal, journal.write() as tx:
        for source, found in metrics.items():
            tx.define(found, source)
        for one in read(wire, wanted):
            if one.series.origin == DERIVED_ORIGIN:
                continue
            series = _with_source(one.series, metrics)
            rows = zip(one.times.tolist(), one.values.tolist(), one.bounds.tolist(), strict=True)
            count += tx.put_rows(series, [(time, value, bound, 0, None, None) for time, value, bound in rows]).new
        for event in events(wire, wanted):
            tx.note(event)
        tx.mark(READ_FROM, wire.address.url)
    return count


def _with_source(series: Series, metrics: Mapping[str, list[Metric]]) -> Series:
    """The series with who counts it: the only source that counts such a metric, else the one that a label names."""
    counting = [s for s, found in metrics.items() if s and any(m.name == series.metric and m.version == series.version for m in found)]
    named = [value for _, value in series.labels if value in counting]
    source = counting[0] if len(counting) == 1 else named[0] if named else ""
    return Series(series.metric, series.topic, series.labels, series.version, series.origin, source)
