"""Makes the place at a server that series are sent to, and looks at how one stands: retention, rights, clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from storage.influx.address import Machine
from storage.influx.answers import Refused, Remedy, Trouble
from storage.influx.removing import identifier
from storage.influx.wire import Wire
from storage.periods import DAY, HOUR, WEEK

SHARD = 52 * WEEK  # years of daily figures in few pieces; the default of a week makes five hundred of ten years
_UNITS = {"h": HOUR, "m": 60, "s": 1}


@dataclass(frozen=True, slots=True)
class Made:
    """What `setup` did, in sentences, and the tokens that it made by what they may do (``write``, ``read``)."""

    done: tuple[str, ...]
    tokens: Mapping[str, str]


def setup(wire: Wire, machine: Machine) -> Made:
    """Make the bucket or database with infinite retention, and tokens where the version can. Raises `Refused`."""
    if machine.victoria:
        return Made(("VictoriaMetrics has no buckets: nothing is to be made",), {})
    if machine.major == 1:
        return Made(tuple(_database(wire)), {})
    if machine.major == 2:
        return _bucket(wire)
    wire.expect("POST", "/api/v3/configure/database", body={"db": wire.address.bucket})
    words = f"the database {wire.address.bucket!r} is there; InfluxDB 3 Core knows only tokens that may do everything"
    return Made((words,), {})


def _database(wire: Wire) -> list[str]:
    address = wire.address
    name = identifier(address.database)
    known = {str(row[0]) for table in wire.query("SHOW DATABASES", database=False) for row in table.values}
    if address.database not in known:
        rp = identifier(address.retention_policy or "autogen")
        _run(wire, f"CREATE DATABASE {name} WITH DURATION INF REPLICATION 1 SHARD DURATION {SHARD // WEEK}w NAME {rp}")
        return [f"made the database {address.database!r}, which keeps everything"]
    policy = _policy(wire)
    if kept := _seconds(policy["duration"]):
        _run(wire, f"ALTER RETENTION POLICY {identifier(policy['name'])} ON {name} DURATION INF")
        return [f"the database {address.database!r} kept {kept // DAY} days, and now keeps everything"]
    return [f"the database {address.database!r} is there and keeps everything"]


def _bucket(wire: Wire) -> Made:
    address = wire.address
    orgs = wire.expect("GET", "/api/v2/orgs", {"org": address.org}).json().get("orgs", [])
    if not orgs:
        raise Refused(
            Trouble(Remedy.CONFIGURE, f"InfluxDB at {address.url} has no organisation {address.org!r}; correct org under [influxdb]")
        )
    org, found = str(orgs[0]["id"]), _find_bucket(wire)
    forever = [{"type": "expire", "everySeconds": 0, "shardGroupDurationSeconds": SHARD}]
    if found is None:
        found = wire.expect("POST", "/api/v2/buckets", body={"orgID": org, "name": address.bucket, "retentionRules": forever}).json()
        done = [f"made the bucket {address.bucket!r}, which keeps everything"]
    elif kept := _keeps(found):
        wire.expect("PATCH", f"/api/v2/buckets/{found['id']}", body={"retentionRules": [{"type": "expire", "everySeconds": 0}]})
        done = [f"the bucket {address.bucket!r} kept {kept // DAY} days, and now keeps everything"]
    else:
        done = [f"the bucket {address.bucket!r} is there and keeps everything"]
    done += _mapping(wire, org, str(found["id"]))
    return Made(tuple(done), {action: _token(wire, org, str(found["id"]), action) for action in ("write", "read")})


def _mapping(wire: Wire, org: str, bucket: str) -> list[str]:
    """InfluxQL asks for databases: since 2.4 a bucket is one by its name, before that a mapping says so."""
    name = wire.address.bucket
    query = {"orgID": org, "db": name}
    if wire.expect("GET", "/api/v2/dbrps", query).json().get("content"):
        return []
    body = {"orgID": org, "bucketID": bucket, "database": name, "retention_policy": "autogen", "default": True}
    wire.expect("POST", "/api/v2/dbrps", body=body)
    return [f"InfluxQL finds it as the database {name!r}"]


def _token(wire: Wire, org: str, bucket: str, action: str) -> str:
    resource = {"type": "buckets", "id": bucket, "orgID": org}
    body = {"orgID": org, "description": f"uptake {action}", "permissions": [{"action": action, "resource": resource}]}
    return str(wire.expect("POST", "/api/v2/authorizations", body=body).json()["token"])


def _find_bucket(wire: Wire) -> dict[str, Any] | None:
    answer = wire.ask("GET", "/api/v2/buckets", {"org": wire.address.org, "name": wire.address.bucket})
    if answer.status == 404:
        return None
    if answer.status != 200:
        wire.expect("GET", "/api/v2/buckets", {"org": wire.address.org, "name": wire.address.bucket})
    found = answer.json().get("buckets", [])
    return found[0] if found else None


def _keeps(bucket: Mapping[str, Any]) -> int:
    return max((int(rule.get("everySeconds") or 0) for rule in bucket.get("retentionRules", [])), default=0)


def retention(wire: Wire, machine: Machine) -> int | None:
    """For how many seconds the place keeps figures: 0 for ever, None where that cannot be asked. Raises `Refused`."""
    if machine.victoria:
        return machine.oldest
    if machine.major == 1:
        return _seconds(_policy(wire)["duration"])
    if machine.major == 2:
        found = _find_bucket(wire)
        return None if found is None else _keeps(found)
    return None


def _policy(wire: Wire) -> dict[str, str]:
    """The retention policy of InfluxDB 1 that is written to: the named one, else the default."""
    address = wire.address
    for table in wire.query(f"SHOW RETENTION POLICIES ON {identifier(address.database)}"):
        rows = [dict(zip(table.columns, row, strict=True)) for row in table.values]
        for row in rows:
            if row["name"] == address.retention_policy or (not address.retention_policy and row["default"]):
                return row
    words = f"InfluxDB at {address.url} has no database {address.bucket!r}; `uptake influx setup` makes it"
    raise Refused(Trouble(Remedy.CONFIGURE, words))


def _seconds(text: str) -> int:
    """A duration as InfluxDB 1 writes it: ``720h0m0s``."""
    total, number = 0, ""
    for letter in text:
        if letter.isdigit():
            number += letter
        else:
            total, number = total + int(number or 0) * _UNITS.get(letter, 0), ""
    return total


def may_write(wire: Wire) -> str:
    """Write a comment, which changes nothing. Empty, or why that is refused."""
    try:
        wire.write(["# uptake influx check"])
    except Refused as refusal:
        # An answer about the line itself comes only after the rights were looked at.
        return "" if refusal.trouble.remedy is Remedy.SPLIT else refusal.trouble.words
    return ""


def may_read(wire: Wire, machine: Machine) -> str:
    """Ask which measurements there are. Empty, or why that is refused."""
    try:
        if machine.victoria:
            wire.expect("GET", "/api/v1/labels")
        else:
            for _ in wire.query("SHOW MEASUREMENTS LIMIT 1"):
                pass
    except Refused as refusal:
        return refusal.trouble.words
    return ""


def clock_difference(wire: Wire, now: float) -> float | None:
    """Seconds that the server's clock is ahead of ours; None where it does not tell its time."""
    date = wire.ask("GET", "/ping").headers.get("date", "")
    try:
        return parsedate_to_datetime(date).timestamp() - now if date else None
    except ValueError:
        return None


def _run(wire: Wire, text: str) -> None:
    for _ in wire.query(text, database=False):
        pass


__all__ = ["Made", "clock_difference", "may_read", "may_write", "retention", "setup"]
