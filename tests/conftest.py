"""For all tests: no example has a deadline, as performance is the benchmarks' business; servers and sites that several rooms look at."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.databases import Databases, led_to
from tests.fakes.postgres import Postgres
from tests.fakes.postgres import running as postgres_running

if TYPE_CHECKING:
    from tests.fakes.s3 import S3
    from tests.web.site import Site

settings.register_profile("uptake", deadline=None)
settings.load_profile("uptake")


@pytest.fixture(autouse=True, scope="session")
def no_certificates() -> Iterator[None]:
    """What speaks TLS in the tests names its own authority, and reading the system's certificates costs 0.1 s a crawl."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl.SSLContext, "set_default_verify_paths", lambda _: None)
        yield


# The web, on stores that are only read. What it takes is imported where it is wanted: most tests want none of it.


@pytest.fixture(scope="session")
def web_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.web.site import fill

    folder = tmp_path_factory.mktemp("web")
    fill(folder)
    return folder


@pytest.fixture(scope="session")
def site(web_store: Path) -> Iterator[Site]:
    """Open to whoever is on this machine."""
    from tests.web.site import serving

    with serving(web_store, clerks=2) as served:
        yield served


@pytest.fixture(scope="session")
def locked(web_store: Path) -> Iterator[Site]:
    """It wants a token."""
    from tests.web.site import TOKEN, serving

    with serving(web_store, TOKEN) as served:
        yield served


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


@pytest.fixture(scope="module")
def object_server() -> Iterator[S3]:
    """A store of objects, for whose keys this process looks where a user would have put them."""
    from tests.fakes.s3 import ENVIRONMENT, S3

    with pytest.MonkeyPatch.context() as patch, S3() as server:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        yield server


@pytest.fixture
def s3(object_server: S3) -> S3:
    """The same, empty and in order."""
    return object_server.forget()
