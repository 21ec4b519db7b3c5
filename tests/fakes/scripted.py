"""A local HTTP server whose answers are a script: statuses, bodies, and all the ways in which servers fail."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from scheduler.demo.servers.threaded import HttpServer, body_of


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int = 0  # bytes of the promised body that never come
    wait: float = 0.0  # seconds before anything is sent
    reset: bool = False  # the connection is torn down instead of an answer

    @classmethod
    def of(cls, document: object, **kwargs: object) -> Answer:
        return cls(body=json.dumps(document).encode(), **kwargs)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Asked:
    at: float
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


NOTHING_HERE = Answer(404, b"not found")


class Scripted(HttpServer):
    """``answers[path]`` is a list: each request takes the next, the last one stays. Unknown paths are 404."""

    def __init__(self, answers: dict[str, list[Answer]] | None = None) -> None:
        super().__init__()
        self.answers: dict[str, list[Answer]] = answers or {}
        self.log: list[Asked] = []
        self._taken: dict[str, int] = defaultdict(int)
        self._lock = threading.Lock()

    def paths(self) -> list[str]:
        """Paths that were asked for, without robots.txt."""
        return [a.path for a in self.log if a.path != "/robots.txt"]

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        body = body_of(request)
        with self._lock:
            self.log.append(Asked(time.time(), request.command, request.path, dict(request.headers), body))
            script = self.answers.get(request.path, [NOTHING_HERE])
            answer = script[min(self._taken[request.path], len(script) - 1)]
            self._taken[request.path] += 1
        if answer.wait:
            time.sleep(answer.wait)
        if answer.reset:
            request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            request.connection.close()
            request.close_connection = True
            return
        try:
            request.send_response(answer.status)
            for key, value in answer.headers.items():
                request.send_header(key, value)
            request.send_header("Content-Length", str(len(answer.body) + answer.cut))
            request.end_headers()
            request.wfile.write(answer.body)
            request.wfile.flush()
        except OSError:
            request.close_connection = True
        if answer.cut:
            request.close_connection = True
