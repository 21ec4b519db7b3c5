"""Conference papers that mention each technology: the ratio chart and the table of the 2019 article, for any venue and year."""

from __future__ import annotations

import importlib
from typing import Any

from scheduler.web.look import Look
from scheduler.web.pages.render import embedded
from scheduler.web.pages.render import page as rendered
from scheduler.web.problems import Problem
from scheduler.web.question import Answer
from storage import frames
from trends import charts

METRIC = "papers.mentioning"


def page(look: Look) -> Answer:
    counted = frames.catalogue(look.connection, metric=METRIC, as_of=look.sequence)
    having = set(counted["topic"])
    baskets = [b for b in look.setting.baskets.values() if set(b.topics) & having]
    maker = _maker()
    if not baskets or maker is None:
        return rendered(look, "conferences.html.j2", title="Conference papers", found=None, baskets=[], basket=None, payload=None, years=[])
    basket = look.basket(look.args["basket"]) if look.args.get("basket") else max(baskets, key=lambda b: len(set(b.topics) & having))
    panel = look.panel(basket.topics, only=lambda s: s.family == "papers")
    titles = look.titles(basket.topics)
    rules = maker.rules_of(panel)
    rule = look.args.get("rule") or (rules[0] if rules else None)
    if rule not in rules:
        raise Problem(404, f"nothing was counted by {rule!r}; there are: {', '.join(rules)}")
    years = sorted({y.year for found in _all_years(maker, panel, titles, rule) for y in found})
    if len(years) < 2:
        return rendered(
            look, "conferences.html.j2", title="Conference papers", found=None, baskets=baskets, basket=basket, payload=None, years=years
        )
    start, end = look.args.get("from", years[-2]), look.args.get("to", years[-1])
    if start >= end:
        raise Problem(400, "from must be a year before to")
    found = maker.venues(panel, titles, start, end, rule)
    topics = [t for t in found.topics if any(t in y.share for ys in found.series.values() for y in ys)]
    topic = look.args.get("topic") or (topics[0] if topics else None)
    if topic is not None and topic not in titles:
        raise Problem(404, f"there is no topic {topic!r} in this basket")
    from scheduler.web.pages.ratios import ratio_spec

    drawing = ratio_spec(found.series, topic, titles[topic]) if topic is not None else None
    plain = None if drawing is None else {"spec": drawing, "modes": {}, "mode": "absolute", "domain": None}
    return rendered(
        look,
        "conferences.html.j2",
        title="Conference papers",
        found=found,
        baskets=baskets,
        basket=basket,
        rules=rules,
        years=years,
        topic=topic,
        topics=topics,
        titles=titles,
        payload=None if plain is None else embedded(plain | {"light": charts.config(), "dark": charts.config(dark=True)}),
    )


def _maker() -> Any | None:
    """What counts papers by venue and year; None where that is not there."""
    try:
        return importlib.import_module("trends.venues")
    except ModuleNotFoundError:
        return None


def _all_years(maker: Any, panel: Any, titles: dict[str, str], rule: str | None) -> list[Any]:
    groups = [g for g in panel.groups if g.metric.name == METRIC and (rule is None or dict(g.labels).get("rule", "") == rule)]
    return [maker.years_of(panel, group, titles) for group in groups]


__all__ = ["page"]
