"""Which digest is due: the periods of a cron schedule on the clock of a time zone, each of which exists once.

The schedule is read on the wall clock. An hour that a zone has twice in autumn is one time on that clock; one that it
leaves out in spring falls on the moment that far after the gap begins. So no digest is lost, and none comes twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from storage.periods import epoch, moment

LONGEST = 800  # days that are searched for the last one


@dataclass(frozen=True, slots=True)
class Period:
    """One time of the schedule. ``key`` is its day, with the hour where a day has several; ``time`` is epoch seconds."""

    key: str
    time: int


def latest(schedule: str, timezone: str, now: int) -> Period | None:
    """The period whose time has come last; None where the schedule has had none in two years."""
    zone, trigger = ZoneInfo(timezone), CronTrigger.from_crontab(schedule, timezone=UTC)
    wall = moment(now).astimezone(zone).replace(tzinfo=UTC)  # the wall clock, as if it were UTC's
    back = 2
    while back <= LONGEST:
        found = [w for w in _walls(trigger, wall - timedelta(days=back), wall + timedelta(days=1)) if _instant(w, zone) <= now]
        if found:
            last = max(found, key=lambda w: (_instant(w, zone), w))
            return Period(_key(trigger, last), _instant(last, zone))
        back *= 4
    return None


def _walls(trigger: CronTrigger, start: datetime, end: datetime) -> list[datetime]:
    found = []
    at = trigger.get_next_fire_time(None, start)
    while at is not None and at <= end:
        found.append(at)
        at = trigger.get_next_fire_time(None, at + timedelta(seconds=1))
    return found


def _instant(wall: datetime, zone: ZoneInfo) -> int:
    return epoch(wall.replace(tzinfo=zone, fold=0))


def _key(trigger: CronTrigger, wall: datetime) -> str:
    first = trigger.get_next_fire_time(None, wall.replace(hour=0, minute=0, second=0))
    return f"{wall:%Y-%m-%d}" if first == wall else f"{wall:%Y-%m-%dT%H:%M}"
