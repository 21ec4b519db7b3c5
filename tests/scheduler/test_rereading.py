"""Kept responses that are read again in pieces: the order does not matter, and what was left unfinished is finished."""

from __future__ import annotations

import logging
import random
import shutil
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest
from scrapy.http import Response

from crawlers.catalog import sources
from crawlers.source import Output, SourceSpider
from scheduler.rereading import reparse_among, rereadable
from storage.journal import Journal
from storage.model import Slot, Topic
from storage.periods import DAY, HOUR, read_time
from tests.cluster.hall import Known, known
from tests.fakes.toy import Toy
from tests.faults.machine import TOPICS
from tests.faults.spiders import Diary, Labels
from tests.faults.street import Street
from tests.harness import Harness

NOW = read_time("2026-11-20T08:17:00Z")


def harness(folder: Path, street: Street, source: type[SourceSpider] = Labels, **options: object) -> Harness:
    topics = [Topic(t, t, {"shop": t, "toy": t}) for t in TOPICS]
    return Harness(folder, source, base_url=street.url, topics=topics, options=options)


def runs(h: Harness) -> list[str]:
    with Journal.open(h.folder) as journal, journal.read() as connection:
        return [run.id for run in rereadable(connection, h.setup.name)]


def read(h: Harness, pieces: Iterable[Sequence[str]]) -> Known:
    now = NOW + 9 * DAY
    for piece in map(set, pieces):
        h._run(now, partial(reparse_among, setup=h.setup, now=now, only=piece))
    return known(h.folder, None)


@pytest.fixture
def lived(tmp_path: Path, street: Street) -> Harness:
    """Days of collections, some again for what was missing; read again once already, and a figure so withdrawn was asked for anew."""
    h = harness(tmp_path / "lived", street)
    for moment in (0, DAY, DAY + HOUR, 2 * DAY):
        h.collect(NOW + moment)
    h.with_options(edition=2).reparse(NOW + 2 * DAY + 1)
    h.with_options(edition=1).collect(NOW + 2 * DAY + HOUR)
    h.collect(NOW + 3 * DAY)
    return h.with_options(edition=2)


@pytest.fixture
def street() -> Iterator[Street]:
    with Street() as made:
        yield made


def test_pieces_come_to_the_same_in_whatever_order_they_are_read(lived: Harness, street: Street, tmp_path: Path) -> None:
    def copy(name: str) -> Harness:
        shutil.copytree(lived.folder, tmp_path / name)
        return harness(tmp_path / name, street, edition=2)

    together = copy("together")
    together.reparse(NOW + 9 * DAY)
    expected, asked = known(together.folder, None), len(street.log)
    assert len(expected.revisions) > len(known(lived.folder, None).revisions)
    found = runs(lived)
    orders = [found, found[::-1], *(random.Random(n).sample(found, len(found)) for n in range(4))]
    for n, order in enumerate(orders):
        assert read(copy(f"order-{n}"), [[run] for run in order]) == expected, order
    assert len(street.log) == asked, "reading again asks nobody"


class Straying(Toy):
    """A later reader finds the day before on the page as well."""

    def on_count(self, response: Response, slots: Sequence[Slot]) -> Iterator[Output]:
        yield from super().on_count(response, slots)
        if self.option("token"):
            yield Slot(slots[0].series, slots[0].time - DAY).observe(7.0)


def test_of_what_it_was_not_made_for_a_run_that_stands_apart_says_nothing(
    tmp_path: Path, street: Street, caplog: pytest.LogCaptureFixture
) -> None:
    h = harness(tmp_path, street, Straying)
    h.collect(NOW)
    before = h.values()
    with caplog.at_level(logging.WARNING):
        h.with_options(token="x").reparse(NOW + DAY)
    assert h.values() == before
    assert "which it was not made for; that is left out" in caplog.text


def test_a_source_whose_answers_tell_of_other_days_is_read_by_one_alone(tmp_path: Path, street: Street) -> None:
    assert not Diary.runs_apart
    h = harness(tmp_path, street, Diary)
    h.collect(NOW)
    h.collect(NOW + DAY)
    before = known(tmp_path, None)
    assert read(h, [runs(h)]) == before
    assert (h.folder / "locks" / "source-diary.lock").exists()
    assert not list((h.folder / "locks").glob("responses*"))


@pytest.mark.parametrize("name", sorted(name for name, source in sources().items() if source.runs_apart))
def test_sources_whose_runs_stand_apart_have_no_history(name: str) -> None:
    assert sources()[name].history is SourceSpider.history
    assert sources()[name].polls.__func__ is SourceSpider.polls.__func__  # type: ignore[attr-defined]  # a class method
