"""The API, to read: made of the same declarations as its OpenAPI document."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from scheduler.web.api.document import DATES
from scheduler.web.endpoints import ENDPOINTS, Endpoint
from scheduler.web.look import Look
from scheduler.web.pages.render import page as rendered
from scheduler.web.question import Answer


def page(look: Look) -> Answer:
    listed = [(e, _example(look, e), [(p, _kind(p.schema())) for p in (*e.path_parts, *e.parameters)]) for e in ENDPOINTS]
    return rendered(look, "api.html.j2", title="The API", endpoints=listed, dates=DATES)


def _kind(schema: dict[str, Any]) -> str:
    if schema["type"] == "array":
        return f"{_kind(schema['items'])}; may be given again"
    if "enum" in schema:
        return " or ".join(schema["enum"])
    if schema["type"] == "integer":
        return f"{schema['minimum']:,} to {schema['maximum']:,}"
    return "time" if "T" in str(schema.get("pattern")) and "20" in str(schema.get("pattern")) else "text"


def _example(look: Look, endpoint: Endpoint) -> str:
    """An address that answers here."""
    basket = next(iter(look.setting.baskets.values()), None)
    topic = basket.topics[0] if basket else "pytorch"
    own = {"key": topic, "basket": basket.key if basket else "deep-learning", "metric": "github.stars"}
    path = endpoint.path
    for part in endpoint.path_parts:
        path = path.replace(f"{{{part.name}}}", quote(own[part.name]))
    query = {}
    if endpoint.name in {"points", "trace"}:
        query["series"] = f'github.stars{{topic="{topic}"}}'
    if endpoint.name == "points":
        query["limit"] = "5"
    return path + (f"?{urlencode(query)}" if query else "")


__all__ = ["page"]
