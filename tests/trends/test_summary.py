from __future__ import annotations

import json

import pytest

from storage.model import Bound, State, Topic
from storage.periods import iso, read_time
from tests.trends.conftest import World
from trends.summary_text import text_of


def rows(table: object) -> dict[str, object]:
    return {row.topic: row for row in table.rows}  # type: ignore[attr-defined]


def test_share_is_of_the_fresh_topics_alone(world: World) -> None:
    world.put("github.stars", "a", {"2026-11-19": 300, "2026-11-20": 300})
    world.put("github.stars", "b", {"2026-11-19": 100, "2026-11-20": 100})
    world.put("github.stars", "c", {"2026-11-01": 600, "2026-11-02": 600})
    table = world.table("2026-11-20")
    assert {t: r.share for t, r in rows(table).items()} == {"a": 75.0, "b": 25.0}  # type: ignore[attr-defined]
    assert [(r.topic, iso(r.latest.time)) for r in table.stale] == [("c", "2026-11-02T00:00:00Z")]
    assert table.stale[0].share is None


def test_a_figure_is_stale_one_second_after_two_of_its_periods(world: World) -> None:
    world.put("github.stars", "a", {"2026-11-17": 5, "2026-11-18": 5})
    assert world.table("2026-11-20").rows
    assert world.table("2026-11-20T00:00:01Z").stale


def test_a_monthly_series_of_a_daily_metric_has_months_as_its_periods(world: World) -> None:
    world.put("github.stars", "a", {"2026-08-01": 1, "2026-09-01": 2, "2026-10-01": 3}, "origin=imported")
    assert world.table("2026-11-30").rows
    assert not world.table("2026-12-02").rows


def test_measuring_daily_is_stale_after_days_though_the_import_before_was_monthly(world: World) -> None:
    world.put("github.stars", "a", {f"2026-0{m}-01": m for m in range(1, 9)}, "origin=imported")
    world.put("github.stars", "a", {"2026-09-01": 9, "2026-09-02": 9})
    assert world.table("2026-09-03").rows
    assert world.table("2026-09-10").stale


def test_one_topic_has_no_share(world: World) -> None:
    world.put("github.stars", "a", {"2026-11-20": 7})
    row = world.table("2026-11-20").rows[0]
    assert (row.share, row.changes) == (None, (None, None, None))


def test_a_change_needs_a_value_near_that_date_and_is_never_made_of_a_gap(world: World) -> None:
    world.put("github.stars", "a", {"2026-11-20": 120, "2026-10-23": 100, "2026-04-01": 50})
    four, thirteen, year = world.table("2026-11-20").rows[0].changes
    assert four is not None
    assert (four.absolute, four.percent) == (20, pytest.approx(20))
    # 13 weeks: the nearest is 28 days after the target, within half the window. 52 weeks: 132 days off, within 182.
    assert (thirteen and iso(thirteen.since)[:10], year and iso(year.since)[:10]) == ("2026-10-23", "2026-04-01")
    world.put("github.stars", "b", {"2026-11-20": 120, "2026-11-15": 100, "2026-11-17": 100})
    assert rows(world.table("2026-11-20"))["b"].changes == (None, None, None)  # type: ignore[attr-defined]


def test_a_constant_series_changes_by_nothing_and_a_zero_gives_no_percentage(world: World) -> None:
    world.daily("github.stars", "a", "2026-10-01", [5.0] * 51)
    world.daily("github.stars", "b", "2026-10-01", [0.0] * 50 + [3.0])
    found = rows(world.table("2026-11-20"))
    assert (found["a"].changes[0].absolute, found["a"].changes[0].percent) == (0, 0)  # type: ignore[attr-defined]
    assert (found["b"].changes[0].absolute, found["b"].changes[0].percent) == (3, None)  # type: ignore[attr-defined]


