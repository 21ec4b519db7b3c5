"""Cron lines as times: each nominal time exists once, whatever people do to their clocks."""

from __future__ import annotations

from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from scheduler.schedule import interval, jitter, next_time, times, trigger
from storage.periods import DAY, HOUR, WEEK, iso, moment, read_time

LINES = ["17 3 * * *", "*/20 * * * *", "0 0 1 * *", "29 5 * * tue", "30 2 * * *"]


@given(st.sampled_from(LINES), st.integers(read_time("2024-01-01"), read_time("2030-01-01")))
def test_the_next_time_is_later_and_nothing_lies_between(line: str, now: int) -> None:
    following = next_time(line, now)
    assert following is not None
    assert following > now
    assert list(times(line, now, following)) == [following]
    assert next_time(line, following - 1) == following


def test_a_source_is_called_once_a_day_when_clocks_change() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    for changing in ("2026-03-29", "2026-10-25"):
        start = read_time(changing) - DAY
        called = list(times("30 2 * * *", start, start + 3 * DAY))
        assert [b - a for a, b in pairwise(called)] == [DAY, DAY]
        assert len({moment(t).astimezone(berlin).utcoffset() for t in called}) == 2, "the day was well chosen"


def test_weekdays_are_those_that_are_named() -> None:
    assert iso(next_time("29 5 * * tue", read_time("2026-11-21"))) == "2026-11-24T05:29:00Z"


def test_a_visit_is_put_off_by_little_and_never_over_the_next_one() -> None:
    now = read_time("2026-11-21")
    assert [interval(line, now) for line in LINES[:2]] == [DAY, 1200]
    assert [jitter(line, now) for line in LINES[:2]] == [300, 120]
    fire = trigger("*/20 * * * *", now)
    before = None
    for _ in range(200):
        when = fire.get_next_fire_time(before, moment(now))
        assert when is not None
        assert 0 <= when.timestamp() % 1200 <= 120
        before, now = when, int(when.timestamp()) + 1


def test_a_year_of_times_is_that_many() -> None:
    start = read_time("2025-01-01")
    assert len(list(times("41 * * * *", start, start + 365 * DAY))) == 365 * DAY // HOUR
    assert len(list(times("29 5 * * tue", start, start + 52 * WEEK))) == 52
