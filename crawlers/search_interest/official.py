"""The official Google Trends API (alpha): what is asked, how access is had, what it answers. Pure functions.

https://developers.google.com/search/apis/trends. By application only. One request starts an operation, which is looked at
until it is done. It covers the last 1,800 days up to two days ago; its ``searchInterest`` is on one scale for all requests.
The shapes are those that its testers' programs show; nothing of it could be tried here.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from crawlers.payload import listing, mapping, number, text, timestamp
from crawlers.search_interest.metrics import week_of
from storage.model import ParseError, Reason, UsageError
from storage.periods import DAY

SCOPE = "https://www.googleapis.com/auth/searchtrends"
START = "/v1alpha:fetchTimeSeries"
REACH = 1_790 * DAY  # a little less than it covers
BEHIND = 2 * DAY  # so far its data are behind
_REASONS = {  # google.rpc.Code
    4: Reason.UNREACHABLE,
    5: Reason.NOT_FOUND,
    7: Reason.BLOCKED,
    8: Reason.THROTTLED,
    13: Reason.UNREACHABLE,
    14: Reason.UNREACHABLE,
    16: Reason.BLOCKED,
}


def request_for(term: str, geo: str, now: int) -> dict[str, Any]:
    """The body that asks for a term's weeks. The world is asked for by leaving the place out."""
    spec: dict[str, Any] = {
        "expression": {"terms": [{"value": term, "type": "BROAD"}]},
        "timeRange": {"startTime": {"seconds": now - now % DAY - REACH}, "endTime": {"seconds": now - now % DAY - BEHIND}},
        "timeResolution": "WEEK",
    }
    if geo:
        kind = "GEO_TYPE_ADMINISTRATIVE_AREA1" if "-" in geo else "GEO_TYPE_COUNTRY_OR_REGION"
        spec["geo"] = {"type": kind, "code": geo}
    return {"spec": spec}


def operation_path(payload: Any) -> str:
    """Where the operation that was started is looked at."""
    name = text(payload, "name").rpartition("/")[2]
    if not re.fullmatch(r"[\w.~-]+", name, re.ASCII):
        raise ParseError(f"the operation's name is {name!r}")
    return f"/v1alpha/operations/{name}"


def failure_of(payload: Any) -> tuple[Reason, str] | None:
    """Why an operation that is done failed; None if it did not."""
    error = mapping(payload).get("error")
    if not isinstance(error, dict):
        return None
    code = error.get("code")
    said = " ".join(str(error.get("message", "")).split())[:200]
    return _REASONS.get(code if isinstance(code, int) else 0, Reason.PARSE_ERROR), f"the operation failed (code {code}): {said}"


def parse_points(payload: Any) -> dict[int, float]:
    """Interest by week, from the operation that is done. Weeks without any, and the one that is not over, are left out."""
    found: dict[int, float] = {}
    for point in listing(payload, "response", "timeSeries", "points"):
        week = week_of(_start(point))
        if week in found:
            raise ParseError("the answer gives a week twice, or other periods than weeks")
        value = number(point, "searchInterest")
        if value > 0 and mapping(point).get("isPartial") not in {True, "true"}:
            found[week] = value
    return found


def _start(point: Any) -> int:
    said = mapping(point, "timeRange").get("startTime")
    if isinstance(said, dict):
        seconds = said.get("seconds")
        if isinstance(seconds, int | str) and str(seconds).isdecimal():
            return int(seconds)
    return timestamp(point, "timeRange", "startTime")


# Access


def read_credentials(said: str) -> Mapping[str, str]:
    """A service account's key, or a user's, as Google's JSON files hold them. Raises `UsageError`, which shows none of it."""
    wanted = {"service_account": ("client_email", "private_key"), "authorized_user": ("client_id", "client_secret", "refresh_token")}
    try:
        found = json.loads(said)
    except ValueError:
        found = None
    kind = found.get("type") if isinstance(found, dict) else None
    needed = wanted.get(str(kind))
    if not isinstance(found, dict) or needed is None or any(not isinstance(found.get(k), str) for k in needed):
        raise UsageError(
            "[sources.google_trends] credentials: this is not the JSON of a service account or of an authorized user;"
            " set UPTAKE_GOOGLE_TRENDS_CREDENTIALS to the file's text, or name the file with credentials_file"
        )
    return {k: v for k, v in found.items() if isinstance(v, str)}


def grant(credentials: Mapping[str, str], token_url: str, now: int) -> dict[str, str]:
    """The form that gets an access token: RFC 7523 for a service account, a refresh token for a user."""
    if credentials["type"] == "authorized_user":
        return {"grant_type": "refresh_token", **{k: credentials[k] for k in ("client_id", "client_secret", "refresh_token")}}
    claims = {"iss": credentials["client_email"], "scope": SCOPE, "aud": token_url, "iat": now, "exp": now + 3600}
    return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": _signed(claims, credentials["private_key"])}


def _signed(claims: Mapping[str, object], key: str) -> str:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    try:
        private = serialization.load_pem_private_key(key.encode(), None)
    except (ValueError, TypeError) as error:
        raise UsageError("[sources.google_trends] credentials: the private key in it cannot be read") from error
    if not isinstance(private, rsa.RSAPrivateKey):
        raise UsageError("[sources.google_trends] credentials: the private key in it is not RSA")
    parts = [_base64(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT"}, claims)]
    signature = private.sign(".".join(parts).encode(), padding.PKCS1v15(), hashes.SHA256())
    return ".".join([*parts, _base64(signature)])


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
