"""A local HTTP server whose answers are a script: statuses, bodies, and all the ways in which servers fail."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


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


class Scripted:
    """``answers[path]`` is a list: each request takes the next, the last one stays. Unknown paths are 404."""

    def __init__(self, answers: dict[str, list[Answer]] | None = None) -> None:
        self.answers: dict[str, list[Answer]] = answers or {}
        self.log: list[Asked] = []
        self._taken: dict[str, int] = defaultdict(int)
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body are sent apart

            def log_message(self, *_: object) -> None:
                pass

            def _handle(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                outer._answer(self, self.rfile.read(length) if length else b"")

            do_GET = do_POST = _handle  # noqa: N815

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:  # a client that was killed is no news
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def paths(self) -> list[str]:
        """Paths that were asked for, without robots.txt."""
        return [a.path for a in self.log if a.path != "/robots.txt"]

    def _answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        with self._lock:
            self.log.append(Asked(time.time(), handler.command, handler.path, dict(handler.headers), body))
            script = self.answers.get(handler.path, [NOTHING_HERE])
            answer = script[min(self._taken[handler.path], len(script) - 1)]
            self._taken[handler.path] += 1
        if answer.wait:
            time.sleep(answer.wait)
        if answer.reset:
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()
            handler.close_connection = True
            return
        try:
            handler.send_response(answer.status)
            for key, value in answer.headers.items():
                handler.send_header(key, value)
            handler.send_header("Content-Length", str(len(answer.body) + answer.cut))
            handler.end_headers()
            handler.wfile.write(answer.body)
            handler.wfile.flush()
        except OSError:
            handler.close_connection = True
        if answer.cut:
            handler.close_connection = True
