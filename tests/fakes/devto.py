"""DEV on 127.0.0.1: a Forem's list of articles by tag, in the order of its source, with a cap of its own on pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scheduler.demo.servers.service import Asked, Service
from storage.periods import DAY, iso


@dataclass(frozen=True)
class Article:
    id: int
    time: int
    tags: tuple[str, ...]
    score: int = 0

    def row(self) -> dict[str, Any]:
        return {
            "type_of": "article",
            "id": self.id,
            "title": f"Part {self.id}",
            "published_timestamp": iso(self.time),
            "published_at": iso(self.time),
            "tag_list": list(self.tags),
            "tags": ", ".join(self.tags),
            "user": {"name": "Someone", "username": "someone"},
        }


class FakeDev(Service):
    """``approved``: tags whose lists come by date; ``simple``: a server that lists newest first and knows no ``top``."""

    def __init__(self, now: int) -> None:
        super().__init__()
        self.now = now
        self.articles: list[Article] = []
        self.approved: set[str] = set()
        self.simple = False
        self.cap = 1000

    def write(self, tag: str, *times: int) -> None:
        for time in times:
            number = len(self.articles) + 1
            self.articles.append(Article(number, time, (tag, "news"), score=number * 7919 % 101))

    def on(self, tag: str, day: int) -> int:
        return sum(1 for a in self.articles if tag in a.tags and day <= a.time < day + DAY)

    def respond(self, asked: Asked) -> tuple[int, Any]:
        if asked.path != "/api/articles/latest" or asked.headers.get("Accept") != "application/vnd.forem.api-v1+json":
            return 404, {"error": "not found", "status": 404}
        tag, top = asked.query.get("tag", ""), asked.query.get("top")
        found = [a for a in self.articles if tag in a.tags and a.time <= self.now]
        if self.simple or tag in self.approved:
            found.sort(key=lambda a: -a.time)
        elif top:
            found = sorted((a for a in found if a.time > self.now - int(top) * DAY), key=lambda a: -a.score)
        else:
            found.sort(key=lambda a: -a.score)
        size = min(int(asked.query.get("per_page", 30)), self.cap)
        start = (int(asked.query.get("page", 1)) - 1) * size
        return 200, [a.row() for a in found[start : start + size]]
