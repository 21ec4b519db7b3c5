"""Follows a number back to the page it was read from: captures, request, parser, revisions."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Connection

from crawlers.keep import Keep, keep_of
from crawlers.warc import CaptureAwayError, CaptureDamagedError, load
from scheduler.excerpt import excerpt
from storage import frames
from storage.lookups import find
from storage.model import Bound, Series, State, UsageError
from storage.periods import iso

EXCERPT = 1500  # characters of a response that are shown


@dataclass(frozen=True, slots=True)
class Trace:
    """One figure and where it came from, as plain data. ``passing``: a page could not be read just now, but may be later."""

    document: Mapping[str, Any]
    passing: bool = False

    def text(self) -> str:
        """For a person, in plain words."""
        d = self.document
        lines = [
            f"{d['series']} at {d['time']}: {d['value']}{_suffix(d)}",
            f"  counted as: {d['metric']['title']} ({d['metric']['unit']}); {d['metric']['note']}",
        ]
        if d["observed_at"]:
            lines.append(f"  seen {d['observed_at']}, parser version {d['parser'] or 'unknown'}")
        if d["citation"]:
            lines.append(f"  imported; published in: {d['citation']}")
        for page in d["pages"]:
            asked = f"{page['method']} {page['url']} answered {page['status']} at {page['fetched_at']}"
            lines.append(f"  page saved by hand: {page['url']}, seen {page['fetched_at']}" if page["method"] == "SAVED" else f"  {asked}")
            lines.append(f"    kept as {page['file']}, byte {page['offset']}, sha256 {page['sha256'][:16]}…")
            if page["request_body"]:
                lines.append(f"    request body: {page['request_body'][:300]}")
            if page["reduced"]:
                lines.append(f"    {page['reduced']['words']}")
            lines += [f"    |{line}" for line in page["excerpt"]]
        for r in d["revisions"]:
            lines.append(
                f"  before {r['replaced_at']} it was {r['value']}{_suffix(r)} (seen {r['observed_at'] or 'at a time not recorded'})"
            )
        return "\n".join(lines)


def _suffix(d: Mapping[str, Any]) -> str:
    words = {"at_least": " or more", "estimate": " (estimate)"}.get(d["bound"], "")
    return words + {"suspect": ", held as doubtful", "retracted": ", withdrawn"}.get(d["state"], "")


def trace(
    connection: Connection, kept: Path | Keep, series: Series, time: int | None = None, *, whole: bool = False, as_of: int | None = None
) -> Trace:
    """The figure of a series at a time (default: its newest), as known at a sequence. Raises `UsageError` where there is none."""
    keep, series_id = keep_of(kept), find(connection, series)
    if series_id is None:
        raise UsageError(f"there is no series {series}{_near(connection, series)}")
    points = frames.points(connection, [series_id], as_of=as_of)
    row = points.iloc[-1:] if time is None else points[points["time"] == time]
    if points.empty:
        raise UsageError(f"{series} has no figure yet; `uptake status` says why")
    if row.empty:
        around = ", ".join(iso(int(t)) for t in points.iloc[(points["time"] - (time or 0)).abs().argsort()[:3]]["time"])
        raise UsageError(f"{series} has no figure at {iso(time)}; near it are: {around}")
    point = row.iloc[0]
    when = int(point["time"])
    metric = frames.definitions(connection).of(series)
    ids = [] if pd.isna(point["evidence_id"]) else [int(point["evidence_id"])]
    found = frames.evidence(connection, ids)
    pages, citation, passing = [], "", False
    for entry in found.values():
        members = entry.get("members") or [entry]
        for member in members:  # type: ignore[attr-defined]  # a list of rows
            if member["kind"] == "citation":
                citation = member["text"]
            else:
                page, away = _page(keep, member, point["value"], whole=whole)
                pages.append(page)
                passing |= away
    cut = 2**62 if as_of is None else as_of
    sql = (
        "SELECT r.value, r.bound, r.state, r.observed_at, c.recorded_at FROM revisions r JOIN commits c ON c.seq = r.seq_to"
        " WHERE r.series_id = ? AND r.time = ? AND r.seq_to <= ? ORDER BY r.seq DESC"
    )
    revisions = [
        {
            "value": _number(value),
            "bound": Bound(bound).name.lower(),
            "state": State(state).name.lower(),
            "observed_at": iso(observed_at),
            "replaced_at": iso(replaced),
        }
        for value, bound, state, observed_at, replaced in connection.exec_driver_sql(sql, (series_id, when, cut))
    ]
    parser = connection.exec_driver_sql(
        "SELECT r.parser FROM commits c JOIN runs r ON r.id = c.run WHERE c.seq = ?", (int(point["seq"]),)
    ).scalar()
    return Trace(
        {
            "series": str(series),
            "time": iso(when),
            "value": _number(point["value"]),
            "bound": Bound(int(point["bound"])).name.lower(),
            "state": State(int(point["state"])).name.lower(),
            "observed_at": "" if pd.isna(point["observed_at"]) else iso(int(point["observed_at"])),
            "parser": parser,
            "metric": {
                "title": metric.title,
                "unit": metric.unit,
                "note": metric.note,
                "version": metric.version,
                "kind": str(metric.kind),
            },
            "citation": citation,
            "pages": pages,
            "revisions": revisions,
        },
        passing,
    )


def _near(connection: Connection, series: Series) -> str:
    """What may have been meant by the name of a series that is not there."""
    names = list(frames.catalogue(connection, metric=series.metric)["name"])
    if names:
        return f"; of this metric there are: {', '.join(difflib.get_close_matches(str(series), names, 5, 0) or names[:5])}"
    close = difflib.get_close_matches(str(series), frames.catalogue(connection)["name"], 3)
    return f"; did you mean {' or '.join(close)}?" if close else "; `uptake export` lists all"


def _page(keep: Keep, row: Mapping[str, Any], value: Any, *, whole: bool) -> tuple[dict[str, Any], bool]:
    """A response as plain data (all or the start of its body, the lines around the number), and whether it may be there later."""
    request_body, reduced, away = "", None, False
    try:
        record = load(keep, row["file"], row["offset"])
        body = record.text()
        request_body = record.request_body.decode("utf-8", "replace")
        intact = record.capture.sha256 == row["sha256"]
        shown = (
            body if whole or len(body) <= EXCERPT else f"{body[:EXCERPT]}\n… {len(body) - EXCERPT:,} more characters (--whole shows all)"
        )
        around = [f" {line}" for line in body.splitlines()] if whole else excerpt(body, _number(value))
        if record.reduced:
            shown, around = body, [f" {line}" for line in body.splitlines()]
            words = _reduced_words(record.reduced, row["sha256"], people=record.people, kept=bool(body))
            reduced = {"on": record.reduced, "words": words}
        if not intact:
            warning = "(this is not what was read: its checksum differs)"
            shown, around = f"{warning}\n{shown}", [f" {warning}", *around]
    except CaptureDamagedError as error:
        shown, around = f"({error})", [f" ({error})"]
        away = isinstance(error, CaptureAwayError)
    document = {
        "url": row["url"],
        "method": row["method"],
        "status": row["status"],
        "fetched_at": iso(row["fetched_at"]),
        "file": row["file"],
        "offset": row["offset"],
        "sha256": row["sha256"],
        "content_type": row["content_type"],
        "run": row["run"],
        "request_body": request_body,
        "reduced": reduced,
        "body": shown,
        "excerpt": around,
    }
    return document, away


def _reduced_words(day: str, digest: str, *, people: bool, kept: bool) -> str:
    """What became of a page that may name people, or is old."""
    why = "the page may name people" if people else "raw responses are kept whole for a limited time"
    rest = "the lines with the number, without names" if kept else "no line, as the number does not stand in it as it is"
    return f"reduced on {day}, because {why}: kept are the checksum of what was read, {digest}, and {rest}"


def _number(value: Any) -> float | int | None:
    if value is None or pd.isna(value):
        return None
    return int(value) if float(value).is_integer() else float(value)
