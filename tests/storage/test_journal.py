from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage import frames
from storage.journal import Changes, Journal
from storage.lookups import find, recall, recall_text
from storage.model import Bound, Cadence, Event, Kind, Metric, Observation, Remember, Series, State
from tests.storage.journals import JOBS, SERIES, STARS, Known, capture, dump, fresh, known, star

pytestmark = pytest.mark.usefixtures("either_database")

TIMES = st.sampled_from([-604_801, -1, 0, 1, 86_400, 1_700_000_000])
OBSERVATIONS = st.builds(
    Observation,
    st.sampled_from(SERIES),
    TIMES,
    st.sampled_from([0.0, 1.0, 2.5, 1e15]),
    st.sampled_from(Bound),
    state=st.sampled_from([State.GOOD, State.SUSPECT]),
)
SETTLES = st.tuples(st.sampled_from(SERIES), TIMES, st.sampled_from(State))
OPERATIONS = st.lists(st.lists(OBSERVATIONS, max_size=6) | SETTLES, max_size=4)
HISTORIES = st.lists(OPERATIONS, max_size=6)


def apply(model: Known, operation: list[Observation] | tuple[Series, int, State]) -> bool:
    """The journal's rule, naively: whether anything changed."""
    before = dict(model)
    if isinstance(operation, tuple):
        series, time, state = operation
        found = model.get((str(series), time))
        if found is not None and not (found[0] is None and state is not State.RETRACTED):
            model[str(series), time] = (None if state is State.RETRACTED else found[0], found[1], state)
    else:
        model.update({(str(o.series), o.time): (o.value, o.bound, o.state) for o in operation})
    return model != before


def write(journal: Journal, operations: list[list[Observation] | tuple[Series, int, State]]) -> None:
    with journal.write(now=1000) as tx:
        for operation in operations:
            if isinstance(operation, tuple):
                tx.settle(*operation)
            else:
                tx.put(operation)


@given(HISTORIES)
@settings(max_examples=60, deadline=None)
def test_as_of_any_sequence_is_what_a_full_snapshot_kept(history: list[object]) -> None:
    snapshots: list[Known] = [{}]
    model: Known = {}
    with fresh() as journal:
        for operations in history:
            changes = [apply(model, operation) for operation in operations]  # type: ignore[attr-defined]
            write(journal, operations)  # type: ignore[arg-type]
            if any(changes):
                snapshots.append(dict(model))
            assert journal.head() == len(snapshots) - 1  # one sequence a change, none for nothing
        assert known(journal) == model
        for seq, snapshot in enumerate(snapshots):
            assert known(journal, as_of=seq) == snapshot


@given(HISTORIES)
@settings(max_examples=40, deadline=None)
def test_revisions_cover_a_points_past_without_gap_or_overlap(history: list[object]) -> None:
    with fresh() as journal:
        for operations in history:
            write(journal, operations)  # type: ignore[arg-type]
        tables = dump(journal)
    past: dict[tuple[object, object], list[tuple[int, int]]] = {}
    for series_id, time, seq, seq_to, *_ in tables["revisions"]:
        past.setdefault((series_id, time), []).append((seq, seq_to))  # type: ignore[arg-type]
    present = {(row[0], row[1]): row[7] for row in tables["points"]}
    assert past.keys() <= present.keys()
    for key, intervals in past.items():
        intervals.sort()
        ends = [seq_to for _, seq_to in intervals]
        starts = [seq for seq, _ in intervals] + [present[key]]
        assert starts[1:] == ends
        assert all(seq < seq_to for seq, seq_to in intervals)
    assert [row[0] for row in sorted(tables["commits"])] == list(range(1, len(tables["commits"]) + 1))


@given(st.lists(OBSERVATIONS, max_size=12))
@settings(max_examples=30, deadline=None)
def test_writing_twice_is_writing_once(observations: list[Observation]) -> None:
    with fresh() as journal:
        with journal.write() as tx:
            tx.put(observations)
        before = dump(journal)
        with journal.write() as tx:
            again = tx.put(observations)
            assert not tx.changed
        assert again == Changes(same=len({(o.series, o.time) for o in observations}))
        assert dump(journal) == before


@given(st.lists(OBSERVATIONS, max_size=12, unique_by=lambda o: (o.series, o.time)), st.randoms(use_true_random=False), st.data())
@settings(max_examples=30, deadline=None)
def test_replays_in_any_order_and_batches_come_to_the_same(observations: list[Observation], random: object, data: st.DataObject) -> None:
    replay = [*observations, *data.draw(st.lists(st.sampled_from(observations), max_size=6) if observations else st.just([]))]
    random.shuffle(replay)  # type: ignore[attr-defined]
    size = data.draw(st.integers(1, 5))
    with fresh() as once, fresh() as often:
        with once.write() as tx:
            tx.put(observations)
        for i in range(0, len(replay), size):
            with often.write() as tx:
                tx.put(replay[i : i + size])
        assert known(often) == known(once)


