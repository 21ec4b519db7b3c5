"""A network namespace that reaches this machine over a router of its own, at which the way can be cut without anybody being told.

Root and `ip netns` are needed; where they lack, the test is skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

HERE, ROUTER, GATE, THERE = "198.18.77.1", "198.18.77.2", "198.18.77.5", "198.18.77.6"  # for tests between networks: RFC 2544
NETWORK = "198.18.77.4/30"


@dataclass(frozen=True, slots=True)
class Island:
    """``here`` is this machine's address as seen from there; ``command`` goes before a program that is to run there."""

    router: str
    command: tuple[str, ...]
    here: str = HERE
    there: str = THERE

    def cut(self) -> None:
        _run("ip", "netns", "exec", self.router, "iptables", "-P", "FORWARD", "DROP")

    def mend(self) -> None:
        _run("ip", "netns", "exec", self.router, "iptables", "-P", "FORWARD", "ACCEPT")


@contextmanager
def island() -> Iterator[Island]:
    """One at a time on a machine."""
    if os.getuid() != 0 or not all(map(shutil.which, ("ip", "iptables"))):
        pytest.skip("a network of the test's own needs root, ip and iptables")
    tag = f"upt{os.getpid() % 100_000}"
    router, there = f"{tag}r", f"{tag}w"
    try:
        try:
            for name in (router, there):
                _run("ip", "netns", "add", name)
            _run("ip", "link", "add", f"{tag}h", "type", "veth", "peer", "name", "outer", "netns", router)
            _run("ip", "link", "add", "inner", "netns", router, "type", "veth", "peer", "name", "home", "netns", there)
            ends = (("", f"{tag}h", HERE), (router, "outer", ROUTER), (router, "inner", GATE), (there, "home", THERE))
            for place, link, address in ends:
                within = ["-n", place] if place else []
                _run("ip", *within, "address", "add", f"{address}/30", "dev", link)
                _run("ip", *within, "link", "set", link, "up")
            _run("ip", "-n", there, "route", "add", "default", "via", GATE)
            _run("ip", "route", "add", NETWORK, "via", ROUTER)
            _run("ip", "netns", "exec", router, "sysctl", "-qw", "net.ipv4.ip_forward=1")
            made = Island(router, ("ip", "netns", "exec", there))
            made.mend()
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no network namespaces can be made here: {getattr(error, 'stderr', '') or error}")
        yield made
    finally:
        for name in (there, router):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


__all__ = ["Island", "island"]
