"""What ClickPy is asked, and what its answers say: pure functions.

ClickHouse's HTTP interface (https://clickhouse.com/docs/interfaces/http): the status is sent before the result is known, so
that an error may stand in, or behind, the body of a 200. Its public server stops a query at a billion rows read and answers
with what it has by then, unless ``read_overflow_mode=throw`` is asked for; it gives at most 10,000 rows and 10 MB.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from crawlers.payload import field, listing, number, read_json, text
from storage.model import ParseError, Reason, Topic, UsageError
from storage.periods import DAY, day, read_time

TABLE = "pypi.pypi_downloads_per_day"  # sorted by project: a query that names its projects reads thousands of rows, not billions
COLUMNS = ("project", "days")
MOST_READ = 900_000_000  # rows; more is too near the server's limit to be believed
WINDOW = 30  # days
AROUND = 15  # days on either side that a day of the control package is compared with
LEAST = 0.4  # of the median around it; weekends have about 0.6 of a working day

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\Z", re.ASCII)
_ERROR = re.compile(rb"Code:\s*(\d+)\.\s*(?:DB::Exception:\s*)?([^\r\n]{0,300})")
_QUOTA = re.compile(r"for (\d+)s has been exceeded")
_REASONS = {
    201: Reason.THROTTLED,  # QUOTA_EXCEEDED
    202: Reason.THROTTLED,  # TOO_MANY_SIMULTANEOUS_QUERIES
    158: Reason.TRUNCATED,  # TOO_MANY_ROWS
    307: Reason.TRUNCATED,  # TOO_MANY_BYTES
    396: Reason.TRUNCATED,  # TOO_MANY_ROWS_OR_BYTES, of the result
    159: Reason.UNREACHABLE,  # TIMEOUT_EXCEEDED
    160: Reason.UNREACHABLE,  # TOO_SLOW
    209: Reason.UNREACHABLE,  # SOCKET_TIMEOUT
    210: Reason.UNREACHABLE,  # NETWORK_ERROR
    241: Reason.UNREACHABLE,  # MEMORY_LIMIT_EXCEEDED
    164: Reason.BLOCKED,  # READONLY
    192: Reason.BLOCKED,  # UNKNOWN_USER
    194: Reason.BLOCKED,  # REQUIRED_PASSWORD
    452: Reason.BLOCKED,  # SETTING_CONSTRAINT_VIOLATION
    497: Reason.BLOCKED,  # ACCESS_DENIED
    516: Reason.BLOCKED,  # AUTHENTICATION_FAILED
}


def normal(name: str) -> str:
    """A package's name as PyPI compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def packages_of(topic: Topic) -> tuple[str, ...]:
    """A topic's packages, normalised: one, or a list whose downloads are summed. Raises `UsageError`."""
    value = topic.names.get("pypi")
    names = [value] if isinstance(value, str) else value
    place = f"topics.{topic.key}.pypi"
    if not isinstance(names, list | tuple) or not names:
        raise UsageError(f'{place} is {value!r}; write a package like "torch" or a list of packages')
    for name in names:
        if not isinstance(name, str) or not _NAME.match(name):
            raise UsageError(f'{place} holds {name!r}; a package\'s name has letters, digits and . _ - in it, like "scikit-learn"')
    return tuple(dict.fromkeys(normal(name) for name in names))


def query(packages: Iterable[str], first: int, last: int) -> str:
    """SQL for the downloads of packages by day, first and last day included: one row a package, so that the limit of rows is far.

    Names are checked before (`packages_of`): nothing in them ends a string.
    """
    names = ", ".join(f"'{name}'" for name in sorted(set(packages)))
    return (
        f"SELECT project, groupArray((toString(date), downloads)) AS days FROM (SELECT project, date, sum(count) AS downloads FROM {TABLE}"
        f" WHERE project IN ({names}) AND date BETWEEN '{day(first)}' AND '{day(last)}' GROUP BY project, date ORDER BY project, date)"
        " GROUP BY project ORDER BY project FORMAT JSONCompact"
    )


