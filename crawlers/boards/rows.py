"""Reading a posting's fields: what must be there, and what a single posting may lack."""

from __future__ import annotations

import re

from crawlers.payload import as_text, field, timestamp
from storage.model import ParseError

_STILL_MARKUP = re.compile(r"</(?:p|div|li|ul|ol|strong|b|em|i|span|h[1-6]|a|td)\s*>", re.IGNORECASE)


def plain_text(markup: str) -> str:
    """The text of a description. Some boards hand on markup that was escaped once more."""
    found = as_text(markup)
    return as_text(found) if _STILL_MARKUP.search(found) else found


def prose(row: object, *names: str) -> str:
    """The text of the first of these fields that is there. A posting may have none to tell, but not lack the fields."""
    for name in names:
        if isinstance(row, dict) and name in row:
            value = row[name]
            if value is None or isinstance(value, str):
                return plain_text(value or "")
            raise ParseError(f"{name} is {value!r} where text was expected")
    raise ParseError(f"the posting has no {' or '.join(names)}")


def words(row: object, name: str) -> str:
    """A posting's tags as one text; nothing where there are none."""
    value = row.get(name) if isinstance(row, dict) else None
    return " | ".join(map(str, value)) if isinstance(value, list) else value if isinstance(value, str) else ""


def identity(row: object, name: str = "id") -> str:
    value = field(row, name)
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise ParseError(f"{name} is {value!r}, which identifies nothing")
    return str(value)


def when(row: object, name: str) -> int | None:
    """The epoch second of an ISO 8601 time; None where the posting does not say."""
    return timestamp(row, name) if isinstance(row, dict) and row.get(name) is not None else None


__all__ = ["identity", "plain_text", "prose", "when", "words"]
