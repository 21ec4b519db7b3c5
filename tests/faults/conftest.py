"""The machines of the fault suite, and its table: `docs/reliability.md` is written where a full run passed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from tests.fakes.forking import Zygote
from tests.faults import table
from tests.faults.invariant import Account
from tests.faults.machine import START, TOPICS, Machine, machine
from tests.faults.street import Street

Note = Callable[..., None]
Reference = Callable[..., Account]


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    with Zygote("tests.faults.warm", {"UPTAKE_CONFIG": ""}) as made:
        yield made


@pytest.fixture
def here(zygote: Zygote, tmp_path: Path) -> Iterator[Machine]:
    """A machine without the reactor."""
    with machine(zygote, tmp_path) as made:
        yield made


@pytest.fixture(params=[False, True], ids=["asyncio", "reactor"])
def either(request: pytest.FixtureRequest, zygote: Zygote, tmp_path: Path) -> Iterator[Machine]:
    """A machine in both reactor modes."""
    with machine(zygote, tmp_path, reactor=request.param) as made:
        yield made


@pytest.fixture(scope="session")
def undisturbed(zygote: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """What a program to which nothing is done knows at the end; ``later``: seconds from the start of its further days."""
    known: dict[Any, Account] = {}

    def run(*sources: str, topics: tuple[str, ...] = TOPICS, later: tuple[int, ...] = (), start: int = START) -> Account:
        key = (sources, topics, later, start)
        if key not in known:
            with Street() as street, machine(zygote, tmp_path_factory.mktemp("undisturbed"), start=start) as made:
                made.configure({name: {"base_url": street.url} for name in sources}, topics)
                known[key] = made.finish()
                before = 0
                for moment in later:
                    made.jump(moment - before)
                    known[key], before = made.finish(), moment
        return known[key]

    return run


@pytest.fixture
def street() -> Iterator[Street]:
    with Street() as made:
        yield made


@pytest.fixture
def note(record_property: Callable[[str, object], None]) -> Note:
    """Add to the table: a fault, how often it was tried, what came of it, and the values that were lost."""

    def told(fault: str, outcome: str, *, lost: int, tries: int = 1) -> None:
        record_property(table.PROPERTY, {"fault": fault, "tries": tries, "outcome": outcome, "lost": lost})

    return told


class _Table:
    """Gathers the rows, also from xdist's workers, whose reports bring them."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.skipped: list[str] = []
        self.began = time.monotonic()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            self.rows += [cast("dict[str, Any]", value) for name, value in report.user_properties if name == table.PROPERTY]
        if report.skipped and isinstance(report.longrepr, tuple):
            self.skipped.append(str(report.longrepr[2]))

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if exitstatus == pytest.ExitCode.OK and not hasattr(session.config, "workerinput"):
            table.write(self.rows, self.skipped, time.monotonic() - self.began)


def pytest_configure(config: pytest.Config) -> None:
    if table.full():
        config.pluginmanager.register(_Table(), "uptake-faults")
