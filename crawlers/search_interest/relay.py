"""Carries pytrends' requests: its process asks an address on this machine, and what comes in goes out by the crawl's own way.

So pytrends keeps its clockwork (which request follows which, tokens, cookies), while robots.txt, pauses, allowance, captures
and the answering from captures are those of any other request. The process is ended when it neither asks nor answers, or asks
without end: nothing of it can hold up the crawl.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import secrets
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from email.message import Message
from http.client import parse_headers
from pathlib import Path
from typing import Any

from storage.model import ParseError

WORKER = Path(__file__).with_name("trendreq.py")
SILENCE = 60.0  # seconds without a request under way and without an answer; reading pandas takes some of them
MOST_REQUESTS = 8  # for one question: it takes three
LONGEST = 3600.0  # seconds of pytrends' own patience with us, who have limits of our own
_LARGEST = 1 << 20  # bytes of a request


class StuckError(Exception):
    """The process was ended because it did not get on, or it ended by itself."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of pytrends: method, path below its base address with the query, headers and body."""

    method: str
    target: str
    headers: Message
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What it gets: status, body, and the headers that matter to it."""

    status: int
    body: bytes = b""
    headers: Sequence[tuple[str, str]] = ()


Carry = Callable[[Asked], Awaitable[Answer]]


@dataclass(slots=True)
class Relay:
    """An address on this machine and the process that asks it. To be used as an async context manager."""

    carry: Carry
    command: Sequence[str] = (sys.executable, "-P", str(WORKER))
    silence: float = SILENCE
    _secret: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    _server: asyncio.Server | None = None
    _process: asyncio.subprocess.Process | None = None
    _under_way: int = 0
    _asked: int = 0
    _stir: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def base(self) -> str:
        """The address in the place of Google's; nobody else on this machine knows it."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/{self._secret}"

    async def __aenter__(self) -> Relay:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_LARGEST)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()
        if self._server is not None:
            self._server.close()

    async def ask(self, terms: Sequence[str], geo: str, timeframe: str) -> dict[str, Any]:
        """pytrends' frame for a comparison, as `trendreq` writes it down. Raises `StuckError`."""
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=_environment(),
                limit=_LARGEST,
            )
        question = {"base": self.base, "terms": list(terms), "geo": geo, "timeframe": timeframe, "timeout": LONGEST}
        self._asked = 0
        reading = asyncio.ensure_future(self._exchange(self._process, json.dumps(question).encode() + b"\n"))
        try:
            await self._watch(reading)
            line = reading.result()
        except BaseException:
            reading.cancel()
            await self._end()
            raise
        if not line:
            await self._end()
            raise StuckError("pytrends' process ended without an answer")
        try:
            answer = json.loads(line)
        except ValueError as error:
            raise ParseError("pytrends' process gave no JSON") from error
        return answer if isinstance(answer, dict) else {}

    async def _watch(self, reading: asyncio.Future[bytes]) -> None:
        """Wait for the answer as long as the process gets on."""
        while not reading.done():
            self._stir.clear()
            stirring = asyncio.ensure_future(self._stir.wait())
            both: set[asyncio.Future[Any]] = {reading, stirring}
            done, _ = await asyncio.wait(both, timeout=self.silence, return_when=asyncio.FIRST_COMPLETED)
            stirring.cancel()
            if self._asked > MOST_REQUESTS:
                raise StuckError(f"pytrends sent more than {MOST_REQUESTS} requests for one comparison")
            if not done and not self._under_way:
                raise StuckError(f"pytrends neither asked nor answered for {self.silence:g} seconds")

    async def _exchange(self, process: asyncio.subprocess.Process, question: bytes) -> bytes:
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(ConnectionError):
            process.stdin.write(question)
            await process.stdin.drain()
        return await process.stdout.readline()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = await _read(reader, self._secret)
            answer = Answer(404) if asked is None else await self._carried(asked)
            lines = [f"HTTP/1.1 {answer.status} -", *(f"{k}: {v}" for k, v in answer.headers)]
            lines += [f"Content-Length: {len(answer.body)}", "Connection: close", "", ""]
            writer.write("\r\n".join(lines).encode("latin-1") + answer.body)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass  # it went away, or it is no request
        finally:
            writer.close()

    async def _carried(self, asked: Asked) -> Answer:
        """The answer to a request that is whole: who only holds a connection open does not get on, and may be anybody."""
        self._asked += 1
        self._under_way += 1
        self._stir.set()
        try:
            return Answer(508) if self._asked > MOST_REQUESTS else await self.carry(asked)
        finally:
            self._under_way -= 1
            self._stir.set()


async def _read(reader: asyncio.StreamReader, secret: str) -> Asked | None:
    """A request, None where it does not know the address."""
    head = await reader.readuntil(b"\r\n\r\n")
    line, _, rest = head.partition(b"\r\n")
    method, target, _ = line.decode("latin-1").split(" ")
    headers = parse_headers(io.BytesIO(rest))
    body = await reader.readexactly(int(headers.get("Content-Length") or 0))
    return Asked(method, target.removeprefix(f"/{secret}"), headers, body) if target.startswith(f"/{secret}/") else None


def _environment() -> dict[str, str]:
    """The process's environment: none of our secrets, and no proxy, because it asks nobody but us."""
    kept = {k: v for k, v in os.environ.items() if not k.upper().startswith("UPTAKE_") and not k.lower().endswith("_proxy")}
    return {**kept, "NO_PROXY": "*", "PYTHONDONTWRITEBYTECODE": "1"}
