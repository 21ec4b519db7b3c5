"""A host that writes down who was in it from when to when: the User-Agent's mailto says it, ``worker`` or ``worker.crawl``."""

from __future__ import annotations

import json
import re
import select
import time
from collections.abc import Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler

from scheduler.demo.servers.threaded import HttpServer

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


class Turnstile(HttpServer):
    """``wait``: seconds that each answer takes."""

    def __init__(self, wait: float = 0.05, host: str = "127.0.0.1") -> None:
        super().__init__(host)
        self.wait = wait
        self.visits: list[Visit] = []

    def of(self, who: str) -> list[Visit]:
        return [v for v in list(self.visits) if v.who == who]

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        found = _WHO.search(request.headers.get("User-Agent") or "")
        visit = Visit(found[2] if found else "", found[1] if found else "", request.path, time.monotonic())
        self.visits.append(visit)
        try:
            gone, _, _ = select.select([request.connection], [], [], self.wait)  # readable before the answer: closed
            if gone:
                request.close_connection = True
                return
            body = b"" if request.path == "/robots.txt" else json.dumps({"count": 3}).encode()
            request.send_response(200 if body else 404)
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body)
        except OSError:
            request.close_connection = True
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
