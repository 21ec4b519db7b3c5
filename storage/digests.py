"""Digests as they were made: what was found, what was said, and from which knowledge, config and program.

They are the memory of the next digest, and what ``uptake digest --verify`` holds a recomputation against.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from sqlalchemy import Connection, insert, select

from storage import schema
from storage.journal import Transaction

TABLE = schema.digests
DIGEST = "digest"
ALERT = "alert"


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored digest of one basket. ``present`` is epoch seconds; claims and document are plain JSON values."""

    id: int
    kind: str
    basket: str
    period: str
    present: int
    sequence: int
    config_id: int | None
    program: str
    claims: tuple[Mapping[str, Any], ...]
    document: Mapping[str, Any]


def keep(
    tx: Transaction,
    kind: str,
    basket: str,
    period: str,
    *,
    present: int,
    sequence: int,
    config_id: int | None,
    program: str,
    claims: Sequence[Mapping[str, Any]],
    document: Mapping[str, Any],
) -> Kept:
    """Store a digest. One that is there for its kind, basket and period stands, and is given back."""
    there = find(tx.connection, kind, basket, period)
    if there is not None:
        return there
    row = tx.connection.execute(
        insert(TABLE)
        .values(
            kind=kind,
            basket=basket,
            period=period,
            present=present,
            sequence=sequence,
            config_id=config_id,
            program=program,
            claims=_json(claims),
            document=_json(document),
            seq=tx.seq,
        )
        .returning(TABLE)
    ).one()
    return _kept(row)


def plain(value: Any) -> Any:
    """A value as JSON gives it back: tuples are lists, numbers of numpy are floats, what is no number is null."""
    return json.loads(_json(_finite(value)))


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(v) for key, v in value.items()}
    return [_finite(v) for v in value] if isinstance(value, list | tuple) else value


def _json(value: object) -> str:
    return json.dumps(_finite(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=float)


def find(connection: Connection, kind: str, basket: str, period: str) -> Kept | None:
    columns = TABLE.c
    row = connection.execute(select(TABLE).where(columns.kind == kind, columns.basket == basket, columns.period == period)).first()
    return None if row is None else _kept(row)


def get(connection: Connection, key: int) -> Kept | None:
    row = connection.execute(select(TABLE).where(TABLE.c.id == key)).first()
    return None if row is None else _kept(row)


def listed(connection: Connection, *, basket: str | None = None, before: int | None = None, newest: int | None = None) -> list[Kept]:
    """Stored digests and alerts, oldest first; ``before``: only those with a smaller id; ``newest``: only so many of the last."""
    query = select(TABLE).order_by(TABLE.c.id.desc())
    if basket is not None:
        query = query.where(TABLE.c.basket == basket)
    if before is not None:
        query = query.where(TABLE.c.id < before)
    if newest is not None:
        query = query.limit(newest)
    return [_kept(row) for row in connection.execute(query)][::-1]


def noted_at(connection: Connection, kept: Kept) -> int:
    """The sequence of the transaction in which a digest was kept."""
    return int(connection.execute(select(TABLE.c.seq).where(TABLE.c.id == kept.id)).scalar_one())


def config_of(connection: Connection, kept: Kept) -> dict[str, Any] | None:
    """The configuration that a digest was made with, as parsed TOML; None if it was not kept."""
    text = connection.scalar(select(schema.configs.c.text).where(schema.configs.c.id == kept.config_id))
    return None if text is None else dict(json.loads(text))


def _kept(row) -> Kept:  # type: ignore[no-untyped-def]  # a row of `digests`
    return Kept(
        row.id,
        row.kind,
        row.basket,
        row.period,
        row.present,
        row.sequence,
        row.config_id,
        row.program,
        tuple(json.loads(row.claims)),
        json.loads(row.document),
    )
