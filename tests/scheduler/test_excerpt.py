"""What `uptake trace` shows of a response."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from scheduler.excerpt import WIDE, excerpt


def test_the_line_that_holds_the_number_is_marked_with_its_surroundings() -> None:
    body = json.dumps({"data": {f"r{i}": {"nameWithOwner": f"made-up/r{i}", "stargazerCount": 1000 + i} for i in range(50)}})
    shown = excerpt(body, 1042.0)
    assert [line for line in shown if line.startswith(">")] == ['>    "stargazerCount": 1042']
    assert any("made-up/r42" in line for line in shown)
    assert not any("made-up/r10" in line for line in shown)
    assert shown[0] == shown[-1] == "  …"


def test_a_number_inside_another_is_not_taken_for_it() -> None:
    assert not [line for line in excerpt('{"a": 1042, "b": 42.5, "c": "3,42"}', 42.0) if line.startswith(">")]


def test_a_long_line_is_cut_around_the_number() -> None:
    body = "<p>" + "x" * 5000 + " 195 jobs " + "y" * 5000
    (line,) = [line for line in excerpt(body, 195.0) if line.startswith(">")]
    assert "195 jobs" in line
    assert len(line) <= WIDE + 4


def test_a_number_that_was_computed_shows_the_start_of_the_page() -> None:
    assert excerpt("\n".join(f"line {i}" for i in range(100)), 777.0)[0] == "  line 0"


@given(st.text(), st.none() | st.floats(allow_nan=False, allow_infinity=False))
def test_any_page_can_be_shown(body: str, value: float | None) -> None:
    assert all(len(line) <= WIDE + 4 for line in excerpt(body, value))
