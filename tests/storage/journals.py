"""Small journals for tests: made fast, from the bytes of an empty one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from sqlalchemy import select

from storage import database, frames, schema
from storage.journal import FILE, Journal
from storage.lookups import series_of
from storage.model import Bound, Capture, Observation, Series, State
from tests.databases import release

STARS = Series("github.stars", "pytorch", source="github")
JOBS = Series("jobs.postings", "pytorch", (("board", "linkedin"), ("country", "us")), source="linkedin")
NEW_STARS = Series("github.new_stars", "tensorflow", version=2, source="github")
TOTAL = Series("jobs.total", "", (("board", "linkedin"),), source="linkedin")
SERIES = (STARS, JOBS, NEW_STARS, TOTAL)

Known = dict[tuple[str, int], tuple[float | None, int, int]]


@cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        database.bring_up_to_date(Path(folder) / FILE)  # a file also where journals are led to a server
        return (Path(folder) / FILE).read_bytes()


def make(folder: Path) -> Path:
    """Put an empty journal into a folder."""
    (folder / FILE).write_bytes(_empty())
    return folder


@contextmanager
def fresh() -> Iterator[Journal]:
    with tempfile.TemporaryDirectory() as folder:
        with Journal(make(Path(folder)), writable=True) as journal:
            yield journal
        release(Path(folder))


def known(journal: Journal, as_of: int | None = None) -> Known:
    """All that a journal knows: series name and time to value, bound and state."""
    found: Known = {}
    with journal.read() as connection:
        for row in connection.execute(select(schema.series)).all():
            for _, time, value, bound, state, *_ in frames.point_rows(connection, row.id, -frames.ALWAYS, frames.ALWAYS, as_of):
                found[str(series_of(row)), time] = (value, bound, state)
    return found


def dump(journal: Journal) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    with journal.read() as connection:
        tables = sorted([*schema.metadata.tables, "alembic_version"])
        return {t: sorted((tuple(row) for row in connection.exec_driver_sql(f"SELECT * FROM {t}")), key=repr) for t in tables}


def capture(offset: int = 0, url: str = "https://api.github.com/graphql") -> Capture:
    return Capture("github-1", "2026/github-1.warc.gz", offset, url, "GET", 200, f"print-{offset}", 1_700_000_000)


def star(time: int, value: float, bound: Bound = Bound.EXACT, state: State = State.GOOD) -> Observation:
    return Observation(STARS, time, value, bound, state=state)
