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
    literal: bool = True  # a word is searched as it is written, not its synonyms too

    def term(self, text: str) -> str:
        return (self.word if text.isalnum() else self.phrase).format(text)

    def tells(self, text: str, case: bool | None = None) -> bool:
        """Whether the board's search reads a term as we do."""
        return self.literal and told_apart(text, case) and (self.joined or text.isalnum())


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
    phrases that it takes apart, synonyms, signs and capitals ("C++", "Go"). It is a lower bound where an exclusion
    holds an alternative ("go-to-market" for "Go"): we pass such a phrase over and the text may match elsewhere, the
    board leaves the whole text out.
    """
    excluded = keywords.excluded if syntax.without else ()
    without = "".join(syntax.without.format(syntax.term(text)) for text in excluded)
    vague = bool(keywords.excluded) and not (syntax.without and all(syntax.tells(text) for text in excluded))
    named = Keywords(keywords.any, case=False)
    fewer = any(named.matches(text) for text in excluded)

    def query(text: str, terms: tuple[str, ...]) -> Query:
        told = not vague and all(syntax.tells(term, keywords.case) for term in terms)
        bound = Bound.ESTIMATE if not told else Bound.AT_LEAST if fewer else Bound.EXACT
        return Query(text + without, terms, excluded, bound)

    if len(keywords.any) > 1 and syntax.either:
        text = syntax.either.join(syntax.term(t) for t in keywords.any)
        return (query(syntax.group.format(text) if syntax.group else text, keywords.any),)
    return tuple(query(syntax.term(t), (t,)) for t in keywords.any)


def told_apart(term: str, case: bool | None = None) -> bool:
    """Whether full-text searches read a term as we do: words (also hyphenated ones) of three letters or more, whatever their case."""
    return not case and len(term) > 2 and all(word.replace("-", "").isalnum() for word in term.split())


def combined(counts: Sequence[Count]) -> Count:
    """What several searches for alternatives come to: at least the largest, because what they share is not told.

    Where only one of them found anything, nothing is shared, and that one's count stands.
    """
    largest = max(counts, key=lambda c: c.value)
    bound = largest.bound
    for count in counts:
        bound = worse(bound, count.bound)
    shared = sum(count.value for count in counts) > largest.value
    return Count(largest.value, worse(bound, Bound.AT_LEAST) if shared else bound)


def worse(one: Bound, other: Bound) -> Bound:
    """The bound of a count that is subject to both: an estimate stays one."""
    return Bound.ESTIMATE if Bound.ESTIMATE in {one, other} else Bound.AT_LEAST if Bound.AT_LEAST in {one, other} else Bound.EXACT
