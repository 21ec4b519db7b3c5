"""A model of the Hugging Face Hub's lists of models."""

from __future__ import annotations

import html
import json
from typing import Any

from scheduler.demo.servers.service import Asked, Raw, Service


class FakeHub(Service):
    def __init__(self) -> None:
        super().__init__()
        self.models: dict[str, int] = {"": 0}  # by library; "" are of none
        self.libraries = {"pytorch": "PyTorch", "tf": "TensorFlow", "jax": "JAX", "scikit-learn": "Scikit-learn"}
        self.filters = True  # whether this version of the server knows the filter
        self.json = True  # whether the undocumented address is there

    def total(self) -> int:
        return sum(self.models.values())

    def respond(self, asked: Asked) -> tuple[int, Any]:
        library = asked.query.get("library") if self.filters else None
        count = self.total() if library is None else self.models.get(library, 0)
        listed = [{"id": f"someone/model-{n}", "repoType": "model"} for n in range(min(count, 30))]
        if asked.path == "/models-json" and self.json:
            total = {"numTotalItems": count} if asked.query.get("withCount") == "true" else {}
            return 200, {"models": listed, "numItemsPerPage": 30, "pageIndex": 0, **total}
        if asked.path == "/models":
            data = html.escape(json.dumps({"initialValues": {"models": listed, "numItemsPerPage": 30, "numTotalItems": count}}))
            return 200, Raw(f'<!doctype html><div data-target="ModelList" data-props="{data}"></div>'.encode())
        if asked.path == "/api/models-tags-by-type":
            return 200, {"library": [{"id": k, "label": v, "type": "library"} for k, v in self.libraries.items()]}
        return 404, {"error": "Not found"}
