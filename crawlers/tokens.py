"""Access tokens by OAuth 2.0 client credentials (RFC 6749, 4.4), for sources whose key must first be exchanged for one.

They are asked for below captures and logs and live in memory only: a run that is done again asks for a new one,
and only if there is something to fetch. The address is the one that the operator's documentation names for this
exchange; robots.txt, which is for crawling, is not asked about it.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from scrapy import Request
from scrapy.exceptions import DownloadFailedError
from scrapy.http import Response

from crawlers.outcomes import Refused, outcome_of
from crawlers.payload import read_json, text
from crawlers.politeness import Pacing, retry_after
from storage.model import ParseError, Reason


@dataclass(frozen=True, slots=True)
class Login:
    """Where a token is asked for, with what (the secrets among it), and what a person can do where it is refused."""

    url: str
    form: Mapping[str, str]
    remedy: str


class NotNowError(Refused, DownloadFailedError):
    """No token for the moment: worth another try, and if that does not help, an outcome with a reason of its own."""


class Tokens:
    """The token of one crawl. ``send`` fetches a request below captures."""

    def __init__(self, send: Callable[[Request], Awaitable[Response]], pacing: Callable[[], Pacing]) -> None:
        self._send, self._pacing = send, pacing
        self._token = ""
        self._asking = asyncio.Lock()

    async def get(self, login: Login, like: Request, *, not_this: str = "") -> str:
        """The token; ``not_this`` is one that was refused. ``like`` is the request that needs it.

        Raises `Refused` with the slots' outcome where there is none.
        """
        async with self._asking:  # two requests are in flight: the second takes what the first got
            if not self._token or self._token == not_this:
                self._token = ""
                self._token = await self._ask(login, like)
            return self._token

    async def _ask(self, login: Login, like: Request) -> str:
        pacing = self._pacing()
        if pacing.stopped:
            raise Refused(*pacing.stopped)
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
            "User-Agent": like.headers["User-Agent"],
        }
        meta: dict[str, Any] = {key: value for key, value in like.meta.items() if key in {"download_timeout", "download_maxsize"}}
        response = await self._send(Request(login.url, method="POST", headers=headers, body=urlencode(login.form), meta=meta))
        pacing.sent += 1
        where = f"no access token from {urlsplit(login.url).netloc}"
        refused = outcome_of(response)
        if refused is None:
            return _read(response.body, where)
        reason, said = refused
        if response.status in {400, 401, 403}:  # RFC 6749, 5.2
            pacing.stop(Reason.BLOCKED, f"{where}: {said.split(':')[0]}{_error(response.body)}; {login.remedy}")
            raise Refused(*(pacing.stopped or (reason, said)))
        if reason not in {Reason.THROTTLED, Reason.UNREACHABLE}:
            raise Refused(reason, f"{where}: {said}")
        wait = retry_after(response, time.time())
        if wait is None and reason is Reason.THROTTLED:
            wait = pacing.manners.backoff * 4
        if wait is not None:
            if not pacing.grants(wait):
                pacing.stop(Reason.THROTTLED, f"{where}: {said}, asks for {wait:.0f} s")
                raise Refused(*(pacing.stopped or (reason, said)))
            pacing.pause(urlsplit(like.url).netloc, wait)
        raise NotNowError(reason, f"{where}: {said}")


def _read(body: bytes, where: str) -> str:
    try:
        token = text(read_json(body), "access_token")
    except ParseError as error:
        raise Refused(Reason.PARSE_ERROR, f"{where}: {error}") from None
    if not re.fullmatch(r"[!-~]+", token):
        raise Refused(Reason.PARSE_ERROR, f"{where}: access_token is no token")  # nor is it shown
    return token


def _error(body: bytes) -> str:
    """The error's code, in brackets; descriptions may repeat what was sent."""
    try:
        code = text(read_json(body), "error")
    except ParseError:
        return ""
    return f" ({code})" if re.fullmatch(r"[a-z_]{1,40}", code) else ""
