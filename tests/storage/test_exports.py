from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from influxdb_client.client.write.point import Point

from storage import exports, figures
from storage.exports import Selection
from storage.journal import Journal
from storage.model import Bound, Cadence, Kind, Metric, Observation, Series, State
from storage.periods import read_time
from tests.storage.journals import JOBS, NEW_STARS, STARS, TOTAL, capture, fresh, known

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp"), exclude_characters=";"), min_size=1, max_size=6).filter(
    lambda word: word == word.strip() and "\x85" not in word
)
ANY_SERIES = st.builds(
    Series,
    st.sampled_from(["github.stars", "jobs.postings"]),
    WORDS | st.just(""),
    st.dictionaries(st.sampled_from(["board", "country", "with"]), WORDS, max_size=2).map(lambda d: tuple(d.items())),
    st.integers(1, 2),
    st.sampled_from(["measured", "imported"]),
)
VALUES = st.floats(0, 1e18) | st.integers(0, 10**17).map(float)
POINTS = st.lists(
    st.builds(
        Observation,
        ANY_SERIES,
        st.integers(-(10**9), 4 * 10**9),
        VALUES,
        st.sampled_from(Bound),
        st.none() | st.integers(0, 4 * 10**9),
        citation=WORDS,
        state=st.sampled_from([State.GOOD, State.SUSPECT]),
    ),
    max_size=12,
    unique_by=lambda o: (o.series, o.time),
).map(lambda points: [Observation(sourced(o.series), o.time, o.value, o.bound, o.observed_at, (), o.citation, o.state) for o in points])


def sourced(series: Series) -> Series:
    return Series(series.metric, series.topic, series.labels, series.version, series.origin, "github")


def text(journal: Journal, selection: Selection = exports.EVERYTHING, form: str = "csv") -> str:
    out = io.BytesIO()
    with journal.read() as connection:
        exports.FORMATS[form](connection, out, selection)
    return out.getvalue().decode()


def rows(journal: Journal, selection: Selection = exports.EVERYTHING) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text(journal, selection))))


def put(journal: Journal, *observations: Observation) -> None:
    with journal.write() as tx:
        tx.put(observations)


@given(POINTS)
@settings(max_examples=40, deadline=None)
def test_an_export_that_is_imported_into_an_empty_journal_exports_the_same(observations: list[Observation]) -> None:
    with fresh() as first, fresh() as second:
        put(first, *observations)
        exported = text(first, Selection(suspect=True))
        read = figures.read_csv(exported, origin="measured")
        assert read.problems == []
        put(second, *read.rows)
        assert text(second, Selection(suspect=True)) == exported
        assert known(second) == known(first)
        assert text(second) == text(first)


def test_the_starting_history_round_trips_without_a_word_about_its_origin() -> None:
    with fresh() as journal:
        put(journal, *figures.starting_history().rows)
        assert sorted(map(repr, figures.read_csv(text(journal)).rows)) == sorted(map(repr, figures.starting_history().rows))


def test_a_row_holds_the_contracts_columns() -> None:
    imported = Series("jobs.postings", "pytorch", (("country", "us"), ("board", "indeed")), 2, "imported", "indeed")
    with fresh() as journal:
        put(
            journal,
            Observation(imported, read_time("2020-01-26"), 2701.0, Bound.AT_LEAST, citation='Hale, "Is PyTorch…"'),
            Observation(STARS, 0, 12.5, Bound.ESTIMATE, 60, (capture(1), capture(2, "https://b.example/")), "unused"),
        )
        assert text(journal).splitlines() == [
            "time,source,metric,topic,labels,value,bound,observed_at,citation",
            "1970-01-01T00:00:00Z,github,github.stars,pytorch,,12.5,estimate,1970-01-01T00:01:00Z,https://api.github.com/graphql https://b.example/",
            (
                "2020-01-26T00:00:00Z,indeed,jobs.postings,pytorch,board=indeed;country=us;origin=imported;version=2,2701,at_least,,"
                '"Hale, ""Is PyTorch…"""'
            ),
        ]


def test_retracted_values_never_leave_and_suspect_ones_only_when_asked_for() -> None:
    with fresh() as journal:
        put(journal, *(Observation(STARS, t, float(t)) for t in range(3)), Observation(STARS, 3, 3.0, Bound.AT_LEAST, state=State.SUSPECT))
        with journal.write() as tx:
            tx.settle(STARS, 1, State.RETRACTED)
        assert [r["value"] for r in rows(journal)] == ["0", "2"]
        asked = rows(journal, Selection(suspect=True))
        assert [(r["value"], r["bound"]) for r in asked] == [("0", "exact"), ("2", "exact"), ("3", "suspect at_least")]
        assert [r["value"] for r in rows(journal, Selection(as_of=1))] == ["0", "1", "2"]
        points = json.loads(text(journal, Selection(suspect=True), "json"))["series"][0]["points"]
        assert [p.get("state") for p in points] == [None, None, "suspect"]
        assert (
            text(journal, Selection(suspect=True), "lp").splitlines()[-1]
            == "github,topic=pytorch stars=3,stars_bound=1i,stars_suspect=1i 3000000000"
        )


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(), {STARS, JOBS, NEW_STARS, TOTAL}),
        (Selection(metric="github.stars"), {STARS}),
        (Selection(topics=["pytorch"]), {STARS, JOBS}),
        (Selection(topics=[]), set()),
        (Selection(source="linkedin"), {JOBS, TOTAL}),
        (Selection(since=86_400), {TOTAL}),
        (Selection(until=86_399), {STARS, JOBS, NEW_STARS}),
        (Selection(since=0, until=0), {STARS}),
        (Selection(as_of=2), {STARS, JOBS}),
    ],
)
def test_a_selection_narrows_what_is_exported(selection: Selection, expected: set[Series]) -> None:
    with fresh() as journal:
        for time, series in [(0, STARS), (1, JOBS), (2, NEW_STARS), (86_400, TOTAL)]:
            put(journal, Observation(series, time, 1.0))
        with journal.read() as connection:
            assert {series for series, _ in exports.read(connection, selection)} == expected


