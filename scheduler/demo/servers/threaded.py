"""What servers of the demo and of tests have in common: each lives in a thread, on a port that was free."""

from __future__ import annotations

import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any, Self


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # a client that was killed is no news
            super().handle_error(request, client_address)


class Threaded:
    """Used as a context manager; each connection gets a ``session`` in a thread of its own. ``port`` is known before it starts."""

    def __init__(self, session: type[socketserver.BaseRequestHandler], host: str = "127.0.0.1") -> None:
        self._server = _Server((host, 0), session)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.port = int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class HttpServer(Threaded):
    """`handle` is called for each request, whatever its method. ``url`` has no slash at its end."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        outer = self

        class Session(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # head and body are sent apart

            def do_GET(self) -> None:
                outer.handle(self)

            do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(Session, host)
        self.url = f"http://{host}:{self.port}"

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        raise NotImplementedError


def body_of(request: BaseHTTPRequestHandler) -> bytes:
    length = int(request.headers.get("Content-Length") or 0)
    return request.rfile.read(length) if length else b""


__all__ = ["HttpServer", "Threaded", "body_of"]
