"""What trends.google.com answers: the explore call names a widget's request, the multiline call gives its values. Pure functions.

Shapes as pytrends 4.9.2 asks for them: ``)]}'`` and JSON. A value is a whole number from 0 to 100, ``100`` being the highest
of the comparison; ``formattedValue`` says ``<1`` where rounding made a zero of less than one, ``hasData`` is false where there
were too few searches. Neither is a zero. ``userType`` says whom Google takes the asker for: a scraper gets altered data
(GeneralMills/pytrends#592, #636).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from crawlers.payload import field, listing, mapping, read_json, text
from crawlers.search_interest.metrics import week_of
from storage.model import ParseError
from storage.periods import WEEK, day

BELOW_ONE = 0.5  # stands for a value that is said to be below one: the only one that is not whole
SCRAPER = "USER_TYPE_SCRAPER"
_GUARD = b")]}'"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Up to five terms in one place, as one answer gives them: values by week of each term, None where there were too few searches."""

    terms: tuple[str, ...]
    times: tuple[int, ...]  # weeks as they are filed
    values: tuple[tuple[float | None, ...], ...]  # one row a term
    user_type: str = ""

    @property
    def altered(self) -> bool:
        return self.user_type == SCRAPER

    @property
    def empty(self) -> bool:
        return not any(v is not None for row in self.values for v in row)


def identity(terms: Sequence[str], geo: str, timeframe: str) -> str:
    """What tells one request from another, in twelve digits."""
    return hashlib.sha256(json.dumps([list(terms), geo, timeframe]).encode()).hexdigest()[:12]


def guarded(body: bytes) -> Any:
    """The JSON behind the guard that keeps it from being run as a script."""
    if not body.startswith(_GUARD):
        raise ParseError("the answer is not what Google Trends sends to its page" + (": it is HTML" if body.lstrip()[:1] == b"<" else ""))
    return read_json(body.removeprefix(_GUARD).lstrip(b",\n "))


def parse_widget(body: bytes, terms: Sequence[str]) -> str:
    """The user type that the explore answer names, once it is seen to be about these terms in this order."""
    widgets = [w for w in listing(guarded(body), "widgets") if mapping(w).get("id") == "TIMESERIES"]
    if len(widgets) != 1:
        raise ParseError(f"the answer has {len(widgets)} widgets for interest over time, not one")
    asked = [text(item, "complexKeywordsRestriction", "keyword", 0, "value") for item in listing(widgets[0], "request", "comparisonItem")]
    if asked != list(terms):
        raise ParseError(f"the answer is about {', '.join(asked)}, not about {', '.join(terms)}")
    return text(widgets[0], "request", "userConfig", "userType")


def parse_comparison(body: bytes, terms: Sequence[str], user_type: str, now: int) -> Comparison:
    """Values by week. The period that is not over at ``now`` is left out.

    Raises `ParseError` for other periods than weeks, and where there are values of which none is 100: that is no comparison.
    """
    rows = listing(guarded(body), "default", "timelineData")
    starts = [_second(row) for row in rows]
    if any(b - a != WEEK for a, b in pairwise(starts)):
        raise ParseError("the periods are not weeks that follow one another")
    if any(week_of(start) - start not in {0, WEEK // 7} for start in starts):
        raise ParseError(f"the weeks begin on {day(starts[0])}, which is neither Sunday nor Monday")
    values = [_row(row, len(terms)) for row in rows]
    known = [v for row in values for v in row if v is not None]
    if known and max(known) != 100:
        raise ParseError(f"the highest value is {max(known):g}, not 100")
    whole = [
        (week_of(start), row) for start, row, raw in zip(starts, values, rows, strict=True) if not _partial(raw) and start + WEEK <= now
    ]
    columns = tuple(tuple(row[n] for _, row in whole) for n in range(len(terms)))
    return Comparison(tuple(terms), tuple(t for t, _ in whole), columns, user_type)


def _partial(row: Any) -> bool:
    return mapping(row).get("isPartial") not in {None, False}


def _second(row: Any) -> int:
    said = text(row, "time")
    if not said.isdecimal():
        raise ParseError(f"time is {said!r} where an epoch second was expected")
    return int(said)


def _row(row: Any, width: int) -> list[float | None]:
    values, has_data, shown = listing(row, "value"), mapping(row).get("hasData"), mapping(row).get("formattedValue")
    has_data = [True] * width if has_data is None else has_data
    shown = [str(v) for v in values] if shown is None else shown
    if not isinstance(has_data, list) or not isinstance(shown, list) or {len(values), len(has_data), len(shown)} != {width}:
        raise ParseError(f"a period has {len(values)} values, not {width}")
    return [_value(field(values, n), shown[n], has_data=has_data[n] is True) for n in range(width)]


def _value(value: object, shown: object, *, has_data: bool) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100:
        raise ParseError(f"a value is {value!r} where a whole number from 0 to 100 was expected")
    if value > 0:
        return float(value)
    said = shown if isinstance(shown, str) else ""
    below = said.startswith("<") or (has_data and "1" in said)  # "<1", in Japanese "1 未満"
    return BELOW_ONE if below else None


def check_frame(frame: dict[str, Any], body: bytes, terms: Sequence[str]) -> None:
    """Raise `ParseError` if pytrends failed on a good answer, or reads other numbers in it than we do."""
    if "error" in frame:
        raise ParseError(f"pytrends raised {frame['error']}: {frame.get('detail', '')}")
    rows = listing(guarded(body), "default", "timelineData")
    ours = [[field(row, "value", n) for row in rows] for n in range(len(terms))]
    if listing(frame, "values") != ours or listing(frame, "times") != [_second(row) for row in rows]:
        raise ParseError("pytrends reads other numbers in the answer than stand in it")