def write_and_lose(journal: Journal, operations: list[object]) -> None:
    with journal.write() as tx:
        for operation in operations:
            if isinstance(operation, tuple):
                tx.settle(*operation)
            else:
                tx.put(operation)  # type: ignore[arg-type]
        tx.put([Observation(Series("made.here", "x"), 0, 1.0, captures=(capture(),))])
        tx.remember("github", Remember("etag", "x"))
        tx.note(Event(0, "note", "x"))
        raise RuntimeError("power")


@given(HISTORIES, OPERATIONS)
@settings(max_examples=25, deadline=None)
def test_a_rollback_leaves_no_trace(history: list[object], lost: list[object]) -> None:
    with fresh() as journal:
        for operations in history:
            write(journal, operations)  # type: ignore[arg-type]
        before = dump(journal)
        with pytest.raises(RuntimeError, match="power"):
            write_and_lose(journal, lost)
        assert dump(journal) == before
        write(journal, [[Observation(Series("made.here", "x"), 0, 1.0)]])  # ids of the lost transaction are forgotten
        assert known(journal)['made.here{topic="x"}', 0] == (1.0, 0, 0)


def test_a_second_measurement_of_the_same_value_keeps_the_first_capture() -> None:
    with fresh() as journal:
        with journal.write() as tx:
            tx.put([Observation(STARS, 0, 5.0, captures=(capture(1),))])
        with journal.write() as tx:
            assert tx.put([Observation(STARS, 0, 5.0, captures=(capture(2),))]) == Changes(same=1)
        with journal.read() as connection:
            evidence = frames.evidence(connection, [1, 2])
        assert [e["offset"] for e in evidence.values()] == [1]


def test_several_captures_are_kept_as_a_set_in_their_order() -> None:
    with fresh() as journal:
        with journal.write() as tx:
            tx.put([Observation(STARS, 0, 5.0, captures=(capture(7), capture(3)))])
            tx.put([Observation(JOBS, 0, 5.0, captures=(capture(3),))])
        with journal.read() as connection:
            ids = [int(i) for i in frames.points(connection, [1, 2])["evidence_id"]]
            evidence = frames.evidence(connection, ids)
        assert [m["offset"] for m in evidence[ids[0]]["members"]] == [7, 3]  # type: ignore[attr-defined]
        assert evidence[ids[1]]["offset"] == 3


def test_of_several_values_for_one_time_the_last_stands() -> None:
    with fresh() as journal:
        with journal.write() as tx:
            assert tx.put([star(0, 1.0), star(0, 2.0)]) == Changes(new=1)
        assert list(known(journal).values()) == [(2.0, 0, 0)]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), None])
def test_what_is_no_number_is_refused_before_anything_is_written(value: float) -> None:
    with fresh() as journal:
        before = dump(journal)
        with pytest.raises(ValueError, match=r'github.stars\{topic="pytorch"\} at 1970-01-02T00:00:00Z'), journal.write() as tx:
            tx.put([star(0, 1.0), star(86_400, value)])
        assert dump(journal) == before


def test_whole_numbers_beyond_floats_are_not_revised_for_ever() -> None:
    with fresh() as journal:
        for expected in (Changes(new=1), Changes(same=1)):
            with journal.write() as tx:
                assert tx.put([star(0, 2**53 + 1)]) == expected


def test_confirming_and_rejecting_a_suspect_value() -> None:
    with fresh() as journal:
        with journal.write() as tx:
            tx.put([star(0, 9.0, state=State.SUSPECT), star(1, 8.0, state=State.SUSPECT)])
        with journal.write() as tx:
            assert tx.settle(STARS, 0, State.GOOD)
            assert tx.settle(STARS, 1, State.RETRACTED)
        name = str(STARS)
        assert known(journal) == {(name, 0): (9.0, 0, State.GOOD), (name, 1): (None, 0, State.RETRACTED)}
        assert known(journal, as_of=1) == {(name, 0): (9.0, 0, State.SUSPECT), (name, 1): (8.0, 0, State.SUSPECT)}
        with journal.write() as tx:
            assert not tx.settle(STARS, 0, State.GOOD)
            assert not tx.settle(STARS, 1, State.GOOD)  # there is no value to believe
            assert not tx.changed


