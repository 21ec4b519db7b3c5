"""Boards that are downloaded once: what their counts may claim, however their lists are cut, and what a run costs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scrapy.http import Request, Response, TextResponse

from crawlers.boards.downloaded import DownloadBoard, Page, Posting
from crawlers.boards.harvest import newest_since
from crawlers.boards.searched import WORLD, Ask
from crawlers.job import Job, Mode
from crawlers.outcomes import Refused
from crawlers.payload import listing, read_json
from crawlers.politeness import Pacing
from crawlers.source import Option, Terms
from storage.model import Bound, Observation, Reason, Topic
from storage.periods import DAY, HOUR
from tests.fakes.boards import NOW, TODAY, TOPICS, Asked, Board, Case, Counts
from tests.fakes.postings import FEW, Made, figures, made
from tests.harness import FAST

WEEK_AGO = TODAY - 7 * DAY
NEW = 'topic="pytorch",board="toy_board",country="world"'


class ToyBoard(DownloadBoard):
    """A board of numbered parts; a body is {"rows": […], "next": path, "whole": …, "lasting": …}."""

    name = "toy_board"
    title = "Toy board"
    about = "Made up."
    terms = Terms("https://example.org", "2026-11-20", "Made up.")
    endpoints: ClassVar = {"base_url": "https://boards.example.org", "other_url": "https://other.example.org"}
    countries: ClassVar = {WORLD: "", "us": ""}
    options = (Option("parts", "how many", type=int, default=1),)
    tolerance = 0.25

    @classmethod
    def parts(cls, options: Mapping[str, object]) -> Sequence[Ask]:
        return [Ask(f"/part/{n}", endpoint="other_url" if n >= 8 else "base_url") for n in range(cls.chosen(options, "parts"))]

    @classmethod
    def page(cls, response: Response, ask: Ask) -> Page:
        payload = read_json(response.body)
        if payload == "boom":
            raise RuntimeError("a mistake in a parser")
        postings = [
            Posting(r["id"], r["title"], posted=r["posted"], countries=frozenset(r.get("countries", ()))) for r in listing(payload, "rows")
        ]
        return Page(postings, Ask(payload["next"]) if payload.get("next") else None, payload["whole"], payload.get("lasting", True))

    def gone(self, ask: Ask) -> str:
        return f"{ask.path} is no more"


@dataclass(frozen=True)
class Listed:
    id: str
    posted: Any  # epoch seconds; None: it is not shown
    pytorch: bool
    us: bool

    def row(self) -> dict[str, Any]:
        title = "PyTorch" if self.pytorch else "Java"
        return {"id": self.id, "title": title, "posted": self.posted, "countries": ["us"] * self.us}


@dataclass(frozen=True)
class Simulated:
    """One part: what is there, what its pages show, and what they say of themselves."""

    there: tuple[Listed, ...]
    shown: tuple[Listed, ...]
    whole: bool
    lasting: bool
    pages: int
    fails: bool


def a_board(seed: int) -> list[Simulated]:
    """A board of some parts: lists that are whole, or cut behind the newest or the oldest; some have old postings on top, some forget.

    From a seed, because hypothesis by itself draws mostly empty lists and failures.
    """
    chance = Random(seed)
    trouble = chance.random() < 0.3
    return [_part(chance, f"{n}", fails=trouble and chance.random() < 0.3) for n in range(chance.choice((1, 1, 2, 3, 5)))]


def _part(chance: Random, name: str, *, fails: bool) -> Simulated:
    ages = [chance.choice((0, 167, 168, 169, chance.randrange(150, 186), chance.randrange(-12, 400))) for _ in range(chance.randrange(9))]
    there = [Listed(f"{name}-{n}", TODAY - age * HOUR, chance.random() < 0.5, chance.random() < 0.5) for n, age in enumerate(ages)]
    newest_first = chance.random() < 0.8
    there.sort(key=lambda p: p.posted, reverse=newest_first)
    lasting = chance.random() < 0.7
    listed = there if lasting else [p for p in there if p.posted > WEEK_AGO + DAY]  # it forgets within the week
    shown = listed[: max(1, len(listed) - chance.choice((0, 1, 2, 4)))]
    if newest_first and len(shown) > 3 and chance.random() < 0.3:
        shown = [shown[-1], *shown[:-1]]  # an old one is kept on top
    if shown and chance.random() < 0.1:
        shown[0] = replace(shown[0], posted=None)
    return Simulated(tuple(there), tuple(shown), len(shown) == len(listed), lasting, chance.randrange(1, 4), fails)


boards = st.integers(0, 2**32).map(a_board)


def run(simulated: Sequence[Simulated]) -> list[Observation]:
    """What the board says of these parts, without a network."""
    options: dict[str, object] = {"parts": len(simulated)}
    topics = {t.key: t for t in TOPICS}
    slots = ToyBoard.slots(TOPICS, NOW, options)
    spider = ToyBoard(Job("run", Mode.COLLECT, NOW, tuple(slots), topics, options))
    found: list[Observation] = []
    queue: list[tuple[int, int, Request]] = [(n, 0, r) for n, r in enumerate(spider._download(spider.parts(options)))]
    while queue:
        part, page, request = queue.pop(0)
        kwargs = request.cb_kwargs["kwargs"]
        one = simulated[part]
        if one.fails:
            outputs = list(spider.failed(request, (), Reason.UNREACHABLE, "down", **kwargs))
        else:
            size = -(-len(one.shown) // one.pages) or 1
            more = (page + 1) * size < len(one.shown)
            body = {"rows": [p.row() for p in one.shown[page * size : (page + 1) * size]], "whole": one.whole, "lasting": one.lasting}
            body["next"] = f"/more/{part}/{page + 1}" if more else None
            response = TextResponse(request.url, body=json.dumps(body).encode(), request=request, encoding="utf-8")
            outputs = list(spider._received_page(response, (), **kwargs))
        for output in outputs:
            if isinstance(output, Request):
                queue.append((part, page + 1, output))
            elif isinstance(output, Observation):
                found.append(output)
    return found


@settings(max_examples=1500, deadline=None)
@given(boards)
def test_what_is_exact_is_true_and_what_is_at_least_is_not_too_much(simulated: list[Simulated]) -> None:
    there = {p.id: p for one in simulated for p in one.there}.values()
    for o in run(simulated):
        labels = dict(o.series.labels)
        mine = [p for p in there if (p.pytorch or o.series.topic != "pytorch") and (p.us or labels["country"] == WORLD)]
        if o.series.topic == "tensorflow":
            mine = []
        if o.series.metric == "jobs.new_postings":
            mine = [p for p in mine if WEEK_AGO < p.posted <= TODAY]
        if o.bound is Bound.EXACT and any(not one.lasting for one in simulated) and o.series.metric != "jobs.new_postings":
            assert o.value <= len(mine), "a board that forgets is counted as it is"
        elif o.bound is Bound.EXACT:
            assert o.value == len(mine), o
        else:
            assert o.bound is Bound.AT_LEAST
            assert o.value <= len(mine), o


def of_ages(*hours: int | None) -> tuple[Listed, ...]:
    """Postings of these ages, all of which name PyTorch."""
    return tuple(Listed(str(n), None if h is None else TODAY - h * HOUR, pytorch=True, us=False) for n, h in enumerate(hours))


def claim(*, whole: bool, lasting: bool = True, shown: tuple[Listed, ...]) -> tuple[float, Bound]:
    """What is said of the new postings of a board with one part."""
    found = run([Simulated((), shown, whole=whole, lasting=lasting, pages=1, fails=False)])
    return next((o.value, o.bound) for o in found if o.series.metric == "jobs.new_postings" and o.series.topic and o.value)


def test_a_week_is_exact_from_its_very_beginning() -> None:
    assert claim(whole=False, shown=of_ages(1, 2, 168)) == (2, Bound.EXACT), "posted when the week began: it was before it"
    assert claim(whole=False, shown=of_ages(1, 2, 167)) == (3, Bound.AT_LEAST)
    assert claim(whole=True, shown=of_ages(1, 2, 3)) == (3, Bound.EXACT)
    assert claim(whole=True, lasting=False, shown=of_ages(1, 2, 3)) == (3, Bound.AT_LEAST)
    assert claim(whole=True, shown=of_ages(1, 2, None)) == (2, Bound.AT_LEAST), "the one without a date may be new"
    assert claim(whole=False, shown=of_ages(-5, 0, 400)) == (1, Bound.EXACT), "what is newer than the slot is not its"


@settings(max_examples=100, deadline=None)
@given(boards)
def test_whole_lists_are_exact_and_too_many_failures_leave_nothing(simulated: list[Simulated]) -> None:
    observations = run(simulated)
    failed = sum(one.fails for one in simulated)
    seen = any(one.shown for one in simulated if not one.fails)
    assert bool(observations) == (seen and failed <= 0.25 * len(simulated))
    if not failed and all(one.whole for one in simulated):
        assert {o.bound for o in observations if o.series.metric != "jobs.new_postings"} <= {Bound.EXACT}
    if failed:
        assert {o.bound for o in observations} <= {Bound.AT_LEAST}


def test_how_far_back_a_list_goes() -> None:
    assert newest_since([9, 8, 8, 3]) == 3
    assert newest_since([1, 9, 8, 5]) == 5, "an old one on top says nothing"
    assert newest_since([9, 8, None, 3]) == inf
    assert newest_since([9, 3, 8, 2]) == inf, "in no order"
    assert newest_since([1, 2, 3]) == inf, "oldest first: the newest may be cut off"
    assert newest_since([1, 2, 3, 2]) == inf, "that is no few on top"
    assert newest_since([4, 4, 4]) == inf
    assert newest_since([4]) == inf
    assert newest_since([]) == inf


def answer(asked: Asked, counts: Counts) -> tuple[int, Any]:
    part, of = int(asked.path.rsplit("/", 1)[1]), max(1, counts.get("parts", 1))
    rows = [_row(p) for n, p in enumerate(made(counts)) if n % of == part]
    return 200, {"rows": rows, "whole": True}


def _row(posting: Made) -> dict[str, Any]:
    return {"id": str(posting.number), "title": f"{posting.title} {' '.join(posting.tags)} {posting.html}", "posted": posting.posted}


CASE = Case(ToyBoard, answer, counts=FEW)


async def open_hosts(pacing: Pacing) -> set[str]:
    found = set()
    for host in ("a", "b"):
        with suppress(Refused):
            await pacing.enter(host)
            found.add(host)
    return found


async def test_hosts_of_different_operators_have_each_a_stop_line() -> None:
    for apart, left in ((True, {"b"}), (False, {"a", "b"})):
        pacing = Pacing(FAST, apart=apart)
        for _ in range(5):
            pacing.note("a", good=False, detail="down")
            pacing.note("b", good=True)
        assert await open_hosts(pacing) == left, "among others' good answers, five are in a row only where each host has its own line"
        assert pacing.stopped is None
    for apart, left in ((True, {"b"}), (False, set())):
        pacing = Pacing(FAST, apart=apart)
        pacing.stop(Reason.BLOCKED, "a wall", "a")
        assert await open_hosts(pacing) == left
        pacing.stop(Reason.UNANSWERED, "stopped")
        assert await open_hosts(pacing) == set(), "without a host it is for all"


def test_two_hundred_topics_cost_one_download(tmp_path: Path) -> None:
    topics = (*TOPICS, *(Topic(f"t{n}", f"T{n}", {"jobs": f"word{n}"}) for n in range(198)))
    with Board(CASE) as board:
        h = board.harness(tmp_path, topics)
        h.collect(NOW)
        assert len(board.asked()) == 1
        found = figures(h, "jobs.postings")
        assert len(found) == 400
        assert found[NEW] == (15, Bound.EXACT)
        assert found['topic="t7",board="toy_board",country="world"'] == (0, Bound.EXACT), "none is a proven zero"
        assert {e.label for e in h.ends()} == {"measured"}
        assert ToyBoard.requests_per_day(200, {}) == ToyBoard.requests_per_day(1, {}) == 1


def test_a_broken_part_is_a_failure_of_its_own(tmp_path: Path) -> None:
    with Board(replace(CASE, counts={**FEW, "parts": 4}, options={"parts": 4})) as board:
        board.fail(lambda a: a.path == "/part/2", times=9, body=b'"boom"')
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert figures(h, "jobs.total")['board="toy_board",country="world"'] == (45, Bound.AT_LEAST)
        board.fail(lambda a: a.path == "/part/3", times=9, body=b"<html>")
        h.collect(NOW + DAY)
        ended = {e.label: e.detail for e in h.ends() if e.slot.time == TODAY + DAY}
        assert list(ended) == ["missing(parse_error)"]
        assert "2 of 4 parts could not be read" in ended["missing(parse_error)"]
        assert "response kept as" in ended["missing(parse_error)"]


def test_the_most_common_reason_is_given(tmp_path: Path) -> None:
    with Board(replace(CASE, options={"parts": 5}, counts={**FEW, "parts": 5})) as board:
        board.fail(lambda a: a.path in {"/part/0", "/part/1"}, times=99, status=500)
        board.fail(lambda a: a.path == "/part/2", times=9, body=b"")
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert {e.label for e in h.ends()} == {"missing(unreachable)"}
        assert h.values() == {}


def test_what_has_gone_is_told_once_and_left_out(tmp_path: Path) -> None:
    with Board(replace(CASE, options={"parts": 3}, counts={**FEW, "parts": 3})) as board:
        board.fail(lambda a: a.path == "/part/1", times=2, status=404)
        h = board.harness(tmp_path)
        for n in range(2):
            h.collect(NOW + n * DAY)
            assert figures(h, "jobs.total", TODAY + n * DAY)['board="toy_board",country="world"'] == (40, Bound.EXACT)
        assert list(h.events()["text"]) == ["/part/1 is no more"]
        h.collect(NOW + 2 * DAY)
        assert figures(h, "jobs.total", TODAY + 2 * DAY)['board="toy_board",country="world"'] == (60, Bound.EXACT)
        board.fail(lambda a: a.path == "/part/1", times=1, status=404)
        h.collect(NOW + 3 * DAY)
        assert list(h.events()["text"]) == ["/part/1 is no more"] * 2, "it had been back in between"


def test_an_endpoint_that_knows_none_of_its_parts_has_moved(tmp_path: Path) -> None:
    """Parts 8 and 9 are at another endpoint: that both are unknown says more of it than of them."""
    with Board(replace(CASE, options={"parts": 10}, counts={**FEW, "parts": 10})) as board:
        board.fail(lambda a: a.path in {"/part/8", "/part/9"}, times=9, status=404)
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert figures(h, "jobs.total")['board="toy_board",country="world"'] == (48, Bound.AT_LEAST)
        assert h.events().empty
        board.faults.clear()
        board.fail(times=99, status=404)
        h.collect(NOW + DAY)
        assert {e.label for e in h.ends() if e.slot.time == TODAY + DAY} == {"missing(not_found)"}


def test_a_board_without_any_posting_proves_nothing(tmp_path: Path) -> None:
    with Board(replace(CASE, counts={"pytorch": 0, "tensorflow": 0, "": 0})) as board:
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert {e.label for e in h.ends()} == {"missing(parse_error)"}
        assert h.values() == {}


def test_reading_the_captures_again_changes_nothing(tmp_path: Path) -> None:
    with Board(replace(CASE, options={"parts": 4}, counts={**FEW, "parts": 4})) as board:
        board.fail(lambda a: a.path == "/part/0", times=9, body=b"<html>")
        h = board.harness(tmp_path)
        h.collect(NOW)
        truth, asked = (h.values(), h.bounds(), h.outcomes()), len(board.asked())
        (report,) = h.reparse(NOW + 3600)
        assert (h.values(), h.bounds(), h.outcomes()) == truth
        assert (report.tally.changes.new, report.tally.changes.revised) == (0, 0)
        assert len(board.asked()) == asked


def test_reading_again_what_is_not_all_there_any_more_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ToyBoard, "tolerance", 0.5)
    with Board(replace(CASE, options={"parts": 4}, counts={**FEW, "parts": 4})) as board:
        h = board.harness(tmp_path)
        h.collect(NOW)
        truth = h.values(), h.bounds(), h.outcomes()
        (file,) = (tmp_path / "captures").rglob("*.warc.gz")
        with file.open("r+b") as torn:
            torn.truncate(file.stat().st_size - 20)
        h.reparse(NOW + 3600)
        assert (h.values(), h.bounds(), h.outcomes()) == truth, "three of four parts are no lower bound of that day"


def test_the_preview_shows_titles_and_how_many_of_all(tmp_path: Path) -> None:
    with Board(CASE) as board:
        said = {p.topic: p for p in board.harness(tmp_path, (*TOPICS, Topic("x", "X", {"jobs": "nowhere"}))).preview()}
        assert said["pytorch"].text.startswith("15 postings of 60; 'Engineer")
        assert said["pytorch"].text.count("; '") == 3
        assert (said["x"].text, said["x"].found) == ("0 postings of 60", False)
        board.fail(times=99, status=500)
        (failed,) = board.harness(tmp_path).preview()
        assert failed.found is False
        assert "unreachable" in failed.text


def test_countries_are_counted_beside_the_world(tmp_path: Path) -> None:
    def placed(asked: Asked, counts: Counts) -> tuple[int, Any]:
        rows = [{**_row(p), "countries": ["us"] if n % 2 else []} for n, p in enumerate(made(counts))]
        return 200, {"rows": [*rows, rows[1]], "whole": True}

    with Board(replace(CASE, answer=placed)) as board:
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert figures(h, "jobs.total") == {  # the one that is listed twice is one
            'board="toy_board",country="us"': (30, Bound.EXACT),
            'board="toy_board",country="world"': (60, Bound.EXACT),
        }
