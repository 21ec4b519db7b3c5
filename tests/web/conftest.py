"""The web on the starting history, as of a day on which most of it was fresh."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.web.site import SPRING, Site, remember, serving


@pytest.fixture(scope="session")
def spring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("spring")
    remember(folder)
    following = {"hacker_news": "2026-04-07T02:41:00Z", "github": "2026-04-07T03:17:00Z", "pypi": "2026-04-07T04:05:00Z"}
    with serving(folder, health={"status": "green", "reasons": [], "next": following}, start=SPRING) as served:
        yield served
