"""A model of the Stack Exchange API 2.3 over questions of its own: quota, waits, error objects, always gzip."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from scheduler.demo.servers.service import Asked, Service

DAY = 86_400
THROTTLED = {
    "error_id": 502,
    "error_name": "throttle_violation",
    "error_message": "too many requests from this IP, more requests available in 7200 seconds",
}


@dataclass
class Question:
    id: int
    created: int
    tags: frozenset[str]
    title: str = "How does it work?"


class FakeStackExchange(Service):
    compress = True

    def __init__(self, *, key: str = "a-free-request-key", anonymous: int = 300) -> None:
        super().__init__()
        self.key = key
        self.quota = {"": anonymous, key: 10_000}
        self.used = {"": 0, key: 0}
        self.questions: list[Question] = []
        self._by_day: dict[int, list[Question]] = defaultdict(list)
        self._tagged: Counter[str] = Counter()
        self.older: dict[str, int] = {}  # tag -> questions from before those that are modelled one by one
        self.synonyms: dict[str, str] = {}

    def ask(self, created: int, *tags: str, title: str = "How does it work?") -> None:
        question = Question(1000 + len(self.questions), created, frozenset(tags), title)
        self.questions.append(question)
        self._by_day[created // DAY].append(question)
        self._tagged.update(question.tags)
        for tag in tags:
            self.older.setdefault(tag, 0)

    def count(self, *tags: str, since: int, until: int) -> int:
        """Questions with at least one of the tags (any question without tags) in [since, until)."""
        return sum(since <= q.created < until and (not tags or bool(q.tags & set(tags))) for q in self.questions)

    def total(self, tag: str) -> int:
        return self.older[tag] + self._tagged[tag]

    def respond(self, asked: Asked) -> tuple[int, Any]:
        key = asked.query.get("key", "")
        if key not in self.quota:
            return 400, {"error_id": 400, "error_name": "bad_parameter", "error_message": "`key` doesn't match a known application"}
        if self.used[key] >= self.quota[key]:
            return 400, THROTTLED
        self.used[key] += 1
        if asked.query.get("site") != "stackoverflow":
            return 400, {"error_id": 400, "error_name": "bad_parameter", "error_message": "site is required"}
        parts = asked.path.strip("/").split("/")
        if parts[:2] == ["2.3", "tags"] and parts[-1] == "info" and len(parts) == 4:
            return 200, self._wrapped(self._info(unquote(parts[2]).split(";")), asked, key)
        if parts[1:] in (["questions"], ["search", "advanced"]):
            found = self._found(asked, either=parts[1] == "search")
            if asked.query.get("filter") == "total":
                return 200, {"total": len(found)}
            rows = [{"question_id": q.id, "creation_date": q.created, "tags": sorted(q.tags), "title": q.title} for q in found]
            return 200, self._wrapped(rows, asked, key)
        return 400, {"error_id": 404, "error_name": "no_method", "error_message": "this method cannot be called this way"}

    def _info(self, names: list[str]) -> list[dict[str, Any]]:
        found = dict.fromkeys(self.synonyms.get(n, n) for n in names)
        flags = {"is_moderator_only": False, "is_required": False}
        return [{"has_synonyms": n in self.synonyms.values(), "name": n, "count": self.total(n), **flags} for n in found if n in self.older]

    def _found(self, asked: Asked, *, either: bool) -> list[Question]:
        tags = {t for t in asked.query.get("tagged", "").split(";") if t}
        since, until = int(asked.query.get("fromdate", 0)), int(asked.query.get("todate", 2**40))
        holds = (lambda q: bool(q.tags & tags) or not tags) if either else (lambda q: tags <= q.tags)
        return sorted((q for q in self._between(since, until) if since <= q.created <= until and holds(q)), key=lambda q: -q.created)

    def _between(self, since: int, until: int) -> Iterable[Question]:
        """Questions of some days, those at their edges too."""
        days = range(since // DAY, until // DAY + 1)
        return self.questions if len(days) > len(self._by_day) else [q for day in days for q in self._by_day.get(day, ())]

    def _wrapped(self, rows: list[dict[str, Any]], asked: Asked, key: str) -> dict[str, Any]:
        size, page = int(asked.query.get("pagesize", 30)), int(asked.query.get("page", 1))
        shown = rows[(page - 1) * size : page * size]
        quota = {"quota_max": self.quota[key], "quota_remaining": self.quota[key] - self.used[key]}
        return {"items": shown, "has_more": page * size < len(rows), **quota}
