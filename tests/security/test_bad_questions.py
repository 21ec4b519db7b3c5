"""Questions that nobody should ask: each gets the right status and a short sentence, shows no insides, and costs bounded memory."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Iterator
from urllib.parse import quote, urlencode

import psutil
import pytest
from starlette.types import Receive, Scope, Send

from scheduler.web import Web, listen
from scheduler.web import connection as one
from scheduler.web.desk import LARGE
from scheduler.web.door import Door
from scheduler.web.endpoints import API, ENDPOINTS, PAGES, Endpoint
from scheduler.web.guard import Guard
from tests.web.site import EVIL, Answer, Site

HOSTILE = (
    EVIL,
    "\0",
    "../../../etc/passwd",
    "' OR 1=1 --",
    '"; DROP TABLE points; --',
    "{{7*7}}${7*7}<%= 7*7 %>",
    "\u202eevil\u2066",
    "a" * 299,
    "x" * 4000,
    "9" * 400,
    "-1",
    "NaN",
    "1e309",
    "2026-02-30",
    "٢٠٢٦",
    'github.stars{topic="' + "{" * 100,
    'github.stars{topic="a\\',
    "=;=;==;",
)
ASKED = [e for e in (*PAGES, *ENDPOINTS) if not e.name.startswith("static.")]
GROWTH = 80e6  # bytes by which this process, which serves, may grow over all of them


def path_of(endpoint: Endpoint, **parts: str) -> str:
    known = {"key": "alpha", "topic": "alpha", "basket": "toys", "metric": "github.stars", "number": "1"} | parts
    path = endpoint.path
    for part in endpoint.path_parts:
        path = path.replace(f"{{{part.name}}}", quote(known[part.name], safe=""))
    return path


def questions() -> Iterator[str]:
    """Every parameter and every part of a path of every endpoint, with everything hostile."""
    for endpoint, text in itertools.product(ASKED, HOSTILE):
        needed = [(p.name, 'github.stars{topic="alpha"}') for p in endpoint.parameters if p.required]
        for parameter in endpoint.parameters:
            others = [pair for pair in needed if pair[0] != parameter.name]
            yield f"{path_of(endpoint)}?{urlencode([*others, (parameter.name, text)])}"
        for part in endpoint.path_parts:
            yield path_of(endpoint, **{part.name: text})
        yield f"{path_of(endpoint)}?{urlencode([*needed, (text, '1')])}"


def check(answer: Answer, path: str) -> None:
    assert answer.status in {200, 400, 404, 414}, (path, answer.status, answer.text[:300])
    assert "Traceback" not in answer.text
    assert 'File "' not in answer.text
    if answer.headers["content-type"].startswith("text/html"):
        assert EVIL not in answer.text, path
        assert "<script>window" not in answer.text, path
    if answer.status != 200:
        assert len(answer.body) < 2000, path
        assert answer.headers["content-type"] in {"application/problem+json", "text/html; charset=utf-8"}


def test_hostile_words_in_every_field_are_refused_or_shown_as_text_and_leave_the_memory_alone(site: Site) -> None:
    site.get("/")
    before, seen = psutil.Process().memory_info().rss, dict[int, int]()
    for i, path in enumerate(questions()):
        answer = site.get(path, accept=("text/html", "application/json")[i % 2])
        check(answer, path)
        seen[answer.status] = seen.get(answer.status, 0) + 1
    assert seen[400] > 500
    assert seen[404] > 50
    assert psutil.Process().memory_info().rss - before < GROWTH
    for pid in site.run(lambda: site.front.desk.processes):
        assert psutil.Process(pid).memory_info().rss < LARGE
    assert site.get("/healthz").status == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{API}/trace?series=" + quote('github.stars{topic="nobody"}'), 404),
        ("/series?name=" + quote('github.stars{topic="nobody"}'), 404),
        ("/number?series=" + quote('nothing.at_all{topic="alpha"}'), 404),
        ("/number?time=1900&series=" + quote('github.stars{topic="alpha"}'), 404),
        (f"{API}/topics/nobody", 404),
        (f"{API}/charts/toys/nothing.at_all.svg", 404),
        (f"{API}/charts/toys/github.stars.png?topic=nobody", 404),
        ("/digests/999999999", 404),
        ("/digests/0", 404),
        (f"{API}/points?from=2099&to=1900", 400),
        (f"{API}/points?from=0000-01-01", 400),
        (f"{API}/points?to=99999-01-01", 400),
        (f"{API}/points?limit=100001", 400),
        (f"{API}/points?limit=-5", 400),
        (f"{API}/coverage?weeks=99999999", 400),
        (f"{API}/charts/toys/github.stars.svg?width=0", 400),
        ("/baskets/toys?from=2099-01-01&to=1900-01-01", 400),
        ("/conferences?from=1&to=2", 400),
        (f"{API}/points?" + "&".join(f"topic=t{n}" for n in range(400)), 400),
        (f"{API}/points?" + "&".join(f"topic=t{n}" for n in range(10_000)), 414),
        (f"{API}/points?" + "&".join(f"a{n}=1" for n in range(600)), 400),
    ],
)
def test_what_is_unknown_or_absurd_gets_its_status_and_a_sentence(site: Site, path: str, status: int) -> None:
    answer = site.get(path)
    assert answer.status == status, answer.text[:300]
    assert 0 < len(answer.json["detail"]) < 1000


def test_the_widest_range_is_answered_with_what_there_is(site: Site) -> None:
    whole = site.get(f"{API}/points?metric=github.stars&limit=100000").json["points"]
    assert site.get(f"{API}/points?metric=github.stars&limit=100000&from=1900&to=2099").json["points"] == whole
    assert site.get("/baskets/toys?series=github.stars&from=1900&to=2099").status == 200
    assert site.get(f"{API}/points?from=1900&to=1901").json["points"] == []


@pytest.mark.parametrize(
    "cursor", ["", ".", "1.2", "1.2.3.4", "a.b.c", "1.2.3 ", "-1.2.3", "1e3.2.3", "1" * 16 + ".0.0", "0x1.0.0", "١.٢.٣", "null"]
)
def test_broken_cursors_are_refused(site: Site, cursor: str) -> None:
    for name in ("points", "series"):
        answer = site.get(f"{API}/{name}?cursor={quote(cursor)}")
        assert answer.status == 400
        assert answer.json["detail"].startswith("cursor must be")


@pytest.mark.parametrize("cursor", ["0.0.0", "999999999999999.0.0", "999999999999999.999999999999999.0", "1.1.-999999999999999"])
def test_cursors_of_nothing_come_to_an_end(site: Site, cursor: str) -> None:
    for name in ("points", "series"):
        following, pages = cursor, 0
        while following is not None:
            page = site.get(f"{API}/{name}?limit=200&cursor={following}")
            assert page.status == 200, page.text
            following, pages = page.json["next"], pages + 1
            assert pages < 20


async def test_who_reads_nothing_is_cut_off_and_holds_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one, "SLOW", 0.3)
    made = 0

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        nonlocal made
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while made < 400_000_000:
            await send({"type": "http.response.body", "body": b"x" * 65536, "more_body": True})
            made += 65536

    web = Web(Guard(app, Door(None), slow=0.2), listen("127.0.0.1", 0))
    web.start()
    readers = []
    try:
        async with asyncio.timeout(60):
            for _ in range(5):
                reader = socket.socket()
                readers.append(reader)
                reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                reader.setblocking(False)
                await asyncio.get_running_loop().sock_connect(reader, ("127.0.0.1", int(web.url.rpartition(":")[2])))
                reader.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            while not made or web._server.server_state.connections:  # noqa: ASYNC110  # they go, though nobody reads; the server tells nobody
                await asyncio.sleep(0.02)
        assert made < 100_000_000
    finally:
        for reader in readers:
            reader.close()
        await web.stop()
