"""Where series are sent: the server's address, and what is known of the server itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from storage.model import UsageError


class Kind(StrEnum):
    AUTO = "auto"
    INFLUXDB = "influxdb"
    VICTORIAMETRICS = "victoriametrics"


@dataclass(frozen=True, slots=True)
class Address:
    """A server and the place in it. ``timeout`` is seconds for one request; ``ca_file`` trusts a private authority."""

    url: str
    org: str = "uptake"
    bucket: str = "uptake"
    token: str = field(default="", repr=False)
    ca_file: str | None = None
    kind: Kind = Kind.AUTO
    timeout: float = 30.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise UsageError(f'[influxdb] url: {self.url!r} is not an address; write one like "http://127.0.0.1:8086"')
        object.__setattr__(self, "url", self.url.rstrip("/"))

    @property
    def feed(self) -> str:
        """The name of its feed: another bucket is another feed, which starts from the beginning."""
        return f"{self.url} {self.org}/{self.bucket}"

    @property
    def database(self) -> str:
        """What InfluxQL calls the bucket: in InfluxDB 1.8 the part before the slash."""
        return self.bucket.partition("/")[0]

    @property
    def retention_policy(self) -> str:
        return self.bucket.partition("/")[2]


@dataclass(frozen=True, slots=True)
class Machine:
    """What answers at an address. ``major`` is 1, 2 or 3 of InfluxDB, 0 of VictoriaMetrics.

    ``oldest`` (seconds before now) and ``newest`` (after now) bound the times that VictoriaMetrics keeps; what lies outside it
    takes with a yes and drops. ``started`` is the moment of its start: what it had not written to disk by then is lost.
    """

    kind: Kind
    version: str = ""
    major: int = 0
    oldest: int | None = None
    newest: int | None = None
    deduplicates: bool = True
    started: str = ""

    @property
    def victoria(self) -> bool:
        return self.kind is Kind.VICTORIAMETRICS

    def __str__(self) -> str:
        name = "VictoriaMetrics" if self.victoria else "InfluxDB"
        return f"{name} {self.version}".rstrip()


__all__ = ["Address", "Kind", "Machine"]
