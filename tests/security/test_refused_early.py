"""Who is refused before having said all hears why, and is not listened to for ever."""

from __future__ import annotations

import asyncio
import json
import select
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from starlette.types import Receive, Scope, Send

from scheduler.web import Web, listen
from scheduler.web import connection as one
from scheduler.web.door import Door
from scheduler.web.guard import HEADERS, Guard
from tests.web.site import Site

HOST = b"Host: localhost\r\n"
MORE = b"a" * 80_000
LONG = b"GET /" + b"a" * 20_000  # of a line, of which more follows


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def everything(connection: socket.socket) -> bytes:
    """What comes until the other side ends; a reset raises."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(
    ("first", "rest", "status"),
    [
        (LONG, MORE + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X-Large: " + b"a" * 20_000, MORE + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X: y\r\n" * 4000, b"X: y\r\n" * 20_000 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 81000\r\n\r\n" + b"a" * 1000, MORE, 413),
        (b"POST / HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 80000\r\n\r\n", MORE, 421),
        (b"this is no HTTP\r\n\r\n", MORE, 400),
        (b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: many\r\n\r\n", MORE, 400),
    ],
    ids=["line", "header", "headers", "body", "body of a stranger", "nonsense", "length"],
)
def test_who_goes_on_speaking_after_the_refusal_hears_all_of_it(site: Site, first: bytes, rest: bytes, status: int) -> None:
    with connected(site.port) as connection:
        connection.sendall(first)
        assert select.select([connection], [], [], 60)[0], "the refusal comes before the rest is sent"
        for start in range(0, len(rest), 8192):
            connection.sendall(rest[start : start + 8192])
        head, _, body = everything(connection).partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
    assert int(lines[0].split(" ")[1]) == status
    assert int(headers["content-length"]) == len(body)
    assert headers["connection"] == "close"
    assert {name.lower() for name in HEADERS} <= set(headers)
    assert json.loads(body)["status"] == status
    assert site.get("/healthz").status == 200


def test_a_login_that_is_too_long_is_told_so_though_more_of_it_comes(locked: Site) -> None:
    with connected(locked.port) as connection:
        head = b"POST /login HTTP/1.1\r\n" + HOST + b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 90000\r\n\r\n"
        connection.sendall(head + b"token=" + b"x" * 9994)
        assert select.select([connection], [], [], 60)[0]
        connection.sendall(MORE)
        assert everything(connection).split(b" ")[1] == b"413"


async def nothing(_scope: Scope, _receive: Receive, _send: Send) -> None:
    raise AssertionError("nothing was asked")


@asynccontextmanager
async def web_of(app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> AsyncIterator[tuple[Web, int]]:
    web = Web(app, listen("127.0.0.1", 0))
    web.start()
    try:
        async with asyncio.timeout(60):
            yield web, int(web.url.rpartition(":")[2])
    finally:
        await web.stop()


@asynccontextmanager
async def opened(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def going_on(writer: asyncio.StreamWriter, part: bytes, pause: float = 0.0) -> None:
    while True:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(pause)


async def test_who_dribbles_on_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one, "LINGER", 0.2)
    async with web_of(nothing) as (_, port), opened(port) as (reader, writer):
        writer.write(LONG)
        assert (await reader.read()).split(b" ")[1] == b"414"
        with pytest.raises(ConnectionError):
            await going_on(writer, b"a", pause=0.01)


async def test_who_sends_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one, "HEARD", 100_000)
    monkeypatch.setattr(one, "LINGER", 1000.0)
    async with web_of(nothing) as (_, port), opened(port) as (_, writer):
        writer.write(LONG)
        with pytest.raises(ConnectionError):
            await going_on(writer, MORE)


async def test_who_is_refused_and_stays_silent_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one, "LINGER", 1000.0)
    async with web_of(nothing) as (web, port), opened(port) as (reader, writer):
        writer.write(LONG)
        assert (await reader.read()).split(b" ")[1] == b"414"
        assert len(web._server.server_state.connections) == 1
        await web.stop()
        assert not web._server.server_state.connections


async def test_a_body_of_which_the_rest_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one, "FIRST", 0.2)
    told: list[str] = []

    async def app(_scope: Scope, receive: Receive, _send: Send) -> None:
        while (message := await receive())["type"] == "http.request":
            pass
        told.append(message["type"])

    async with web_of(Guard(app, Door(None))) as (_, port), opened(port) as (reader, writer):
        writer.write(b"POST /login HTTP/1.1\r\n" + HOST + b"Content-Length: 100\r\n\r\ntoken=")
        assert await reader.read() == b""
    assert told == ["http.disconnect"]


async def test_a_second_request_that_comes_a_byte_at_a_time_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one, "FIRST", 0.2)

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async with web_of(Guard(app, Door(None))) as (web, port):
        web._server.config.timeout_keep_alive = 1
        async with opened(port) as (reader, writer):
            writer.write(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
            assert b" 204 " in await reader.readuntil(b"\r\n\r\n")
            with pytest.raises(ConnectionError):
                await going_on(writer, b"G", pause=0.01)


async def test_what_turns_into_nonsense_in_its_middle_gets_one_answer(caplog: pytest.LogCaptureFixture) -> None:
    told: list[str] = []

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] == "http.request":
            pass
        told.append(message["type"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    async with web_of(app) as (_, port), opened(port) as (reader, writer):
        writer.write(b"POST /login HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n")
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1") == 1
    assert told == ["http.disconnect"]
    assert [r for r in caplog.records if r.levelname == "ERROR"] == []
