"""How much may be asked of a source now, and whose turn it is where that is not enough for all topics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from sqlalchemy import Connection

from scheduler.setups import Setup
from storage import ledger
from storage.model import Cadence, Slot
from storage.periods import DAY, span

SLACK = 1800  # seconds by which a day's window is shorter: a visit at the same time of the next day finds the whole allowance


def budget(connection: Connection, setup: Setup, now: int) -> int | None:
    """Requests that may still be sent: the operator's allowance and the user's, less what was sent in their time."""
    return min((limit - sent(connection, setup.name, now - window) for limit, window in _limits(setup)), default=None)


def more_allowed(connection: Connection, setup: Setup, now: int) -> int:
    """When half of what the allowance lets out at once may be sent again (epoch seconds); ``now`` where it may."""
    times = [now]
    for limit, window in _limits(setup):
        since = now - window
        before = sent(connection, setup.name, since) - limit // 2 - 1  # so many are forgotten sooner than the one that it takes
        if before >= 0:
            last = connection.exec_driver_sql(_SENT_IN_ORDER, (setup.name, since, before)).scalar()
            times.append(now if last is None else int(last) + window + 1)
    return max(times)


def _limits(setup: Setup) -> list[tuple[int, int]]:
    """Requests within a number of seconds, a day's a little shorter, so that a daily visit finds the last one's forgotten."""
    allowance = setup.source.allowance(setup.options)
    limits = allowance.limits if allowance is not None else []
    if setup.budget is not None:
        limits.append((setup.budget, DAY))
    return [(limit, window - SLACK * (window >= DAY)) for limit, window in limits]


_SENT = """
SELECT (SELECT count(*) FROM evidence e JOIN runs r ON r.id = e.run WHERE r.source = ? AND r.kind != 'import'
  AND e.kind = 'capture' AND e.fetched_at >= ?)
 + (SELECT coalesce(sum(CASE WHEN lost > 0 THEN lost ELSE 0 END), 0) FROM
    (SELECT r.requests - (SELECT count(*) FROM evidence e WHERE e.run = r.id AND e.kind = 'capture') AS lost
     FROM runs r WHERE r.source = ? AND r.time >= ?) AS runs_of_it)
"""


_SENT_IN_ORDER = """
SELECT e.fetched_at FROM evidence e JOIN runs r ON r.id = e.run WHERE r.source = ? AND r.kind != 'import'
  AND e.kind = 'capture' AND e.fetched_at >= ? ORDER BY e.fetched_at LIMIT 1 OFFSET ?
"""


def sent(connection: Connection, source: str, since: int) -> int:
    """Requests of a source since a time: those that were answered, as its captures tell, and those of its runs that nobody answered."""
    return int(connection.exec_driver_sql(_SENT, (source, since, source, since)).scalar() or 0)


@dataclass(frozen=True, slots=True)
class Turn:
    """The slots whose turn it is, and what a person should know of those that wait."""

    slots: list[Slot]
    words: str = ""


def turns(connection: Connection, setup: Setup, slots: Sequence[Slot], now: int) -> Turn:
    """Which slots the allowance lets in now. Where topics take turns, those go first that have waited longest.

    What has no turn is not planned, so that it is no gap: each topic is then measured every so many days.
    """
    costs = {t.key: setup.source.requests_for(t, setup.options) for t in setup.topics.values()}
    left = budget(connection, setup, now)
    wanted = dict.fromkeys(s.series.topic for s in slots if s.series.topic)
    known = {key: cost for key in wanted if (cost := costs.get(key)) is not None}
    shared = sum(1 for s in slots if not s.series.topic)
    if left is None or not known or sum(known.values()) + shared <= left:
        return Turn(list(slots))
    last = ledger.last_planned(connection, setup.name, wanted, now - span(Cadence.YEAR))
    taken: set[str] = {""} if left >= shared else set()
    free = float(left - shared)
    for key in sorted(wanted, key=lambda k: last.get(k, 0)):  # stable: among equals the order of the config
        if known.get(key, 0) <= free:
            taken.add(key)
            free -= known.get(key, 0)
    days = days_between(setup)
    allowance = setup.source.allowance(setup.options)
    then = f"each has one about every {days} days" if days > 1 else "the others follow as soon as more is allowed"
    words = (
        f"{setup.source.title}: {len(taken - {''}):,} of {len(wanted):,} topics have their turn now"
        f" ({allowance.words if allowance else 'your budget'}); {then}"
    )
    return Turn([s for s in slots if s.series.topic in taken], words)


def days_between(setup: Setup) -> int:
    """Every how many days each topic has its turn; 1 where all fit."""
    limit = per_day(setup)
    costs = sum(setup.source.requests_for(t, setup.options) or 0 for t in setup.topics.values())
    return 1 if limit is None else max(1, ceil(costs / max(1, limit)))


def per_day(setup: Setup) -> int | None:
    """Requests that may be sent day after day; None: nothing is published and nothing was set."""
    allowance = setup.source.allowance(setup.options)
    return min((x for x in (allowance.per_day if allowance else None, setup.budget) if x is not None), default=None)


__all__ = ["Turn", "budget", "days_between", "more_allowed", "per_day", "sent", "turns"]
