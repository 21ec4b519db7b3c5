"""What the daemon says in words: what comes next, and what a visit came to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from scheduler.schedule import next_time
from scheduler.setups import counts_something
from scheduler.visits import Visit
from storage.periods import moment

if TYPE_CHECKING:
    from scheduler.config import Config
    from scheduler.setups import Setup


def plan(settings: Config, now: int, late: Sequence[str]) -> str:
    """What is done next and when (UTC), a line for each time."""
    times: dict[int, list[str]] = defaultdict(list)
    for name, setting in settings.sources.items():
        asked = setting.enabled and counts_something(settings.setup(name), now)
        if asked and (when := next_time(setting.schedule, now)) is not None:
            times[when].append(name)
    lines = [f"  now               {', '.join(late)}"] if late else []
    lines += [f"  {moment(when):%Y-%m-%d %H:%M}  {', '.join(names)}" for when, names in sorted(times.items())]
    if not lines:
        return "No source is on; `uptake sources` says why."
    return "\n".join(["What is measured next (UTC):", *lines])


def line(setup: Setup, visit: Visit, following: int | None) -> str:
    """One visit in a line, for the log."""
    words = []
    measured, planned = sum(r.tally.measured for r in visit.reports), sum(r.tally.planned for r in visit.reports)
    if planned:
        words.append(f"{measured} of {planned} measured")
    held = sum(r.tally.suspect for r in visit.reports)
    if held:
        words.append(f"{held} held as doubtful")
    missing: dict[str, int] = defaultdict(int)
    for report in visit.reports:
        for reason, count in report.tally.missing.items():
            missing[reason] += count
    words += [f"{count} missing ({reason.replace('_', ' ')})" for reason, count in missing.items()]
    if visit.passed:
        words.append(f"{visit.passed} passed while nobody measured")
    asked = sum(r.requests for r in visit.reports)
    words.append(f"{asked} request{'s' * (asked != 1)}" if asked else "nothing had to be asked")
    if asked:
        words.append(f"{sum(r.seconds for r in visit.reports):.1f} s")
    when = min((t for t in (visit.again, following) if t is not None), default=None)
    if when is not None:
        words.append(f"next {moment(when):%Y-%m-%d %H:%M} UTC" + (f" ({visit.why})" if when == visit.again and visit.why else ""))
    return f"{setup.name}: " + ", ".join(words)


__all__ = ["line", "plan"]
