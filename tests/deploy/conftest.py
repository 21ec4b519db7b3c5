"""Real servers that hold what dashboards read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from deploy.grafana.build import BUNDLED
from scheduler import config
from storage.periods import DAY
from tests.deploy import world
from tests.deploy.grafana import PRESENT
from tests.fakes.influx_servers import GOOD_FLAGS, Influx, Victoria, influx, running, victoria


@dataclass(frozen=True, slots=True)
class Filled:
    """An InfluxDB with three databases: the starting history alone, the same a year later, and with a spring measured beside it."""

    server: Influx
    history: str = "history"
    later: str = "later"
    spring: str = "spring"


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    folder = tmp_path_factory.mktemp("dashboards")
    server = influx(folder / "server")
    settings = config.load(BUNDLED, {})
    with running(server):
        found = Filled(server)
        for name, options in ((found.history, {}), (found.later, {"now": PRESENT + 365 * DAY}), (found.spring, {"measured": True})):
            server.database(name)
            server.write(name, world.lines(folder / name, settings, **options))
        yield found


@pytest.fixture(scope="session")
def metrics_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victoria]:
    """VictoriaMetrics with a week of the daemon's metrics."""
    from tests.deploy.exposition import SCRAPES

    server = victoria(tmp_path_factory.mktemp("metrics"), *GOOD_FLAGS)
    with running(server):
        for time, text in SCRAPES:
            _import(server, text, time)
        server.flush()
        yield server


def _import(server: Victoria, text: str, time: int) -> None:
    import urllib.request

    urllib.request.urlopen(f"{server.url}/api/v1/import/prometheus?timestamp={time * 1000}", text.encode(), timeout=30).close()
