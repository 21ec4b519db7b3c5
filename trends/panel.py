"""What trends see of the journal: for some topics, all series with their definitions, points and evidence.

`load` is the one way in. A `Panel` holds only what was known (``as_of``) and what had happened (``until``);
its ``present`` is the moment that figures are judged fresh or stale at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import Connection, select

from storage import frames, schema
from storage.lookups import read_from
from storage.model import IMPORTED_ORIGIN, MEASURED_ORIGIN, Kind, Metric, Series, State, UsageError
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


def load(
    connection: Connection,
    topics: Iterable[str],
    *,
    now: int,
    as_of: int | None = None,
    until: int | None = None,
    since: int | None = None,
    only: Callable[[Series], bool] | None = None,
) -> Panel:
    """Read the series of some topics and their denominators.

    ``now`` is the present (epoch seconds), moved back to ``until`` where that is earlier; points after it are left
    out, also those that are planned for a time to come. ``as_of`` is a journal sequence. ``since`` and ``only`` keep
    out points before a time and series that nobody asks for, where all of them would be too many.
    """
    keys = tuple(dict.fromkeys(topics))
    present = now if until is None else min(now, until)
    table = frames.catalogue(connection, topics=[*keys, ""], as_of=as_of)
    pairs = zip(table["id"].tolist(), table["series"].tolist(), strict=True)
    wanted = {s: i for i, s in pairs if (s.topic or _is_total(s)) and (only is None or only(s))}
    meaning = frames.definitions(connection)
    read = frames.points(connection, list(wanted.values()), since=since, until=present, as_of=as_of)
    by_series = _by_series(read)
    lines = [_line(series, meaning.of(series), by_series[i]) for series, i in wanted.items() if i in by_series]
    groups = sorted(
        _groups(line for line in lines if line.series.topic and line.metric.compared),
        key=lambda g: (g.metric.name, g.labels, g.metric.version),
    )
    totals = tuple(_groups(line for line in lines if not line.series.topic))
    used = {int(i) for i in read["evidence_id"].dropna().unique()}
    events = frames.events(connection, keys, as_of=as_of)
    known = _evidence(connection, used), events[events["time"] <= present], read_from(connection)
    return Panel(present, as_of, until, keys, tuple(groups), totals, *known)


def _is_total(series: Series) -> bool:
    return series.metric.partition(".")[2].startswith("total")


_Part = tuple[Ints, Floats, Ints, Ints, Ints]  # times, values, bounds, evidence, states


def _by_series(read: pd.DataFrame) -> dict[int, _Part]:
    """Points by series. Cut from whole columns: frames of some points each took most of the time of reading a panel."""
    ids = read["series_id"].to_numpy("int64")
    columns = (
        read["time"].to_numpy("int64"),
        read["value"].to_numpy("float64"),
        read["bound"].to_numpy("int64"),
        read["evidence_id"].fillna(0).to_numpy("int64"),
        read["state"].to_numpy("int64"),
    )
    edges = [0, *(np.flatnonzero(np.diff(ids)) + 1).tolist(), len(ids)]
    return {int(ids[a]): tuple(column[a:b] for column in columns) for a, b in pairwise(edges) if a < b}  # type: ignore[misc]  # five of them


def _line(series: Series, metric: Metric, part: _Part) -> Line:
    imported = series.origin == IMPORTED_ORIGIN
    return Line(series, metric, _points(part, State.GOOD, imported), _points(part, State.SUSPECT, imported))


def _points(part: _Part, state: State, imported: bool) -> Points:
    kept = (part[4] == state) & ~np.isnan(part[1])
    columns = (part[0][kept], part[1][kept], part[2][kept], part[3][kept], np.full(int(kept.sum()), imported))
    for column in columns:
        column.setflags(write=False)
    return Points(*columns)


def _groups(lines: Iterable[Line]) -> Iterator[Group]:
    found: dict[tuple[str, int, Labels], list[Line]] = defaultdict(list)
    for line in lines:
        found[line.series.metric, line.series.version, line.labels].append(line)
    for (_, version, labels), members in found.items():
        # The definition of whoever measures it now; an imported figure has the meaning that it was given.
        metric = min(members, key=lambda line: (line.imported, bool(line.period))).metric
        if metric.version != version:
            metric = next((line.metric for line in members if line.metric.version == version), metric)
        yield Group(metric, labels, tuple(members))


def _evidence(connection: Connection, ids: set[int], chunk: int = 500) -> dict[int, Evidence]:
    """Evidence by id. Read in chunks: daily figures have a page each, and one query a page takes seconds."""
    table, wanted = schema.evidence, sorted(ids)
    rows = [
        row
        for i in range(0, len(wanted), chunk)
        for row in connection.execute(
            select(table.c.id, table.c.kind, table.c.text, table.c.url, table.c.fetched_at).where(table.c.id.in_(wanted[i : i + chunk]))
        )
    ]
    found = {row.id: Evidence("" if row.kind == "capture" else row.text, row.url, row.fetched_at) for row in rows if row.kind != "set"}
    for row in rows:
        if row.kind == "set":
            members = list(frames.evidence(connection, [row.id]).get(row.id, {}).get("members", []))  # type: ignore[call-overload]
            first = members[0] if members else {}
            found[row.id] = Evidence("", str(first.get("url", "")), first.get("fetched_at"), len(members))
    return found


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
