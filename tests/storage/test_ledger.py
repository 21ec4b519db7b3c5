from __future__ import annotations

from dataclasses import replace

import pytest

from storage import ledger
from storage.journal import Journal
from storage.ledger import BACKFILL, COLLECT, End, Run
from storage.model import Missing, Observation, Reason, Series, Slot, State
from tests.storage.journals import SERIES, capture, dump, fresh

pytestmark = pytest.mark.usefixtures("either_database")

DAY = 86_400
SLOTS = tuple(Slot(series, DAY) for series in SERIES)


def plan(journal: Journal, slots: tuple[Slot, ...] = SLOTS, kind: str = COLLECT) -> Run:
    with journal.write() as tx:
        return ledger.open_run(tx, "github", kind, slots, now=DAY, parser=1, config="[crawl]")


def finish(journal: Journal, run: Run, *, measured: tuple[Slot, ...] = (), missing: tuple[Missing, ...] = (), value: float = 1.0) -> None:
    with journal.write(run=run.id) as tx:
        tx.put([slot.observe(value) for slot in measured])
        ledger.end_slots(tx, run, missing)
        ledger.finish_run(tx, run, "finished")


def hold(journal: Journal, run: Run, slot: Slot) -> None:
    with journal.write(run=run.id) as tx:
        tx.put([replace(slot.observe(9), state=State.SUSPECT)])
        ledger.hold(tx, run, slot, "beyond 8 MAD")


def settle(journal: Journal, slot: Slot, state: State) -> None:
    with journal.write() as tx:
        tx.settle(slot.series, slot.time, state)


def ends(journal: Journal, as_of: int | None = None) -> dict[Slot, End]:
    with journal.read() as connection:
        return {end.slot: end for end in ledger.ends(connection, as_of=as_of)}


def outcomes(journal: Journal, as_of: int | None = None) -> list[str]:
    found = ends(journal, as_of)
    return [f"{found[s].outcome} {found[s].reason}".strip() for s in SLOTS if s in found]


def test_every_slot_ends_as_measured_suspect_or_missing_for_a_reason() -> None:
    with fresh() as journal:
        run = plan(journal)
        assert outcomes(journal) == ["open"] * 4
        hold(journal, run, SLOTS[1])
        missing = (SLOTS[2].missing(Reason.NOT_FOUND, "gone"), SLOTS[3].missing(Reason.ROBOTS))
        finish(journal, run, measured=SLOTS[:1], missing=missing)
        assert outcomes(journal) == ["measured", "suspect", "missing not_found", "missing robots"]
        counts = ledger.coverage(ends(journal).values())["github"]
        assert counts == {"measured": 1, "suspect": 1, "missing(not_found)": 1, "missing(robots)": 1}
        assert len(dump(journal)["slot_ends"]) == 3  # the ledger grows with trouble, not with success


def test_a_slot_cannot_count_as_measured_without_a_value() -> None:
    with fresh() as journal:
        run = plan(journal)
        with journal.write() as tx:  # a value is held, but nobody told the ledger
            tx.put([replace(SLOTS[1].observe(9), state=State.SUSPECT)])
        finish(journal, run, measured=SLOTS[:1])
        assert outcomes(journal) == ["measured", "suspect", "missing unanswered", "missing unanswered"]


def test_a_missing_slot_whose_value_was_read_later_is_recovered() -> None:
    with fresh() as journal:
        finish(journal, plan(journal), missing=tuple(s.missing(Reason.DOWNTIME) for s in SLOTS))
        seq = journal.head()
        finish(journal, plan(journal, kind=BACKFILL), measured=SLOTS[:1])
        assert outcomes(journal) == ["recovered downtime", *["missing downtime"] * 3]
        assert outcomes(journal, as_of=seq) == ["missing downtime"] * 4


def test_a_recovered_slot_was_recovered_also_as_of_a_time_before_its_value_was_revised() -> None:
    with fresh() as journal:
        finish(journal, plan(journal), missing=tuple(s.missing(Reason.DOWNTIME) for s in SLOTS))
        finish(journal, plan(journal, kind=BACKFILL), measured=SLOTS[:1])
        seq = journal.head()
        finish(journal, plan(journal, kind=BACKFILL), measured=SLOTS[:1], value=2.0)
        assert outcomes(journal, as_of=seq)[0] == "recovered downtime"


@pytest.mark.parametrize(("state", "expected"), [(State.GOOD, "measured"), (State.RETRACTED, "missing parse_error")])
def test_a_suspect_slot_is_settled_with_its_value(state: State, expected: str) -> None:
    with fresh() as journal:
        run = plan(journal, SLOTS[:1])
        hold(journal, run, SLOTS[0])
        finish(journal, run)
        seq = journal.head()
        settle(journal, SLOTS[0], state)
        assert outcomes(journal) == [expected]
        assert outcomes(journal, as_of=seq) == ["suspect"]


