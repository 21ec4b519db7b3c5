"""Every board through a bad week: walls, throttling, empties, changed pages, zeros. The ledger says why, and no value is invented."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from crawlers.boards.pages import PageBoard
from crawlers.catalog import sources
from storage.model import Outcome
from storage.periods import DAY
from tests.fakes.boards import NOW, TODAY, Board, Case

BOARDS = sorted(name for name, cls in sources().items() if cls.__module__.startswith("crawlers.spiders.jobs."))
CHALLENGE = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body><script>window._cf_chl_opt={};</script></body></html>"


@dataclass(frozen=True)
class BadDay:
    """What every request of a day is answered with, and the reasons that may stand in the ledger for it."""

    answer: Mapping[str, Any]
    reasons: frozenset[str]
    pages: frozenset[str] = field(default_factory=frozenset)  # of boards that are read as pages, where it differs


def day(*reasons: str, pages: tuple[str, ...] = (), **answer: Any) -> BadDay:
    return BadDay(answer, frozenset(reasons), frozenset(pages or reasons))


WEEK = {
    "forbidden": day("blocked", status=403, body=b"<html>Forbidden</html>"),
    "LinkedIn's own status": day("blocked", status=999, body=b""),
    "throttled for an hour": day("throttled", status=429, headers={"Retry-After": "3600"}, body=b"Too many feed requests."),
    "empty body": day("parse_error", status=200, body=b""),
    "challenge with status 200": day("parse_error", status=200, body=CHALLENGE, headers={"Content-Type": "text/html"}, pages=("blocked",)),
    "out of order": day("unreachable", status=503, body=b"down for maintenance"),
    "half of the body": day("parse_error", keep=0.4, status=200, pages=("parse_error", "measured")),
}


def case_of(name: str) -> Case:
    case = import_module(f"tests.crawlers.jobs.test_{name}").CASE
    assert isinstance(case, Case)
    return case


@pytest.mark.parametrize("name", BOARDS)
def test_a_bad_week_has_its_reasons_and_no_invented_value(name: str, tmp_path: Path) -> None:
    case = case_of(name)
    kind = issubclass(case.source, PageBoard)
    with Board(case) as board:
        h = board.harness(tmp_path)
        h.collect(NOW)
        truth = h.values()
        assert truth, "the first day is a good one"
        assert {e.outcome for e in h.ends()} == {Outcome.MEASURED}
        planned = {e.slot.series for e in h.ends()}
        for n, (what, bad) in enumerate(WEEK.items(), start=1):
            board.faults.clear()
            board.fail(times=10**6, **bad.answer)
            h.collect(NOW + n * DAY)
            ended = {e.slot.series: e for e in h.ends() if e.slot.time == TODAY + n * DAY}
            assert set(ended) == planned, what
            said = {e.reason if e.outcome is Outcome.MISSING else str(e.outcome) for e in ended.values()}
            assert said <= (bad.pages if kind else bad.reasons), (what, {e.reason: e.detail for e in ended.values()})
            if "measured" not in said:
                assert h.values() == truth, f"{what}: a value was made up"
            assert all(e.detail for e in ended.values() if e.outcome is Outcome.MISSING), what
        board.faults.clear()
        back = NOW + (len(WEEK) + 1) * DAY
        h.collect(back)
        again = {series: values[back - back % DAY] for series, values in h.values().items()}
        assert again == {series: values[TODAY] for series, values in truth.items()}, "and it comes back"


@pytest.mark.parametrize("name", BOARDS)
def test_changed_pages_are_no_number(name: str, tmp_path: Path) -> None:
    case = case_of(name)
    assert case.breaks, "a board says how its answer can break"
    with Board(case) as board:
        h = board.harness(tmp_path)
        for n, broken in enumerate(case.breaks):
            board.faults.clear()
            body = getattr(broken, "body", None)
            if body is None:
                board.fail(times=10**6, edit=lambda _, b=broken: b)
            else:
                board.fail(times=10**6, body=body, headers=broken.headers)
            h.collect(NOW + n * DAY)
            labels = {e.label for e in h.ends() if e.slot.time == TODAY + n * DAY}
            assert labels == {"missing(parse_error)"}, broken
        assert h.values() == {}


@pytest.mark.parametrize("name", BOARDS)
def test_zeros_for_all_topics_are_proven_or_held(name: str, tmp_path: Path) -> None:
    case = case_of(name)
    with Board(case) as board:
        h = board.harness(tmp_path)
        h.collect(NOW)
        board.counts |= {key: 0 for key in board.counts if key}
        h.collect(NOW + DAY)
        labels = {e.label for e in h.ends() if e.slot.time == TODAY + DAY and e.slot.series.topic}
        assert labels == ({"measured"} if getattr(case.source, "matched_here", False) else {"suspect"})
