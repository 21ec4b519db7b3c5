"""From panels to claims: the starting history, the JSON's schema, and input that nobody hopes for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from scheduler.cli.importing import define_all
from storage import figures
from storage.journal import Journal
from storage.lookups import READ_FROM
from storage.model import Basket, Bound, State, Topic
from storage.periods import read_time
from tests.trends.conftest import World
from trends.claim import BasketClaims, Claim, Claims
from trends.claims import claims
from trends.claims_text import text_of
from trends.loading import load
from trends.marks import events_of
from trends.panel import Panel
from trends.venues import venues

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "summary.schema.json").read_text(encoding="utf-8"))
DEEP = ("pytorch", "tensorflow", "jax", "keras", "mxnet", "paddlepaddle", "caffe", "cntk", "chainer", "theano", "fastai")
TITLES = {"pytorch": "PyTorch", "tensorflow": "TensorFlow", "jax": "JAX", "mxnet": "MXNet"}
TOPICS = {key: Topic(key, TITLES.get(key, key.title())) for key in (*DEEP, "scikit-learn", "transformers", "xgboost")}


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journal]:
    with Journal.open(tmp_path_factory.mktemp("history") / "data", writable=True) as journal:
        define_all(journal)
        with journal.write() as tx:
            figures.import_rows(tx, figures.starting_history().rows)
        yield journal


def panel(journal: Journal, until: str) -> Panel:
    with journal.read() as connection:
        return load(connection, TOPICS, now=read_time("2026-11-21"), until=read_time(until))


def deep(journal: Journal, until: str = "2026-04-06T23:59:59Z") -> BasketClaims:
    return claims(panel(journal, until), [Basket("deep-learning", "Deep learning", DEEP)], TOPICS).baskets[0]


def one(found: tuple[Claim, ...], kind: str, *topics: str) -> Claim:
    [claim] = [c for c in found if c.kind == kind and set(topics) <= set(c.topics)]
    return claim


def test_the_ratio_of_downloads_with_its_growth_and_its_crossing_comes_first(history: Journal) -> None:
    first = deep(history).claims[0]
    assert (first.kind, first.state, first.topics) == ("ratio", "claimed", ("pytorch", "tensorflow"))
    assert first.sentence.startswith("PyTorch to TensorFlow, PyPI downloads: 3.86 to 1 (87.3 M : 22.7 M); 2.02 a year ago; ratio +")
    assert first.sentence.endswith("It crossed 1 in March 2024.")
    low, rate, high = (first.numbers[name] for name in ("low", "growth_percent", "high"))
    assert 30 < low < rate < high < 130  # type: ignore[operator]
    assert first.series == ("pypi.downloads_30d",)


def test_jax_before_keras_is_watched_and_not_claimed(history: Journal) -> None:
    found = deep(history)
    watch = one(found.claims, "watch", "jax", "keras")
    assert watch.sentence == "JAX 19.2 M, Keras 18.4 M, PyPI downloads: ahead for two readings. Not confirmed."
    assert not [c for c in found.claims if c.kind == "overtake" and "jax" in c.topics]


def test_stars_of_a_year_beside_the_year_before_and_those_that_fade(history: Journal) -> None:
    found = deep(history)
    stars = one(found.claims, "growth", "pytorch", "tensorflow")
    assert "PyTorch +10,256, TensorFlow +5,484: 1.87 to 1 (1.56 before)" in stars.sentence
    assert "Both slower than the year before (11,372; 7,269)" in stars.sentence
    fading = one(found.claims, "fading")
    assert "since 2026-03-01: Caffe −28 (34,752) and MXNet −18 (20,813)" in fading.sentence


def test_the_common_movement_of_package_counters_is_withheld(history: Journal) -> None:
    found = deep(history)
    moved = one(found.withheld, "common_movement")
    assert "PyTorch PyPI downloads +28 %” since 2026-03-01: not claimed, all 11 rose together, median +26 %" in moved.sentence
    assert "the counter, not the topic" in moved.sentence
    assert not [c for c in found.claims if c.kind == "growth" and c.metric == "pypi.downloads_30d"]
    assert ("common_movement", "pypi.downloads_30d") in {(f.kind, f.series) for f in found.findings}


def test_what_is_blind_and_why_there_is_no_index(history: Journal) -> None:
    found = deep(history)
    said = " ".join(claim.sentence for claim in found.blind)
    for part in ("Job postings (Hacker News and 4 more) since May 2024", "JAX: GitHub stars since April 2024"):
        assert part in said
    assert "Share of papers with code since May 2023" in said
    assert found.index.withheld.startswith("two of five groups of signals are fresh (usage and community)")
    assert one(found.withheld, "withheld").metric == "trend.index"


def test_before_the_crossing_was_sure_it_was_only_watched(history: Journal) -> None:
    found = deep(history, "2024-06-01")
    ratio = next(c for c in found.claims if c.kind == "ratio" and c.metric == "pypi.downloads_30d")
    assert "crossed" not in ratio.sentence
    assert one(found.claims, "watch", "pytorch", "tensorflow").state == "watch"
    later = one(deep(history, "2024-10-15").claims, "overtake", "pytorch", "tensorflow")
    assert later.topics == ("pytorch", "tensorflow")
    few = next(c for c in found.claims if c.metric == "jobs.postings")
    assert "anything from 0.2 to 9.1 fits" in few.sentence


@pytest.mark.parametrize("until", ["2009-01-01", "2012-01-01", "2019-03-01", "2022-07-04", "2026-08-10"])
def test_every_day_has_its_claims_in_the_schema_and_in_plain_words(history: Journal, until: str) -> None:
    found = claims(panel(history, until), [Basket("deep-learning", "Deep learning", DEEP)], TOPICS)
    check(found)
    assert not {"slot", "vintage", "capture", "sink"} & set(text_of(found).lower().split())


def test_identities_stay_and_are_single_and_the_same_panel_says_the_same(history: Journal) -> None:
    one_day, next_day = deep(history), deep(history, "2026-04-05")
    ids = [claim.id for claim in one_day.all()]
    assert len(ids) == len(set(ids))
    assert set(ids) == {claim.id for claim in next_day.all()}
    assert {c.id: c.says for c in one_day.all()} == {c.id: c.says for c in next_day.all()}
    assert one_day.to_dict() == deep(history).to_dict()


def test_the_conference_table_of_2019_comes_out_of_the_counts(history: Journal) -> None:
    table = venues(panel(history, "2026-11-21"), {"pytorch": "PyTorch", "tensorflow": "TensorFlow"}, 2018, 2019).to_dict()
    rows = {row["venue"]: row for row in table["venues"]}  # type: ignore[attr-defined]
    expected = {  # He, The Gradient, 2019: counts of its data, growth in percent, PyTorch's share of both
        "CVPR": ((82, 280), 241.46, (116, 125), 7.76, 69.14),
        "NAACL": ((12, 66), 450.0, (34, 21), -38.24, 75.86),
        "ACL": ((26, 103), 296.15, (34, 33), -2.94, 75.74),
        "ICLR": ((24, 70), 191.67, (53, 52), -1.89, 57.38),
        "ICML": ((23, 69), 200.0, (40, 53), 32.5, 56.56),
    }
    assert set(rows) == set(expected)
    for venue, (pytorch, grown, tensorflow, other, share) in expected.items():
        topics = rows[venue]["topics"]
        assert topics["pytorch"]["counts"] == list(pytorch)
        assert topics["tensorflow"]["counts"] == list(tensorflow)
        assert round(topics["pytorch"]["growth_percent"], 2) == grown
        assert round(topics["tensorflow"]["growth_percent"], 2) == other
        assert round(rows[venue]["share_percent"]["pytorch"], 2) == share
    assert rows["CVPR"]["papers"] == [979, 1294]
    assert [year["year"] for year in table["series"]["NeurIPS"]] == [2015, 2016, 2017, 2018]  # type: ignore[index]
    assert table["ablations"] == []


# What nobody hopes for


def check(found: Claims) -> BasketClaims:
    document = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    jsonschema.validate(document, SCHEMA, format_checker=jsonschema.FormatChecker())
    for basket in found.baskets:
        for claim in basket.all():
            assert claim.sentence
            assert "nan" not in claim.sentence.lower().split()
            assert "inf" not in claim.sentence.lower()
            assert "\n" not in claim.sentence
    assert text_of(found)
    return found.baskets[0]


def of(world: World, now: str = "2026-11-16T07:00:00Z") -> BasketClaims:
    return check(claims(world.panel(now), [world.basket()], world.topics))


def weekly(world: World, topic: str, values: list[float], metric: str = "github.forks", labels: str = "", end: str = "2026-11-09") -> None:
    last = read_time(end)
    times = [last - 7 * 86400 * i for i in range(len(values))][::-1]
    from storage.periods import iso

    world.put(metric, topic, {iso(t): v for t, v in zip(times, values, strict=True)}, labels)


def noisy(seed: int, level: float, rate: float, weeks: int = 130) -> list[float]:
    rng = np.random.default_rng(seed)
    return [float(round(x)) for x in np.exp(level + rate * np.arange(weeks) / 52.18 + 0.03 * rng.standard_normal(weeks))]


def test_nothing_one_topic_one_week_and_one_figure(world: World) -> None:
    assert of(world).all() == ()
    weekly(world, "a", [5.0])
    assert not [c for c in of(world).claims if c.state == "claimed"]


def test_zeros_constants_gaps_and_negative_figures_say_nothing_of_trends(world: World) -> None:
    weekly(world, "a", [0.0] * 130)
    weekly(world, "b", [7.0] * 130)
    weekly(world, "c", [float(-(i % 3)) for i in range(130)])
    found = of(world)
    assert not [c for c in found.claims if c.state == "claimed"]
    weekly(world, "a", [3.0], "jobs.postings", "board=linkedin", end="2025-01-06")
    weekly(world, "a", [4.0], "jobs.postings", "board=linkedin", end="2026-11-09")
    of(world)


def test_a_true_trend_is_claimed_with_an_interval_that_holds_it(world: World) -> None:
    for topic, rate in {"a": 0.4, "b": 0.0, "c": -0.3}.items():
        weekly(world, topic, noisy(ord(topic), 8, rate), "jobs.postings", "board=linkedin")
    found = {c.topics[0]: c for c in of(world).claims if c.kind in {"growth", "fading"}}
    assert {t: c.says for t, c in found.items()} == {"a": "rising", "c": "falling"}
    assert found["a"].numbers["low"] < 49.2 < found["a"].numbers["high"]  # type: ignore[operator]
    assert "of the basket." in found["a"].sentence
    assert found["a"].numbers["share_low"] < found["a"].numbers["share_percent"] < found["a"].numbers["share_high"]  # type: ignore[operator]
    assert found["c"].numbers["low"] < -25.9 < found["c"].numbers["high"]  # type: ignore[operator]


def test_a_step_of_the_source_withholds_growth_and_keeps_ratios(world: World) -> None:
    for topic, rate in {"a": 0.5, "b": 0.0, "c": 0.0}.items():
        values = noisy(ord(topic), 8, rate)
        weekly(world, topic, values[:80] + [round(v * 0.45) for v in values[80:]], "jobs.postings", "board=linkedin")
    found = of(world)
    assert not [c for c in found.claims if c.kind in {"growth", "fading"}]
    [held] = [c for c in found.withheld if c.kind == "growth"]
    assert (held.state, held.topics) == ("withheld", ("a",))
    assert "the counter changed on" in held.reasons[0]
    assert any(c.kind == "ratio" and c.state == "claimed" for c in found.claims)


def test_two_places_that_say_opposite_things_withhold_the_claim(world: World) -> None:
    for seed, (board, rate) in enumerate({"linkedin": 0.5, "indeed": -0.5}.items()):
        for topic in "abc":
            weekly(world, topic, noisy(10 * seed + ord(topic), 8, rate if topic == "a" else 0), "jobs.postings", f"board={board}")
    found = of(world)
    held = [c for c in found.withheld if c.topics == ("a",) and c.kind in {"growth", "fading"}]
    assert len(held) == 2
    assert all(any("two sources disagree" in reason for reason in c.reasons) for c in held)


def test_figures_that_are_bounds_are_not_made_into_growth(world: World) -> None:
    last = read_time("2026-11-09")
    from storage.periods import iso

    for topic, rate in {"a": 0.5, "b": 0.0, "c": 0.1}.items():
        values = {iso(last - 7 * 86400 * (129 - i)): v for i, v in enumerate(noisy(ord(topic), 8, rate))}
        world.put("jobs.postings", topic, values, "board=linkedin", bound=Bound.ESTIMATE)
    assert not [c for c in of(world).claims if c.state == "claimed"]


def test_an_overtake_is_told_with_its_date_and_a_coming_one_with_its_weeks(world: World) -> None:
    weekly(world, "a", noisy(1, 8.0, 0.0, 260), "jobs.postings", "board=linkedin")
    weekly(world, "b", noisy(2, 8.0 - 0.5 * 260 / 52.18 + 0.42, 0.5, 260), "jobs.postings", "board=linkedin")
    weekly(world, "c", noisy(3, 8.0 - 0.5 * 260 / 52.18 - 0.25, 0.5, 260), "jobs.postings", "board=linkedin")
    found = of(world)
    passed = one(found.claims, "overtake", "a", "b")
    assert passed.topics == ("b", "a")
    assert passed.numbers["low"] < "2026-01-07" < passed.numbers["high"]  # type: ignore[operator]
    coming = one(found.claims, "on_course", "a", "c")
    assert coming.topics == ("c", "a")
    assert coming.numbers["low"] <= 26 <= coming.numbers["high"]  # type: ignore[operator]


def test_a_change_of_sign_that_is_noise_is_not_told_as_a_crossing(world: World) -> None:
    a, b = noisy(1, 8.05, 0.0, 260), noisy(2, 8.0, 0.0, 260)
    assert (np.diff(np.sign(np.array(a) - np.array(b))) != 0).sum() > 10
    weekly(world, "a", a, "jobs.postings", "board=linkedin")
    weekly(world, "b", b, "jobs.postings", "board=linkedin")
    found = of(world)
    [ratio] = [c for c in found.claims if c.kind == "ratio"]
    assert "crossed" not in ratio.sentence
    assert ratio.numbers["crossed"] is None
    assert not [c for c in found.claims if c.state == "claimed"]


def test_five_hundred_topics_and_hostile_names(world: World) -> None:
    names = ["<script>alert(1)</script>", "مكتبة\u202e", "🔥🔥", "a\nb", "%s {0}", "A" * 300]
    world.topics = {f"t{i}": Topic(f"t{i}", names[i % len(names)]) for i in range(500)}
    rng = np.random.default_rng(1)
    from storage.model import Observation, Series, read_labels
    from storage.periods import WEEK

    last = read_time("2026-11-09")
    with world.journal.write() as tx:
        for i, topic in enumerate(world.topics):
            series = Series.of("jobs.postings", topic, read_labels("board=indeed"), "indeed")
            values = np.exp(3 + i / 100 + 0.1 * rng.standard_normal(110)).round()
            tx.put([Observation(series, last - WEEK * (109 - w), float(v)) for w, v in enumerate(values)])
    found = of(world)
    assert found.coverage[0].measured == 500 * 52
    assert not [c for c in found.claims if c.kind in {"growth", "fading"}]


def test_doubtful_figures_are_used_in_no_claim(world: World) -> None:
    for topic in "abc":
        weekly(world, topic, noisy(ord(topic), 8, 0.0), "jobs.postings", "board=linkedin")
    before = of(world).to_dict()
    world.put("jobs.postings", "a", {"2026-11-15": 10**9}, "board=linkedin", state=State.SUSPECT)
    assert of(world).to_dict() == before


def test_a_copy_from_a_server_withholds_what_hangs_on_why_figures_are_missing(world: World) -> None:
    for topic, rate in {"a": 0.5, "b": 0.0, "c": 0.0}.items():
        values = noisy(ord(topic), 8, rate)
        way = -1 if topic == "b" else 1  # the newest do not move together
        values[-6:] = [round(values[-7] * (1 + way * 0.01 * (i % 2))) for i in range(6)]
        weekly(world, topic, values[:-4], "jobs.postings", "board=linkedin", end="2026-10-12")
        weekly(world, topic, values[-3:], "jobs.postings", "board=linkedin")
    grew, before = "growth|all|a|jobs.postings|", "2026-10-19T07:00:00Z"
    whole = of(world, before)
    with world.journal.write() as tx:
        tx.mark(READ_FROM, "http://127.0.0.1:8086")
    assert of(world, before).to_dict() == whole.to_dict(), "where nothing is missing, no reason is needed"
    assert [c.state for c in whole.claims if c.id.startswith(grew)] == ["claimed"]
    held = [c for c in of(world).withheld if c.id.startswith(grew)]
    assert [c.reasons for c in held] == [("read from a server, which does not keep why 1 of 104 weeks have no figure",)]
    with world.journal.write() as tx:
        tx.mark(READ_FROM, "")
    assert [c.state for c in of(world).claims if c.id.startswith(grew)] == ["claimed"], "the journal knows why"


def test_what_is_young_is_learning_until_it_has_two_years(world: World) -> None:
    for topic in "abc":
        weekly(world, topic, noisy(ord(topic), 8, 1.0, 60), "jobs.postings", "board=linkedin")
    found = of(world)
    assert not [c for c in found.claims if c.kind == "growth"]
    assert found.coverage[0].learning_until is not None
    assert "2027-08-01" < str(found.coverage[0].to_dict()["learning_until"]) < "2027-10-01"


def test_changes_of_counters_are_events_that_are_noted_once(world: World) -> None:
    for topic, seed in {"a": 1, "b": 2, "c": 3}.items():
        values = noisy(seed, 8, 0.0)
        weekly(world, topic, values[:80] + [round(v * 0.45) for v in values[80:]], "jobs.postings", "board=linkedin")
    found = events_of(claims(world.panel("2026-11-16T07:00:00Z"), [world.basket()], world.topics).baskets[0].findings)
    assert [(event.topic, event.text) for event in found] == [
        ("", 'jobs.postings{board="linkedin"}: the counter changed: all topics moved at once')
    ]
    for _ in range(2):
        with world.journal.write() as tx:
            for event in found:
                tx.note(event)
    assert len(world.panel("2026-11-16T07:00:00Z").events) == 1
