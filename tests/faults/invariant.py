"""What must hold after every fault: each planned figure has one end, each value its page, and nothing obtainable is lost."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection

from crawlers.keep import Keep
from crawlers.warc import load
from storage import frames, ledger
from storage.journal import Journal
from storage.model import Outcome, Slot, State
from storage.states import states_at

Key = tuple[str, int]  # a series' name and a time


@dataclass(frozen=True)
class Account:
    """All that a journal knows: values with their bounds, how every slot ended, events."""

    values: dict[Key, tuple[float, int]]
    ends: dict[Key, str]
    events: list[tuple[object, ...]]

    def lost(self, undisturbed: Account) -> list[Key]:
        """Values of an undisturbed run that are not here, or are others."""
        return [key for key, value in undisturbed.values.items() if self.values.get(key) != value]

    def same_as(self, undisturbed: Account) -> int:
        """Check that all is as if nothing had been done, and give the number of values that were lost: 0."""
        lost = self.lost(undisturbed)
        assert lost == []
        assert self.values.keys() == undisturbed.values.keys(), "values that nobody should have measured"
        assert self.events == undisturbed.events
        had = {key: str(Outcome.MEASURED) if end == Outcome.RECOVERED else end for key, end in self.ends.items()}
        assert had == undisturbed.ends
        return len(lost)


def account_of(store: Path, url: str | None = None, keep: Keep | None = None) -> Account:
    """Read a journal, and see that it is sound: fails if not. ``keep``: where its responses are, if not in the store's folder."""
    with Journal.open(store, url) as journal:
        journal.verify()
        with journal.read() as connection:
            return _account(connection, keep or Keep(store / "captures"))


def _account(connection: Connection, keep: Keep) -> Account:
    _commits_are_in_order(connection)
    ends = _each_slot_has_one_end(connection)
    _each_value_has_its_page(connection, keep)
    values = _values(connection)
    events = sorted(tuple(r) for r in connection.exec_driver_sql("SELECT time, kind, topic, text FROM events"))
    return Account(values, ends, events)


def _values(connection: Connection) -> dict[Key, tuple[float, int]]:
    known = frames.catalogue(connection)
    names = dict(zip(known["id"], known["name"], strict=True))
    points = frames.points(connection, list(names))
    good = points[points["state"] == State.GOOD]
    rows = zip(good["series_id"], good["time"], good["value"], good["bound"], strict=True)
    return {(names[series], int(time)): (value, int(bound)) for series, time, value, bound in rows}


def _commits_are_in_order(connection: Connection) -> None:
    rows = connection.exec_driver_sql("SELECT seq, recorded_at FROM commits ORDER BY seq").all()
    assert [r.seq for r in rows] == list(range(1, len(rows) + 1)), "a sequence has gaps"
    times = [r.recorded_at for r in rows]
    assert times == sorted(times), "commits are recorded out of order"


def _each_slot_has_one_end(connection: Connection) -> dict[Key, str]:
    assert ledger.unfinished(connection) == [], "a run was never finished"
    planned = Counter[Slot]()
    for run in ledger.runs(connection):
        assert len(set(run.slots)) == len(run.slots), f"{run.id} plans a slot twice"
        places = list(connection.exec_driver_sql("SELECT slot FROM slot_ends WHERE run = ?", (run.id,)).scalars())
        assert len(set(places)) == len(places), f"a slot of {run.id} ended twice"
        assert set(places) <= set(range(len(run.slots))), f"{run.id} ended a slot that it had not planned"
        if run.kind != ledger.BACKFILL:
            planned.update(run.slots)
    found = ledger.ends(connection)
    assert Counter(e.slot for e in found) == Counter(dict.fromkeys(planned, 1)), "planned slots and ends are not the same"
    states = states_at(connection, planned)
    for end in found:
        has = {State.GOOD: {Outcome.MEASURED, Outcome.RECOVERED}, State.SUSPECT: {Outcome.SUSPECT}}
        assert end.outcome in has.get(states.get(end.slot, State.RETRACTED), {Outcome.MISSING}), f"{end} contradicts its point"
    return {(str(e.slot.series), e.slot.time): e.label for e in found}


def _each_value_has_its_page(connection: Connection, captures: Keep) -> None:
    """Follow each value, former ones too, to the response that it was read from, and read that."""
    held = "value IS NOT NULL"
    used = f"SELECT evidence_id FROM points WHERE {held} UNION ALL SELECT evidence_id FROM revisions WHERE {held}"
    ids = set(connection.exec_driver_sql(used).scalars())
    assert None not in ids, "a value has no page"
    rows = {r.id: r for r in connection.exec_driver_sql('SELECT id, kind, file, "offset", sha256, text FROM evidence')}
    left, seen = ids, set[int]()
    while left:
        row = rows[left.pop()]
        seen.add(row.id)
        if row.kind == "set":
            left |= set(json.loads(row.text)) - seen
            continue
        assert row.kind == "capture"
        record = load(captures, row.file, row.offset)
        digest = record.capture.sha256 if record.reduced or record.refers_to else hashlib.sha256(record.body).hexdigest()
        assert digest == row.sha256, f"the page at {row.file}@{row.offset} is not the one that was read"
