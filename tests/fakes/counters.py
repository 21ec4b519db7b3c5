"""A site with a number for each thing: as JSON, on a page, and in a sentence; the whole beside them."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from scheduler.demo.servers.service import Asked, Raw, Service


class FakeCounters(Service):
    def __init__(self) -> None:
        super().__init__()
        self.counts: dict[str, Any] = {}
        self.whole = 1_000_000
        self.page = '<html><title>{name}</title><p class="n"><b>{count}</b> downloads</p><p>Since 2011, 7 releases.</p></html>'

    def respond(self, asked: Asked) -> tuple[int, Any]:
        kind, _, name = unquote(asked.path).strip("/").partition("/")
        if kind == "total":
            return 200, {"data": {"count": self.whole}}
        if name not in self.counts:
            return 404, {"error": "no such thing"}
        count = self.counts[name]
        if kind == "api":
            return 200, {"name": name, "data": {"count": count}, "days": [{"n": 1}, {"n": count}]}
        return 200, Raw(self.page.format(name=name, count=f"{count:,}" if isinstance(count, int) else count).encode())
