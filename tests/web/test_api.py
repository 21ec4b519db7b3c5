"""The API: what it answers, in which forms, page by page, and as of a moment; and what schemathesis finds against its own document."""

from __future__ import annotations

import csv
import gzip
import io
from urllib.parse import quote, urlencode

import hypothesis
import pyarrow.parquet as pq
import pytest
import schemathesis

from scheduler.web.api.document import openapi
from scheduler.web.parameters import TIME
from tests.web.site import REVISED, Site

API = "/api/v1"
ALPHA = 'github.stars{topic="alpha"}'


def ask(path: str, **query: object) -> str:
    return f"{API}/{path}?{urlencode({k.rstrip('_'): v for k, v in query.items()}, doseq=True)}"


def test_points_come_page_by_page_and_no_one_twice(site: Site) -> None:
    whole = site.get(ask("points", metric="github.stars", limit=100_000)).json
    found, cursor = [], None
    while True:
        page = site.get(ask("points", metric="github.stars", limit=37, **({"cursor": cursor} if cursor else {}))).json
        assert len(page["points"]) <= 37
        assert page["sequence"] == whole["sequence"]
        found += page["points"]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == whole["points"]
    assert len(found) > 200


def test_csv_and_parquet_hold_the_same_figures_and_name_their_next_page(site: Site) -> None:
    rows = site.get(ask("points", series=ALPHA, limit=10)).json["points"]
    text = site.get(ask("points", series=ALPHA, limit=10, format="csv"))
    table = pq.read_table(io.BytesIO(site.get(ask("points", series=ALPHA, limit=10, format="parquet")).body))
    assert [float(r["value"]) for r in csv.DictReader(io.StringIO(text.text))] == [r["value"] for r in rows]
    assert table["value"].to_pylist() == [r["value"] for r in rows]
    following = text.headers["link"].partition(">")[0].removeprefix("<")
    second = list(csv.DictReader(io.StringIO(site.get(following).text)))
    assert second[0]["time"] > rows[-1]["time"]


def test_a_revised_figure_is_what_it_was_as_of_then(site: Site) -> None:
    wanted = {"series": ALPHA, "from_": "2026-11-13", "to": "2026-11-13"}
    assert [p["value"] for p in site.get(ask("points", **wanted)).json["points"]] == [REVISED]
    assert [p["value"] for p in site.get(ask("points", **wanted, as_of="2026-11-20T08:17:01Z")).json["points"]] == [3456]
    assert site.get(ask("points", **wanted, as_of="2026-11-19")).json["points"] == []


def test_a_trace_gives_the_whole_response(site: Site) -> None:
    found = site.get(ask("trace", series=ALPHA)).json
    assert found["value"] == 3597
    assert '"stargazers_count": 3597' in found["pages"][0]["body"]