def error_of(body: bytes, header: str = "") -> tuple[Reason, str, float | None] | None:
    """Outcome, message and seconds to wait of an error that an answer holds, whatever its status; None if it holds none.

    ``header``: X-ClickHouse-Exception-Code.
    """
    if not header and b"DB::Exception" not in body and not body.lstrip().startswith(b"Code:"):
        return None
    found = next(iter(_ERROR.finditer(body)), None)
    code = int(found[1]) if found else int(header) if header.isdigit() else 0
    said = found[2].decode("utf-8", "replace").strip() if found else ""
    quota = _QUOTA.search(said)
    wait = float(quota[1]) if quota else 3600.0 if code == 201 else None
    return _REASONS.get(code, Reason.PARSE_ERROR), f"ClickHouse error {code}{': ' if said else ''}{said}", wait


def parse_days(body: bytes, asked: Iterable[str], first: int, last: int) -> dict[str, dict[int, float]]:
    """Downloads by package and day (start, UTC). A package without downloads has no row.

    Raises `ParseError` where the answer is short, is of something else, or was read from too much to be whole.
    """
    payload = read_json(body)
    columns = tuple(text(column, "name") for column in listing(payload, "meta"))
    if columns != COLUMNS:
        raise ParseError(f"the answer's columns are {', '.join(columns)}, not {', '.join(COLUMNS)}")
    rows = listing(payload, "data")
    if len(rows) != number(payload, "rows"):
        raise ParseError(f"the answer holds {len(rows)} of {number(payload, 'rows'):.0f} rows")
    if number(payload, "statistics", "rows_read") > MOST_READ:
        raise ParseError(f"{number(payload, 'statistics', 'rows_read'):,.0f} rows were read: the server stops there and tells what it has")
    wanted = set(asked)
    found: dict[str, dict[int, float]] = {}
    for row in rows:
        package = text(row, 0)
        if package not in wanted or package in found:
            raise ParseError(f"the answer gives {package!r}, which was not asked for or is there twice")
        found[package] = _days(listing(row, 1), package, first, last)
    return found


def _days(pairs: Sequence[object], package: str, first: int, last: int) -> dict[int, float]:
    days: dict[int, float] = {}
    for pair in pairs:
        try:
            time = read_time(text(pair, 0))
        except UsageError as error:
            raise ParseError(f"{package}: {error}") from error
        if time in days or not first <= time <= last or time % DAY:
            raise ParseError(f"{package}: {text(pair, 0)} is there twice or was not asked for")
        count = field(pair, 1)
        days[time] = number(float(count)) if isinstance(count, str) and count.isdecimal() else number(pair, 1)  # 64 bits may be quoted
    return days


def whole_days(control: Mapping[int, float], floor: float = 0.0) -> list[int]:
    """Days on which the control package's downloads look complete: at least ``floor``, and not far below those around them.

    A day that is being loaded, or of which a part is lost, shows in a package that is downloaded evenly.
    """
    times = sorted(control)
    whole = []
    for time in times:
        near = times[bisect_left(times, time - AROUND * DAY) : bisect_right(times, time + AROUND * DAY)]
        if control[time] >= max(floor, LEAST * median(control[t] for t in near)):
            whole.append(time)
    return whole


def daily(downloads: Sequence[Mapping[int, float]], whole: Sequence[int]) -> dict[int, float]:
    """Downloads of a topic's packages together, for whole days from the first one that has any. A day without a row is a zero there."""
    first = min(min(days) for days in downloads)
    return {d: sum(days.get(d, 0.0) for days in downloads) for d in whole if d >= first}


def windows(downloads: Sequence[Mapping[int, float]], whole: Sequence[int]) -> dict[int, float]:
    """Downloads of the 30 days before a moment, by that moment: only where each of these days is whole."""
    sums, complete = daily(downloads, whole), set(whole)
    found = {}
    for end in (d + DAY for d in sums):
        days = range(end - WINDOW * DAY, end, DAY)
        if complete.issuperset(days):
            found[end] = sum(sums.get(d, 0.0) for d in days)
    return found
