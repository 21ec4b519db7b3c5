"""What fakes of JSON services share: a local server with a log of what was asked and scripted faults."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from scheduler.demo.servers.threaded import HttpServer, body_of


@dataclass
class Asked:
    """One request as it came in, and the status it was answered with."""

    path: str  # as sent, percent-encoded
    query: dict[str, str]
    headers: dict[str, str]
    status: int = 0
    body: bytes = b""


@dataclass(frozen=True)
class Raw:
    """An answer that is no JSON: a page, a feed, a head that says it all."""

    body: bytes
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "text/html; charset=utf-8"})


@dataclass
class Fault:
    """What goes wrong for the next ``times`` requests that it concerns, once ``after`` of them went well."""

    when: Callable[[Asked], bool] = lambda _: True
    times: int = 1
    after: int = 0
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None  # instead of the answer
    edit: Callable[[Any], Any] | None = None  # of the answer's object
    keep: float | None = None  # share of the body that is sent, with a Content-Length that fits


class Service(HttpServer):
    """Used as a context manager; `respond` is the subclass's model of the service."""

    compress = False  # whatever the client accepts

    def __init__(self) -> None:
        super().__init__()
        self.log: list[Asked] = []
        self.faults: list[Fault] = []
        self._lock = threading.Lock()

    def respond(self, asked: Asked) -> tuple[int, Any]:
        """Status and object of the answer."""
        raise NotImplementedError

    def fail(self, when: Callable[[Asked], bool] = lambda _: True, **fields: Any) -> None:
        self.faults.append(Fault(when, **fields))

    def asked(self, part: str = "", **query: str) -> list[Asked]:
        """Requests whose path holds a part and whose parameters are these, without robots.txt."""
        found = [a for a in self.log if part in a.path and a.path != "/robots.txt"]
        return [a for a in found if all(a.query.get(k) == v for k, v in query.items())]

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        query = {k: v[-1] for k, v in parse_qs(parts.query, keep_blank_values=True).items()}
        asked = Asked(parts.path, query, dict(request.headers), body=body_of(request))
        with self._lock:
            self.log.append(asked)
            status, headers, body = self._reply(asked)
            asked.status = status
        if self.compress and asked.path != "/robots.txt":
            body, headers = gzip.compress(body), {**headers, "Content-Encoding": "gzip"}
        request.send_response(status)
        for key, value in {"Content-Type": "application/json; charset=utf-8", **headers, "Content-Length": str(len(body))}.items():
            request.send_header(key, value)
        request.end_headers()
        request.wfile.write(body)

    def _reply(self, asked: Asked) -> tuple[int, dict[str, str], bytes]:
        if asked.path == "/robots.txt":
            return 404, {}, b""
        fault = next((f for f in self.faults if f.times > 0 and f.when(asked)), None)
        if fault is not None and fault.after > 0:
            fault.after -= 1
            fault = None
        if fault is None:
            status, payload = self.respond(asked)
            return (status, payload.headers, payload.body) if isinstance(payload, Raw) else (status, {}, json.dumps(payload).encode())
        fault.times -= 1
        body, headers = fault.body, fault.headers
        if body is None:
            _, payload = self.respond(asked)
            if isinstance(payload, Raw):
                body, headers = payload.body, {**payload.headers, **headers}
            else:
                body = json.dumps(fault.edit(payload) if fault.edit else payload).encode()
        return fault.status, headers, body if fault.keep is None else body[: int(len(body) * fault.keep)]
