"""Addresses of stores of objects: which there are, what they need, and what is wrong with one. Nobody is asked."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from storage.model import UsageError

_DRIVERS = {  # protocol -> the module that speaks it, and what installs it
    "s3": ("s3fs", "uptake[cluster]"),
    "s3a": ("s3fs", "uptake[cluster]"),
    "gs": ("gcsfs", "gcsfs"),
    "gcs": ("gcsfs", "gcsfs"),
    "az": ("adlfs", "adlfs"),
    "abfs": ("adlfs", "adlfs"),
    "sftp": ("paramiko", "paramiko"),
    "ssh": ("paramiko", "paramiko"),
    "file": ("fsspec", "uptake[cluster]"),
    "memory": ("fsspec", "uptake[cluster]"),
}
_READ_BY = {  # the beginnings of the names of variables
    "s3": ("AWS_",),
    "s3a": ("AWS_",),
    "gs": ("GOOGLE_",),
    "gcs": ("GOOGLE_",),
    "az": ("AZURE_",),
    "abfs": ("AZURE_",),
    "sftp": ("SSH_AUTH_SOCK",),
    "ssh": ("SSH_AUTH_SOCK",),
}


@dataclass(frozen=True, slots=True)
class Address:
    """Where objects lie. ``endpoint``: of a server that speaks S3 and is not Amazon's."""

    url: str
    endpoint: str = ""

    @property
    def protocol(self) -> str:
        return self.url.partition("://")[0]

    def credentials(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Of an environment what its driver reads, for a process that reads there and is to know nothing else."""
        return {name: value for name, value in environment.items() if name.startswith(_READ_BY.get(self.protocol, ()))}


def read_address(url: str, endpoint: str, place: str = "[store] captures") -> Address:
    """Check an address without asking anybody. Raises `UsageError`."""
    try:
        parts, server = urlsplit(url), urlsplit(endpoint)
        secret = parts.password is not None or server.username is not None
    except ValueError as error:
        raise UsageError(f"{place}: {error}") from error
    if "://" not in url:
        raise UsageError(f'{place}: write an address such as "s3://bucket/folder", not {url!r}; left out, all stays in the store\'s folder')
    if secret:
        raise UsageError(f"{place}: no password belongs here; it is read from the environment, or from the files of the store's own tools")
    if parts.query or parts.fragment or not (parts.netloc or parts.path.strip("/")):
        raise UsageError(f"{place}: write the protocol, the bucket and a folder in it, as in s3://bucket/folder")
    if parts.scheme not in _DRIVERS:
        raise UsageError(f"{place}: {parts.scheme}:// is not known; there are: {', '.join(sorted(_DRIVERS))}")
    if endpoint and (server.scheme not in {"http", "https"} or not server.netloc or not parts.scheme.startswith("s3")):
        raise UsageError(f"{place}_endpoint: write the http(s) address of a server that speaks S3, and s3:// in captures")
    driver, package = _DRIVERS[parts.scheme]
    for module in ("fsspec", driver):
        if importlib.util.find_spec(module) is None:
            raise UsageError(f"{place}: {parts.scheme}:// needs the package {module}: pip install '{package}'")
    return Address(url.rstrip("/"), endpoint.rstrip("/"))
