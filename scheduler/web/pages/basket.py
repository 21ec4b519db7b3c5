"""Compare the topics of a basket: by what is counted and where, in a scale, over a range. The address is the view."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from scheduler.web.charting import Drawn, drawn, key_of
from scheduler.web.look import Look
from scheduler.web.pages.render import page as rendered
from scheduler.web.pages.render import payload
from scheduler.web.problems import Problem
from scheduler.web.question import Answer
from storage import frames
from storage.periods import DAY, day
from trends import wording
from trends.panel import comparable

SCALES = (("absolute", "Count"), ("share", "Share"), ("indexed", "Index"), ("log", "Log"))
SILENT = 90 * DAY  # after which a series is offered after those that speak
SPANS = (("1 year", 366), ("3 years", 3 * 366), ("All", None))


@dataclass(frozen=True, slots=True)
class Choice:
    """What can be drawn: the series' key, its title, how many topics have it."""

    key: str
    title: str
    count: int


def choices(look: Look, topics: list[str]) -> dict[str, list[Choice]]:
    """By the metric's title; first what most topics have, what still speaks, and what reaches back furthest."""
    table = frames.catalogue(look.connection, topics=topics, as_of=look.sequence)
    meaning = frames.definitions(look.connection)
    held: dict[str, set[str]] = defaultdict(set)
    titles: dict[str, tuple[str, str]] = {}
    spans: dict[str, tuple[int, int]] = {}
    for series_id, series in zip(table["id"].tolist(), table["series"].tolist(), strict=True):
        metric = meaning.of(series)
        span = _span(look, series_id)
        if not metric.compared or dict(series.labels).get("period") or span is None:
            continue
        key = key_of(series)
        held[key].add(series.topic)
        titles[key] = (metric.title, wording.title_of(metric, comparable(series.labels)))
        known = spans.get(key, span)
        spans[key] = (min(known[0], span[0]), max(known[1], span[1]))
    found: dict[str, list[Choice]] = defaultdict(list)
    for key in sorted(held, key=lambda k: (-len(held[k]), look.present - spans[k][1] > SILENT, spans[k][0], titles[k])):
        family, title = titles[key]
        found[family].append(Choice(key, title, len(held[key])))
    return dict(found)


def _span(look: Look, series_id: int) -> tuple[int, int] | None:
    """The first and the last time of a series; two look-ups, however many points it has."""
    sql = "SELECT (SELECT min(time) FROM points WHERE series_id = ?), (SELECT max(time) FROM points WHERE series_id = ?)"
    first, last = look.connection.exec_driver_sql(sql, (series_id, series_id)).one()
    return None if first is None else (int(first), int(last))


def page(look: Look) -> Answer:
    basket = look.basket(look.args["basket"])
    topics = list(basket.topics)
    offered = choices(look, topics)
    every = [c for group in offered.values() for c in group]
    key = look.args.get("series") or (every[0].key if every else None)
    asked = [t for t in topics if t in look.args.get("topic", topics)]
    if not asked:
        raise Problem(404, f"the basket {basket.title!r} has none of these topics")
    found: Drawn | None = None
    if key is not None:
        key = str(look.series(key))
        if key not in {c.key for c in every}:
            raise Problem(404, f"nothing of this basket is counted as {key}")
        found = drawn(look, topics, key, asked)
    scale = look.args.get("scale", "absolute")
    names = {} if found is None else {(s.topic, line.imported): str(s) for t in topics for line in found.group.of(t) for s in [line.series]}
    return rendered(
        look,
        "basket.html.j2",
        title=basket.title,
        basket=basket,
        titles=look.titles(topics),
        asked=asked,
        choices=offered,
        key=key,
        found=found,
        scale=scale,
        scales=SCALES,
        spans=[(words, None if days is None else day(look.present - days * DAY)) for words, days in SPANS],
        colours={topic: i % 12 for i, topic in enumerate(topics)},
        payload=payload(found.data, found.mode) if found else None,
        picture=_picture(look, found),
        names=names,
        series=[name for (topic, _), name in names.items() if topic in asked],
    )


def _picture(look: Look, found: Drawn | None) -> dict[str, object] | None:
    """The parts of the chart's stable address."""
    if found is None or found.data is None:
        return None
    kept = {name: look.args[name] for name in ("scale", "from", "to", "base", "topic", "as_of") if name in look.args}
    if look.args.get("events") == "off":
        kept["events"] = "off"
    labels = ";".join(f"{k}={v}" for k, v in found.group.labels)
    version = found.group.metric.version
    return kept | {"labels": labels, "version": None if version == 1 else version}


__all__ = ["choices", "page"]
