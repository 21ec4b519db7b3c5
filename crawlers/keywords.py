"""Keyword expressions of a topic, and a local matcher on word boundaries for texts that are matched here.

An expression is written in the config as a phrase, a list of alternatives, or a table::

    jobs = "PyTorch"                                         # quoted or not: a phrase
    jobs = ['"machine learning"', "ML"]                      # any of them
    jobs = { any = ["Go", "golang"], not = ["go-to-market"] }
    jobs = { any = ["REST"], case = true }                   # upper and lower case as written

What counts as a match:

- Text is compared after NFKC, without soft hyphens and zero-width characters; any white space stands for a blank.
- Case does not matter, except for names of one or two letters with a capital (``C``, ``R``, ``Go``): they match as
  written, because "go" and "r" are not names. ``case`` overrides both.
- A word ends where no letter, digit or underscore follows; Chinese, Japanese and Korean script, which has no blanks,
  is a boundary of its own. ``C`` is not found in ``C++`` or ``C#``; ``C++`` is found in ``C++17``; ``.NET`` is not
  found in ``ASP.NET`` or ``slideshare.net`` (write the alternative ``ASP.NET``).
- A single letter is not found where it is a part of something else: ``R&D``, ``C-level``, ``C.V.``, ``C$120k``.
- An excluded phrase that holds one of the alternatives (``go-to-market`` for ``Go``) is passed over, and the text
  may match elsewhere. One that holds none (``Jacksonville`` for ``JAX``) excludes the whole text.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from storage.model import UsageError

_UNSPACED = "\u2e80-\u2fdf\u3005-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = rf"[^\W{_UNSPACED}]"
_LETTER = rf"[^\W\d_{_UNSPACED}]"
_UNSPACED_CHARACTER = re.compile(f"[{_UNSPACED}]")
_DROPPED = dict.fromkeys((0x00AD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF))
_LOOKALIKES: dict[int, str | None] = {**_DROPPED, 0x2010: "-", 0x2011: "-", 0x266F: "#"}  # ♯ as in C♯
_TO_REPLACE = [chr(c) for c in _LOOKALIKES]
_BLANK_UNLESS_ALNUM = bytes(c if chr(c).isalnum() and c < 128 else 32 for c in range(256))
_BLANKS = bytes(32 if chr(c).isspace() and c < 128 and chr(c) != "\n" else c for c in range(256))
_RARE_BLANKS = "\x85\u1680\u2028\u2029"  # the white space beyond ASCII that NFKC leaves as it is
_FEW = 20  # as many searches for a phrase cost what it costs to take a text apart
_QUOTES = str.maketrans("“”„«»", '"""""')
_KEYS = ("any", "not", "case")


def plain(text: str) -> str:
    """Text as it is compared: NFKC, one blank for any white space, nothing invisible."""
    if not text.isascii():
        if any(c in text for c in _TO_REPLACE):
            text = text.translate(_LOOKALIKES)
        text = unicodedata.normalize("NFKC", text)
    return single_blanks(text)


def single_blanks(text: str) -> str:
    """A text after NFKC with one blank for any white space: as ``" ".join(text.split())``, in half the time."""
    if not text.isascii():
        for blank in _RARE_BLANKS:
            text = text.replace(blank, " ")
    lines = text.encode("utf-8", "surrogatepass").translate(_BLANKS).split(b"\n")
    data = b" ".join(filter(None, map(bytes.strip, lines)))
    while b"  " in data:
        data = data.replace(b"  ", b" ")
    return data.decode("utf-8", "surrogatepass")


def _lower(text: str) -> str:
    """Lower case of the same length, so that places in both are the same."""
    low = text.lower()
    return low if len(low) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def _runs(lowered: str) -> list[bytes]:
    """The runs of ASCII letters and digits in a text: what a text is looked up by before it is searched."""
    return lowered.encode("utf-8", "replace").translate(_BLANK_UNLESS_ALNUM).split()