def test_flows_are_compared_as_sums_of_complete_periods_only(world: World) -> None:
    world.daily("github.new_stars", "a", "2026-09-01", [1.0] * 28 + [2.0] * 28 + [1000.0] * 2)  # the last two days have not settled
    row = world.table("2026-10-28", "github.new_stars").rows[0]
    assert iso(row.latest.time) == "2026-10-25T00:00:00Z"  # over on the 26th, settled on the 28th
    assert row.partial is not None
    assert row.partial.value == 1000
    change = row.changes[0]
    assert change is not None
    assert (change.now, change.before, change.covered, change.expected) == (2 * 27, 27, 27, 28)
    assert change.bound is Bound.ESTIMATE  # 31 August is unknown, so 28 September is left out as well


def test_flows_with_a_fifth_of_their_days_missing_are_not_compared(world: World) -> None:
    world.daily("github.new_stars", "a", "2026-09-01", [1.0] * 21)
    world.daily("github.new_stars", "a", "2026-09-29", [1.0] * 28)
    assert world.table("2026-10-29", "github.new_stars").rows[0].changes[0] is None


def test_shares_of_flows_are_of_one_common_complete_period(world: World) -> None:
    world.put("jobs.postings", "a", {"2026-08": 30, "2026-09": 90}, "board=hacker_news", source="hacker_news")
    world.put("jobs.postings", "b", {"2026-08": 10}, "board=hacker_news", source="hacker_news")
    table = world.table("2026-10-20", 'jobs.postings{board="hacker_news"}')
    assert table.share_time == read_time("2026-08")
    assert {t: r.share for t, r in rows(table).items()} == {"a": 75, "b": 25}  # type: ignore[attr-defined]


def test_the_denominator_of_the_same_time_gives_the_part_of_all(world: World) -> None:
    world.put("jobs.postings", "a", {"2026-09": 3}, "board=hacker_news", source="hacker_news")
    world.put("jobs.total", "", {"2026-08": 100, "2026-09": 400}, "board=hacker_news", source="hacker_news")
    world.put("jobs.total", "", {"2026-09": 999}, "board=linkedin", source="linkedin")
    assert world.table("2026-10-20", 'jobs.postings{board="hacker_news"}').rows[0].of_total == 0.75


def test_a_ratio_of_mixed_bounds_is_an_estimate(world: World) -> None:
    world.put("github.stars", "a", {"2026-11-20": 300}, bound=Bound.AT_LEAST)
    world.put("github.stars", "b", {"2026-11-20": 100})
    assert {r.share_bound for r in world.table("2026-11-20").rows} == {Bound.ESTIMATE}
    assert "≥ 300" in text_of(world.summary("2026-11-20"))


def test_doubtful_figures_are_counted_but_used_in_nothing(world: World) -> None:
    world.put("github.stars", "a", {"2026-11-19": 100})
    world.put("github.stars", "a", {"2026-11-20": 4}, state=State.SUSPECT)
    row = world.table("2026-11-20").rows[0]
    assert (row.latest.value, row.suspects) == (100, 1)


def test_a_change_over_the_seam_of_import_and_measurement_says_so(world: World) -> None:
    world.put("github.stars", "a", {"2026-09-21": 100, "2026-10-22": 110}, "origin=imported")
    world.put("github.stars", "a", {"2026-11-19": 120, "2026-11-20": 121})
    change = world.table("2026-11-20").rows[0].changes[0]
    assert change is not None
    assert change.seam
    assert "†+11" in text_of(world.summary("2026-11-20"))


def test_an_odd_period_is_shown_with_its_period_and_nothing_is_made_of_it(world: World) -> None:
    world.put("github.new_stars", "a", {"2018-09": 13700}, "origin=imported;period=2018-09..2019-03", bound=Bound.ESTIMATE)
    table = world.table("2019-03-01", "github.new_stars")
    assert (table.rows, table.stale) == ((), ())
    assert [(topic, f.period, f.value) for topic, _, f in table.periods] == [("a", "2018-09..2019-03", 13700)]
    text = text_of(world.summary("2019-03-01"))
    assert "2018-09..2019-03  A ≈ 13.7k" in text


