"""A model of Wikimedia's page view API over views of its own: days without views are left out, and nothing read is a 404."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from scheduler.demo.servers.service import Asked, Service
from storage.periods import DAY, moment, read_time

NO_DATA = "The dates are valid, but there is no data for them, or the project is not loaded."


class FakeWikimedia(Service):
    def __init__(self) -> None:
        super().__init__()
        self.views: dict[tuple[str, str], dict[int, int]] = {}  # (wiki, title) -> day -> views
        self.totals: dict[str, dict[int, int]] = {}  # wiki -> day -> views

    def read(self, wiki: str, title: str, first: int, *views: int) -> None:
        """Views of consecutive days; a zero leaves its day out."""
        self.views.setdefault((wiki, title), {}).update({first + n * DAY: v for n, v in enumerate(views) if v})

    def load(self, wiki: str, first: int, last: int, views: int = 1_000_000) -> None:
        """Have a total for each day of a stretch, its last included."""
        self.totals.setdefault(wiki, {}).update({t: views + t // DAY % 7 for t in range(first, last + 1, DAY)})

    def respond(self, asked: Asked) -> tuple[int, Any]:
        if "mailto:" not in asked.headers.get("User-Agent", ""):
            return 403, {"title": "Forbidden", "detail": "identify yourself in the User-Agent"}
        what, project, *rest = asked.path.removeprefix("/metrics/pageviews/").split("/")
        wiki = project.removesuffix(".wikipedia")
        article = unquote(rest[2]) if what == "per-article" else None
        access, agent, granularity, first, last = [x for n, x in enumerate(rest) if article is None or n != 2]
        assert (access, agent, granularity) == ("all-access", "user", "daily")
        days = self.totals.get(wiki, {}) if article is None else self.views.get((wiki, article), {})
        since, until = (read_time(f"{d[:4]}-{d[4:6]}-{d[6:8]}") for d in (first, last))
        extra = {} if article is None else {"article": article}
        items = [
            {"project": project, **extra, "granularity": granularity, "timestamp": f"{moment(t):%Y%m%d}00", "access": access, "views": v}
            for t, v in sorted(days.items())
            if since <= t <= until
        ]
        return (200, {"items": items}) if items else (404, {"title": "Not Found", "status": 404, "detail": NO_DATA})
