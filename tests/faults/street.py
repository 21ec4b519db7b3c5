"""The shop that the suite's sources look at: figures that depend on what is asked alone, and ways in which a server fails."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import zlib
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any, Self

from scheduler.demo.servers.service import Asked, Raw, Service
from tests.faults.places import HOST

LONGEST = 30.0  # seconds that anything is held back
GONE = "gone"  # a topic that the shop does not have
WELL, SILENT, DRIPS, RESETS = "well", "silent", "drips", "resets"


def figure(*words: str) -> int:
    """A number between 100 and 199 for some words: not so far apart that one would be held as doubtful."""
    return 100 + zlib.crc32(" ".join(words).encode()) % 100


class Street(Service):
    """``mode`` says how it behaves; `heal` makes it well and lets go of all that it holds. ``shut``: nobody listens until then."""

    def __init__(self, *, padding: int = 0, shut: bool = False) -> None:
        super().__init__()
        self.mode = WELL
        self._padding = random.Random(0).randbytes(padding // 2).hex()  # a page may be longer than need be
        self.healed = threading.Event()
        self.arrived: list[str] = []  # paths of requests that came in, also of those that are not answered yet
        self._news = threading.Condition()
        self.doors = threading.Event()  # while it is clear, pages wait
        self.doors.set()
        self._good: int | None = None  # answers until it breaks
        self._then = WELL
        self._shut = shut
        if shut:
            self._shut_shop()

    def __enter__(self) -> Self:
        return self if self._shut else super().__enter__()

    def __exit__(self, *about: object) -> None:
        self.heal()
        super().__exit__(*about)

    def break_after(self, answers: int, mode: str) -> None:
        """Behave well for so many answers, then no more."""
        self._good, self._then = answers, mode

    def heal(self) -> None:
        self.mode = WELL
        self._good = None
        self.healed.set()
        self.doors.set()
        if self._shut:
            self._shut = False
            self._server.server_activate()
            self._thread.start()

    def came(self, count: int = 1) -> None:
        """Wait until so many pages were asked for."""
        with self._news:
            assert self._news.wait_for(lambda: len(self._pages()) >= count, LONGEST), f"asked for: {self.arrived}"

    def _pages(self) -> list[str]:
        return [path for path in self.arrived if not path.startswith("/robots")]

    def _shut_shop(self) -> None:
        """Refuse connections: a bound socket that nobody listens at, so that the port stays ours."""
        host, port = self._server.server_address[:2]
        self._server.socket.close()
        self._server.socket = socket.socket()
        self._server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._server.socket.bind((str(host), int(port)))

    @property
    def named(self) -> str:
        """Its address by a name, which has to be looked up."""
        return self.url.replace("127.0.0.1", HOST)

    def respond(self, asked: Asked) -> tuple[int, Any]:
        _, kind, *rest = asked.path.split("/")
        rest = rest or [kind]
        if kind == "diary":
            first, last = (date.fromisoformat(asked.query[k]) for k in ("first", "last"))
            days = [first + timedelta(n) for n in range((last - first).days + 1)]
            return 200, {"days": {d.isoformat(): figure(rest[0], d.isoformat()) for d in days}}
        if rest == [GONE]:
            return 404, Raw(b"no such widget")
        tag = f'"{figure(*rest)}"'
        if asked.headers.get("If-None-Match") == tag:
            return 304, Raw(b"", {"ETag": tag})
        body = f'{{"count": {figure(*rest)}, "padding": "{self._padding}"}}'.encode()
        return 200, Raw(body, {"Content-Type": "application/json", "ETag": tag})

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        with self._news:
            self.arrived.append(request.path)
            self._news.notify_all()
        if not request.path.startswith("/robots"):
            self.doors.wait(LONGEST)
        with self._lock:
            if self._good is not None:
                self._good -= 1
                self.mode = self._then if self._good < 0 else self.mode
        if self.mode == WELL:
            super().handle(request)
            return
        request.close_connection = True
        if self.mode == RESETS:
            request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            request.connection.close()
        elif self.mode == SILENT:
            self.healed.wait(LONGEST)
        else:
            self._drip(request)

    def _drip(self, request: BaseHTTPRequestHandler) -> None:
        """A byte at a time, slower than any client's patience."""
        with contextlib.suppress(OSError):
            for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000:
                request.wfile.write(bytes([byte]))
                request.wfile.flush()
                if self.healed.wait(0.05):
                    return