def test_series_come_page_by_page(site: Site) -> None:
    names, cursor = [], None
    while True:
        page = site.get(ask("series", limit=5, **({"cursor": cursor} if cursor else {}))).json
        names += [s["name"] for s in page["series"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(names) == len(set(names))
    assert ALPHA in names
    assert names == [s["name"] for s in site.get(ask("series", limit=1000)).json["series"]]


def test_pictures_are_pictures_and_differ_by_theme(site: Site) -> None:
    light = site.get(f"{API}/charts/toys/github.stars.svg")
    dark = site.get(f"{API}/charts/toys/github.stars.svg?theme=dark")
    png = site.get(f"{API}/charts/toys/github.stars.png?width=400&scale=log")
    assert light.text.startswith("<svg")
    assert light.headers["cross-origin-resource-policy"] == "cross-origin"
    assert light.body != dark.body
    assert png.body.startswith(b"\x89PNG")
    assert "<script" not in light.text


def test_what_it_gives_can_be_taken_compressed_or_not(site: Site) -> None:
    path = ask("points", metric="github.stars", limit=100_000)
    plain, packed = site.get(path), site.get(path, accept_encoding="br, gzip;q=0.8")
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert site.get(path, accept_encoding="gzip;q=0").body == plain.body
    assert packed.headers["etag"] == plain.headers["etag"]
    assert site.get(path, if_none_match=f'"other", W/{plain.headers["etag"]}').status == 304


def test_lists_say_what_there_is(site: Site) -> None:
    assert [t["key"] for t in site.get(f"{API}/topics").json["topics"]] == ["alpha", "beta", "evil"]
    assert [b["key"] for b in site.get(f"{API}/baskets").json["baskets"]] == ["toys", "odd"]
    sources = {s["name"]: s for s in site.get(f"{API}/sources").json["sources"]}
    assert sources["github"]["requests_left"] == 42
    assert ALPHA in [s["name"] for s in site.get(f"{API}/topics/alpha").json["series"]]
    assert site.get(ask("summary", basket="toys")).json["baskets"][0]["basket"] == "toys"
    assert site.get(ask("coverage", weeks=2)).json["calendar"]["sources"]
    assert site.get(f"{API}/digests").json["digests"] == []


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("points?serie=x", 400, "there is no parameter 'serie'"),
        ("points?limit=0", 400, "limit must be a whole number"),
        ("points?limit=1e3", 400, "limit must be a whole number"),
        ("points?cursor=abc", 400, "cursor must be"),
        ("points?from=2026-13-01", 400, "from must be a time"),
        ("points?from=2026-02-31", 400, "from must be a time"),
        ("points?from=2026-02-01&to=2026-01-01", 400, "from must be before to"),
        ("points?limit=5&limit=6", 400, "once only"),
        ("points?" + "&".join(f"topic=t{n}" for n in range(400)), 400, "at most 60"),
        ("points?series=" + quote('github.stars{topic="x'), 404, "is not a series name"),
        ("trace", 400, "series is missing"),
        ("trace?series=" + quote('github.stars{topic="nobody"}'), 404, "there is no series"),
        ("charts/none/github.stars.svg", 404, "there is no basket"),
        ("charts/toys/github.stars.svg?width=99999", 400, "width must be"),
        ("topics/UP%2F..%2F", 404, "there is nothing here"),
        ("nothing", 404, "there is nothing here"),
    ],
)
def test_errors_are_problem_details_in_one_sentence(site: Site, path: str, status: int, words: str) -> None:
    answer = site.get(f"{API}/{path}")
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.json["detail"]
    assert answer.json["status"] == status
    assert answer.json["instance"].startswith(API)
    assert len(answer.body) < 1000


def test_nothing_can_be_changed(site: Site) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = site.get(f"{API}/topics", method)
        assert answer.status == 405
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["allow"]


def test_ten_thousand_topics_in_one_request_are_refused_shortly(site: Site) -> None:
    answer = site.get(f"{API}/points?" + "&".join(f"topic=t{n}" for n in range(10_000)))
    assert answer.status in {400, 414}
    assert len(answer.body) < 500


def test_the_document_names_every_parameter_and_its_times_are_those_that_are_read(site: Site) -> None:
    document = site.get(f"{API}/openapi.json").json
    assert document["openapi"].startswith("3.1")
    assert document["paths"] == openapi("0")["paths"]
    assert {"/api/v1/points", "/api/v1/trace", "/api/v1/charts/{basket}/{metric}.svg"} <= set(document["paths"])
    times = [
        p["schema"]["pattern"]
        for path in document["paths"].values()
        for p in path["get"]["parameters"]
        if p["name"] in {"from", "to", "as_of", "until", "time", "base"}
    ]
    assert times
    assert set(times) == {TIME}


schema = schemathesis.openapi.from_dict(openapi("0"))


@schema.parametrize()
@hypothesis.settings(max_examples=15, deadline=None, suppress_health_check=list(hypothesis.HealthCheck), derandomize=True, database=None)
def test_schemathesis_finds_nothing(case: schemathesis.Case, site: Site) -> None:
    response = case.call(base_url=site.url)
    if response.status_code == 414 or (response.status_code == 400 and "from must be before to" in response.text):
        return  # what parameters mean together, and how long an address is with them, is no part of a schema
    case.validate_response(response)
