"""SIGTERM at random moments: a clean end within the deadline, whatever is happening, and nothing lost."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

import pytest

from tests.fakes.forking import Zygote
from tests.faults import table
from tests.faults.conftest import Note, Reference
from tests.faults.machine import machine
from tests.faults.street import Street

SOURCES = ("shop", "diary")
BATCHES, TRIES = table.tries(2, 10), table.tries(5, 10)
WITHIN = 10.0


@pytest.mark.parametrize("reactor", [False, True], ids=["asyncio", "reactor"])
@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_daemon_stops_cleanly_at_any_moment(
    zygote: Zygote, tmp_path: Path, street: Street, undisturbed: Reference, note: Note, batch: int, reactor: bool
) -> None:
    moments = random.Random(batch * 2 + reactor)
    whole = undisturbed(*SOURCES)
    lost, life = 0, 0.5
    for attempt in range(TRIES):
        with machine(zygote, tmp_path / str(attempt), reactor=reactor) as here:
            here.configure({name: {"base_url": street.url} for name in SOURCES})
            daemon = here.daemon()
            daemon.listening()
            began = time.monotonic()
            if attempt == 0:  # how long its work takes here and now
                daemon.visited(*SOURCES)
                life = 1.2 * (time.monotonic() - began)
            else:
                threading.Event().wait(moments.uniform(0, life))
            assert daemon.stop(WITHIN + 5) < WITHIN
            assert "Stopped" in daemon.log, "it was cut off by its deadline"
            lost += here.finish().same_as(whole)
    note("SIGTERM at a random moment", "exit 0 within the deadline; went on from there", lost=lost, tries=TRIES)