def test_json_is_one_document_of_series_with_their_meaning() -> None:
    with fresh() as journal:
        assert json.loads(text(journal, form="json")) == {"series": []}
        with journal.write() as tx:
            tx.define([Metric("github.stars", Kind.LEVEL, "stars", Cadence.DAY, "Stars", "")], "github")
        put(journal, Observation(STARS, 0, 5.0, observed_at=60, citation="a page"), Observation(JOBS, 0, 2.5))
        first, second = json.loads(text(journal, form="json"))["series"]
        assert first == {
            "name": 'github.stars{topic="pytorch"}',
            "source": "github",
            "metric": "github.stars",
            "topic": "pytorch",
            "labels": {},
            "unit": "stars",
            "kind": "level",
            "points": [
                {"time": "1970-01-01T00:00:00Z", "value": 5, "bound": "exact", "observed_at": "1970-01-01T00:01:00Z", "citation": "a page"}
            ],
        }
        assert second["labels"] == {"board": "linkedin", "country": "us"}
        assert second["points"][0]["value"] == 2.5


def test_parquet_holds_what_the_csv_holds_with_types(monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet as pq

    monkeypatch.setattr(exports, "_BATCH", 3)  # several row groups
    with fresh() as journal:
        put(journal, *(Observation(s, t * 86_400, t / 2, Bound(t % 3), t or None) for s in (STARS, JOBS, TOTAL) for t in range(5)))
        out = io.BytesIO()
        with journal.read() as connection:
            assert exports.FORMATS["parquet"](connection, out, Selection()) == 15
        assert not out.closed
        table = pq.read_table(out)
        assert {f.name: str(f.type).split(",")[0] for f in table.schema} == {
            "time": "timestamp[ms",
            "source": "dictionary<values=string",
            "metric": "dictionary<values=string",
            "topic": "dictionary<values=string",
            "labels": "dictionary<values=string",
            "value": "double",
            "bound": "dictionary<values=string",
            "observed_at": "timestamp[ms",
            "citation": "string",
        }
        found = table.to_pylist()
        for parquet, plain in zip(found, rows(journal), strict=True):
            assert parquet["time"].timestamp() == read_time(plain["time"])
            assert parquet["value"] == float(plain["value"])
            assert (parquet["observed_at"] is None) == (plain["observed_at"] == "")
            assert [parquet[c] or "" for c in ("source", "metric", "topic", "labels", "bound", "citation")] == [
                plain[c] for c in ("source", "metric", "topic", "labels", "bound", "citation")
            ]


def test_an_empty_journal_exports_a_valid_nothing() -> None:
    import pyarrow.parquet as pq

    with fresh() as journal:
        assert rows(journal) == []
        assert text(journal, form="lp") == ""
        out = io.BytesIO()
        with journal.read() as connection:
            exports.FORMATS["parquet"](connection, out, Selection())
        assert pq.read_table(out).num_rows == 0


def test_a_line_is_the_contracts_example() -> None:
    line = exports.line_writer(JOBS)
    assert line(1_580_000_000, 1973.0, 0, 0) == "jobs,board=linkedin,country=us,topic=pytorch postings=1973 1580000000000000000"
    assert line(-1, 0.5, Bound.ESTIMATE, 0) == "jobs,board=linkedin,country=us,topic=pytorch postings=0.5,postings_bound=2i -1000000000"
    assert exports.line_writer(TOTAL)(0, 1.0, 0, 0) == "jobs,board=linkedin total=1 0"
    assert exports.line_writer(NEW_STARS)(0, 1.0, 0, 0) == "github,topic=tensorflow,version=2 new_stars=1 0"


@given(ANY_SERIES, st.integers(-(10**9), 4 * 10**9), VALUES, st.sampled_from(Bound))
def test_a_line_is_what_influxdbs_own_client_writes(series: Series, time: int, value: float, bound: Bound) -> None:
    family, _, name = series.metric.partition(".")
    point = Point(family).field(name, value).time(time * 10**9)
    for key, tag in [*series.tags(), *([("topic", series.topic)] if series.topic else [])]:
        point = point.tag(key, tag)
    if bound:
        point = point.field(f"{name}_bound", int(bound))
    ours, theirs = exports.line_writer(series)(time, value, bound, 0), point.to_line_protocol()
    assert parsed(ours) == parsed(theirs)


def parsed(line: str) -> tuple[str, dict[str, float], str]:
    """Tags as they stand (the value of a field may be written in two ways), fields as numbers, time."""
    head, fields, time = line.rsplit(" ", 2)
    pairs = (field.partition("=") for field in fields.split(","))
    return head, {key: float(value.rstrip("i")) for key, _, value in pairs}, time


@given(VALUES | st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_reads_back_and_whole_ones_have_no_point(value: float) -> None:
    written = exports.number(value)
    assert float(written) == value
    assert not written.endswith(".0")
