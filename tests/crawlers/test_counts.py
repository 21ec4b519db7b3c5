"""Counts as people write them: every locale's way, every bound, and what is no count."""

from __future__ import annotations

import contextlib
import math
import time
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Literal

import pytest
from babel import Locale
from babel.localedata import locale_identifiers
from babel.numbers import format_compact_decimal, format_decimal
from hypothesis import given, settings
from hypothesis import strategies as st

from crawlers.counts import Count, read_count
from storage.model import Bound, ParseError

# Texts by what they are read as, separated by semicolons.
EXACT = {
    153: '153 ; (153) ; Jobs: 153 ; Python jobs (153) ; "153" ; ¡153 empleos! ; 153 jobs. ; 153 - Python jobs ; 0153',
    1234: "1,234 ; 1.234 ; 1 234 ; 1\u00a0234 ; 1\u202f234 ; 1\u2009234 ; 1'234 ; 1’234 ; 1234 ; 1,234件 ; 총: 1,234건",
    100000: "1,00,000 ; 100,000 ; １００，０００ ; १,००,०००",
    12345: "\u200f12,345\u200e ; 12\u200b345 ; ١٢٬٣٤٥ ; ۱۲٬۳۴۵ ; １２３４５ ; 12,345 C++ jobs ; 12,345 R jobs ; 12,345 Python 3 jobs",
    300: "300 empleos de Python en Madrid ; 300 Stellen ; 300 millionaire jobs ; 300 junior jobs ; 300 marketing jobs ; "
    "300 K8s jobs ; 300 B2B sales jobs ; 300 X-ray jobs ; 300 D3.js jobs",
    0: "0 ; 0 jobs ; 0–0 of 0 ; Jobs: 0",
    1235: "Page 1 of 1,235 jobs ; Seite 1 von 1.235 ; 1–25 of 1,235 ; Showing 1 to 25 of 1,235 results ; 1-10 sur 1 235 ; "
    "25 of 1,235 ; Affichage de 1 à 25 sur 1 235 offres ; 1 - 25 di 1.235 ; 1–25 z 1 235 ; 1–25 jobs out of 1,235 ; "
    "1,235件中1〜25件を表示",
}
AT_LEAST = {
    3000: "3,000+ ; 3,000 + ; 3,000+ jobs ; > 3.000 Jobs ; >= 3,000 ; ≥ 3,000 ; Plus de 3 000 ; + de 3 000 offres ; "
    "+3000 empleos ; Mehr als 3.000 Jobs ; More than 3,000 … ; Więcej niż 3 000 ; более 3 000 ; أكثر من ٣٬٠٠٠ ; "
    "3,000 or more ; 3 000 et plus ; 3000以上 ; 3,000件以上 ; 3,000개 이상 ; 3000多 ; 3.000'den fazla ; 3.000’den fazla iş ; "
    "3,000 से अधिक ; 超过3000 ; 共 3,000 条 ; Nad 3 000 ; We found 3,000 jobs ; Jobs 3,000 ; "
    "Plus de 3 000 offres, dont 12 nouvelles ; More than: 3,000 ; 3K+ ; Over 3K ; Page 1 of over 3,000 ; "
    "Page 1 of 3,000+ ; 1–25 of more than 3,000 ; 3千以上 ; 3,000 & counting",
    5025000: "5,025,000+",
    14000: "14,000+ jobs",
    91000: "91K+ ; 91K+ stories",
}
ESTIMATE = {
    91000: "91K stories ; 91k ; 91 K ; 91 тыс. ; 91 тысяч вакансий ; 91 mil ; 91 tys. ; 91 हज़ार ; 1–25 of 91K ; Stories: 91K ; Foo 91K",
    1200000: "1.2M ; 1,2 Mio. ; 1.2 million jobs ; 1,2 mln ; 1٫2 مليون ; 1,2 миллиона ; 1,2 millones ; 12 lakh ; 120万件 ; 1.2M followers",
    500: "about 500 ; approx. 500 ; ca. 500 ; ca.500 ; ~500 ; ~ 500 ; ≈ 500 ; 環500 ; 约500 ; 約500件 ; rund 500 ; "
    "environ 500 ; cerca de 500 ; almost 500 ; 500 or so ; 500左右 ; About 500 results (0.45 seconds) ; "
    "1-10 of about 500 ; 约 > 500 ; ~500+",
    30000: "3万 ; 3万件 ; 3만 개 ; 3만개",
}
NO_COUNT = (
    "No jobs found ; 三千 ; fewer than 10 ; < 10 ; <= 10 ; ≤ 10 ; &lt; 10 ; up to 500 ; moins de 10 ; weniger als 10 ; "
    "bis zu 10 ; 10以下 ; 10件未満 ; 10개 미만 ; 最多10 ; nicht mehr als 10 ; pas plus de 10 ; 10 or fewer ; 10'dan az ; "
    "10 से कम ; ～100 ; 〜100 ; -5 ; −5 ; - 5 ; 1.5 ; 12.34 ; 1,23,4 ; 12.34.5 ; 1.234,56 ; 0.123 ; 1 25 ; 1, 234 ; "
    "1,2... ; 123... ; .5 ; ٫5 ; 1,234 56 ; 1–25 ; 1-25 ; 1 to 25 ; 1 bis 25 ; 1 〜 25 ; 1から25 ; 10, 20 or 30 ; "
    "2 or 3 ; 1–25 of 12 ; 1.234K ; 1,234 Mio ; 1.234 millones ; 5 mil. ; 5 mil millones ; 5 thousand million ; "
    "5 billion ; 1.2B ; 12 B ; 50 K/yr ; 5m ; 5 hundred ; 20 de mii ; 1億2000万 ; 153千葉 ; 1 ಸಾವಿರ ; Python 3 jobs: 153 ; "
    "Past 24 hours (153) ; Top 10 of 25 jobs ; Rated 4 of 5 ; Page 3 ; Page 3 of jobs ; Page 1 of 10 pages ; 第3页 ; "
    "C++20 ; v3 ; Web3 ; 5th ; 3D ; 1e5 ; 0x1F ; 360-degree ; #5 ; No. 5 ; № 5 ; _5 ; $1,234 ; 1,234 € ; 5K-7K ; "
    "50% ; 50 % ; 2024-01-05 ; 05.01.2024 ; 12/05/2024 ; 12 March 2024 ; 12 de marzo de 2024 ; March 12, 2024 ; "
    "12 mai ; June 2024 ; 2024年 ; 24/7 ; 12:30 ; 5 days ago ; Posted 3 days ago ; 10 minutes ; 3 Jahre ; ½ ; 153² ; "
    "① ; 9999999999999M ; +49 30 12345"
)


