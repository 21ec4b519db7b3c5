"""The daemon's own HTTP: `/healthz` for people and probes, `/metrics` for Prometheus. Read-only, on its loop."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from storage.model import UsageError

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class _Server(uvicorn.Server):
    """Signals are the daemon's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any that is free. Raises `UsageError` where that is not possible."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=128)
    except OSError as error:
        raise UsageError(f"cannot listen on {host}:{port}: {error.strerror or error}; choose another [http] host or port") from error


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def application(health: Callable[[], dict[str, Any]], metrics: Callable[[], Awaitable[bytes]], token: str | None) -> Starlette:
    """``token``: what a reader of metrics and of reasons must bear (``Authorization: Bearer …``); None: nobody is asked."""

    def may(request: Request) -> bool:
        said = request.headers.get("authorization", "")
        return token is None or hmac.compare_digest(said.encode(), f"Bearer {token}".encode())

    async def healthz(request: Request) -> Response:
        found = health()
        document = found if may(request) else {"status": found["status"]}
        return JSONResponse(document, status_code=503 if found["status"] == "red" else 200, headers={"Cache-Control": "no-store"})

    async def exposition(request: Request) -> Response:
        if not may(request):
            return PlainTextResponse("a token is needed", status_code=401, headers={"WWW-Authenticate": "Bearer"})
        return Response(await metrics(), media_type=PROMETHEUS)

    async def home(_request: Request) -> Response:
        return PlainTextResponse("Uptake is at work.\n\n/healthz  how it does, with reasons\n/metrics  figures for Prometheus\n")

    return Starlette(routes=[Route("/", home), Route("/healthz", healthz), Route("/metrics", exposition)])


class Web:
    """A server on the caller's loop."""

    def __init__(self, app: Starlette, listening: socket.socket) -> None:
        self._listening = listening
        host, port = listening.getsockname()[:2]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=1, server_header=False)
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._server.serve(sockets=[self._listening]))

    async def stop(self) -> None:
        self._server.should_exit = True
        if self._task is not None:
            await asyncio.wait([self._task], timeout=2)
            self._task.cancel()
        self._listening.close()


__all__ = ["Web", "application", "is_loopback", "listen"]
