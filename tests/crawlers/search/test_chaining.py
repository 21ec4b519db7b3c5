"""How more than five terms are compared, and what is read of the page's answers: pure functions."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crawlers.search_interest import chaining, payloads
from crawlers.search_interest.chaining import SPREAD, Survey, groups, ratio, relative_error, survey
from crawlers.search_interest.metrics import geo_of, label_of, week_of
from crawlers.search_interest.payloads import BELOW_ONE, Comparison
from crawlers.search_interest.terms import term_of
from storage.model import ParseError, Topic, UsageError
from storage.periods import DAY, WEEK, read_time

WEEKS = tuple(range(0, 260 * WEEK, WEEK))


def course(size: float, growth: float = 0.0, season: float = 0.2) -> list[float]:
    return [size * math.exp(growth * n / 52) * (1 + season * math.cos(2 * math.pi * n / 52)) for n in range(260)]


def compared(courses: dict[str, list[float]], terms: tuple[str, ...]) -> Comparison:
    """Rounded to hundredths of the highest, as Google does; nothing below a twentieth of one."""
    top = max(max(courses[t]) for t in terms) or 1.0
    rows = []
    for term in terms:
        exact = [100 * v / top for v in courses[term]]
        rows.append(tuple(float(math.floor(x + 0.5)) if x >= 0.5 else BELOW_ONE if x > 0.05 else None for x in exact))
    return Comparison(terms, WEEKS, tuple(rows))


def run(courses: dict[str, list[float]], sizes: dict[str, float] | None = None) -> tuple[Survey, list[tuple[str, ...]]]:
    asking, asked = survey(list(courses), sizes), []
    group = next(asking)
    while True:
        asked.append(group)
        try:
            group = asking.send(compared(courses, group))
        except StopIteration as done:
            return done.value, asked


def test_groups_are_sorted_neighbours_that_share_one_and_are_not_too_far_apart() -> None:
    assert groups({"a": 1.0, "b": 100.0, "c": 30.0, "d": 9.0, "e": 8.0, "f": 7.5, "g": 7.4}) == [
        ("b", "c"),
        ("c", "d", "e", "f", "g"),
        ("g", "a"),
    ]
    assert groups(dict.fromkeys("fedcba", 5.0)) == [("a", "b", "c", "d", "e"), ("e", "f")]
    assert groups({"a": 1000.0, "b": 1.0}) == [("a", "b")]
    assert groups({"a": 1.0}) == [("a",)]


@given(st.dictionaries(st.text("abcdefgh", min_size=1, max_size=3), st.floats(0.01, 1e4), min_size=1, max_size=20))
def test_groups_hold_every_term_and_chain(sizes: dict[str, float]) -> None:
    found = groups(sizes)
    assert {t for group in found for t in group} == set(sizes)
    assert all(len(g) <= 5 for g in found)
    assert all(above[-1] == below[0] for above, below in pairwise(found))
    assert all(len(g) == 2 or sizes[g[0]] <= SPREAD * sizes[g[-1]] for g in found if len(g) > 1)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.floats(0, 3.2), st.floats(-0.4, 0.4), st.floats(0.05, 0.3)), min_size=6, max_size=14),
    st.randoms(use_true_random=False),
)
def test_a_survey_ends_and_its_errors_are_not_understated(spec: list[tuple[float, float, float]], random: Any) -> None:
    courses = {f"t{n}": course(10**size, growth, season) for n, (size, growth, season) in enumerate(spec)}
    order = list(courses)
    random.shuffle(order)
    found, asked = run({t: courses[t] for t in order})
    assert len(asked) == len(set(asked)) <= 2 * len(courses) + 4
    assert set(found.lines) | set(found.apart) == set(courses)
    top = max(max(c) for c in courses.values())
    for term, line in found.lines.items():
        truth = sum(100 * courses[term][w // WEEK] / top for w in line.values)
        assert abs(sum(line.values.values()) / truth - 1) <= 1.5 * line.error  # of two standard errors


def test_remembered_sizes_save_the_scouting() -> None:
    courses = {f"t{n}": course(2.0**n) for n in range(11)}
    first, asked = run(courses)
    again, fewer = run(courses, dict(first.sizes))
    assert len(fewer) < len(asked)
    assert fewer == groups(first.sizes) + ([fewer[-1]] if len(fewer[-1]) == 1 else [])
    assert again.lines["t0"].values == pytest.approx(first.lines["t0"].values)


def test_what_cannot_be_joined_is_told_and_given_no_number() -> None:
    courses = {
        "big": course(100_000),
        "less": course(60_000),
        "rare": course(10),
        "rarer": course(5),
        "c": course(90_000),
        "d": course(50_000),
    }
    found, _ = run(courses)
    assert set(found.apart) == {"rare", "rarer"}
    assert set(found.apart.values()) <= set(courses) - {"rare", "rarer"}


def test_terms_without_any_searches_end_the_survey_too() -> None:
    courses = {t: [0.0] * 260 for t in "abcdefg"}
    found, asked = run(courses)
    assert found.lines == {}
    assert len(asked) < 8


def test_a_ratio_is_bounded_by_each_week_or_estimated_where_requests_were_other_samples() -> None:
    exact = course(97, 0.1)
    lower = [float(round(v)) for v in exact]
    factor, error = ratio([float(round(0.0537 * v)) for v in exact], lower)
    assert abs(factor / 0.0537 - 1) <= error < 0.02
    noisy = [float(round(0.3 * v * (1 + 0.05 * math.sin(7 * n)))) for n, v in enumerate(exact)]
    factor, error = ratio(noisy, lower)
    assert abs(factor / 0.3 - 1) <= error < 0.02
    assert error > 0.002


def test_rounding_errors_shrink_with_movement_not_with_repetition() -> None:
    assert relative_error([3.0] * 260) == pytest.approx(0.5 / 3)
    assert relative_error([3.0, 4.0] * 130) > 0.1
    assert relative_error([float(n) for n in range(1, 101)]) < 0.002


def timeline(*values: object, start: str = "2026-11-01", **extra: object) -> bytes:
    first = read_time(start)
    rows = [{"time": str(first + n * WEEK), "value": v, "formattedValue": [str(x) for x in v], **extra} for n, v in enumerate(values)]  # type: ignore[attr-defined]
    return b")]}',\n" + json.dumps({"default": {"timelineData": rows}}).encode()


def test_values_are_filed_under_the_monday_and_the_unfinished_week_is_left_out() -> None:
    body = timeline([40, 100], [50, 7], [60, 8])
    found = payloads.parse_comparison(body, ("a", "b"), "USER_TYPE_LEGIT_USER", read_time("2026-11-20"))
    assert found.times == (read_time("2026-11-02"), read_time("2026-11-09"))
    assert found.values == ((40.0, 50.0), (100.0, 7.0))
    monday = payloads.parse_comparison(timeline([100], start="2026-11-02"), ("a",), "", read_time("2026-11-20"))
    assert monday.times == (read_time("2026-11-02"),)


@pytest.mark.parametrize(
    ("shown", "has_data", "value"),
    [("<1", True, 0.5), ("<1", False, 0.5), ("1 未満", True, 0.5), ("0", True, None), ("0", False, None), ("", True, None)],
)
def test_no_kind_of_nought_becomes_a_zero(shown: str, has_data: bool, value: float | None) -> None:
    body = timeline([100, 0], formattedValue=["100", shown], hasData=[True, has_data])
    assert payloads.parse_comparison(body, ("a", "b"), "", read_time("2026-11-20")).values[1] == (value,)


@pytest.mark.parametrize(
    "body",
    [
        timeline([99]),
        timeline([101]),
        timeline([100.0]),
        timeline([True]),
        timeline([100, 3]),
        timeline([100], start="2026-11-04"),
        timeline([100], formattedValue="100"),
        timeline([100], time="now"),
        b'{"default": {"timelineData": []}}',
        b"<html>",
        b")]}',\nnull",
        b"",
    ],
)
def test_what_is_no_comparison_is_not_read(body: bytes) -> None:
    with pytest.raises(ParseError):
        payloads.parse_comparison(body, ("a",), "", read_time("2026-11-20"))


def test_months_are_not_taken_for_weeks() -> None:
    rows = [{"time": str(read_time(t)), "value": [100]} for t in ("2026-09-01", "2026-10-01", "2026-11-01")]
    with pytest.raises(ParseError, match="weeks"):
        payloads.parse_comparison(b")]}'" + json.dumps({"default": {"timelineData": rows}}).encode(), ("a",), "", read_time("2026-12-20"))


def test_a_frame_that_reads_other_numbers_is_refused() -> None:
    body = timeline([40, 100], [50, 7])
    good = {"times": [read_time("2026-11-01"), read_time("2026-11-08")], "values": [[40, 50], [100, 7]]}
    payloads.check_frame(good, body, ("a", "b"))
    for wrong in ({**good, "values": [[40, 50], [100, 8]]}, {**good, "times": [0, 1]}, {"error": "KeyError"}):
        with pytest.raises(ParseError, match="pytrends"):
            payloads.check_frame(wrong, body, ("a", "b"))


def test_places_and_weeks_have_one_label() -> None:
    assert [label_of(g) for g in ("", "US", "US-CA")] == ["world", "us", "us-ca"]
    assert [geo_of(g) for g in ("world", "us", "us-ca")] == ["", "US", "US-CA"]
    for wrong in ("us", "USA", None, "world"):
        with pytest.raises(UsageError):
            label_of(wrong)
    sunday = read_time("2026-11-15")
    assert week_of(sunday) == week_of(sunday + DAY) == sunday + DAY


def test_a_topic_is_searched_as_it_is_written() -> None:
    assert term_of(Topic("x", "X", {"search": "PyTorch"})) == "PyTorch"
    assert term_of(Topic("x", "X", {"search": ["Go  language", "golang"]})) == "Go language + golang"
    assert term_of(Topic("x", "X", {"google_trends": {"any": ["jax"], "not": ["florida"]}, "search": "JAX"})) == "jax -florida"
    assert term_of(Topic("x", "X")) == ""
    for wrong in ([1], [""], {"not": ["x"]}, 3, "x" * 101):
        with pytest.raises(UsageError, match=r"topics\.x\.search"):
            term_of(Topic("x", "X", {"search": wrong}))


def test_a_term_that_is_rare_in_its_own_group_measures_no_other() -> None:
    def shared(*values: float) -> Comparison:
        return Comparison(("shared", f"other{len(values)}"), WEEKS[: len(values)], (values, values))

    spike = (100.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    even = (20.0,) * len(spike)
    assert chaining._joint(shared(*even), shared(*spike)) is None
    assert chaining._joint(shared(*spike), shared(*even)) is not None
    assert chaining._joint(shared(*even), Comparison(("none",), WEEKS[:1], ((100.0,),))) is None