def texts(table: dict[int, str]) -> list[tuple[str, int]]:
    return [(text, value) for value, written in table.items() for text in written.split(" ; ")]


@pytest.mark.parametrize(("text", "value"), texts(EXACT))
def test_a_bare_or_labelled_number_is_exact(text: str, value: int) -> None:
    assert read_count(text) == Count(value)
    assert read_count(f" {text}\n") == Count(value)


@pytest.mark.parametrize(("text", "value"), texts(AT_LEAST))
def test_a_plus_a_more_than_or_an_unknown_word_makes_it_at_least(text: str, value: int) -> None:
    assert read_count(text) == Count(value, Bound.AT_LEAST)


@pytest.mark.parametrize(("text", "value"), texts(ESTIMATE))
def test_a_rounded_or_approximate_number_is_an_estimate(text: str, value: int) -> None:
    assert read_count(text) == Count(value, Bound.ESTIMATE)


@pytest.mark.parametrize("text", ["", " ", "1" * 5000, "9" * 16, "12\n34", *NO_COUNT.split(" ; ")])
def test_what_is_no_count_or_may_be_two_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        read_count(text)


def test_the_message_quotes_the_text_but_not_a_page_of_it() -> None:
    with pytest.raises(ParseError, match="Sign in to see jobs"):
        read_count("Sign in to see jobs")
    with pytest.raises(ParseError) as caught:
        read_count("no " * 10_000)
    assert len(str(caught.value)) < 200


# Every locale of CLDR. Babel writes ASCII digits, so a locale's own digits are put in their place here.

