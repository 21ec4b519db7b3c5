"""Models of Google Trends over searches of its own: the page's interface that pytrends asks, and the official API.

Searches are a smooth course a term and place. Answers are rounded to whole hundredths of the highest value of a request, weeks
begin on Sunday and the last one may be unfinished.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scheduler.demo.servers.service import Asked, Raw, Service
from storage.periods import DAY, WEEK, day, iso, read_time

_PAGE = {"Content-Type": "text/html; charset=utf-8"}
_JSON = {"Content-Type": "application/json; charset=utf-8"}


@dataclass(frozen=True)
class Course:
    """How much a term is searched: a size, a growth a year, a season."""

    size: float
    growth: float = 0.0
    season: float = 0.1
    since: int = 0  # nobody searches before

    def at(self, time: int) -> float:
        years = (time - read_time("2024-01-01")) / (365.25 * DAY)
        return self.size * math.exp(self.growth * years) * (1 + self.season * math.cos(2 * math.pi * years)) if time >= self.since else 0.0


def sundays(first: int, last: int) -> list[int]:
    """Starts of the weeks that hold some day of a stretch."""
    start = first - (first - 3 * DAY) % WEEK  # 1970-01-04 was a Sunday
    return list(range(start, last + 1, WEEK))


class FakeTrends(Service):
    """trends.google.com as far as pytrends knows it."""

    def __init__(self, courses: dict[str, Course], *, today: int) -> None:
        super().__init__()
        self.courses = courses
        self.today = today
        self.abroad: dict[tuple[str, str], float] = {}  # (geo, term) -> factor
        self.user_type = "USER_TYPE_LEGIT_USER"
        self.zeros = False
        self.marks_partial = True
        self.damage: dict[tuple[str, str], Callable[[bytes], bytes]] = {}  # (geo, last part of the path) -> what it does to answers

    def size(self, term: str, geo: str, sunday: int) -> float:
        return self.courses[term].at(sunday) * self.abroad.get((geo, term), 1.0) if term in self.courses else 0.0

    def respond(self, asked: Asked) -> tuple[int, Any]:
        if asked.path == "/trends/explore/":
            return 404, Raw(b"<html></html>", {**_PAGE, "Set-Cookie": "NID=511=abc; path=/; HttpOnly"})
        if "NID=511=abc" not in asked.headers.get("Cookie", ""):
            return 429, Raw(b"<html>Too many requests</html>", _PAGE)
        if asked.path == "/trends/api/explore":
            request = json.loads(asked.query["req"])
            return self._sent(b")]}'\n", self._explore(request), request["comparisonItem"][0]["geo"], "explore")
        if asked.path == "/trends/api/widgetdata/multiline" and asked.query.get("token") == "APP6-token":
            request = json.loads(asked.query["req"])
            return self._sent(b")]}',\n", self._multiline(request), request["comparisonItem"][0]["geo"].get("country", ""), "multiline")
        return 404, Raw(b"<html>404</html>", _PAGE)

    def _sent(self, guard: bytes, answer: dict[str, Any], geo: str, path: str) -> tuple[int, Raw]:
        return 200, Raw(self.damage.get((geo, path), bytes)(guard + json.dumps(answer).encode()), _JSON)

    def _explore(self, request: dict[str, Any]) -> dict[str, Any]:
        items = request["comparisonItem"]
        assert 1 <= len(items) <= 5
        restrictions = [
            {
                "geo": {"country": i["geo"]} if i["geo"] else {},
                "complexKeywordsRestriction": {"keyword": [{"type": "BROAD", "value": i["keyword"]}]},
            }
            for i in items
        ]
        widget = {
            "time": items[0]["time"],
            "resolution": "WEEK",
            "comparisonItem": restrictions,
            "requestOptions": {"property": request["property"], "category": request["category"]},
            "userConfig": {"userType": self.user_type},
        }
        geo_map = {"id": "GEO_MAP", "token": "APP6-other", "request": {"resolution": "COUNTRY"}}
        return {"widgets": [{"id": "TIMESERIES", "token": "APP6-token", "request": widget}, geo_map]}

    def _multiline(self, request: dict[str, Any]) -> dict[str, Any]:
        terms = [i["complexKeywordsRestriction"]["keyword"][0]["value"] for i in request["comparisonItem"]]
        geo = request["comparisonItem"][0]["geo"].get("country", "")
        first, last = (read_time(t) for t in request["time"].split(" "))
        weeks = sundays(first, last)
        sizes = [[0.0 if self.zeros else self.size(t, geo, w) for t in terms] for w in weeks]
        top = max((s for row in sizes for s in row), default=0.0) or 1.0
        rows = []
        for week, row in zip(weeks, sizes, strict=True):
            exact = [100 * s / top for s in row]
            whole = [math.floor(x + 0.5) for x in exact]
            shown = ["<1" if 0.05 < x < 0.5 else str(n) for x, n in zip(exact, whole, strict=True)]
            line: dict[str, Any] = {"time": str(week), "formattedTime": day(week), "formattedAxisTime": day(week)}
            line |= {"value": whole, "hasData": [x > 0.05 for x in exact], "formattedValue": shown}
            if week + WEEK > self.today and self.marks_partial:
                line["isPartial"] = True
            rows.append(line)
        return {"default": {"timelineData": rows, "averages": []}}


class FakeTrendsApi(Service):
    """The official API: a request becomes an operation that is done after some looks; its values are on one scale for all."""

    def __init__(self, courses: dict[str, Course], *, today: int) -> None:
        super().__init__()
        self.courses = courses
        self.today = today
        self.token = "a-token-of-the-alpha"
        self.looks = 2  # until an operation is done
        self.error: dict[str, Any] | None = None
        self.operations: dict[str, dict[str, Any]] = {}
        self.seen: dict[str, int] = {}

    def respond(self, asked: Asked) -> tuple[int, Any]:
        if asked.path == "/token":
            return 200, {"access_token": self.token, "token_type": "Bearer", "expires_in": 3600}
        if asked.headers.get("Authorization") != f"Bearer {self.token}":
            return 401, {"error": {"code": 401, "message": "Request had invalid authentication credentials."}}
        if asked.path == "/v1alpha:fetchTimeSeries":
            name = f"operations/op-{len(self.operations) + 1}"
            self.operations[name] = json.loads(asked.body)["spec"]
            return 200, {"name": name, "done": False}
        name = asked.path.removeprefix("/v1alpha/")
        self.seen[name] = self.seen.get(name, 0) + 1
        if self.seen[name] < self.looks:
            return 200, {"name": name}
        if self.error is not None:
            return 200, {"name": name, "done": True, "error": self.error}
        return 200, {"name": name, "done": True, "response": {"timeSeries": {"points": self._points(self.operations[name])}}}

    def value(self, term: str, sunday: int) -> float:
        return round(self.courses[term].at(sunday), 3) if term in self.courses else 0.0

    def _points(self, spec: dict[str, Any]) -> list[dict[str, Any]]:
        assert spec["timeResolution"] == "WEEK"
        term = spec["expression"]["terms"][0]["value"]
        span = [int(spec["timeRange"][k]["seconds"]) for k in ("startTime", "endTime")]
        return [
            {
                "timeRange": {"startTime": iso(w), "endTime": iso(w + WEEK)},
                "searchInterest": self.value(term, w),
                "scaledSearchInterest": 50,
                **({"isPartial": True} if w + WEEK > self.today else {}),
            }
            for w in sundays(*span)
        ]
