"""What the daemon asks its clerks and what they answer: plain values that travel over pipes."""

from __future__ import annotations

import gzip
import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from crawlers.keep import Keep
from storage.model import Basket, Topic

HEAD = struct.Struct(">II")  # bytes of the head (JSON), bytes of the body
SMALL = 600  # bytes below which compressing gains nothing
PACKED = ("text/", "application/json", "application/problem+json", "image/svg+xml", "application/vnd.oai")


@dataclass(frozen=True, slots=True)
class Setting:
    """What pages need of the configuration. ``sources``: as `uptake sources --json` describes them."""

    store: Path
    config: str  # the file's path, for the commands that pages name
    topics: Mapping[str, Topic]
    baskets: Mapping[str, Basket]
    sources: tuple[Mapping[str, Any], ...]
    version: str = ""
    locked: bool = False  # whether one had to log in
    keep: Keep | None = None  # where raw responses are kept, if not in the store's folder
    store_url: str | None = field(default=None, repr=False)  # of PostgreSQL, where the journal is no file; may hold a password

    @property
    def titles(self) -> dict[str, str]:
        return {str(s["name"]): str(s["title"]) for s in self.sources}


@dataclass(frozen=True, slots=True)
class Question:
    """``name`` is an endpoint's, ``args`` what was read from its query, ``now`` the present in epoch seconds.

    ``live`` is what only the daemon knows: health, next visits, allowances.
    """

    name: str
    args: Mapping[str, Any]
    now: int
    live: Mapping[str, Any] = field(default_factory=dict)

    def pack(self) -> bytes:
        head = json.dumps({"name": self.name, "args": self.args, "now": self.now, "live": self.live}).encode()
        return HEAD.pack(len(head), 0) + head


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: ``packed`` says that its body is gzip. ``memory``: bytes that the clerk holds."""

    status: int
    media: str
    body: bytes
    packed: bool = False
    etag: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    memory: int = 0

    def pack(self) -> bytes:
        fields = {"status": self.status, "media": self.media, "packed": self.packed, "etag": self.etag}
        head = json.dumps({**fields, "headers": dict(self.headers), "memory": self.memory}).encode()
        return HEAD.pack(len(head), len(self.body)) + head + self.body


def answer(body: bytes | str, media: str, status: int = 200, *, memory: int = 0, headers: Mapping[str, str] | None = None) -> Answer:
    """An answer made ready to travel: its tag told, compressed where that helps."""
    plain = body.encode() if isinstance(body, str) else body
    packed = len(plain) >= SMALL and media.startswith(PACKED)
    etag = hashlib.sha256(media.encode() + plain).hexdigest()[:24]
    sent = gzip.compress(plain, 5, mtime=0) if packed else plain
    return Answer(status, media, sent, packed, etag, dict(headers or {}), memory)


def read_question(stream: BinaryIO) -> Question | None:
    """The next question of a pipe; None where it has ended."""
    start = stream.read(HEAD.size)
    if len(start) < HEAD.size:
        return None
    size, _ = HEAD.unpack(start)
    return Question(**json.loads(stream.read(size)))


def read_answer(head: bytes, body: bytes) -> Answer:
    return Answer(body=body, **json.loads(head))


__all__ = ["HEAD", "Answer", "Question", "Setting", "answer", "read_answer", "read_question"]
