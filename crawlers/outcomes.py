"""From trouble to outcome: which reason a response or an exception stands for (design, section 8)."""

from __future__ import annotations

from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    IgnoreRequest,
    ResponseDataLossError,
    UnsupportedURLSchemeError,
)
from scrapy.http import Response

from storage.model import Reason

NETWORK_DOWN = (CannotResolveHostError, DownloadConnectionRefusedError)
MAY_PASS = (*NETWORK_DOWN, DownloadTimeoutError, DownloadFailedError, ResponseDataLossError)  # worth another try


class Refused(IgnoreRequest):
    """Our own no to a request: robots.txt, the budget, a stopped source."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def outcome_of(what: Response | BaseException) -> tuple[Reason, str] | None:
    """The reason and a sentence; None for a response that may be read (status 2xx)."""
    return _of_response(what) if isinstance(what, Response) else _of_error(what)


def _of_response(response: Response) -> tuple[Reason, str] | None:
    status = response.status
    if 200 <= status < 300:
        return None
    if status in {401, 403, 999, 451} or 300 <= status < 400:
        return Reason.BLOCKED, f"status {status}"
    if status in {404, 410}:
        return Reason.NOT_FOUND, f"status {status}"
    if status == 429:
        return Reason.THROTTLED, "status 429"
    if status >= 500:
        return Reason.UNREACHABLE, f"status {status}"
    return Reason.PARSE_ERROR, f"status {status}: the request was not understood"


def _of_error(error: BaseException) -> tuple[Reason, str]:
    if isinstance(error, Refused):
        return error.reason, error.detail
    if isinstance(error, DownloadCancelledError):
        return Reason.TOO_LARGE, "the response is larger than the limit"
    if isinstance(error, ResponseDataLossError):
        return Reason.TRUNCATED, "the response was cut off"
    if isinstance(error, CannotResolveHostError):
        return Reason.UNREACHABLE, "the host's name cannot be resolved"
    if isinstance(error, DownloadConnectionRefusedError):
        return Reason.UNREACHABLE, "the connection was refused"
    if isinstance(error, DownloadTimeoutError):
        return Reason.UNREACHABLE, "no answer in time"
    if isinstance(error, DownloadFailedError):
        return Reason.UNREACHABLE, f"the connection failed: {error}"
    if isinstance(error, UnsupportedURLSchemeError):
        return Reason.UNREACHABLE, f"not a URL that can be fetched: {error}"
    return Reason.PARSE_ERROR, f"{type(error).__name__}: {error}"
