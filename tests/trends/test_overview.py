from __future__ import annotations

from dataclasses import replace

import pytest

from storage.model import Bound, State, Topic
from storage.vocabulary import JOB_POSTINGS
from tests.trends.conftest import World
from trends.findings import Table
from trends.overview import families, lead_words, overview
from trends.summary_text import headline, text_of

NOW = "2026-11-20"


def family(world: World, metric: str = "jobs.postings") -> tuple[Table, ...]:
    found = families(world.summary(NOW).baskets[0].tables)
    return next(tables for tables in found if tables[0].metric.name == metric)


def block_of(text: str, title: str) -> list[str]:
    """The lines of one part of the text, without its indent."""
    return next(part for part in text.split("\n\n") if part.startswith(title)).replace("\n  ", "\n").split("\n")


@pytest.fixture
def boards(world: World) -> World:
    world.board("reed", "gb", {"a": 30, "b": 20})
    world.board("indeed", "us", {"a": 400, "b": 500})
    world.board("adzuna", "us", {"a": 9000, "b": 100}, end="2026-10-01")
    world.board("linkedin", "us", {"a": 1000, "b": 250})
    world.board("indeed", "us", {"a": 40, "b": 10}, metric="jobs.new_postings")
    return world


def test_the_largest_places_come_first_and_what_is_not_fresh_last(boards: World) -> None:
    seen = overview(family(boards))
    assert [(line.place, line.fresh) for line in seen.lines] == [
        ("LinkedIn, US", True), ("Indeed, US", True), ("Reed, GB", True), ("Adzuna, US", False)
    ]  # fmt: skip
    assert seen.lines[-1].date == "2026-10-01"
    assert [topic for topic, _ in seen.topics] == ["a", "b"]


def test_of_two_stale_places_the_one_that_spoke_lately_comes_first(boards: World) -> None:
    boards.board("monster", "us", {"a": 99_000, "b": 9}, end="2026-09-01")
    assert [line.place for line in overview(family(boards)).lines][-2:] == ["Adzuna, US", "Monster, US"]


def test_topics_stand_in_the_order_of_their_size_over_all_fresh_places(world: World) -> None:
    world.board("indeed", "us", {"a": 10, "b": 500, "c": 100})
    world.board("linkedin", "us", {"a": 20, "b": 10, "c": 100})
    world.board("adzuna", "us", {"a": 99_999}, end="2026-10-01")
    assert [topic for topic, _ in overview(family(world)).topics] == ["b", "c", "a"]


def test_what_there_is_stands_before_what_is_new_of_it(boards: World) -> None:
    boards.put("github.stars", "a", {"2026-11-20": 5})
    names = [tables[0].metric.name for tables in families(boards.summary(NOW).baskets[0].tables)]
    assert names == ["jobs.postings", "jobs.new_postings", "github.stars"]


def test_a_place_says_who_leads_by_how_much_and_what_part_each_has(boards: World) -> None:
    leads = {line.place: (lead_words(line.lead), line.bar) for line in overview(family(boards)).lines}
    assert leads["LinkedIn, US"] == ("A 4.00:1", [("a", 80), ("b", 20)])
    assert leads["Indeed, US"][0] == "B 1.25:1"
    assert leads["Adzuna, US"] == ("A 90.00:1", [])  # both of one day, which the line names; no share of what is not fresh


def test_a_lead_is_not_claimed_where_one_of_two_is_not_fresh_or_nobody_has_anything(world: World) -> None:
    world.board("indeed", "us", {"a": 400})
    world.board("indeed", "us", {"b": 100}, end="2026-10-01")
    world.board("linkedin", "us", {"a": 0, "b": 0})
    world.board("reed", "gb", {"a": 9, "b": 0})
    world.board("monster", "us", {"a": 12, "b": 12})
    lines = {line.place: line for line in overview(family(world)).lines}
    assert {place: lead_words(line.lead) for place, line in lines.items()} == {
        "Indeed, US": "—", "LinkedIn, US": "—", "Reed, GB": "A alone", "Monster, US": "equal"
    }  # fmt: skip
    fresh, stale = lines["Indeed, US"].cells
    assert fresh is not None
    assert stale is not None
    assert (fresh.stale, fresh.date, stale.stale, stale.date) == (False, "", True, "2026-10-01")


def test_stale_figures_of_different_days_are_not_set_against_one_another(world: World) -> None:
    world.board("indeed", "us", {"a": 400}, end="2026-09-30")
    world.board("indeed", "us", {"b": 100}, end="2026-10-01")
    [line] = overview(family(world)).lines
    assert line.lead is None
    assert [cell.date for cell in line.cells if cell] == ["2026-09-30", ""]


def test_a_lead_over_a_bound_is_an_estimate(world: World) -> None:
    labels = "board=remoteok;country=world"
    world.put("jobs.postings", "a", {NOW: 300}, labels, source="remoteok", bound=Bound.AT_LEAST)
    world.put("jobs.postings", "b", {NOW: 100}, labels, source="remoteok")
    [line] = overview(family(world)).lines
    assert (line.place, lead_words(line.lead)) == ("Remote OK, worldwide", "A ≈ 3.00:1")


