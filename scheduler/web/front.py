"""The application: looks who asks and what, and lets a clerk answer. Light: it holds no frame and draws nothing."""

from __future__ import annotations

import asyncio
import json
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from scheduler.web import login
from scheduler.web.desk import Desk
from scheduler.web.door import Door
from scheduler.web.endpoints import API, ENDPOINTS, PAGES, Endpoint
from scheduler.web.guard import Guard
from scheduler.web.parameters import read
from scheduler.web.problems import MEDIA, Problem
from scheduler.web.question import Answer, Question, Setting
from scheduler.web.shelf import Shelf
from storage.model import UptakeError

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
WINDOW = 600  # seconds in which the present is one and the same to a page whose figures have not changed
PIECE = 262144  # bytes that are sent at once
FRESH = 0.2  # seconds
SAID = 200  # characters of a path that a problem says again
MUST_CHECK = "private, no-cache"
FOR_GOOD = "private, max-age=31536000, immutable"
OPEN = {"/static/app.css", "/static/icon.svg"}  # what the login's page needs

Health = Callable[[], Mapping[str, Any]]


class Front:
    """``setting`` tells what there is, ``sequence`` how far the journal is, ``health`` and ``left`` what only the daemon knows."""

    def __init__(
        self,
        *,
        setting: Callable[[], Setting],
        sequence: Callable[[], int],
        health: Health,
        left: Callable[[], Mapping[str, int]],
        metrics: Callable[[], Awaitable[bytes]],
        door: Door,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
        desk: Desk | None = None,
    ) -> None:
        self._sequence, self._health, self._left, self._metrics, self._door, self._clock = sequence, health, left, metrics, door, clock
        self._ticks, self._looked, self._at, self._edition = ticks, -FRESH, 0, 0
        self.desk = desk or Desk(setting)
        self._shelf = Shelf()
        self._static: dict[str, Answer] = {}

    def application(self) -> ASGIApp:
        routes = [
            Route("/livez", _livez),
            Route("/healthz", self._healthz),
            Route("/metrics", self._exposition),
            Route("/login", self._login, methods=["GET", "POST"]),
            Route("/logout", self._logout, methods=["POST"]),
            *(Route(e.path, self._asked(e)) for e in (*PAGES, *ENDPOINTS)),
        ]
        app = Starlette(routes=routes, exception_handlers={404: _missing, 405: _missing, Problem: _missing, UptakeError: _missing})
        app.router.redirect_slashes = False
        return Guard(app, self._door, self._clock)

    def renew(self) -> None:
        """After the configuration was read again."""
        self._edition += 1  # what is being made from the former one must not be taken for an answer of this one
        self.desk.renew()
        self._shelf = Shelf()

    async def close(self) -> None:
        await self.desk.close()

    async def _known(self) -> int:
        """How far the journal is, looked up at most five times a second: the dearest part of an answer that was made before.

        Beside the loop, as all that asks the journal here: its server may be away, and be waited for.
        """
        tick = self._ticks()
        if tick >= self._looked + FRESH:
            self._at, self._looked = await asyncio.to_thread(self._sequence), tick
        return self._at

    # Who may

    def _may(self, request: Request) -> bool:
        return self._door.may(request.headers, request.cookies, _address(request), int(self._clock()))

    async def _healthz(self, request: Request) -> Response:
        found = self._health()
        document = found if self._may(request) else {"status": found["status"]}
        return JSONResponse(document, status_code=503 if found["status"] == "red" else 200, headers={"Cache-Control": "no-store"})

    async def _exposition(self, request: Request) -> Response:
        if not self._may(request):
            return PlainTextResponse("a token is needed", status_code=401, headers={"WWW-Authenticate": "Bearer"})
        return Response(await self._metrics(), media_type=PROMETHEUS)

    async def _login(self, request: Request) -> Response:
        return await login.answer(request, self._door, _address(request), int(self._clock()))

    async def _logout(self, _request: Request) -> Response:
        return login.leave()

    # What is asked

    def _asked(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            if endpoint.path not in OPEN and not self._may(request):
                return self._refused(request)
            args = _arguments(endpoint, request)
            found = await self._find(endpoint, args)
            return _response(request, found, FOR_GOOD if endpoint.name.startswith("static.") and "v" in args else MUST_CHECK)

        return answer

    def _refused(self, request: Request) -> Response:
        wait = self._door.wait(_address(request), int(self._clock()))
        if wait:
            raise Problem(429, f"too many wrong tokens; wait {wait} s", Retry_After=str(wait))
        if "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(API):
            return RedirectResponse(login.address(request), status_code=303)
        raise Problem(401, "a token is needed: Authorization: Bearer …", WWW_Authenticate="Bearer")

    async def _find(self, endpoint: Endpoint, args: dict[str, Any]) -> Answer:
        if endpoint.name.startswith("static."):
            if endpoint.name not in self._static:
                self._static[endpoint.name] = await self.desk.ask(Question(endpoint.name, {}, 0), endpoint.name)
            return self._static[endpoint.name]
        now = int(self._clock())
        knows: dict[str, Callable[[], Mapping[str, Any]]] = {"health": self._health, "left": self._left}
        live = {name: knows[name]() if name == "health" else await asyncio.to_thread(knows[name]) for name in endpoint.live}
        shown = {**live, "health": _steady(live["health"])} if "health" in live else live
        key = (self._edition, await self._known(), now // WINDOW, endpoint.name, json.dumps([args, shown], sort_keys=True))
        found = self._shelf.get(key)
        if found is None:
            found = await self.desk.ask(Question(endpoint.name, args, now, live), key)
            self._shelf.put(key, found)
        return found


async def _livez(_request: Request) -> Response:
    """For a probe that starts a process anew: the loop turns. What troubles it beyond that, no other process would mend."""
    return PlainTextResponse("alive", headers={"Cache-Control": "no-store"})


def _steady(health: Mapping[str, Any]) -> dict[str, Any]:
    """Health without what changes at every look."""
    return {key: value for key, value in health.items() if key != "loop_lag_seconds"}


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _arguments(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    """What was asked, path and query, read by its declaration. Raises `Problem`."""
    try:
        pairs = parse_qsl(request.scope["query_string"].decode("ascii"), keep_blank_values=True, max_num_fields=500, errors="strict")
    except ValueError as error:
        raise Problem(400, "the query cannot be read") from error
    page = not endpoint.path.startswith(API)  # a form sends its empty fields too
    args = read(endpoint.parameters, [(name, value) for name, value in pairs if value or not page])
    for part in endpoint.path_parts:
        try:
            args[part.name] = part.read([request.path_params[part.name]])
        except Problem as problem:
            raise Problem(404, f"there is nothing here: {problem.detail}") from problem
    return args


def _response(request: Request, found: Answer, keep: str) -> Response:
    """The answer as the reader can take it: not at all where it has it, compressed, or unpacked on the way."""
    etag = f'"{found.etag}"'
    headers = {"ETag": etag, "Cache-Control": keep, "Vary": "Accept-Encoding, Cookie, Authorization", **found.headers}
    if found.status >= 400:
        if _wants_page(request):
            return _page(found)
        return Response(_instance(found.body, request), found.status, {**found.headers, "Cache-Control": "no-store"}, found.media)
    if etag in _tags(request.headers.get("if-none-match", "")):
        return Response(status_code=304, headers=headers)
    zipped = found.packed and _takes_gzip(request.headers.get("accept-encoding", ""))
    if zipped or not found.packed:
        headers |= {"Content-Encoding": "gzip"} if zipped else {}
        if len(found.body) <= PIECE:
            return Response(found.body, found.status, headers, found.media)
        return StreamingResponse(_pieces(found.body), found.status, headers | {"Content-Length": str(len(found.body))}, found.media)
    return StreamingResponse(_unpacked(found.body), found.status, headers, found.media)


def _tags(header: str) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}


def _takes_gzip(header: str) -> bool:
    for part in header.casefold().split(","):
        name, _, rest = part.partition(";")
        if name.strip() in {"gzip", "*"}:
            return rest.replace(" ", "").removeprefix("q=") not in {"0", "0.0", "0.00", "0.000"}
    return False


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    """A large answer by and by, so that it does not stand twice in memory while a slow reader takes it."""
    for start in range(0, len(body), PIECE):
        yield body[start : start + PIECE]


async def _unpacked(body: bytes, step: int = PIECE) -> AsyncIterator[bytes]:
    """What gzip holds, piece by piece: a large answer is never whole in memory."""
    unpacking = zlib.decompressobj(wbits=31)
    rest = body
    while rest:
        yield unpacking.decompress(rest, step)
        rest = unpacking.unconsumed_tail
    yield unpacking.flush()


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(API)


def _instance(body: bytes, request: Request) -> bytes:
    return json.dumps({**json.loads(body), "instance": request.url.path[:SAID]}, ensure_ascii=False).encode()


def _page(found: Answer) -> Response:
    told = json.loads(found.body)
    return login.plain_page(told["title"], told["detail"], found.status, found.headers)


async def _missing(request: Request, error: Exception) -> Response:
    """A problem, for who asked."""
    status = getattr(error, "status_code", 500)
    words = {404: "there is nothing here", 405: "this can only be read"}
    if isinstance(error, UptakeError):  # the journal is busy, or away
        error = Problem(503, str(error))
    problem = error if isinstance(error, Problem) else Problem(status, words.get(status, "this cannot be answered"))
    headers = {**(getattr(error, "headers", None) or {}), "Cache-Control": "no-store"}
    if _wants_page(request):
        return login.plain_page(problem.title, problem.detail, problem.status, headers)
    return Response(problem.document(request.url.path[:SAID]), problem.status, headers, MEDIA)


__all__ = ["Front"]
