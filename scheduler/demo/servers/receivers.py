"""Who gets what the program sends: a time-series server that only takes lines, and a mail server that lays letters into a folder."""

from __future__ import annotations

import gzip
import re
import socketserver
from pathlib import Path
from typing import Any

from scheduler.demo.servers.service import Asked, Raw, Service
from scheduler.demo.servers.threaded import Threaded

_LINE = re.compile(r"((?:\\.|[^ \\])+) (.+) (-?\d+)\Z")
_FIELD = re.compile(r'((?:\\.|[^=,\\])+)=("(?:\\.|[^"\\])*"|[^,]+)(?:,|\Z)')


class Receiver(Service):
    """Takes ``/api/v2/write`` as an InfluxDB 2 does, and keeps the last value of each figure."""

    def __init__(self) -> None:
        super().__init__()
        self.figures: dict[tuple[str, str, int], str] = {}  # (measurement and tags, field, nanoseconds) -> value

    def respond(self, asked: Asked) -> tuple[int, Any]:
        if asked.path == "/ping":
            return 204, Raw(b"", {"X-Influxdb-Version": "v2.7.0"})
        if asked.path != "/api/v2/write":
            return 404, {"code": "not found", "message": "path not found"}
        body = gzip.decompress(asked.body) if asked.headers.get("Content-Encoding") == "gzip" else asked.body
        asked.body = b""
        for line in body.decode().splitlines():
            if (parts := _LINE.match(line)) is None:
                return 400, {"code": "invalid", "message": f"unable to parse '{line}'"}
            for name, value in _FIELD.findall(parts[2]):
                self.figures[parts[1], name, int(parts[3])] = value
        return 204, Raw(b"", {})


class Mailroom(Threaded):
    """A mail server of few words (RFC 5321). Every letter becomes a file ``0001.eml`` of a folder."""

    def __init__(self, folder: Path) -> None:
        self.letters = 0
        outer = self

        class Session(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(b"220 demo\r\n")
                while line := self.rfile.readline(1000).strip().upper():
                    if line == b"DATA":
                        self.wfile.write(b"354 go on\r\n")
                        outer.keep(folder, self._letter())
                        self.wfile.write(b"250 kept\r\n")
                    elif line == b"QUIT":
                        self.wfile.write(b"221 bye\r\n")
                        return
                    else:
                        self.wfile.write(b"250 8BITMIME\r\n" if line.startswith(b"EHLO") else b"250 ok\r\n")

            def _letter(self) -> bytes:
                lines = []
                while (line := self.rfile.readline()) not in {b".\r\n", b""}:
                    lines.append(line[1:] if line.startswith(b"..") else line)
                return b"".join(lines)

        super().__init__(Session)

    def keep(self, folder: Path, letter: bytes) -> None:
        self.letters += 1
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.letters:04}.eml").write_bytes(letter)


__all__ = ["Mailroom", "Receiver"]
