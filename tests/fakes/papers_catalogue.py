"""A model of paperswithcode.co's interface: papers with a day and frameworks, and a catalogue of frameworks."""

from __future__ import annotations

from typing import Any

from scheduler.demo.servers.service import Asked, Service


class FakeCatalogue(Service):
    def __init__(self) -> None:
        super().__init__()
        self.papers: list[tuple[str, tuple[str, ...]]] = []  # day as 2026-10-31, and frameworks
        self.frameworks = ["PyTorch", "TensorFlow", "JAX", "Scikit-learn"]
        self.filters = {"framework", "start_date", "end_date"}  # those that this version of the server knows

    def publish(self, day: str, *frameworks: str, times: int = 1) -> None:
        self.papers += [(day, frameworks)] * times

    def count(self, framework: str | None = None, since: str = "", until: str = "9") -> int:
        return sum(since <= day <= until and (framework is None or framework in own) for day, own in self.papers)

    def respond(self, asked: Asked) -> tuple[int, Any]:
        if asked.path == "/api/v1/frameworks/":
            listed = [{"id": n, "slug": f.lower(), "name": f, "paper_count": self.count(f)} for n, f in enumerate(self.frameworks)]
            return 200, {"domains": [{"name": "Learning", "categories": [{"name": "Deep", "frameworks": listed}]}]}
        if asked.path != "/api/v1/papers/":
            return 404, {"detail": "Not found."}
        heeded = {k: v for k, v in asked.query.items() if k in self.filters}
        until = heeded.get("end_date", "9")
        count = self.count(heeded.get("framework"), heeded.get("start_date", ""), until)
        size = min(count, int(asked.query["page_size"]))
        titles = [{"title": f"Paper {n} of {heeded.get('framework', 'all')}"} for n in range(size)]
        applied = {name: heeded.get(name) for name in self.filters} | {"latest_only": True}
        return 200, {"count": count, "results": titles, "applied_filters": applied}
