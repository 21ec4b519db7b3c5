"""Time-series servers for the tests of a session; each test has a bucket of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from storage.influx import Address
from tests.fakes.influx_servers import TOKEN, Influx, Server, front, influx, running

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def influxdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Influx, Server]]:
    """InfluxDB 1.6 and the nginx before it."""
    folder = tmp_path_factory.mktemp("influxdb")
    server = influx(folder / "server")
    door = front(server, folder / "front")
    with running(server, door):
        yield server, door


@pytest.fixture
def bucket(influxdb: tuple[Influx, Server]) -> Callable[..., Address]:
    """Makes a bucket and gives its address."""
    server, door = influxdb

    def make(duration: str = "INF", url: str = "", **more: object) -> Address:
        name = server.database(f"bucket-{next(_NUMBERS)}", duration)
        return Address(url or door.url, "workshop", name, TOKEN, timeout=5.0, **more)  # type: ignore[arg-type]

    return make
