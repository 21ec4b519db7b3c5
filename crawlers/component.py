"""What all of our Scrapy components are: made from a crawler, and asking its spider."""

from __future__ import annotations

from typing import Any, Self

from scrapy.crawler import Crawler


class Component:
    """Base of middlewares, pipeline and download handler. ``spider`` is a `SourceSpider`, or a plain one in ``scrapy shell``."""

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    @property
    def spider(self) -> Any:
        return self.crawler.spider
