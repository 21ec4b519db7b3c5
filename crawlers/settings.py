"""Scrapy's settings as Uptake wants them; also the project settings behind ``scrapy.cfg``.

Against Scrapy's own defaults: no remote control (it executes Python), no telnet, certificates are verified,
small limits, no middleware that is not needed.
"""

from __future__ import annotations

import logging
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Self

from scrapy.settings import Settings

from crawlers.job import Manners
from crawlers.politeness import user_agent

logging.getLogger("scrapy.core.downloader.handlers._base_streaming").setLevel(
    logging.ERROR
)  # it says at each crawl that it is experimental

BOT_NAME = "uptake"
SPIDER_MODULES = ["crawlers.spiders"]


@cache
def program_version() -> str:
    try:
        return version("uptake")
    except PackageNotFoundError:
        return "0"


class Own(Settings):
    """Settings made for one crawl: its crawler need not take a deep copy, which costs a tenth of a small crawl."""

    def copy(self) -> Self:
        return self


def settings_for(manners: Manners, *, delay: float, reactor: bool = False) -> dict[str, Any]:
    """Settings of one crawl. ``delay`` is in seconds between two requests to a host."""
    return {
        "BOT_NAME": BOT_NAME,
        "SPIDER_MODULES": SPIDER_MODULES,
        "USER_AGENT": user_agent(program_version(), manners.contact),
        "TWISTED_REACTOR_ENABLED": reactor,
        "DOWNLOAD_HANDLERS": {
            "http": "crawlers.gateway.Gateway",
            "https": "crawlers.gateway.Gateway",
            "file": None,
            "data": None,
            "s3": None,
            "ftp": None,
        },
        "DOWNLOADER_MIDDLEWARES": {
            "scrapy.downloadermiddlewares.robotstxt.RobotsTxtMiddleware": None,
            "scrapy.downloadermiddlewares.retry.RetryMiddleware": None,
            "scrapy.downloadermiddlewares.cookies.CookiesMiddleware": None,
            "scrapy.downloadermiddlewares.httpauth.HttpAuthMiddleware": None,
            "scrapy.downloadermiddlewares.offsite.OffsiteMiddleware": None,
            "scrapy.downloadermiddlewares.stats.DownloaderStats": None,
            "crawlers.politeness.RobotsGate": 410,  # after the user agent (400) was set
            "crawlers.politeness.Patience": 550,
            "crawlers.captures.CaptureMiddleware": 950,
            "crawlers.politeness.Gate": 960,
            "scrapy.downloadermiddlewares.useragent.UserAgentMiddleware": 400,
        },
        "SPIDER_MIDDLEWARES": {
            "scrapy.spidermiddlewares.httperror.HttpErrorMiddleware": None,  # statuses become outcomes in SourceSpider
            "scrapy.spidermiddlewares.depth.DepthMiddleware": None,
            "scrapy.spidermiddlewares.urllength.UrlLengthMiddleware": None,
        },
        "EXTENSIONS": {
            "scrapy.extensions.corestats.CoreStats": None,
            "scrapy.extensions.logstats.LogStats": None,
            "scrapy.extensions.memusage.MemoryUsage": None,
            "scrapy.extensions.telnet.TelnetConsole": None,
            "scrapy.extensions.logcount.LogCount": None,
            "scrapy.extensions.remote_control.RemoteControl": None,
        },
        "ITEM_PIPELINES": {"crawlers.recorder.RecorderPipeline": 500},
        "DEFAULT_REQUEST_HEADERS": {"Accept": "*/*", "Accept-Encoding": "gzip"},
        "SCHEDULER_MEMORY_QUEUE": "scrapy.squeues.FifoMemoryQueue",  # what a source asks first goes first
        "DUPEFILTER_CLASS": "scrapy.dupefilters.BaseDupeFilter",
        "ROBOTSTXT_OBEY": False,  # RobotsGate does, more strictly
        "REFERRER_POLICY": "no-referrer",
        "METAREFRESH_ENABLED": False,
        "COOKIES_ENABLED": False,
        "REMOTE_CONTROL_ENABLED": False,
        "TELNETCONSOLE_ENABLED": False,
        "MEMUSAGE_ENABLED": False,
        "DOWNLOAD_VERIFY_CERTIFICATES": True,
        "DOWNLOAD_TIMEOUT": manners.timeout,
        "DOWNLOAD_MAXSIZE": manners.max_size,
        "DOWNLOAD_WARNSIZE": 0,
        "DOWNLOAD_DELAY": delay,
        "DOWNLOAD_DELAY_JITTER": 0.0,  # the configured delay is a least; jitter belongs to back-off
        "CONCURRENT_REQUESTS": manners.concurrency,
        "CONCURRENT_REQUESTS_PER_DOMAIN": manners.concurrency,
        "CONCURRENT_ITEMS": 1,  # a callback gives one reading; Scrapy's 100 are that many tasks for each response
        "WARN_ON_GENERATOR_RETURN_VALUE": False,  # it parses the callback's source for each response; ours are checked when they run
        "REDIRECT_MAX_TIMES": 5,
        "LOG_ENABLED": False,
        "STATS_DUMP": False,
    }
