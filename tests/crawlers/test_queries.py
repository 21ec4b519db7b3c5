"""Keyword expressions in boards' query syntaxes, and what the counts that they find are worth."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crawlers.boards.queries import Query, Syntax, combined, queries, told_apart, worse
from crawlers.boards.searched import SearchBoard
from crawlers.catalog import sources
from crawlers.counts import Count
from crawlers.keywords import Keywords
from storage.model import Bound

FULL = Syntax(either=" OR ", without=" -{}")
ONE_BY_ONE = Syntax(phrase="{}", joined=False)
EXACT, AT_LEAST, ESTIMATE = Bound.EXACT, Bound.AT_LEAST, Bound.ESTIMATE
BOARDS = [s for s in sources().values() if issubclass(s, SearchBoard)]
WORDS = st.text("abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=9)
PHRASES = st.lists(WORDS, min_size=1, max_size=3).map(" ".join)
TERMS = st.one_of(WORDS, PHRASES, st.sampled_from(["C", "R", "C++", "C#", ".NET", "Go", "Next.js", "scikit-learn", "機械学習"]))
KEYWORDS = st.builds(
    lambda any_, excluded, case: Keywords.read({"any": any_, "not": excluded, "case": case}),
    st.lists(TERMS, min_size=1, max_size=4),
    st.lists(TERMS, max_size=3),
    st.booleans(),
)
SYNTAXES = st.builds(
    Syntax,
    phrase=st.sampled_from(['"{}"', "{}"]),
    either=st.sampled_from(["", " OR ", "|"]),
    group=st.sampled_from(["", "({})"]),
    without=st.sampled_from(["", " -{}", " NOT {}"]),
    joined=st.booleans(),
    literal=st.booleans(),
)


def asked(value: object, syntax: Syntax) -> list[tuple[str, Bound]]:
    return [(query.text, query.bound) for query in queries(Keywords.read(value), syntax)]


@pytest.mark.parametrize(
    ("value", "syntax", "expected"),
    [
        ("pytorch", FULL, [("pytorch", EXACT)]),
        ('"machine learning"', FULL, [('"machine learning"', EXACT)]),
        (["pytorch", "machine learning"], FULL, [('(pytorch OR "machine learning")', EXACT)]),
        (["pytorch", "jax"], Syntax(either=" OR ", group=""), [("pytorch OR jax", EXACT)]),
        (["pytorch", "jax"], Syntax(), [("pytorch", EXACT), ("jax", EXACT)]),
        ({"any": ["jax"], "not": ["Jacksonville", "jags fan"]}, FULL, [('jax -Jacksonville -"jags fan"', EXACT)]),
        ({"any": ["jax", "flax"], "not": ["Jacksonville"]}, FULL, [("(jax OR flax) -Jacksonville", EXACT)]),
        ({"any": ["jax", "flax"], "not": ["linen"]}, Syntax(without=" NOT {}"), [("jax NOT linen", EXACT), ("flax NOT linen", EXACT)]),
        # what a board cannot say or tell
        ({"any": ["jax"], "not": ["Jacksonville"]}, Syntax(), [("jax", ESTIMATE)]),
        ("machine learning", ONE_BY_ONE, [("machine learning", ESTIMATE)]),
        ("scikit-learn", ONE_BY_ONE, [("scikit-learn", ESTIMATE)]),
        ("scikit-learn", FULL, [('"scikit-learn"', EXACT)]),
        ("pytorch", Syntax(literal=False), [("pytorch", ESTIMATE)]),
        ("C++", FULL, [('"C++"', ESTIMATE)]),
        ("Go", FULL, [("Go", ESTIMATE)]),
        ("R", FULL, [("R", ESTIMATE)]),
        (".NET", FULL, [('".NET"', ESTIMATE)]),
        ({"any": ["REST"], "case": True}, FULL, [("REST", ESTIMATE)]),
        (["pytorch", "Go"], Syntax(), [("pytorch", EXACT), ("Go", ESTIMATE)]),
        (["pytorch", "Go"], FULL, [("(pytorch OR Go)", ESTIMATE)]),
        ({"any": ["jax"], "not": ["C++"]}, FULL, [('jax -"C++"', ESTIMATE)]),
        ({"any": ["jax"], "not": ["data entry"]}, Syntax(phrase="{}", without=" -{}", joined=False), [("jax -data entry", ESTIMATE)]),
        # an exclusion that holds the name: we pass it over, the board leaves the whole text out
        ({"any": ["rust"], "not": ["rust remover"]}, FULL, [('rust -"rust remover"', AT_LEAST)]),
        ({"any": ["rust"], "not": ["Rust-Oleum"]}, FULL, [('rust -"Rust-Oleum"', AT_LEAST)]),
        ({"any": ["Go"], "not": ["go-to-market"]}, FULL, [('Go -"go-to-market"', ESTIMATE)]),
        ({"any": ["rust"], "not": ["rust remover"]}, Syntax(), [("rust", ESTIMATE)]),
    ],
)
def test_an_expression_in_a_syntax(value: object, syntax: Syntax, expected: list[tuple[str, Bound]]) -> None:
    assert asked(value, syntax) == expected


@given(KEYWORDS, SYNTAXES)
def test_no_alternative_is_lost_and_none_is_invented(keywords: Keywords, syntax: Syntax) -> None:
    found = queries(keywords, syntax)
    assert [term for query in found for term in query.any] == list(keywords.any)
    assert len(found) == (1 if syntax.either else len(keywords.any))
    for query in found:
        assert query.excluded == (keywords.excluded if syntax.without else ())
        for term in (*query.any, *query.excluded):
            assert syntax.term(term) in query.text


@given(KEYWORDS, SYNTAXES)
def test_exact_is_only_what_a_board_can_tell(keywords: Keywords, syntax: Syntax) -> None:
    for query in queries(keywords, syntax):
        if query.bound is EXACT:
            assert syntax.literal
            assert not keywords.case
            assert not keywords.excluded or syntax.without
            assert all(told_apart(term) for term in (*query.any, *query.excluded))
            assert syntax.joined or not any(" " in term for term in (*query.any, *query.excluded))


@given(KEYWORDS, SYNTAXES)
def test_a_weaker_syntax_never_promises_more(keywords: Keywords, syntax: Syntax) -> None:
    weaker = Syntax(phrase=syntax.phrase, joined=False, literal=syntax.literal)
    if all(query.bound is EXACT for query in queries(keywords, weaker)):
        assert all(query.bound is EXACT for query in queries(keywords, syntax))


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: str(board.name))
@given(keywords=KEYWORDS)
def test_every_board_asks_for_each_alternative_once(board: type[SearchBoard], keywords: Keywords) -> None:
    found = board.queries(keywords)
    assert found
    assert [term.casefold() for query in found for term in query.any] == [term.casefold() for term in keywords.any]
    assert all(query.bound in Bound for query in found)


def test_exclusions_are_never_dropped_in_silence() -> None:
    keywords = Keywords.read({"any": ["pytorch"], "not": ["data entry"]})
    for board in BOARDS:
        for query in board.queries(keywords):
            assert query.excluded == keywords.excluded or query.bound is ESTIMATE, board.name


@pytest.mark.parametrize(
    ("counts", "result"),
    [
        ([Count(5)], Count(5)),
        ([Count(5, ESTIMATE)], Count(5, ESTIMATE)),
        ([Count(5), Count(3)], Count(5, AT_LEAST)),
        ([Count(3), Count(5)], Count(5, AT_LEAST)),
        ([Count(5), Count(0)], Count(5)),
        ([Count(0), Count(0)], Count(0)),
        ([Count(5, AT_LEAST), Count(0)], Count(5, AT_LEAST)),
        ([Count(5), Count(0, ESTIMATE)], Count(5, ESTIMATE)),
        ([Count(5), Count(0, AT_LEAST)], Count(5, AT_LEAST)),
        ([Count(5, ESTIMATE), Count(3, AT_LEAST)], Count(5, ESTIMATE)),
    ],
)
def test_several_searches_come_to(counts: list[Count], result: Count) -> None:
    assert combined(counts) == result


@given(st.lists(st.sets(st.integers(0, 30)), min_size=1, max_size=5))
def test_what_is_combined_is_true_of_the_union(found: list[set[int]]) -> None:
    total = combined([Count(float(len(postings))) for postings in found])
    union = len(set().union(*found))
    assert total.value <= union
    assert total.bound is AT_LEAST or total.value == union


@given(st.lists(st.builds(Count, st.integers(0, 99).map(float), st.sampled_from(Bound)), min_size=1, max_size=5))
def test_the_order_of_searches_does_not_matter(counts: list[Count]) -> None:
    assert combined(counts) == combined(counts[::-1])
    if any(count.bound is ESTIMATE for count in counts):
        assert combined(counts).bound is ESTIMATE


@given(st.sampled_from(Bound), st.sampled_from(Bound))
def test_the_worse_of_two_bounds(one: Bound, other: Bound) -> None:
    assert worse(one, other) is worse(other, one)
    assert worse(one, one) is one
    assert worse(one, EXACT) is one
    assert worse(one, ESTIMATE) is ESTIMATE


def test_a_query_is_exact_unless_something_is_wrong() -> None:
    assert Query("x", ("x",)).bound is EXACT
