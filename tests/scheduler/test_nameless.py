"""What is kept of a page in which people are named: the number and where it stands, and nothing of anybody."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.nameless import COUNTS, LINES, WIDE, lines_of


@pytest.mark.parametrize(
    ("body", "value", "kept"),
    [
        ('{"nbHits": 29378, "page": 0}', 29378, ['"nbHits": 29378,']),
        ('{"SearchResult": {"SearchResultCountAll": 29378}}', 29378, ['"SearchResultCountAll": 29378']),
        ('{"count": "29378"}', 29378, ['"count": "29378"']),
        ("<p>Found by Jane Roe</p>\n<span>195</span>", 195, ["<span>195</span>"]),
        ("<opensearch:totalResults>195</opensearch:totalResults>", 195, ["<opensearch:totalResults>195</opensearch:totalResults>"]),
        ('<b id="jane" class="roe job-count">1,234</b> for Jane', 1234, ['<b class="job-count">1,234</b> …']),
        ("Page 1 of 1,234 jobs", 1234, ["… of 1,234 jobs"]),
        ("Plus de 9 000 offres chez Roe", 9000, ["Plus de 9 000 offres …"]),
        ("Anzahl: 1.234 Stellenangebote", 1234, ["Anzahl: 1.234 Stellenangebote"]),
        ('window.x={"by":"Jane Roe","totalCount":195,"to":"Jane"};', 195, ['…","totalCount":195,"…"};']),
        ('{"jane": 195}', 195, ['"…": 195']),
        ("Jane: 195, jane@example.org", 195, ["… 195, …"]),
        ("+49 170 195 195 77 @jane", 195, ["+… 195 …"]),
        ('{"share": 42.5}', 42.5, ['"…": 42.5']),
        ('{"a": 1195, "b": "195.5", "c": "2,195"}', 195, []),
        ("<h1>Jane Roe</h1>", 195, []),
        ('{"reactions": 3, "jane": 3, "count": 3}', 3, ['"count": 3']),  # a small number stands everywhere
        ("<i>Jane came 3 times</i> <b>3</b>", 3, ["<i>…</i> <b>3</b>"]),
        ("3 jobs; Jane of the jobs board is 3", 3, ["3 jobs; … of the jobs …"]),
        ("Jobs (3) for Jane", 3, ["Jobs (3) …"]),
        ('{"text": "\\ud83d 195 \\udc00"}', 195, None),  # half a character
    ],
)
def test_the_count_stays_and_nobody_with_it(body: str, value: float, kept: list[str] | None) -> None:
    found = lines_of(body, [value])
    if kept is not None:
        assert found == kept
    assert not re.search("jane|roe|example|170", " ".join(found), re.IGNORECASE)


def test_lines_are_short_and_few() -> None:
    body = "\n".join(f"{'x ' * 300}{n} jobs {'y ' * 300}" for n in range(100, 140) for _ in range(5))
    for text in ("195", "… 195"):  # with a word for what is counted, and without
        told = [f"<h{i}>{text}</h{i}>" for i in range(1, 7)]
        assert lines_of("\n".join(told).replace("…", "Jane"), [195]) == told[:3]
    found = lines_of(body, range(100, 140))
    assert len(found) == LINES
    assert max(map(len, found)) <= WIDE + 4


def test_a_place_that_says_what_it_counts_goes_before_one_that_does_not() -> None:
    body = json.dumps({"hits": [{f"k{i}": 195} for i in range(50)], "total": 195})
    assert lines_of(body, [195])[0] == '"total": 195'


def test_large_numbers_come_before_small_ones_that_would_take_their_room() -> None:
    body = "\n".join([*(f"{n} jobs" for n in range(30)), "29378 jobs"])
    assert lines_of(body, [*range(30), 29378])[0] == "29378 jobs"


@given(st.text(), st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 99))
def test_any_page_can_be_reduced(body: str, value: float) -> None:
    assert len(lines_of(body, [value])) <= LINES


NAMES = [
    "Jané",
    "roe",
    "jane.roe@example.org",
    "@janeroe",
    "+49-170-1234567",
    "Doe’s",
    "Иван",
    "山田",
    "J",
    "o'neill",
    "&#74;ane",
    "%4Aane",
]


@given(
    st.lists(
        st.sampled_from([*NAMES, "<b>", "</b>", '<a href="/u/roe">', '"', ":", ",", "{", "jobs", "195", '"count":', "\n", "= "]),
        max_size=40,
    ),
    st.sampled_from(["", " "]),
)
def test_no_part_of_a_name_is_left(parts: list[str], between: str) -> None:
    for line in lines_of(between.join(parts), [195]):
        words = re.findall(r"[^\W_]+", re.sub(r"</?[ab]>|195", " ", line))
        assert {w.casefold() for w in words} <= COUNTS
