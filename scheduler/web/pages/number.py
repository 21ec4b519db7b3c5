"""One figure and the page that it was read from, which is shown as text: nothing of it can run here."""

from __future__ import annotations

from dataclasses import replace

from scheduler.web.look import Look, unknown
from scheduler.web.pages.render import page as rendered
from scheduler.web.question import Answer
from scheduler.web.shelf import PASSING
from storage.periods import read_time

BODY = 200_000  # characters of a response that are shown; the API gives all of them


def page(look: Look) -> Answer:
    from scheduler.trace import trace

    series = look.series(look.args["series"])
    when = read_time(look.args["time"]) if look.args.get("time") else None
    with unknown():
        found = trace(look.connection, look.keep, series, when, whole=True, as_of=look.sequence)
        around = trace(look.connection, look.keep, series, when, as_of=look.sequence).document
    pages = [{**whole, "excerpt": near["excerpt"]} for whole, near in zip(found.document["pages"], around["pages"], strict=True)]
    made = rendered(
        look,
        "number.html.j2",
        title="A number and where it is from",
        figure={**found.document, "pages": pages},
        series=series,
        topic=look.setting.topics.get(series.topic),
        limit=BODY,
    )
    return replace(made, headers=PASSING) if found.passing else made


__all__ = ["page"]
