"""GitHub's refusals: is it a limit, a wall or one closed repository, and how long to wait. Pure functions.

Limits as documented for the REST API and for GraphQL (https://docs.github.com, "Rate limits"), November 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from crawlers.payload import read_json, text
from crawlers.spiders.github_payloads import message, read_answer
from storage.model import ParseError
from storage.periods import epoch

_SECONDARY = "secondary rate limit"


def limit_fault(body: bytes) -> Mapping[str, Any] | None:
    """The answer, if it is a GraphQL answer on HTTP 200 that says the rate limit is reached."""
    if b"RATE_LIMIT" not in body and _SECONDARY.encode() not in body.lower():
        return None
    try:
        payload = read_json(body)
        answer = read_answer(body)
    except ParseError:
        return payload if _SECONDARY in message(body).lower() else None
    hit = any(f.type in {"RATE_LIMITED", "RATE_LIMIT"} or _SECONDARY in f.message.lower() for f in answer.faults)
    return payload if hit else None


def seconds_to_wait(
    status: int, headers: Mapping[str, str], body: bytes, retry_after: Callable[[float], float | None], *, graphql: bool
) -> float | None:
    """Seconds that GitHub asks to wait, None if it does not.

    Retry-After first (secondary limits), then x-ratelimit-reset where nothing remains, else a minute where the
    body speaks of a secondary limit (docs.github.com, "Rate limits for the REST API"). The reset is compared
    with the answer's own Date: our clock may be wrong. ``headers`` have names in lower case.
    """
    fault = limit_fault(body) if graphql and status == 200 else None
    if (status not in {403, 429} and fault is None) or closed(status, body) or too_large(body):
        return None
    date = _date(headers.get("date", ""))
    asked = retry_after(date if date is not None else 0.0) if date is not None or headers.get("retry-after", "").isdigit() else None
    if asked is not None:
        return asked
    reset = headers.get("x-ratelimit-reset", "") if headers.get("x-ratelimit-remaining") == "0" else ""
    if not reset.isdigit() and fault is not None:
        reset = _reset_of(fault)
    if reset.isdigit() and date is not None:
        return max(1.0, int(reset) - date)
    return 60.0 if fault is not None or _SECONDARY in message(body).lower() else None


def limited(status: int, headers: Mapping[str, str], body: bytes, *, graphql: bool) -> bool:
    """Whether a refusal is a rate limit and no wall."""
    if closed(status, body) or too_large(body):
        return False
    if status not in {403, 429}:
        return graphql and status == 200 and limit_fault(body) is not None
    said = message(body).lower()
    return status == 429 or "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0" or "rate limit" in said


def _date(header: str) -> float | None:
    try:
        return parsedate_to_datetime(header).timestamp()
    except ValueError:
        return None


def _reset_of(payload: Mapping[str, Any]) -> str:
    try:
        return str(epoch(datetime.fromisoformat(text(payload, "data", "rateLimit", "resetAt"))))
    except (ParseError, ValueError):
        return ""


def closed(status: int, body: bytes) -> str:
    """Why one repository is closed to everybody (law, terms of service), while GitHub itself is open; or nothing."""
    if status == 451 or (status == 403 and "access blocked" in message(body).lower()):
        return f"GitHub has closed this repository (status {status}): {message(body) or 'no reason given'}"
    return ""


def too_large(body: bytes) -> bool:
    """Whether a 403 says that a list is too large to be served (contributors of the largest histories)."""
    return b"too large" in body and "too large to list" in message(body).lower()


def overrun(status: int) -> bool:
    """Whether GitHub gave up on a query (502 and 504 after ten seconds), rather than answered."""
    return status >= 500 or status == 408
