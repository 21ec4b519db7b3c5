"""The part of InfluxDB 2's management API that `uptake influx setup` speaks, in the shape of its API reference."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

ADMIN = "the-operator's-token"


@dataclass
class FakeInflux2:
    """Organisations, buckets, mappings and authorizations, as lists of what the API shows of them."""

    url: str = ""
    orgs: list[dict[str, Any]] = field(default_factory=lambda: [{"id": "0a", "name": "workshop"}])
    buckets: list[dict[str, Any]] = field(default_factory=list)
    dbrps: list[dict[str, Any]] = field(default_factory=list)
    authorizations: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> tuple[int, Any]:
        match method, path.strip("/").split("/")[2:]:
            case "GET", ["orgs"]:
                return 200, {"orgs": [o for o in self.orgs if o["name"] == query["org"]]}
            case "GET", ["buckets"]:
                found = [b for b in self.buckets if b["name"] == query["name"]]
                return (200, {"buckets": found}) if found else (404, _error("not found", f'bucket "{query["name"]}" not found'))
            case "POST", ["buckets"]:
                self.buckets.append({"id": f"b{len(self.buckets)}", **body})
                return 201, self.buckets[-1]
            case "PATCH", ["buckets", number]:
                bucket = next(b for b in self.buckets if b["id"] == number)
                bucket.update(body)
                return 200, bucket
            case "GET", ["dbrps"]:
                return 200, {"content": [d for d in self.dbrps if d["database"] == query["db"] and d["orgID"] == query["orgID"]]}
            case "POST", ["dbrps"]:
                self.dbrps.append(body)
                return 201, body
            case "POST", ["authorizations"]:
                self.authorizations.append({**body, "token": f"token-{len(self.authorizations)}"})
                return 201, self.authorizations[-1]
        return 404, _error("not found", "path not found")


def _error(code: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message}


@contextmanager
def influx2() -> Iterator[FakeInflux2]:
    fake = FakeInflux2()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def log_message(self, *_: object) -> None: ...

        def _handle(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if parts.path == "/ping":
                status, document = 204, None
            elif self.headers.get("Authorization") != f"Token {ADMIN}":
                status, document = 401, _error("unauthorized", "unauthorized access")
            else:
                status, document = fake.answer(self.command, parts.path, dict(parse_qsl(parts.query)), json.loads(body or b"{}"))
            content = b"" if document is None else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("X-Influxdb-Version", "v2.7.12")
            if content:
                self.send_header("Content-Type", "application/json; charset=utf-8")
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = _handle  # noqa: N815  # http.server's names

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