LOCALES = sorted(locale_identifiers())
SYSTEMS = (
    "adlm ADLAM, arab ARABIC-INDIC, arabext EXTENDED ARABIC-INDIC, beng BENGALI, cakm CHAKMA, deva DEVANAGARI, gujr GUJARATI,guru GURMUKHI,"
    "hmnp NYIAKENG PUACHUE HMONG, java JAVANESE, khmr KHMER, knda KANNADA, laoo LAO, mlym MALAYALAM, mong MONGOLIAN, mtei MEETEI MAYEK,"
    "mymr MYANMAR, nkoo NKO, olck OL CHIKI, orya ORIYA, tamldec TAMIL, telu TELUGU, thai THAI, tibt TIBETAN, vaii VAI, fullwide FULLWIDTH"
)
ZEROS = {"latn": "0"} | {one.split()[0]: unicodedata.lookup(f"{one.split(maxsplit=1)[1]} DIGIT ZERO") for one in SYSTEMS.split(",")}


@cache
def systems(locale: str) -> tuple[str, ...]:
    """The numbering systems with ten digits that a locale uses."""
    known = Locale.parse(locale)
    return tuple(sorted({"latn", known.default_numbering_system, *known.other_numbering_systems.values()} & ZEROS.keys()))


def written(number: int, locale: str, system: str) -> str:
    own = {ord("0") + digit: chr(ord(ZEROS[system]) + digit) for digit in range(10)}
    has_symbols = system in Locale.parse(locale).number_symbols
    return format_decimal(number, locale=locale, numbering_system=system if has_symbols else "default").translate(own)


REFUSED = {"tok", "tok_001"}  # Toki Pona writes its digits in groups of two: "12 34"


def test_the_digits_of_all_locales_are_tried() -> None:
    """Chinese 〇一二 are no digits in Unicode's sense: they are refused like any word."""
    known = [Locale.parse(locale) for locale in LOCALES]
    used = {one.default_numbering_system for one in known} | {one.other_numbering_systems.get("native", "latn") for one in known}
    assert used - ZEROS.keys() == {"hanidec"}


def test_every_locale_is_read_right_but_for_those_named_here() -> None:
    refused = set()
    for locale in LOCALES:
        for system in systems(locale):
            for number in (0, 7, 1234, 10_000, 1_234_567):
                try:
                    assert read_count(written(number, locale, system)) == Count(number), (locale, system)
                except ParseError:
                    refused.add(locale)
    assert refused == REFUSED


@settings(max_examples=300)
@given(st.integers(0, 10**9), st.sampled_from(sorted(set(LOCALES) - REFUSED)), st.data())
def test_a_number_written_in_any_locale_is_read_back(number: int, locale: str, data: st.DataObject) -> None:
    text = written(number, locale, data.draw(st.sampled_from(systems(locale))))
    assert read_count(text) == Count(number)
    assert read_count(f"{text}+") == Count(number, Bound.AT_LEAST)


MISREAD = {"la", "la_VA", "to", "to_TO"}  # Latin M is a thousand, Tongan k a hundred thousand
UNKNOWN_WORDS = {"kk_Arab", "kk_Arab_CN", "kok_Latn", "kok_Latn_IN", "ms_Arab", "ms_Arab_BN", "ms_Arab_MY", "yo_BJ"}


FORMS: tuple[Literal["short", "long"], ...] = ("short", "long")
GREAT_LANGUAGES = ["en", "de", "fr", "es", "it", "pt", "nl", "pl", "ru", "uk", "cs", "sv", "nb", "fi", "tr", "hi", "ar", "zh", "ja", "ko"]


def compact(number: int) -> Iterator[tuple[str, str]]:
    for locale in LOCALES:
        for form in FORMS:
            if Locale.parse(locale).compact_decimal_formats.get(form):
                try:
                    yield locale, format_compact_decimal(number, format_type=form, locale=locale)
                except (KeyError, AttributeError):
                    continue  # Babel has no form of this size


def is_honest(text: str, number: int) -> bool:
    """Whether a rounded figure is refused, or read as an estimate within its rounding, and as exact only if it is whole."""
    try:
        count = read_count(text)
    except ParseError:
        return True
    if count.bound is Bound.EXACT:
        return count.value == number
    if count.bound is Bound.AT_LEAST:
        return count.value <= number
    return abs(count.value - number) <= 0.5 * 10.0 ** (len(str(number)) - 1)


