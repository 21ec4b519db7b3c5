"""Reading counts as people write them on pages: "1,234", "3,000+", "Plus de 9 000", "91K", "Page 1 of 1,234 jobs".

What a text says decides the bound: a bare number is exact, a rounded one ("91K", "about 500") an estimate, one with a
plus, a "more than" or any unknown word in front *at least*. Whatever may be read in two ways is a `ParseError`: a missing
figure is seen and looked into, a wrong one is believed.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from crawlers import counting_words as tables
from storage.model import Bound, ParseError


@dataclass(frozen=True, slots=True)
class Count:
    """A number of things, zero or more, and how it relates to the truth."""

    value: float
    bound: Bound = Bound.EXACT


_DATE = re.compile(rf"\.?(?:\s{tables.LETTERS}++\.?){{1,3}},?\s(?:19|20)\d\d(?!\d)")
_NUMBER = re.compile(r"\d(?:[ ,.'٫]?\d)*+")
_RANGE = r"(?:\s?[-\u2010-\u2015−~〜]\s?|\s(?:to|through|bis|à|au|a|al|tot|t/m|til|till|do|до|по)\s)"
_OF = "of,out of,von,sur,de,di,van,av,af,z,ze,od,din,από,из,от,з,із,iz"
_PAGED = re.compile(
    rf"({_NUMBER.pattern})(?:{_RANGE}({_NUMBER.pattern})(?:\s{tables.LETTERS}++)??)?\s(?:{tables.phrases(_OF)})"
    rf"((?:\s?(?:{tables.ABOUT}|{tables.MORE}|[>≥~≈]|\.))*+)\s?(?={_NUMBER.pattern})",
    re.IGNORECASE,
)
_TOO_MUCH = 1e15
_PLAIN, _INDIAN = re.compile(r"\d{1,18}"), re.compile(r"[1-9]\d?(?:,\d\d)+,\d{3}")
_GROUPED = re.compile(r"[1-9]\d{0,2}([ ,.'])\d{3}(?:\1\d{3})*")
_WORD = re.compile(rf"(?!\s{tables.LETTERS}++\d|\s[A-JLN-Z][-/&'])\s?({tables.LETTERS}++)(\.?)")  # K8s, B2B and X-ray are names
_DECIMAL = re.compile(r"\d{1,4}(?:[.,]\d{1,2}|٫\d{1,6})")


def read_count(text: str) -> Count:
    """The count that a short text states, such as the heading of a result page.

    Raises `ParseError`, quoting the text, if it states none, an upper bound ("fewer than 10"), a range, a date, a share, or
    if it can be read in two ways. Zero ("0 jobs") is read as 0: whether that proves anything is for the caller to say.
    """
    try:
        return _read(_plain(text))
    except ParseError as error:
        raise ParseError(f"no count in {text[:80] + '…' * (len(text) > 80)!r}: {error}") from None


def _plain(text: str) -> str:
    """The text in NFKC with ASCII digits, nothing invisible; a blank stays one, other white space becomes a line end."""
    visible = "".join(c for c in text if unicodedata.category(c) != "Cf").translate(tables.SAME)
    plain = unicodedata.normalize("NFKC", visible).translate(tables.SAME).replace(">=", "≥").replace("<=", "≤")
    if sum(map(str.isdecimal, visible)) != sum(map(str.isdecimal, plain)):
        raise ParseError("it has digits that are signs (², ½, ①)")
    plain = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in plain)
    return re.sub(r"\s+", lambda blank: " " if blank[0] == " " else "\n", plain.strip())


def _read(text: str) -> Count:
    number = _NUMBER.search(text)
    if number is None:
        raise ParseError("it has no digits")
    lead, paged = text[: number.start()], _PAGED.match(text, number.start())
    if tables.LIMIT.search(lead.lower()):
        raise ParseError("it states a limit or denies something")
    bound, known = _before(lead)
    if paged:
        return _paged(text, lead, paged)
    value, rounded, end = _figure(text, number)
    after = _after(text[end:], number[0])
    if not known and re.search(r"\d", text[end:]):
        raise ParseError("it has several numbers")
    if not known and re.fullmatch(r"(?:19|20)\d\d", number[0]) and not re.search(tables.LETTERS, text[end:]):
        raise ParseError("it may be a year")
    if tables.PAGES.search(lead.lower()):
        raise ParseError("it numbers a page")
    certain = after is Bound.AT_LEAST or (known and bound is Bound.AT_LEAST)
    return Count(value, max(bound, after, Bound.ESTIMATE if rounded and not certain else Bound.EXACT))


def _paged(text: str, lead: str, paged: re.Match[str]) -> Count:
    """The total of "Page 1 of 1,234" and "1–25 of 1,234"."""
    number = _NUMBER.match(text, paged.end())
    assert number is not None, "the pattern looked ahead"
    value, rounded, end = _figure(text, number)
    first, last = _whole(paged[1]), _whole(paged[2] or paged[1])
    if not first <= last <= value or (not paged[2] and not tables.SHOWING.fullmatch(lead.lower())):
        raise ParseError("it has several numbers")
    before, _ = _before(f"{paged[3]} ")
    bound = max(before, _after(text[end:], number[0]), Bound.ESTIMATE if tables.ABOUT_BEFORE.search(lead.lower()) else Bound.EXACT)
    return Count(value, Bound.ESTIMATE if rounded and bound is not Bound.AT_LEAST else bound)


def _before(lead: str) -> tuple[Bound, bool]:
    """The bound that the text before a number gives it, and whether all of that text is understood."""
    said, mark = lead.rstrip(), Bound.EXACT
    if said[-1:] in tables.SYMBOLS and (len(said) == 1 or said[-2].isspace() or said[-2] in tables.OPENING):
        mark = tables.SYMBOLS[said[-1]]
        lead, said = said[:-1] + " ", said[:-1].rstrip()
    if not said:
        return mark, True
    last, words = said[-1], said.lower()
    known = tables.KNOWN.fullmatch(words) is not None
    stated = Bound.ESTIMATE if tables.ABOUT_BEFORE.search(words) else Bound.AT_LEAST if tables.MORE_BEFORE.search(words) else Bound.EXACT
    if last in tables.OPENING:
        label = last in ":([{" or not re.search(tables.LETTERS, said)
        return max(mark, stated, Bound.EXACT if label else Bound.AT_LEAST), known
    apart = said != lead or re.match(f"[{tables.CJK}]", last) or (last == "." and stated and known)
    if not apart or not re.match(rf"{tables.LETTERS}|[.,;!?)\]}}\"'”»]", last):
        raise ParseError(f"the number stands behind {last!r}")
    return max(mark, stated, Bound.AT_LEAST), known


def _after(tail: str, number: str) -> Bound:
    """The bound that the text after a number gives it. Raises `ParseError` if the number counts nothing or goes on."""
    plus = re.match(r"\s?\+(?!\S?\d)", tail)
    tail = (tail[plus.end() :] if plus else tail).lower()
    more = plus is not None or tables.MORE_AFTER.search(tail) is not None
    if tables.LIMIT_AFTER.match(tail):
        raise ParseError("it states a limit")
    glued = not re.match(rf"$|\s|[{re.escape(tables.CLOSING)}{tables.CJK}]", tail) or re.match(rf"\.\.|'{tables.LETTERS}", tail)
    if glued and not (more and tail[0] == "'"):
        raise ParseError(f"the number is glued to {tail[0]!r}")
    word = tail.lstrip()
    sign = unicodedata.category(word[:1] or " ") in {"Sc", "Sm", "So"} or word[:1] in set("%‰٪#/\\*@_")
    if sign or (word[:1] == "&" and not more) or tables.NO_COUNT_UNIT.match(word) or (len(number) <= 2 and _DATE.match(tail)):
        raise ParseError("the number is a date, a time, a price or a share")
    near = re.match(rf"(?:[^\w]*+|\s?(\S{{1,3}}?)\s?)({_NUMBER.pattern})", tail)
    if near and (not near[1] or _size(near[2]) >= _size(number)):
        raise ParseError("it has several numbers")
    return Bound.ESTIMATE if tables.ABOUT_AFTER.match(tail) else Bound.AT_LEAST if more else Bound.EXACT


def _figure(text: str, number: re.Match[str]) -> tuple[float, bool, int]:
    """The value of a number with what multiplies it ("1.2M"), whether it is thereby rounded, and where it ends."""
    at = number.end()
    glued, word = tables.UNSPACED_FACTOR.match(text, at), _WORD.match(text, at)
    if glued:
        if glued[2] not in tables.COUNTERS:
            raise ParseError(f"{glued[0]!r} may be a word or a thousand")
        factor, end = tables.FACTORS[glued[1]], glued.end(1)
    elif word:
        factor, end = _factor(word[1], abbreviated=bool(word[2])), word.end()
        following = _WORD.match(text, end)
        if following and (factor != 1 or len(word[1]) <= 2 < len(following[1])) and _factor(following[1]) != 1:
            raise ParseError(f"{word[1]} {following[1]} is not understood")
    else:
        factor, end = 1.0, at
    if factor == 0:
        raise ParseError(f"the number may be of thousands or more ({text[at:end].strip()})")
    if factor == 1:
        return _whole(number[0]), False, at
    if not _DECIMAL.fullmatch(number[0]) and not _PLAIN.fullmatch(number[0]):
        raise ParseError(f"{text[number.start() : end]} can be read in two ways")
    value = float(re.sub("[,٫]", ".", number[0])) * factor
    if value >= _TOO_MUCH:
        raise ParseError("the number is too big to be a count")
    return round(value, 3), True, end


def _factor(word: str, *, abbreviated: bool = False) -> float:
    """What a word after a number multiplies it by: 1 for an ordinary word, 0 if that is unclear."""
    if (word == "mil" and abbreviated) or (len(word) == 1 and word.isupper() and word not in "MKCR"):  # "5 mil.": thousand or million
        return 0.0
    if not unicodedata.name(word[0], "?").startswith(tables.SCRIPTS):
        return 0.0
    lower = word.lower()
    stem = next((factor for factor, pattern in tables.STEM.items() if pattern.fullmatch(lower)), 1.0)
    return tables.FACTORS.get(word, tables.FACTORS.get(lower, stem))


def _whole(digits: str) -> float:
    """The value of a whole number, grouped in one of the world's ways or not at all."""
    if not any(pattern.fullmatch(digits) for pattern in (_PLAIN, _GROUPED, _INDIAN)):
        raise ParseError(f"{digits[:40]} is not a whole number with its digits in groups of three")
    if _size(digits) >= _TOO_MUCH:
        raise ParseError("the number is too big to be a count")
    return _size(digits)


def _size(digits: str) -> float:
    return float("".join(re.findall(r"\d", digits)))
