"""Sends pytrends' requests by the crawl's own way, and keeps what came of them for the spider."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.http import Response
from scrapy.http.request import NO_CALLBACK

from crawlers.outcomes import Refused, outcome_of
from crawlers.search_interest.relay import Answer, Asked
from crawlers.urls import join
from crawlers.walls import wall
from storage.model import Capture, ParseError, Reason

FORWARDED = ("accept-language", "cookie")  # of pytrends' headers; the User-Agent is our own
logger = logging.getLogger(__name__)


class Carrier:
    """Carries requests for one spider, in the order in which they come. After a failure nothing more is sent until it was asked about."""

    def __init__(self, spider: Any) -> None:
        self._spider = spider
        self._trouble: Refused | None = None
        self._bodies: dict[str, bytes] = {}
        self._captures: list[Capture] = []

    async def carry(self, asked: Asked) -> Answer:
        """The answer to a request of pytrends; a server error of our own where there is none."""
        if self._trouble is not None:
            return Answer(503)
        headers = {k: v for k, v in asked.headers.items() if k.lower() in FORWARDED}
        url = join(self._spider.endpoint(), f"/trends{asked.target}")
        request = Request(url, method=asked.method, headers=headers, body=asked.body, callback=NO_CALLBACK, dont_filter=True)
        try:
            response = await self._spider.crawler.engine.download_async(request)
        except Exception as error:  # the outcome is told by whoever asks for it
            reason, detail = outcome_of(error)  # type: ignore[misc]  # an exception always has an outcome
            if reason is Reason.PARSE_ERROR:
                logger.exception("google_trends: unexpected error while asking %s", url)
            self._trouble = Refused(reason, detail)
            return Answer(503)
        self._note(asked, response)
        kept = [(k, v.decode("latin-1")) for k in ("Content-Type", "Set-Cookie") for v in response.headers.getlist(k)]
        return Answer(response.status, response.body, kept)

    def _note(self, asked: Asked, response: Response) -> None:
        path = urlsplit(asked.target).path
        capture = (response.request or response).meta.get("capture")
        if capture is not None:
            self._captures.append(capture)
        if not path.startswith("/api/"):
            return  # the page that gives the cookie: Google answers 404 and gives it
        self._bodies[path] = response.body
        refused = outcome_of(response)
        headers = {k.decode("latin-1").lower(): v[-1].decode("latin-1") for k, v in response.headers.items() if v}
        if refused is None and response.body.lstrip()[:1] == b"<":
            found = wall(response.url, response.body.decode("utf-8", "replace"), headers)
            refused = Reason.BLOCKED, f"{found or 'a page for people'} in the place of data, perhaps one that asks for consent"
        if refused is not None:
            if refused[0] in {Reason.BLOCKED, Reason.THROTTLED}:
                self._spider.stop(*refused)
            self._trouble = Refused(*refused)

    def trouble(self) -> Refused | None:
        """What failed since this was last asked."""
        trouble, self._trouble = self._trouble, None
        return trouble

    def captures(self) -> tuple[Capture, ...]:
        """Where the responses lie that came since this was last asked."""
        captures, self._captures = tuple(self._captures), []
        return captures

    def body(self, path: str) -> bytes:
        """The last response from a path. Raises `ParseError` if there was none: then pytrends asks another way than it did."""
        try:
            return self._bodies.pop(path)
        except KeyError as error:
            raise ParseError(f"pytrends did not ask {path}") from error
