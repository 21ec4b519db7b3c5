"""How much of something there is in the simulated world at a moment: a size, its growth a year, a swing with the seasons."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from storage.periods import DAY

YEAR = 365.25 * DAY


@dataclass(frozen=True, slots=True)
class Course:
    """``size`` at the time ``origin`` (epoch seconds); ``growth`` 0.7 is 70 % more a year; ``season`` 0.4 is 40 % about the middle.

    ``step`` is a factor that the source itself puts on what it shows from the time ``stepped`` on.
    """

    size: float
    growth: float = 0.0
    season: float = 0.0
    origin: int = 0
    step: float = 1.0
    stepped: int = 0

    def at(self, time: float) -> float:
        years = (time - self.origin) / YEAR
        swing = 1 + self.season * math.cos(2 * math.pi * (years - 0.2))
        return self.size * math.exp(math.log1p(self.growth) * years) * swing * (self.step if self.stepped and time >= self.stepped else 1.0)

    def of(self, share: float) -> Course:
        """The same course at another size."""
        return replace(self, size=self.size * share)


def crossing(first: Course, second: Course) -> float | None:
    """When two courses are equally large (epoch seconds), seasons and steps aside; None where they never are."""
    rate = math.log1p(first.growth) - math.log1p(second.growth)
    if abs(rate) < 1e-9:
        return None
    return first.origin + math.log(second.size / first.size) / rate * YEAR


__all__ = ["YEAR", "Course", "crossing"]
