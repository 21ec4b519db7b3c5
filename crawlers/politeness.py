"""Manners towards hosts, as three downloader middlewares and the state that they share.

`RobotsGate` asks each host's robots.txt first, `Patience` waits when a server asks for it and tries failures
again, `Gate` (below the captures, so that replayed answers pass freely) keeps the daily budget, the pauses and
the stop line.
"""

from __future__ import annotations

import asyncio
import email.utils
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from protego import Protego
from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response
from scrapy.http.request import NO_CALLBACK

from crawlers.booking import Purse
from crawlers.component import Component
from crawlers.job import Manners
from crawlers.outcomes import MAY_PASS, NETWORK_DOWN, Refused
from storage.model import Reason

PRODUCT = "uptake"
RETRIED = {408, 500, 502, 503, 504}
WALLS = {401, 403, 451, 999}  # statuses behind which nothing more is asked
_REMAINING = (b"X-RateLimit-Remaining", b"RateLimit-Remaining", b"X-Rate-Limit-Remaining")
FAILURES_TO_STOP = 5  # in a row, each after its retries


def user_agent(version: str, contact: str) -> str:
    """An honest name, with a way to reach who runs it: ``uptake/0.1.0 (mailto:me@example.org)``."""
    return f"{PRODUCT}/{version}" + (f" ({contact})" if contact else " (a self-hosted counter of technology adoption)")


def retry_after(response: Response, now: float) -> float | None:
    """Seconds that a Retry-After header asks for, in either of its forms; None without one that can be read.

    RFC 9110, section 10.2.3. A date is compared with the response's own Date, else with ``now`` (epoch seconds).
    """
    header = (response.headers.get(b"Retry-After") or b"").decode("latin-1").strip()
    if not header:
        return None
    if header.isdigit():
        return float(header)
    try:
        until = email.utils.parsedate_to_datetime(header).timestamp()
        said = (response.headers.get(b"Date") or b"").decode("latin-1")
        return max(0.0, until - (email.utils.parsedate_to_datetime(said).timestamp() if said else now))
    except ValueError:
        return None


class Pacing:
    """What one crawl knows of the hosts it asks: pauses, stop line, requests spent.

    ``apart``: the hosts are different operators', so that each has a stop line of its own. ``book``: as `crawlers.booking.Purse` has it.
    """

    def __init__(
        self,
        manners: Manners,
        budget: int | None = None,
        *,
        apart: bool = False,
        clock: Callable[[], float] = time.monotonic,
        book: Callable[[int], Awaitable[None]] | None = None,
    ) -> None:
        self.manners = manners
        self.purse = Purse(budget, book)
        self.sent = 0
        self.spent = 0  # of those, the ones that count against an allowance
        self.waited = 0.0
        self.received = 0  # bytes of bodies
        self.remaining: int | None = None  # of the allowance, as the last answer said
        self.stopped: tuple[Reason, str] | None = None
        self.apart = apart
        self._closed: dict[str, tuple[Reason, str]] = {}
        self._failures: Counter[str] = Counter()
        self._until: dict[str, float] = {}
        self._clock = clock

    def pause(self, host: str, seconds: float) -> None:
        """Send nothing to a host for some time."""
        self._until[host] = max(self._until.get(host, 0.0), self._clock() + seconds)

    def grants(self, seconds: float) -> bool:
        """Whether a wait still fits what a run may spend on waiting; if so it is booked."""
        if self.waited + seconds > self.manners.max_wait:
            return False
        self.waited += seconds
        return True

    def heard(self, response: Response) -> None:
        """Note what an answer tells of the allowance in the headers that most interfaces use."""
        self.received += len(response.body)
        for name in _REMAINING:
            said = (response.headers.get(name) or b"").split(b";")[0].strip()
            if said.isdigit():
                self.remaining = int(said)

    def stop(self, reason: Reason, detail: str, host: str = "") -> None:
        """Send nothing more in this run, or to this host if hosts stand apart. The first reason stands."""
        if self.apart and host:
            self._closed.setdefault(host, (reason, detail))
        else:
            self.stopped = self.stopped or (reason, detail)

    def note(self, host: str, *, good: bool, detail: str = "") -> None:
        """Count failures in a row; a host that is plainly down is left alone."""
        line = host if self.apart else ""
        self._failures[line] = 0 if good else self._failures[line] + 1
        if self._failures[line] >= FAILURES_TO_STOP:
            self.stop(Reason.UNREACHABLE, f"{detail}; {FAILURES_TO_STOP} requests in a row failed", host)

    @property
    def spent_up(self) -> bool:
        """Whether the allowance has nothing left, not even for another try."""
        return self.purse.empty

    async def enter(self, host: str, *, free: bool = False) -> None:
        """Wait out a host's pause, then spend one request. Raises `Refused` at the stop line or without budget.

        ``free``: it does not count against the allowance (robots.txt).
        """
        while True:
            stopped = self.stopped or self._closed.get(host)
            if stopped:
                raise Refused(*stopped)
            rest = self._until.get(host, 0.0) - self._clock()
            if rest > 0:
                await asyncio.sleep(min(rest, 1.0))  # in short steps, so that a stop is noticed
            elif free or self.purse.grants():
                break
            else:
                await self.purse.more()
        if not free:
            self.purse.spend()
            self.spent += 1
        self.sent += 1


def _host(request: Request) -> str:
    return urlsplit(request.url).netloc


class _Middleware(Component):
    @property
    def pacing(self) -> Pacing:
        pacing: Pacing = self.spider.pacing
        return pacing


