"""What holds for every response: who is asked for, what a browser may do with it, and how long a reader may take."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scheduler.web.door import Door
from scheduler.web.problems import MEDIA, Problem

SLOW = 30.0  # seconds within which a reader must take each part of an answer
LONGEST = 8192  # bytes of a path and query
HEAD = 16 * 1024  # bytes of a request's first line and headers

# No script but our own files, no style but our own file: what a name or a page holds can be neither.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Frame-Options": "DENY",
}


class Guard:
    """The outermost application."""

    def __init__(self, app: ASGIApp, door: Door, clock: Callable[[], float] = time.time, slow: float = SLOW) -> None:
        self._app, self._door, self._clock, self._slow = app, door, clock, slow

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            self._check(scope)
        except Problem as problem:
            await _refuse(problem, self._headed(send))
            return
        try:
            await self._app(scope, receive, self._headed(send))
        except SlowReader:  # the connection is closed; there is nobody to tell
            return

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        address = (scope.get("client") or ("", 0))[0]
        ours = len(hosts) == 1 and self._door.is_host(hosts[0])
        if not ours and (len(hosts) > 1 or not self._door.bears(headers, address, int(self._clock()))):
            raise Problem(421, "this is not asked for under that name; name it in [http] names, or use the address")
        if len(scope["raw_path"]) + len(scope["query_string"]) > LONGEST:
            raise long_address()
        if sum(len(name) + len(value) for name, value in headers.raw) > HEAD:  # what comes in pieces is stopped sooner
            raise long_head()
        if headers.get("content-length", "0") not in {"", "0"} and not (scope["method"] == "POST" and scope["path"] == "/login"):
            raise Problem(413, "nothing that is sent here is read")

    def _headed(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            try:
                await asyncio.wait_for(send(message), self._slow)
            except TimeoutError as error:
                raise SlowReader from error

        return sending


class SlowReader(Exception):  # noqa: N818  # it is one
    """Nobody takes what is sent."""


def long_address() -> Problem:
    return Problem(414, f"an address of more than {LONGEST} bytes is not read")


def long_head() -> Problem:
    return Problem(431, f"a head of more than {HEAD} bytes is not read")


def refusal(problem: Problem) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Headers and body of an answer to a request that is not read on; the connection ends with it."""
    body = problem.document("")
    return [(b"content-type", MEDIA.encode()), (b"content-length", str(len(body)).encode()), (b"connection", b"close")], body


async def _refuse(problem: Problem, send: Send) -> None:
    headers, body = refusal(problem)
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


__all__ = ["HEAD", "HEADERS", "LONGEST", "POLICY", "Guard", "long_address", "long_head", "refusal"]
