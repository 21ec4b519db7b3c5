"""What papers mention: one pass over each kept text for all topics and rules, then counting as sets."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from crawlers.keywords import Keywords, Matcher, single_blanks
from crawlers.papers.affiliations import Group, Place, Sign
from crawlers.papers.rules import Rule

BY_GROUP = (Place.FIRST_PAGE, Place.LISTING)  # where an affiliation is looked for that papers are told apart by
AROUND = 40  # characters beside a broken word that are read with its hyphen too
_LINES = re.IGNORECASE | re.MULTILINE
_HEADING = re.compile(r"^[ \t]*(?:\d{1,2}\.?|[IVX]{1,4}\.)?[ \t]*(?:references|bibliography|literature cited)[ \t]*:?[ \t]*$", _LINES)
_BEHIND = re.compile(
    r"^[ \t]*(?:[A-Z][.:]?[ \t]+)?(?:appendi(?:x|ces)|supplementary materials?|supplemental materials?|(?:neurips )?paper checklist)\b.*$",
    _LINES,
)
_BROKEN = (
    ("\r\n", "\n"),
    ("\x02", "\ufffe"),
    ("\ufffe\n", "\ufffe"),
    ("\ufffe", "-\n"),
    ("\u00ad\n", "-\n"),
    ("\u2010\n", "-\n"),
)
_HYPHENED = re.compile("- ?\n")


def readable(text: str) -> str:
    """A text as it is searched: NFKC (ligatures), and words that a line's end broke put together.

    A hyphen at a line's end may belong to the word (``scikit-`` / ``learn``) or not (``Py-`` / ``Torch``). The text is
    read without it; the surroundings of each such place follow behind the text once more, with it.
    """
    for old, new in _BROKEN:
        if old[0] in text:  # one character is found at once; most texts have none of these
            text = text.replace(old, new)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    pieces = _HYPHENED.split(text)
    if len(pieces) == 1:
        return text
    joined, hyphened = [pieces[0]], []
    for before, after in pairwise(pieces):
        rest = after.lstrip(" \t")
        if before[-1:].isalnum() and rest[:1].isalnum():
            joined.append(rest)
            hyphened.append(f"{_tail(before)}-{_head(rest)}")
        else:
            joined.append("-\n" + after)
    return "".join(joined) + "\n\n" + "\n\n".join(hyphened)


def _tail(text: str) -> str:
    """The last words of a text, whole: of a word that is longer than what is looked at, all of it."""
    near = text[-AROUND:]
    if len(near) < len(text) and not near[0].isspace():
        near = near.partition(" ")[2] or text[-10 * AROUND :].rsplit(None, 1)[-1]
    return near


def _head(text: str) -> str:
    """The first words of a text, whole."""
    near = text[:AROUND]
    if len(near) < len(text) and not near[-1].isspace():
        near = near.rpartition(" ")[0] or text[: 10 * AROUND].split(None, 1)[0]
    return near


def without_references(text: str) -> str:
    """The text without its list of references: from its last such heading to an appendix, or to the end."""
    headings = [*_HEADING.finditer(text)]
    if not headings:
        return text
    behind = _BEHIND.search(text, headings[-1].end())
    return text[: headings[-1].start()] + (text[behind.start() :] if behind else "")


@dataclass(frozen=True, slots=True)
class Facts:
    """What one paper says, for all rules at once. ``body``: without its references."""

    own: frozenset[str]  # topics by their own expressions
    own_body: frozenset[str]
    words: frozenset[str]  # the rules' keywords, as words
    words_body: frozenset[str]
    plain: frozenset[str]  # the rules' keywords, also within words
    plain_body: frozenset[str]
    groups: frozenset[Sign]


class Reader:
    """Reads papers for some topics and rules, and for some groups of affiliations beside those that the rules name.

    What no rule asks for is not looked for: texts without their references, affiliations in the whole text.
    """

    def __init__(
        self, topics: Mapping[str, Keywords], rules: Sequence[Rule], groups: Mapping[str, Group], also: Iterable[str] = ()
    ) -> None:
        self._topics = Matcher(topics)
        self._groups = groups
        self._signs = {(g, place, rule.plain) for rule in rules for g in rule.leave_out for place in rule.recognised}
        self._signs |= {(g, place, False) for g in also for place in BY_GROUP}
        self._everywhere = any(place is Place.TEXT for _, place, _ in self._signs)
        phrases = {(p, rule.plain) for rule in rules for found in (rule.keywords or {}).values() for p in found}
        self._plain = sorted(p for p, plain in phrases if plain)
        self._words = Matcher({p: Keywords((p,)) for p, plain in phrases if not plain})
        self._with_words = any(not plain for _, plain in phrases)
        self._with_body = any(not rule.references for rule in rules)

    def read(self, front: str, text: str, affiliations: Iterable[str] = ()) -> Facts:
        ready = readable(text)
        own, words, plain = self._mentions(ready)
        body = self._mentions(readable(without_references(text))) if self._with_body else (own, words, plain)
        texts = {
            Place.FIRST_PAGE: readable(front).lower() if self._signs else "",
            Place.TEXT: ready.lower() if self._everywhere else "",
            Place.LISTING: "\n".join(affiliations).lower(),
        }
        found = frozenset(s for s in self._signs if texts[s[1]] and self._groups[s[0]].inside(texts[s[1]], plain=s[2]))
        return Facts(own, body[0], words, body[1], plain, body[2], found)

    def _mentions(self, ready: str) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
        ready = single_blanks(ready)
        low = ready.lower()
        if len(low) != len(ready):  # letters like İ, of which the lower case is longer: the matcher knows how
            own, words = self._topics.match(ready), self._words.match(ready)
        else:
            own = self._topics.match_plain(ready, low)
            words = self._words.match_plain(ready, low) if self._with_words else set()
        return frozenset(own), frozenset(words), frozenset(p for p in self._plain if p in low)


def mentioned(facts: Facts, rule: Rule) -> frozenset[str]:
    """The topics that a paper mentions by a rule's keywords, before anything is left out."""
    if rule.keywords is None:
        return facts.own if rule.references else facts.own_body
    if rule.plain:
        there = facts.plain if rule.references else facts.plain_body
    else:
        there = facts.words if rule.references else facts.words_body
    return frozenset(topic for topic, phrases in rule.keywords.items() if not there.isdisjoint(phrases))


def left_out(facts: Facts, rule: Rule) -> bool:
    """Whether a paper is of a group that the rule leaves out, recognised as the rule says."""
    return any((group, place, rule.plain) in facts.groups for group in rule.leave_out for place in rule.recognised)


def of_group(facts: Facts, group: str) -> bool:
    """Whether the first page or the listing names a group of affiliations."""
    return any((group, place, False) in facts.groups for place in BY_GROUP)


def counted(facts: Facts, rule: Rule, among: frozenset[str] | None = None) -> frozenset[str]:
    """The topics that a paper counts for. ``among``: the topics that exclude one another (None: all of the rule's)."""
    if left_out(facts, rule):
        return frozenset()
    found = mentioned(facts, rule)
    if not rule.exclusive:
        return found
    rivals = found if among is None else found & among
    return frozenset(topic for topic in found if not rivals - {topic})


__all__ = ["Facts", "Reader", "counted", "left_out", "mentioned", "of_group", "readable", "without_references"]
