"""Is a value believable? Pure rules (design, section 8): all topics at zero at once, or a jump beyond 8 MAD."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from storage.model import Kind

LIMIT = 8.0  # in robust standard deviations
HISTORY = 60  # points that are looked at
ENOUGH = 8  # fewer say nothing about a spread
_MAD = 1.4826  # makes the median absolute deviation of a normal sample its standard deviation
_FLOOR = 0.05  # a series that never moved may still move by a few percent


def _log(value: float) -> float:
    return math.log(value + 0.5)


def implausible(kind: Kind, history: Sequence[tuple[int, float]], time: int, value: float) -> str:
    """Why a value is not believed yet; empty if it is. ``history``: (time, value) of good points before it, in order.

    A level is judged by its step from the last value against its own earlier steps, per square root of the
    time passed; anything else by its distance from the median. Both on ``ln(count + 0.5)``, with a floor for
    what counting alone scatters (a Poisson count c has a relative error of 1/sqrt(c)).
    """
    recent = [(t, v) for t, v in history if t < time][-HISTORY:]
    if len(recent) < ENOUGH:
        return ""
    logs = [_log(v) for _, v in recent]
    middle = median(v for _, v in recent)
    scatter = max(_FLOOR, 1.0 / math.sqrt(middle + 1.0))
    if kind is Kind.LEVEL:
        gaps = [max(1, b[0] - a[0]) for a, b in pairwise(recent)]
        usual = median(gaps)
        steps = [abs(b - a) / math.sqrt(g / usual) for a, b, g in zip(logs, logs[1:], gaps, strict=False)]
        spread = max(scatter if middle < 400 else _FLOOR, _MAD * median(steps)) * math.sqrt(max(1.0, (time - recent[-1][0]) / usual))
        distance, against = abs(_log(value) - logs[-1]), recent[-1][1]
    else:
        center = median(logs)
        spread = max(scatter, _MAD * median(abs(x - center) for x in logs))
        distance, against = abs(_log(value) - center), middle
    if distance <= LIMIT * spread:
        return ""
    return f"{value:,.0f} after {against:,.0f}: {distance / spread:.0f} times the usual deviation"


def confirms(kind: Kind, history: Sequence[tuple[int, float]], held: float, value: float) -> bool:
    """Whether the next value stands by one that was held as suspect, rather than by what was before it."""
    if not history:
        return math.isclose(_log(value), _log(held), abs_tol=LIMIT * _FLOOR)
    before = _log(history[-1][1]) if kind is Kind.LEVEL else median(_log(v) for _, v in history[-HISTORY:])
    return abs(_log(value) - _log(held)) < abs(_log(value) - before)


def zeros_are_likely(kind: Kind, pasts: Sequence[Sequence[float]]) -> bool:
    """Whether all topics at zero at once is nothing special. ``pasts``: the values before, of each topic, oldest first.

    It is not if all were at zero last time too, or if so little happens that chance brings it about: of flows with
    a joint mean of m a period, all are zero with the probability exp(-m) (Poisson); 1 % is taken as the limit.
    """
    if all(past and past[-1] == 0 for past in pasts):
        return True
    if kind is not Kind.FLOW or sum(len(past) for past in pasts) < ENOUGH:
        return False
    return math.exp(-sum(sum(past) / len(past) for past in pasts if past)) > 0.01
