from __future__ import annotations

import pytest

from storage.model import Bound, Cadence, Kind, Metric
from storage.periods import read_time
from trends import wording


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "—"), (0, "0"), (3.3, "3.3"), (1541, "1,541"), (9999, "9,999"), (9999.7, "10k"), (13700, "13.7k"), (99_960, "100k"),
        (999_999, "1 M"), (87_347_847, "87.3 M"), (207_389_880, "207 M"), (2.5e9, "2.5 G"), (-84_529, "−84.5k"), (-0.001, "−0.001"),
    ],
)  # fmt: skip
def test_numbers_keep_three_digits_that_count(value: float | None, text: str) -> None:
    assert wording.short(value) == text


def test_a_pair_reads_as_in_the_articles() -> None:
    assert wording.pair(1541, 1437) == "1541:1437"
    assert wording.pair(13700, 7200, Bound.ESTIMATE) == "≈ 13.7k:7.2k"
    assert wording.pair(87_347_847, 22_653_919) == "87.3 M:22.7 M"
    assert wording.pair(12_000, None) == "12k:—"


def test_a_ratio_names_the_larger_side() -> None:
    assert wording.ratio(2.0912) == "2.09:1"
    assert wording.ratio(0.25) == "1:4.00"
    assert wording.ratio(None) == wording.ratio(0) == "—"


def test_small_percentages_are_not_rounded_to_nothing() -> None:
    assert [wording.percent(v) for v in (0, 0.00724, 0.5, 7.25, 58.2, 1234.5)] == ["0 %", "0.0072 %", "0.5 %", "7.2 %", "58 %", "1,234 %"]
    assert wording.percent(-4.0, signed=True) == "−4.0 %"
    assert wording.percent(0, signed=True) == "±0 %"


def test_a_period_is_named_by_its_cadence() -> None:
    time = read_time("2026-11-16")
    names = [wording.period(time, cadence) for cadence in (Cadence.DAY, Cadence.WEEK, Cadence.MONTH, Cadence.YEAR)]
    assert names == ["2026-11-16", "week of 2026-11-16", "2026-11", "2026-11"]
    assert wording.period(read_time("2026"), Cadence.YEAR) == "2026"


def test_tables_align_wide_characters_by_what_a_terminal_shows() -> None:
    lines = wording.columns(["", "n"], [["🔥", "1"], ["ab", "22"]])
    assert lines == ["     n", "🔥   1", "ab  22"]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({"board": "remoteok", "country": "world"}, "Remote OK, worldwide"), ({"board": "weworkremotely"}, "We Work Remotely"),
        ({"board": "theirstack", "country": "us"}, "TheirStack, US"), ({"board": "usajobs", "country": "us"}, "USAJOBS, US"),
        ({"board": "arbeitsagentur", "country": "de"}, "Bundesagentur für Arbeit, DE"), ({"site": "medium"}, "Medium"),
        ({"board": "company_boards", "country": "europe"}, "Company boards, Europe"), ({"site": "devto"}, "DEV"),
        ({"board": "france_travail", "country": "fr"}, "France Travail, FR"), ({"board": "indeed+linkedin"}, "Indeed + LinkedIn"),
    ],
)  # fmt: skip
def test_sites_and_places_bear_the_names_that_readers_know(labels: dict[str, str], words: str) -> None:
    assert wording.label_words(labels.items()) == words


@pytest.mark.parametrize(("version", "said"), [(1, ""), (2, " (definition 2)"), (876432, " (variant 876432)")])
def test_a_composition_is_not_called_a_definition(version: int, said: str) -> None:
    metric = Metric("jobs.postings", Kind.LEVEL, "postings", Cadence.DAY, "Job postings", "How.", version=version)
    assert wording.title_of(metric, [("board", "indeed")]) == f"Job postings, Indeed{said}"
