"""CSV files that a person saved from the Trends page."""

from __future__ import annotations

from pathlib import Path

import pytest

from crawlers.search_interest.saved import import_export, read_export
from storage.journal import Journal
from storage.model import Bound, Topic, UsageError
from storage.periods import read_time

SAVED = read_time("2026-11-20T10:00:00Z")
TOPICS = {
    "pytorch": Topic("pytorch", "PyTorch", {"search": "PyTorch"}),
    "jax": Topic("jax", "JAX", {"google_trends": "jax python", "search": "JAX"}),
}
ENGLISH = """Category: All categories

Week,PyTorch: (Worldwide),jax python: (Worldwide)
2026-10-25,100,12
2026-11-01,74,<1
2026-11-08,60,0
2026-11-15,9,3
"""
PYTORCH = 'google_trends.interest{topic="pytorch",among="jax+pytorch",geo="world",origin="imported"}'
JAX = PYTORCH.replace('"pytorch",', '"jax",', 1)


def figures(text: str, **options: object) -> dict[str, dict[str, float]]:
    read = read_export(text, TOPICS, saved=SAVED, **options)  # type: ignore[arg-type]
    assert read.problems == []
    found: dict[str, dict[str, float]] = {}
    for row in read.rows:
        found.setdefault(str(row.series), {})[str(row.time)] = row.value
    return found


def times(*days: str) -> list[str]:
    return [str(read_time(d)) for d in days]


def test_weeks_are_filed_under_the_monday_and_neither_noughts_nor_the_last_week_are_kept() -> None:
    first, second, third = times("2026-10-26", "2026-11-02", "2026-11-09")
    assert figures(ENGLISH) == {PYTORCH: {first: 100, second: 74, third: 60}, JAX: {first: 12, second: 0.5}}
    rows = read_export(ENGLISH, TOPICS, saved=SAVED).rows
    assert [(r.value, r.bound) for r in rows if r.bound is not Bound.EXACT] == [(0.5, Bound.ESTIMATE)]
    assert {r.observed_at for r in rows} == {SAVED}
    assert all("saved by hand on 2026-11-20" in r.citation for r in rows)


@pytest.mark.parametrize(
    "head",
    [
        "Kategorie: Alle Kategorien\n\nWoche,PyTorch: (Weltweit),jax python: (Weltweit)",
        "Catégorie : Toutes catégories\n\nSemaine,PyTorch: (Dans tous les pays),jax python: (Dans tous les pays)",
        "Categoría: Todas las categorías\n\nSemana,PyTorch: (Todo el mundo),jax python: (Todo el mundo)",
        "Categoria: Tutte le categorie\n\nSettimana,PyTorch: (Tutto il mondo),jax python: (Tutto il mondo)",
        "カテゴリ: すべてのカテゴリ\n\n週,PyTorch: (すべての国),jax python: (すべての国)",
        "Категория: Все категории\r\n\r\nНеделя,PyTorch: (По всему миру),jax python: (По всему миру)",
        "\ufeff类别：所有类别\n\n周,PyTorch: (全球),jax python: (全球)",
        '"카테고리: 모든 카테고리"\n\n"주","PyTorch: (전 세계)","jax python: (전 세계)"',
    ],
)
def test_a_heading_may_be_in_any_language(head: str) -> None:
    body = ENGLISH.partition("(Worldwide)\n")[2]
    assert figures(head + "\n" + body) == figures(ENGLISH)
    assert figures(head + "\n" + body.replace("<1", "1 未満")) == figures(ENGLISH)


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_are_recognised(separator: str) -> None:
    assert figures(ENGLISH.replace(",", separator)) == figures(ENGLISH)


def test_a_place_is_read_from_the_heading_or_given() -> None:
    assert set(figures(ENGLISH.replace("Worldwide", "United States"))) == {s.replace("world", "us") for s in (PYTORCH, JAX)}
    plain = ENGLISH.replace(": (Worldwide)", "")
    assert set(figures(plain, geo="IN")) == {s.replace("world", "in") for s in (PYTORCH, JAX)}
    for unclear in (plain, ENGLISH.replace("Worldwide", "Ruritania"), ENGLISH.replace("(Worldwide)", "(India)", 1)):
        read = read_export(unclear, TOPICS, saved=SAVED)
        assert read.rows == []
        assert "name the place" in read.problems[0].message
        assert read.problems[0].line == 3


def test_months_and_days_are_series_of_their_own() -> None:
    months = "x\n\nMonth,PyTorch: (India)\n2026-09,50\n2026-10,100\n2026-11,40\n"
    assert figures(months) == {
        'google_trends.interest_monthly{topic="pytorch",among="pytorch",geo="in",origin="imported"}': dict(
            zip(times("2026-09-01", "2026-10-01"), [50, 100], strict=True)
        )
    }
    days = "x\n\nDay,PyTorch: (India)\n2026-11-18,50\n2026-11-19,100\n2026-11-20,40\n"
    assert list(figures(days)) == ['google_trends.interest_daily{topic="pytorch",among="pytorch",geo="in",origin="imported"}']
    assert len(next(iter(figures(days).values()))) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no CSV file"),
        ("<!doctype html>", "no CSV file"),
        ("Region,PyTorch: (Worldwide)\nIndia,100\n", "no CSV file"),
        ("x\n\nTime,PyTorch: (India)\n2026-11-18T01,50\n", "hours"),
        (ENGLISH.replace("2026-11-01", "2026-11-03"), "follow one another"),
        (ENGLISH.replace("jax python", "JAX library"), "'JAX library' is of no topic"),
        (ENGLISH.replace("74", "740"), "'740' is not a value"),
        (ENGLISH.replace("<1", "-1"), "'-1' is not a value"),
        (ENGLISH.replace("74,", ""), "2 cells"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text: str, words: str) -> None:
    problems = read_export(text, TOPICS, saved=SAVED).problems
    assert len(problems) == 1
    assert words in problems[0].message


def test_a_file_is_imported_and_again_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "multiTimeline.csv"
    file.write_text(ENGLISH, encoding="utf-8")
    with Journal.open(tmp_path, writable=True) as journal:
        with journal.write() as tx:
            assert import_export(tx, read_export(file, TOPICS, saved=SAVED)).new == 5
        with journal.write() as tx:
            assert import_export(tx, read_export(file, TOPICS, saved=SAVED)).new == 0
        with journal.write() as tx, pytest.raises(UsageError, match="nothing was imported"):
            import_export(tx, read_export(ENGLISH.replace("74", "740"), TOPICS, saved=SAVED))
    file.write_bytes("Week,Pytörch".encode("latin-1"))
    assert "UTF-8" in read_export(file, TOPICS, saved=SAVED).problems[0].message
    with pytest.raises(UsageError, match="cannot read"):
        read_export(tmp_path / "none.csv", TOPICS, saved=SAVED)
