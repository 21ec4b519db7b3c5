"""Medium: what a feed of ten proves, the pace, refusals, and the figures against a server's own truth."""

from __future__ import annotations

import json
import os
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawlers.counts import Count
from crawlers.spiders import medium_days as days
from crawlers.spiders import medium_pages as pages
from crawlers.spiders.medium import Medium
from crawlers.spiders.medium_days import GRID, LAG, LATEST, SOONEST, Article, Refusal, Tag
from scheduler.demo.servers import medium as fake
from scheduler.demo.servers.medium import FakeMedium, Post, archive_page, feed, published, tag_page
from scheduler.demo.servers.service import Asked
from storage import ledger
from storage.journal import Journal
from storage.model import Bound, ParseError, Reason, Topic, UsageError
from storage.periods import DAY, HOUR, read_time
from tests.harness import Harness

SHARED = Path(__file__).parents[2].parent / "shared"
CAPTURES = Path(os.environ.get("UPTAKE_CAPTURES", SHARED / "captures")) / "medium"
START = read_time("2026-11-01")
TOPICS = [Topic("pytorch", "PyTorch", {"medium": "pytorch"})]
PUBLISHED = 'articles.published{topic="%s",site="medium",tag="%s"}'
ESTIMATED = 'articles.estimated{topic="%s",site="medium",tag="%s"}'
TOTAL = 'medium.tag_total{topic="%s",tag="%s"}'
ARCHIVED = 'articles.published{topic="%s",site="medium",tag="%s",way="archive"}'
SERIES = PUBLISHED % ("pytorch", "pytorch")


# What looks prove


@dataclass
class Walk:
    """Looks at a tag as the spider makes them, without a spider."""

    posts: Sequence[Post]
    tag: Tag = field(default_factory=Tag)
    looks: list[int] = field(default_factory=list)
    told: dict[int, days.Day] = field(default_factory=dict)

    def newest(self, at: int) -> list[Article]:
        cut = bisect_right(self.posts, at, key=lambda p: p.time)
        return [Article(p.id, p.time) for p in self.posts[max(0, cut - 10) : cut]]

    def look(self, at: int, articles: Sequence[Article] | None = None, **more: bool) -> None:
        self.looks.append(at)
        due = at - LAG - (at - LAG) % DAY - DAY
        asked = [due] if due not in self.told and due > self.tag.ended else []
        tag = days.look(self.tag, self.newest(at) if articles is None else articles, at, built=at, **more)
        told, tag = days.speak(tag, at, asked)
        self.told |= told
        self.tag = Tag.read(json.loads(json.dumps(replace(tag, next=days.planned(tag, at)).kept())))

    def daily(self, start: int, stop: int, out: tuple[int, int] = (0, 0), step: int = 1200) -> Walk:
        """The looks of a program that is called every 20 minutes, but not during an outage."""
        for now in range(start, stop, step):
            if self.tag.next <= now and not out[0] <= now < out[1]:
                self.look(now)
        return self

    def truth(self, day: int) -> int:
        return sum(1 for p in self.posts if day <= p.time < day + DAY)


def posts_at(*times: int) -> list[Post]:
    return [Post(f"{i:012x}", time) for i, time in enumerate(sorted(times))]


@settings(max_examples=100, deadline=None)
@given(
    gaps=st.lists(st.integers(0, 4 * HOUR), min_size=5, max_size=150),
    pauses=st.lists(st.integers(60, 14 * HOUR), min_size=5, max_size=60),
    seed=st.randoms(use_true_random=False),
)
def test_a_day_that_is_called_exact_is_and_a_lower_bound_is_one(gaps: list[int], pauses: list[int], seed: object) -> None:
    time, times = START, []
    for gap in gaps:
        time += gap
        times.append(time)
    walk, now = Walk(posts_at(*times)), START + HOUR
    for pause in pauses:
        now += pause
        shown = walk.newest(now)
        seed.shuffle(shown)  # type: ignore[attr-defined]  # hypothesis' Random
        if shown:
            walk.look(now, shown)
    for day, found in walk.told.items():
        if found.bound is Bound.EXACT:
            assert found.seen == walk.truth(day)
        else:
            assert 0 < found.seen <= walk.truth(day)
    for day, known in walk.tag.days.items():
        assert known.covered <= DAY, day


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), gone=st.sets(st.integers(0, 80), max_size=30))
def test_articles_that_vanish_from_feeds_are_counted_once_all_the_same(seed: int, gone: set[int]) -> None:
    posts = published(20, START, START + 4 * DAY, seed)
    walk = Walk(posts)
    for now in range(START + 2 * HOUR, START + 4 * DAY, 2 * HOUR):
        left = [p for i, p in enumerate(posts) if p.time <= now and not (i in gone and p.time < now - 5 * HOUR)]
        walk.look(now, [Article(p.id, p.time) for p in left[-10:]])
    for day, found in walk.told.items():
        assert found.seen <= walk.truth(day)


