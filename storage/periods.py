"""Periods of a cadence and their text, all in UTC epoch seconds. Weeks start on Monday."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from storage.model import Cadence, Kind, Metric, UsageError

HOUR = 3600
DAY = 86400
WEEK = 7 * DAY
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MONDAY = 4 * DAY  # 1970-01-05, the first Monday of the epoch


def moment(time: int) -> datetime:
    """The aware UTC datetime of an epoch second (also before 1970)."""
    return _EPOCH + timedelta(seconds=time)


def epoch(when: datetime) -> int:
    """The epoch second of a datetime; a naive one is taken as UTC."""
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(seconds=1)


def iso(time: int | None) -> str:
    """ISO 8601 in UTC, ``2026-11-20T03:17:00Z``; empty for None."""
    return "" if time is None else moment(time).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def day(time: int) -> str:
    return moment(time).date().isoformat()


def read_time(text: str) -> int:
    """Read ``2026``, ``2026-11``, ``2026-11-20`` or an ISO 8601 time; without an offset it is UTC.

    Raises `UsageError` with the forms that are understood.
    """
    stripped = text.strip()
    if re.fullmatch(r"\d{4}(-\d{2})?", stripped):
        stripped = f"{stripped}-01-01" if len(stripped) == 4 else f"{stripped}-01"
    try:
        return epoch(datetime.fromisoformat(stripped))
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{text!r} is not a time; write 2026-11-20 or 2026-11-20T03:00:00Z") from error


def floor(time: int, cadence: Cadence) -> int:
    """The start of the period that holds a time."""
    if cadence is Cadence.HOUR:
        return time - time % HOUR
    if cadence is Cadence.DAY:
        return time - time % DAY
    if cadence is Cadence.WEEK:
        return time - (time - _MONDAY) % WEEK
    start = moment(time).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return epoch(start.replace(month=1) if cadence is Cadence.YEAR else start)


def following(start: int, cadence: Cadence) -> int:
    """The start of the period after the one that starts at ``start``."""
    if cadence is Cadence.HOUR:
        return start + HOUR
    if cadence is Cadence.DAY:
        return start + DAY
    if cadence is Cadence.WEEK:
        return start + WEEK
    return floor(start + (370 * DAY if cadence is Cadence.YEAR else 32 * DAY), cadence)


def preceding(start: int, cadence: Cadence) -> int:
    """The start of the period before the one that starts at ``start``."""
    return floor(start - 1, cadence)


def span(cadence: Cadence) -> int:
    """The usual length of a period in seconds (months 31 days, years 366)."""
    return {Cadence.HOUR: HOUR, Cadence.DAY: DAY, Cadence.WEEK: WEEK, Cadence.MONTH: 31 * DAY, Cadence.YEAR: 366 * DAY}[cadence]


def nominal(metric: Metric, now: int) -> int:
    """The latest slot of a metric that can be asked for at ``now``.

    A level's and a window's is the period boundary just passed, a flow's the last period that has ended.
    """
    boundary = floor(now - metric.lag, metric.cadence)
    return preceding(boundary, metric.cadence) if metric.kind is Kind.FLOW else boundary


def expires(metric: Metric, time: int, now: int) -> bool:
    """Whether a slot can no longer be measured because the next one has begun (levels and the like)."""
    return metric.kind is not Kind.FLOW and time < nominal(metric, now)


def complete(metric: Metric, time: int, now: int) -> bool:
    """Whether a value of this time is final: a flow is after its period's end plus the metric's settle time."""
    if metric.kind is not Kind.FLOW:
        return True
    return now >= following(time, metric.cadence) + metric.settle
