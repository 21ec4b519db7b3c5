"""A topic's keyword expression in a board's own query syntax, and what a count that it finds is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crawlers.counts import Count
from crawlers.keywords import Keywords
from storage.model import Bound


@dataclass(frozen=True, slots=True)
class Syntax:
    """How a board writes an expression.

    ``either`` stands between alternatives; empty: the board takes one phrase, and each alternative is a search
    of its own. ``without`` is written before each exclusion; empty: it cannot exclude.
    """

    phrase: str = '"{}"'  # several words, or a word with signs; without quotes the words may stand apart
    word: str = "{}"
    either: str = ""  # " OR "
    group: str = "({})"  # around alternatives
    without: str = ""  # " -{}", " NOT {}"
    joined: bool = True  # a phrase is searched as one, not word by word

    def term(self, text: str) -> str:
        return (self.word if text.isalnum() else self.phrase).format(text)


@dataclass(frozen=True, slots=True)
class Query:
    """One search: its text, the phrases that it holds, and the best that its count can be."""

    text: str
    any: tuple[str, ...]
    excluded: tuple[str, ...] = ()
    bound: Bound = Bound.EXACT


def queries(keywords: Keywords, syntax: Syntax) -> tuple[Query, ...]:
    """The searches that an expression takes on a board.

    A count is an *estimate* where the board's search cannot tell what we would: exclusions that it does not know,
    phrases that it takes apart, signs and capitals ("C++", "Go").
    """
    excluded = keywords.excluded if syntax.without else ()
    without = "".join(syntax.without.format(syntax.term(text)) for text in excluded)
    loose = bool(keywords.excluded) and not syntax.without

    def bound(terms: Sequence[str]) -> Bound:
        vague = loose or any(not told_apart(term, keywords.case) or (" " in term and not syntax.joined) for term in terms)
        return Bound.ESTIMATE if vague else Bound.EXACT

    if len(keywords.any) == 1:
        return (Query(syntax.term(keywords.any[0]) + without, keywords.any, excluded, bound(keywords.any)),)
    if syntax.either:
        text = syntax.either.join(syntax.term(t) for t in keywords.any)
        return (Query((syntax.group.format(text) if syntax.group else text) + without, keywords.any, excluded, bound(keywords.any)),)
    return tuple(Query(syntax.term(t) + without, (t,), excluded, bound((t,))) for t in keywords.any)


def told_apart(term: str, case: bool | None = None) -> bool:
    """Whether full-text searches read a term as we do: words (also hyphenated ones) of three letters or more, whatever their case."""
    return not case and len(term) > 2 and all(word.replace("-", "").isalnum() for word in term.split())


def combined(counts: Sequence[Count]) -> Count:
    """What several searches for alternatives come to: at least the largest, because what they share is not told."""
    if len(counts) == 1:
        return counts[0]
    largest = max(counts, key=lambda c: c.value)
    return Count(largest.value, Bound.ESTIMATE if any(c.bound is Bound.ESTIMATE for c in counts) else Bound.AT_LEAST)


def worse(one: Bound, other: Bound) -> Bound:
    """The bound of a count that is subject to both: an estimate stays one."""
    return Bound.ESTIMATE if Bound.ESTIMATE in {one, other} else Bound.AT_LEAST if Bound.AT_LEAST in {one, other} else Bound.EXACT
