"""A model of ClickHouse's public server with one table: downloads by package and day. It reads the one kind of query that we send."""

from __future__ import annotations

import re
from typing import Any

from scheduler.demo.servers.service import Asked, Raw, Service
from storage.periods import DAY, day, read_time

_SHAPE = re.compile(
    r"SELECT project, groupArray\(\(toString\(date\), downloads\)\) AS days FROM \(SELECT project, date, sum\(count\) AS downloads"
    r" FROM pypi\.pypi_downloads_per_day WHERE project IN \((?P<names>[^)]*)\) AND date BETWEEN '(?P<first>[\d-]+)' AND '(?P<last>[\d-]+)'"
    r" GROUP BY project, date ORDER BY project, date\) GROUP BY project ORDER BY project FORMAT JSONCompact"
)


class FakeClickPy(Service):
    def __init__(self, *, quota: int = 100) -> None:
        super().__init__()
        self.downloads: dict[str, dict[int, int]] = {}
        self.quota = quota
        self.quoted = False  # 64-bit numbers as text, as older servers do
        self.used = 0

    def load(self, package: str, first: int, last: int, least: int) -> None:
        """Downloads of each day of a stretch, its last included, with weekends at two thirds."""
        self.downloads.setdefault(package, {}).update(
            {t: (least * (3 if (t // DAY) % 7 not in {2, 3} else 2) + t // DAY % 5) for t in range(first, last + 1, DAY)}
        )

    def window(self, package: str, end: int) -> int:
        """Downloads of the 30 days before a moment."""
        return sum(self.downloads[package].get(t, 0) for t in range(end - 30 * DAY, end, DAY))

    def respond(self, asked: Asked) -> tuple[int, Any]:
        self.used += 1
        if asked.query.get("user") != "demo":
            return error(403, 516, "demo: Authentication failed. (AUTHENTICATION_FAILED)")
        if self.used > self.quota:
            said = "Quota for user `demo` for 3600s has been exceeded: queries_per_normalized_hash = 101/100."
            return error(500, 201, f"{said} Interval will end at 2026-11-20 16:00:00. (QUOTA_EXCEEDED)")
        match = _SHAPE.fullmatch(asked.body.decode())
        if not match or asked.query.get("read_overflow_mode") != "throw":
            return error(400, 62, "Syntax error (SYNTAX_ERROR)")
        first, last = read_time(match["first"]), read_time(match["last"])
        data = []
        for name in sorted(re.findall(r"'([^']*)'", match["names"])):
            rows = sorted((t, n) for t, n in self.downloads.get(name, {}).items() if first <= t <= last)
            if rows:
                data.append([name, [[day(t), str(n) if self.quoted else n] for t, n in rows]])
        meta = [{"name": "project", "type": "String"}, {"name": "days", "type": "Array(Tuple(String, UInt64))"}]
        statistics = {"elapsed": 0.01, "rows_read": 40_960, "bytes_read": 999_999}
        return 200, {"meta": meta, "data": data, "rows": len(data), "statistics": statistics}


def error(status: int, code: int, said: str) -> tuple[int, Raw]:
    headers = {"Content-Type": "text/plain; charset=UTF-8", "X-ClickHouse-Exception-Code": str(code)}
    return status, Raw(f"Code: {code}. DB::Exception: {said} (version 26.9.1)\n".encode(), headers)
