"""Weekly digests in a row over a simulated world, with the real statistics: nothing is said twice, and an event is found."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from scheduler import digests as making
from scheduler.config import Config, load
from storage import digests
from storage.digests import Kept
from storage.journal import Journal
from storage.lookups import head
from storage.model import Cadence, Kind, Metric, Observation, Series
from storage.periods import DAY, WEEK, iso, read_time
from tests.harness import empty_store
from trends.claim import ClaimKind, State

FIRST = read_time("2026-04-06T05:00:00Z")
WEEKS = 8
TOPICS = {"alpha": 6.5, "beta": 5.6, "gamma": 4.4, "delta": 3.5, "omega": 3.0}  # log of the weekly count
METRICS = (
    Metric("github.new_stars", Kind.FLOW, "stars", Cadence.WEEK, "New GitHub stars", "Stars by week."),
    Metric("articles.published", Kind.FLOW, "articles", Cadence.WEEK, "Articles published", "Articles by week."),
    Metric("jobs.postings", Kind.FLOW, "postings", Cadence.WEEK, "Job postings", "Postings by week."),
)
PLANTED = FIRST - 4 * WEEK  # when gamma's stars begin to be six times as many: four weeks on, that is sure


def world(folder: Path) -> Config:
    """Three counters of five topics over three years with autocorrelated noise; gamma passes beta in one of them."""
    topics = "".join(f'[topics.{t}]\ntitle = "{t.title()}"\n' for t in TOPICS)
    (folder / "uptake.toml").write_text(f'[baskets.libs]\ntitle = "Libraries"\ntopics = {list(TOPICS)}\n{topics}', encoding="utf-8")
    shutil.copytree(empty_store(), folder / "data")
    rng = np.random.default_rng(7)
    start = (FIRST - 150 * WEEK) // WEEK * WEEK + 4 * DAY
    with Journal.open(folder / "data", writable=True) as journal, journal.write(now=FIRST - 200 * WEEK) as tx:
        tx.define(METRICS, "made")
        for metric in METRICS:
            for i, (topic, level) in enumerate(TOPICS.items()):
                times = np.arange(start, FIRST + WEEKS * WEEK, WEEK)
                noise = np.zeros(len(times))
                for k in range(1, len(noise)):
                    noise[k] = 0.5 * noise[k - 1] + rng.normal(0, 0.06)
                rate = level + 0.06 * (i - 2) * (times - start) / (52 * WEEK) + noise
                if topic == "gamma" and metric.name == "github.new_stars":
                    rate = rate + np.where(times >= PLANTED, np.log(6), 0)
                counts = rng.poisson(np.exp(rate))
                series = Series(metric.name, topic, source="made")
                tx.put(Observation(series, int(t), float(c)) for t, c in zip(times, counts, strict=True))
    return load(folder / "uptake.toml", {})


@pytest.fixture(scope="module")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> list[Kept]:
    folder = tmp_path_factory.mktemp("weeks")
    settings = world(folder)
    kept = []
    with Journal.open(folder / "data", writable=True) as journal:
        for n in range(WEEKS):
            present = FIRST + n * WEEK
            with journal.read() as connection:
                known = making.know(connection, settings, making.View(present, head(connection), before=2**62))
                made = making.make(connection, settings, known, "libs", iso(present), "uptake digest")
            with journal.write(now=present) as tx:
                kept += making.store(tx, settings, [made])
    return kept


def told(kept: Kept) -> dict[str, str]:
    return {c["id"]: c["told"] for c in kept.claims if c["told"]}


def test_no_digest_repeats_what_was_told(weeks: list[Kept]) -> None:
    last: dict[str, str] = {}
    for kept in weeks:
        for key, says in told(kept).items():
            assert last.get(key) != says, f"{key} was told again on {iso(kept.present)}"
            last[key] = says
    assert last, "there was something to tell"


def test_no_sentence_is_sent_twice(weeks: list[Kept]) -> None:
    said = [line["text"] for kept in weeks for line in kept.document["lines"] if line["claims"]]
    assert len(said) == len(set(said))


def test_the_planted_event_is_in_the_first_two_lines_of_the_week_in_which_it_is_sure(weeks: list[Kept]) -> None:
    def overtaken(kept: Kept) -> bool:
        return any(
            (c["kind"], c["state"], sorted(c["topics"])) == (ClaimKind.OVERTAKE, State.CLAIMED, ["beta", "gamma"]) for c in kept.claims
        )

    sure = next(i for i, kept in enumerate(weeks) if overtaken(kept))
    assert sure > 0, "the first digest introduces everything; the event comes later"
    lines = weeks[sure].document["lines"]
    assert any("Gamma overtook Beta" in line["text"] for line in lines[:2])
    assert "Gamma" in weeks[sure].document["subject"]
    assert (
        sum("Gamma overtook Beta" in line["text"] for kept in weeks for line in kept.document["lines"] if line["label"] != "WITHDRAWN") == 1
    )


def test_every_digest_has_at_most_seven_lines(weeks: list[Kept]) -> None:
    assert all(2 <= len(kept.document["lines"]) <= 7 for kept in weeks)


def test_an_old_digest_is_made_again_to_the_letter_after_all_the_others(weeks: list[Kept], tmp_path: Path) -> None:
    settings = world(tmp_path)
    with Journal.open(tmp_path / "data", writable=True) as journal, journal.write(now=FIRST) as tx:
        kept = weeks[0]
        config_id = making.ledger.snapshot(tx, settings.snapshot)
        stored = digests.keep(
            tx, kept.kind, kept.basket, kept.period, present=kept.present, sequence=kept.sequence, config_id=config_id,
            program=kept.program, claims=kept.claims, document=kept.document,
        )  # fmt: skip
    with Journal.open(tmp_path / "data") as journal, journal.read() as connection:
        assert making.verify(connection, settings, stored).differences == ()
