"""Finds the sources: every module of ``crawlers.spiders``, and the entry-point group ``uptake.sources``."""

from __future__ import annotations

import inspect
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import walk_packages
from urllib.parse import urlsplit

from scrapy.http import Request
from scrapy.settings import BaseSettings

import crawlers.spiders
from crawlers.source import SourceSpider
from storage.model import UsageError

GROUP = "uptake.sources"


@cache
def sources() -> dict[str, type[SourceSpider]]:
    """All sources by name, sorted. Raises `UsageError` where two claim one name."""
    found: dict[str, type[SourceSpider]] = {}
    modules = [m.name for m in walk_packages(crawlers.spiders.__path__, "crawlers.spiders.")]
    classes = [c for name in modules for _, c in inspect.getmembers(import_module(name), inspect.isclass) if c.__module__ == name]
    classes += [point.load() for point in entry_points(group=GROUP)]
    for cls in classes:
        if not issubclass(cls, SourceSpider) or not getattr(cls, "name", None):
            continue
        if found.get(cls.name, cls) is not cls:
            raise UsageError(f"two sources are called {cls.name}: {found[cls.name].__module__} and {cls.__module__}; uninstall one")
        found[cls.name] = cls
    return dict(sorted(found.items()))


def source(name: str) -> type[SourceSpider]:
    """The source of a name. Raises `UsageError` naming those there are."""
    known = sources()
    if name not in known:
        raise UsageError(f"there is no source {name!r}; there are: {', '.join(known)}")
    return known[name]


class Loader:
    """Scrapy's spider loader over the catalogue, so that ``scrapy list`` shows third-party sources too."""

    @classmethod
    def from_settings(cls, _settings: BaseSettings) -> Loader:
        return cls()

    def load(self, spider_name: str) -> type[SourceSpider]:
        try:
            return source(spider_name)
        except UsageError as error:
            raise KeyError(str(error)) from error

    def find_by_request(self, request: Request) -> list[str]:
        """Names of the sources whose endpoint a request goes to."""
        host = urlsplit(request.url).netloc
        return [name for name, cls in sources().items() if host in {urlsplit(url).netloc for url in cls.endpoints.values()}]

    def list(self) -> list[str]:  # last, because it hides the type's name
        return [*sources()]
