"""What trends see of the journal: for some topics, all series with their definitions, points and evidence.

`trends.loading` is the one way in. A `Panel` holds only what was known (``as_of``) and what had happened (``until``);
its ``present`` is the moment that figures are judged fresh or stale at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from storage.model import MEASURED_ORIGIN, Kind, Metric, Series, UsageError
from storage.periods import read_time

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Labels = tuple[tuple[str, str], ...]
OWN = ("period", "tag")  # labels that are a topic's own: they say nothing of what is compared


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a figure can be looked up: a citation, or the page that it was read from (``url``, fetched at epoch s)."""

    text: str = ""
    url: str = ""
    fetched_at: int | None = None
    pages: int = 1  # how many pages the figure was read from

    def to_dict(self) -> dict[str, object]:
        return {"citation": self.text or None, "page": self.url or None, "fetched_at": self.fetched_at, "pages": self.pages}


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Columns of equal length in time order; ``evidence`` is 0 where there is none, ``imported`` says whose a point is."""

    times: Ints
    values: Floats
    bounds: Ints
    evidence: Ints
    imported: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.times)

    def __getitem__(self, keep: npt.NDArray[np.bool_] | Ints | slice) -> Points:
        return Points(self.times[keep], self.values[keep], self.bounds[keep], self.evidence[keep], self.imported[keep])

    @classmethod
    def empty(cls) -> Points:
        none = np.array([], dtype="int64")
        return cls(none, none.astype("float64"), none, none, none.astype("bool"))


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One series: its definition, its good points, and apart from them those held as suspect."""

    series: Series
    metric: Metric
    points: Points
    suspects: Points

    @property
    def imported(self) -> bool:
        return self.series.origin != MEASURED_ORIGIN

    @property
    def period(self) -> str:
        """The odd period of an imported flow (``2018-09..2019-03``), empty for an ordinary series."""
        return dict(self.series.labels).get("period", "")

    @property
    def tag(self) -> str:
        """What the topic is called at a site where it may have several names."""
        return dict(self.series.labels).get("tag", "")

    @property
    def labels(self) -> Labels:
        """The labels that say what is counted: all but a topic's own."""
        return comparable(self.series.labels)


def comparable(labels: Iterable[tuple[str, str]]) -> Labels:
    """Labels without those that are a topic's own."""
    return tuple(pair for pair in labels if pair[0] not in OWN)


@dataclass(frozen=True, eq=False)
class Group:
    """What is compared with one another: the lines of one metric, version and set of labels, over topics and origins."""

    metric: Metric
    labels: Labels
    lines: tuple[Line, ...]

    @property
    def key(self) -> str:
        """The series name without topic and origin: ``jobs.postings{board="linkedin"}``."""
        return str(Series(self.metric.name, "", self.labels, self.metric.version))

    @cached_property
    def topics(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(line.series.topic for line in self.lines))

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(sorted({line.series.source for line in self.lines if line.series.source}))

    def of(self, topic: str) -> tuple[Line, ...]:
        """The ordinary lines of a topic: imported first, measured after it."""
        found = self._by_topic.get(topic, [])
        main = main_tag(found)
        return tuple(sorted((line for line in found if line.tag in {"", main}), key=lambda line: not line.imported))

    @cached_property
    def _by_topic(self) -> dict[str, list[Line]]:
        found: dict[str, list[Line]] = {}
        for line in self.lines:
            if not line.period:
                found.setdefault(line.series.topic, []).append(line)
        return found

    def odd(self) -> tuple[Line, ...]:
        """Imported flows over a period of their own."""
        return self._odd

    @cached_property
    def _odd(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.period)

    def reading(self, topic: str) -> Points:
        """A topic's points over both origins: where both have one for the same time, the measured stands."""
        return self._readings.get(topic, Points.empty())

    @cached_property
    def _readings(self) -> dict[str, Points]:
        return {topic: joined([line.points for line in self.of(topic)]) for topic in self.topics}

    def splice(self, topic: str) -> int | None:
        """The first measured time of a topic whose imported figures it continues; None without such a seam."""
        imported = [line for line in self.of(topic) if line.imported and len(line.points)]
        measured = [line for line in self.of(topic) if not line.imported and len(line.points)]
        return min(int(line.points.times[0]) for line in measured) if imported and measured else None


def main_tag(lines: Sequence[Line]) -> str:
    """The tag that finds the most: what several tags of a topic have in common is not known, so they are not summed."""
    tagged = [line for line in lines if line.tag]
    return max(tagged, key=lambda line: (float(line.points.values.sum()), line.tag)).tag if tagged else ""


def joined(parts: Iterable[Points]) -> Points:
    """Several series as one, in time order; of two points for one time the measured one stands."""
    filled = [part for part in parts if len(part)]
    if len(filled) < 2:
        return filled[0] if filled else Points.empty()
    columns = [np.concatenate([getattr(p, c) for p in filled]) for c in ("times", "values", "bounds", "evidence", "imported")]
    whole = Points(*columns)
    order = np.lexsort((whole.imported, whole.times))  # measured (False) first at each time
    whole = whole[order]
    return whole[np.r_[True, whole.times[1:] != whole.times[:-1]]]


@dataclass(frozen=True, eq=False)
class Panel:
    """Everything about some topics, as known at sequence ``as_of`` (None: now), of what happened up to ``until``.

    ``groups`` are sorted by metric and labels; ``totals`` holds the groups of denominators (series without a topic);
    ``events`` is the frame of `storage.frames.events`. ``read_from`` is the server whose copy this is, empty for a journal.
    """

    present: int
    as_of: int | None
    until: int | None
    topics: tuple[str, ...]
    groups: tuple[Group, ...]
    totals: tuple[Group, ...]
    evidence: Mapping[int, Evidence] = field(repr=False)
    events: pd.DataFrame = field(repr=False)
    read_from: str = ""

    def evidence_of(self, key: int) -> Evidence:
        return self.evidence.get(int(key), Evidence())

    def total_of(self, group: Group) -> Group | None:
        """The denominator of a group: same family, named ``total…``, all its labels among the group's."""
        wanted = set(group.labels)
        fitting = [t for t in self.totals if t.metric.family == group.metric.family and set(t.labels) <= wanted]
        return max(fitting, key=lambda t: len(t.labels), default=None)


def odd_period(line: Line) -> tuple[int, int] | None:
    """The half-open interval [from, to) of a ``period`` label in epoch seconds; None where it cannot be read."""
    start, dots, end = line.period.partition("..")
    try:
        return (read_time(start), read_time(end)) if dots else None
    except UsageError:
        return None


def summable(metric: Metric) -> bool:
    """Whether values of several periods may be added: only flows; a window's overlap, a level is a stock."""
    return metric.kind is Kind.FLOW
