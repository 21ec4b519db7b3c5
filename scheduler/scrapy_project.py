"""Project settings behind ``scrapy.cfg``: the spiders with the topics of ``uptake.toml``, figures as items.

``scrapy crawl github -O figures.json`` is for looking and for writing new sources; it keeps nothing. Without a
configuration the topics of the starting history are used.
"""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

from crawlers.settings import settings_for
from scheduler.config import Config, load, locate, read


def _config() -> Config:
    path = locate()
    if path.exists():
        return load(path)
    bundled = (files("scheduler") / "data" / "uptake.toml").read_text(encoding="utf-8")
    return read(tomllib.loads(bundled), Path("uptake.toml"), {})


_CONFIG = _config()
globals().update(settings_for(_CONFIG.manners, delay=_CONFIG.manners.delay))
SPIDER_LOADER_CLASS = "crawlers.catalog.Loader"
LOG_ENABLED = True
LOG_LEVEL = "INFO"
UPTAKE_MANNERS = _CONFIG.manners
UPTAKE_SETUPS = {name: _CONFIG.setup(name) for name in _CONFIG.sources}
