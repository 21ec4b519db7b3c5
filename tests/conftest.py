"""Settings for all tests: performance is the benchmarks' business, so no example has a deadline."""

import ssl
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("uptake", deadline=None)
settings.load_profile("uptake")


@pytest.fixture(autouse=True, scope="session")
def no_certificates() -> Iterator[None]:
    """What speaks TLS in the tests names its own authority, and reading the system's certificates costs 0.1 s a crawl."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl.SSLContext, "set_default_verify_paths", lambda _: None)
        yield