class _Term:
    """One phrase, ready to be found."""

    __slots__ = ("cased", "needle", "pattern", "runs", "text")

    def __init__(self, text: str, *, case: bool | None) -> None:
        self.text = text
        letters_only = len(text) <= 2 and text.isalpha() and text.isascii()
        self.cased = case if case is not None else letters_only and text != text.lower()
        self.needle = text if self.cased else _lower(text)
        self.pattern = re.compile(_pattern(self.needle))
        runs = _runs(_lower(text))
        self.runs = tuple(runs if text[0].isalnum() or not text[-1].isalnum() else runs[:-1])  # .NET8: its run goes on

    def spans(self, text: str, low: str) -> Iterator[tuple[int, int]]:
        """Where the phrase stands in a plain text, whose lower case is given too."""
        hay, at = (text if self.cased else low), -1
        while (at := hay.find(self.needle, at + 1)) >= 0:
            if self.pattern.match(hay, at):
                yield at, at + len(self.needle)


def _pattern(needle: str) -> str:
    """The phrase with what may not stand beside it. ``re`` looks behind the place where `match` begins."""
    first, last = needle[0], needle[-1]
    before = "" if _UNSPACED_CHARACTER.match(first) else f"(?<!{_WORD})"
    if _UNSPACED_CHARACTER.match(last):
        after = ""
    elif re.match(_WORD, first) and re.match(_WORD, last):
        after = rf"(?!{_WORD}|#|\+\+)"
    else:
        after = f"(?!{_LETTER}|_)"  # a version may follow: C++17, .NET8
    if len(needle) == 1:
        before += rf"(?<!{_WORD}[-.&'’])"
        after += rf"(?![-.&]{_WORD}|\s?&\s?{_LETTER}(?!{_WORD}|#|\+\+)|['’](?!s\b){_WORD}|[$€£])"
    return before + re.escape(needle) + after


@dataclass(frozen=True)
class Keywords:
    """What a topic is called in running text: alternatives and exclusions. See the module for the rules."""

    any: tuple[str, ...]
    excluded: tuple[str, ...] = ()
    case: bool | None = None

    @classmethod
    def read(cls, value: object, where: str = "keywords") -> Self:
        """Read an expression from its config value. ``where`` names its place in messages.

        Raises `UsageError` on anything that is not an expression.
        """
        if isinstance(value, Keywords):
            return cls(value.any, value.excluded, value.case)
        if not isinstance(value, Mapping):
            return cls(_phrases(value, where))
        for key in value:
            if key not in _KEYS:
                raise UsageError(f"{where}: there is no key {key!r}; there are: {', '.join(_KEYS)}")
        if "any" not in value:
            raise UsageError(f'{where}: the key any is missing; write {{ any = ["…"], not = ["…"] }}')
        case = value.get("case")
        if case is not None and not isinstance(case, bool):
            raise UsageError(f"{where}.case is {case!r}; write true or false")
        excluded = value.get("not", [])
        return cls(_phrases(value["any"], f"{where}.any"), _phrases(excluded, f"{where}.not") if excluded != [] else (), case)

    def terms(self) -> tuple[str, ...]:
        """The alternatives as plain phrases, without quotes: what a board's own query is made of."""
        return self.any

    @property
    def simple(self) -> bool:
        """Whether any full-text search reads this as we do: one phrase of plain words, nothing excluded, any case."""
        return len(self.any) == 1 and not self.excluded and not self._terms[0].cased and all(w.isalnum() for w in self.any[0].split())

    def matches(self, text: str) -> bool:
        return self.find(text) is not None

    def find(self, text: str) -> tuple[int, int] | None:
        """Where a match stands in `plain(text)`, the first of the first alternative; None where there is none."""
        ready = plain(text)
        return self.find_plain(ready, _lower(ready))

    def find_plain(self, text: str, low: str) -> tuple[int, int] | None:
        """As `find`, on a text that is already plain and its lower case."""
        if not self.excluded:
            return next((span for term in self._terms for span in term.spans(text, low)), None)
        vetoes, passed_over = self._exclusions
        if any(True for term in vetoes for _ in term.spans(text, low)):
            return None
        masked = [span for term in passed_over for span in term.spans(text, low)]
        found = (s for t in self._terms for s in t.spans(text, low))
        return next((s for s in found if not any(s[0] < end and start < s[1] for start, end in masked)), None)

    @cached_property
    def _terms(self) -> tuple[_Term, ...]:
        return tuple(_Term(text, case=self.case) for text in self.any)

    @cached_property
    def _exclusions(self) -> tuple[tuple[_Term, ...], tuple[_Term, ...]]:
        """Exclusions that hold for the whole text, and those that are only passed over. Case matters in neither."""
        alternatives = [_Term(text, case=False) for text in self.any]
        vetoes: list[_Term] = []
        passed_over: list[_Term] = []
        for text in self.excluded:
            holds = any(True for a in alternatives for _ in a.spans(text, _lower(text))) or _holds_any(text, self.any)
            (passed_over if holds else vetoes).append(_Term(text, case=bool(self.case)))
        return tuple(vetoes), tuple(passed_over)

    def lookup(self) -> tuple[tuple[bytes, ...], ...]:
        """For each alternative its ASCII runs, all of which a text must hold to match it; it may have none."""
        return tuple(term.runs for term in self._terms)


