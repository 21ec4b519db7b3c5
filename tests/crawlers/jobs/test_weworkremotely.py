"""We Work Remotely: ten feeds, each posting once."""

from __future__ import annotations

from dataclasses import replace
from email.utils import format_datetime
from html import escape
from pathlib import Path
from typing import Any

import pytest

from crawlers.spiders.jobs.weworkremotely import CATEGORIES, WeWorkRemotely, read_feed
from storage.model import Bound, ParseError
from storage.periods import DAY, moment, read_time
from tests.fakes.boards import NOW, TODAY, Asked, Board, Case, Counts, Raw
from tests.fakes.postings import FEW, Made, captured, figures, made

XML = {"Content-Type": "application/rss+xml; charset=utf-8"}


def item(posting: Made) -> str:
    return (
        f"<item><media:content url='x' type='image/png'/><title>{escape(posting.company)}: {escape(posting.title)}</title>"
        f"<region>Anywhere in the World</region><skills>{escape(', '.join(posting.tags))}</skills><category>Programming</category>"
        f"<type>Full-Time</type><description>{escape(posting.html)}</description>"
        f"<pubDate>{format_datetime(moment(posting.posted))}</pubDate>"
        f"<guid>https://weworkremotely.com/remote-jobs/{posting.number}</guid>"
        f"<link>https://weworkremotely.com/remote-jobs/{posting.number}</link></item>"
    )


def feed(postings: list[Made]) -> Raw:
    head = '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" xmlns:media="http://search.yahoo.com/mrss"><channel><title>WWR</title>'
    return Raw(f"{head}<ttl>60</ttl>{''.join(map(item, postings))}</channel></rss>".encode(), XML)


def answer(asked: Asked, counts: Counts) -> tuple[int, Any]:
    """A third of the categories have the postings, each posting in one of them, the newest in two; the others are empty."""
    place = [f"/categories/{c}.rss" for c in CATEGORIES].index(asked.path)
    postings = made(counts)
    return 200, feed([p for n, p in enumerate(postings) if n % 3 == place or (n == 0 and place == 1)])


CASE = Case(
    WeWorkRemotely,
    answer,
    counts=FEW,
    breaks=(
        feed([]),
        Raw(b"<html><body>We moved</body></html>"),
        Raw(b"<feed xmlns='http://www.w3.org/2005/Atom'><entry/></feed>", XML),
        Raw(b"<rss><channel><item><title>Acme: Engineer</title></item></channel></rss>", XML),
        Raw(b"<rss><channel><item><title>A: E</title><guid>x</guid><pubDate>soon</pubDate></item></channel></rss>", XML),
        Raw(feed(made(FEW)).body[:-20], XML),
        Raw(b"{}"),
    ),
)


def test_all_categories_are_counted_and_each_posting_once(tmp_path: Path) -> None:
    with Board(CASE) as board:
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert figures(h, "jobs.total") == {'board="weworkremotely",country="world"': (60, Bound.AT_LEAST)}
        assert figures(h, "jobs.postings") == {
            'topic="pytorch",board="weworkremotely",country="world"': (15, Bound.AT_LEAST),
            'topic="tensorflow",board="weworkremotely",country="world"': (9, Bound.AT_LEAST),
        }
        assert figures(h, "jobs.new_postings")['topic="pytorch",board="weworkremotely",country="world"'] == (3, Bound.EXACT)
        assert sorted(a.path for a in board.asked()) == sorted(f"/categories/{c}.rss" for c in CATEGORIES)


def test_one_category_that_does_not_reach_back_makes_the_week_a_lower_bound(tmp_path: Path) -> None:
    def short(asked: Asked, counts: Counts) -> tuple[int, Any]:
        if CATEGORIES[5] in asked.path:
            return 200, feed([replace(p, number=p.number + 500) for p in made(counts) if p.posted > TODAY - 2 * DAY])
        return answer(asked, counts)

    with Board(replace(CASE, answer=short)) as board:
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert figures(h, "jobs.new_postings")['topic="pytorch",board="weworkremotely",country="world"'] == (6, Bound.AT_LEAST)


def test_a_few_feeds_may_fail(tmp_path: Path) -> None:
    with Board(CASE) as board:
        board.fail(lambda a: a.path.endswith((f"{CATEGORIES[8]}.rss", f"{CATEGORIES[9]}.rss")), times=100, status=500)
        h = board.harness(tmp_path)
        h.collect(NOW)
        assert figures(h, "jobs.total") == {'board="weworkremotely",country="world"': (60, Bound.AT_LEAST)}
        assert figures(h, "jobs.new_postings")['topic="pytorch",board="weworkremotely",country="world"'] == (3, Bound.AT_LEAST)
        board.fail(lambda a: a.path.endswith(f"{CATEGORIES[7]}.rss"), times=100, status=500)
        h.collect(NOW + DAY)
        assert {e.label for e in h.ends() if e.slot.time == TODAY + DAY} == {"missing(unreachable)"}


def test_the_company_before_the_colon_is_no_match() -> None:
    found = read_feed(feed([replace(made(FEW)[0], company="PyTorch GmbH", title="Engineer: Data")]).body).postings[0]
    assert found.title == "Engineer: Data"
    assert "PyTorch GmbH" not in found.text


def test_entities_are_not_expanded() -> None:
    bomb = b'<!DOCTYPE rss [<!ENTITY a "pytorch">]><rss><channel><item><title>A: &a;</title><guid>1</guid></item></channel></rss>'
    try:
        postings = read_feed(bomb).postings
    except ParseError:
        return
    assert "pytorch" not in postings[0].title


@pytest.mark.parametrize("body", [b"", b"  \n", b"Too many requests", b"\x1f\x8b\x08"])
def test_what_is_no_feed_is_an_error(body: bytes) -> None:
    with pytest.raises(ParseError):
        read_feed(body)


def test_a_real_feed() -> None:
    for body in captured("wwr/wwr_nacefmoula.rss"):
        page = read_feed(body)
        assert len(page.postings) == body.count(b"<item>")
        assert page.postings[0].title == "Junior DevOps Engineer (Internship)"
        assert page.postings[0].posted == read_time("2026-05-12T10:00:00Z")
        assert "Kubernetes, Terraform and CI/CD pipelines" in page.postings[0].text
