"""A digest by webhook: one JSON document by POST. The body has ``text``, which chat programs show as it is."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

from trends.handing import Answer, Before, Told, Unreachable

TIMEOUT = 30.0  # seconds
_LATER = {408, 425, 429}


def post(url: str, document: Mapping[str, object], key: str, before: Before, *, version: str, timeout: float = TIMEOUT) -> Told:
    """Hand a document over. ``key`` tells the receiver two copies apart from two documents. Raises `Unreachable`.

    The address is never told: it may hold a secret. A redirect is not followed.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = connect(host, parts.port, timeout=timeout)
    body = json.dumps(document, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": key, "User-Agent": f"uptake/{version}"}
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        try:
            connection.connect()
        except OSError as error:
            raise Unreachable(f"the webhook at {host} cannot be reached: {_reason(error)}") from None
        if not before():
            return Told(Answer.TAKEN, "another process is sending it")
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            answer.read(1000)
        except (OSError, http.client.HTTPException) as error:
            words = f"the webhook at {host} got it and did not answer ({_reason(error)}); it may have arrived"
            return Told(Answer.UNCERTAIN, words)
    finally:
        connection.close()
    return _told(host, answer.status, answer.reason)


def _told(host: str, status: int, reason: str) -> Told:
    words = f"the webhook at {host} said {status} {reason}".rstrip()
    if 200 <= status < 300:
        return Told(Answer.SENT, words)
    return Told(Answer.LATER if status >= 500 or status in _LATER else Answer.REFUSED, words)


def _reason(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate cannot be trusted ({error.verify_message})"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
