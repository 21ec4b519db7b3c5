"""The API's own document (OpenAPI 3.1), made of the endpoints' declarations."""

from __future__ import annotations

from typing import Any

from scheduler.web.endpoints import ENDPOINTS, Endpoint
from scheduler.web.look import Look
from scheduler.web.problems import MEDIA
from scheduler.web.question import Answer

DATES = """Times are ISO 8601 in UTC; `2026`, `2026-11` and `2026-11-20` are understood too, and mean their end where they end something.
`as_of` gives the answer that would have been given then. Answers bear an `ETag`. Errors are problem details (RFC 9457)."""
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
    },
}
_TROUBLES = {
    "400": "The question cannot be read; the detail says what is wrong with it",
    "401": "A token is needed",
    "404": "There is no such thing",
    "414": "The address is too long",
    "421": "Asked under a name that is not ours",
    "429": "Too many wrong tokens",
    "431": "The head is too long",
    "503": "Too much at once, or not ready",
}


def document(look: Look) -> Answer:
    return look.json(openapi(look.setting.version))


def openapi(version: str) -> dict[str, Any]:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Uptake",
            "version": version or "0",
            "description": DATES,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"token": []}],
        "paths": {endpoint.path: {"get": _operation(endpoint)} for endpoint in ENDPOINTS},
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Problem": _PROBLEM},
            "responses": {
                status: {"description": words, "content": {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
                for status, words in _TROUBLES.items()
            },
        },
    }


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    path = [p.document() | {"in": "path", "required": True} for p in endpoint.path_parts]
    content = {media: {"schema": endpoint.schema} if media == "application/json" else {} for media in endpoint.gives}
    good = {"description": endpoint.summary, "headers": {"ETag": {"schema": {"type": "string"}}}, "content": content}
    troubles = {status: {"$ref": f"#/components/responses/{status}"} for status in _TROUBLES}
    return {
        "operationId": endpoint.name.replace(".", "_"),
        "summary": endpoint.summary,
        "parameters": path + [p.document() for p in endpoint.parameters],
        "responses": {"200": good, **troubles},
    }


__all__ = ["openapi"]
