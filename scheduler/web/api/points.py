"""Figures, a page at a time: as rows of JSON, as CSV, as Parquet."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from scheduler.web.api.lists import cursor_of
from scheduler.web.endpoints import API
from scheduler.web.look import Look
from scheduler.web.plain import number
from scheduler.web.question import Answer
from storage import exports, frames
from storage.lookups import find
from storage.model import Series
from storage.periods import iso

Page = list[tuple[Series, list[exports.Point]]]


def points(look: Look) -> Answer:
    look.check_range()
    args = look.args
    pinned, series_id, time = cursor_of(look)
    named = [look.series(name) for name in args["series"]] if "series" in args else None
    selection = exports.Selection(
        metric=args.get("metric"),
        topics=_topics(named, args.get("topic")),
        source=args.get("source"),
        since=look.start,
        until=min([t for t in (look.end, look.until) if t is not None], default=None),
        as_of=pinned,
        suspect=args["doubtful"] == "yes",
        series=named,
        after=None if series_id < 0 else (series_id, time),
        most=args["limit"] + 1,
    )
    page = list(exports.read(look.connection, selection))
    more = sum(len(found) for _, found in page) > args["limit"]
    if more:
        page[-1][1].pop()  # it was only asked for to see whether there is more
    page = [(series, found) for series, found in page if found]
    following = f"{pinned}.{find(look.connection, page[-1][0])}.{page[-1][1][-1].time}" if more else None
    return _FORMATS[args["format"]](look, page, following, pinned)


def _topics(named: Sequence[Series] | None, topics: Sequence[str] | None) -> list[str] | None:
    if named is None:
        return None if topics is None else list(topics)
    return [s.topic for s in named if topics is None or s.topic in topics]


def _json(look: Look, page: Page, following: str | None, pinned: int) -> Answer:
    meaning = frames.definitions(look.connection)
    rows: list[dict[str, Any]] = []
    for series, found in page:
        metric = meaning.of(series)
        head = {"series": str(series), "metric": series.metric, "topic": series.topic, "labels": dict(series.tags())}
        head |= {"source": series.source, "unit": metric.unit}
        rows += [head | _point(p) for p in found]
    return look.json({"points": rows, "next": following, "sequence": pinned})


def _point(p: exports.Point) -> dict[str, Any]:
    times = {"time": iso(p.time), "observed_at": iso(p.observed_at) or None}
    return times | {"value": number(p.value), "bound": p.bound_text, "citation": p.citation or None}


def _csv(look: Look, page: Page, following: str | None, pinned: int) -> Answer:
    out = io.StringIO()
    exports.write_csv(look.connection, out, pairs=page)
    return look.answer(out.getvalue(), "text/csv; charset=utf-8", _headers(look, following, pinned, "csv"))


def _parquet(look: Look, page: Page, following: str | None, pinned: int) -> Answer:
    out = io.BytesIO()
    exports.write_parquet(look.connection, out, pairs=page)
    return look.answer(out.getvalue(), "application/vnd.apache.parquet", _headers(look, following, pinned, "parquet"))


def _headers(look: Look, following: str | None, pinned: int, ending: str) -> dict[str, str]:
    headers = {"Content-Disposition": f'attachment; filename="uptake.{ending}"', "Uptake-Sequence": str(pinned)}
    if following is not None:
        query = urlencode({**look.args, "cursor": following}, doseq=True)
        headers["Link"] = f'<{API}/points?{query}>; rel="next"'
    return headers


_FORMATS = {"json": _json, "csv": _csv, "parquet": _parquet}

__all__ = ["points"]
