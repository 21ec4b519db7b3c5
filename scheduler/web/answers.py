"""Which question is answered by what. What a question does not need is not imported for it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Self

from scheduler.web.look import Look
from scheduler.web.problems import Problem
from scheduler.web.question import Answer, Question, Setting
from storage.journal import Journal, exists
from storage.model import UptakeError

_HERE = "scheduler.web"
_PLACES = {  # the first part of a question's name, or all of it -> module; the function bears the rest of the name
    "topics": "api.lists:topics",
    "topic": "api.lists:topic",
    "baskets": "api.lists:baskets",
    "sources": "api.lists:sources",
    "series": "api.lists:series",
    "points": "api.points:points",
    "summary": "api.readings:summary",
    "coverage": "api.readings:coverage",
    "trace": "api.readings:trace",
    "digests": "api.readings:digests",
    "chart.svg": "api.pictures:svg",
    "chart.png": "api.pictures:png",
    "openapi": "api.document:document",
    "page.home": "pages.home:page",
    "page.basket": "pages.basket:page",
    "page.topic": "pages.topic:page",
    "page.series": "pages.series:page",
    "page.number": "pages.number:page",
    "page.coverage": "pages.coverage:page",
    "page.sources": "pages.sources:page",
    "page.digests": "pages.digests:page",
    "page.digest": "pages.digests:one",
    "page.conferences": "pages.conferences:page",
    "page.api": "pages.documents:page",
    "static.vega": "static:vega",
    "static.style": "static:style",
    "static.script": "static:script",
    "static.icon": "static:icon",
}
Handler = Callable[[Look], Answer]


def handler(name: str) -> Handler:
    module, _, function = _PLACES[name].partition(":")
    found: Handler = getattr(importlib.import_module(f"{_HERE}.{module}"), function)
    return found


class Clerkship:
    """Answers questions about one store."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._journal: Journal | None = None
        self._memo: dict[object, object] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._journal is not None:
            self._journal.close()

    def answer(self, question: Question) -> Answer:
        """Raises `Problem`."""
        if question.name.startswith(("static.", "openapi", "page.api")):
            return handler(question.name)(Look(self._setting, None, question))
        try:
            with self._open().read() as connection:
                return handler(question.name)(Look(self._setting, connection, question, self._memo))
        except UptakeError as error:
            raise Problem(503, str(error)) from error

    def _open(self) -> Journal:
        if self._journal is None:
            if not exists(self._setting.store, self._setting.store_url):
                raise Problem(503, "nothing is measured yet; `uptake quickstart` or `uptake run` begins")
            self._journal = Journal.open(self._setting.store, self._setting.store_url)
        return self._journal


__all__ = ["Clerkship", "handler"]
