"""The download handler: where credentials are added and taken out again, below captures and logs."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Headers, Response
from scrapy.utils.misc import build_from_crawler, load_object

from crawlers.component import Component

SCRUBBED = b"[scrubbed]"
_REACTORLESS = "scrapy.core.downloader.handlers._aiohttp.AiohttpDownloadHandler"
_REACTOR = "scrapy.core.downloader.handlers.http11.HTTP11DownloadHandler"


class Gateway(Component):
    """Scrapy's own handler, with the source's credentials added for the source's own hosts only."""

    lazy = True  # a handler reads all certificates: 0.1 s that only the scheme in use should cost

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        path = _REACTOR if crawler.settings.getbool("TWISTED_REACTOR_ENABLED") else _REACTORLESS
        self._inner = build_from_crawler(load_object(path), crawler)

    async def download_request(self, request: Request) -> Response:
        headers, params = self._credentials(request)
        if not headers and not params:
            return await self._inner.download_request(request)  # type: ignore[no-any-return]  # a class loaded by its name
        signed = request.replace(url=_with(request.url, params), headers={**request.headers, **headers})
        secrets = self.spider.secrets()
        try:
            response: Response = await self._inner.download_request(signed)
        except Exception as error:
            if any(s in str(error) for s in secrets):
                raise type(error)(_clean(str(error).encode(), secrets).decode()) from None
            raise
        return response.replace(url=request.url, headers=_clean_headers(response.headers, secrets), body=_clean(response.body, secrets))

    def _credentials(self, request: Request) -> tuple[Mapping[str, str], Mapping[str, str]]:
        spider = self.spider
        if not hasattr(spider, "credentials"):  # `scrapy shell`, `scrapy fetch`
            return {}, {}
        headers, params = spider.credentials()
        if not headers and not params:
            return {}, {}
        hosts = {urlsplit(spider.endpoint(key)).netloc for key in spider.endpoints if spider.endpoint(key)}
        if urlsplit(request.url).netloc not in hosts or request.meta.get("is_robots"):
            return {}, {}  # a redirect to elsewhere must not carry a key there
        return headers, params

    async def close(self) -> None:
        await self._inner.close()


def _with(url: str, params: Mapping[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(params)}" if params else url


def _clean(data: bytes, secrets: list[str]) -> bytes:
    """A server that repeats a key in its answer must not bring it into the captures."""
    for secret in secrets:
        if len(secret) >= 6:
            data = data.replace(secret.encode(), SCRUBBED)
    return data


def _clean_headers(headers: Headers, secrets: list[str]) -> Headers:
    return Headers({k: [_clean(v, secrets) for v in values] for k, values in headers.items()})