def test_a_pause_between_looks_that_share_an_article_leaves_no_gap() -> None:
    posts = posts_at(*range(START - 8 * HOUR, START + 3 * DAY, 6 * HOUR))
    walk = Walk(posts)
    walk.look(START + HOUR)
    walk.look(START + 2 * DAY + LAG)  # two days later, eight articles later
    assert (walk.told[START].seen, walk.told[START].covered) == (4, DAY)
    assert walk.told[START + DAY].bound is Bound.EXACT


def test_ten_new_articles_in_a_look_may_be_all_or_not_so_the_day_is_a_lower_bound() -> None:
    first, second = [START + HOUR + i for i in range(10)], [START + 2 * HOUR + i for i in range(10)]
    walk = Walk(posts_at(*range(START - 20 * HOUR, START, 2 * HOUR), *first, *second))
    for now in (START + HOUR + 60, START + 3 * HOUR, START + DAY + LAG):
        walk.look(now)
    found = walk.told[START]
    assert (found.seen, found.bound) == (20, Bound.AT_LEAST)
    assert found.covered == DAY - (HOUR + 1) - (HOUR - 60 + 1)  # before the first ten, and between the looks
    assert found.estimate == round(20 * DAY / found.covered, 1)
    assert days.Day(9, DAY // 10 - 1).estimate is None


def test_an_old_article_that_stands_in_a_feed_out_of_turn_does_not_hide_a_gap() -> None:
    walk = Walk(posts_at(*range(START, START + DAY, 1200)))
    walk.look(START + 5 * HOUR)
    stray = Article("a0a0a0a0a0a0", START - 400 * DAY)
    walk.look(START + 12 * HOUR, [*walk.newest(START + 12 * HOUR)[1:], stray])
    walk.look(START + 13 * HOUR, [*walk.newest(START + 13 * HOUR)[1:], stray])
    proven = (9 * 1200 - 1) + (8 * 1200 - 1) + HOUR  # ten, then nine without the stray one, then all since the last look
    assert walk.tag.days[START].covered == proven
    assert START - 400 * DAY not in walk.tag.days


def test_a_feed_that_was_made_earlier_proves_nothing_of_the_time_since() -> None:
    articles = [Article("a", START + HOUR), Article("b", START + 2 * HOUR)]
    stale = days.look(Tag(), articles, START + 5 * HOUR, built=START + 3 * HOUR)
    assert stale.until == START + 3 * HOUR
    older = days.look(stale, articles, START + 6 * HOUR, built=START + 5 * HOUR // 2)  # out of a cache
    assert days.look(older, articles, START + 7 * HOUR).days[START].covered == 6 * HOUR - 1
    fixed = days.look(Tag(), articles, START + 5 * HOUR, built=START - 900 * DAY)  # it says something impossible
    assert fixed.until == START + 5 * HOUR


def test_articles_from_the_future_wait_and_ones_that_cannot_be_read_leave_the_stretch_unproven() -> None:
    now = START + 10 * HOUR
    articles = [Article("a", START + HOUR), Article("b", now + 2 * HOUR), Article("c", now + HOUR // 2)]
    tag = days.look(Tag(), articles, now)
    assert tag.days[START] == days.Day(2, now - START - HOUR - 1)
    assert {guid for guid, _ in tag.articles} == {"a", "c"}
    later = days.look(tag, articles, now + 3 * HOUR)
    assert later.days[START].seen == 3
    assert days.look(Tag(), articles, now, whole=False).days[START] == days.Day(2, 0)


def test_articles_that_come_back_when_newer_ones_were_taken_down_are_not_counted_again() -> None:
    walk = Walk(posts_at(*range(START, START + 40 * 600, 600)))
    for now in range(START + 600, START + 7 * HOUR, 1800):
        walk.look(now)
    counted = walk.tag.days[START].seen
    assert counted == walk.truth(START)
    walk.look(START + 8 * HOUR, [Article(p.id, p.time) for p in walk.posts[:10]])  # the thirty newest are gone
    assert walk.tag.days[START].seen == counted


def test_a_day_of_which_a_part_without_articles_was_seen_has_no_number() -> None:
    walk = Walk(posts_at(*range(START - 2 * HOUR, START, 600), *range(START + 20 * HOUR, START + DAY + 8 * HOUR, 600)))
    walk.look(START + 10 * HOUR)
    walk.look(START + DAY + LAG)
    assert walk.tag.days[START] == days.Day(0, 10 * HOUR)
    assert START not in walk.told
    assert walk.tag.ended == START


def test_an_article_that_appears_late_revises_its_day() -> None:
    times = [START - DAY + i * 5 * HOUR for i in range(15)]
    walk = Walk(posts_at(*times))
    walk.look(START + HOUR)
    walk.look(START + DAY + LAG)
    counted = walk.told.pop(START).seen
    late = Article("1a7e1a7e1a7e", START + 20 * HOUR)
    walk.look(START + DAY + LAG + HOUR, [*walk.newest(START + DAY + LAG + HOUR)[-9:], late])
    assert (walk.told[START].seen, walk.told[START].bound) == (counted + 1, Bound.EXACT)


def test_what_is_remembered_of_a_busy_tag_stays_small() -> None:
    walk = Walk(published(400, START, START + 20 * DAY, 5))
    sizes = []
    for now in range(START + HOUR, START + 20 * DAY, HOUR):
        walk.look(now)
        sizes.append(len(json.dumps(walk.tag.kept())))
    assert max(sizes) < 1500
    assert len(walk.tag.days) <= days.KEPT + 1
    assert Tag.read(walk.tag.kept()) == walk.tag


# The pace


@given(rate=st.floats(0.01, 5000), at=st.integers(START, START + DAY))
def test_the_next_look_is_within_bounds_and_when_a_day_can_be_closed(rate: float, at: int) -> None:
    gap = DAY / rate
    tag = days.look(Tag(), [Article(f"{i:x}", int(at - i * gap)) for i in range(10)], at)
    following = days.planned(tag, at)
    assert at + SOONEST - GRID <= following <= at + LATEST or following == days.closing(at)
    assert following % GRID == 0
    assert at < days.closing(at) <= at + DAY
    assert (days.closing(at) - LAG) % DAY == 0
    assert following <= days.closing(at)


def test_the_pause_follows_bursts_and_the_hours_of_the_day() -> None:
    walk = Walk(published(60, START, START + 10 * DAY, 4, swing=0.9)).daily(START + DAY, START + 10 * DAY)
    now = START + 10 * DAY
    noon, night = (days.planned(replace(walk.tag, articles=()), now + hour * HOUR) - now - hour * HOUR for hour in (14, 23))
    assert noon <= HOUR
    assert night > 2 * noon
    at = START + 10 * DAY + 23 * HOUR
    burst = days.look(walk.tag, [Article(f"{i:x}", at - i * 60) for i in range(10)], at)
    assert days.planned(burst, at) - at == SOONEST


def test_looks_that_give_nothing_are_repeated_ever_more_rarely() -> None:
    tag, now, waits = Tag(), START, []
    for _ in range(9):
        tag = days.failed(tag, now)
        waits.append((tag.next - now) // 60)
        now = tag.next
    assert waits == [20, 40, 80, 160, 320, 640, 1280, 1440, 1440]
    assert days.look(tag, [Article("a", START)], now).failures == 0


def test_refusals_double_the_pause_up_to_a_day_and_retry_after_is_kept() -> None:
    refusal, waits = None, []
    for _ in range(7):
        refusal = Refusal.read(json.loads(json.dumps(days.refused(refusal, START, (Reason.THROTTLED, "status 429")).kept())))
        assert refusal is not None
        waits.append((refusal.until - START) // HOUR)
    assert waits == [1, 2, 4, 8, 16, 24, 24]
    assert days.refused(None, START, (Reason.BLOCKED, ""), 7200.5).until == START + 7201
    assert days.refused(None, START, (Reason.BLOCKED, ""), 60).until == START + HOUR


# Fourteen days

OUTAGE = (START + 7 * DAY + 9 * HOUR, START + 7 * DAY + 15 * HOUR)
WEEKS = 14


@dataclass
class Figures:
    """What a simulated tag came to."""

    rate: int
    exact: int
    part: int
    unseen: int
    looks: float  # a day
    estimates: float  # their sum against the truth's, less one
    worst: float

    def __str__(self) -> str:
        return (
            f"{self.rate:>4} a day: {self.exact} days exact, {self.part} in part, {self.unseen} unseen; {self.looks:.1f} looks a day; "
            f"estimates {self.estimates:+.1%} in all, {self.worst:.0%} at worst"
        )


def figures(rate: int, seed: int) -> Figures:
    walk = Walk(published(rate, START - 20 * DAY, START + (WEEKS + 2) * DAY, seed)).daily(START, START + WEEKS * DAY + LAG + 1, OUTAGE)
    span = range(START, START + WEEKS * DAY, DAY)
    found = {day: walk.told[day] for day in span if day in walk.told}
    part = {day: d for day, d in found.items() if d.bound is Bound.AT_LEAST}
    for day, d in found.items():
        truth = walk.truth(day)
        assert d.seen == truth if d.bound is Bound.EXACT else 0 < d.seen <= truth
    for day in span:  # against the looks' own record: what ten articles cannot have shown is never called exact
        if not _was_seen_whole(walk, day):
            assert day in part or day not in found
    perday = [sum(1 for at in walk.looks if day <= at < day + DAY) for day in span]
    assert max(perday) <= 72
    truth = sum(walk.truth(day) for day in part)
    estimates = {day: d.estimate or 0.0 for day, d in part.items()}
    errors = [abs(estimate / walk.truth(day) - 1) for day, estimate in estimates.items()]
    return Figures(
        rate,
        len(found) - len(part),
        len(part),
        WEEKS - len(found),
        sum(perday) / WEEKS,
        sum(estimates.values()) / truth - 1 if truth else 0.0,
        max(errors, default=0.0),
    )


def _was_seen_whole(walk: Walk, day: int) -> bool:
    """Whether each article of a day was in some feed, by the server's list of posts."""
    shown = {a.guid for at in walk.looks for a in walk.newest(at)}
    return all(p.id in shown for p in walk.posts if day <= p.time < day + DAY)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_fourteen_days_with_an_outage_of_six_hours(seed: int) -> None:
    slow, middle, busy = (figures(rate, seed) for rate in (5, 50, 500))
    print(f"\nseed {seed}", slow, middle, busy, sep="\n  ")  # the closing note quotes it: pytest -s
    assert (slow.exact, slow.looks < 3) == (WEEKS, True)
    assert middle.exact >= 9
    assert 8 <= middle.looks <= 18
    assert abs(middle.estimates) < 0.1
    assert (busy.exact, busy.unseen) == (0, 0)
    assert 60 <= busy.looks <= 72
    assert abs(busy.estimates) < 0.06
    assert busy.worst < 0.3


# The spider, against a server

NOW = START + 10 * DAY + 7 * HOUR
YESTERDAY = START + 9 * DAY


@pytest.fixture
def medium() -> Iterator[FakeMedium]:
    with FakeMedium(NOW) as service:
        service.posts["pytorch"] = posts_at(*range(NOW - 5 * DAY, NOW + 30 * DAY, 5 * HOUR + 7))
        yield service


def harness(folder: Path, medium: FakeMedium, topics: Sequence[Topic] = TOPICS, **options: object) -> Harness:
    return Harness(folder, Medium, base_url=medium.url, topics=topics, options=options)


def at(medium: FakeMedium, h: Harness, now: int) -> None:
    medium.now = now
    h.collect(now)


def is_feed(asked: Asked) -> bool:
    return asked.path.startswith("/feed/")


def test_the_spider_says_what_the_looks_prove(tmp_path: Path, medium: FakeMedium) -> None:
    """Thirty hours with an outage of six, at the times of a program that sleeps until the next look."""
    rates = {"slow": 5, "middle": 50, "busy": 80}
    medium.posts = {tag: published(rate, START - 20 * DAY, START + 4 * DAY, rate, tag=tag) for tag, rate in rates.items()}
    topics = [Topic(tag, tag, {"medium": [tag]}) for tag in rates]
    h, walks = harness(tmp_path, medium, topics), {tag: Walk(posts) for tag, posts in medium.posts.items()}
    out = (START + 10 * HOUR, START + 16 * HOUR)
    now, stop = START, START + DAY + LAG + 1
    while now < stop:
        if not out[0] <= now < out[1]:
            at(medium, h, now)
            for walk in walks.values():
                if walk.tag.next <= now:
                    walk.look(now)
        following = Medium.next_poll(topics, h.state(), now + 1)
        assert following is not None
        assert following > now + 1 or out[0] <= now < out[1]
        now = max(following, now + 1200 if out[0] <= now < out[1] else 0)
    values, bounds, estimates = h.values("articles.published"), h.bounds("articles.published"), h.values("articles.estimated")
    for tag, walk in walks.items():
        assert len(medium.asked(f"/feed/tag/{tag}")) == len(walk.looks)
        assert values[PUBLISHED % (tag, tag)] == {day: d.seen for day, d in walk.told.items()}
        assert bounds[PUBLISHED % (tag, tag)] == {day: d.bound for day, d in walk.told.items()}
        part = {day: d.estimate for day, d in walk.told.items() if d.bound is Bound.AT_LEAST and d.estimate is not None}
        assert estimates.get(ESTIMATED % (tag, tag), {}) == part
        assert Tag.read(h.state()[f"tag:{tag}"]) == walk.tag
    assert bounds[PUBLISHED % ("slow", "slow")][START] is Bound.EXACT
    assert values[PUBLISHED % ("slow", "slow")][START] == len(medium.on("slow", START))
    assert bounds[PUBLISHED % ("busy", "busy")][START] is Bound.AT_LEAST
    assert values[PUBLISHED % ("busy", "busy")][START] < len(medium.on("busy", START))


def test_a_day_is_counted_once_it_has_settled_and_nothing_is_asked_twice(tmp_path: Path, medium: FakeMedium) -> None:
    h = harness(tmp_path, medium)
    at(medium, h, NOW)
    assert h.values()[SERIES][YESTERDAY] == len(medium.on("pytorch", YESTERDAY))
    assert h.bounds()[SERIES][YESTERDAY] is Bound.EXACT
    assert h.outcomes() == {SERIES: "measured"}
    assert h.collect(NOW + 600) == []
    assert len(medium.asked()) == 1
    at(medium, h, YESTERDAY + 2 * DAY + LAG - 60)
    assert YESTERDAY + DAY not in h.values()[SERIES]
    at(medium, h, YESTERDAY + 2 * DAY + LAG)
    assert h.values()[SERIES][YESTERDAY + DAY] == len(medium.on("pytorch", YESTERDAY + DAY))


def test_a_day_without_articles_is_zero_when_it_was_seen_whole(tmp_path: Path, medium: FakeMedium) -> None:
    medium.posts["pytorch"] = posts_at(NOW - 9 * DAY, NOW - 4 * DAY)
    h = harness(tmp_path, medium)
    at(medium, h, NOW)
    assert h.values()[SERIES][YESTERDAY] == 0
    assert h.bounds()[SERIES][YESTERDAY] is Bound.EXACT


def test_a_day_of_which_nothing_was_seen_is_missing_not_zero(tmp_path: Path, medium: FakeMedium) -> None:
    medium.posts["pytorch"] = posts_at(*range(NOW - 5 * HOUR, NOW, 60))
    h = harness(tmp_path, medium)
    at(medium, h, NOW)
    assert h.outcomes() == {SERIES: "missing(downtime)"}
    assert h.values() == {}
    at(medium, h, NOW + 1200)
    assert len(medium.asked()) == 2
    assert h.outcomes() == {SERIES: "missing(downtime)"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "parse_error"),
        (b"<!DOCTYPE html><html><body>Sorry</body></html>", "parse_error"),
        (feed([], NOW), "parse_error"),
        (feed([Post("0a0a0a0a0a0a", NOW - HOUR)], NOW)[:-40], "parse_error"),
        (b"<html><head><title>Just a moment...</title></head><script>window._cf_chl_opt={}</script></html>", "blocked"),
        (b"Too many feed requests. See: https://medium.superfeedr.com", "throttled"),
    ],
)
def test_what_is_no_feed_is_no_zero_and_the_day_is_filled_by_a_later_look(
    tmp_path: Path, medium: FakeMedium, body: bytes, reason: str
) -> None:
    medium.fail(is_feed, body=body)
    h = harness(tmp_path, medium)
    at(medium, h, NOW)
    assert h.outcomes() == {SERIES: f"missing({reason})"}
    assert h.values() == {}
    for later in range(NOW + 60, NOW + 1200, 300):
        at(medium, h, later)
    assert len(medium.asked()) == 1
    at(medium, h, NOW + 2 * HOUR)
    assert h.outcomes() == {SERIES: "recovered"}
    assert h.values()[SERIES][YESTERDAY] == len(medium.on("pytorch", YESTERDAY))


@pytest.mark.parametrize(("status", "reason"), [(429, "throttled"), (403, "blocked")])
def test_a_refusal_ends_the_run_and_the_pause_doubles_until_an_answer(tmp_path: Path, medium: FakeMedium, status: int, reason: str) -> None:
    topics = [Topic(name, name, {"medium": name}) for name in ("pytorch", "jax", "keras")]
    medium.posts |= {"jax": medium.posts["pytorch"], "keras": medium.posts["pytorch"]}
    h = harness(tmp_path, medium, topics)
    medium.fail(is_feed, times=100, status=status, body=b"not now")
    at(medium, h, NOW)
    assert len(medium.asked()) == 1
    assert set(h.outcomes().values()) == {f"missing({reason})"}
    times, now = [], NOW - HOUR
    for _ in range(34):
        now += 2 * HOUR
        before = len(medium.asked())
        at(medium, h, now)
        if len(medium.asked()) > before:
            times.append((now - NOW) // HOUR)
    assert times == [1, 3, 7, 15, 31, 55]
    assert {e.label for e in h.ends()} == {f"missing({reason})"}
    assert len(h.ends()) == 3 * 3  # three topics, days closed on three mornings
    medium.faults.clear()
    at(medium, h, now + DAY)
    assert len(medium.asked()) == 7 + 3
    assert [e.label for e in h.ends() if e.slot.time == START + 12 * DAY] == ["measured"] * 3
    medium.fail(is_feed, status=status)
    at(medium, h, now + 2 * DAY)
    asked = len(medium.asked())
    at(medium, h, now + 2 * DAY + HOUR - 60)
    assert len(medium.asked()) == asked
    at(medium, h, now + 2 * DAY + HOUR)
    assert len(medium.asked()) > asked


def test_retry_after_is_honoured_over_runs(tmp_path: Path, medium: FakeMedium) -> None:
    h = harness(tmp_path, medium)
    medium.fail(is_feed, status=429, headers={"Retry-After": str(5 * HOUR)})
    at(medium, h, NOW)
    assert Medium.next_poll(TOPICS, h.state(), NOW) == NOW + 5 * HOUR
    at(medium, h, NOW + 5 * HOUR - 1)
    assert len(medium.asked()) == 1
    at(medium, h, NOW + 5 * HOUR)
    assert len(medium.asked()) == 2
    assert "refused" not in h.state()


def test_an_answer_ends_a_row_of_refusals_even_if_the_next_request_is_refused(tmp_path: Path, medium: FakeMedium) -> None:
    medium.posts["jax"] = medium.posts["pytorch"]
    h = harness(tmp_path, medium, [*TOPICS, Topic("jax", "JAX", {"medium": "jax"})])
    medium.fail(is_feed, times=2, status=429)
    at(medium, h, NOW)
    at(medium, h, NOW + HOUR)
    medium.fail(lambda a: a.path.endswith("jax"), status=429)
    at(medium, h, NOW + 3 * HOUR)
    assert Refusal.read(h.state()["refused"]) == Refusal(NOW + 4 * HOUR, HOUR, Reason.THROTTLED, "status 429")
    assert h.values()[SERIES][YESTERDAY] == len(medium.on("pytorch", YESTERDAY))


def test_one_tag_that_fails_costs_the_others_nothing_and_is_tried_more_rarely(tmp_path: Path, medium: FakeMedium) -> None:
    topics = [*TOPICS, Topic("nothing", "Nothing", {"medium": "no-such-tag"})]
    h = harness(tmp_path, medium, topics)
    at(medium, h, NOW)
    assert h.outcomes() == {SERIES: "measured", PUBLISHED % ("nothing", "no-such-tag"): "missing(not_found)"}
    for now in range(NOW + 600, NOW + 6 * HOUR, 600):
        at(medium, h, now)
    assert len(medium.asked("no-such-tag")) == 5  # after 20, 40, 80 and 160 minutes


def test_each_tag_has_its_series_and_is_asked_for_once_for_all_topics(tmp_path: Path, medium: FakeMedium) -> None:
    medium.posts["torch"] = posts_at(*range(NOW - 5 * DAY, NOW, 7 * HOUR))
    topics = [Topic("pytorch", "PyTorch", {"medium": ["pytorch", "torch"]}), Topic("lua", "Lua Torch", {"medium": "torch"})]
    h = harness(tmp_path, medium, topics)
    at(medium, h, NOW)
    found = {name: times[YESTERDAY] for name, times in h.values().items()}
    torch = len(medium.on("torch", YESTERDAY))
    assert found == {
        SERIES: len(medium.on("pytorch", YESTERDAY)),
        PUBLISHED % ("pytorch", "torch"): torch,
        PUBLISHED % ("lua", "torch"): torch,
    }
    assert sorted(a.path for a in medium.asked()) == ["/feed/tag/pytorch", "/feed/tag/torch"]


def test_reading_the_captures_again_changes_nothing(tmp_path: Path, medium: FakeMedium) -> None:
    medium.posts["pytorch"] = published(60, NOW - 5 * DAY, NOW + 2 * DAY, 3)
    h = harness(tmp_path, medium)
    for now in range(NOW, NOW + DAY, 4 * HOUR):
        at(medium, h, now)
    before, asked, state = (h.values(), h.bounds(), h.outcomes()), len(medium.asked()), h.state()
    h.reparse(NOW + 2 * DAY)
    assert ((h.values(), h.bounds(), h.outcomes()), len(medium.asked()), h.state()) == (before, asked, state)


def test_a_run_that_a_crash_left_is_done_once_and_from_then_on_the_pace_goes_on(tmp_path: Path, medium: FakeMedium) -> None:
    with Journal.open(tmp_path, writable=True) as journal, journal.write(now=NOW) as tx:
        tx.define(Medium.metrics(), "medium")
        ledger.open_run(tx, "medium", ledger.COLLECT, Medium.slots(TOPICS, NOW), now=NOW, parser=1)
    h = harness(tmp_path, medium)
    at(medium, h, NOW + 9 * HOUR)
    assert h.outcomes() == {SERIES: "measured"}
    assert len(medium.asked()) == 1
    following = Medium.next_poll(TOPICS, h.state(), NOW)
    assert following is not None
    assert following > NOW + 9 * HOUR


def test_totals_come_from_tag_pages_once_a_day_behind_the_feeds(tmp_path: Path, medium: FakeMedium) -> None:
    medium.totals["pytorch"] = 91_560
    h = harness(tmp_path, medium, pages=True)
    at(medium, h, NOW)
    for later in range(NOW + 1200, NOW + 16 * HOUR, HOUR):
        at(medium, h, later)
    assert h.values()[TOTAL % ("pytorch", "pytorch")] == {NOW - NOW % DAY: 91_560}
    assert [a.path for a in medium.asked()][:2] == ["/feed/tag/pytorch", "/tag/pytorch"]
    assert [a.path for a in medium.asked()].count("/tag/pytorch") == 1
    assert h.outcomes() == {SERIES: "measured", TOTAL % ("pytorch", "pytorch"): "measured"}
    medium.totals["pytorch"] += 5
    at(medium, h, NOW - NOW % DAY + DAY)
    assert h.values()[TOTAL % ("pytorch", "pytorch")][NOW - NOW % DAY + DAY] == 91_565


def test_a_wall_before_tag_pages_harms_no_feed(tmp_path: Path, medium: FakeMedium) -> None:
    medium.fail(lambda a: a.path.startswith("/tag/"), times=9, status=403)
    medium.posts["pytorch"] = posts_at(*range(NOW - 30 * HOUR, NOW + DAY, 3 * HOUR + 7))
    medium.posts["jax"] = medium.posts["pytorch"]
    topics = [*TOPICS, Topic("jax", "JAX", {"medium": "jax"})]
    h = harness(tmp_path, medium, topics, pages=True)
    at(medium, h, NOW)
    outcomes = h.outcomes()
    assert {outcomes[PUBLISHED % (t, t)] for t in ("pytorch", "jax")} == {"measured"}
    assert {outcomes[TOTAL % (t, t)] for t in ("pytorch", "jax")} == {"missing(blocked)"}
    for later in range(NOW + 1200, NOW + 16 * HOUR, HOUR):
        at(medium, h, later)
    assert len([a for a in medium.asked() if not is_feed(a)]) == 1
    assert not any("feeds are asked" in e.detail for e in h.ends())
    assert len(medium.asked("/feed/")) > 2
    assert "refused" not in h.state()


def test_robots_txt_keeps_pages_closed_and_feeds_open(tmp_path: Path, medium: FakeMedium) -> None:
    medium.robots = b"User-agent: *\nDisallow: /tag/\n"
    h = harness(tmp_path, medium, pages=True)
    at(medium, h, NOW)
    assert h.outcomes() == {SERIES: "measured", TOTAL % ("pytorch", "pytorch"): "missing(robots)"}
    assert not [a for a in medium.asked() if a.path.startswith("/tag/")]


def test_past_days_are_read_from_archives_into_series_of_their_own(tmp_path: Path, medium: FakeMedium) -> None:
    times = [t for t in range(NOW - 9 * DAY, NOW, 3 * HOUR) if t - t % DAY != START + 7 * DAY]
    medium.posts["pytorch"] = posts_at(*times)
    h = harness(tmp_path, medium, pages=True)
    h.backfill(NOW, START + 5 * DAY)
    expected = {day: len(medium.on("pytorch", day)) for day in range(START + 5 * DAY, START + 10 * DAY, DAY)}
    assert expected[START + 7 * DAY] == 0
    assert h.values() == {ARCHIVED % ("pytorch", "pytorch"): expected}
    without = harness(tmp_path / "without", medium)
    [report] = without.backfill(NOW)
    assert "pages = true" in report.tally.details[0].detail
    assert without.values() == {}


def test_a_preview_shows_titles_and_pace(tmp_path: Path, medium: FakeMedium) -> None:
    [shown] = harness(tmp_path, medium).preview(NOW)
    assert shown.topic == "pytorch"
    assert "tag pytorch: about 4" in shown.text or "tag pytorch: about 5" in shown.text
    assert "'On layers'" in shown.text


@pytest.mark.parametrize(
    ("said", "hint"), [("Machine Learning", '"machine-learning"'), ("PyTorch", '"pytorch"'), ("c++", '"c"'), (7, "medium")]
)
def test_a_name_that_is_no_tag_is_told_how_to_be_written(said: object, hint: str) -> None:
    with pytest.raises(UsageError, match="is not a tag") as error:
        Medium.check(Topic("t", "T", {"medium": [said]}))
    assert hint in str(error.value)
    Medium.check(Topic("t", "T", {"medium": ["machine-learning", "機械学習"]}))


def test_the_next_look_is_the_earliest_of_all_tags() -> None:
    topics = [Topic("a", "A", {"medium": ["a", "b"]}), Topic("c", "C", {"github": "c/c"})]
    known = {"tag:a": Tag(next=NOW + 900).kept(), "tag:b": Tag(next=NOW + 600).kept()}
    assert Medium.next_poll(topics, known, NOW) == NOW + 600
    assert Medium.next_poll(topics, {"tag:a": known["tag:a"]}, NOW) == NOW
    assert Medium.next_poll(topics[1:], {}, NOW) is None
    assert Medium.polls(topics, known, NOW + 599) == []
    assert Medium.polls(topics, known, NOW + 600) == ["a"]


# Parsers


def test_a_feed_is_read_in_any_order_and_without_what_it_lacks() -> None:
    posts = [Post("0123456789ab", START), Post("9ac0ae3089a0", START + 60)]
    read = pages.read_feed(feed(posts, START + 90))
    assert [(a.guid, a.time, a.title) for a in read.articles] == [(p.id, p.time, p.title) for p in posts]
    assert (read.built, read.whole) == (START + 90, True)
    undated = "<item><title>x</title><guid>https://medium.com/p/aaaaaaaaaaaa</guid><pubDate>soon</pubDate></item>"
    unnamed = "<item><link>https://medium.com/@a/b-bbbbbbbbbbbb?source=rss</link><pubDate>Sun, 01 Nov 2026 00:00:00 GMT</pubDate></item>"
    odd = pages.read_feed(feed(posts, None, extra=undated + unnamed))
    assert [a.guid for a in odd.articles] == [posts[0].id, posts[1].id, "bbbbbbbbbbbb"]
    assert (odd.built, odd.whole) == (None, False)


@pytest.mark.parametrize(
    "body",
    [b"", b"  \n", b"<html>", b'{"a": 1}', feed([], START), b"<feed/>", b'<!DOCTYPE r [<!ENTITY a "b">]><rss><channel>&a;</channel></rss>'],
)
def test_what_is_no_feed_is_an_error(body: bytes) -> None:
    with pytest.raises(ParseError):
        pages.read_feed(body)


def test_a_tag_page_gives_the_exact_total_else_the_rounded_one() -> None:
    assert pages.read_tag_total(tag_page("ux-design", 91_560)) == ("ux-design", Count(91_560))
    tag, count = pages.read_tag_total(tag_page("ux-design", None))
    assert (tag, count.value, count.bound) == ("ux-design", 91_000, Bound.ESTIMATE)
    assert pages.read_tag_total(tag_page("ux-design", None, said="1.2M<!-- --> stories"))[1] == Count(1_200_000, Bound.ESTIMATE)
    with pytest.raises(ParseError, match="nowhere"):
        pages.read_tag_total(tag_page("ux-design", None, said="Follow"))
    with pytest.raises(ParseError, match="nowhere"):
        pages.read_tag_total(tag_page("ux-design", 5, said=""), "other-tag")
    with pytest.raises(ParseError):
        pages.read_tag_total("")


def test_an_archive_counts_its_day_and_zero_needs_the_months_other_days() -> None:
    posts = posts_at(START + 5, START + 9 * HOUR)
    day = pages.read_archive(archive_page("python", START, posts, {1, 4}))
    assert (day.tag, day.start, pages.count_of(day, START, "python")) == ("python", START, Count(2))
    assert pages.count_of(replace(day, more=True), START, "python").bound is Bound.AT_LEAST
    bare = archive_page("python", START, posts, {1}).replace('"timeBucket"', '"x"').replace('"tag"', '"y"')
    assert pages.read_archive(bare, "https://medium.com/tag/python/archive/2026/11/01") == replace(
        day, filled={d: d == 1 for d in day.filled}
    )
    month = pages.read_archive(archive_page("python", START, posts, {1, 4}, of_month=True))
    assert pages.count_of(month, START + DAY, "python") == Count(0)
    wrong: list[tuple[pages.Archive, int, str]] = [
        (month, START, "python"),  # the day has stories, but this is not its page
        (day, START + DAY, "python"),
        (day, START, "rust"),
        (replace(month, filled={}), START + DAY, "python"),
        (replace(month, filled={2: False}), START + DAY, "python"),
        (replace(day, posts={p.id: p.time - 30 * DAY for p in posts}), START, "python"),
    ]
    for archive, start, tag in wrong:
        with pytest.raises(ParseError):
            pages.count_of(archive, start, tag)


def test_saved_pages_tell_their_metric_tag_and_day() -> None:
    [total] = Medium.read_saved(tag_page("ux-design", 91_560), "")
    assert (total.metric, total.name, total.labels, total.time) == ("medium.tag_total", "ux-design", (("tag", "ux-design"),), None)
    [day] = Medium.read_saved(archive_page("python", START, posts_at(START + 5), {1}), "")
    assert (day.metric, day.name, day.time, day.count.value) == ("articles.published", "python", START, 1)
    assert day.labels == (("site", "medium"), ("tag", "python"), ("way", "archive"))
    refused: list[Callable[[], str]] = [
        lambda: feed(posts_at(START), START).decode(),
        lambda: "<html><head><title>Just a moment...</title></head></html>",
        lambda: archive_page("python", START, posts_at(START), {1}, of_month=True),
        lambda: "<html></html>",
    ]
    for make in refused:
        with pytest.raises(ParseError):
            Medium.read_saved(make(), "")


def _capture(name: str) -> bytes:
    path = CAPTURES / name
    if not path.exists():
        pytest.skip(f"{path} is not here: set UPTAKE_CAPTURES to the folder with captured responses")
    return path.read_bytes()


def test_the_captured_feed_has_ten_articles_of_one_day() -> None:
    read = pages.read_feed(_capture("feed_tag_laravel_2023-11-28.xml"))
    times = [a.time for a in read.articles]
    assert (len(times), max(times), min(times)) == (10, read_time("2023-11-28T17:05:46Z"), read_time("2023-11-28T03:31:02Z"))
    assert all(len(a.guid) == 12 and int(a.guid, 16) for a in read.articles)
    assert read.whole


def test_the_captured_tag_page_has_its_exact_total() -> None:
    [saved] = Medium.read_saved(_capture("tag_page_ux-design.html").decode(), "")
    assert (saved.name, saved.count) == ("ux-design", Count(91_560))


def test_the_fakes_night_is_quieter_than_its_day() -> None:
    posts = published(400, START, START + 10 * DAY, 1)
    hours: Mapping[int, int] = {h: sum(1 for p in posts if p.time % DAY // HOUR == h) for h in (3, 15)}
    assert hours[15] / hours[3] > 2
    assert abs(len(posts) / 4000 - 1) < 0.1
    assert fake.SIZE == 10
