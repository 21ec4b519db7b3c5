"""``kill -9`` at any step of sending, then send again: a mail never arrives twice, and is missing only where it is said to be uncertain."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage import sendings
from storage.journal import Journal
from storage.periods import DAY
from tests.fakes.forking import Zygote
from tests.fakes.letters import MONDAY, READERS, store
from tests.fakes.mailbox import Mailbox


@pytest.fixture(scope="module")
def postman() -> Iterator[Zygote]:
    with Zygote("tests.fakes.postman") as made:
        yield made


def run(postman: Zygote, folder: Path, now: int, kill: tuple[str, int, str] | None = None, *, by_hand: bool = False) -> int:
    return postman.run(folder=str(folder), now=now, kill=kill, by_hand=by_hand)


def ledger(folder: Path) -> dict[str, str]:
    with Journal.open(folder / "data") as journal, journal.read() as connection:
        return {s.recipient: str(s.state) for s in sendings.listed(connection)}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled")
    store(folder)
    return folder / "data"


# A step, which time it is taken, before or after; then what the killed message came to.
STEPS = {
    ("keep", 1, "before"): "sent",
    ("keep", 1, "after"): "sent",
    ("plan", 1, "after"): "sent",
    ("connect", 1, "before"): "sent",
    ("connect", 1, "after"): "sent",
    ("prepare", 1, "before"): "sent",
    ("prepare", 1, "after"): "sent",
    ("begin", 1, "after"): "sent",
    ("leave", 1, "before"): "uncertain",  # nothing has left yet, but nobody can know that afterwards
    ("leave", 1, "after"): "uncertain",  # between the server's yes and our note
    ("end", 1, "before"): "uncertain",
    ("end", 1, "after"): "uncertain",
    ("noted", 1, "after"): "sent",
    ("prepare", 2, "after"): "sent",
    ("leave", 2, "after"): "uncertain",
    ("noted", 2, "after"): "sent",
    ("quit", 1, "before"): "sent",
}


@pytest.mark.parametrize(("step", "expected"), STEPS.items(), ids=["-".join(map(str, s)) for s in STEPS])
def test_a_killed_sending_arrives_once_or_is_said_to_be_uncertain(
    postman: Zygote, filled: Path, tmp_path: Path, step: tuple[str, int, str], expected: str
) -> None:
    shutil.copytree(filled, tmp_path / "data")
    with Mailbox() as box:
        store(tmp_path, box.section(tmp_path))
        assert run(postman, tmp_path, MONDAY, step) == -signal.SIGKILL, "the step was never taken"
        for now, by_hand in ((MONDAY + DAY, False), (MONDAY + DAY, True), (MONDAY + 2 * DAY, True)):
            assert run(postman, tmp_path, now, by_hand=by_hand) == 0
        states = ledger(tmp_path)
        assert set(states) == set(READERS)
        struck = READERS[step[1] - 1]
        assert states == dict.fromkeys(READERS, "sent") | {struck: expected}
        assert all(box.counts[r] == 1 for r, state in states.items() if state == "sent")
        assert all(box.counts[r] <= 1 for r in READERS)
        assert box.counts[struck] == (0 if step == ("leave", 1, "before") else 1)


def test_kills_one_after_another_change_nothing_of_that(postman: Zygote, filled: Path, tmp_path: Path) -> None:
    shutil.copytree(filled, tmp_path / "data")
    with Mailbox() as box:
        store(tmp_path, box.section(tmp_path))
        kills = [
            ("keep", 1, "after"),
            ("plan", 1, "after"),
            ("prepare", 1, "after"),
            ("leave", 1, "after"),
            ("prepare", 1, "after"),
            ("leave", 1, "after"),
        ]
        for i, kill in enumerate(kills):
            assert run(postman, tmp_path, MONDAY + i * 60, kill) == -signal.SIGKILL
        assert run(postman, tmp_path, MONDAY + DAY, by_hand=True) == 0
        assert ledger(tmp_path) == dict.fromkeys(READERS, "uncertain")
        assert box.counts == dict.fromkeys(READERS, 1)
