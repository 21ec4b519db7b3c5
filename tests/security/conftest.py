"""The web of `tests.web`, to be tried."""

from tests.web.conftest import locked, site, store

__all__ = ["locked", "site", "store"]