def test_places_of_the_same_name_are_told_apart_by_their_definition(world: World) -> None:
    with world.journal.write() as tx:
        tx.define([replace(JOB_POSTINGS, version=version) for version in (1, 2, 876432)], "company_boards")
    for version, value in (("", 5), (";version=876432", 4), (";version=2", 3)):
        for topic in "ab":
            world.put("jobs.postings", topic, {NOW: value}, f"board=company_boards;country=world{version}", source="company_boards")
    assert [line.place for line in overview(family(world)).lines] == [
        "Company boards, worldwide", "Company boards, worldwide (variant 876432)", "Company boards, worldwide (definition 2)"
    ]  # fmt: skip


def test_a_place_that_counts_by_another_period_says_so(boards: World) -> None:
    for topic in "ab":
        boards.put("jobs.postings", topic, {"2026-09": 7, "2026-10": 8}, "board=hacker_news", source="hacker_news")
    seen = overview(family(boards))
    assert seen.unit == "postings"
    assert {line.place: line.unit for line in seen.lines}["Hacker News"] == "postings per month"
    assert "Hacker News (postings per month)" in text_of(boards.summary(NOW))


def test_the_text_has_one_table_for_many_places_with_all_their_figures(boards: World) -> None:
    text = text_of(boards.summary(NOW))
    title, head, *lines = block_of(text, "Job postings")
    assert title == "Job postings (postings; Adzuna, Indeed, LinkedIn and Reed)"
    assert head.split() == ["date", "A", "B", "leads"]
    assert [line.split("  ")[0] for line in lines[:4]] == ["LinkedIn, US", "Indeed, US", "Reed, GB", "Adzuna, US"]
    assert lines[0].split() == ["LinkedIn,", "US", "2026-11-20", "1,000", "250", "A", "4.00:1"]
    assert lines[3].split() == ["Adzuna,", "US", "2026-10-01,", "not", "fresh", "9,000", "100", "A", "90.00:1"]
    assert "Older figures" not in text  # the overview says them already
    assert text.index("Job postings (") < text.index("New job postings, Indeed, US (")


def test_few_places_keep_their_tables_with_changes(world: World) -> None:
    world.board("indeed", "us", {"a": 400, "b": 500})
    world.board("linkedin", "us", {"a": 1000, "b": 250})
    world.board("adzuna", "us", {"a": 9000, "b": 100}, end="2026-10-01")
    text = text_of(world.summary(NOW))
    assert block_of(text, "Job postings, LinkedIn, US")[1].split()[:4] == ["date", "latest", "share", "4"]
    assert "2026-10-01  A 9,000 and B 100" in block_of(text, "Older figures")[1]


def test_the_text_says_bounds_imports_held_back_figures_and_dates_of_single_cells(boards: World) -> None:
    boards.board("remoteok", "world", {"a": 3, "b": 2})
    boards.put("jobs.postings", "a", {NOW: 77}, "board=remoteok;country=world", source="remoteok", bound=Bound.AT_LEAST)
    boards.put("jobs.postings", "c", {"2026-10-02": 55}, "board=remoteok;country=world", source="remoteok")
    boards.put("jobs.postings", "c", {"2020-01-26": 44}, "board=monster;country=us;origin=imported", source="monster")
    boards.put("jobs.postings", "a", {"2026-11-20T12:00": 9}, "board=reed;country=gb", source="reed", state=State.SUSPECT)
    text = "\n".join(block_of(text_of(boards.summary(NOW + "T18:00")), "Job postings"))
    assert "≥ 77" in text
    assert "55 (2026-10-02)" in text
    assert "44 *" in text
    assert "* imported figure, not measured here." in text
    assert "held back as doubtful until confirmed: A (Reed, GB)." in text


def test_topics_that_do_not_fit_are_named_and_no_line_is_wider_than_its_room(boards: World) -> None:
    titles = {f"t{i}": f"A framework called {i}" for i in range(12)}
    boards.topics |= {key: Topic(key, title) for key, title in titles.items()}
    for board in ("indeed", "linkedin", "reed"):
        boards.board(board, "gb", {key: 12.0 - i for i, key in enumerate(titles)})
    _, head, *lines = block_of(text_of(boards.summary(NOW)), "Job postings")
    assert max(map(len, [head, *lines[:-2]])) <= 118
    shown = [title for title in titles.values() if title in head]
    assert shown
    left_out = next(line for line in lines if line.startswith("No room here for"))
    assert "A framework called 11" in left_out
    assert not [title for title in shown if f"{title}," in left_out or f"{title}." in left_out]


def test_the_headline_names_each_metric_once(boards: World) -> None:
    lines = headline(boards.summary(NOW)).splitlines()
    assert [line.partition(" (")[0].strip() for line in lines] == [
        "All of them",
        "Job postings, LinkedIn, US",
        "New job postings, Indeed, US",
    ]
