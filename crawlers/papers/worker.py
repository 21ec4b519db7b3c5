"""A process that reads PDFs, one after the other, for `crawlers.papers.text`. Started by its path; imports nothing of ours.

What it reads may be broken or meant to break it: it limits its own memory, and whoever started it kills it when it takes too
long; an alarm does when that one has died. Standard input and output carry lengths (8 bytes, big-endian) and bytes: limits as
JSON once, then a PDF each; back come a head as JSON and the text, compressed (`pack`): the first page, a form feed, the whole.
"""

from __future__ import annotations

import io
import json
import resource
import signal
import struct
import sys
from collections.abc import Mapping
from typing import Any, BinaryIO

LEVEL = 3  # of compression, its library's own default
THIN = 200  # characters a page: fewer, and the other reader is asked too; if it finds no more, nothing was written there but pictures
SEVERAL = 300  # characters of several names in braces before one @
_BEFORE = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._%+-"
_DOMAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")


def read(data: bytes, limits: Mapping[str, int]) -> tuple[dict[str, Any], bytes]:
    """What became of a PDF (``state``, ``detail``, ``pages``), and its text."""
    if b"%PDF-" not in data[:1024]:
        return {"state": "not_a_pdf", "detail": "what came is no PDF"}, b""
    document, trouble = _open(data)
    if trouble == "encrypted":
        return {"state": "encrypted", "detail": "it asks for a password"}, b""
    pages = len(document) if document is not None else 0
    if pages > limits["pages"]:
        return {"state": "too_long", "detail": f"{pages} pages", "pages": pages}, b""
    text, failure = _fast(data)
    if failure == "encrypted" and document is None:
        return {"state": "encrypted", "detail": "it asks for a password"}, b""
    if document is not None and (failure or len(text) < THIN * pages):
        text = max(text, _thorough(document), key=len)
    elif failure:
        return {"state": "broken", "detail": failure}, b""
    if not text.strip() or len(text) < THIN * pages:
        return {"state": "scanned", "detail": f"{len(text.strip())} characters on {pages} pages", "pages": pages}, b""
    front = (_front(document) or _page(document, 0)) if document is not None else text[:6000]
    kept = f"{nameless(front)}\f{nameless(text)}".encode("utf-8", "replace")
    return {"state": "read", "detail": "", "pages": pages, "characters": len(text)}, pack(kept)


def pack(text: bytes) -> bytes:
    """Compressed by Zstandard: in less than half the time that zlib takes at its quickest, to a tenth less."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd.compress(text, LEVEL)


def _open(data: bytes) -> tuple[Any, str]:
    """The document as pypdfium2 sees it, else None and why."""
    import pypdfium2  # type: ignore[import-untyped]  # it has no types

    try:
        return pypdfium2.PdfDocument(data), ""
    except pypdfium2.PdfiumError as error:
        return None, "encrypted" if "password" in str(error).lower() else str(error)


def _fast(data: bytes) -> tuple[str, str]:
    """The text by pdf-inspector, else why not."""
    import pdf_inspector

    try:
        return pdf_inspector.extract_text_bytes(data).replace("\f", "\n"), ""
    except (MemoryError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of its Rust code is no Exception
        return "", "encrypted" if "encrypted" in str(error).lower() else f"{type(error).__name__}: {error}"[:200]


def _front(document: Any) -> str:
    """The first page by pdf-inspector, taken out into a document of its own: a third of the time that pypdfium2 needs to read it."""
    import pypdfium2

    try:
        alone, page = pypdfium2.PdfDocument.new(), io.BytesIO()
        alone.import_pages(document, [0])
        alone.save(page)
    except pypdfium2.PdfiumError:
        return ""
    return _fast(page.getvalue())[0]


def _thorough(document: Any) -> str:
    return "\n".join(_page(document, n) for n in range(len(document)))


def _page(document: Any, number: int) -> str:
    import pypdfium2

    try:
        return str(document[number].get_textpage().get_text_range()).replace("\r\n", "\n").replace("\f", "\n")
    except pypdfium2.PdfiumError:
        return ""


def nameless(text: str) -> str:
    """The text without the names before the @ of mail addresses: whose they are is not our business, the domain tells the employer."""
    parts = text.split("@")
    for n in range(len(parts) - 1):
        host = parts[n + 1][:64].split(".", 1)
        if len(host) == 2 and host[0] and _DOMAIN.issuperset(host[0]) and host[1][:1].isalpha():
            several = parts[n].rfind("{", -SEVERAL) if parts[n].endswith("}") else -1  # {anna, bert}@example.org
            parts[n] = parts[n][:several] if several >= 0 else parts[n].rstrip(_BEFORE)
    return "@".join(parts)


def _take(source: BinaryIO) -> bytes | None:
    head = source.read(8)
    return source.read(struct.unpack(">Q", head)[0]) if len(head) == 8 else None


def _give(target: BinaryIO, data: bytes) -> None:
    target.write(struct.pack(">Q", len(data)) + data)


def main() -> None:
    source, target = sys.stdin.buffer, sys.stdout.buffer
    limits = json.loads(_take(source) or b"{}")
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a service is stopped with all its processes: that is no fault of the document
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (limits["memory"], limits["memory"]))
    while (data := _take(source)) is not None:
        signal.alarm(limits["seconds"])
        try:
            head, text = read(data, limits)
        except MemoryError:
            head, text = {"state": "out_of_memory", "detail": "more memory than is allowed"}, b""
        signal.alarm(0)
        _give(target, json.dumps(head).encode())
        _give(target, text)
        target.flush()


if __name__ == "__main__":
    main()
