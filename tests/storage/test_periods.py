from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage import periods
from storage.model import Cadence, Kind, Metric, UsageError

MOMENTS = st.integers(-4_000_000_000, 8_000_000_000)  # 1843 to 2223
CADENCES = st.sampled_from(Cadence)
METRICS = st.builds(
    lambda kind, cadence, settle, lag: Metric("a.b", kind, "", cadence, "", "", settle=settle, lag=lag),
    st.sampled_from(Kind),
    CADENCES,
    st.integers(0, 10**6),
    st.integers(0, 10**7),
)


@given(MOMENTS, CADENCES)
def test_a_moment_lies_in_exactly_one_period(time: int, cadence: Cadence) -> None:
    start = periods.floor(time, cadence)
    end = periods.following(start, cadence)
    assert start <= time < end
    assert periods.floor(start, cadence) == start
    assert periods.floor(end - 1, cadence) == start
    assert periods.floor(end, cadence) == end
    assert periods.preceding(end, cadence) == start
    assert end - start <= periods.span(cadence)


@given(MOMENTS)
def test_periods_are_those_of_the_calendar(time: int) -> None:
    when = periods.moment(time)
    assert periods.moment(periods.floor(time, Cadence.DAY)) == when.replace(hour=0, minute=0, second=0)
    assert periods.moment(periods.floor(time, Cadence.MONTH)) == when.replace(day=1, hour=0, minute=0, second=0)
    assert periods.moment(periods.floor(time, Cadence.YEAR)) == when.replace(month=1, day=1, hour=0, minute=0, second=0)
    assert periods.moment(periods.floor(time, Cadence.WEEK)).weekday() == 0


@given(METRICS, MOMENTS)
def test_the_nominal_slot_is_the_latest_that_can_be_asked_for(metric: Metric, now: int) -> None:
    slot = periods.nominal(metric, now)
    assert periods.floor(slot, metric.cadence) == slot
    ready = periods.following(slot, metric.cadence) if metric.kind is Kind.FLOW else slot
    assert ready + metric.lag <= now
    following = periods.following(slot, metric.cadence)
    ready_next = periods.following(following, metric.cadence) if metric.kind is Kind.FLOW else following
    assert ready_next + metric.lag > now
    assert not periods.expires(metric, slot, now)
    assert periods.expires(metric, periods.preceding(slot, metric.cadence), now) is (metric.kind is not Kind.FLOW)


@given(METRICS, MOMENTS)
def test_a_flow_is_complete_when_its_period_and_the_settle_time_are_over(metric: Metric, time: int) -> None:
    start = periods.floor(time, metric.cadence)
    done = periods.following(start, metric.cadence) + metric.settle
    assert periods.complete(metric, start, done)
    assert periods.complete(metric, start, done - 1) is (metric.kind is not Kind.FLOW)


@given(MOMENTS)
def test_text_reads_back_as_the_same_moment(time: int) -> None:
    assert periods.read_time(periods.iso(time)) == time
    assert periods.read_time(periods.day(time)) == periods.floor(time, Cadence.DAY)
    assert periods.epoch(periods.moment(time)) == time


def test_times_are_read_in_the_forms_that_people_write() -> None:
    start = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp())
    for text in ("2020", "2020-01", " 2020-01-01 ", "2020-01-01T00:00", "2020-01-01T01:00:00+01:00", "2020-01-01T00:00:00.9Z"):
        assert periods.read_time(text) == start
    assert periods.iso(None) == ""
    assert periods.epoch(datetime(1969, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC)) == -1
    assert periods.iso(periods.epoch(datetime(1, 1, 1, tzinfo=UTC))) == "0001-01-01T00:00:00Z"


@pytest.mark.parametrize("text", ["", "yesterday", "2020-13", "2020-02-30", "12:00"])
def test_what_is_no_time_is_refused_with_the_forms_that_are_understood(text: str) -> None:
    with pytest.raises(UsageError, match="is not a time; write 2026-11-20"):
        periods.read_time(text)
