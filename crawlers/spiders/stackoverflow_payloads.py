"""What the Stack Exchange API's answers and a topic's tags say: pure functions, and how its addresses are put together."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import quote

from crawlers.payload import listing, number, text
from storage.model import Topic, UsageError

BATCH = 100  # tags in one request
T = TypeVar("T")


def tags_of(topic: Topic) -> tuple[str, ...]:
    """A topic's tags: one, or a list of which a question must bear at least one. Raises `UsageError`."""
    value = topic.names.get("stackoverflow")
    tags = [value] if isinstance(value, str) else value
    if not isinstance(tags, list | tuple) or not tags or len(tags) > BATCH:
        raise UsageError(f'topics.{topic.key}.stackoverflow is {value!r}; write a tag like "c++" or a list of tags')
    for tag in tags:
        if not isinstance(tag, str) or not re.fullmatch(r"[^\s;,/\[\]]+", tag):
            raise UsageError(f'topics.{topic.key}.stackoverflow holds {tag!r}; a tag is one word with hyphens, like "machine-learning"')
    return tuple(dict.fromkeys(tag.lower() for tag in tags))


def tag_totals(payload: Any) -> dict[str, float]:
    """Questions by tag, as the answer to ``/tags/{tags}/info`` names them."""
    return {text(item, "name").lower(): number(item, "count") for item in listing(payload, "items")}


def error_of(body: bytes) -> tuple[str, str] | None:
    """Name and message of an error object, which comes with status 400 or 502; None if the body is none."""
    if b"error_id" not in body:
        return None
    try:
        payload = json.loads(body)
    except ValueError:
        return None
    if not isinstance(payload, dict) or "error_id" not in payload:
        return None
    return str(payload.get("error_name", payload["error_id"])), str(payload.get("error_message", ""))


def unknown(tags: Sequence[str], others: Sequence[str]) -> str:
    said = f"Stack Overflow has no tag {' or '.join(tags)}"
    return f"{said}; it answered with {', '.join(others)}, of which this may be a synonym: write that tag" if others else said


def questions_path(tags: Sequence[str]) -> str:
    """``/questions?tagged=a;b`` means both; ``/search/advanced`` means at least one, and so counts a union."""
    return "/2.3/search/advanced" if len(tags) > 1 else "/2.3/questions"


def info_path(tags: Sequence[str]) -> str:
    return f"/2.3/tags/{';'.join(quote(tag, safe='') for tag in tags)}/info"


def batched(groups: Sequence[tuple[T, Sequence[str]]]) -> list[list[tuple[T, Sequence[str]]]]:
    """Groups put together while their tags are at most a batch."""
    batches: list[list[tuple[T, Sequence[str]]]] = []
    room = 0
    for group in groups:
        if len(group[1]) > room:
            batches.append([])
            room = BATCH
        batches[-1].append(group)
        room -= len(group[1])
    return batches
