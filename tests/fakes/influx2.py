"""The part of InfluxDB 2's management API that `uptake influx setup` speaks, in the shape of its API reference."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from scheduler.demo.servers.threaded import HttpServer, body_of

ADMIN = "the-operator's-token"


class FakeInflux2(HttpServer):
    """Organisations, buckets, mappings and authorizations, as lists of what the API shows of them."""

    def __init__(self) -> None:
        super().__init__()
        self.orgs: list[dict[str, Any]] = [{"id": "0a", "name": "workshop"}]
        self.buckets: list[dict[str, Any]] = []
        self.dbrps: list[dict[str, Any]] = []
        self.authorizations: list[dict[str, Any]] = []

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        parts, body = urlsplit(request.path), body_of(request)
        document: Any = None
        if parts.path == "/ping":
            status = 204
        elif request.headers.get("Authorization") != f"Token {ADMIN}":
            status, document = 401, _error("unauthorized", "unauthorized access")
        else:
            status, document = self.answer(request.command, parts.path, dict(parse_qsl(parts.query)), json.loads(body or b"{}"))
        content = b"" if document is None else json.dumps(document).encode()
        request.send_response(status)
        request.send_header("X-Influxdb-Version", "v2.7.12")
        if content:
            request.send_header("Content-Type", "application/json; charset=utf-8")
            request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

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
