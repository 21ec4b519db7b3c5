"""Small readings that the journal, the ledger and the frames share: sequences, series, a source's state."""

from __future__ import annotations

import json

from sqlalchemy import Connection, func, select

from storage import schema
from storage.model import Series

RENAMED = "renamed_seq"  # in the table meta: the sequence of the last renaming of a topic

READ_FROM = "read_from"  # likewise: the server whose copy this is; absent in a journal of its own

SELECT_SERIES = "SELECT id FROM series WHERE metric = ? AND version = ? AND origin = ? AND topic = ? AND labels = ?"

ALWAYS = 2**60  # a time after all others


def head(connection: Connection) -> int:
    """The largest sequence number, 0 for an empty journal."""
    return int(connection.scalar(select(func.max(schema.commits.c.seq))) or 0)


def read_from(connection: Connection) -> str:
    """The address of the server whose copy this is, empty for a journal: a copy knows no vintages and no reasons of gaps."""
    return str(connection.exec_driver_sql("SELECT value FROM meta WHERE key = ?", (READ_FROM,)).scalar() or "")


def series_key(series: Series) -> tuple[str, int, str, str, str]:
    """What identifies a series in its table: metric, version, origin, topic, labels."""
    return series.metric, series.version, series.origin, series.topic, json.dumps(dict(series.labels), ensure_ascii=False)


def find(connection: Connection, series: Series) -> int | None:
    """The id of a series, None if it has no row."""
    found = connection.exec_driver_sql(SELECT_SERIES, series_key(series)).scalar()
    return None if found is None else int(found)


def recall_text(connection: Connection, source: str, key: str, as_of: int | None = None) -> str | None:
    """The JSON text that a source remembered under a key, as of a sequence; None if there is none."""
    sql = "SELECT value FROM state WHERE source = ? AND key = ? AND seq <= ? ORDER BY seq DESC LIMIT 1"
    found = connection.exec_driver_sql(sql, (source, key, as_of if as_of is not None else 2**62)).scalar()
    return None if found is None else str(found)


def recall(connection: Connection, source: str, as_of: int | None = None) -> dict[str, object]:
    """All that a source remembered, as of a sequence (its last word on each key)."""
    rows = connection.exec_driver_sql(
        "SELECT s.key, s.value FROM state s JOIN (SELECT key, max(seq) AS seq FROM state WHERE source = ? AND seq <= ? GROUP BY key) last"
        " ON last.key = s.key AND last.seq = s.seq WHERE s.source = ?",
        (source, as_of if as_of is not None else 2**62, source),
    )
    remembered = {str(key): None if value is None else json.loads(value) for key, value in rows}
    return {key: value for key, value in remembered.items() if value is not None}


def series_of(row: object) -> Series:
    """A `Series` from a row of the series table."""
    labels = json.loads(row.labels)  # type: ignore[attr-defined]  # SQLAlchemy rows have their columns as attributes
    return Series(row.metric, row.topic, tuple(labels.items()), row.version, row.origin, row.source)  # type: ignore[attr-defined]
