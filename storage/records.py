"""Rows of big files, a batch at a time: JSON (an array, or one object a line), the same gzipped, and Parquet.

Memory is bounded by the batch and the longest row, whatever the size of the file.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import zlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from storage.model import UsageError

BATCH = 16_384  # rows
_STEP = 1 << 20  # characters that are read at once
_LONGEST = 1 << 24  # characters of one row
_BETWEEN = re.compile(r"[\s,]*")
_PARQUET, _GZIP = b"PAR1", b"\x1f\x8b"


def columns_of(path: Path) -> list[str]:
    """Names of a file's columns; of JSON the keys of its first row. Raises `UsageError` for what is neither."""
    if _starts(path) == _PARQUET:
        with _parquet(path) as file:
            return [str(name) for name in file.schema_arrow.names]
    with closing(_objects(path)) as rows:
        return list(next(rows, {}))


def batches(path: Path, columns: Sequence[str]) -> Iterator[list[tuple[Any, ...]]]:
    """The values of these columns, row by row, in lists of at most `BATCH` rows; None where a row has no such column.

    Raises `UsageError` where the file cannot be read to its end: what was read by then must not be used.
    """
    if _starts(path) == _PARQUET:
        yield from _parquet_batches(path, columns)
        return
    batch: list[tuple[Any, ...]] = []
    for row in _objects(path):
        batch.append(tuple([row.get(name) for name in columns]))
        if len(batch) == BATCH:
            yield batch
            batch = []
    yield batch


def _starts(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(4)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error


def _parquet(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise _broken(path, f"its Parquet directory cannot be read ({_first_line(error)})") from error


def _parquet_batches(path: Path, columns: Sequence[str]) -> Iterator[list[tuple[Any, ...]]]:
    import pyarrow as pa

    with _parquet(path) as file:
        there = [name for name in columns if name in file.schema_arrow.names]
        try:
            for batch in file.iter_batches(batch_size=BATCH, columns=there):
                found = {name: batch.column(name).to_pylist() for name in there}
                nothing = [None] * batch.num_rows
                yield list(zip(*(found.get(name, nothing) for name in columns), strict=True))
        except (pa.ArrowException, OSError) as error:
            raise _broken(path, _first_line(error)) from error


def _objects(path: Path) -> Generator[dict[str, Any], None, None]:
    """The objects of a JSON file, one after the other."""
    with gzip.open(path, "rb") if _starts(path)[:2] == _GZIP else path.open("rb") as raw:
        try:
            with io.TextIOWrapper(raw, encoding="utf-8-sig") as text:
                yield from _decoded(path, text)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise _broken(path, f"its compressed data ends or is damaged ({error})") from error
        except UnicodeDecodeError as error:
            raise UsageError(f"{path} is neither Parquet nor JSON in UTF-8, nor that gzipped") from error


def _decoded(path: Path, file: io.TextIOWrapper) -> Iterator[dict[str, Any]]:
    decode = json.JSONDecoder().raw_decode
    text, rows = file.read(_STEP), 0
    at = _gap(text, 0)
    if text[at : at + 1] not in {"[", "{"}:
        raise UsageError(f"{path} is neither Parquet nor JSON (an array of objects, or one object a line), nor that gzipped")
    listed = text[at] == "["
    at += listed
    while True:
        at = _gap(text, at)
        if listed and text[at : at + 1] == "]":
            return
        trouble = ""
        if at < len(text):
            try:
                row, at = decode(text, at)
            except (json.JSONDecodeError, RecursionError) as error:
                trouble = str(error)
            else:
                if not isinstance(row, dict):
                    raise UsageError(f"{path}: row {rows + 1:,} is no object but {str(row)[:40]!r}")
                rows += 1
                yield row
                continue
        text, at = text[at:], 0
        more = file.read(max(_STEP, len(text))) if len(text) < _LONGEST else ""
        if more:
            text += more
        elif trouble:
            raise _broken(path, f"row {rows + 1:,} is no whole JSON object ({trouble})")
        elif listed:
            raise _broken(path, f"its list does not end after row {rows:,}")
        else:
            return


def _gap(text: str, at: int) -> int:
    found = _BETWEEN.match(text, at)
    return found.end() if found else at


def _broken(path: Path, what: str) -> UsageError:
    return UsageError(f"{path} is damaged or was cut off: {what}; fetch it again. Nothing of it was used")


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__


__all__ = ["BATCH", "batches", "columns_of"]
