"""Bundesagentur für Arbeit: version 6 of the interface behind its page, with the page's public key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crawlers.counts import Count
from crawlers.spiders.jobs.arbeitsagentur import Arbeitsagentur, read_count
from storage.model import ParseError
from tests.fakes.boards import NOW, TODAY, Asked, Board, Case, Counts, named

PATH = "/jobboerse/jobsuche-service/pc/v6/jobs"


def answer(asked: Asked, counts: Counts) -> tuple[int, Any]:
    if asked.path != PATH:
        return 404, {"messages": [{"code": "NOT_FOUND"}]}
    if asked.headers.get("X-Api-Key") != "jobboerse-jobsuche":
        return 403, {"message": "No API key found in request"}
    topic = named(asked.query.get("was", ""))
    count = counts[f"new:{topic}" if asked.query.get("veroeffentlichtseit") == "7" else topic]
    rows = [
        {"referenznummer": f"1-{n}-S", "stellenangebotsTitel": f"Entwicklung mit {topic} (m/w/d)", "firma": "Muster AG"} for n in range(5)
    ]
    found = {"ergebnisliste": rows[: min(count, int(asked.query["size"]))]} if count else {}
    return 200, {**found, "maxErgebnisse": count, "page": 1, "size": int(asked.query["size"]), "facetten": {}}


CASE = Case(
    Arbeitsagentur,
    answer,
    breaks=(
        {"ergebnisliste": []},
        {"maxErgebnisse": "1"},
        {"maxErgebnisse": None, "ergebnisliste": []},
        {"maxErgebnisse": 0, "ergebnisliste": [{"referenznummer": "1-1-S"}]},
        {"maxErgebnisse": 0, "ergebnisliste": None},
        {"message": "quota exceeded"},
        [],
    ),
)


def test_postings_new_ones_and_the_total(tmp_path: Path) -> None:
    with Board(CASE) as board:
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert h.values("jobs.postings")['jobs.postings{topic="pytorch",board="arbeitsagentur",country="de"}'] == {TODAY: 153}
        assert h.values("jobs.new_postings")['jobs.new_postings{topic="tensorflow",board="arbeitsagentur",country="de"}'] == {TODAY: 12}
        assert h.values("jobs.total") == {'jobs.total{board="arbeitsagentur",country="de"}': {TODAY: 12_345}}
        assert {a.query["angebotsart"] for a in board.asked()} == {"1"}
        assert len(board.asked()) == 5


def test_a_search_without_hits_is_zero_though_its_list_is_left_out(tmp_path: Path) -> None:
    with Board(CASE) as board:
        board.counts["tensorflow"] = 0
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert h.values("jobs.postings")['jobs.postings{topic="tensorflow",board="arbeitsagentur",country="de"}'] == {TODAY: 0}


def test_a_changed_key_is_said_with_its_remedy_and_can_be_set(tmp_path: Path) -> None:
    with Board(CASE) as board:
        h = board.harness(tmp_path, key="old")
        h.collect(NOW)
        assert {e.label for e in h.ends()} == {"missing(blocked)"}
        said = h.ends()[0].detail
        assert said.startswith("status 403: No API key found in request; version 6 of the interface may be closed ")
        assert "or its key has changed: set key to " in said
        assert {a.headers["X-Api-Key"] for a in board.asked()} == {"old"}


def test_preview_shows_titles(tmp_path: Path) -> None:
    with Board(CASE) as board:
        board.counts["pytorch"] = 1
        said = {p.topic: p.text for p in board.harness(tmp_path).preview()}
        assert said["pytorch"] == "search pytorch: 1 posting; 'Entwicklung mit pytorch (m/w/d)'"


@pytest.mark.parametrize("zero", [{"maxErgebnisse": 0}, {"maxErgebnisse": 0, "ergebnisliste": []}])
def test_a_proven_zero(zero: Any) -> None:
    assert read_count(json.dumps(zero).encode()) == Count(0.0)


@pytest.mark.parametrize("broken", CASE.breaks)
def test_what_gives_no_count_is_an_error(broken: Any) -> None:
    with pytest.raises(ParseError):
        read_count(json.dumps(broken).encode())