def test_what_is_blind_stands_at_the_end_with_its_month(world: World) -> None:
    world.put("github.stars", "a", {"2026-11-20": 1})
    world.put("github.stars", "b", {"2024-04-01": 1})
    world.put("surveys.usage", "a", {"2019": 3.3}, "survey=stackoverflow", source="surveys")
    tail = text_of(world.summary("2026-11-20")).split("Blind: no fresh figures")[1]
    assert "Survey: used by: Stack Overflow since January 2019" in tail
    assert "GitHub stars: B since April 2024" in tail
    assert "Nothing is known of C" in tail


def test_nothing_at_all_is_said_plainly(world: World) -> None:
    assert "No figures yet" in text_of(world.summary("2026-11-20"))


def test_until_moves_the_present_and_drops_what_came_after(world: World) -> None:
    world.put("github.stars", "a", {"2026-04-01": 10, "2026-04-02": 11, "2026-11-20": 99})
    found = world.summary("2026-11-20", until="2026-04-03").baskets[0].tables[0]
    assert [r.latest.value for r in found.rows] == [11]


def test_as_of_shows_what_was_believed_then(world: World) -> None:
    world.put("github.stars", "a", {"2026-11-20": 10})
    then = world.journal.head()
    world.put("github.stars", "a", {"2026-11-20": 12})
    world.put("github.stars", "b", {"2026-11-20": 5})
    before = world.panel("2026-11-20", as_of=then)
    assert [g.topics for g in before.groups] == [("a",)]
    assert before.groups[0].reading("a").values.tolist() == [10]
    assert world.panel("2026-11-20").groups[0].reading("a").values.tolist() == [12]


def test_the_measured_value_stands_where_both_have_one(world: World) -> None:
    world.put("github.stars", "a", {"2026-10-01": 1, "2026-11-20": 2}, "origin=imported")
    world.put("github.stars", "a", {"2026-11-20": 3})
    group = world.panel("2026-11-20").groups[0]
    assert group.reading("a").values.tolist() == [1, 3]
    assert [line.imported for line in group.of("a")] == [True, False]
    assert group.splice("a") == read_time("2026-11-20")


def test_the_json_form_holds_everything_and_is_json(world: World) -> None:
    world.topics["c"] = Topic("c", "<b>Ü🔥\u202eabc</b>")
    world.put("github.stars", "c", {"2026-11-20": 1}, citation="Somebody, 2026")
    plain = json.loads(json.dumps(world.summary("2026-11-20").to_dict(), allow_nan=False))
    row = plain["baskets"][0]["tables"][0]["rows"][0]
    assert (row["title"], row["latest"]["citation"]) == ("<b>Ü🔥\u202eabc</b>", "Somebody, 2026")


def test_readers_never_meet_the_workshop_words(world: World) -> None:
    world.daily("github.new_stars", "a", "2026-09-01", [1.0] * 60)
    world.put("github.stars", "b", {"2024-04-01": 1}, "origin=imported")
    text = text_of(world.summary("2026-10-28")).lower()
    assert not [word for word in ("slot", "vintage", "capture", "sink") if word in text]


def test_tags_of_their_own_do_not_part_topics_and_are_not_summed(world: World) -> None:
    days = [5.0] * 20
    world.daily("articles.published", "a", "2026-10-01", days, "site=medium;tag=a-lang")
    world.daily("articles.published", "b", "2026-10-01", [3.0] * 20, "site=medium;tag=b")
    world.daily("articles.published", "b", "2026-10-01", [1.0] * 20, "site=medium;tag=b-library")
    panel = world.panel("2026-10-22")
    [group] = [g for g in panel.groups if g.metric.name == "articles.published"]
    assert group.labels == (("site", "medium"),)
    assert {topic: float(group.reading(topic).values.sum()) for topic in group.topics} == {"a": 100, "b": 60}
