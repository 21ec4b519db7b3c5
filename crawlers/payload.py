"""Reading response bodies: small pure helpers that raise `ParseError` rather than guess."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from storage.model import ParseError
from storage.periods import epoch

_BREAKS = re.compile(r"<\s*/?\s*(?:p|br|pre|li|ul|ol|div|tr|td|h[1-6])\b[^>]*>", re.IGNORECASE)
_TAGS = re.compile(r"<[a-z/!][^>]*>", re.IGNORECASE)


def as_text(markup: str) -> str:
    """The text of markup, one paragraph a line. Tags go before entities, so that an escaped ``&lt;b&gt;`` stays."""
    return html.unescape(_TAGS.sub("", _BREAKS.sub("\n", markup))).strip()


def read_json(body: bytes) -> Any:
    """The JSON in a body. Raises `ParseError` saying what was there instead."""
    if not body.strip():
        raise ParseError("the body is empty where JSON was expected")
    try:
        return json.loads(body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ParseError(f"the body is not UTF-8 (byte {error.start})") from error
    except (json.JSONDecodeError, RecursionError) as error:
        if body.lstrip()[:1] == b"<":
            raise ParseError("HTML where JSON was expected") from error
        raise ParseError(f"broken JSON: {error}") from error


def field(payload: Any, *path: str | int) -> Any:
    """What stands at a path of keys and places. Raises `ParseError` naming the first part that is not there."""
    value = payload
    for step, key in enumerate(path):
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError) as error:
            raise ParseError(f"the answer has no {'.'.join(map(str, path[: step + 1]))}") from error
    return value


def number(payload: Any, *path: str | int) -> float:
    """The count at a path: a JSON number, not negative. Null, text and booleans are `ParseError`."""
    value = field(payload, *path)
    name = ".".join(map(str, path)) or "the value"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ParseError(f"{name} is {value!r} where a number was expected")
    if not 0 <= value < 1e15:
        raise ParseError(f"{name} is {value!r}, which is not a count")
    return float(value)


def text(payload: Any, *path: str | int) -> str:
    value = field(payload, *path)
    if not isinstance(value, str):
        raise ParseError(f"{'.'.join(map(str, path))} is {value!r} where text was expected")
    return value


def listing(payload: Any, *path: str | int) -> Sequence[Any]:
    value = field(payload, *path)
    if not isinstance(value, list):
        raise ParseError(f"{'.'.join(map(str, path)) or 'the answer'} is not a list")
    return value


def mapping(payload: Any, *path: str | int) -> Mapping[str, Any]:
    value = field(payload, *path)
    if not isinstance(value, dict):
        raise ParseError(f"{'.'.join(map(str, path)) or 'the answer'} is not an object")
    return value


def timestamp(payload: Any, *path: str | int) -> int:
    """The epoch second of an ISO 8601 time at a path."""
    value = text(payload, *path)
    try:
        return epoch(datetime.fromisoformat(value))
    except ValueError as error:
        raise ParseError(f"{'.'.join(map(str, path))} is {value!r} where a time was expected") from error
