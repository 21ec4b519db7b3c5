"""A door before a time-series server, at which everything can go wrong that goes wrong between two machines."""

from __future__ import annotations

import contextlib
import http.client
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

WRITE = "/api/v2/write"


@dataclass
class Fault:
    """What happens to the next ``times`` requests to ``path``: an answer of its own, or a cut ``before`` or ``after`` the server."""

    status: int = 0
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    cut: str = ""
    times: int = 1
    path: str = WRITE
    when: Callable[[bytes], bool] = lambda _: True  # of the request's body


@dataclass
class Gate:
    url: str = ""
    faults: list[Fault] = field(default_factory=list)
    bytes_per_second: int = 0  # of a request's body; 0: as fast as it comes
    cuts: random.Random | None = None  # cuts every third write somewhere
    asked: list[tuple[str, int, float]] = field(default_factory=list)  # path, bytes, monotonic time
    bodies: list[tuple[str, bytes]] = field(default_factory=list)  # of everything but writes
    answered: list[int] = field(default_factory=list)  # statuses of writes

    def fault(self, path: str, body: bytes) -> Fault | None:
        for fault in self.faults:
            if fault.times and path == fault.path and fault.when(body):
                fault.times -= 1
                return fault
        if self.cuts is not None and path == WRITE and self.cuts.random() < 1 / 3:
            return Fault(cut=self.cuts.choice(["before", "after"]))
        return None

    @property
    def writes(self) -> list[tuple[int, float]]:
        return [(size, at) for path, size, at in self.asked if path == WRITE]


@contextmanager
def gate(upstream: str, tls: ssl.SSLContext | None = None) -> Iterator[Gate]:
    """A gate before a server's address."""
    door = Gate()
    parts = urlsplit(upstream)
    assert parts.hostname
    assert parts.port
    host, port = parts.hostname, parts.port

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # else head and body are two packets, and the second waits for an acknowledgement

        def log_message(self, *_: object) -> None: ...

        def _body(self) -> bytes:
            length = int(self.headers.get("Content-Length") or 0)
            if not door.bytes_per_second:
                return self.rfile.read(length)
            read = b""
            while len(read) < length:
                piece = self.rfile.read(min(256, length - len(read)))
                if not piece:
                    raise ConnectionError("the client gave up")
                read += piece
                time.sleep(len(piece) / door.bytes_per_second)
            return read

        def _cut(self) -> None:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)

        def _handle(self) -> None:
            path = urlsplit(self.path).path
            try:
                body = self._body()
            except OSError:
                self.close_connection = True
                return
            door.asked.append((path, len(body), time.monotonic()))
            if path != WRITE:
                door.bodies.append((path, body))
            fault = door.fault(path, body)
            if fault is not None and fault.cut == "before":
                self._cut()
                return
            if fault is not None and fault.status:
                status, headers, content = fault.status, fault.headers, fault.body.encode()
            else:
                status, headers, content = self._forward(body)
            if fault is not None and fault.cut == "after":
                self._cut()
                return
            if path == WRITE:
                door.answered.append(status)
            try:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if status != 204:
                    self.wfile.write(content)
            except OSError:
                self.close_connection = True

        def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
            connection = http.client.HTTPConnection(host, port, timeout=20)
            try:
                kept = {k: v for k, v in self.headers.items() if k.lower() not in {"host", "connection", "content-length"}}
                connection.request(self.command, self.path, body or None, kept)
                answer = connection.getresponse()
                passed = {k: v for k, v in answer.getheaders() if k.lower() in {"content-type", "x-influxdb-version", "retry-after"}}
                return answer.status, passed, answer.read()
            except OSError as error:
                return 502, {"Content-Type": "text/html"}, str(error).encode()
            finally:
                connection.close()

        do_GET = do_POST = _handle  # noqa: N815  # http.server's names

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None: ...  # a client that refuses the certificate is what is tested

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    door.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield door
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
