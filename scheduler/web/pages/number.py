"""One figure and the page that it was read from, which is shown as text: nothing of it can run here."""

from __future__ import annotations

from scheduler.web.look import Look, unknown
from scheduler.web.pages.render import page as rendered
from scheduler.web.question import Answer
from storage.periods import read_time

BODY = 200_000  # characters of a response that are shown; the API gives all of them


def page(look: Look) -> Answer:
    from scheduler.trace import trace

    series = look.series(look.args["series"])
    when = read_time(look.args["time"]) if look.args.get("time") else None
    with unknown():
        found = trace(look.connection, look.captures, series, when, whole=True, as_of=look.sequence).document
        around = trace(look.connection, look.captures, series, when, as_of=look.sequence).document
    pages = [{**whole, "excerpt": near["excerpt"]} for whole, near in zip(found["pages"], around["pages"], strict=True)]
    return rendered(
        look,
        "number.html.j2",
        title="A number and where it is from",
        figure={**found, "pages": pages},
        series=series,
        topic=look.setting.topics.get(series.topic),
        limit=BODY,
    )


__all__ = ["page"]
