"""What is said of a request that cannot be answered: problem details (RFC 9457) for programs, a short page for people."""

from __future__ import annotations

import json
from http import HTTPStatus

MEDIA = "application/problem+json"


class Problem(Exception):  # noqa: N818  # it is one, by its RFC's name
    """A request that gets no answer, with its status, one sentence, and what the answer's head must bear."""

    def __init__(self, status: int, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    @property
    def title(self) -> str:
        return HTTPStatus(self.status).phrase

    def document(self, instance: str) -> bytes:
        """The body for a program. ``instance`` is the path that was asked for."""
        told = {"type": "about:blank", "title": self.title, "status": self.status, "detail": self.detail, "instance": instance}
        return json.dumps(told, ensure_ascii=False).encode()


__all__ = ["MEDIA", "Problem"]
