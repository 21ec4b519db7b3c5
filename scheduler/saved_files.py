"""Pages as browsers save them: HTML, MHTML (one file with everything), either of them gzipped. What they say of address and time."""

from __future__ import annotations

import email
import email.policy
import email.utils
import gzip
import io
import re
import zlib
from dataclasses import dataclass
from datetime import datetime
from email.message import Message
from pathlib import Path

from w3lib.encoding import html_to_unicode

from storage.model import ParseError
from storage.periods import epoch

LIMIT = 64 * 1024 * 1024  # bytes of a page; no result page comes near
_CHROME = re.compile(r"<!--\s*saved from url=\(\d+\)\s*(https?://\S+?)\s*-->", re.IGNORECASE)
_SINGLE_FILE = re.compile(
    r"<!--\s*Page saved with SingleFile\s+url:\s*(\S+)\s+saved date:\s*\w+ (\w+ \d+ \d+ [\d:]+ GMT[+-]\d{4})", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class SavedFile:
    """One saved page. ``url`` is empty and ``time`` None where the file does not say."""

    page: str
    url: str = ""
    time: int | None = None  # epoch seconds


def read_file(path: Path) -> SavedFile:
    """Read a saved page. Raises `ParseError` for what is none, and `OSError`."""
    return read_bytes(path.read_bytes())


def read_bytes(data: bytes) -> SavedFile:
    if data.startswith(b"\x1f\x8b"):
        data = _unpacked(data)
    if len(data) > LIMIT:
        raise ParseError(f"it is larger than {LIMIT // 2**20} MB")
    if not data.strip():
        raise ParseError("it is empty")
    return _mhtml(data) if re.match(rb"[A-Za-z-]+:[ \t]", data) and b"multipart/related" in data[:4000] else _html(data)


def _unpacked(data: bytes) -> bytes:
    try:
        with gzip.open(io.BytesIO(data)) as file:
            return file.read(LIMIT + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ParseError(f"it cannot be unpacked: {error}") from error


def _html(data: bytes, kind: str | None = None) -> SavedFile:
    """A page, with the line that Chrome puts above it, or the one of the extension SingleFile."""
    if b"\0" in data[:1000] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ParseError("it is no text")
    page = html_to_unicode(kind, data)[1]
    if not re.search(r"<[a-z!/][^>]*>", page[:100_000], re.IGNORECASE):
        raise ParseError("it is no HTML")
    by_chrome, by_extension = _CHROME.search(page[:5000]), _SINGLE_FILE.search(page[:5000])
    if by_extension:
        return SavedFile(page, by_extension[1], epoch(datetime.strptime(by_extension[2], "%b %d %Y %H:%M:%S GMT%z")))
    return SavedFile(page, by_chrome[1] if by_chrome else "")


def _mhtml(data: bytes) -> SavedFile:
    """The page in an MHTML file, with what its head says (``Snapshot-Content-Location`` and ``Date``). RFC 2557."""
    message = email.message_from_bytes(data, policy=email.policy.compat32)
    url = str(message.get("Snapshot-Content-Location") or message.get("Content-Location") or "").strip()
    pages = [part for part in message.walk() if part.get_content_type() == "text/html"]
    own = next((part for part in pages if url and str(part.get("Content-Location", "")).strip() == url), pages[0] if pages else None)
    if own is None:
        raise ParseError("there is no page in it")
    found = _html(_body(own), str(own.get("Content-Type", "")))
    address = url or str(own.get("Content-Location") or "").strip()
    return SavedFile(found.page, address if address.startswith(("http://", "https://")) else "", _date(message))


def _body(part: Message) -> bytes:
    body = part.get_payload(decode=True)
    return body if isinstance(body, bytes) else b""


def _date(message: Message) -> int | None:
    try:
        return epoch(email.utils.parsedate_to_datetime(str(message["Date"])))
    except (TypeError, ValueError):
        return None


__all__ = ["SavedFile", "read_bytes", "read_file"]
