"""A host that writes down who was in it from when to when: the User-Agent's mailto says it, ``worker`` or ``worker.crawl``."""

from __future__ import annotations

import json
import re
import select
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

_WHO = re.compile(r"mailto:(([^@.]+)[^@]*)@")
_NEVER = 1e12


@dataclass(slots=True)
class Visit:
    """One request: seconds on this machine's monotonic clock, until the answer was sent or the asker had gone."""

    who: str
    crawl: str
    path: str
    began: float
    ended: float = _NEVER


class Turnstile:
    """``wait``: seconds that each answer takes."""

    def __init__(self, wait: float = 0.05, host: str = "127.0.0.1") -> None:
        self.wait = wait
        self.visits: list[Visit] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                outer._serve(self)

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:  # a client that was killed is no news
                pass

        self._server = Server((host, 0), Handler)
        self.port: int = self._server.server_port
        self.url = f"http://{host}:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def of(self, who: str) -> list[Visit]:
        return [v for v in list(self.visits) if v.who == who]

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        found = _WHO.search(handler.headers.get("User-Agent") or "")
        visit = Visit(found[2] if found else "", found[1] if found else "", handler.path, time.monotonic())
        self.visits.append(visit)
        try:
            gone, _, _ = select.select([handler.connection], [], [], self.wait)  # readable before the answer: closed
            if gone:
                handler.close_connection = True
                return
            body = b"" if handler.path == "/robots.txt" else json.dumps({"count": 3}).encode()
            handler.send_response(200 if body else 404)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)
        except OSError:
            handler.close_connection = True
        finally:
            visit.ended = time.monotonic()


def together(visits: Iterable[Visit]) -> list[tuple[str, str]]:
    """Pairs of crawls of which one came into the host before the other had made its last visit and left."""
    spans: dict[str, tuple[float, float]] = {}
    for visit in visits:
        left = visit.began if visit.ended == _NEVER else visit.ended
        first, last = spans.get(visit.crawl, (visit.began, left))
        spans[visit.crawl] = min(first, visit.began), max(last, left)
    ordered = sorted(spans, key=lambda crawl: spans[crawl])
    return [(one, other) for i, one in enumerate(ordered) for other in ordered[i + 1 :] if spans[other][0] < spans[one][1]]


__all__ = ["Turnstile", "Visit", "together"]
