"""What is counted of Google Trends, and how its weeks and places are filed."""

from __future__ import annotations

import re

from storage.model import Cadence, Kind, Metric, UsageError
from storage.periods import DAY, WEEK, floor

WORLD = "world"  # the label of no place in particular, which Google writes as nothing
_NOTE = (
    "Share of searches for a term, 100 at the highest point of all topics that were compared in one place."
    " Comparable within one fetch only: each fetch writes all of it anew, and what it was before stands in the revisions."
    " Sampled and rounded by Google, so that repeated fetches differ. Its weeks begin on Sunday and are filed under the Monday after."
)

INTEREST = Metric("google_trends.interest", Kind.INDEX, "index", Cadence.WEEK, "Search interest", _NOTE, lag=WEEK)
ERROR = Metric(
    "google_trends.error",
    Kind.LEVEL,
    "% of the value",
    Cadence.WEEK,
    "Error of search interest",
    "How far off a topic's level may be by rounding alone: that of its own values and of each joint between comparisons of five"
    " terms, added up (two standard errors each; of values that do not move the whole half unit). Sampling comes on top.",
    lag=WEEK,
    compared=False,
)
SCALED = Metric(
    "google_trends.search_interest",
    Kind.LEVEL,
    "scaled interest",
    Cadence.WEEK,
    "Search interest (official API)",
    "Search interest by week as Google's own API gives it: on one scale for all requests, without a unit. Alpha.",
    lag=WEEK,
)
MONTHLY = Metric("google_trends.interest_monthly", Kind.INDEX, "index", Cadence.MONTH, "Search interest by month", _NOTE)
DAILY = Metric("google_trends.interest_daily", Kind.INDEX, "index", Cadence.DAY, "Search interest by day", _NOTE)
SAVED = {Cadence.WEEK: INTEREST, Cadence.MONTH: MONTHLY, Cadence.DAY: DAILY}  # of CSV files

_GEO = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?\Z", re.ASCII)


def label_of(geo: object) -> str:
    """The label of a place as Google writes it: ``""`` is the world, ``"US"``, ``"US-CA"``. Raises `UsageError`."""
    if geo == "":
        return WORLD
    if not isinstance(geo, str) or not _GEO.match(geo):
        raise UsageError(f'{geo!r} is no place: write "" for the world, or a code like "US" or "US-CA" (ISO 3166)')
    return geo.lower()


def geo_of(label: str) -> str:
    """The place of a label, as Google writes it."""
    return "" if label == WORLD else label.upper()


def week_of(start: int) -> int:
    """The Monday under which a week is filed that begins on Sunday (six of its days are in that week), or on the Monday itself."""
    return floor(start + DAY, Cadence.WEEK)
