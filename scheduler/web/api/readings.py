"""Summary, coverage, trace, digests."""

from __future__ import annotations

from dataclasses import replace

from scheduler.web import said
from scheduler.web.look import Look, unknown
from scheduler.web.question import Answer
from scheduler.web.shelf import PASSING
from storage.periods import read_time


def summary(look: Look) -> Answer:
    from trends.summary import summarise

    baskets = [look.basket(look.args["basket"])] if "basket" in look.args else list(look.setting.baskets.values())
    panel = look.panel([t for b in baskets for t in b.topics], since=look.recent())
    found = summarise(panel, baskets, look.setting.topics).to_dict()
    claims, wanted = said.claims(look), {b.key for b in baskets}
    made = {} if claims is None else {"claims": [of.to_dict() for of in claims.baskets if of.basket in wanted]}
    return look.json(found | {"sequence": look.known} | made)


def coverage(look: Look) -> Answer:
    from scheduler.status import status

    found = status(look.connection, look.setting.store, now=look.present, weeks=look.args["weeks"], as_of=look.sequence)
    return look.json(found.to_dict())


def trace(look: Look) -> Answer:
    from scheduler.trace import trace as follow

    series = look.series(look.args["series"])
    when = read_time(look.args["time"]) if "time" in look.args else None
    with unknown():
        found = follow(look.connection, look.keep, series, when, whole=True, as_of=look.sequence)
    return replace(look.json(found.document), headers=PASSING) if found.passing else look.json(found.document)


def digests(look: Look) -> Answer:
    return look.json({"digests": [d.to_dict() for d in said.digests(look)], "sequence": look.known})


__all__ = ["coverage", "digests", "summary", "trace"]