@pytest.mark.parametrize("number", [1_234, 5_000, 12_345, 123_456, 3_000_000, 12_345_678, 123_456_789])
def test_no_compact_form_is_taken_for_an_exact_number_but_for_those_named_here(number: int) -> None:
    assert {locale for locale, text in compact(number) if not is_honest(text, number)} <= MISREAD | UNKNOWN_WORDS


@pytest.mark.parametrize("locale", GREAT_LANGUAGES)
@settings(max_examples=25)
@given(number=st.integers(1_000_000, 10**9 - 1), digits=st.integers(0, 1), data=st.data())
def test_compact_forms_of_the_great_languages_are_never_exact(locale: str, number: int, digits: int, data: st.DataObject) -> None:
    form = data.draw(st.sampled_from([form for form in FORMS if Locale.parse(locale).compact_decimal_formats.get(form)]))
    text = format_compact_decimal(number, format_type=form, locale=locale, fraction_digits=digits)
    assert is_honest(text, number)
    with contextlib.suppress(ParseError):
        assert read_count(text).bound is Bound.ESTIMATE


def test_the_great_languages_are_not_all_refused() -> None:
    read = {
        "en": "12K",
        "de": "12 Millionen",
        "fr": "12 k",
        "es": "12 mil",
        "pt": "12 mil",
        "pl": "12 tys.",
        "ru": "12 тыс.",
        "uk": "12 тис.",
    }
    read |= {"cs": "12 tis.", "it": "12 mila", "nl": "12K", "fi": "12 tuhatta", "sv": "12 tusen", "hi": "12 हज़ार", "ar": "12 ألف"}
    for text in read.values():
        assert read_count(text) in {Count(12_000, Bound.ESTIMATE), Count(12_000_000, Bound.ESTIMATE)}


PLAIN = st.integers(0, 10**9).flatmap(
    lambda n: st.sampled_from([str(n), f"{n:,}", f"{n:,}".replace(",", "."), f"{n:,}".replace(",", "\u202f")])
)


@given(
    PLAIN, st.sampled_from(["more than {}", "> {}", "Plus de {}", "{}+", "{} or more", "{} et plus", "{}以上", "超过{}", "{} jobs or more"])
)
def test_a_mark_of_more_changes_only_the_bound(number: str, mark: str) -> None:
    assert read_count(mark.format(number)) == Count(read_count(number).value, Bound.AT_LEAST)


@given(PLAIN, st.sampled_from(["about {}", "~{}", "ca. {}", "约{}", "rund {}", "{} or so", "{}左右", "about {}+", "more than about {}"]))
def test_a_mark_of_about_changes_only_the_bound(number: str, mark: str) -> None:
    assert read_count(mark.format(number)) == Count(read_count(number).value, Bound.ESTIMATE)


PIECES = [
    "1",
    "25",
    "1,234",
    "1.5",
    "K",
    "M",
    " ",
    "\u00a0",
    "+",
    "-",
    "–",
    "of",
    "Page",
    "more than",
    "~",
    ">",
    "<",
    "(",
    ":",
    "万",
    "以上",
    "'den",
]


@settings(max_examples=400)
@given(st.text(max_size=30) | st.lists(st.sampled_from(PIECES), max_size=8).map("".join) | st.lists(st.sampled_from(PIECES)).map(" ".join))
def test_any_text_gives_a_count_or_a_parse_error(text: str) -> None:
    try:
        count = read_count(text)
    except ParseError:
        return
    assert math.isfinite(count.value)
    assert count.value >= 0


@pytest.mark.parametrize(
    "piece", ["1", "1,", "1 ", "a ", "> ", "(", ". ", "1,234 ", "about ", "12 of ", "1 - ", "万", "a", "5 a ", "~ 1", "Page ", "'d", "\n "]
)
def test_reading_takes_linear_time(piece: str) -> None:
    def seconds(size: int) -> float:
        text, best = piece * size + "5 x", math.inf
        for _ in range(2):
            start = time.perf_counter()
            with contextlib.suppress(ParseError):
                read_count(text)
            best = min(best, time.perf_counter() - start)
        return best

    assert seconds(2_000) < 16 * seconds(500) + 0.05  # linear would be 4 times
