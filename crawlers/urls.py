"""Putting endpoint and path together."""

from __future__ import annotations

from urllib.parse import urlsplit


def join(base: str, path: str) -> str:
    """Put a path behind an endpoint. What both share is written once.

    >>> join("http://127.0.0.1:8080", "/api/v1/search"), join("https://example.org/api/v1/", "/api/v1/search")
    ('http://127.0.0.1:8080/api/v1/search', 'https://example.org/api/v1/search')
    """
    base = base.rstrip("/")
    parts = path.strip("/").split("/")
    tail = urlsplit(base).path.strip("/").split("/")
    for n in range(min(len(parts), len(tail)), 0, -1):
        if tail[-n:] == parts[:n] and tail[-n:] != [""]:
            return "/".join([base, *parts[n:]])
    return "/".join([base, *parts])


def path_of(url: str) -> str:
    """Path and query of a URL: what an answer names as the next page is asked at the configured endpoint's host."""
    parts = urlsplit(url)
    return f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
