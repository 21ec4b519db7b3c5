"""What the daemon does besides measuring: the digest goes out when its time has come, and the operator hears of trouble once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler.config import Config
from scheduler.duties import digest_due, duties
from scheduler.operator_mail import tell
from scheduler.sending import send_due
from scheduler.troubles import DEGRADED, GREEN, RED, Trouble, Troubles
from storage.journal import Journal
from storage.model import UptakeError
from storage.periods import WEEK
from tests.fakes.letters import MONDAY, READERS, store
from tests.fakes.mailbox import Mailbox
from tests.scheduler.conftest import only

NEARLY_FULL = Trouble("disk:low", "the disk of data is nearly full: 600 MB left")
BLIND = Trouble("blind:github", "GitHub: nothing could be measured in the last 3 collections")
FULL = Trouble("disk:full", "the disk of data has 3 MB left: nothing new is fetched", grave=True)


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with Mailbox() as made:
        yield made


def due(settings: Config, now: int) -> bool:
    with Journal.open(settings.store) as journal, journal.read() as connection:
        return digest_due(connection, settings, now)


def test_a_digest_is_due_from_its_time_until_everybody_has_it(tmp_path: Path, box: Mailbox) -> None:
    settings = store(tmp_path, box.section(tmp_path))
    assert not due(settings, MONDAY - 1), "the journal was not there on the Monday before"
    assert due(settings, MONDAY)
    with Journal.open(settings.store, writable=True) as journal:
        send_due(journal, settings, now=MONDAY, environment={})
    assert not due(settings, MONDAY + 60)
    assert due(settings, MONDAY + WEEK)


def test_whom_it_has_not_reached_is_due_again(tmp_path: Path) -> None:
    with Mailbox() as box:
        settings = store(tmp_path, box.section(tmp_path))
    with Journal.open(settings.store, writable=True) as journal:
        assert not send_due(journal, settings, now=MONDAY, environment={}).good, "nobody listens there any more"
    assert not due(settings, MONDAY + 60)
    assert due(settings, MONDAY + 3600)


def test_a_call_by_a_timer_sends_the_digest_once(tmp_path: Path, box: Mailbox) -> None:
    store(tmp_path, box.section(tmp_path))
    config = tmp_path / "uptake.toml"
    config.write_text(config.read_text(encoding="utf-8") + '\n[daemon]\nreport = ""\ndisk_free = 0\n' + only(), encoding="utf-8")
    command = [sys.executable, "-c", "from scheduler.cli import main; main()", "--config", str(config), "run", "--once"]
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
    assert box.counts == dict.fromkeys(READERS, 1)


def test_a_duty_that_fails_is_told_and_done_again(tmp_path: Path) -> None:
    with Mailbox() as box:
        store(tmp_path, box.section(tmp_path))
    config = tmp_path / "uptake.toml"
    config.write_text(config.read_text(encoding="utf-8") + '\n[daemon]\nreport = ""\ndisk_free = 0\n' + only(), encoding="utf-8")
    command = [sys.executable, "-c", "from scheduler.cli import main; main()", "--config", str(config), "run", "--once"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert "uptake digest --send --due" in done.stderr
    assert "Traceback" not in done.stderr


def test_alerts_are_a_duty_only_where_they_are_wanted(tmp_path: Path, box: Mailbox) -> None:
    with Journal.open(store(tmp_path / "a" if (tmp_path / "a").mkdir() is None else tmp_path, "").store) as journal:
        without = [d.name for d in duties(store(tmp_path / "a", ""), journal)]
        wanted = [d.name for d in duties(store(tmp_path / "a", "", more="[alerts]\n"), journal)]
    assert (without, wanted) == (["housekeeping", "report", "digest"], ["housekeeping", "report", "digest", "alerts"])


# The operator


def operated(tmp_path: Path, box: Mailbox, *addresses: str) -> Config:
    told = ", ".join(f'"{a}"' for a in addresses)
    return store(tmp_path, box.section(tmp_path), more=f"[daemon]\ntell = [{told}]\n")


def test_the_operator_gets_one_mail_for_all_that_began(tmp_path: Path, box: Mailbox) -> None:
    settings = operated(tmp_path, box, "ops@example.org", "night@example.org")
    tell(settings, [BLIND, FULL], {}, MONDAY)
    assert box.counts == {"ops@example.org": 1, "night@example.org": 1}
    message = box.arrived[0][1]
    assert message["subject"] == "Uptake: the disk of data has 3 MB left and 1 more"
    text = message.get_body(("plain",)).get_content()
    assert text.index("nothing new is fetched") < text.index("GitHub: nothing could be measured"), "the grave one first"
    assert "told once" in text


def test_a_mail_server_that_is_away_is_told_in_a_sentence(tmp_path: Path) -> None:
    with Mailbox() as box:
        settings = operated(tmp_path, box, "ops@example.org")
    with pytest.raises(UptakeError, match=r"127\.0\.0\.1"):
        tell(settings, [BLIND], {}, MONDAY)


def test_nobody_is_written_to_where_nobody_is_named(tmp_path: Path, box: Mailbox) -> None:
    tell(store(tmp_path, box.section(tmp_path)), [BLIND], {}, MONDAY)
    assert box.counts == {}


# Troubles


def test_a_trouble_begins_once_and_ends_once() -> None:
    troubles = Troubles()
    assert troubles.status == GREEN
    assert troubles.update("blind:github", [BLIND], 10) == ([BLIND], [])
    assert troubles.update("blind:github", [BLIND], 20) == ([], [])
    assert (troubles.status, troubles.since) == (DEGRADED, {"blind:github": 10})
    assert troubles.update("blind:github", [], 30) == ([], ["blind:github"])
    assert (troubles.status, troubles.since) == (GREEN, {})


def test_what_was_told_before_a_restart_is_not_told_again() -> None:
    troubles = Troubles({"blind:github": 10})
    assert troubles.update("blind", [BLIND], 20) == ([], [])
    assert troubles.since == {"blind:github": 10}


def test_troubles_of_one_kind_leave_the_others_alone() -> None:
    troubles = Troubles()
    troubles.update("blind:github", [BLIND], 10)
    troubles.update("disk", [NEARLY_FULL], 20)
    assert troubles.update("disk", [FULL], 30) == ([FULL], ["disk:low"]), "what became worse is told"
    assert (troubles.status, troubles.reasons) == (RED, [FULL.text, BLIND.text])
    assert troubles.update("blind", [], 40) == ([], ["blind:github"])
    assert troubles.status == RED