def test_settling_what_does_not_exist_leaves_no_trace() -> None:
    with fresh() as journal:
        before = dump(journal)
        with journal.write() as tx:
            assert not tx.settle(STARS, 0, State.RETRACTED)
            assert not tx.changed
        assert dump(journal) == before


def test_a_moment_maps_to_the_largest_sequence_even_after_the_clock_was_set_back() -> None:
    with fresh() as journal:
        for i, now in enumerate([100, 300, 200, 400]):
            with journal.write(now=now) as tx:
                tx.put([star(i, 1.0)])
        assert [journal.sequence_at(m) for m in (99, 100, 250, 300, 399, 400)] == [0, 1, 1, 3, 3, 4]


def test_state_is_read_as_of_a_sequence_and_forgetting_is_remembered() -> None:
    with fresh() as journal:
        for value in ({"etag": "a"}, {"etag": "a"}, {"etag": "b"}, None):
            with journal.write() as tx:
                tx.remember("github", Remember("pytorch", value))
                tx.remember("github", Remember("other", 1))
        with journal.read() as connection:
            assert [recall(connection, "github", seq).get("pytorch") for seq in range(5)] == [
                None,
                {"etag": "a"},
                {"etag": "b"},
                None,
                None,
            ]
            assert recall(connection, "github") == {"other": 1}
            assert recall(connection, "pypi") == {}
            assert recall_text(connection, "github", "other", 0) is None
        assert journal.head() == 3


def test_an_event_is_recorded_once() -> None:
    event = Event(10, "release", "v2.0", "pytorch", "https://example.org/v2", "github")
    with fresh() as journal:
        for expected in (True, False):
            with journal.write() as tx:
                assert tx.note(event) is expected
        with journal.write() as tx:
            tx.note(Event(5, "note", "for all"))
            tx.note(Event(7, "note", "of another", "jax"))
        with journal.read() as connection:
            assert frames.events(connection)["text"].tolist() == ["for all", "of another", "v2.0"]
            assert frames.events(connection, ["pytorch"])["text"].tolist() == ["for all", "v2.0"]
            assert frames.events(connection, as_of=1)["text"].tolist() == ["v2.0"]


def test_a_renamed_topic_keeps_its_series() -> None:
    with fresh() as journal:
        with journal.write() as tx:
            tx.put([star(0, 1.0)])
        with journal.write() as tx:
            assert tx.rename_topic("pytorch", "torch") == 1
            assert tx.rename_topic("pytorch", "torch") == 0
            tx.put([Observation(Series("github.stars", "torch"), 1, 2.0)])
        assert known(journal) == {('github.stars{topic="torch"}', 0): (1.0, 0, 0), ('github.stars{topic="torch"}', 1): (2.0, 0, 0)}


def test_a_definition_is_the_sources_own_else_the_shared_one() -> None:
    shared = Metric("jobs.postings", Kind.LEVEL, "postings", Cadence.DAY, "Postings", "")
    own = Metric("jobs.postings", Kind.FLOW, "postings", Cadence.MONTH, "Postings", "", settle=60)
    with fresh() as journal:
        with journal.write() as tx:
            tx.define([shared])
            tx.define([own], "hacker_news")
            tx.define([Metric("github.stars", Kind.LEVEL, "stars", Cadence.DAY, "Stars", "", version=v) for v in (2, 1)], "github")
        with journal.read() as connection:
            meanings = frames.definitions(connection)
        assert meanings.of(Series("jobs.postings", "x", source="hacker_news")) == own
        assert meanings.of(Series("jobs.postings", "x", source="indeed")) == shared
        assert meanings.of(Series("github.stars", "x", version=3)).version == 2
        assert meanings.of(Series("un.known", "x")).kind is Kind.LEVEL


def test_the_catalogue_and_points_can_be_narrowed() -> None:
    with fresh() as journal:
        with journal.write() as tx:
            tx.put([star(t, float(t)) for t in range(5)])
        with journal.write() as tx:
            tx.put([Observation(JOBS, 0, 1.0, observed_at=7)])
        with journal.read() as connection:
            assert frames.catalogue(connection, as_of=1)["name"].tolist() == [str(STARS)]
            assert frames.catalogue(connection, metric="jobs.postings")["series"].tolist() == [JOBS]
            assert frames.catalogue(connection, topics=["jax"]).empty
            assert find(connection, JOBS) == 2
            assert frames.points(connection, [1], since=1, until=3)["time"].tolist() == [1, 2, 3]
            both = frames.points(connection, [1, 2])
            assert both["observed_at"].isna().tolist() == [True] * 5 + [False]
            assert {c: str(t) for c, t in both.dtypes.items()} == {c: str(t) for c, t in frames.points(connection, []).dtypes.items()}
