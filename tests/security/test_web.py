"""Ways into the web that must be shut: rebinding, guessing, wrong tokens, path tricks, oversized requests, slow and cut connections."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from pathlib import Path

import pytest
from starlette.types import Message, Receive, Scope, Send

from scheduler.web import Web, listen
from scheduler.web import connection as one
from scheduler.web.door import COOKIE, KNOWN, WAIT, WRONG, Door
from scheduler.web.guard import Guard
from scheduler.web.login import place
from storage.model import UsageError
from tests.scheduler.conftest import uptake
from tests.web.site import EVIL, TOKEN, Site

FORM = {"content_type": "application/x-www-form-urlencoded"}


def raw(site: Site, data: bytes, wait: float = 10.0) -> bytes:
    """What comes back for bytes as they are."""
    with socket.create_connection(("127.0.0.1", site.port), timeout=wait) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(data)
        found = b""
        with contextlib.suppress(ConnectionError, TimeoutError):
            while part := connection.recv(65536):
                found += part
        return found


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8321", "127.0.0.1.evil.example", "localhost.evil.example", "[::1", "", "a b", "127.0.0.1:x"]
)
def test_a_page_elsewhere_that_points_its_name_here_gets_nothing(site: Site, host: str) -> None:
    for path in ("/", "/api/v1/topics", "/healthz", "/metrics", "/static/app.css"):
        answer = raw(site, f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        assert b" 421 " in answer.partition(b"\r\n")[0] or b" 400 " in answer.partition(b"\r\n")[0]
        assert b"Alpha" not in answer


def test_two_hosts_or_none_are_refused(site: Site) -> None:
    for head in (b"Host: localhost\r\nHost: evil.example\r\n", b""):
        assert raw(site, b"GET / HTTP/1.1\r\n" + head + b"Connection: close\r\n\r\n").split(b" ")[1] in {b"400", b"421"}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8321", "[::1]:8321", "192.0.2.7"])
def test_own_names_and_bare_addresses_are_answered(site: Site, host: str) -> None:
    assert b" 200 " in raw(site, f"GET /api/v1/topics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()).partition(b"\r\n")[0]


def test_the_token_is_wanted_everywhere_but_for_the_light_and_the_login(locked: Site) -> None:
    for path in ("/", "/api/v1/topics", "/api/v1/openapi.json", "/baskets/toys", "/metrics", "/static/app.js", "/api"):
        assert locked.get(path).status == 401, path
        assert locked.get(path, authorization=f"Bearer {TOKEN}").status == 200, path
    assert locked.get("/healthz").json == {"status": "yellow"}
    assert locked.get("/livez").text == "alive"
    assert locked.get("/login").status == 200
    assert locked.get("/static/app.css").status == 200
    to_login = locked.get("/baskets/toys?scale=log", accept="text/html")
    assert to_login.status == 303
    assert to_login.headers["location"] == "/login?next=%2Fbaskets%2Ftoys%3Fscale%3Dlog"


def test_a_login_gives_a_session_that_scripts_cannot_read(locked: Site) -> None:
    locked.now[0] += 1000
    answer = locked.get("/login", "POST", f"token={TOKEN}&next=/topics/alpha", **FORM)
    cookie = answer.headers["set-cookie"]
    assert answer.status == 303
    assert answer.headers["location"] == "/topics/alpha"
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    value = cookie.partition(";")[0]
    assert TOKEN not in cookie
    assert locked.get("/", cookie=value).status == 200
    assert locked.get("/", cookie=value[:-1] + ("0" if value[-1] != "0" else "1")).status == 401
    assert locked.get("/", cookie=f"{COOKIE}=99999999999.{'0' * 64}").status == 401
    locked.now[0] += 31 * 86400
    assert locked.get("/", cookie=value).status == 401
    locked.now[0] -= 31 * 86400


def test_who_guesses_must_wait_and_even_the_right_token_then(locked: Site) -> None:
    locked.now[0] += 1000
    for _ in range(WRONG):
        assert locked.get("/login", "POST", "token=guess", **FORM).status == 401
    answer = locked.get("/login", "POST", f"token={TOKEN}", **FORM)
    assert answer.status == 429
    assert int(answer.headers["retry-after"]) <= WAIT
    assert locked.get("/api/v1/topics", authorization=f"Bearer {TOKEN}").status == 429
    locked.now[0] += WAIT + 1
    assert locked.get("/login", "POST", f"token={TOKEN}", **FORM).status == 303


def test_guesses_from_many_addresses_do_not_fill_the_memory() -> None:
    door = Door("secret")
    for n in range(2 * KNOWN):
        door.is_token("wrong", f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}", 1000)
    assert len(door._wrong) == KNOWN


def test_addresses_of_one_network_are_one_guesser() -> None:
    door = Door("secret")
    for n in range(WRONG):
        door.is_token("wrong", f"2001:db8:1:2::{n}", 1000)
    assert door.wait("2001:db8:1:2:ffff::1", 1001) > 0
    assert door.wait("2001:db8:1:3::1", 1001) == 0


def test_a_login_from_another_page_is_refused(locked: Site) -> None:
    locked.now[0] += 1000
    assert locked.get("/login", "POST", f"token={TOKEN}", origin="https://evil.example", **FORM).status == 403


@pytest.mark.parametrize(
    "text", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/a\r\nX: y", "evil", "/ü"]
)
def test_after_a_login_one_stays_here(text: str) -> None:
    assert place(text) == "/"


def test_a_session_of_another_token_is_worth_nothing() -> None:
    assert Door("one").is_session(Door("one").session(1000), 1001)
    assert not Door("two").is_session(Door("one").session(1000), 1001)
    assert not Door("one").is_session("", 1001)
    assert not Door("one").is_session("١٢.ab", 1001)


def test_without_a_token_nobody_listens_where_others_can_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("UPTAKE_HTTP_TOKEN", raising=False)
    (tmp_path / "uptake.toml").write_text('[http]\nhost = "0.0.0.0"\n[baskets.b]\ntopics = ["a"]\n[topics.a]\n', encoding="utf-8")
    monkeypatch.setenv("UPTAKE_CONFIG", str(tmp_path / "uptake.toml"))
    for command in ("run", "serve"):
        ran = uptake(command)
        assert ran.code == 2
        assert "a token is needed" in ran.err


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../../etc/passwd",
        "/static/..%2f..%2f..%2fetc%2fpasswd",
        "/static/%2e%2e/%2e%2e/uptake.toml",
        "/static/app.css/../../data/journal.sqlite3",
        "/data/journal.sqlite3",
        "//etc/passwd",
        "/baskets/..%2f..%2fdata",
        "/topics/%00",
        "/digests/../data",
        "/api/v1/charts/toys/..%2f..%2fx.svg",
        "/static/app.css%00.png",
        "/%ff%fe",
    ],
)
def test_paths_lead_to_nothing_but_pages(site: Site, path: str) -> None:
    answer = raw(site, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert answer.split(b" ")[1] in {b"404", b"400"}, answer[:200]
    assert b"root:" not in answer
    assert b"SQLite" not in answer
    assert b"Traceback" not in answer


def test_oversized_heads_lines_and_bodies_are_refused(site: Site) -> None:
    for data, status in (
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Large: " + b"a" * 200_000 + b"\r\n\r\n", b"431"),
        (b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(20_000)) + b"\r\n", b"431"),
    ):
        assert raw(site, data).split(b" ")[1] == status
    assert site.get("/?" + "a" * 9000).status == 414
    assert site.get("/api/v1/topics", x_large="a" * 15_000).status == 200
    assert site.get("/api/v1/topics", x_large="a" * 17_000).status == 431
    assert site.get("/api/v1/topics", "GET", "x" * 10_000).status == 413
    assert site.get("/healthz").status == 200


def test_a_login_of_endless_length_is_cut(locked: Site) -> None:
    locked.now[0] += 1000
    assert locked.get("/login", "POST", "token=" + "x" * 100_000, **FORM).status == 413


def test_connections_that_are_cut_or_not_read_hurt_nobody(site: Site) -> None:
    head = b"Host: localhost\r\n\r\n"
    idle = []
    for n in range(40):
        connection = socket.create_connection(("127.0.0.1", site.port), timeout=60)
        connection.sendall([b"GET /static/vega.js HTTP/1.1\r\n" + head, b"GET /baskets/toys HTTP", b""][n % 3])
        idle.append(connection)
    assert site.get("/healthz").status == 200
    started = time.monotonic()
    assert site.get("/api/v1/topics").status == 200
    assert time.monotonic() - started < 30
    for connection in idle:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset, not a goodbye
        connection.close()
    assert site.get("/api/v1/topics").status == 200


async def test_who_takes_nothing_is_left_after_a_while() -> None:
    told: list[str] = []

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        finally:
            told.append("over")

    async def never(_message: Message) -> None:
        await asyncio.Event().wait()

    async def nothing() -> Message:
        raise AssertionError("nobody asks")

    scope = {"type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": b"", "headers": [(b"host", b"localhost")]}
    async with asyncio.timeout(60):
        await Guard(app, Door(None), slow=0.05)(scope, nothing, never)
    assert told == ["over"]


async def test_who_says_nothing_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise AssertionError("nothing was asked")

    monkeypatch.setattr(one, "FIRST", 0.1)
    web = Web(app, listen("127.0.0.1", 0))
    web.start()
    try:
        for said in (b"", b"GET / HT"):
            async with asyncio.timeout(60):
                reader, writer = await asyncio.open_connection("127.0.0.1", int(web.url.rpartition(":")[2]))
                writer.write(said)
                assert await reader.read() == b""
                writer.close()
    finally:
        await web.stop()


def test_a_client_that_leaves_takes_no_answer_with_it(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.port), timeout=60) as connection:
        connection.sendall(b"GET /topics/beta?as_of=2026-11-20T08:17:01Z HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert site.get("/topics/beta?as_of=2026-11-20T08:17:01Z").status == 200


def test_a_process_that_makes_pages_and_dies_is_replaced(site: Site) -> None:
    site.get("/api/v1/topics?")
    for pid in site.run(lambda: site.front.desk.processes):
        os.kill(pid, 9)
    assert site.get("/topics/alpha?as_of=2026-11-20T08:17:02Z").status == 200


def test_the_processes_that_make_pages_know_no_token(locked: Site) -> None:
    assert locked.get("/", authorization=f"Bearer {TOKEN}").status == 200
    for pid in locked.run(lambda: locked.front.desk.processes):
        assert TOKEN.encode() not in Path(f"/proc/{pid}/environ").read_bytes()
        assert b"UPTAKE_" not in Path(f"/proc/{pid}/environ").read_bytes()


def test_every_answer_forbids_what_a_browser_might_do_with_it(site: Site) -> None:
    for path in (
        "/",
        "/nowhere",
        "/healthz",
        "/metrics",
        "/login",
        "/api/v1/topics",
        "/static/app.js",
        "/api/v1/charts/toys/github.stars.svg",
    ):
        headers = site.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers


def test_hostile_words_in_a_question_come_back_as_text(site: Site) -> None:
    from urllib.parse import quote

    for path in (f"/series?name={quote(EVIL)}", f"/baskets/{quote(EVIL, safe='')}", f"/?{quote(EVIL)}=1", f"/number?series={quote(EVIL)}"):
        answer = site.get(path, accept="text/html")
        assert answer.status in {400, 404}
        assert "<script>window" not in answer.text
        assert "<img src=x" not in answer.text


def test_a_busy_address_is_said_in_a_sentence() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(UsageError, match="choose another"):
        listen("127.0.0.1", taken.getsockname()[1])
