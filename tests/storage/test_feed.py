"""The change feed: everything once in the order of sequences, nothing missed, whatever happens between two batches."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage import feed, parking, repairs
from storage.dialects import on_postgres
from storage.exports import line_writer
from storage.feed import START, Place
from storage.influx.batches import Writers
from storage.journal import Journal
from storage.model import Bound, Event, Observation, State
from storage.parking import Parked
from tests.storage.journals import JOBS, SERIES, STARS, fresh, known, star

pytestmark = pytest.mark.usefixtures("either_database")

NAME = "http://127.0.0.1:8086 workshop/mine"

write = st.tuples(
    st.sampled_from(SERIES), st.integers(0, 3), st.integers(0, 3), st.sampled_from(Bound), st.sampled_from([State.GOOD, State.SUSPECT])
)
settle = st.tuples(st.just("settle"), st.sampled_from(SERIES), st.integers(0, 3), st.sampled_from([State.GOOD, State.RETRACTED]))
read = st.tuples(st.just("read"), st.integers(1, 4))


def good(journal: Journal) -> dict[tuple[str, int], tuple[float | None, int]]:
    return {key: (value, bound) for key, (value, bound, state) in known(journal).items() if state == State.GOOD}


@settings(max_examples=35)
@given(st.lists(st.one_of(st.lists(write, min_size=1, max_size=4), settle, read), max_size=25))
def test_a_receiver_that_follows_the_feed_knows_what_the_journal_knows(steps: list[object]) -> None:
    with fresh() as journal:
        with journal.write() as tx:
            standing = feed.begin(tx, NAME)
        place, copy = START, {}

        def receive(limit: int) -> int:
            nonlocal place
            with journal.read() as connection:
                found = feed.changes(connection, place, limit)
                names = feed.Names().of(connection, [change[0] for change in found])
                for change in found:
                    series_id, time, value, bound, state, seq, _ = change
                    key = (str(names[series_id]), time)
                    if state == State.GOOD:
                        copy[key] = (value, bound)
                    elif copy.pop(key, None) is not None:
                        assert feed.sent_before(connection, standing, change, place) is not None
                    assert Place(seq, series_id, time) > place
                    place = Place(seq, series_id, time)
            return len(found)

        for step in steps:
            if isinstance(step, list):
                with journal.write() as tx:
                    tx.put(Observation(s, t, float(v), b, state=state) for s, t, v, b, state in step)
            elif step[0] == "settle":  # type: ignore[index]
                with journal.write() as tx:
                    tx.settle(*step[1:])  # type: ignore[index]
            else:
                receive(step[1])  # type: ignore[index]
        while receive(3):
            pass
        assert copy == good(journal)


def test_what_was_replaced_before_the_feed_began_counts_as_never_sent() -> None:
    with fresh() as journal:
        for value in (9.0, 5.0):
            with journal.write() as tx:
                tx.put([star(0, value)])
        with journal.write() as tx:
            standing = feed.begin(tx, NAME)
            [change] = feed.changes(tx.connection, START, 10)
            assert change[6] == 1
            assert feed.sent_before(tx.connection, standing, change, Place(10, 0, 0)) is None
        with journal.write() as tx:
            tx.put([star(0, 4.0, Bound.ESTIMATE)])
        with journal.write() as tx:
            [change] = feed.changes(tx.connection, START, 10)
            assert feed.sent_before(tx.connection, standing, change, Place(2, 0, 0)) == (5.0, 0)
            assert feed.sent_before(tx.connection, standing, change, START) is None


def test_changes_are_found_by_their_sequence_without_looking_at_all_points() -> None:
    with fresh() as journal, journal.read() as connection:
        explain = "EXPLAIN QUERY PLAN"
        if on_postgres(connection):
            for way in ("seqscan", "bitmapscan", "sort"):  # by which a table of nothing is quickest read
                connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
            explain = "EXPLAIN"
        plan = [str(row) for row in connection.exec_driver_sql(f"{explain} {feed._CHANGES}", (1, 1, 1, 10)).all()]
        assert any("ix_points_seq" in row for row in plan)
        assert not any("SCAN p" in row or "TEMP B-TREE" in row or "Sort" in row for row in plan)


def test_a_place_that_was_set_back_meanwhile_is_not_moved_on() -> None:
    with fresh() as journal:
        with journal.write() as tx:
            tx.put([star(day, 1.0) for day in range(5)])
            standing = feed.begin(tx, NAME)
            assert feed.acknowledge(tx, standing, Place(1, 1, 2), now=100, event_id=3)
            feed.set_back(tx, NAME)
            assert not feed.acknowledge(tx, standing, Place(1, 1, 4), now=101)
        with journal.read() as connection:
            found = feed.find(connection, NAME)
        assert found is not None
        assert (found.place, found.event_id, found.reached, found.acknowledged_at) == (START, 0, 1, 100)


def test_a_place_never_moves_back_by_an_acknowledgement() -> None:
    with fresh() as journal, journal.write() as tx:
        standing = feed.begin(tx, NAME)
        assert feed.acknowledge(tx, standing, Place(5, 1, 2), now=100)
        assert not feed.acknowledge(tx, standing, Place(4, 9, 9), now=101)


def test_lag_is_told_in_sequences_seconds_and_figures() -> None:
    with fresh() as journal:
        for number in range(3):
            with journal.write(now=1_000 + 10 * number) as tx:
                tx.put([star(number, 1.0), Observation(JOBS, number, 2.0)])
        with journal.write(now=1_100) as tx:
            standing = feed.begin(tx, NAME)
        with journal.read() as connection:
            ids = {str(s): i for i, s in feed.Names().of(connection, [1, 2]).items()}
            assert feed.lag(connection, standing, 1_100) == feed.Lag(3, 100, 6)
            assert feed.lag(connection, standing, 1_100, count=2).points == 2
        with journal.write(now=1_100) as tx:
            feed.acknowledge(tx, standing, Place(1, ids[str(STARS)], 0), now=1_100)
        with journal.read() as connection:
            found = feed.find(connection, NAME)
            assert found is not None
            assert feed.lag(connection, found, 1_100) == feed.Lag(3, 100, 5)
            done = feed.Feed(NAME, Place(3, 2, 2), 0, 0, 0, 1)
            assert feed.lag(connection, done, 1_100) == feed.Lag()


def test_parked_points_are_kept_with_their_reason_until_they_are_taken() -> None:
    with fresh() as journal, journal.write() as tx:
        standing = feed.begin(tx, NAME)
        parked = [Parked(1, 0, "github stars=1 0", "no"), Parked(1, 1, "github stars=2 1", "no")]
        assert feed.acknowledge(tx, standing, Place(1, 1, 1), now=5, parked=parked)
        assert feed.acknowledge(tx, standing, Place(1, 1, 1), now=6, parked=[Parked(1, 1, "github stars=3 1", "never")])
        assert [(p.line, p.error) for p in parking.parked(tx.connection, NAME)] == [
            ("github stars=3 1", "never"),
            ("github stars=1 0", "no"),
        ]
        feed.acknowledge(tx, standing, Place(2, 1, 1), now=7, cleared=[(1, 1)])
        assert parking.count_parked(tx.connection, NAME) == 1


def test_trouble_is_kept_with_its_beginning_until_it_ends() -> None:
    with fresh() as journal, journal.write() as tx:
        feed.begin(tx, NAME)
        for words, now in (("away", 10), ("away still", 20)):
            feed.tell_trouble(tx, NAME, words, now)
        [found] = feed.every(tx.connection)
        assert (found.trouble, found.trouble_since) == ("away still", 10)
        feed.tell_trouble(tx, NAME, "", 30)
        [found] = feed.every(tx.connection)
        assert (found.trouble, found.trouble_since) == ("", None)


def test_events_come_once_in_the_order_in_which_they_were_recorded() -> None:
    with fresh() as journal:
        for time, text in ((50, "2.0"), (20, "1.0")):
            with journal.write() as tx:
                tx.note(Event(time, "release", text, "pytorch"))
        with journal.read() as connection:
            first = feed.events(connection, 0, 1)
            assert [event.text for _, event in first] == ["2.0"]
            assert [event.text for _, event in feed.events(connection, first[0][0], 10)] == ["1.0"]


def test_a_renamed_topic_asks_for_its_series_to_be_moved_at_every_receiver() -> None:
    with fresh() as journal:
        with journal.write() as tx:
            tx.put([star(0, 1.0)])
            feed.begin(tx, NAME)
        names = feed.Names()
        with journal.read() as connection:
            assert str(names.of(connection, [1])[1]) == str(STARS)
        with journal.write() as tx:
            tx.rename_topic("pytorch", "torch")
        with journal.read() as connection:
            assert str(names.of(connection, [1])[1]) == 'github.stars{topic="torch"}'
            repair = repairs.waiting(connection, NAME)
        assert repair is not None
        assert (repair.series_id, repair.wipe, repair.formerly) == (1, True, (str(STARS),))


def test_repairs_of_one_series_are_widened_to_one() -> None:
    with fresh() as journal, journal.write() as tx:
        repairs.request(
            tx, NAME, [repairs.Repair(7, 10, 20), repairs.Repair(7, 5, 8, wipe=True, formerly=("a.b",)), repairs.Repair(3, 0, 1)]
        )
        first = repairs.waiting(tx.connection, NAME)
        assert first == repairs.Repair(7, 5, 20, True, ("a.b",), 5)
        repairs.wiped(tx, NAME, 7)
        repairs.sent(tx, NAME, first, 12, 100)
        assert repairs.waiting(tx.connection, NAME) == repairs.Repair(3, 0, 1, next=0)
        repairs.sent(tx, NAME, repairs.Repair(3), None, 100)
        assert repairs.waiting(tx.connection, NAME) == repairs.Repair(7, 5, 20, next=13)
        repairs.sent(tx, NAME, first, None, 200)
        assert repairs.waiting(tx.connection, NAME) is None
        repairs.forget_done(tx, NAME, 150)
        repairs.redo(tx, NAME)
        assert repairs.waiting(tx.connection, NAME) == repairs.Repair(7, 5, 20, next=5)


def test_lines_that_the_database_puts_together_read_as_any_other() -> None:
    with fresh() as journal:
        with journal.write() as tx:
            tx.put([star(-day * 86_400, float(day * 10**13)) for day in range(1, 61)])
        with journal.read() as connection:
            [run] = feed.runs(connection, START, 100)
            writers = Writers()
            writers.look(connection, [run.series_id])
            line = line_writer(STARS)
            assert writers.lines(connection, run) == [line(-day * 86_400, float(day * 10**13), 0, 0) for day in reversed(range(1, 61))]
        with journal.write() as tx:
            tx.put([star(-4 * 86_400, 1e17), star(-86_400, 0.5), star(-2 * 86_400, 7.0, Bound.AT_LEAST), star(-3 * 86_400, 8.0)])
        with journal.read() as connection:
            run = feed.runs(connection, START, 100)[-1]
            assert writers.lines(connection, run) == [line(-3 * 86_400, 8.0, 0, 0)], "the others are not exact whole numbers"
