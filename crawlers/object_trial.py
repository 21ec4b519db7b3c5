"""Whether a store of objects lets us do all that is done there: a few bytes are brought, listed, read and removed again."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from crawlers.object_address import Address
from crawlers.object_store import ObjectStore, StoreAwayError, store_at

TOLD = b"`uptake check` was here, and removes this\n"


def trial(address: Address, name: str) -> str:
    """What does not go there, in words; empty where all goes. ``name``: of the file, which nobody else uses.

    It waits for the network.
    """
    store = store_at(address)
    steps: dict[str, Callable[[], bool]] = {
        "written": lambda: _written(store, name),
        "listed": lambda: name in store.listed("", name),
        "read": lambda: store.read(name, 0, len(TOLD)) == TOLD,
        "removed": lambda: _removed(store, name),
    }
    done = ""
    for step, goes in steps.items():
        try:
            if not goes():
                return f"{address.url}: what was {done} there is not {step}"
        except FileNotFoundError:
            return f"{address.url}: what was {done} there is gone"
        except StoreAwayError as error:
            left = f" (the file {name} is left there)" if done else ""
            return f"{error}: nothing could be {step}{left}"
        done = step
    return ""


def _written(store: ObjectStore, name: str) -> bool:
    with tempfile.TemporaryDirectory(prefix="uptake-") as folder:
        path = Path(folder) / name
        path.write_bytes(TOLD)
        store.put(path, name)
    return True


def _removed(store: ObjectStore, name: str) -> bool:
    store.remove(name)
    return name not in store.listed("", name)


__all__ = ["TOLD", "trial"]
