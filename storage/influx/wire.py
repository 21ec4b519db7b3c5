"""Requests to a server: lines by influxdb-client's synchronous write API, everything else by urllib3, on which it stands.

Nothing here waits or tries again: every answer other than yes is a `Refused` with what it means.
"""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException

from storage.influx.address import Address
from storage.influx.answers import Refused, Remedy, Trouble, message, of_failure, of_status

_FAILURES = (urllib3.exceptions.HTTPError, OSError)
CHUNK = 10_000  # points of a series in one piece of an answer


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]  # names in small letters
    body: str

    def json(self) -> Any:
        return json.loads(self.body) if self.body.strip() else None


@dataclass(frozen=True, slots=True)
class Table:
    """A piece of an InfluxQL answer: one series' columns and rows."""

    name: str
    tags: Mapping[str, str]
    columns: list[str]
    values: list[list[Any]]


def packed(lines: list[str]) -> bytes:
    """Lines as they travel: gzip at level 1. The client's own takes level 9, ten times as long for a fifth fewer bytes."""
    squeeze = zlib.compressobj(1, wbits=31)
    return squeeze.compress("\n".join(lines).encode()) + squeeze.flush()


class Wire:
    """One server's connections. Safe to use from one thread at a time."""

    def __init__(self, address: Address) -> None:
        self.address = address
        timeout = int(address.timeout * 1000)
        self._client = InfluxDBClient(address.url, address.token, org=address.org, timeout=timeout, ssl_ca_cert=address.ca_file)
        self._client.api_client.set_default_header("Content-Encoding", "gzip")  # type: ignore[no-untyped-call]
        self._writer = self._client.write_api(write_options=SYNCHRONOUS)
        self._pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(total=address.timeout), retries=False, ca_certs=address.ca_file, cert_reqs="CERT_REQUIRED"
        )

    def close(self) -> None:
        self._client.close()  # type: ignore[no-untyped-call]
        self._pool.clear()

    def write(self, lines: list[str] | bytes) -> None:
        """Write lines (times in nanoseconds), or what `packed` made of them. Returns when the server has said yes; raises `Refused`."""
        body = lines if isinstance(lines, bytes) else packed(lines)
        try:
            self._writer.write(self.address.bucket, self.address.org, body)
        except ApiException as error:
            if not error.status:
                raise Refused(of_failure(self.address, error)) from error
            headers = {str(k).lower(): str(v) for k, v in (error.headers or {}).items()}
            raise Refused(of_status(self.address, error.status, str(error.body or ""), headers, time.time())) from error
        except _FAILURES as error:
            raise Refused(of_failure(self.address, error)) from error

    def ask(
        self, method: str, path: str, query: Mapping[str, str] | None = None, *, body: Any = None, timeout: float | None = None
    ) -> Answer:
        """One request outside of writing and InfluxQL; any status is an answer. ``body`` is sent as JSON. Raises `Refused` without one."""
        fields = f"?{urlencode(query)}" if query else ""
        headers = self._headers | ({"Content-Type": "application/json"} if body is not None else {})
        payload = None if body is None else json.dumps(body).encode()
        limit = urllib3.Timeout(total=timeout or self.address.timeout)
        try:
            found = self._pool.request(method, f"{self.address.url}{path}{fields}", body=payload, headers=headers, timeout=limit)
        except _FAILURES as error:
            raise Refused(of_failure(self.address, error)) from error
        return Answer(found.status, {k.lower(): v for k, v in found.headers.items()}, found.data.decode("utf-8", "replace"))

    def expect(self, method: str, path: str, query: Mapping[str, str] | None = None, *, body: Any = None) -> Answer:
        """Like `ask`, but anything other than 2xx is `Refused`."""
        answer = self.ask(method, path, query, body=body)
        if not 200 <= answer.status < 300:
            raise Refused(of_status(self.address, answer.status, answer.body, dict(answer.headers), time.time()))
        return answer

    def query(self, text: str, *, database: bool = True) -> Iterator[Table]:
        """Ask in InfluxQL; pieces of series as they come, times in epoch seconds. Memory is that of a piece."""
        fields = {"q": text, "epoch": "ns", "chunked": "true", "chunk_size": str(CHUNK)}
        if database:
            fields["db"] = self.address.database
            if self.address.retention_policy:
                fields["rp"] = self.address.retention_policy
        try:
            with self._pool.request(
                "POST",
                f"{self.address.url}/query",
                body=urlencode(fields).encode(),
                headers=self._headers | {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
                preload_content=False,
            ) as found:
                if not 200 <= found.status < 300:
                    body = found.read().decode("utf-8", "replace")
                    headers = {k.lower(): v for k, v in found.headers.items()}
                    raise Refused(_of_query(self.address, found.status, body, headers))
                yield from _tables(self.address, _lines(found))
        except _FAILURES as error:
            raise Refused(of_failure(self.address, error)) from error

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Token {self.address.token}"} if self.address.token else {}


def _lines(found: Any) -> Iterator[str]:
    rest = b""
    for piece in found.stream(1 << 16, decode_content=True):
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            if line.strip():
                yield line.decode()
    if rest.strip():
        yield rest.decode()


def _tables(address: Address, lines: Iterator[str]) -> Iterator[Table]:
    for line in lines:
        document = json.loads(line)
        if "error" in document:
            raise Refused(_of_query(address, 400, line, {}))
        for result in document.get("results", []):
            if "error" in result:
                raise Refused(_of_query(address, 400, json.dumps(result), {}))
            for series in result.get("series", []):
                tags = {k: v or "" for k, v in (series.get("tags") or {}).items()}
                yield Table(series.get("name", ""), tags, series.get("columns", []), series.get("values", []))


def _of_query(address: Address, status: int, body: str, headers: dict[str, str]) -> Trouble:
    said = message(body)
    if "file limit" in said.lower() or "query-file-limit" in said.lower():
        return Trouble(
            Remedy.CONFIGURE,
            f"InfluxDB 3 Core at {address.url} opens at most 432 files for one query, and daily history lies in more; start it with"
            " --query-file-limit 20000 (slower, more memory), or use InfluxDB 2 or VictoriaMetrics for long histories",
        )
    if status in {400, 422} and "not found" not in said:
        return Trouble(Remedy.CONFIGURE, f"InfluxDB at {address.url} does not answer the query: {said}")
    return of_status(address, 404 if "not found" in said else status, body, headers, time.time())
