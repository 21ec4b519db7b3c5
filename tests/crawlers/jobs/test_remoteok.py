"""Remote OK: the newest hundred, behind a legal notice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from crawlers.spiders.jobs.remoteok import RemoteOK, read_page
from storage.model import Bound
from storage.periods import DAY, read_time
from tests.fakes.boards import NOW, TODAY, Asked, Board, Case, Counts, Raw
from tests.fakes.postings import FEW, Made, captured, figures, made

NOTICE = {"last_updated": 1, "legal": "Link back and mention PyTorch and TensorFlow, please."}


def row(posting: Made) -> dict[str, Any]:
    return {
        "slug": f"remote-engineer-{posting.number}",
        "id": str(posting.number),
        "epoch": posting.posted,
        "date": posting.iso(),
        "company": posting.company,
        "position": posting.title,
        "tags": list(posting.tags),
        "description": posting.html,
        "location": "",
        "url": f"https://remoteOK.com/remote-jobs/remote-engineer-{posting.number}",
    }


def answer(asked: Asked, counts: Counts) -> tuple[int, Any]:
    return 200, [NOTICE, *(row(p) for p in made(counts))]


ONE = row(made(FEW)[0])
CASE = Case(
    RemoteOK,
    answer,
    counts=FEW,
    breaks=(
        [],
        [NOTICE],
        {"jobs": [ONE]},
        [NOTICE, {**ONE, "id": None}],
        [NOTICE, {k: v for k, v in ONE.items() if k != "position"}],
        [NOTICE, {**ONE, "date": "2 days ago"}],
        [NOTICE, NOTICE],
        Raw(b"<html>Too many requests</html>"),
    ),
)


def test_the_newest_are_a_lower_bound_and_the_week_is_exact(tmp_path: Path) -> None:
    with Board(CASE) as board:
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert figures(h, "jobs.postings") == {
            'topic="pytorch",board="remoteok",country="world"': (15, Bound.AT_LEAST),
            'topic="tensorflow",board="remoteok",country="world"': (9, Bound.AT_LEAST),
        }
        assert figures(h, "jobs.total") == {'board="remoteok",country="world"': (60, Bound.AT_LEAST)}
        assert figures(h, "jobs.new_postings") == {
            'topic="pytorch",board="remoteok",country="world"': (3, Bound.EXACT),
            'topic="tensorflow",board="remoteok",country="world"': (2, Bound.EXACT),
        }
        assert len(board.asked()) == 1


def test_a_list_that_does_not_reach_back_a_week_is_a_lower_bound(tmp_path: Path) -> None:
    recent = [p for p in made(FEW) if p.posted > TODAY - 6 * DAY]
    pinned = replace(made(FEW)[-1], number=1)
    case = replace(CASE, answer=lambda asked, counts: (200, [NOTICE, row(pinned), *map(row, recent)]))
    with Board(case) as board:
        h = board.harness(tmp_path)
        h.collect(NOW)
        new = figures(h, "jobs.new_postings")
        assert new['topic="pytorch",board="remoteok",country="world"'] == (3, Bound.AT_LEAST), "an old one kept on top proves nothing"


def test_a_real_answer() -> None:
    for body in captured("remoteok/remoteok_nacefmoula.json"):
        page = read_page(body)
        assert len(page.postings) == 99
        assert len({p.id for p in page.postings}) == 99
        assert not page.whole
        assert page.postings[0].posted == read_time("2026-05-16T08:00:12Z")
        assert page.postings[0].title == "IT Support Technician"
