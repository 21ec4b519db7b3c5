"""A model of OpenAlex's works: a search over stems, dates, and credits that are spent."""

from __future__ import annotations

import re
from typing import Any

from scheduler.demo.servers.service import Asked, Service

_TERM = re.compile(r'"[^"]*"')


class FakeOpenAlex(Service):
    def __init__(self) -> None:
        super().__init__()
        self.works: list[tuple[str, str]] = []  # day of publication, text
        self.key = "key-of-the-test"
        self.credits = {"": 1000, self.key: 10_000}
        self.reset = 40_000  # seconds

    def publish(self, day: str, text: str, times: int = 1) -> None:
        self.works += [(day, text)] * times

    def respond(self, asked: Asked) -> tuple[int, Any]:
        if asked.path != "/works":
            return 404, {"error": "Not Found"}
        dates = dict(part.split(":") for part in asked.query.get("filter", "").split(",") if part)
        assert set(dates) <= {"from_publication_date", "to_publication_date"}
        since, until = dates.get("from_publication_date", ""), dates.get("to_publication_date", "9")
        found = [text for when, text in self.works if since <= when <= until and _matches(asked.query.get("search"), text)]
        shown: list[dict[str, str]] = [{"id": f"W{n}", "title": text} for n, text in enumerate(found)]
        fields = asked.query.get("select", "id,title").split(",")
        page = [{k: work[k] for k in fields} for work in shown[: int(asked.query["per_page"])]]
        return 200, {"meta": {"count": len(found), "page": 1, "per_page": int(asked.query["per_page"])}, "results": page, "group_by": []}

    def _reply(self, asked: Asked) -> tuple[int, dict[str, str], bytes]:
        key, cost = asked.query.get("api_key", ""), 10 if "search" in asked.query else 1
        if asked.path != "/robots.txt" and self.credits.get(key, 0) < cost:
            return 429, self._limits(key), b'{"error": "Rate limit exceeded"}'
        status, headers, body = super()._reply(asked)
        if asked.path == "/works":
            self.credits[key] -= cost
            headers = {**headers, **self._limits(key)}
        return status, headers, body

    def _limits(self, key: str) -> dict[str, str]:
        return {"X-RateLimit-Remaining": str(self.credits.get(key, 0)), "X-RateLimit-Reset": str(self.reset)}


def _matches(search: str | None, text: str) -> bool:
    if search is None:
        return True
    words = _stems(text)

    def holds(term: re.Match[str]) -> str:
        wanted = _stems(term[0])
        return f" {any(words[n : n + len(wanted)] == wanted for n in range(len(words)))} "

    said = _TERM.sub(holds, search).replace("NOT", "and not").replace("OR", "or")
    assert re.fullmatch(r"(?:\s|True|False|and|or|not|[()])+", said), search
    return bool(eval(said))


def _stems(text: str) -> list[str]:
    return [word.removesuffix("s") for word in re.findall(r"\w+", text.lower())]
