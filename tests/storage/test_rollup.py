from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage import frames, rollup
from storage.journal import Journal
from storage.model import Bound, Observation, State
from storage.periods import WEEK
from tests.storage.journals import SERIES, fresh, star

pytestmark = pytest.mark.usefixtures("either_database")

# Times around the edges of weeks, also before 1970 and across the edges of blocks.
TIMES = st.builds(
    lambda week, edge: rollup.MONDAY + week * WEEK + edge,
    st.sampled_from([-2500, -33, -32, -1, 0, 1, 31, 32, 2900]),
    st.sampled_from([-1, 0, 1, 86_400, 400_000]),
)
OBSERVATIONS = st.builds(
    Observation,
    st.sampled_from(SERIES),
    TIMES,
    st.integers(0, 50).map(float),
    st.sampled_from(Bound),
    state=st.sampled_from([State.GOOD, State.GOOD, State.SUSPECT]),
)
# A step is observations to write, something to withdraw, or None for a refresh of the rollup.
STEPS = st.lists(st.lists(OBSERVATIONS, min_size=1, max_size=10) | st.tuples(st.sampled_from(SERIES), TIMES) | st.none(), max_size=8)


def naive(journal: Journal, since: int | None = None, as_of: int | None = None) -> list[list[float]]:
    """The design's rule, point by point, with the calendar instead of arithmetic."""
    weeks: dict[tuple[int, int], list[tuple[int, float, int]]] = {}
    with journal.read() as connection:
        for series_id in range(1, len(SERIES) + 1):
            for _, time, value, bound, state, *_ in frames.point_rows(connection, series_id, -frames.ALWAYS, frames.ALWAYS, as_of):
                day = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=time)
                monday = (day - timedelta(days=day.weekday())).replace(hour=0, minute=0, second=0)
                week = round((monday - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
                if state == State.GOOD and (since is None or week + WEEK > since):
                    weeks.setdefault((series_id, week), []).append((time, float(value or 0), bound))
    rows = []
    for (series_id, week), points in sorted(weeks.items()):
        time, last, last_bound = max(points)
        bounds = {bound for _, _, bound in points}
        worst = next((b for b in (Bound.AT_LEAST, Bound.ESTIMATE) if b in bounds), Bound.EXACT)
        row = (series_id, week, last, time, last_bound, sum(value for _, value, _ in points), worst, len(points))
        rows.append([float(v) for v in row])
    return rows


def rolled(journal: Journal, since: int | None = None, as_of: int | None = None) -> list[list[float]]:
    with journal.read() as connection:
        found: list[list[float]] = frames.weekly(connection, since=since, as_of=as_of).to_numpy().tolist()
        return found


def take(journal: Journal, step: object) -> None:
    with journal.write() as tx:
        if step is None:
            rollup.refresh(tx)
        elif isinstance(step, tuple):
            tx.settle(*step, State.RETRACTED)
        else:
            tx.put(step)  # type: ignore[arg-type]


@given(STEPS, TIMES)
@settings(max_examples=50, deadline=None)
def test_the_rollup_is_the_naive_aggregation_at_present_and_as_of_any_sequence(steps: list[object], since: int) -> None:
    with fresh() as journal:
        for step in steps:
            take(journal, step)
        assert rolled(journal) == naive(journal)
        for seq in range(journal.head() + 1):
            assert rolled(journal, as_of=seq) == naive(journal, as_of=seq)
        assert rolled(journal, since=since) == naive(journal, since=since)
        assert rolled(journal, since=since, as_of=1) == naive(journal, since=since, as_of=1)


@given(STEPS)
@settings(max_examples=20, deadline=None)
def test_asking_for_some_series_is_a_part_of_asking_for_all(steps: list[object]) -> None:
    with fresh() as journal:
        for step in steps:
            take(journal, step)
        with journal.read() as connection:
            for as_of in (None, 1):
                every = frames.weekly(connection, as_of=as_of)
                some = frames.weekly(connection, [1, 3], as_of=as_of)
                pd.testing.assert_frame_equal(some, every[every["series_id"].isin([1, 3])].reset_index(drop=True))


def test_what_is_written_after_a_refresh_in_the_same_transaction_is_not_lost() -> None:
    with fresh() as journal:
        with journal.write() as tx:
            tx.put([star(0, 1.0)])
            rollup.refresh(tx)
            tx.put([star(0, 2.0), star(WEEK, 3.0)])
        assert rolled(journal) == naive(journal)
        take(journal, None)
        assert rolled(journal) == naive(journal)
        with journal.read() as connection:
            assert rollup.mark(connection) == journal.head()


def test_a_refresh_takes_no_sequence_and_a_second_one_does_nothing() -> None:
    with fresh() as journal:
        with journal.write() as tx:
            tx.put([star(t * 86_400, 1.0) for t in range(20)])
        with journal.write() as tx:
            assert rollup.refresh(tx) == 4
            assert not tx.changed
        with journal.write() as tx:
            assert rollup.refresh(tx) == 0
        assert journal.head() == 1


def test_chunks_of_series_come_to_the_same() -> None:
    with fresh() as journal:
        with journal.write() as tx:
            tx.put([Observation(s, t * WEEK, float(t)) for s in SERIES for t in range(40)])
        with journal.write() as tx:
            rollup.refresh(tx, chunk=3)
        assert rolled(journal) == naive(journal)


def test_an_empty_journal_has_the_columns() -> None:
    with fresh() as journal, journal.read() as connection:
        empty = frames.weekly(connection)
        assert list(empty.columns) == rollup.COLUMNS
        assert str(empty["week"].dtype) == "int64"
        assert str(empty["total"].dtype) == "float64"
