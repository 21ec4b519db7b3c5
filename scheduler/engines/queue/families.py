"""Which sources may not be visited at once: those that ask a common host. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def families(hosts: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Source to the name of its family: the first host, by the alphabet, of all that are linked by common hosts.

    A source without hosts is a family of its own.

    >>> families({"a": ["x"], "b": ["x", "y"], "c": ["y"], "d": ["z"]})
    {'a': 'x', 'b': 'x', 'c': 'x', 'd': 'z'}
    """
    leader: dict[str, str] = {}

    def first(host: str) -> str:
        while leader.setdefault(host, host) != host:
            leader[host] = leader[leader[host]]
            host = leader[host]
        return host

    for asked in hosts.values():
        for host in asked[1:]:
            one, other = sorted((first(asked[0]), first(host)))
            leader[other] = one
    return {name: first(asked[0]) if asked else f"source-{name}" for name, asked in hosts.items()}


__all__ = ["families"]