class RobotsGate(_Middleware):
    """Obeys robots.txt, and closes a host for the run where it cannot be read (RFC 9309, 2.3.1.4)."""

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._rules: dict[str, asyncio.Future[Protego | Refused]] = {}

    async def process_request(self, request: Request) -> None:
        if not self.pacing.manners.obey_robots or request.meta.get("is_robots"):
            return
        tape = getattr(self.spider, "tape", None)
        if tape is not None and tape.only is not None:
            return  # nothing will be asked: it is answered from captures alone
        parts = urlsplit(request.url)
        root = f"{parts.scheme}://{parts.netloc}"
        if root not in self._rules:
            self._rules[root] = asyncio.get_running_loop().create_future()
            try:
                self._rules[root].set_result(await self._read(root))
            except BaseException:
                self._rules.pop(root).cancel()
                raise
        rules = await asyncio.shield(self._rules[root])
        if isinstance(rules, Refused):
            raise Refused(rules.reason, rules.detail)
        agent = (request.headers.get(b"User-Agent") or PRODUCT.encode()).decode("latin-1")
        if not rules.can_fetch(request.url, agent):
            raise Refused(Reason.ROBOTS, f"{root}/robots.txt does not allow {parts.path}")

    async def _read(self, root: str) -> Protego | Refused:
        request = Request(f"{root}/robots.txt", callback=NO_CALLBACK, priority=1000, dont_filter=True, meta={"is_robots": True})
        for _ in range(self.pacing.manners.retries + 1):
            try:
                response = await self.crawler.engine.download_async(request)
            except NETWORK_DOWN as error:
                reason = "the host's name cannot be resolved" if "resolve" in str(error).lower() or "DNS" in str(error) else "no connection"
                return Refused(Reason.UNREACHABLE, f"{urlsplit(root).netloc}: {reason}")
            except MAY_PASS as error:
                return Refused(Reason.ROBOTS, f"{root}/robots.txt could not be read: {error}")
            except Refused as error:
                return error
            if isinstance(response, Response):
                break
        if response.status == 429 or response.status >= 500:
            return Refused(Reason.ROBOTS, f"{root}/robots.txt answers {response.status}")
        if response.status >= 400:  # there are no rules
            return Protego.parse("")
        return Protego.parse(response.body.decode("utf-8", "replace"))


class Patience(_Middleware):
    """Waits as a server asks, and tries again what may pass: with back-off and jitter, within the run's limit."""

    async def process_response(self, request: Request, response: Response) -> Response | Request:
        passing = response.status < 500 and response.status != 408
        if not request.meta.get("replayed"):
            self.pacing.heard(response)
        if request.meta.get("is_robots"):
            return response
        if response.status in WALLS and not request.meta.get("replayed"):
            self._stop_at(request, response)
        asked = None if request.meta.get("no_wait") and response.status == 429 else self._asked(response)
        if asked is not None:
            return await self._wait(request, response, asked)
        if response.status in RETRIED and not request.meta.get("no_retry"):
            again = await self._again(request, replayed=bool(request.meta.get("replayed")))
            if again is not None:
                return again
        self.pacing.note(_host(request), good=passing, detail=f"status {response.status}")
        return response

    async def process_exception(self, request: Request, exception: Exception) -> Request | None:
        if not isinstance(exception, MAY_PASS) or request.meta.get("is_robots"):
            return None
        again = await self._again(request, replayed=False)
        if again is None:
            self.pacing.note(_host(request), good=False, detail=str(exception)[:120])
        return again

    def _stop_at(self, request: Request, response: Response) -> None:
        """Draw the stop line while the request still holds its place: when its callback runs, the next one may be on its way."""
        response.request = request  # a source may want to know what was asked
        refused = self.spider.refusal(response)
        if refused is not None and refused[0] is Reason.BLOCKED:
            asked = (request.meta.get("redirect_urls") or [request.url])[0]
            self.spider.stop(*refused, host=urlsplit(asked).netloc)

    def _asked(self, response: Response) -> float | None:
        own: float | None = self.spider.wait_for(response)
        if own is not None or response.status not in {429, 503}:
            return own
        asked = retry_after(response, time.time())
        return self.pacing.manners.backoff * 4 if asked is None and response.status == 429 else asked

    async def _wait(self, request: Request, response: Response, seconds: float) -> Response | Request:
        if request.meta.get("replayed"):
            return request.replace(dont_filter=True)  # it was waited for when it was fetched
        tries = request.meta.get("waits", 0) + 1
        if tries > self.pacing.manners.retries + 1 or self.pacing.spent_up or not self.pacing.grants(seconds):
            self.pacing.stop(Reason.THROTTLED, f"status {response.status}, asks for {seconds:.0f} s", _host(request))
            return response
        self.pacing.pause(_host(request), seconds + random.uniform(0, 0.1) * min(seconds, 10))  # noqa: S311  # jitter
        return request.replace(dont_filter=True, meta={**request.meta, "waits": tries})

    async def _again(self, request: Request, *, replayed: bool) -> Request | None:
        tries = request.meta.get("tries", 0) + 1
        if tries > self.pacing.manners.retries:
            return None
        if not replayed:
            if self.pacing.spent_up:  # what came then stands, rather than that there was no allowance for more
                return None
            wait = self.pacing.manners.backoff * 2 ** (tries - 1) * random.uniform(0.5, 1.5)  # noqa: S311  # jitter
            if not self.pacing.grants(wait):
                return None
            await asyncio.sleep(wait)
        return request.replace(dont_filter=True, meta={**request.meta, "tries": tries}, priority=request.priority - 1)


class Gate(_Middleware):
    """The last word before a request leaves: stop line, pause, budget. Nothing of it concerns replayed answers."""

    async def process_request(self, request: Request) -> None:
        await self.pacing.enter(_host(request), free=bool(request.meta.get("is_robots")))
