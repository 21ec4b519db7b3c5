"""A store of objects that answers in the shape of S3, with a log of what was asked and scripted faults.

Path style, as MinIO and Ceph are asked: PUT, GET with Range, HEAD, DELETE, ListObjectsV2, multipart uploads; ETag is the MD5.
Every request must bear a signature of the right key. https://docs.aws.amazon.com/AmazonS3/latest/API/
"""

from __future__ import annotations

import base64
import hashlib
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from scheduler.demo.servers.threaded import HttpServer, body_of

KEY, SECRET, BUCKET = "made-up-key", "made-up-secret", "responses"
DATE = formatdate(1_795_000_000, usegmt=True)
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}


@dataclass
class Asked:
    """One request as it came in, and what it was answered with."""

    method: str
    key: str  # without the bucket
    query: dict[str, str]
    headers: dict[str, str]
    received: int = 0  # bytes of its body
    status: int = 0
    sent: int = 0  # bytes of the answer's body

    @property
    def lists(self) -> bool:
        return "list-type" in self.query


@dataclass
class Fault:
    """What goes wrong for the next ``times`` requests that it concerns."""

    when: Callable[[Asked], bool] = lambda _: True
    times: int = 1
    status: int = 0  # an error with this status instead of an answer
    code: str = "SlowDown"
    cut: bool = False  # half of the answer's body, or of the request's, and the connection is gone
    garble: bool = False  # what is stored is one byte shorter than what came, as after a mistake in between
    wait: float = 0.0  # seconds before the answer
    gate: threading.Event | None = None  # it is answered when somebody opens this


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class S3(HttpServer):
    """Used as a context manager. ``objects`` is what it holds, by key."""

    def __init__(self) -> None:
        super().__init__()
        self.objects: dict[str, bytes] = {}
        self.etags: dict[str, str] = {}
        self.log: list[Asked] = []
        self.faults: list[Fault] = []
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.page = 1000  # keys of a listing's page
        self.encrypts = False  # then its ETag is no MD5
        self._lock = threading.Lock()

    def forget(self) -> Self:
        """As it was at first: for tests that share one, because a client of S3 takes a third of a second to be made."""
        self.__dict__.update(objects={}, etags={}, log=[], faults=[], uploads={}, page=1000, encrypts=False)
        return self

    def fail(self, when: Callable[[Asked], bool] = lambda _: True, **fields: object) -> Fault:
        self.faults.append(fault := Fault(when, **fields))  # type: ignore[arg-type]
        return fault

    def asked(self, method: str = "", part: str = "") -> list[Asked]:
        return [a for a in self.log if method in ("", a.method) and part in a.key]

    def handle(self, request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        bucket, _, key = unquote(parts.path).lstrip("/").partition("/")
        query = {k: v[-1] for k, v in parse_qs(parts.query, keep_blank_values=True).items()}
        asked = Asked(request.command, key, query, {k.lower(): v for k, v in request.headers.items()})
        with self._lock:
            self.log.append(asked)
            fault = next((f for f in self.faults if f.times > 0 and f.when(asked)), None)
            if fault is not None:
                fault.times -= 1
        length = int(request.headers.get("Content-Length") or 0)
        if fault is not None and fault.cut and length:
            request.rfile.read(length // 2)
            request.close_connection = True
            request.connection.close()
            return
        if request.headers.get("Expect"):
            request.send_response_only(100)
            request.end_headers()
        body = body_of(request)
        asked.received = len(body)
        if fault is not None and fault.gate is not None:
            fault.gate.wait(60)
        if fault is not None and fault.wait:
            time.sleep(fault.wait)
        with self._lock:
            found = self._reply(asked, bucket, body, fault)
        asked.status = found.status
        request.send_response(found.status)
        whole = b"" if request.command == "HEAD" else found.body
        cut = fault is not None and fault.cut
        for name, value in {"Content-Length": str(len(found.body)), **found.headers, "x-amz-request-id": "1"}.items():
            request.send_header(name, value)
        request.end_headers()
        sent = whole[: len(whole) // 2] if cut else whole
        asked.sent = len(sent)
        request.wfile.write(sent)
        if cut:
            request.close_connection = True

    def _reply(self, asked: Asked, bucket: str, body: bytes, fault: Fault | None) -> Answer:
        if fault is not None and fault.status:
            return _error(fault.status, fault.code)
        signed = re.match(r"AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/", asked.headers.get("authorization", ""))
        if signed is None:
            return _error(403, "AccessDenied")
        if signed[1] != KEY:
            return _error(403, "InvalidAccessKeyId")
        if bucket != BUCKET:
            return _error(404, "NoSuchBucket")
        if (digest := asked.headers.get("content-md5")) and base64.b64decode(digest) != hashlib.md5(body).digest():
            return _error(400, "BadDigest")
        if fault is not None and fault.garble:
            body = body[:-1]
        match asked.method:
            case "PUT" if "uploadId" in asked.query:
                return self._part(asked, body)
            case "PUT":
                return self._store(asked.key, body, hashlib.md5(body).hexdigest())
            case "POST":
                return self._multipart(asked)
            case "DELETE" if "uploadId" in asked.query:
                self.uploads.pop(asked.query["uploadId"], None)
                return Answer(204)
            case "DELETE":
                self.objects.pop(asked.key, None)
                return Answer(204)
            case _:
                return self._list(asked) if asked.lists else self._get(asked)

    def _store(self, key: str, body: bytes, etag: str) -> Answer:
        self.objects[key] = body
        self.etags[key] = hashlib.md5(b"salt" + body).hexdigest() if self.encrypts else etag
        return Answer(headers={"ETag": f'"{self.etags[key]}"'})

    def _part(self, asked: Asked, body: bytes) -> Answer:
        if asked.query["uploadId"] not in self.uploads:
            return _error(404, "NoSuchUpload")
        self.uploads[asked.query["uploadId"]][int(asked.query["partNumber"])] = body
        return Answer(headers={"ETag": f'"{hashlib.md5(body).hexdigest()}"'})

    def _multipart(self, asked: Asked) -> Answer:
        if "uploads" in asked.query:
            name = f"upload-{len(self.log)}"
            self.uploads[name] = {}
            about = f"<Bucket>{BUCKET}</Bucket><Key>{escape(asked.key)}</Key><UploadId>{name}</UploadId>"
            return _xml(f"<InitiateMultipartUploadResult>{about}</InitiateMultipartUploadResult>")
        parts = [body for _, body in sorted(self.uploads.pop(asked.query["uploadId"]).items())]
        etag = f"{hashlib.md5(b''.join(hashlib.md5(p).digest() for p in parts)).hexdigest()}-{len(parts)}"
        self._store(asked.key, b"".join(parts), etag)
        return _xml(f"<CompleteMultipartUploadResult><ETag>&quot;{etag}&quot;</ETag></CompleteMultipartUploadResult>")

    def _get(self, asked: Asked) -> Answer:
        if asked.key not in self.objects:
            return _error(404, "NoSuchKey")
        body = self.objects[asked.key]
        about = {"ETag": f'"{self.etags[asked.key]}"', "Last-Modified": DATE, "Accept-Ranges": "bytes", "Content-Type": "application/gzip"}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", asked.headers.get("range", ""))
        if wanted is None:
            return Answer(200, body, about)
        start, end = int(wanted[1]), min(int(wanted[2] or len(body)), len(body) - 1)
        if start >= len(body):
            return _error(416, "InvalidRange")
        return Answer(206, body[start : end + 1], {**about, "Content-Range": f"bytes {start}-{end}/{len(body)}"})

    def _list(self, asked: Asked) -> Answer:
        prefix, delimiter = asked.query.get("prefix", ""), asked.query.get("delimiter", "")
        after = asked.query.get("continuation-token", "")
        keys, folders, rest = [], dict[str, None](), ""
        for key in sorted(k for k in self.objects if k.startswith(prefix) and k > after):
            if delimiter and delimiter in key[len(prefix) :]:
                folders[prefix + key[len(prefix) :].partition(delimiter)[0] + delimiter] = None
                continue
            if len(keys) == min(self.page, int(asked.query.get("max-keys", self.page))):
                rest = keys[-1]
                break
            keys.append(key)
        contents = "".join(
            f"<Contents><Key>{escape(k)}</Key><LastModified>2026-11-18T00:00:00.000Z</LastModified><ETag>&quot;{self.etags[k]}&quot;</ETag>"
            f"<Size>{len(self.objects[k])}</Size><StorageClass>STANDARD</StorageClass></Contents>"
            for k in keys
        )
        contents += "".join(f"<CommonPrefixes><Prefix>{escape(f)}</Prefix></CommonPrefixes>" for f in folders)
        more = f"<IsTruncated>{'true' if rest else 'false'}</IsTruncated>"
        more += f"<NextContinuationToken>{escape(rest)}</NextContinuationToken>" if rest else ""
        about = f"<Name>{BUCKET}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(keys)}</KeyCount>"
        return _xml(f"<ListBucketResult>{about}{more}{contents}</ListBucketResult>")


def _xml(text: str) -> Answer:
    body = text.replace(">", ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/">', 1)
    return Answer(200, f'<?xml version="1.0" encoding="UTF-8"?>{body}'.encode(), {"Content-Type": "application/xml"})


def _error(status: int, code: str) -> Answer:
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>it was scripted</Message></Error>'
    return Answer(status, body.encode(), {"Content-Type": "application/xml"})