def test_a_measured_slot_whose_value_was_withdrawn_is_missing_for_the_reason_that_a_later_run_gave() -> None:
    with fresh() as journal:
        finish(journal, plan(journal, SLOTS[:2]), measured=SLOTS[:2])
        seq = journal.head()
        settle(journal, SLOTS[0], State.RETRACTED)
        settle(journal, SLOTS[1], State.RETRACTED)
        finish(journal, plan(journal, SLOTS[:1], "reparse"), missing=(SLOTS[0].missing(Reason.BLOCKED, "a wall after all"),))
        assert outcomes(journal) == ["missing blocked", "missing parse_error"]
        assert outcomes(journal, as_of=seq) == ["measured", "measured"]


def test_the_last_run_speaks_unless_it_failed_where_an_earlier_one_measured() -> None:
    with fresh() as journal:
        finish(journal, plan(journal), measured=SLOTS[:1], missing=(SLOTS[1].missing(Reason.UNREACHABLE), SLOTS[2].missing(Reason.BUDGET)))
        finish(journal, plan(journal), measured=SLOTS[1:2], missing=(SLOTS[0].missing(Reason.BLOCKED), SLOTS[2].missing(Reason.BLOCKED)))
        assert outcomes(journal) == ["measured", "measured", "missing blocked", "missing unanswered"]


def test_the_first_end_of_a_slot_in_a_run_stands() -> None:
    with fresh() as journal:
        run = plan(journal, SLOTS[:1])
        with journal.write() as tx:
            ledger.end_slots(tx, run, [Missing(SLOTS[0], Reason.BLOCKED, "first", (capture(1),))])
        before = dump(journal)
        with journal.write() as tx:
            ledger.end_slots(tx, run, [Missing(SLOTS[0], Reason.THROTTLED, "second", (capture(2),))])
            ledger.end_slots(tx, run, [Missing(Slot(SERIES[0], 5), Reason.THROTTLED, "never planned")])
            assert not tx.changed
        assert dump(journal) == before


def test_a_plan_is_never_changed_and_a_run_is_finished_once() -> None:
    with fresh() as journal:
        run = plan(journal)
        before = dump(journal)["runs"]
        with journal.read() as connection:
            assert ledger.unfinished(connection, "github") == [run]
            assert ledger.unfinished(connection, "pypi") == []
        finish(journal, run, measured=SLOTS)
        finish(journal, replace(run, slots=()), missing=())  # told again, and told wrong
        with journal.write() as tx:
            ledger.finish_run(tx, run, "stopped")
            assert not tx.changed
        after = dump(journal)["runs"]
        assert [row[:11] for row in after] == [row[:11] for row in before]
        with journal.read() as connection:
            stored = ledger.runs(connection)
            assert ledger.unfinished(connection) == []
            assert ledger.runs(connection, as_of=1) == [run]
        assert [(r.slots, r.finished_as, r.finished) for r in stored] == [(SLOTS, "finished", True)]


def test_two_runs_of_one_transaction_are_two_and_a_slot_that_is_named_twice_is_planned_once() -> None:
    with fresh() as journal, journal.write() as tx:
        runs = [ledger.open_run(tx, "github", COLLECT, [*SLOTS, *SLOTS], now=0, parser=1) for _ in range(2)]
        assert len({run.id for run in runs}) == 2
        assert [run.slots for run in runs] == [SLOTS, SLOTS]
        assert [r.slots for r in ledger.runs(tx.connection)] == [SLOTS, SLOTS]


def test_a_configuration_is_kept_once() -> None:
    with fresh() as journal:
        plan(journal)
        plan(journal)
        assert len(dump(journal)["configs"]) == 1


def test_runs_and_ends_can_be_narrowed_by_time_and_source() -> None:
    late = tuple(Slot(series, 9 * DAY) for series in SERIES)
    with fresh() as journal:
        finish(journal, plan(journal, SLOTS + late), measured=SLOTS + late)
        with journal.read() as connection:
            assert {e.slot for e in ledger.ends(connection, since=2 * DAY)} == set(late)
            assert {e.slot for e in ledger.ends(connection, until=2 * DAY)} == set(SLOTS)
            assert ledger.ends(connection, "pypi") == []
            assert ledger.runs(connection, since=10 * DAY) == []


def test_a_slots_state_is_that_of_its_own_series_and_time() -> None:
    with fresh() as journal:
        with journal.write() as tx:
            tx.put([Observation(SERIES[0], DAY, 1.0, state=State.SUSPECT)])
        with journal.read() as connection:
            assert ledger.point_state(connection, SLOTS[0]) is State.SUSPECT
            assert ledger.point_state(connection, SLOTS[0], 0) is None
            assert ledger.point_state(connection, Slot(SERIES[0], 2 * DAY)) is None
            assert ledger.point_state(connection, Slot(Series("github.stars", "pytorch", origin="imported"), DAY)) is None
