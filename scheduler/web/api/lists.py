"""Topics, baskets, sources, series."""

from __future__ import annotations

from typing import Any

from scheduler.web.look import Look
from scheduler.web.question import Answer, Setting
from storage import frames
from storage.model import Cadence, Series, Topic
from storage.periods import WEEK, floor, iso

RECENT = 60 * WEEK


def topics(look: Look) -> Answer:
    configured = look.configured
    return look.json({"topics": [_topic(t, configured) for t in configured.topics.values()], "sequence": look.known})


def _topic(topic: Topic, configured: Setting) -> dict[str, Any]:
    held = [b.key for b in configured.baskets.values() if topic.key in b.topics]
    return {"key": topic.key, "title": topic.title, "names": dict(topic.names), "formerly": list(topic.formerly), "baskets": held}


def topic(look: Look) -> Answer:
    asked = look.topic(look.args["key"])
    table = frames.catalogue(look.connection, topics=[asked.key], as_of=look.sequence)
    meaning = frames.definitions(look.connection)
    configured = look.configured
    then = configured.topics.get(asked.key, asked)
    return look.json(_topic(then, configured) | {"series": [series_document(s, meaning) for s in table["series"]], "sequence": look.known})


def baskets(look: Look) -> Answer:
    listed = [{"key": b.key, "title": b.title, "topics": list(b.topics)} for b in look.configured.baskets.values()]
    return look.json({"baskets": listed, "sequence": look.known})


def sources(look: Look) -> Answer:
    left = {} if look.sequence is not None else look.question.live.get("left", {})
    seen = newest(look)
    listed = []
    for source in look.configured.sources:
        last, count = seen.get(str(source["name"]), (None, 0))
        listed.append({**source, "requests_left": left.get(source["name"]), "newest": iso(last) or None, "series": count})
    return look.json({"sources": listed, "sequence": look.known})


def newest(look: Look) -> dict[str, tuple[int | None, int]]:
    """By source: when its newest figure of the last 60 weeks was seen (epoch s), and how many series had any."""
    since, cut = floor(look.present, Cadence.WEEK) - RECENT, 2**62 if look.sequence is None else look.sequence
    sql = (
        "SELECT s.source, max(k.observed_at), count(DISTINCT s.id) FROM series s JOIN ("
        "SELECT series_id, observed_at FROM points WHERE time >= ?1 AND state = 0 AND seq <= ?2"
        " UNION ALL SELECT series_id, observed_at FROM revisions WHERE time >= ?1 AND state = 0 AND seq <= ?2 AND seq_to > ?2"
        ") k ON k.series_id = s.id WHERE s.origin = 'measured' GROUP BY s.source"
    )
    return {str(name): (last, int(count)) for name, last, count in look.connection.exec_driver_sql(sql, (since, cut))}


def series_document(series: Series, meaning: frames.Definitions) -> dict[str, Any]:
    metric = meaning.of(series)
    return {
        "name": str(series),
        "metric": series.metric,
        "version": series.version,
        "origin": series.origin,
        "topic": series.topic,
        "labels": dict(series.labels),
        "source": series.source,
        "title": metric.title,
        "unit": metric.unit,
        "kind": str(metric.kind),
        "cadence": str(metric.cadence),
        "note": metric.note,
    }


def series(look: Look) -> Answer:
    """One page of series in order of their ids; the cursor pins the sequence, so that all pages are of one moment."""
    pinned, after, _ = cursor_of(look)
    args = look.args
    table = frames.catalogue(look.connection, metric=args.get("metric"), topics=args.get("topic"), as_of=pinned)
    pairs = sorted(zip(table["id"].tolist(), table["series"].tolist(), strict=True), key=lambda pair: pair[0])
    wanted = [(i, s) for i, s in pairs if i > after and args.get("source") in {None, s.source}]
    shown = wanted[: args["limit"]]
    meaning = frames.definitions(look.connection)
    following = f"{pinned}.{shown[-1][0]}.0" if len(wanted) > len(shown) else None
    return look.json({"series": [series_document(s, meaning) for _, s in shown], "next": following, "sequence": pinned})


def cursor_of(look: Look) -> tuple[int, int, int]:
    """The sequence that pages rest on, and the series' id and time that the page before ended with."""
    if "cursor" not in look.args:
        return look.known, -1, 0
    sequence, series_id, time = (int(part) for part in look.args["cursor"].split("."))
    return min(sequence, look.known), series_id, time


__all__ = ["baskets", "cursor_of", "series", "series_document", "sources", "topic", "topics"]
