"""DEV: articles per tag and day, against a model of Forem's list that is not in the order of dates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from crawlers.spiders.devto import DevTo, Row, Walk, read_articles
from storage import ledger
from storage.journal import Journal
from storage.model import Bound, ParseError, Topic, UsageError
from storage.periods import DAY, HOUR, read_time
from tests.fakes.devto import Article, FakeDev
from tests.harness import Harness

NOW = read_time("2026-11-20T03:47:00Z")
TODAY = NOW - NOW % DAY
YESTERDAY = TODAY - DAY
TOPICS = [Topic("pytorch", "PyTorch", {"devto": "pytorch"})]
SERIES = 'articles.published{topic="pytorch",site="devto",tag="pytorch"}'


@pytest.fixture
def dev() -> Iterator[FakeDev]:
    with FakeDev(NOW) as service:
        service.write(
            "pytorch", YESTERDAY - 1, YESTERDAY, YESTERDAY + 5 * HOUR, TODAY - 1, TODAY, *range(TODAY - 90 * DAY, YESTERDAY - DAY, DAY)
        )
        yield service


def harness(folder: Path, dev: FakeDev, topics: Sequence[Topic] = TOPICS) -> Harness:
    return Harness(folder, DevTo, base_url=dev.url, topics=topics)


def test_a_day_is_counted_to_its_last_second_whatever_the_order(tmp_path: Path, dev: FakeDev) -> None:
    h = harness(tmp_path, dev)
    h.collect(NOW)
    assert h.values() == {SERIES: {YESTERDAY: 3}}
    assert h.bounds()[SERIES][YESTERDAY] is Bound.EXACT
    assert len(dev.asked()) == 1
    assert h.collect(NOW + HOUR) == []


@pytest.mark.parametrize("kind", ["approved", "simple"])
def test_a_list_by_date_is_read_until_it_is_older_than_the_day(tmp_path: Path, dev: FakeDev, kind: str) -> None:
    dev.write("pytorch", *range(YESTERDAY, TODAY, 600))
    dev.cap = 40
    if kind == "simple":
        dev.simple = True
    else:
        dev.approved.add("pytorch")
    h = harness(tmp_path, dev)
    h.collect(NOW)
    assert h.values()[SERIES][YESTERDAY] == dev.on("pytorch", YESTERDAY) == 147
    assert h.bounds()[SERIES][YESTERDAY] is Bound.EXACT
    assert [a.query["page"] for a in dev.asked()] == ["1", "2", "3", "4"]


def test_pages_without_order_may_leave_some_out_so_they_give_a_lower_bound(tmp_path: Path, dev: FakeDev) -> None:
    dev.write("pytorch", *range(YESTERDAY, TODAY, 600))
    dev.cap = 40
    h = harness(tmp_path, dev)
    h.collect(NOW)
    assert h.values()[SERIES][YESTERDAY] == dev.on("pytorch", YESTERDAY)
    assert h.bounds()[SERIES][YESTERDAY] is Bound.AT_LEAST


def test_an_article_on_two_pages_is_one() -> None:
    first = [Row(i, YESTERDAY + i) for i in range(30)]
    walk = Walk("t", YESTERDAY, 3).take(first).take([*first[20:], *(Row(i, YESTERDAY + i) for i in range(30, 50))])
    assert walk.counts()[YESTERDAY] == 50
    assert not walk.ended
    assert walk.take(first).ended  # nothing new: it would go on for ever
    older = [Row(i, YESTERDAY - i) for i in range(99)]
    assert not Walk("t", YESTERDAY, 3).take([*first, *older]).ended  # an older article is the end only of a list by date
    assert Walk("t", YESTERDAY, 3).take([*first[::-1], *older]).ended


def test_zero_needs_older_articles_of_the_tag(tmp_path: Path, dev: FakeDev) -> None:
    dev.write("quiet", TODAY - 400 * DAY)
    topics = [Topic("quiet", "Quiet", {"devto": "quiet"}), Topic("nothing", "Nothing", {"devto": "nosuchtag"}), *TOPICS]
    h = harness(tmp_path, dev, topics)
    h.collect(NOW)
    quiet, nothing = (SERIES.replace("pytorch", n, 1) for n in ("quiet", "nothing"))
    quiet, nothing = quiet.replace('tag="pytorch"', 'tag="quiet"'), nothing.replace('tag="pytorch"', 'tag="nosuchtag"')
    assert h.values() == {quiet: {YESTERDAY: 0}, SERIES: {YESTERDAY: 3}}
    assert h.outcomes() == {quiet: "measured", nothing: "missing(not_found)", SERIES: "measured"}


def test_history_is_one_walk_for_all_days(tmp_path: Path, dev: FakeDev) -> None:
    h = harness(tmp_path, dev)
    h.backfill(NOW, TODAY - 10 * DAY)
    assert h.values()[SERIES] == {day: dev.on("pytorch", day) for day in range(TODAY - 10 * DAY, TODAY, DAY)}
    assert set(h.bounds()[SERIES].values()) == {Bound.EXACT}
    assert len(dev.asked()) == 1
    dev.articles = [a for a in dev.articles if a.time < TODAY - 5 * DAY or a.time >= TODAY - 4 * DAY]
    h.backfill(NOW + 60, TODAY - 10 * DAY)
    assert h.values()[SERIES][TODAY - 5 * DAY] == 0


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda _: {"error": "unauthorized", "status": 401}, "parse_error"),
        (lambda rows: [{**r, "published_timestamp": None} for r in rows], "parse_error"),
        (lambda rows: [{k: v for k, v in r.items() if k != "id"} for r in rows], "parse_error"),
        (lambda rows: [{**r, "tag_list": ["cooking"]} for r in rows], "parse_error"),
    ],
)
def test_an_answer_that_is_not_the_list_is_no_number(tmp_path: Path, dev: FakeDev, edit: Any, reason: str) -> None:
    dev.fail(times=9, edit=edit)
    h = harness(tmp_path, dev)
    h.collect(NOW)
    assert h.outcomes() == {SERIES: f"missing({reason})"}
    assert h.values() == {}


def test_a_list_that_is_asked_for_days_later_still_reaches_back_to_the_day(tmp_path: Path, dev: FakeDev) -> None:
    h = harness(tmp_path, dev)
    with Journal.open(tmp_path, writable=True) as journal, journal.write(now=NOW) as tx:  # a run that a crash left unfinished
        tx.define(DevTo.metrics(), "devto")
        ledger.open_run(tx, "devto", ledger.COLLECT, DevTo.slots(TOPICS, NOW), now=NOW, parser=1)
    dev.now = NOW + 20 * DAY
    h.collect(NOW + 20 * DAY, topics=[])
    assert h.values() == {SERIES: {YESTERDAY: 3}}
    assert [a.query["top"] for a in dev.asked()] == ["3", "23"]


def test_reading_the_captures_again_changes_nothing(tmp_path: Path, dev: FakeDev) -> None:
    h = harness(tmp_path, dev)
    h.collect(NOW)
    before = (h.values(), h.outcomes(), len(dev.asked()))
    h.reparse(NOW + 9 * DAY)
    assert (h.values(), h.outcomes(), len(dev.asked())) == before


def test_a_preview_shows_the_newest_titles(tmp_path: Path, dev: FakeDev) -> None:
    [shown] = harness(tmp_path, dev).preview(NOW)
    found = sum(1 for a in dev.articles if a.time > NOW - 30 * DAY)
    assert shown.text == f"tag pytorch: {found} articles in 30 days; 'Part 5'; 'Part 4'; 'Part 3'"


@pytest.mark.parametrize(
    ("said", "hint"), [("scikit-learn", "scikitlearn"), ("PyTorch", "pytorch"), ("c++", '"c"'), (7, "machinelearning")]
)
def test_a_name_that_is_no_tag_is_told_how_to_be_written(said: object, hint: str) -> None:
    with pytest.raises(UsageError, match="letters and digits only") as error:
        DevTo.check(Topic("t", "T", {"devto": [said]}))
    assert hint in str(error.value)


def test_rows_without_the_tag_are_padding() -> None:
    rows = [Article(1, NOW, ("rust",)).row(), Article(2, NOW, ("pytorch",)).row(), {**Article(3, NOW, ()).row(), "tag_list": "a, PyTorch"}]
    body = str(rows).replace("'", '"').encode()
    assert [r.id for r in read_articles(body, "pytorch")] == [2, 3]
    with pytest.raises(ParseError, match="none of the 3"):
        read_articles(body, "jax")
