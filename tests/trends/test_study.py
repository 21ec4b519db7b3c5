"""The simulated study, in small: the table of docs/method.md is made of more runs."""

from __future__ import annotations

import numpy as np

from benchmarks.study import BEGIN, DOC, NULLS, World, coming, grown, null, overtaken


def test_where_nothing_happens_little_is_claimed_and_steps_are_found() -> None:
    tallies = [null(world, 12, np.random.default_rng(11)) for world in NULLS]
    baskets, topics = sum(t.baskets for t in tallies), sum(t.topics for t in tallies)
    assert sum(t.false_baskets for t in tallies) <= 0.05 * baskets + 4  # two standard deviations
    assert sum(t.false_topics for t in tallies) <= 0.02 * topics
    assert sum(t.steps_found for t in tallies) >= sum(t.steps for t in tallies) - 1 > 20
    assert sum(t.steps_false for t in tallies) <= 1


def test_what_happens_lies_in_its_interval() -> None:
    trends = grown(World("trends", trend=(-0.5, 0.5)), 12, np.random.default_rng(12))
    assert np.mean(trends.covered) >= 0.9
    assert len(trends.found) > 50
    passed, nearing = overtaken(25, np.random.default_rng(13)), coming(25, np.random.default_rng(14))
    assert len(passed.covered) >= 10
    assert np.mean(passed.covered) >= 0.9
    assert passed.false_baskets == 0
    assert len(nearing.covered) >= 4
    assert np.mean(nearing.covered) >= 0.8


def test_the_table_is_in_the_documentation() -> None:
    text = DOC.read_text(encoding="utf-8").partition(BEGIN)[2]
    assert all(f"| {world.name} |" in text for world in NULLS)
