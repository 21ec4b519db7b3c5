"""One site for all that only read it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.site import Site, fill, serving

TOKEN = "a-long-token-of-the-tests"


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("web")
    fill(folder)
    return folder


@pytest.fixture(scope="session")
def site(store: Path) -> Iterator[Site]:
    """Open to whoever is on this machine."""
    with serving(store) as served:
        yield served


@pytest.fixture(scope="session")
def locked(store: Path) -> Iterator[Site]:
    """It wants a token."""
    with serving(store, TOKEN) as served:
        yield served
