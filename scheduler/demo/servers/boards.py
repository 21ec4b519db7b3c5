"""Two job boards that are searched: Himalayas and Reed as their interfaces answer, over counts of postings that somebody else knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scheduler.demo.servers.service import Asked, Service

Count = Callable[[str], int]  # postings that hold a word; of the empty one all


class FakeHimalayas(Service):
    """https://himalayas.app/docs/remote-jobs-api"""

    def __init__(self, count: Count) -> None:
        super().__init__()
        self.count = count

    def respond(self, asked: Asked) -> tuple[int, Any]:
        if asked.path not in {"/jobs/api", "/jobs/api/search"}:
            return 404, {"message": "Not Found"}
        word = asked.query.get("q", "") if asked.path.endswith("/search") else ""
        total = self.count(word)
        rows = [{"title": f"Engineer, {word}".rstrip(", "), "companyName": f"Acme {n}"} for n in range(min(total, 3))]
        return 200, {"totalCount": total, "offset": 0, "limit": 20, "jobs": rows}


class FakeReed(Service):
    """https://www.reed.co.uk/developers/jobseeker"""

    def __init__(self, count: Count) -> None:
        super().__init__()
        self.count = count

    def respond(self, asked: Asked) -> tuple[int, Any]:
        if asked.path != "/api/1.0/search":
            return 404, {"message": "Not Found"}
        if not asked.headers.get("Authorization", "").startswith("Basic "):
            return 401, {"message": "an API key is needed"}
        total = self.count(asked.query.get("keywords", ""))
        most = min(total, int(asked.query.get("resultsToTake", 100)))
        return 200, {
            "results": [{"jobId": n, "jobTitle": "Engineer", "employerName": f"Acme {n}"} for n in range(most)],
            "totalResults": total,
        }


__all__ = ["FakeHimalayas", "FakeReed"]
