"""Sources that behave badly cost nobody but themselves; and very much that is due at once."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest

from storage.periods import DAY
from tests.faults import table
from tests.faults.conftest import Note, Reference
from tests.faults.machine import Machine
from tests.faults.street import Street

RETRY = 16 * 60


def test_a_source_that_raises(either: Machine, street: Street, undisturbed: Reference, note: Note, tmp_path: Path) -> None:
    trouble = tmp_path / "trouble"
    trouble.touch()
    plain: dict[str, dict[str, object]] = {name: {"base_url": street.url} for name in ("shop", "diary")}
    either.configure({**plain, "raising": _while_there(street, trouble)})
    daemon = either.daemon()
    daemon.visited("shop", "diary", "raising")
    daemon.stop()
    account = either.finish()
    ends = {key[0]: end for key, end in account.ends.items() if key[0].startswith("raising")}
    assert ends['raising.widgets{topic="t1"}'] == "measured", "what came before is kept"
    assert ends['raising.widgets{topic="t0"}'] == "missing(parse_error)"
    whole = undisturbed("shop", "diary")
    lost = [key for key in account.lost(whole) if not key[0].startswith("raising")]
    assert lost == []
    trouble.unlink()
    either.jump(DAY)
    account = either.finish()
    later = {key: end for key, end in account.ends.items() if key[0].startswith("raising") and key[1] == either.now // DAY * DAY}
    assert sorted(later.values()) == ["measured"] * 3 + ["missing(not_found)"]
    outcome = "its own figures are missing with the reason, all others are there; well the next day"
    note("a source that raises", outcome, lost=len(lost))


def test_a_source_that_blocks_everything(either: Machine, street: Street, undisturbed: Reference, note: Note, tmp_path: Path) -> None:
    trouble = tmp_path / "trouble"
    trouble.touch()
    sources: dict[str, dict[str, object]] = {"shop": {"base_url": street.url}, "blocking": _while_there(street, trouble)}
    within = table.tries(1, 5)
    either.configure(sources, stop_within=within)
    daemon = either.daemon()
    daemon.reaches(trouble.with_suffix(".reached"))
    assert daemon.stop() < within + 1.0
    trouble.unlink()
    lost = either.finish().same_as(undisturbed("shop", "blocking"))
    note("a source that blocks the loop for ten seconds, and SIGTERM", "exit 0 at the deadline; went on from there", lost=lost)


def test_a_loop_that_was_blocked_goes_on(here: Machine, street: Street, undisturbed: Reference, note: Note, tmp_path: Path) -> None:
    trouble = tmp_path / "trouble"
    trouble.touch()
    here.configure({"shop": {"base_url": street.url}, "blocking": _while_there(street, trouble)})
    daemon = here.daemon()
    daemon.reaches(trouble.with_suffix(".reached"))
    if table.full():
        threading.Event().wait(12)  # longer than it blocks at each answer
    trouble.unlink()
    daemon.visited("shop", "blocking")
    assert "loop_lag" in daemon.asked()[1]
    daemon.stop()
    lost = here.finish().same_as(undisturbed("shop", "blocking"))
    note("a source that blocks the loop for a while", "late, and whole", lost=lost)


def test_a_source_that_leaks(either: Machine, street: Street, undisturbed: Reference, note: Note) -> None:
    """Tasks that never end and open sockets, a visit after the other: the rest is measured, and the end is as quick."""
    days = table.tries(3, 20)
    either.configure({name: {"base_url": street.url} for name in ("shop", "leaking")})
    daemon = either.daemon()
    daemon.visited("shop", "leaking")
    for n in range(1, days):
        either.jump(DAY)
        daemon.visited("shop", "leaking", times=n + 1)
    left = len(list(Path(f"/proc/{daemon.pid}/fd").iterdir()))
    assert left > days, "it does leak"
    assert daemon.stop() < 5
    whole = undisturbed("shop", "leaking", later=tuple(n * DAY for n in range(1, days)))
    note("a source that leaks tasks, sockets and memory", "all others measured; the end clean", lost=either.finish().same_as(whole))


@pytest.mark.parametrize("how", ["undisturbed", "killed"])
def test_ten_thousand_figures_due_at_once(here: Machine, street: Street, note: Note, how: str) -> None:
    topics = [f"t{n}" for n in range(100)]
    here.configure({"wholesale": {"base_url": street.url}, "shop": {"base_url": street.url}}, topics)
    if how == "killed":
        assert here.daemon(kill=("put", 1, "after")).wait() == -signal.SIGKILL
    daemon = here.daemon()
    daemon.visited("wholesale", "shop")
    daemon.stop()
    account = here.finish()
    found = [key for key in account.values if key[0].startswith("wholesale.")]
    assert len(found) == 10_000
    assert len(account.values) == 10_100
    assert set(account.ends.values()) == {"measured"}
    assert street.arrived.count("/all") == 1, "what was answered is not asked again"
    fault = "10,000 figures due at once" + (", and kill -9" if how == "killed" else "")
    note(fault, "all measured", lost=10_000 - len(found))


def _while_there(street: Street, file: Path) -> dict[str, object]:
    return {"base_url": street.url, "while_there": str(file)}
