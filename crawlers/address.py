"""Addresses with placeholders, as a user writes them for a counter: ``https://host.example/{name}?from={week_ago}``."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from crawlers.urls import path_of
from storage.model import UsageError

DATES = {
    "day": "first day of the period; of a level or window its day",
    "last_day": "last whole day: the period's last, or the day before {day}",
    "next_day": "the day after {last_day}",
    "week_ago": "seven days before {next_day}",
    "month_ago": "thirty days before {next_day}",
}
TEXTS = {
    "name": "the topic's name for this counter",
    "topic": "the topic's key",
    "start": "the period's start, in seconds since 1970",
    "end": "its end, likewise",
    "now": "when it is asked, as 2026-11-20T04:41:00Z",
}
_FORMAT = re.compile(r"(?:%[YmdjyGVBb]|[-./_ ])+")


@dataclass(frozen=True, slots=True)
class Template:
    """An address with placeholders. ``fields`` are their names."""

    text: str
    fields: frozenset[str]

    @classmethod
    def of(cls, text: str) -> Template:
        """Check an address. Raises `UsageError` with what is wrong with it."""
        try:
            parts = list(string.Formatter().parse(text))
        except ValueError as error:
            raise UsageError(f"the braces do not fit ({error}); a brace itself is written twice") from error
        for _, name, form, conversion in parts:
            if name is None:
                continue
            if conversion or name not in {*DATES, *TEXTS}:
                known = ", ".join(f"{{{n}}}" for n in [*TEXTS, *DATES])
                raise UsageError(f"unknown placeholder {{{name}}}; there are: {known}")
            if form and (name in TEXTS or not _FORMAT.fullmatch(form)):
                raise UsageError(f"{{{name}:{form}}}: only days are formatted, as {{day:%Y%m%d}}")
        _check_address(text)
        return cls(text, frozenset(name for _, name, _, _ in parts if name))

    @property
    def origin(self) -> str:
        parts = urlsplit(self.text)
        return f"{parts.scheme}://{parts.netloc}"

    def path(self, values: Mapping[str, object]) -> str:
        """Path and query with the placeholders filled in; texts are percent-encoded."""
        filled = {k: quote(v, safe="/@:") if isinstance(v, str) and k != "now" else v for k, v in values.items()}
        return path_of(self.origin + self.text[len(self.origin) :].format(**filled))


def _check_address(text: str) -> None:
    try:
        parts = urlsplit(text)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and not re.search(r"\s", text) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise UsageError(f"{text!r} is not an http(s) URL")
    if parts.username or parts.password:
        raise UsageError("a secret does not belong in this file; write the URL without user and password, and use headers_env")
    if "{" in parts.netloc:
        raise UsageError("the host must be written out: politeness is kept by host; write a section for each host")
    if parts.fragment:
        raise UsageError("what stands behind # is never sent; leave it out")
    if re.search(r"(?:^|&)(?:\w+[_-])?(?:api_?key|app_?key|access_?key|token|secret|password)=[^&]", parts.query, re.IGNORECASE):
        raise UsageError("a secret does not belong in this file; send it as a header by headers_env")


__all__ = ["DATES", "TEXTS", "Template"]
