"""A capture file with a few lines in place of pages that are not kept whole, all else as it was, and where it lies now."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from warcio.archiveiterator import ArchiveIterator
from warcio.recordloader import ArcWarcRecord
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from crawlers.warc import DIGEST, LEVEL, PEOPLE, REDUCED, Scan, heading, is_directory, moves_in, scan

_STEP = 16  # bytes that are read at once of a damaged record
_REACH = 4096  # bytes in which its head must end


@dataclass(frozen=True, slots=True)
class Survey:
    """What a file holds, by the places of its records."""

    whole: frozenset[int]
    people: tuple[int, ...]  # whole records of responses that may name people
    bodies: tuple[int, ...]  # whole records of responses that are not reduced yet, or may name people
    damage: tuple[tuple[int, str], ...]  # where something cannot be read, and what is wrong
    hidden: bool  # one of the damaged records says that it may name people
    since: int | None  # epoch seconds of the first response


def survey(path: Path) -> Survey:
    """Look through a file for what may be reduced."""
    found = scan(path)
    dates = [heading(member, "WARC-Date") for _, member in found.records if heading(member, "WARC-Type") in {"response", "revisit"}]
    damage = _damage(found)
    data = path.read_bytes() if damage else b""
    return Survey(
        whole=frozenset(offset for offset, _ in found.records),
        people=tuple(offset for offset, member in found.records if heading(member, PEOPLE)),
        bodies=tuple(
            offset
            for offset, member in found.records
            if not heading(member, REDUCED) and (heading(member, "WARC-Type") == "response" or heading(member, PEOPLE))
        ),
        damage=damage,
        hidden=any(heading(_head(data, offset), PEOPLE) for offset, _ in damage),
        since=min((int(datetime.fromisoformat(date).timestamp()) for date in dates), default=None),
    )


def _damage(found: Scan) -> tuple[tuple[int, str], ...]:
    return (*found.damage, *([] if found.torn_at is None else [(found.torn_at, "it does not end")]))


def _head(data: bytes, offset: int) -> bytes:
    """The head of a damaged record as far as it can be read, which is far enough if it ends."""
    inflate, head = zlib.decompressobj(wbits=31), b""
    for start in range(offset, min(len(data), offset + _REACH), _STEP):
        try:
            head += inflate.decompress(data[start : start + _STEP])
        except zlib.error:
            break
    return head + b"\r\n\r\n"


def rewrite(path: Path, target: Path, cut: Collection[int], kept: Mapping[int, Sequence[str]], day: str) -> dict[int, int]:
    """Write a file in which the records at the places ``cut`` hold only the ``kept`` lines. Gives the new place of each record.

    All others are copied byte for byte. Left out are damaged records, those to be cut that are not among ``kept``, and
    what was asked where the answer may name people. The last records say where everything lies now, by its place in the
    file before and in those before that. The target appears whole, on the disk, or not at all.
    """
    data, found = path.read_bytes(), scan(path)
    ends = sorted({*(offset for offset, _ in found.records), *(offset for offset, _ in _damage(found)), len(data)})
    after = dict(pairwise(ends))
    nameless = {heading(member, "WARC-Record-ID") for _, member in found.records if not heading(member, PEOPLE)}
    part = target.with_name(f"{target.name}.part")
    moves: dict[int, int] = {}
    former: dict[str, dict[int, int]] = {}
    with part.open("wb") as file:
        for offset, member in found.records:
            if is_directory(member):
                former[heading(member, "WARC-Filename")] = moves_in(member)
                continue
            if offset in cut:
                record = _reduced(member, kept[offset], day) if offset in kept else b""
            elif heading(member, "WARC-Type") == "request" and heading(member, "WARC-Concurrent-To") not in nameless:
                record = b""
            else:
                record = data[offset : after[offset]]
            if record:
                moves[offset] = file.tell()
                file.write(record)
        for name, places in former.items():
            file.write(_directory({was: moves[now] for was, now in places.items() if now in moves}, name))
        file.write(_directory(moves, path.name))
        file.flush()
        os.fsync(file.fileno())
    part.replace(target)
    settle(target.parent)
    return moves


def settle(folder: Path) -> None:
    """Have on the disk itself which files a folder holds."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reduced(member: bytes, lines: Sequence[str], day: str) -> bytes:
    """A record with its own head and these lines for a body. Of the response's head the status and the type are kept."""
    record = next(iter(ArchiveIterator(io.BytesIO(member))))
    http = record.http_headers
    own = {k: v for k, v in record.rec_headers.headers if k in {"WARC-Record-ID", "WARC-Date", "WARC-Profile"} or k.startswith("Uptake-")}
    kind = [(k, v) for k, v in http.headers if k.lower() == "content-type"]
    body = "\n".join(lines).encode("utf-8", "replace")
    writer = WARCWriter(io.BytesIO(), gzip=False, warc_version="1.1")
    return _member(
        writer.create_warc_record(
            record.rec_headers.get_header("WARC-Target-URI"),
            record.rec_type,
            payload=io.BytesIO(body),
            length=len(body),
            http_headers=StatusAndHeaders(http.statusline, kind, protocol=http.protocol),
            warc_headers_dict={**own, REDUCED: day, DIGEST: hashlib.sha256(record.raw_stream.read()).hexdigest()},
        )
    )


def _directory(moves: Mapping[int, int], was: str) -> bytes:
    """Where each record of the file before lies now: other files' records may refer to the places that were."""
    body = json.dumps(moves).encode()
    writer = WARCWriter(io.BytesIO(), gzip=False, warc_version="1.1")
    about, kind = {"WARC-Filename": was}, "application/json"
    return _member(writer.create_warc_record("", "metadata", io.BytesIO(body), len(body), kind, warc_headers_dict=about))


def _member(record: ArcWarcRecord) -> bytes:
    plain = io.BytesIO()
    WARCWriter(plain, gzip=False, warc_version="1.1").write_record(record)
    return zlib.compress(plain.getbuffer(), LEVEL, wbits=31)
