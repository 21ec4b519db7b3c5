"""Uptake over HTTP: pages to look at, an API to ask, health and metrics. Nothing here changes anything."""

from scheduler.web.door import Door
from scheduler.web.front import Front
from scheduler.web.server import Web, is_loopback, listen

__all__ = ["Door", "Front", "Web", "is_loopback", "listen"]
