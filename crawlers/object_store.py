"""A store of objects behind an address (s3://, gs://, az://, sftp://, file://, memory://), by fsspec: put, read by range, list.

What goes wrong there is a `StoreAwayError` in plain words. Credentials come from the environment or from the files of the
store's own tools (AWS_*, ~/.aws, GOOGLE_APPLICATION_CREDENTIALS, …), and stand in no message.
"""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from crawlers.object_address import Address
from storage.model import UptakeError

PART = 16 << 20  # bytes of a part of an upload; a file of less than two parts goes in one
BLOCK = 4 << 20  # bytes that are compared at once
HELD = 8 << 20  # bytes of former reads that are kept in memory
CONNECT, ANSWER = 10, 60  # seconds
TRIES = 2
_AT_ONCE = {"s3", "s3a", "gs", "gcs", "az", "abfs"}  # where an object appears whole or not at all
_NOBODY = {"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "DefaultCredentialsError"}


class StoreAwayError(UptakeError):
    """The store of objects does not answer, refuses, or has not what it should have."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What a store tells of a file. The checksum is of the store's own kind, and may be empty."""

    size: int
    checksum: str = ""


def _entry(info: Mapping[str, Any]) -> Entry:
    return Entry(int(info["size"]), str(info.get("ETag") or info.get("md5Hash") or info.get("etag") or "").strip('"'))


@lru_cache(maxsize=4)
def store_at(address: Address) -> ObjectStore:
    """The one store of a process at an address; it may be used by several threads."""
    return ObjectStore(address)


class ObjectStore:
    """Files by their names below an address. Calls wait for the network: not for an event loop."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._lock = threading.Lock()
        self._driver: tuple[int, Any] | None = None  # the process that made it: a forked one must have its own
        self._read: OrderedDict[tuple[str, int, int], bytes] = OrderedDict()

    @property
    def _files(self) -> Any:
        with self._lock:
            if self._driver is None or self._driver[0] != os.getpid():
                from fsspec.core import url_to_fs  # most of a second with s3fs, which only those need who keep responses there

                made, _ = url_to_fs(self.address.url, **self._options())
                if hasattr(made, "retries"):
                    made.retries = TRIES
                self._driver = os.getpid(), made
            return self._driver[1]

    def _options(self) -> dict[str, Any]:
        if self.address.protocol not in _AT_ONCE:
            return {}
        if not self.address.protocol.startswith("s3"):
            return {"use_listings_cache": False}
        config: dict[str, Any] = {"connect_timeout": CONNECT, "read_timeout": ANSWER, "retries": {"max_attempts": 0}}
        options: dict[str, Any] = {"use_listings_cache": False, "config_kwargs": config}
        if self.address.endpoint:  # other servers know neither buckets as host names nor Amazon's newer checksums for sure
            config |= {"s3": {"addressing_style": "path"}}
            config |= {"request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"}
            options["endpoint_url"] = self.address.endpoint
        return options

    def _place(self, file: str) -> str:
        root = str(self._files._strip_protocol(self.address.url)).rstrip("/")  # noqa: SLF001  # no public name
        return f"{root}/{file}" if file else root

    # Reading

    def read(self, file: str, start: int, end: int) -> bytes:
        """The bytes of a file from ``start`` up to ``end``, fewer where it ends before. `FileNotFoundError` where there is none."""
        key = (file, start, end)
        with self._lock:
            if key in self._read:
                self._read.move_to_end(key)
                return self._read[key]
        with self._plainly():
            try:
                found = bytes(self._files.cat_file(self._place(file), start=start, end=end))
            except OSError as error:
                if _code(error) not in {"InvalidRange", "416"}:
                    raise
                found = b""
        with self._lock:
            self._read[key] = found
            while sum(map(len, self._read.values())) > HELD:
                self._read.popitem(last=False)
        return found

    def forget(self) -> None:
        """Hold nothing of what was read."""
        with self._lock:
            self._read.clear()

    def listed(self, folder: str, start: str = "") -> dict[str, Entry]:
        """The files in a folder whose names begin so, by name; none where there is no such folder."""
        with self._plainly():
            files, root = self._files, f"{self._place('')}/"
            options: dict[str, Any] = {"prefix": start} if start and files.async_impl else {}
            if options and self.address.protocol.startswith("s3"):
                options["maxdepth"] = 1  # one request also where there is nothing; else s3fs looks whether the folder is a file
            try:
                found = files.find(self._place(folder), detail=True, **options)
            except FileNotFoundError as error:
                if _code(error) == "NoSuchBucket":
                    raise
                return {}
        names = {str(name).removeprefix(root): _entry(info) for name, info in found.items() if info["type"] == "file"}
        return {name: entry for name, entry in names.items() if name.startswith(f"{folder}/{start}" if folder else start)}

    def fetch(self, file: str, target: Path) -> None:
        """Bring a whole file here. It appears whole or not at all. `FileNotFoundError` where there is none."""
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{target.name}.{os.getpid()}-{threading.get_ident()}.part")
        try:
            with self._plainly():
                size = self._files.info(self._place(file))["size"]
                self._files.get_file(self._place(file), str(part))
            if part.stat().st_size != size:
                raise StoreAwayError(f"{self.address.url}/{file} did not come whole")
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)

    # Writing

    def put(self, path: Path, file: str) -> None:
        """Bring a whole file there, and look whether it is there whole."""
        with self._plainly():
            files, target = self._files, self._place(file)
            if self.address.protocol in _AT_ONCE:
                files.put_file(str(path), target, **self._whole(path))
            else:
                files.makedirs(target.rpartition("/")[0], exist_ok=True)
                files.put_file(str(path), f"{target}.part")
                files.mv(f"{target}.part", target)
        self.forget()
        try:
            same = self.holds(path, file)
        except FileNotFoundError:
            same = False
        if not same:
            raise StoreAwayError(f"what is at {self.address.url}/{file} is not what was sent there")

    def _whole(self, path: Path) -> dict[str, Any]:
        """What has S3 refuse a file that arrives otherwise than it was sent; parts are looked at afterwards."""
        if not self.address.protocol.startswith("s3"):
            return {}
        options: dict[str, Any] = {"chunksize": PART, "max_concurrency": TRIES}
        if path.stat().st_size < 2 * PART:
            import base64

            options["ContentMD5"] = base64.b64encode(_digests(path)[0]).decode()
        return options

    def holds(self, path: Path, file: str) -> bool:
        """Whether what lies there is this file: by its size and the checksum that the store tells, else by reading it."""
        with self._plainly():
            info = self._files.info(self._place(file))
            if info["size"] != path.stat().st_size:
                return False
            if str(info.get("ETag", "")).strip('"') in _etags(path):
                return True
            with path.open("rb") as mine:  # a store that encrypts tells another checksum, or none
                for start in range(0, info["size"], BLOCK):
                    block = mine.read(BLOCK)
                    if self._files.cat_file(self._place(file), start=start, end=start + len(block)) != block:
                        return False
        return True

    def remove(self, file: str) -> None:
        """Remove a file; one that is not there is gone already."""
        with self._plainly(), suppress(FileNotFoundError):
            self._files.rm_file(self._place(file))
        self.forget()

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            if _code(error) == "NoSuchBucket":
                raise StoreAwayError(f"{self.address.url}: there is no such bucket") from error
            raise
        except StoreAwayError:
            raise
        except Exception as error:  # drivers raise what their libraries do
            raise StoreAwayError(f"{self.address.url}: {words_of(error)}") from error


def words_of(error: BaseException) -> str:
    """What a driver's error means, for the one who looks after the store."""
    name, code = type(error).__name__, _code(error)
    said = f" ({code})" if code else ""
    if name in _NOBODY:
        return "there are no credentials for it; for S3 set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
    if isinstance(error, PermissionError):
        return f"it refuses{said}; see whether the credentials are right and may read, write, list and delete there"
    if name in {"ClientPayloadError", "IncompleteRead", "IncompleteReadError"}:
        return "the connection was lost in the middle"
    if isinstance(error, TimeoutError | ConnectionError) or name.endswith(("TimeoutError", "ConnectionError", "ClosedError")):
        return "it does not answer"
    if isinstance(error, OSError) and error.errno == errno.EBUSY:
        return f"it asks to wait{said}"
    if isinstance(error, OSError) and error.errno and not code:
        return str(error.strerror)
    return f"it cannot do that{said}{'' if code else ': ' + ' '.join(str(error).split())[:200]}"


def _code(error: BaseException) -> str:
    """The code in an S3 server's answer; empty where there is none."""
    response = getattr(error.__cause__, "response", None) or getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def _etags(path: Path) -> set[str]:
    """What S3 calls a file that it holds: its MD5, or that of the MD5s of its parts with their number."""
    whole, parts = _digests(path)
    return {whole.hex(), f"{hashlib.md5(b''.join(parts), usedforsecurity=False).hexdigest()}-{len(parts)}"}


def _digests(path: Path) -> tuple[bytes, list[bytes]]:
    """MD5 of a file, and of each of its parts."""
    whole, parts = hashlib.md5(usedforsecurity=False), []
    with path.open("rb") as file:
        while block := file.read(PART):
            whole.update(block)
            parts.append(hashlib.md5(block, usedforsecurity=False).digest())
    return whole.digest(), parts
