"""WARC files of raw responses: one a run and process, one gzip member a record, appended and read again.

WARC 1.1 (ISO 28500) by warcio. A record can be read by its offset; a torn tail can be cut off; a damaged record
costs only itself. A file that held people's data, or is old, is replaced by a reduced one (`scheduler.reducing`), which
says where everything lies now.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from scrapy.http import Headers, Request, Response
from scrapy.responsetypes import responsetypes
from warcio.archiveiterator import ArchiveIterator
from warcio.recordloader import ArcWarcRecord
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from crawlers.capture_names import reduced_name, successors
from storage.model import Capture, UptakeError

LEVEL = 6  # of compression; warcio's own 9 makes large bodies 2 % smaller and takes six times as long
NOT_MODIFIED = "http://netpreserve.org/warc/1.1/revisit/server-not-modified"
PEOPLE = "Uptake-People"  # heads of records: the response may name people
REDUCED = "Uptake-Reduced"  # the day on which it was cut down to the lines that gave the numbers
DIGEST = "Uptake-Body-SHA256"  # of a reduced one: of the body that it had


class CaptureDamagedError(UptakeError):
    """A record that should be there cannot be read."""


@dataclass(frozen=True, slots=True)
class Record:
    """A response as it lies in a file: the body as it came over the wire."""

    capture: Capture
    headers: list[tuple[str, str]]
    body: bytes
    request_body: bytes = b""
    refers_to: str = ""  # of an unchanged page: file@offset of the record that holds it
    reduced: str = ""  # the day on which its body was cut down, as ISO date; the capture's digest is the original's
    people: bool = False  # it may name people, or did

    def response(self, url: str) -> Response:
        """The response as Scrapy would have given it."""
        headers = Headers()
        for key, value in self.headers:
            headers.appendlist(key, value)
        cls = responsetypes.from_args(headers=headers, url=url, body=self.body)
        return cls(url=url, status=self.capture.status, headers=headers, body=self.body, protocol="HTTP/1.1")

    def text(self) -> str:
        """The body for a person to read: decompressed and decoded, never executed."""
        encoding = {k.lower(): v.lower() for k, v in self.headers}.get("content-encoding", "")
        body = self.body
        try:
            if encoding in {"gzip", "x-gzip"}:
                body = zlib.decompress(body, 31)
            elif encoding == "deflate":
                body = zlib.decompress(body)
        except zlib.error:
            return f"({len(body)} bytes that cannot be decompressed)"
        return body.decode("utf-8", "replace")


@dataclass(slots=True)
class Scan:
    """What a pass over a file found: whole records, and damaged stretches with what is wrong with them."""

    records: list[tuple[int, bytes]] = field(default_factory=list)  # offset, the record's bytes, decompressed
    damage: list[tuple[int, str]] = field(default_factory=list)
    torn_at: int | None = None  # the file ends in the middle of the record that starts here


def heading(member: bytes, name: str) -> str:
    """A line of a record's own head; empty where there is none. The record may be cut off behind its head."""
    for line in member[: member.find(b"\r\n\r\n")].split(b"\r\n"):
        key, _, value = line.partition(b":")
        if key.lower() == name.lower().encode():
            return value.strip().decode("utf-8", "replace")
    return ""


def scan(path: Path) -> Scan:
    """Read all gzip members of a file. A bad one is noted and passed over; an unfinished last one is *torn*."""
    found = Scan()
    data = path.read_bytes()
    offset = 0
    while offset < len(data):
        inflate = zlib.decompressobj(wbits=31)
        try:
            member = inflate.decompress(data[offset:])
        except zlib.error as error:
            found.damage.append((offset, str(error)))
            offset = _next_member(data, offset + 1)
            continue
        if not inflate.eof:
            later = _next_member(data, offset + 1)
            if later == len(data):
                found.torn_at = offset
                break
            found.damage.append((offset, "a record that does not end"))
            offset = later
            continue
        found.records.append((offset, member))
        offset = len(data) - len(inflate.unused_data)
    return found


def _next_member(data: bytes, start: int) -> int:
    """The next place that starts a gzip member holding a WARC record."""
    while (start := data.find(b"\x1f\x8b\x08", start)) != -1:
        try:
            if zlib.decompressobj(wbits=31).decompress(data[start : start + 512]).startswith(b"WARC/"):
                return start
        except zlib.error:
            pass
        start += 1
    return len(data)


def mend(path: Path) -> Scan:
    """Cut a torn tail off, so that nothing is ever appended behind it. What was whole stays as it was."""
    found = scan(path)
    if found.torn_at is not None:
        with path.open("r+b") as file:
            file.truncate(found.torn_at)
            os.fsync(file.fileno())
    return found


