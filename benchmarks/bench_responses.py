"""Responses in a store of objects: reading one number's page, and bringing files there, against the folder and a bare PUT.

    python -m benchmarks.bench_responses [--pages 50] [--bytes 200000000]

The store is the tests' own (`tests.fakes.s3`), on this machine: what a network adds is not in the figures, requests and bytes are.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import random
import shutil
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scrapy.http import Request, TextResponse

from benchmarks import Row
from crawlers.keep import Keep
from crawlers.object_store import store_at
from crawlers.uploads import bring_all
from crawlers.warc import load
from crawlers.warc_writer import CaptureWriter
from storage.model import Capture
from tests.fakes.keeper import elsewhere
from tests.fakes.s3 import BUCKET, ENVIRONMENT, KEY, S3

NOW = 1_795_000_000
PAGE = 30_000  # bytes
NEED = [Row("responses in a store of objects", "", note="the extra `cluster` is not installed")]


@contextmanager
def _store() -> Iterator[tuple[S3, Keep]]:
    os.environ.update(ENVIRONMENT)
    with tempfile.TemporaryDirectory() as folder, S3() as s3:
        yield s3, elsewhere(Path(folder), s3.url)


def _written(keep: Keep, run: str, pages: int, size: int = PAGE) -> list[Capture]:
    dice, writer, found = random.Random(run), CaptureWriter(keep, run, NOW), []
    for n in range(pages):
        url = f"http://toys.example.org/{n}"
        found.append(writer.append(Request(url), TextResponse(url, body=dice.randbytes(size)), f"{n}", NOW))
    writer.close()
    return found


def _milliseconds(captures: list[Capture], read: Callable[[Capture], object], rounds: int) -> float:
    best = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        for capture in captures:
            read(capture)
        best = min(best, (time.perf_counter() - started) / len(captures) * 1000)
    return best


def reading(pages: int = 50, rounds: int = 5) -> list[Row]:
    """One page of a file of 30 MB: from the folder, and from the store with nothing of it here."""
    if importlib.util.find_spec("s3fs") is None:
        return NEED
    with _store() as (s3, keep):
        captures = _written(keep, "toy-1", 1000)
        asked = random.Random(1).sample(captures, pages)
        here = _milliseconds(asked, lambda c: load(keep, c.file, c.offset), rounds)
        bring_all(keep, keep.folder / "locks")
        shutil.rmtree(keep.copies)
        assert keep.address is not None
        objects = store_at(keep.address)
        s3.log.clear()

        def there(capture: Capture) -> None:
            objects.forget()
            load(keep, capture.file, capture.offset)

        away = _milliseconds(asked, there, rounds)
        requests, received = len(s3.log) / len(asked) / rounds, sum(a.sent for a in s3.log) / len(asked) / rounds
        size = sum(map(len, s3.objects.values()))
    note = f"of a file of {size / 1e6:.0f} MB; {requests:.0f} request and {received / 1000:.0f} kB a page; against the file in the folder"
    return [Row("One response from a store of objects", f"{away:.1f} ms", f"{here:.1f} ms", here / away, note=note)]


def bringing(size: int = 200_000_000) -> list[Row]:
    """A large run's file in parts, with all that makes sure that it is there, and many small ones."""
    if importlib.util.find_spec("s3fs") is None:
        return NEED
    with _store() as (s3, keep):
        _written(keep, "toy-1", 1, 1000)
        bring_all(keep, keep.folder / "locks")  # the client is made
        _written(keep, "toy-2", size // 2_000_000, 2_000_000)
        (file,) = keep.waiting()
        data = (keep.folder / file).read_bytes()
        started = time.perf_counter()
        assert bring_all(keep, keep.folder / "locks").trouble == ""
        ours = len(data) / (time.perf_counter() - started) / 1e6
        head = {"Authorization": f"AWS4-HMAC-SHA256 Credential={KEY}/20261118/us-east-1/s3/aws4_request"}
        started = time.perf_counter()
        urllib.request.urlopen(urllib.request.Request(f"{s3.url}/{BUCKET}/bare", data=data, headers=head, method="PUT")).read()
        bare = len(data) / (time.perf_counter() - started) / 1e6
        rows = [
            Row(
                "A run's responses to a store of objects",
                f"{ours:.0f} MB/s",
                f"{bare:.0f} MB/s",
                ours / bare,
                note=f"{len(data) / 1e6:.0f} MB in parts of 16 MB, its checksum compared; against one bare PUT",
            )
        ]
        for n in range(100):
            _written(keep, f"toy-{n + 10}", 1, PAGE)
        s3.log.clear()
        started = time.perf_counter()
        bring_all(keep, keep.folder / "locks")
        seconds = time.perf_counter() - started
        rows.append(
            Row("… small files of small runs", f"{100 / seconds:.0f} files/s", note=f"30 kB each, {len(s3.log) / 100:.0f} requests")
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=50)
    parser.add_argument("--bytes", type=int, default=200_000_000)
    options = parser.parse_args()
    for row in (*reading(options.pages), *bringing(options.bytes)):
        print(row)


if __name__ == "__main__":
    main()
