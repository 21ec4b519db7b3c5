"""Writes the WARC files of raw responses (`crawlers.warc` reads them): one a run and process, one gzip member a record."""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import zlib
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from scrapy.http import Request, Response
from warcio.recordloader import ArcWarcRecord
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from crawlers.capture_names import END, stem_of
from crawlers.keep import Keep, claim, keep_of
from crawlers.warc import DIGEST, LEVEL, NOT_MODIFIED, PEOPLE, REDUCED
from storage.model import Capture


class CaptureWriter:
    """Appends responses to one run's own file. Opened at the first response."""

    def __init__(self, place: Path | Keep, run: str, now: int, *, first: int = 1) -> None:
        self._keep, self._stem, self.run, self._first = keep_of(place), stem_of(run, now), run, first
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
            path = self._path()
            path.parent.mkdir(parents=True, exist_ok=True)
            if self._keep.address is None:
                self._file = path.open("xb")
            else:  # it gets its name when it is claimed, so that nobody takes it for one that nobody writes
                part = path.with_name(f"{path.name}.part")
                self._file = part.open("xb")
                claim(self._file)
                part.rename(path)
            self._name = str(path.relative_to(self._keep.folder))
            plain = io.BytesIO()
            writer = WARCWriter(plain, gzip=False, warc_version="1.1")
            about = {"software": "Uptake", "format": "WARC File Format 1.1", "isPartOf": self.run}
            writer.write_record(writer.create_warcinfo_record(path.name, about))
            self._file.write(zlib.compress(plain.getbuffer(), LEVEL, wbits=31))
        return self._file

    def _path(self) -> Path:
        """Where to write: an earlier process's file is never appended to."""
        mark = "" if self._keep.address is None else f"-{secrets.token_hex(4)}"  # others' files may not be seen from here
        number = self._first
        while (path := self._keep.folder / f"{self._stem}.{number}{mark}{END}").exists():
            number += 1
        return path

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
