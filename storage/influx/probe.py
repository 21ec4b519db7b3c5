"""What answers at an address: which server, which version, and what it does silently that a user must know."""

from __future__ import annotations

import re

from storage.influx.address import Address, Kind, Machine
from storage.influx.answers import Refused, Remedy, Trouble, of_status
from storage.influx.wire import Wire
from storage.periods import DAY, HOUR, WEEK

_FLAG = re.compile(r'^flag\{name="(?P<name>[^"]+)", value="(?P<value>[^"]*)"')
_VERSION = re.compile(r'^vm_app_version\{.*?short_version="(?P<version>[^"]*)"')
_STARTED = re.compile(r"^(?:vm_app_start_timestamp|process_start_time_seconds) (?P<at>\S+)")
_UNITS = {"h": HOUR, "d": DAY, "w": WEEK, "y": 365 * DAY, "": 31 * DAY, "s": 1, "m": 60}  # a bare number is months
NEWEST = 2 * DAY  # VictoriaMetrics drops what lies further in the future


def look(wire: Wire) -> Machine:
    """Find out what answers. Raises `Refused` where nothing does, or something else."""
    address = wire.address
    if address.kind is not Kind.VICTORIAMETRICS:
        ping = wire.ask("GET", "/ping")
        version = ping.headers.get("x-influxdb-version", "").lstrip("v")
        if version and version[0].isdigit():
            return Machine(Kind.INFLUXDB, version, int(version[0]))
        if ping.status in {401, 403} or ping.status >= 500:
            raise Refused(of_status(address, ping.status, ping.body, dict(ping.headers), 0))
    metrics = wire.ask("GET", "/metrics")
    if "vm_app_version" in metrics.body or address.kind is Kind.VICTORIAMETRICS:
        return victoria(metrics.body)
    if address.kind is Kind.INFLUXDB:  # a proxy that lets only writes and queries through
        return Machine(Kind.INFLUXDB, "", 2)
    raise Refused(
        Trouble(
            Remedy.CONFIGURE,
            f"what answers at {address.url} says neither that it is an InfluxDB nor a VictoriaMetrics; correct url under [influxdb],"
            ' or name it with kind = "influxdb" or kind = "victoriametrics"',
        )
    )


def victoria(metrics: str) -> Machine:
    """A VictoriaMetrics from its own metrics. Nothing is assumed of flags that it does not tell."""
    version, started, flags = "", "", {}
    for line in metrics.splitlines():
        if found := _FLAG.match(line):
            flags[found["name"]] = found["value"]
        elif found := _VERSION.match(line):
            version = found["version"].lstrip("v")
        elif not started and (found := _STARTED.match(line)):
            started = found["at"]
    interval = flags.get("dedup.minScrapeInterval", "")
    return Machine(
        Kind.VICTORIAMETRICS,
        version,
        0,
        oldest=seconds(flags.get("retentionPeriod", "")),
        newest=NEWEST,
        deduplicates="dedup.minScrapeInterval" not in flags or bool(re.search(r"[1-9]", interval)),
        started=started,
    )


def seconds(period: str) -> int | None:
    """A retention period of VictoriaMetrics in seconds; None for one that it does not tell."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([hdwysm]?)", period.strip())
    return int(float(found[1]) * _UNITS[found[2]]) if found else None


def warnings(address: Address, machine: Machine) -> list[str]:
    """What a user should change before trusting this server with the series."""
    found = []
    if machine.victoria and machine.oldest is not None and machine.oldest < 20 * 365 * DAY:
        found.append(
            f"VictoriaMetrics keeps only {machine.oldest // DAY} days and drops older figures without a word;"
            " start it with -retentionPeriod=100y, then: uptake influx resend"
        )
    if machine.victoria and not machine.deduplicates:
        found.append(
            "VictoriaMetrics keeps every copy of a figure that is sent twice; start it with -dedup.minScrapeInterval=1ms,"
            " then: uptake influx verify"
        )
    if address.url.startswith("http://") and address.token and not _local(address.url):
        found.append(f"the token travels to {address.url} without encryption; use https:// outside of a network that you trust")
    return found


def peculiarities(machine: Machine) -> list[str]:
    """What a user should know of this kind of server, and cannot change."""
    if machine.victoria:
        return ["VictoriaMetrics loses what it took in the last seconds before a crash; Uptake sends that again when it sees a restart"]
    if machine.major == 3:
        return [
            "InfluxDB 3 Core opens at most 432 files for one query: start it with --query-file-limit 20000 to read years of daily history",
            "InfluxDB 3 Core cannot remove single figures: those that are withdrawn here stay there, and are listed",
        ]
    return []


def _local(url: str) -> bool:
    return bool(re.match(r"https?://(127\.|localhost\b|\[::1\])", url))