def _holds_any(text: str, alternatives: Sequence[str]) -> bool:
    """Whether a phrase holds an alternative as a word even where it would not count (``C`` in ``C-level``)."""
    low = _lower(text)
    return any(re.search(rf"(?<!{_WORD}){re.escape(_lower(a))}(?!{_WORD})", low) for a in alternatives)


def _phrases(value: object, where: str) -> tuple[str, ...]:
    found: dict[str, str] = {}
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list | tuple):
        raise UsageError(f"{where} is {value!r}; write a phrase, a list of phrases, or {{ any = […], not = […] }}")
    if not value:
        raise UsageError(f"{where} is empty; write at least one phrase")
    for item in value:
        text = _phrase(item, where)
        found.setdefault(_lower(text), text)
    return tuple(found.values())


def _phrase(item: object, where: str) -> str:
    if not isinstance(item, str):
        raise UsageError(f"{where} holds {item!r}; write a phrase in quotes")
    text = plain(item.translate(_QUOTES))
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = text[1:-1].strip()
    if '"' in text:
        raise UsageError(f"{where} holds {item!r}; one phrase each, and its quotes go around the whole of it")
    if not any(c.isalnum() for c in text):
        raise UsageError(f"{where} holds {item!r}, in which there is no letter or digit to look for")
    return text


class Matcher:
    """Many topics' expressions for one pass over a text.

    A text's runs of ASCII letters and digits are looked up in a dictionary first; only topics of which a run is
    there are searched, so that the cost grows with what is found, not with the number of topics. For a few topics
    it is cheaper to search the text for a run of each than to take it apart.
    """

    def __init__(self, topics: Mapping[str, Keywords]) -> None:
        self._topics = dict(topics)
        self._always: list[str] = []  # topics with an alternative that has no such run, as in other scripts
        self._index: defaultdict[bytes, list[str]] = defaultdict(list)
        often = Counter(run for keywords in topics.values() for runs in keywords.lookup() for run in set(runs))
        for key, keywords in topics.items():
            alternatives = keywords.lookup()
            if not all(alternatives):
                self._always.append(key)
                continue
            for run in {min(runs, key=lambda r: (often[r], -len(r))) for runs in alternatives}:  # "framework" would find too many
                self._index[run].append(key)
        self._known = frozenset(self._index)
        self._few = [(run.decode(), keys) for run, keys in self._index.items()] if len(self._index) <= _FEW else []

    def match(self, text: str) -> set[str]:
        """The topics that a text mentions."""
        ready = plain(text)
        return self.match_plain(ready, _lower(ready))

    def match_plain(self, ready: str, low: str) -> set[str]:
        """As `match`, on a text that is already plain and its lower case, of the same length."""
        candidates = dict.fromkeys(self._always)
        if self._few:
            for text, keys in self._few:
                if text in low:
                    candidates.update(dict.fromkeys(keys))
        elif self._known:
            for run in self._known.intersection(_runs(low)):
                candidates.update(dict.fromkeys(self._index[run]))
        return {key for key in candidates if self._topics[key].find_plain(ready, low) is not None}

    def count(self, texts: Iterable[str]) -> dict[str, int]:
        """For every topic in how many of the texts it is mentioned."""
        counts: dict[str, Any] = dict.fromkeys(self._topics, 0)
        for text in texts:
            for key in self.match(text):
                counts[key] += 1
        return counts


__all__ = ["Keywords", "Matcher", "plain", "single_blanks"]
