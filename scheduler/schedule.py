"""When a source is looked at: its cron line as times, in UTC. Pure; APScheduler's `CronTrigger` does the reckoning."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from apscheduler.triggers.cron import CronTrigger

from storage.periods import DAY, epoch, moment

JITTER = 300  # seconds at most by which a visit is put off, so that not all the world's daemons call at the same minute


@lru_cache(maxsize=256)
def _cron(line: str) -> CronTrigger:
    return CronTrigger.from_crontab(line, timezone="UTC")


def next_time(line: str, after: int) -> int | None:
    """The first time of a cron line later than ``after`` (epoch seconds); None if there is none any more."""
    found = _cron(line).get_next_fire_time(None, moment(after + 1))
    return None if found is None else epoch(found)


def times(line: str, after: int, until: int) -> Iterator[int]:
    """All times of a cron line in (after, until], oldest first."""
    time = next_time(line, after)
    while time is not None and time <= until:
        yield time
        time = next_time(line, time)


def interval(line: str, now: int) -> int:
    """Seconds between the next two times of a cron line; a day where it has fewer than two."""
    first = next_time(line, now)
    second = None if first is None else next_time(line, first)
    return DAY if first is None or second is None else second - first


def jitter(line: str, now: int) -> int:
    """Seconds by which a visit may be put off: a tenth of the schedule's interval, `JITTER` at most."""
    return min(JITTER, interval(line, now) // 10)


def trigger(line: str, now: int) -> CronTrigger:
    """What APScheduler fires by. A jittered cron keeps its times; a jittered interval would drift."""
    found = CronTrigger.from_crontab(line, timezone="UTC")
    found.jitter = jitter(line, now)
    return found


__all__ = ["JITTER", "interval", "jitter", "next_time", "times", "trigger"]
