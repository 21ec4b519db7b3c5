"""The ledger of sendings and the store of digests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storage import digests, ledger, sendings
from storage.journal import Journal
from storage.sendings import Sending, Standing
from tests.storage.journals import fresh

pytestmark = pytest.mark.usefixtures("either_database")

ANN, BOB = "ann@example.org", "bob@example.org"


@pytest.fixture
def journal() -> Iterator[Journal]:
    with fresh() as made:
        yield made


def plan(journal: Journal, *recipients: str, period: str = "2026-04-06", now: int = 100) -> list[Sending]:
    with journal.write() as tx:
        return sendings.plan(tx, "digest", period, "mail", {r: ([1], f"<{r}>") for r in recipients}, now=now)


def states(journal: Journal) -> dict[str, Standing]:
    with journal.read() as connection:
        return {s.recipient: s.state for s in sendings.listed(connection)}


def test_a_recipient_is_planned_once_a_period_whatever_its_case(journal: Journal) -> None:
    assert [s.recipient for s in plan(journal, ANN, BOB)] == [ANN, BOB]
    assert plan(journal, ANN.upper(), BOB) == []
    assert [s.recipient for s in plan(journal, ANN, period="2026-04-13")] == [ANN]


def test_only_one_can_begin_to_hand_a_message_over(journal: Journal) -> None:
    [ann] = plan(journal, ANN)
    with journal.write() as tx:
        assert sendings.begin(tx, ann, now=101)
        assert not sendings.begin(tx, ann, now=101)
    assert states(journal) == {ANN: Standing.HANDING}


@pytest.mark.parametrize("state", [Standing.SENT, Standing.REFUSED, Standing.UNCERTAIN])
def test_what_has_ended_does_not_begin_or_end_again(journal: Journal, state: Standing) -> None:
    [ann] = plan(journal, ANN)
    with journal.write() as tx:
        sendings.begin(tx, ann, now=101)
        assert sendings.end(tx, ann, state, now=102, reason="so")
        assert not sendings.begin(tx, ann, now=103)
        assert not sendings.end(tx, ann, Standing.SENT, now=103)
        assert not sendings.later(tx, ann, 200, (Standing.PLANNED, Standing.HANDING), now=103, reason="x")
        assert sendings.again(tx, ann, now=103) is (state is Standing.REFUSED)


def test_what_is_put_off_is_not_due_before_its_time(journal: Journal) -> None:
    [ann, _] = plan(journal, ANN, BOB)
    with journal.write() as tx:
        assert sendings.later(tx, ann, 500, (Standing.PLANNED,), now=101, reason="greylisted")
    with journal.read() as connection:
        assert [s.recipient for s in sendings.listed(connection, due=499)] == [BOB]
        assert [(s.recipient, s.reason, s.attempts) for s in sendings.listed(connection, due=500)] == [(ANN, "greylisted", 1), (BOB, "", 0)]


def test_what_may_have_left_is_not_planned_again_by_somebody_who_does_not_know(journal: Journal) -> None:
    [ann] = plan(journal, ANN)
    with journal.write() as tx:
        sendings.begin(tx, ann, now=101)
        assert not sendings.later(tx, ann, 500, (Standing.PLANNED,), now=102, reason="the disk is full")
    assert states(journal) == {ANN: Standing.HANDING}


def test_what_died_on_its_way_is_uncertain_for_ever(journal: Journal) -> None:
    [ann, _] = plan(journal, ANN, BOB)
    with journal.write() as tx:
        sendings.begin(tx, ann, now=101)
    with journal.write() as tx:
        assert [s.recipient for s in sendings.bury(tx, now=200)] == [ANN]
    with journal.write() as tx:
        assert sendings.bury(tx, now=201) == []
        assert sendings.listed(tx.connection, due=10**9)[0].recipient == BOB
    assert states(journal) == {ANN: Standing.UNCERTAIN, BOB: Standing.PLANNED}


def keep(journal: Journal, period: str = "2026-04-06", **more: object) -> digests.Kept:
    values: dict[str, object] = {"present": 100, "sequence": 1, "config_id": None, "program": "1"}
    values |= {"claims": [{"id": "a", "told": "up"}], "document": {"subject": "s"}}
    with journal.write() as tx:
        return digests.keep(tx, digests.DIGEST, "libs", period, **{**values, **more})  # type: ignore[arg-type]


def test_the_first_digest_of_a_period_stands(journal: Journal) -> None:
    first = keep(journal)
    assert keep(journal, document={"subject": "another"}) == first
    assert keep(journal, "2026-04-13").id > first.id
    with journal.read() as connection:
        assert digests.find(connection, digests.DIGEST, "libs", "2026-04-06") == first
        assert digests.get(connection, first.id) == first
        assert [k.period for k in digests.listed(connection)] == ["2026-04-06", "2026-04-13"]
        assert [k.period for k in digests.listed(connection, newest=1)] == ["2026-04-13"]
        assert digests.listed(connection, before=first.id) == digests.listed(connection, basket="other") == []


def test_a_digest_knows_its_config(journal: Journal) -> None:
    with journal.write() as tx:
        config_id = ledger.snapshot(tx, '{"baskets": {"é": 1}}')
    with_config, without = keep(journal, config_id=config_id), keep(journal, "2026-04-13")
    with journal.read() as connection:
        assert digests.config_of(connection, with_config) == {"baskets": {"é": 1}}
        assert digests.config_of(connection, without) is None


def test_numbers_that_json_cannot_hold_are_null_and_those_of_numpy_are_numbers(journal: Journal) -> None:
    import numpy as np

    numbers = {"nan": float("nan"), "inf": np.float64("inf"), "many": np.int64(3), "some": np.float64(0.5)}
    kept = keep(journal, claims=[{"id": "a", "numbers": numbers, "topics": ("a", "b")}])
    assert kept.claims[0] == {"id": "a", "numbers": {"nan": None, "inf": None, "many": 3, "some": 0.5}, "topics": ["a", "b"]}
    assert digests.plain([{"id": "a", "numbers": numbers, "topics": ("a", "b")}]) == [dict(kept.claims[0])]
