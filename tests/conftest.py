"""Settings for all tests: performance is the benchmarks' business, so no example has a deadline."""

import ssl
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.databases import Databases, led_to
from tests.fakes.postgres import Postgres
from tests.fakes.postgres import running as postgres_running

settings.register_profile("uptake", deadline=None)
settings.load_profile("uptake")


@pytest.fixture(autouse=True, scope="session")
def no_certificates() -> Iterator[None]:
    """What speaks TLS in the tests names its own authority, and reading the system's certificates costs 0.1 s a crawl."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl.SSLContext, "set_default_verify_paths", lambda _: None)
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server of the session; without an installed one the test is skipped."""
    with postgres_running() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_databases(postgres: Postgres) -> Databases:
    return Databases(postgres)


@pytest.fixture
def on_postgres(postgres_databases: Databases) -> Iterator[None]:
    """Journals that are opened by their folder are databases of the session's server."""
    with led_to(postgres_databases):
        yield


@pytest.fixture(params=["sqlite", "postgresql"])
def either_database(request: pytest.FixtureRequest) -> str:
    """Runs a test twice: with journals in files, and with journals on a PostgreSQL server."""
    if request.param == "postgresql":
        request.getfixturevalue("on_postgres")
    return str(request.param)
