"""Hugging Face: models of a library and in all, against a model of the Hub."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crawlers.spiders.papers.huggingface import HuggingFace, embedded
from scheduler.demo.servers.service import Asked
from storage.model import ParseError, Topic, UsageError
from storage.periods import read_time
from tests.fakes.papers_hub import FakeHub
from tests.harness import Harness

NOW = read_time("2026-11-20T12:00:00Z")
TODAY = read_time("2026-11-20")
TOPICS = [Topic("pytorch", "PyTorch", {"huggingface": "pytorch"}), Topic("tensorflow", "TensorFlow", {"huggingface": "tf"})]
MODELS = 'huggingface.models{topic="%s"}'
ALL = "huggingface.models_total"


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub() as service:
        service.models = {"": 2_000_000, "pytorch": 412_345, "tf": 15_432}
        yield service


def harness(folder: Path, hub: FakeHub, topics: list[Topic] = TOPICS, **options: object) -> Harness:
    return Harness(folder, HuggingFace, base_url=hub.url, topics=topics, options=options)


def is_about(library: str | None) -> Any:
    def concerns(asked: Asked) -> bool:
        return asked.path.startswith("/models") and asked.query.get("library") == library

    return concerns


def test_models_of_each_library_and_in_all(hub: FakeHub, tmp_path: Path) -> None:
    h = harness(tmp_path, hub)
    h.collect(NOW)
    assert h.values() == {ALL: {TODAY: hub.total()}, MODELS % "pytorch": {TODAY: 412_345}, MODELS % "tensorflow": {TODAY: 15_432}}
    assert len(hub.asked()) == 3 == HuggingFace.requests_per_day(2, {})
    assert {a.path for a in hub.asked()} == {"/models-json"}


def test_a_library_that_is_not_listed_is_not_found_and_a_listed_one_may_have_none(hub: FakeHub, tmp_path: Path) -> None:
    topics = [*TOPICS, Topic("jax", "JAX", {"huggingface": "jax"}), Topic("sk", "sk", {"huggingface": "scikitlearn"})]
    topics.append(Topic("cased", "Cased", {"huggingface": "PyTorch"}))  # asked for as it is written
    h = harness(tmp_path, hub, topics)
    h.collect(NOW)
    assert h.values()[MODELS % "jax"] == {TODAY: 0}
    assert h.outcomes()[MODELS % "sk"] == "missing(not_found)"
    assert any(e.detail == "Hugging Face lists no library scikitlearn; near are: scikit-learn" for e in h.ends())
    assert any(e.detail == "Hugging Face lists no library PyTorch; near are: pytorch" for e in h.ends())


@pytest.mark.parametrize("fault", [{"body": b"<html>"}, {"edit": lambda _: {"library": []}}, {"edit": lambda _: {}}, {"status": 404}])
def test_without_the_list_of_libraries_a_zero_proves_nothing(hub: FakeHub, tmp_path: Path, fault: dict[str, Any]) -> None:
    hub.fail(lambda a: a.path.startswith("/api/"), **fault)
    h = harness(tmp_path, hub, [TOPICS[0], Topic("jax", "JAX", {"huggingface": "jax"})])
    h.collect(NOW)
    assert h.outcomes()[MODELS % "jax"] == ("missing(not_found)" if "status" in fault else "missing(parse_error)")
    assert set(h.values()) == {ALL, MODELS % "pytorch"}


def test_a_server_that_heeds_no_filter_is_not_believed(hub: FakeHub, tmp_path: Path) -> None:
    hub.filters = False
    h = harness(tmp_path, hub, [*TOPICS, Topic("none", "None", {"huggingface": "nonesuch"})])
    h.collect(NOW)
    assert set(h.values()) == {ALL}
    assert h.outcomes()[MODELS % "pytorch"] == h.outcomes()[MODELS % "tensorflow"] == "missing(parse_error)"
    assert h.outcomes()[MODELS % "none"] == "missing(not_found)"


def test_where_the_undocumented_address_is_gone_the_page_tells(hub: FakeHub, tmp_path: Path) -> None:
    hub.json = False
    h = harness(tmp_path, hub)
    h.collect(NOW)
    assert h.values() == {ALL: {TODAY: hub.total()}, MODELS % "pytorch": {TODAY: 412_345}, MODELS % "tensorflow": {TODAY: 15_432}}
    assert len(hub.asked("/models-json")) == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"edit": lambda a: {**a, "numTotalItems": None}},
        {"edit": lambda a: {**a, "numTotalItems": 1.5}},
        {"edit": lambda a: {**a, "numTotalItems": 0}},
        {"edit": lambda a: {**a, "models": []}},
        {"edit": lambda a: {k: v for k, v in a.items() if k != "numTotalItems"}},
        {"body": b"<html>"},
        {"keep": 0.5},
        {"status": 404},
    ],
)
@pytest.mark.parametrize("library", ["pytorch", None])
def test_an_answer_that_cannot_be_read_is_made_good_by_the_page(
    hub: FakeHub, tmp_path: Path, fault: dict[str, Any], library: str | None
) -> None:
    hub.fail(is_about(library), **fault)
    h = harness(tmp_path, hub)
    h.collect(NOW)
    assert h.values()[MODELS % "pytorch"] == {TODAY: 412_345}
    assert h.values()[ALL] == {TODAY: hub.total()}


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"body": b"<html>", "times": 2}, "missing(parse_error)"),
        ({"body": b'"numTotalItems":1 "numTotalItems":2', "times": 2}, "missing(parse_error)"),
        ({"body": b'"numTotalItems":0', "times": 2}, "missing(parse_error)"),
        ({"status": 404, "times": 2}, "missing(not_found)"),
        ({"status": 403}, "missing(blocked)"),
        ({"status": 500, "times": 3}, "missing(unreachable)"),
        ({"status": 429, "headers": {"Retry-After": "3600"}}, "missing(throttled)"),
    ],
)
def test_what_neither_way_tells_is_missing(hub: FakeHub, tmp_path: Path, fault: dict[str, Any], outcome: str) -> None:
    hub.fail(is_about("pytorch"), **fault)
    h = harness(tmp_path / "a", hub, TOPICS[:1])
    h.collect(NOW)
    assert h.outcomes() == {ALL: "measured", MODELS % "pytorch": outcome}
    hub.fail(is_about(None), **fault)
    h = harness(tmp_path / "b", hub)
    h.collect(NOW)
    assert set(h.outcomes().values()) == {outcome}
    assert not h.values()


def test_a_short_wait_is_kept_and_the_figure_comes(hub: FakeHub, tmp_path: Path) -> None:
    hub.fail(is_about("pytorch"), status=429, headers={"Retry-After": "1"})
    h = harness(tmp_path, hub)
    assert h.collect(NOW)[-1].seconds >= 1
    assert h.values()[MODELS % "pytorch"] == {TODAY: 412_345}


def test_a_token_is_sent_and_kept_nowhere(hub: FakeHub, tmp_path: Path) -> None:
    harness(tmp_path, hub, token="hf_token_of_the_test").collect(NOW)
    assert {a.headers.get("Authorization") for a in hub.asked()} == {"Bearer hf_token_of_the_test"}
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [p for p in kept if b"hf_token" in (gzip.decompress(p.read_bytes()) if p.suffix == ".gz" else p.read_bytes())] == []
    assert [a.requests for o in ({}, {"token": "x"}) if (a := HuggingFace.allowance(o))] == [1200, 2400]


def test_a_preview_shows_models_or_that_there_is_no_such_library(hub: FakeHub, tmp_path: Path) -> None:
    topics = [TOPICS[0], Topic("none", "None", {"huggingface": "pytorsh"}), Topic("jax", "JAX", {"huggingface": "jax"})]
    said = {p.topic: (p.text, p.found) for p in harness(tmp_path, hub, topics).preview(NOW)}
    assert said["pytorch"][0].startswith("library pytorch: 412,345 models; 'someone/model-0'")
    assert said["none"] == ("Hugging Face lists no library pytorsh; near are: pytorch", False)
    assert said["jax"] == ("library jax: no model", False)


@pytest.mark.parametrize("value", [["pytorch"], {"any": ["pytorch"]}, "py torch", "library=pytorch"])
def test_a_name_that_is_no_library_is_refused_with_its_place(value: object) -> None:
    with pytest.raises(UsageError, match=r"topics\.x\.huggingface"):
        HuggingFace.check(Topic("x", "X", {"huggingface": value}))


def test_a_page_that_names_no_number_is_refused() -> None:
    assert embedded('<div data-props="{&quot;numTotalItems&quot;: 7}">') == 7
    with pytest.raises(ParseError, match="nothing"):
        embedded("<div></div>")
