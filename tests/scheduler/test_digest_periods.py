"""Periods of the digest on the wall clock of a time zone: each exists once, across daylight saving too."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.digest_periods import Period, latest
from storage.periods import DAY, HOUR, iso, read_time

BERLIN = "Europe/Berlin"


def periods(schedule: str, zone: str, start: str, end: str, step: int = HOUR // 4) -> list[tuple[str, str]]:
    """What is due, asked for every quarter of an hour: key and time of each new period."""
    found: list[Period] = []
    for now in range(read_time(start), read_time(end), step):
        period = latest(schedule, zone, now)
        if period is not None and period not in found:
            assert period.time <= now
            found.append(period)
    return [(p.key, iso(p.time)) for p in found]


def test_monday_at_seven_is_at_seven_in_summer_and_in_winter() -> None:
    assert periods("0 7 * * mon", BERLIN, "2026-10-19T06:00Z", "2026-11-02T07:00Z") == [
        ("2026-10-19", "2026-10-19T05:00:00Z"),
        ("2026-10-26", "2026-10-26T06:00:00Z"),
        ("2026-11-02", "2026-11-02T06:00:00Z"),
    ]


def test_an_hour_that_comes_twice_in_autumn_is_one_period() -> None:
    assert periods("30 2 * * *", BERLIN, "2026-10-24T01:00Z", "2026-10-26T03:00Z") == [
        ("2026-10-24", "2026-10-24T00:30:00Z"),
        ("2026-10-25", "2026-10-25T00:30:00Z"),
        ("2026-10-26", "2026-10-26T01:30:00Z"),
    ]


def test_an_hour_that_is_left_out_in_spring_is_a_period_still() -> None:
    assert periods("30 2 * * *", BERLIN, "2026-03-28T02:00Z", "2026-03-30T02:00Z") == [
        ("2026-03-28", "2026-03-28T01:30:00Z"),
        ("2026-03-29", "2026-03-29T01:30:00Z"),
        ("2026-03-30", "2026-03-30T00:30:00Z"),
    ]


def test_several_on_one_day_are_told_apart_by_their_hour() -> None:
    assert [key for key, _ in periods("0 7,19 * * mon", "UTC", "2026-04-06T07:00Z", "2026-04-06T20:00Z")] == [
        "2026-04-06",
        "2026-04-06T19:00",
    ]


def test_a_schedule_that_is_moved_within_the_day_keeps_its_period() -> None:
    now = read_time("2026-04-06T12:00Z")
    assert {p.key for s in ("0 7 * * mon", "30 9 * * mon") if (p := latest(s, BERLIN, now))} == {"2026-04-06"}


def test_a_rare_schedule_is_found_and_one_that_never_comes_is_none() -> None:
    now = read_time("2026-04-06T12:00Z")
    rare = latest("0 7 1 1 *", "UTC", now)
    assert rare is not None
    assert rare.key == "2026-01-01"
    assert latest("0 7 30 2 *", "UTC", now) is None


@given(
    st.sampled_from(["0 7 * * mon", "30 2 * * *", "15 1,2,3 * * sun", "0 0 1 * *"]),
    st.sampled_from([BERLIN, "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "UTC"]),
    st.integers(read_time("2024-01-01"), read_time("2027-01-01")),
    st.integers(0, 40 * DAY),
)
def test_time_never_goes_back(schedule: str, zone: str, now: int, later: int) -> None:
    first, second = latest(schedule, zone, now), latest(schedule, zone, now + later)
    assert first is not None
    assert second is not None
    assert first.time <= second.time
    assert (first.key == second.key) == (first.time == second.time)


@pytest.mark.parametrize("zone", ["UTC", BERLIN])
def test_the_moment_of_a_period_belongs_to_it(zone: str) -> None:
    period = latest("0 7 * * mon", zone, read_time("2026-04-08"))
    assert period is not None
    assert latest("0 7 * * mon", zone, period.time) == period
    before = latest("0 7 * * mon", zone, period.time - 1)
    assert before is not None
    assert before.key == "2026-03-30"
