"""The download handler: where credentials are added and taken out again, below captures and logs."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from functools import cache
from ssl import SSLContext
from urllib.parse import quote, urlencode, urlsplit

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import DownloadCancelledError
from scrapy.http import Headers, Response
from scrapy.settings import BaseSettings
from scrapy.utils.misc import build_from_crawler, load_object

from crawlers.component import Component
from crawlers.fence import fenced, give_up
from crawlers.tokens import Tokens
from storage.grips import FIRM, Grip

SCRUBBED = b"[scrubbed]"
SHORTEST = 6  # characters of a secret that is looked for in answers: a shorter one would be found in words
_TLS = (
    "DOWNLOAD_VERIFY_CERTIFICATES",
    "DOWNLOADER_CLIENT_TLS_CIPHERS",
    "DOWNLOADER_CLIENT_TLS_METHOD",
    "DOWNLOAD_TLS_MIN_VERSION",
    "DOWNLOAD_TLS_MAX_VERSION",
)
_MAKER = "_make_ssl_context"
_REACTORLESS = "scrapy.core.downloader.handlers._aiohttp.AiohttpDownloadHandler"
_REACTOR = "scrapy.core.downloader.handlers.http11.HTTP11DownloadHandler"


@cache
def _one_context() -> None:
    """Let all crawls of a process share one TLS context.

    Scrapy makes one for each crawl, by the same settings in ours, and so reads the system's certificates each time: 0.1 s in
    which the loop stands still.
    """
    from scrapy.core.downloader.handlers import _aiohttp

    made: dict[tuple[object, ...], SSLContext] = {}
    make = getattr(_aiohttp, _MAKER)  # there is no public way

    def shared(settings: BaseSettings) -> SSLContext:
        key = tuple(settings.get(name) for name in _TLS)
        if key not in made:
            made[key] = make(settings)
        return made[key]

    setattr(_aiohttp, _MAKER, shared)


class Gateway(Component):
    """Scrapy's own handler, with the source's credentials added for the source's own hosts only."""

    lazy = True  # a handler reads all certificates: 0.1 s that only the scheme in use should cost

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        _one_context()
        path = _REACTOR if crawler.settings.getbool("TWISTED_REACTOR_ENABLED") else _REACTORLESS
        self._inner = build_from_crawler(load_object(path), crawler)
        if path == _REACTORLESS:
            give_up(self._inner._session, self._grip.life)  # noqa: SLF001  # there is no public way
        self._limit = crawler.settings.getint("DOWNLOAD_MAXSIZE")
        self._tokens = Tokens(self._plainly, lambda: self.spider.pacing)

    @property
    def _grip(self) -> Grip:
        grip: Grip = getattr(self.spider, "grip", FIRM)  # `scrapy shell` has none
        return grip

    async def _send(self, request: Request) -> Response:
        """The only way out: everything that a crawl sends passes here, after all waiting."""
        return await fenced(self._grip, lambda: self._inner.download_request(request), self._halt)

    def _halt(self) -> None:
        self.spider.halt()

    async def download_request(self, request: Request) -> Response:
        spider = self.spider
        if not self._may_carry(request):
            return await self._send(request)
        headers, params = spider.credentials()
        login = spider.login()
        if login is None:
            return await self._signed(request, headers, params)
        token = await self._tokens.get(login, request)
        response = await self._signed(request, {**headers, "Authorization": f"Bearer {token}"}, params)
        if response.status == 401:  # a token does not last for a long run
            token = await self._tokens.get(login, request, not_this=token)
            response = await self._signed(request, {**headers, "Authorization": f"Bearer {token}"}, params)
        return response

    def _may_carry(self, request: Request) -> bool:
        """Whether a request may bear the source's credentials: a redirect to elsewhere must not."""
        spider = self.spider
        if not hasattr(spider, "credentials") or request.meta.get("is_robots"):  # `scrapy shell`, `scrapy fetch` have none
            return False
        own = [urlsplit(spider.endpoint(key)) for key in spider.endpoints if spider.endpoint(key)]
        asked = urlsplit(request.url)
        return any(asked.netloc == o.netloc and asked.scheme in {o.scheme, "https"} for o in own)

    async def _signed(self, request: Request, headers: Mapping[str, str], params: Mapping[str, str]) -> Response:
        if not headers and not params:
            return await self._send(request)
        signed = request.replace(url=_with(request.url, params))
        for name, value in headers.items():
            signed.headers[name] = value  # in the place of one that is there, such as our own User-Agent
        secrets = _forms([*self.spider.secrets(), *(v.rpartition(" ")[2] for v in headers.values()), *params.values()])
        try:
            response = await self._send(signed)
        except Exception as error:
            if any(s in str(error) for s in secrets):
                raise type(error)(_clean(str(error).encode(), secrets).decode()) from None
            raise
        return self._scrubbed(response, request.url, secrets)

    def _scrubbed(self, response: Response, url: str, secrets: list[str]) -> Response:
        """The answer without the secrets that a server may repeat: they must not come into the captures."""
        headers = Headers({k: [_clean(v, secrets) for v in values] for k, values in response.headers.items()})
        said = self._decompressed(response)
        clean = _clean(said, secrets)
        if clean == said:
            return response.replace(url=url, headers=headers)
        for name in ("Content-Encoding", "Content-Length"):
            headers.pop(name, None)
        return response.replace(url=url, headers=headers, body=clean)

    async def _plainly(self, request: Request) -> Response:
        response = await self._send(request)
        return response.replace(body=self._decompressed(response))

    def _decompressed(self, response: Response) -> bytes:
        """The body as it was before gzip, the only encoding that is asked for; as it came where that cannot be undone."""
        if (response.headers.get(b"Content-Encoding") or b"").strip().lower() not in {b"gzip", b"x-gzip"}:
            return response.body
        body, rest = b"", response.body
        while rest:  # one member after the other
            inflate = zlib.decompressobj(wbits=31)
            try:
                body += inflate.decompress(rest, self._limit)
            except zlib.error:
                return body or response.body
            if inflate.unconsumed_tail or 0 < self._limit < len(body):
                raise DownloadCancelledError
            rest = inflate.unused_data
        return body

    async def close(self) -> None:
        await self._inner.close()


def _with(url: str, params: Mapping[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(params)}" if params else url


def _forms(secrets: Iterable[str]) -> list[str]:
    """Secrets as they are, and as they stand in addresses and in JSON; the longest first, because one may hold another."""
    found = {form for s in secrets for form in (s, quote(s, safe=""), s.replace("/", "\\/")) if len(s) >= SHORTEST}
    return sorted(found, key=lambda s: (-len(s), s))


def _clean(data: bytes, secrets: list[str]) -> bytes:
    for secret in secrets:
        data = data.replace(secret.encode(), SCRUBBED)
    return data
