"""Removing points at a server, where overwriting cannot express what happened: withdrawn figures, renamed topics.

What is removed by its tags takes other fields along: those of the same tags, and in InfluxDB 2, whose predicates
cannot ask for the absence of a tag, of series with further tags. `taken_along` names them, so that they are sent again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, select

from storage import schema
from storage.influx.address import Machine
from storage.influx.wire import Wire
from storage.lookups import ALWAYS, series_of
from storage.model import Series
from storage.periods import iso

_FIRST, _LAST = "1677-09-22T00:00:00Z", "2262-04-11T00:00:00Z"  # of nanoseconds in 64 bits


def can_remove(machine: Machine) -> bool:
    return machine.major != 3  # 3 Core drops tables and databases, nothing smaller


def remove(wire: Wire, machine: Machine, series: Series, others: Iterable[str], since: int, until: int) -> None:
    """Remove a series' points from ``since`` to ``until`` (epoch seconds; VictoriaMetrics: all of them). Raises `Refused`.

    ``others`` are the labels that series of the same family may have.
    """
    tags = tags_of(series)
    absent = sorted(set(others) - set(tags))
    if machine.victoria:
        family, _, name = series.metric.partition(".")
        matchers = [f'__name__=~"{family}_{name}(_bound)?"', *(f"{k}={quoted(v)}" for k, v in tags.items()), *(f'{k}=""' for k in absent)]
        wire.ask("POST", "/internal/force_flush")  # what came in the last second is not found yet, and would stay
        wire.expect("POST", "/api/v1/admin/tsdb/delete_series", {"match[]": "{" + ",".join(matchers) + "}"})
    elif machine.major == 1:
        where = [f"{identifier(k)} = {text(v)}" for k, v in tags.items()] + [f"{identifier(k)} = ''" for k in absent]
        if since > -ALWAYS or until < ALWAYS:
            where.append(f"time >= {max(since, -(2**33))}s AND time <= {min(until, 2**33)}s")
        condition = f" WHERE {' AND '.join(where)}" if where else ""
        for _ in wire.query(f"DELETE FROM {identifier(series.family)}{condition}"):
            pass
    else:
        bounded = since > -ALWAYS or until < ALWAYS
        # Whether the stop itself is removed is not said: a millisecond after the last point is right either way.
        span = {"start": iso(since), "stop": iso(until).replace("Z", ".001Z")} if bounded else {"start": _FIRST, "stop": _LAST}
        predicate = " AND ".join([f"_measurement={quoted(series.family)}", *(f"{k}={quoted(v)}" for k, v in tags.items())])
        place = {"org": wire.address.org, "bucket": wire.address.bucket}
        wire.expect("POST", "/api/v2/delete", place, body=span | {"predicate": predicate})


def taken_along(connection: Connection, machine: Machine, series: Series) -> list[int]:
    """Ids of the series that a removal touches, itself among them if the journal has it."""
    wanted = set(tags_of(series).items())
    found = []
    for row in connection.execute(select(schema.series).where(schema.series.c.metric.like(f"{series.family}.%"))):
        other = series_of(row)
        tags = set(tags_of(other).items())
        if machine.victoria:
            touched = tags == wanted and other.metric == series.metric
        else:
            touched = tags == wanted if machine.major == 1 else tags >= wanted
        if touched:
            found.append(int(row.id))
    return found


def labels_in(connection: Connection, family: str) -> set[str]:
    """Tags that any series of a family has."""
    rows = connection.execute(select(schema.series).where(schema.series.c.metric.like(f"{family}.%")))
    return {key for row in rows for key in tags_of(series_of(row))}


def tags_of(series: Series) -> Mapping[str, str]:
    """A series' tags at the server: labels, and the topic where it has one.

    A backslash at the end arrives there as a space (`storage.exports.escaped_tag`), with which no value of ours ends.
    """
    tags = dict(series.tags()) | ({"topic": series.topic} if series.topic else {})
    return {key: at_server(value) for key, value in tags.items()}


def at_server(value: str) -> str:
    return f"{value[:-1]} " if value.endswith("\\") else value


def identifier(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def text(value: str) -> str:
    """A string of InfluxQL."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def quoted(value: str) -> str:
    """A string of PromQL, and of the predicates of InfluxDB 2."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