class CaptureWriter:
    """Appends responses to one run's own file. Opened at the first response.

    ``number``: the least that the file may bear; workers of several machines that go on with a run have numbers of their own,
    because the journal knows a response by its file's name.
    """

    def __init__(self, folder: Path, run: str, now: int, number: int = 1) -> None:
        month = datetime.fromtimestamp(now, UTC).strftime("%Y-%m")
        self._folder, self._stem, self.run = folder, f"{run.rpartition('-')[0] or run}/{month}/{run}", run
        self._number = number
        self._file: io.BufferedWriter | None = None
        self._name = ""
        self._unsynced = False

    def append(self, request: Request, response: Response, fingerprint: str, fetched_at: int, refers_to: Capture | None = None) -> Capture:
        """Write a response (and a request's body, if it has one). Flushed to the system when this returns.

        A body that begins with what the request's meta calls ``without_body`` is left out, with its digest in its place: that
        of a PDF, say, whose text is kept elsewhere.
        """
        file = self._open()
        headers = [(k.decode("latin-1"), v.decode("latin-1")) for k, values in response.headers.items() for v in values]
        warc = {
            "WARC-Date": datetime.fromtimestamp(fetched_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "Uptake-Run": self.run,
            "Uptake-Method": request.method,
            "Uptake-Fingerprint": fingerprint,
        }
        if request.meta.get("people") is True:
            warc[PEOPLE] = "1"
        body, digest = response.body, hashlib.sha256(response.body).hexdigest()
        if (sign := request.meta.get("without_body")) and sign in body[:1024]:
            body = b""
            warc |= {REDUCED: warc["WARC-Date"][:10], DIGEST: digest}
        if refers_to is not None:
            warc |= {"WARC-Profile": NOT_MODIFIED, "Uptake-Refers-To": f"{refers_to.file}@{refers_to.offset}"}
        plain = io.BytesIO()
        writer = WARCWriter(plain, gzip=False, warc_version="1.1")
        status = f"{response.status} {_phrase(response.status)}"
        record = writer.create_warc_record(
            request.url,
            "response" if refers_to is None else "revisit",
            payload=io.BytesIO(body),
            length=len(body),
            http_headers=StatusAndHeaders(status, headers, protocol="HTTP/1.1"),
            warc_headers_dict=warc,
        )
        writer.write_record(record)
        offset = file.tell()
        file.write(zlib.compress(plain.getbuffer(), LEVEL, wbits=31) + self._asked(request, record))
        file.flush()
        self._unsynced = True
        return Capture(
            run=self.run,
            file=self._name,
            offset=offset,
            url=request.url,
            method=request.method,
            status=response.status,
            fingerprint=fingerprint,
            fetched_at=fetched_at,
            content_type=(response.headers.get(b"Content-Type") or b"").decode("latin-1"),
            sha256=digest,
        )

    def _asked(self, request: Request, answer: ArcWarcRecord) -> bytes:
        """The record of a request that has a body; any other stands in the answer's own head."""
        if not request.body:
            return b""
        plain = io.BytesIO()
        writer = WARCWriter(plain, gzip=False, warc_version="1.1")
        parts = urlsplit(request.url)
        line = f"{request.method} {parts.path or '/'}{'?' + parts.query if parts.query else ''} HTTP/1.1"
        kind = (request.headers.get(b"Content-Type") or b"application/octet-stream").decode("latin-1")
        record = writer.create_warc_record(
            request.url,
            "request",
            payload=io.BytesIO(request.body),
            length=len(request.body),
            http_headers=StatusAndHeaders(line, [("Host", parts.netloc), ("Content-Type", kind)], is_http_request=True),
            warc_headers_dict={"WARC-Concurrent-To": answer.rec_headers.get_header("WARC-Record-ID")},
        )
        writer.write_record(record)
        return zlib.compress(plain.getbuffer(), LEVEL, wbits=31)

    def _open(self) -> io.BufferedWriter:
        if self._file is None:
            attempt = self._number
            path = self._folder / f"{self._stem}.{attempt}.warc.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            while path.exists():  # an earlier process's file is never appended to
                attempt += 1
                path = self._folder / f"{self._stem}.{attempt}.warc.gz"
            self._file = path.open("xb")
            self._name = str(path.relative_to(self._folder))
            plain = io.BytesIO()
            writer = WARCWriter(plain, gzip=False, warc_version="1.1")
            about = {"software": "Uptake", "format": "WARC File Format 1.1", "isPartOf": self.run}
            writer.write_record(writer.create_warcinfo_record(path.name, about))
            self._file.write(zlib.compress(plain.getbuffer(), LEVEL, wbits=31))
        return self._file

    def sync(self) -> None:
        """Have everything on the disk itself. Called before each commit that refers to it."""
        if self._file is not None and self._unsynced:
            self._unsynced = False
            os.fsync(self._file.fileno())

    def close(self) -> None:
        if self._file is not None:
            try:
                self.sync()
            finally:
                file, self._file = self._file, None
                with suppress(OSError):  # what is still in its buffer belongs to a response that could not be kept, and that was told
                    file.close()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def files_of(folder: Path, run: str) -> list[Path]:
    """The capture files of a run, in the order of its processes. One that is being reduced stands for itself until it is gone."""
    stem = run.rpartition("-")[0] or run
    found = set((folder / stem).glob(f"*/{run}.*.warc.gz"))
    found -= {path.with_name(reduced_name(path.name)) for path in found}
    return sorted(found, key=lambda p: int(p.name.removeprefix(f"{run}.").split(".")[0]))


def records(folder: Path, path: Path) -> Iterator[Record]:
    """All whole records of one file."""
    for offset, data in scan(path).records:
        for record in ArchiveIterator(io.BytesIO(data)):
            if record.rec_type in {"response", "revisit"}:
                yield _record(record, str(path.relative_to(folder)), offset)


def load(folder: Path, file: str, offset: int) -> Record:
    """One record by its place, or by its former one if the file was reduced. Raises `CaptureDamagedError` where none can be read."""
    path = folder / file
    try:
        with path.open("rb") as handle:
            handle.seek(offset)
            following = ArchiveIterator(handle)
            for record in following:
                found = _record(record, file, offset)
                return found if found.capture.method == "GET" else replace(found, request_body=_request_body(following))
    except FileNotFoundError as error:
        if moved := _moved(folder, file, offset):
            return load(folder, *moved)
        raise CaptureDamagedError(f"the raw response {file} is gone (captures are kept for a limited time)") from error
    except Exception as error:  # warcio and zlib raise many kinds on broken bytes
        raise CaptureDamagedError(f"the raw response at {file}@{offset} is damaged: {error}") from error
    raise CaptureDamagedError(f"there is no raw response at {file}@{offset}")


def _moved(folder: Path, file: str, offset: int) -> tuple[str, int] | None:
    """Where a record of a file that was reduced lies now; None where there is no such file."""
    for name in successors(file):
        path = folder / name
        moves = _moves(path).get(Path(file).name) if name != file and path.exists() else None
        if moves is not None and offset not in moves:
            raise CaptureDamagedError(f"the raw response was damaged when its file was reduced to {path.name}, and is not kept")
        if moves is not None:
            return name, moves[offset]
    return None


@lru_cache(maxsize=8)
def _moves(path: Path) -> dict[str, dict[int, int]]:
    """What a reduced file says of the files before it: their names, and where each of their records lies now."""
    return {heading(member, "WARC-Filename"): moves_in(member) for _, member in scan(path).records if is_directory(member)}


def is_directory(member: bytes) -> bool:
    """Whether a record is the one that says where the records of a former file lie now."""
    return heading(member, "WARC-Type") == "metadata"


def moves_in(member: bytes) -> dict[int, int]:
    return {int(was): now for was, now in json.loads(member[member.find(b"\r\n\r\n") :]).items()}


def _record(record: ArcWarcRecord, file: str, offset: int) -> Record:
    warc, http = record.rec_headers, record.http_headers
    body = record.raw_stream.read()
    headers = [(k, v) for k, v in (http.headers if http else [])]
    date = datetime.strptime(warc.get_header("WARC-Date"), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    capture = Capture(
        run=warc.get_header("Uptake-Run") or "",
        file=file,
        offset=offset,
        url=warc.get_header("WARC-Target-URI") or "",
        method=warc.get_header("Uptake-Method") or "GET",
        status=int(http.get_statuscode()) if http else 0,
        fingerprint=warc.get_header("Uptake-Fingerprint") or "",
        fetched_at=int(date.timestamp()),
        content_type=(http.get_header("Content-Type") if http else "") or "",
        sha256=warc.get_header(DIGEST) or hashlib.sha256(body).hexdigest(),
    )
    return Record(
        capture,
        headers,
        body,
        refers_to=warc.get_header("Uptake-Refers-To") or "",
        reduced=warc.get_header(REDUCED) or "",
        people=bool(warc.get_header(PEOPLE)),
    )


def _request_body(following: Iterator[ArcWarcRecord]) -> bytes:
    """The body of the request that stands behind an answer; empty where it was torn off."""
    try:
        record = next(following, None)
        return bytes(record.raw_stream.read()) if record is not None and record.rec_type == "request" else b""
    except Exception:  # the answer itself is whole, and that is what counts
        return b""
