"""The official Google Trends API, against a model of what its testers' programs show."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from crawlers.search_interest import by_api, official
from crawlers.spiders.search.google_trends import GoogleTrends
from scheduler.demo.servers.google_trends import Course, FakeTrendsApi
from storage.model import ParseError, Topic, UsageError
from storage.periods import DAY, read_time
from tests.harness import Harness

NOW = read_time("2026-11-20T08:00:00Z")
WEEK_OF = read_time("2026-11-09")
SCALED = 'google_trends.search_interest{topic="%s",geo="%s"}'


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTrendsApi]:
    monkeypatch.setattr(by_api, "REST", 0.01)
    with FakeTrendsApi({"PyTorch": Course(3_000, 0.2), "JAX": Course(40, since=NOW - 300 * DAY)}, today=NOW) as fake:
        yield fake


def harness(folder: Path, fake: FakeTrendsApi, *terms: str, **options: object) -> Harness:
    topics = [Topic(t.lower(), t, {"search": t}) for t in terms]
    endpoints = {"api_url": fake.url, "token_url": f"{fake.url}/token"}
    chosen = {"way": "api", "token": fake.token, **options}
    return Harness(folder, GoogleTrends, base_url=fake.url, topics=topics, options=chosen, endpoints=endpoints)


def test_an_operation_is_looked_at_until_it_is_done(api: FakeTrendsApi, tmp_path: Path) -> None:
    h = harness(tmp_path, api, "PyTorch", "JAX", geos=["", "US"])
    h.collect(NOW)
    values = h.values()
    assert set(values) == {SCALED % (t, g) for t in ("pytorch", "jax") for g in ("world", "us")}
    for (term, key), geo in [(("PyTorch", "pytorch"), "us"), (("JAX", "jax"), "world")]:
        found = values[SCALED % (key, geo)]
        assert found == {w: api.value(term, w - DAY) for w in found}
        assert max(found) == WEEK_OF
        assert 0 not in found.values()
    assert len(values[SCALED % ("pytorch", "us")]) > 250 > 60 > len(values[SCALED % ("jax", "us")])
    assert [spec.get("geo") for spec in api.operations.values()].count({"type": "GEO_TYPE_COUNTRY_OR_REGION", "code": "US"}) == 2
    assert set(api.seen.values()) == {2}
    assert set(h.outcomes().values()) == {"measured"}


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        ({"code": 8, "message": "quota"}, "missing(throttled)"),
        ({"code": 7, "message": "not in the alpha"}, "missing(blocked)"),
        ({"code": 13, "message": "internal"}, "missing(unreachable)"),
        ({"code": 3, "message": "invalid"}, "missing(parse_error)"),
    ],
)
def test_an_operation_that_fails_has_its_outcome(api: FakeTrendsApi, tmp_path: Path, error: dict[str, Any], outcome: str) -> None:
    api.error = error
    h = harness(tmp_path, api, "PyTorch")
    h.collect(NOW)
    assert set(h.outcomes().values()) == {outcome}
    assert error["message"] in h.ends()[0].detail


def test_one_that_is_never_done_is_given_up(api: FakeTrendsApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_api, "LOOKS", 4)
    api.looks = 99
    h = harness(tmp_path, api, "PyTorch")
    h.collect(NOW)
    assert set(h.outcomes().values()) == {"missing(unreachable)"}
    assert set(api.seen.values()) == {4}


def with_points(answer: dict[str, Any], points: list[Any]) -> dict[str, Any]:
    return {**answer, "response": {"timeSeries": {"points": points}}}


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"edit": lambda a: {**a, "response": {}}}, "missing(parse_error)"),
        (
            {"edit": lambda a: {**a, "response": {"timeSeries": {"points": a["response"]["timeSeries"]["points"] * 2}}}},
            "missing(parse_error)",
        ),
        ({"edit": lambda a: {**a, "response": {"timeSeries": {"points": []}}}}, "missing(not_found)"),
        ({"body": b"<html>"}, "missing(parse_error)"),
        ({"status": 403, "body": b"{}"}, "missing(blocked)"),
        ({"status": 429, "body": b"{}", "headers": {"Retry-After": "9999"}}, "missing(throttled)"),
    ],
)
def test_what_goes_wrong_gives_no_number(api: FakeTrendsApi, tmp_path: Path, fault: dict[str, Any], outcome: str) -> None:
    api.looks = 1
    api.fail(lambda a: "/operations/" in a.path, **fault)
    h = harness(tmp_path, api, "PyTorch")
    h.collect(NOW)
    assert set(h.outcomes().values()) == {outcome}
    assert not h.values()


def test_without_access_it_says_what_it_needs(api: FakeTrendsApi, tmp_path: Path) -> None:
    h = harness(tmp_path, api, "PyTorch", token="")
    h.collect(NOW)
    assert set(h.outcomes().values()) == {"missing(blocked)"}
    assert "UPTAKE_GOOGLE_TRENDS_CREDENTIALS" in h.ends()[0].detail


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def account(key: rsa.RSAPrivateKey) -> str:
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    return json.dumps({"type": "service_account", "client_email": "a@b.example", "private_key": pem, "project_id": "my-project"})


def test_a_service_account_signs_for_a_token_and_nothing_secret_is_kept(api: FakeTrendsApi, tmp_path: Path, key: rsa.RSAPrivateKey) -> None:
    h = harness(tmp_path, api, "PyTorch", token="", credentials=account(key))
    h.collect(NOW)
    assert set(h.outcomes().values()) == {"measured"}
    form = next(a.body for a in api.log if a.path == "/token").decode()
    head, claims, signature = form.rpartition("assertion=")[2].split(".")
    key.public_key().verify(_bytes(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
    said = json.loads(_bytes(claims))
    assert (said["iss"], said["scope"], said["aud"]) == ("a@b.example", official.SCOPE, f"{api.url}/token")
    assert said["exp"] - said["iat"] == 3600
    assert {a.headers.get("X-Goog-User-Project") for a in api.log if a.path.startswith("/v1alpha")} == {"my-project"}
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    kept = [gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data for data in kept]
    assert not [data for data in kept if api.token.encode() in data or b"PRIVATE KEY" in data or signature.encode() in data]


def _bytes(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def test_a_user_s_authorization_is_refreshed(api: FakeTrendsApi, tmp_path: Path) -> None:
    user = {"type": "authorized_user", "client_id": "me", "client_secret": "hush-hush", "refresh_token": "again-and-again"}
    h = harness(tmp_path, api, "PyTorch", token="", credentials=json.dumps(user))
    h.collect(NOW)
    assert set(h.outcomes().values()) == {"measured"}
    assert b"grant_type=refresh_token" in next(a.body for a in api.log if a.path == "/token")


@pytest.mark.parametrize(
    "said", ["", "{}", "[]", '{"type": "service_account", "client_email": "x"}', '{"type": "other"}', "not json: s3cret"]
)
def test_credentials_that_are_none_are_refused_without_being_shown(said: str) -> None:
    with pytest.raises(UsageError) as error:
        official.read_credentials(said)
    assert "s3cret" not in str(error.value)


def test_an_operation_s_name_goes_nowhere_else() -> None:
    assert official.operation_path({"name": "operations/op-1"}) == "/v1alpha/operations/op-1"
    for wrong in ({"name": "operations/"}, {"name": "a?b=c"}, {"name": None}, {}):
        with pytest.raises(ParseError):
            official.operation_path(wrong)
